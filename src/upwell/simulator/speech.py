"""How a simulated device of each vendor logs in, reports and reads what it is told.

A speech is words only: it holds no connection and no behaviour, and shares no line with the server. It is strict where
the vendor's own SDK is: a push that a real device would misread is a WireError.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any, Protocol

from upwell.simulator.wire import DeviceIdentity, Offer, WireError

ALIBABA_TIMESTAMP = "2524608000000"  # alibaba 6.1: the C SDKs' constant, in the year 2050.

TUYA_PACKET_MAX = 4096  # bytes; tuya 4.1: the C SDK's buffer, header included.
TUYA_KEY_SIZE = 16  # bytes of the secret that it signs its login with.
TUYA_TIMESTAMP = 1_700_000_000  # tuya 4.1: computed once and sent at every reconnect.
TUYA_WORDS_MAX = 20  # tuya 4.6: characters of an errorMsg.
INT_MAX = 2**31 - 1

HUAWEI_HOUR = "2026010100"  # huawei 5.1: any hour does for a device whose clock is not looked at.
HUAWEI_URL = re.compile(r"https?://[^/:]{1,49}:[0-9]{1,5}/[^?]*\?.")  # huawei 5.7: C
HUAWEI_EVENTS = ("firmware_upgrade", "software_upgrade", "firmware_upgrade_v2", "software_upgrade_v2")
HUAWEI_SIGN = re.compile(r"[0-9a-f]{64}")

# huawei 5.5: what comes nearest to the script's steps.
HUAWEI_CODES = {-1: 10, -2: 6, -3: 7, -4: 255}

# tuya 4.6: what comes nearest to the script's steps.
TUYA_CODES = {-1: 46, -2: 42, -3: 45, -4: 47}


class Speech(Protocol):
    """One vendor's words."""

    def login(self, me: DeviceIdentity) -> tuple[str, str, str]:
        """ClientId, Username and Password."""

    def subscription(self, me: DeviceIdentity) -> str | None:
        """The one filter that it subscribes to before anything else; None for a device that subscribes to nothing."""
        return None

    def inform(self, me: DeviceIdentity, version: str, number: int, now_s: int) -> tuple[str, bytes]:
        """The report of the version that it runs. `number` counts the messages of a boot."""

    def step(self, me: DeviceIdentity, step: int, desc: str, number: int, now_s: int) -> tuple[str, bytes]:
        """The report of progress, or of a failure by a negative step."""

    def push_topic(self, me: DeviceIdentity) -> str:
        """Where it is told of an upgrade."""

    def asks(self, me: DeviceIdentity, payload: bytes) -> bool:
        """Whether a push asks for the version instead of offering one."""
        return False

    def offer(self, me: DeviceIdentity, payload: bytes) -> Offer:
        """What a push says. Raises WireError."""


class Alibaba(Speech):
    """A device on Alibaba's C SDK. It never subscribes (alibaba 6.2)."""

    def login(self, me: DeviceIdentity) -> tuple[str, str, str]:
        """As the C SDK 4.1.0 sends them over plain TCP (alibaba 6.1)."""
        pk, dn = me.product_key, me.device_name
        content = f"clientId{pk}.{dn}deviceName{dn}productKey{pk}timestamp{ALIBABA_TIMESTAMP}"
        password = hmac.new(me.device_secret.encode(), content.encode(), hashlib.sha256).hexdigest().upper()
        pairs = f"timestamp={ALIBABA_TIMESTAMP},_ss=1,_v=sdk-c-4.1.0,securemode=3,signmethod=hmacsha256,ext=3,"
        return f"{pk}.{dn}|{pairs}|", f"{dn}&{pk}", password

    def inform(self, me: DeviceIdentity, version: str, number: int, now_s: int) -> tuple[str, bytes]:
        """alibaba 6.4."""
        return self._framed(me, "inform", {"version": version}, number)

    def step(self, me: DeviceIdentity, step: int, desc: str, number: int, now_s: int) -> tuple[str, bytes]:
        """alibaba 6.4."""
        return self._framed(me, "progress", {"step": str(step), "desc": desc}, number)

    def push_topic(self, me: DeviceIdentity) -> str:
        """alibaba 6.3, T2."""
        return f"/ota/device/upgrade/{me.product_key}/{me.device_name}"

    def offer(self, me: DeviceIdentity, payload: bytes) -> Offer:
        """Refuses each of the forms that some real SDK drops (alibaba 6.5)."""
        try:
            push = json.loads(payload)
            data = push["data"]
            version, size, url, sign, method = (data[name] for name in ("version", "size", "url", "sign", "signMethod"))
            md5 = data["md5"]
            right = push["code"] == "1000" and push["message"] == "success" and type(size) is int and size >= 0
        except (ValueError, KeyError, TypeError) as exc:
            raise WireError(f"upgrade push {payload[:200]!r} lacks {exc}") from exc
        if not right or not all(isinstance(text, str) for text in (version, url, sign, md5)):
            raise WireError(f"upgrade push {payload[:200]!r}: code, message, size or a text is not as documented")
        algorithms = {"Md5": "md5", "SHA256": "sha256"}
        if method not in algorithms:
            raise WireError(f"signMethod {method!r}")
        return Offer(version, size, url, tuple(sorted({("md5", md5), (algorithms[method], sign)})))

    def _framed(self, me: DeviceIdentity, verb: str, params: dict[str, str], number: int) -> tuple[str, bytes]:
        text = json.dumps(params, separators=(",", ":"), ensure_ascii=False)
        payload = f'{{"id":{number}, "params":{text}}}'.encode()  # alibaba 6.4: with the C SDK's blank
        return f"/ota/device/{verb}/{me.product_key}/{me.device_name}", payload


class TuyaLink(Speech):
    """A TuyaLink device on the vendor's C link SDK; its deviceId is its name (tuya 4)."""

    def login(self, me: DeviceIdentity) -> tuple[str, str, str]:
        """tuya 4.1."""
        name, tail = me.device_name, f"timestamp={TUYA_TIMESTAMP},secureMode=1,accessType=1"
        key = me.device_secret.encode()[:TUYA_KEY_SIZE]
        password = hmac.new(key, f"deviceId={name},{tail}".encode(), hashlib.sha256).hexdigest()
        return f"tuyalink_{name}", f"{name}|signMethod=hmacSha256,{tail}", password

    def subscription(self, me: DeviceIdentity) -> str | None:
        """tuya 4.2."""
        return f"tylink/{me.device_name}/channel/downlink/auto_subscribe"

    def inform(self, me: DeviceIdentity, version: str, number: int, now_s: int) -> tuple[str, bytes]:
        """tuya 4.6."""
        channels = [{"channel": 0, "version": version}]
        data = {"bizType": "INIT", "pid": me.product_key, "otaChannel": channels}
        return self._framed(me, "ota/firmware/report", data, number, now_s)

    def step(self, me: DeviceIdentity, step: int, desc: str, number: int, now_s: int) -> tuple[str, bytes]:
        """tuya 4.6."""
        data: dict[str, Any] = {"channel": 0, "progress": step}
        if step < 0:
            data = {"channel": 0, "errorCode": TUYA_CODES[step], "errorMsg": desc[:TUYA_WORDS_MAX]}
        return self._framed(me, "ota/progress/report", data, number, now_s)

    def push_topic(self, me: DeviceIdentity) -> str:
        """tuya 4.4."""
        return f"tylink/{me.device_name}/ota/issue"

    def offer(self, me: DeviceIdentity, payload: bytes) -> Offer:
        """tuya 4.7."""
        if len(payload) > TUYA_PACKET_MAX - 128:  # the topic has its share
            raise WireError(f"ota/issue of {len(payload)} bytes")
        try:
            message = json.loads(payload)
            data, time = message["data"], message["time"]
            texts = [data[name] for name in ("version", "size", "url", "md5", "hmac")]
            channel = data["channel"]
        except (ValueError, KeyError, TypeError) as exc:
            raise WireError(f"ota/issue {payload[:200]!r} lacks {exc}") from exc
        if not all(isinstance(text, str) for text in texts) or type(time) is not int or not 0 <= time <= INT_MAX:
            raise WireError(f"ota/issue {payload[:200]!r}: a text or the time is not as atoi needs it")
        version, size, url, md5, seal = texts
        right = size.isdigit() and channel == 0 and md5 == md5.lower() and seal == seal.upper()
        if not right or (len(md5), len(seal)) != (32, 64):
            raise WireError(f"ota/issue {payload[:200]!r}: size, channel, md5 or hmac is not as documented")
        return Offer(version, int(size), url, (("md5", md5),), seal.lower())

    def _framed(
        self, me: DeviceIdentity, verb: str, data: dict[str, Any], number: int, now_s: int
    ) -> tuple[str, bytes]:
        message = {"msgId": str(number - 1), "time": now_s, "data": data}
        payload = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
        return f"tylink/{me.device_name}/{verb}", payload


class Huawei(Speech):
    """A Huawei device whose device_id is the one that its product and name stand for, or its name where its product is
    left empty. It never subscribes (huawei 5.2). It restarts after an update and says what it runs then; before that
    its reports name what it ran (huawei 5, 6.2)."""

    def login(self, me: DeviceIdentity) -> tuple[str, str, str]:
        """huawei 5.1, with sign_type 0: it has no clock."""
        password = hmac.new(HUAWEI_HOUR.encode(), me.device_secret.encode(), hashlib.sha256).hexdigest()
        return f"{device_id(me)}_0_0_{HUAWEI_HOUR}", device_id(me), password

    def inform(self, me: DeviceIdentity, version: str, number: int, now_s: int) -> tuple[str, bytes]:
        """huawei 5.5; both versions, as the SDKs' samples say them."""
        return self._framed(me, "version_report", {"fw_version": version, "sw_version": version}, now_s)

    def step(self, me: DeviceIdentity, step: int, desc: str, number: int, now_s: int) -> tuple[str, bytes]:
        """huawei 5.5."""
        code, progress = (HUAWEI_CODES[step], 0) if step < 0 else (0, step)
        paras = {"result_code": code, "progress": progress, "version": me.version, "description": desc}
        return self._framed(me, "upgrade_progress_report", paras, now_s)

    def push_topic(self, me: DeviceIdentity) -> str:
        """huawei 5.2."""
        return f"$oc/devices/{device_id(me)}/sys/events/down"

    def asks(self, me: DeviceIdentity, payload: bytes) -> bool:
        """huawei 5.4."""
        return self._told(me, payload)[0] == "version_query"

    def offer(self, me: DeviceIdentity, payload: bytes) -> Offer:
        """huawei 5.4, 5.7."""
        kind, paras = self._told(me, payload)
        if kind not in HUAWEI_EVENTS:
            raise WireError(f"event {kind!r}")
        try:
            version, url, size = (paras[name] for name in ("version", "url", "file_size"))
            right = type(size) is int and type(paras["expires"]) is int
            is_stored = kind.endswith("_v2")
            token = "" if is_stored else paras["access_token"]
            sign = paras.get("sign") if is_stored else paras["sign"]
        except (KeyError, TypeError) as exc:
            raise WireError(f"{kind} {payload[:200]!r} lacks {exc}") from exc
        if not right or not all(isinstance(text, str) for text in (version, url, sign or "", token)):
            raise WireError(f"{kind} {payload[:200]!r}: a number or a text is not as documented")
        if bool(token) is not ("access_token" in paras):
            raise WireError(f"{kind} {payload[:200]!r}: the C SDK tells the two kinds by their token")
        if not HUAWEI_URL.match(url):
            raise WireError(f"{kind} {payload[:200]!r}: the C SDK needs a port and a query")
        return Offer(version, size, url, self._digests(kind, sign, is_stored=is_stored), token=token)

    def _digests(self, kind: str, sign: str | None, *, is_stored: bool) -> tuple[tuple[str, str], ...]:
        """What the file is checked by: nothing where the package's owner gave no sign (huawei 5.4)."""
        if sign is None:
            return ()
        if not HUAWEI_SIGN.fullmatch(sign.lower() if is_stored else sign):
            raise WireError(f"{kind}: the sign {sign[:80]!r} is no SHA-256; Python needs it in lower case without _v2")
        return (("sha256", sign.lower()),)

    def _told(self, me: DeviceIdentity, payload: bytes) -> tuple[str, dict[str, Any]]:
        try:
            message = json.loads(payload)
            (service,) = message["services"]
            told = (service["service_id"], message["object_device_id"])
            kind, paras = service["event_type"], service["paras"]
        except (ValueError, KeyError, TypeError) as exc:
            raise WireError(f"event {payload[:200]!r} lacks {exc}") from exc
        if told != ("$ota", device_id(me)) or not isinstance(kind, str) or not isinstance(paras, dict):
            raise WireError(f"event {payload[:200]!r} is not for {device_id(me)}, or no $ota")
        return kind, paras

    def _framed(self, me: DeviceIdentity, kind: str, paras: dict[str, Any], now_s: int) -> tuple[str, bytes]:
        at = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        event = {"service_id": "$ota", "event_type": kind, "event_time": at, "paras": paras}
        message = {"object_device_id": device_id(me), "services": [event]}
        payload = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
        return f"$oc/devices/{device_id(me)}/sys/events/up", payload


def device_id(me: DeviceIdentity) -> str:
    """What a Huawei device is known by."""
    return f"{me.product_key}_{me.device_name}" if me.product_key else me.device_name


SPEECHES: dict[str, Speech] = {"alibaba": Alibaba(), "tuya": TuyaLink(), "huawei": Huawei()}


def seal_of(secret: str, sha256_hex: str) -> str:
    """Lower-case hex of what a TuyaLink device makes of its secret and the image's SHA-256 (tuya 4.8)."""
    return hmac.new(secret.encode(), sha256_hex.upper().encode(), hashlib.sha256).hexdigest()
