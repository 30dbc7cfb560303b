"""How a simulated device of each vendor logs in, reports and reads what it is told.

A speech is words only: it holds no connection and no behaviour, and shares no line with the server. It is strict where
the vendor's own SDK is: a push that a real device would misread is a WireError.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Protocol

from upwell.simulator import wire
from upwell.simulator.wire import DeviceIdentity, Offer, WireError

TUYA_PACKET_MAX = 4096  # bytes; tuya 4.1: the C SDK's buffer, header included.
TUYA_KEY_SIZE = 16  # bytes of the secret that it signs its login with.
TUYA_TIMESTAMP = 1_700_000_000  # tuya 4.1: computed once and sent at every reconnect.
TUYA_WORDS_MAX = 20  # tuya 4.6: characters of an errorMsg.
INT_MAX = 2**31 - 1

# tuya 4.6: what comes nearest to the script's steps.
TUYA_CODES = {-1: 46, -2: 42, -3: 45, -4: 47}


class Speech(Protocol):
    """One vendor's words."""

    def login(self, me: DeviceIdentity) -> tuple[str, str, str]:
        """ClientId, Username and Password."""

    def subscription(self, me: DeviceIdentity) -> str | None:
        """The one filter that it subscribes to before anything else; None for a device that subscribes to nothing."""

    def inform(self, me: DeviceIdentity, version: str, number: int, now_s: int) -> tuple[str, bytes]:
        """The report of the version that it runs. `number` counts the messages of a boot."""

    def step(self, me: DeviceIdentity, step: int, desc: str, number: int, now_s: int) -> tuple[str, bytes]:
        """The report of progress, or of a failure by a negative step."""

    def push_topic(self, me: DeviceIdentity) -> str:
        """Where it is told of an upgrade."""

    def offer(self, payload: bytes) -> Offer:
        """What a push says. Raises WireError."""


class Alibaba:
    """A device on Alibaba's C SDK. It never subscribes (alibaba 6.2)."""

    def login(self, me: DeviceIdentity) -> tuple[str, str, str]:
        """alibaba 6.1."""
        return wire.login(me)

    def subscription(self, me: DeviceIdentity) -> str | None:
        """None."""
        return None

    def inform(self, me: DeviceIdentity, version: str, number: int, now_s: int) -> tuple[str, bytes]:
        """alibaba 6.4."""
        return self._framed(me, "inform", {"version": version}, number)

    def step(self, me: DeviceIdentity, step: int, desc: str, number: int, now_s: int) -> tuple[str, bytes]:
        """alibaba 6.4."""
        return self._framed(me, "progress", {"step": str(step), "desc": desc}, number)

    def push_topic(self, me: DeviceIdentity) -> str:
        """alibaba 6.3, T2."""
        return f"/ota/device/upgrade/{me.product_key}/{me.device_name}"

    def offer(self, payload: bytes) -> Offer:
        """alibaba 6.5."""
        return wire.parse_offer(payload)

    def _framed(self, me: DeviceIdentity, verb: str, params: dict[str, str], number: int) -> tuple[str, bytes]:
        text = json.dumps(params, separators=(",", ":"), ensure_ascii=False)
        payload = f'{{"id":{number}, "params":{text}}}'.encode()  # alibaba 6.4: with the C SDK's blank
        return f"/ota/device/{verb}/{me.product_key}/{me.device_name}", payload


class TuyaLink:
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

    def offer(self, payload: bytes) -> Offer:
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


SPEECHES: dict[str, Speech] = {"alibaba": Alibaba(), "tuya": TuyaLink()}


def seal_of(secret: str, sha256_hex: str) -> str:
    """Lower-case hex of what a TuyaLink device makes of its secret and the image's SHA-256 (tuya 4.8)."""
    return hmac.new(secret.encode(), sha256_hex.upper().encode(), hashlib.sha256).hexdigest()
