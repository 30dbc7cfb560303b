"""What TuyaLink devices are told over MQTT: offers and plain answers (tuya 4.3, 4.7, 4.8).

Strict, compact JSON, because the C SDK hands `data` on as raw text and reads `time` and `size` with atoi into an int:
the one is 10 digits, the other is text. Each packet fits the SDK's buffer of 4096 bytes. An offer that a device would
misread is refused here rather than sent. It holds no secret beyond a call, no task and no clock.
"""

import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from upwell.dialects.tuya.channels import channel_of
from upwell.domain import telling
from upwell.domain.errors import Invalid
from upwell.domain.talk import DEFAULT_MODULE, Offer, OfferRequest

PACKET_MAX = 4095  # bytes of topic, payload and header; tuya 4.1: keep each downlink packet under 4 KB
HEADER_MAX = 7  # bytes of an MQTT PUBLISH besides topic and payload
URL_MAX = 255  # characters; fixed buffers in TuyaOpen, filled with strcpy (tuya 4.7)
TIME_MAX = 10**10 - 1  # 10 digits (tuya 4.3)
_URL = re.compile(r"[!#-\[\]-~]+")  # printable ASCII without blank, quote and backslash
_DIGEST = {"md5": re.compile(r"[0-9a-fA-F]{32}"), "sha256": re.compile(r"[0-9a-fA-F]{64}")}

TOPICS = {"issue": "tylink/{device_id}/ota/issue", "get": "tylink/{device_id}/ota/get_response"}


def issue(
    offer: Offer, device_id: str, secret: str, channels: Mapping[int, str], now_s: int, tls_url: str | None = None
) -> tuple[str, bytes]:
    """The upgrade message (ota/issue). `now_s` is the epoch in seconds, `tls_url` the file's by TLS if it has one.
    Raises Invalid for an offer that the device would misread."""
    # tuya 4.3: a msgId is decimal text of 18 to 20 digits; here the same for every push of a task.
    members = {"data": _data(offer, secret, channels, tls_url), "msgId": str(offer.task.job_id), "time": _time(now_s)}
    return _framed(TOPICS["issue"], device_id, members | {"version": "1.0"})


def get_response(
    offer: Offer | None, request: OfferRequest, device_id: str, secret: str, channels: Mapping[int, str], now_s: int,
    tls_url: str | None = None,
) -> tuple[str, bytes]:  # fmt: skip
    """The answer to ota/get; without an offer its data is empty (tuya 7.12). Raises Invalid like `issue`."""
    data = {} if offer is None else _data(offer, secret, channels, tls_url)
    return _framed(TOPICS["get"], device_id, {"msgId": request.ref, "time": _time(now_s), "code": 0, "data": data})


def response(topic: str, msg_id: str, now_s: int, data: Any = None, code: int = 0) -> tuple[str, bytes]:
    """A plain answer on a topic of the device's (tuya 4.3); without `data` it only says the code."""
    members: dict[str, Any] = {"msgId": msg_id, "time": _time(now_s), "code": code}
    return topic, compact(members if data is None else members | {"data": data})


def firmware_hmac(secret: str, sha256_hex: str) -> str:
    """tuya 4.8: over the 64 characters of the upper-case SHA-256, with the whole secret, in upper-case hex."""
    return hmac.new(secret.encode(), sha256_hex.upper().encode("ascii"), "sha256").hexdigest().upper()


def compact(members: Mapping[str, Any]) -> bytes:
    """Strict JSON without blanks."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def _data(offer: Offer, secret: str, channels: Mapping[int, str], tls_url: str | None) -> dict[str, Any]:
    """tuya 4.7: `httpsUrl` and `cdnUrl` are https where there is such an address, for the C SDK's client knows nothing
    else. Where there is none they are what `url` is, for other clients read them whatever the scheme."""
    channel = _checked_channel(offer, channels)
    secure = tls_url or offer.url
    _check_files(offer, secure)
    return {
        "size": str(offer.size),
        "cdnUrl": secure,
        "hmac": firmware_hmac(secret, offer.sha256),
        "channel": channel,
        "upgradeType": 0,  # tuya 7.11: the meaning of other values is not known, nor of execTime's
        "execTime": 0,
        "httpsUrl": secure,
        "version": offer.version,
        "url": offer.url,
        "md5": offer.md5.lower(),
    }


def _checked_channel(offer: Offer, channels: Mapping[int, str]) -> int:
    channel = 0 if offer.module == DEFAULT_MODULE else channel_of(channels, offer.module)
    if channel is None:
        raise Invalid("module", "one that a channel of the product is", f"{offer.module} has none")
    return channel


def _check_files(offer: Offer, tls_url: str) -> None:
    """What a TuyaLink device can't be told: several files, a difference, another protocol, a text it would cut."""
    manner = telling.Manner(is_several=bool(offer.files), is_delta=offer.is_delta, protocol=offer.protocol)
    limit = telling.limit("tuya", manner)
    if limit is not None:
        raise Invalid(limit.field, limit.check)
    if not all(_URL.fullmatch(url) and len(url) <= URL_MAX for url in (offer.url, tls_url)):
        raise Invalid("url", f"at most {URL_MAX} printable ASCII characters without blank, quote and backslash")
    for field, pattern in _DIGEST.items():
        if not pattern.fullmatch(getattr(offer, field)):
            raise Invalid(field, "hexadecimal digits")


def _time(now_s: int) -> int:
    return min(max(now_s, 0), TIME_MAX)


def _framed(pattern: str, device_id: str, members: Mapping[str, Any]) -> tuple[str, bytes]:
    topic, payload = pattern.format(device_id=device_id), compact(members)
    size = len(topic.encode()) + len(payload) + HEADER_MAX
    if size > PACKET_MAX:
        raise Invalid("url", f"a packet of at most {PACKET_MAX} bytes", f"it has {size}")
    return topic, payload
