"""What a gateway says for its sub-devices and is told: topology, and their sessions on its connection.

Source: the vendor's pages "Manage topological relationships" and "Connect or disconnect sub-devices", and linkkit and
C4, which send the batch forms. Who may speak for whom is not decided here.
"""

import hmac
from dataclasses import dataclass
from typing import Any, Literal

from upwell.dialects.alibaba.device import PAYLOAD_MAX, ref_of
from upwell.dialects.alibaba.login import DEVICE_NAME, SIGN_METHOD_DEFAULT, SIGN_METHODS
from upwell.dialects.payloads import compact, json_object
from upwell.dialects.rpc import octets
from upwell.domain.errors import DeviceError

BATCH_MAX = 50  # sub-devices of one message: the vendor's newest limit; older pages say 5 and 30
SIGNED = ("clientId", "deviceName", "productKey", "timestamp")  # what a proof is made over, where it is given
TEXT_MAX = 256  # characters of a client id, timestamp or sign

Verb = Literal["add", "delete", "get", "login", "batch_login", "logout", "batch_logout"]
TOPICS: dict[Verb, str] = {
    "add": "/sys/{pk}/{dn}/thing/topo/add",
    "delete": "/sys/{pk}/{dn}/thing/topo/delete",
    "get": "/sys/{pk}/{dn}/thing/topo/get",
    "login": "/ext/session/{pk}/{dn}/combine/login",
    "batch_login": "/ext/session/{pk}/{dn}/combine/batch_login",
    "logout": "/ext/session/{pk}/{dn}/combine/logout",
    "batch_logout": "/ext/session/{pk}/{dn}/combine/batch_logout",
}
OK = 200
# The codes of the vendor's pages, by what became of a sub-device.
CODES: dict[str, tuple[int, str]] = {
    "unknown": (6100, "the device does not exist"),
    "disabled": (522, "the device is disabled"),
    "unproven": (6287, "the sign is wrong"),
    "unbound": (6401, "the topological relationship does not exist"),
    "itself": (6402, "a gateway is not its own sub-device"),
    "too-many": (428, "too many sub-devices"),
    "not-a-gateway": (520, "the device is not a gateway"),
    "bad-request": (460, "request parameter error"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubDevice:
    """A sub-device that a gateway names, with its proof where the message needs one."""

    product_key: str
    device_name: str
    method: str = ""
    content: str = ""
    sign: str = ""

    def proven_by(self, secret: str) -> bool:
        """Whether the sign is the HMAC made with the sub-device's secret; the time tells nothing."""
        ours = hmac.new(octets(secret), octets(self.content), SIGN_METHODS[self.method]).hexdigest()
        return hmac.compare_digest(ours.encode("ascii"), octets(self.sign.lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One message of a gateway."""

    verb: Verb
    ref: str
    subs: tuple[SubDevice, ...]


def verb_of(topic: str, product_key: str, device_name: str) -> Verb | None:
    """What the gateway's topic asks for; None for any other topic."""
    return next((verb for verb, each in TOPICS.items() if topic == each.format(pk=product_key, dn=device_name)), None)


def read(verb: Verb, payload: bytes) -> Request:
    """What a gateway asks. Raises DeviceError."""
    asked = json_object(payload, PAYLOAD_MAX)
    return Request(verb=verb, ref=ref_of(asked), subs=tuple(_subs(verb, asked.get("params"))))


def unread(verb: Verb, payload: bytes) -> Request:
    """What can be answered of a request that `read` refuses: its id, where that can be repeated."""
    try:
        return Request(verb=verb, ref=ref_of(json_object(payload, PAYLOAD_MAX)), subs=())
    except DeviceError:
        return Request(verb=verb, ref="", subs=())


def reply(request: Request, code: int, text: str, data: Any, product_key: str, device_name: str) -> tuple[str, bytes]:
    """The answer. linkkit and C4 need all four members."""
    answer = {"id": request.ref, "code": code, "data": data, "message": text}
    topic = TOPICS[request.verb].format(pk=product_key, dn=device_name) + "_reply"
    return topic, compact(answer)


def named(product_key: str, device_name: str) -> dict[str, str]:
    """A sub-device as answers name it."""
    return {"productKey": product_key, "deviceName": device_name}


def _subs(verb: Verb, params: Any) -> list[SubDevice]:
    match verb:
        case "get":
            return []
        case "login":
            return [_sub(params, _method(params))]
        case "batch_login":
            holder = params if isinstance(params, dict) else {}
            return [_sub(each, _method(holder)) for each in _listed(holder.get("deviceList"))]
        case "add":
            return [_sub(each, _method(each)) for each in _listed(params)]
        case "logout":
            return [_sub(params)]
        case _:
            return [_sub(each) for each in _listed(params)]


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= BATCH_MAX:
        raise DeviceError(f"the sub-devices must be a list of 1 to {BATCH_MAX}.")
    return value


def _method(holder: Any) -> str:
    given = holder if isinstance(holder, dict) else {}
    # Its spelling differs between topology (signmethod) and login (signMethod), and its case between SDKs.
    method = _text(given, "signMethod") or _text(given, "signmethod") or SIGN_METHOD_DEFAULT
    if method.lower() not in SIGN_METHODS:
        raise DeviceError(f"signMethod must be one of {', '.join(SIGN_METHODS)}.")
    return method.lower()


def _sub(given: Any, method: str = "") -> SubDevice:
    if not isinstance(given, dict):
        raise DeviceError("a sub-device must be an object.")
    key, name = _text(given, "productKey"), _text(given, "deviceName")
    if not DEVICE_NAME.fullmatch(key) or not DEVICE_NAME.fullmatch(name):
        raise DeviceError("a sub-device needs a productKey and a deviceName.")
    content = "".join(f"{field}{_text(given, field)}" for field in SIGNED if field in given)
    return SubDevice(product_key=key, device_name=name, method=method, content=content, sign=_text(given, "sign"))


def _text(given: dict[str, Any], field: str) -> str:
    value = given.get(field, "")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise DeviceError(f"{field} must be text of at most {TEXT_MAX} characters.")
    return value
