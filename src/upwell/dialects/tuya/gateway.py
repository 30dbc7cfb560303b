"""What else a TuyaLink device asks: for its sub-devices, the time, its configuration, an acknowledgement (tuya 4.4,
4.10).

A request is read into what is asked, and its answer is framed here; whether a sub-device may be bound or logged in is
decided elsewhere. It holds no session and no clock.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

from upwell.dialects.payloads import json_object, text_id
from upwell.dialects.tuya.device import PAYLOAD_MAX, ref
from upwell.dialects.tuya.offers import response
from upwell.domain.errors import DeviceError

Verb = Literal["sub/bind", "sub/login", "sub/logout", "topo/add", "topo/delete", "topo/get"]
SUBS_MAX = 100  # entries of one request (tuya 4.10)
NAME_MAX = 64  # characters of an id

OK = 0
# Codes of an answer that says no. The device side has no list of its own, so tuya 6's numbers serve.
CODES = {
    "unknown": 1000,
    "unproven": 1004,
    "too-many": 1101,
    "disabled": 1106,
    "unbound": 1106,
    "itself": 1109,
    "not-a-gateway": 1106,
}
NO_DATA = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sub:
    """A sub-device as a gateway names it; `names` are all that it may mean by it. `client_id` is repeated to it."""

    product_key: str | None = None
    names: tuple[str, ...]
    client_id: str = ""
    sign: str = ""
    sign_method: str = ""
    timestamp: str = ""

    def proven_by(self, secret: str) -> bool:
        """Whether `sign` is the sub-device's own, in a time that tells nothing about where it differs. What is signed
        is on no page that could be read; both ways that the vendor's relatives sign are taken."""
        facts = {"deviceId": self.names[0], "productId": self.product_key or "", "timestamp": self.timestamp}
        contents = ("".join(f"{k}{v}" for k, v in facts.items()), ",".join(f"{k}={v}" for k, v in facts.items()))
        digest = {"hmacsha1": "sha1", "hmacsha256": "sha256"}.get(self.sign_method.lower(), "sha1")
        ours = [hmac.new(secret.encode(), text.encode(), digest).hexdigest().encode("ascii") for text in contents]
        given = self.sign.lower().encode("utf-8", "replace")
        return any([hmac.compare_digest(each, given) for each in ours])  # noqa: C419  # all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A gateway's request about its sub-devices."""

    verb: Verb
    msg_id: str
    subs: tuple[Sub, ...]

    def answer(self, device_id: str, now_s: int, code: int, data: Any = None) -> tuple[str, bytes] | None:
        """The answer; None for those that have none (tuya 4.10)."""
        if self.verb in ("sub/login", "sub/logout"):
            return None
        return response(f"tylink/{device_id}/device/{self.verb}_response", self.msg_id, now_s, data, code)


def request(suffix: str, payload: bytes) -> Request | None:
    """A request about sub-devices; None for another topic. Raises DeviceError."""
    verb = next((each for each in get_args(Verb) if suffix == f"device/{each}"), None)
    if verb is None:
        return None
    said = json_object(payload, PAYLOAD_MAX)
    subs = () if verb == "topo/get" else tuple(map(_sub, _listed(said)))
    return Request(verb=verb, msg_id=ref(said), subs=subs)


Answered = Callable[[int], tuple[str, bytes]]  # by the epoch in milliseconds: topic and payload


def reply(suffix: str, payload: bytes, device_id: str) -> Answered | None:
    """The answer to what needs nothing but the message and the time; None for what has none. Raises DeviceError."""
    if suffix == "ext/time/request":
        said = json_object(payload, PAYLOAD_MAX)
        return partial(_time, f"tylink/{device_id}/ext/time/response", ref(said), said.get("data"))
    if suffix == "ext/config/get":
        return _plain(f"tylink/{device_id}/ext/config/get_response", ref(json_object(payload, PAYLOAD_MAX)), {})
    if suffix.startswith(("thing/", "device/tag/")) and not suffix.endswith("_response"):
        said = json_object(payload, PAYLOAD_MAX)
        return _plain(f"tylink/{device_id}/{suffix}_response", ref(said)) if _wants_ack(said) else None
    return None


def _plain(topic: str, msg_id: str, data: Any = None) -> Answered:
    return lambda now_ms: response(topic, msg_id, now_ms // 1000, data)


def named(product_key: str, device_name: str, client_id: str = "") -> dict[str, str]:
    """A sub-device as answers name it."""
    members = {"productId": product_key, "clientId": client_id, "deviceId": device_name}
    return {name: value for name, value in members.items() if value}


def _time(topic: str, msg_id: str, asked: Any, now_ms: int) -> tuple[str, bytes]:
    """tuya 4.4: NTP gets the server's clock beside the device's own `dst`. Daylight saving is not known here."""
    if not isinstance(asked, dict) or asked.get("bizType") != "NTP":
        return response(topic, msg_id, now_ms // 1000, code=NO_DATA)
    sent = asked.get("dst")
    echo = {"dst": sent} if isinstance(sent, int) else {}
    return response(topic, msg_id, now_ms // 1000, {"bizType": "NTP", **echo, "srt": now_ms, "sst": now_ms})


def _wants_ack(said: Mapping[str, Any]) -> bool:
    asked = said.get("sys")
    return isinstance(asked, dict) and asked.get("ack") == 1


def _listed(said: Mapping[str, Any]) -> Sequence[Any]:
    listed = said.get("data")
    if not isinstance(listed, list) or not listed:
        raise DeviceError("data must be a list of sub-devices.")
    if len(listed) > SUBS_MAX:
        raise DeviceError(f"data has more than {SUBS_MAX} sub-devices.")
    return listed


def _sub(entry: Any) -> Sub:
    if isinstance(entry, str):
        return Sub(names=(_text({"deviceId": entry}, "deviceId"),))
    if not isinstance(entry, dict):
        raise DeviceError("data must be a list of device ids or of objects.")
    names = [name for name in (_text(entry, field) for field in ("deviceId", "nodeId", "clientId")) if name]
    if not names:
        raise DeviceError("A sub-device needs deviceId, nodeId or clientId.")
    return Sub(
        product_key=_text(entry, "productId") or None,
        names=tuple(names),
        client_id=_text(entry, "clientId"),
        sign=_text(entry, "sign", 128),
        sign_method=_text(entry, "signMethod"),
        timestamp=_text(entry, "timestamp"),
    )


def _text(entry: Mapping[str, Any], field: str, size_max: int = NAME_MAX) -> str:
    """A member as text, a number's digits too; empty when absent."""
    return text_id(field, entry.get(field), size_max)
