"""What Alibaba devices are told over MQTT: offers, as a push and as the answer to a request.

Compact JSON in a fixed order, because the C4 SDK finds members by text search (alibaba 6.6); an offer that it would
misread is refused here rather than sent. It holds no session, no task and no clock.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

from upwell.dialects.alibaba.device import NAME, TOPICS
from upwell.dialects.payloads import compact
from upwell.domain import telling
from upwell.domain.errors import Invalid
from upwell.domain.talk import DEFAULT_MODULE, Offer, OfferedFile, OfferRequest, stream_of

UDI_KEY = "_package_udi"
STREAM_FILE = 1  # alibaba 6.5: a download over MQTT is of one file, and this is its number


def upgrade_push(offer: Offer, product_key: str, device_name: str, now_ms: int) -> tuple[str, bytes]:
    """The upgrade push (T2). `now_ms` is the epoch in milliseconds and becomes its id. Raises Invalid for an
    offer that devices would misread."""
    return TOPICS["upgrade"].format(pk=product_key, dn=device_name), compact(_push(offer, now_ms))


def get_reply(offer: Offer | None, request: OfferRequest, product_key: str, device_name: str) -> tuple[str, bytes]:
    """The answer to T4, on T5; without an offer its data is empty. Raises Invalid like `upgrade_push`."""
    data = {} if offer is None else _push(offer, request.ref)["data"]
    reply = {"id": request.ref, "code": 200, "data": data}  # alibaba 6.5: a number here, a string in the push
    return TOPICS["get_reply"].format(pk=product_key, dn=device_name), compact(reply)


def request_reply(
    offer: Offer | None, request: OfferRequest, product_key: str, device_name: str
) -> tuple[str, bytes] | None:
    """The answer to T6, on T6; None when there is nothing to do, which C3 expects as silence (alibaba 6.5).
    Raises Invalid like `upgrade_push`."""
    if offer is None:
        return None
    return TOPICS["request"].format(pk=product_key, dn=device_name), compact(_push(offer, request.ref))


def c_finds_host(url: str) -> bool:
    """Whether the C SDKs find the url's host: they take all that is before the path for its name (alibaba 6.7)."""
    return ":" not in url.partition("://")[2].partition("/")[0]


def _push(offer: Offer, ref: int | str) -> dict[str, Any]:
    # alibaba 6.5: `message` is required by C3, and all of it in this order.
    push = {"code": "1000", "data": _data(offer), "id": ref, "message": "success"}
    _check_text(offer)
    _check_search(push)
    return push


def _data(offer: Offer) -> dict[str, Any]:
    data: dict[str, Any]
    if offer.files:
        data = {"version": offer.version, "signMethod": SIGN_METHODS[offer.sign_method]}
    else:
        data = {"size": offer.size, "version": offer.version, **_source(offer), **_digests(offer)}
    if offer.module != DEFAULT_MODULE:
        data["module"] = offer.module
    if offer.is_delta:
        data["isDiff"] = 1
    if offer.files:
        data["files"] = [_file(offer, each) for each in offer.files]
    extra = dict(offer.tags)
    if offer.udi:
        extra[UDI_KEY] = offer.udi
    if extra:
        data["extData"] = extra  # alibaba 6.6: last, so that its quotes and braces come after what is searched
    return data


def _source(offer: Offer) -> dict[str, Any]:
    """Where the bytes come from: a URL, or blocks over MQTT (alibaba 6.5)."""
    if offer.protocol == "MQTT":
        return {"dProtocol": "mqtt", "streamId": stream_of(offer.task), "streamFileId": STREAM_FILE}
    return {"url": offer.url}


def _digests(offer: Offer) -> dict[str, str]:
    md5 = offer.md5.lower()  # alibaba 6.5: linkkit and C3 compare text, and C3 knows md5 alone
    sign = offer.sha256.lower() if offer.sign_method == "SHA256" else md5
    return {"md5": md5, "sign": sign, "signMethod": SIGN_METHODS[offer.sign_method]}


def _file(offer: Offer, file: OfferedFile) -> dict[str, Any]:
    sign = file.sha256 if offer.sign_method == "SHA256" else file.md5
    named = {"fileName": file.name, "fileUrl": file.url, "fileSize": file.size}
    return named | {"fileSign": sign.lower(), "fileMd5": file.md5.lower()}


_URL = re.compile(r"[!#-\[\]-~]+")  # printable ASCII without blank, quote and backslash
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_FILE_NAME = re.compile(r"[^\"\\\x00-\x1f]{1,128}")
SIGN_METHODS = {"MD5": "Md5", "SHA256": "SHA256"}  # alibaba 6.5: `MD5` fails on real devices

# Every member whose loss some SDK feels (alibaba 6.5), whether this push has it or not. `id` is not one: nothing
# depends on it, and `id` is a fair name for a tag.
SOUGHT = (
    {"code", "data", "message", "size", "version", "url", "md5", "sign", "signMethod", "module", "isDiff", "extData"}
    | {"dProtocol", "streamId", "streamFileId"}  # would turn the download into one over MQTT
    | {"files", "digestsign"}
)


def _check_text(offer: Offer) -> None:
    """alibaba 6.6: a string ends at the first quote, so nothing ahead of extData may need an escape."""
    for field, value, rule in (("version", offer.version, NAME), ("module", offer.module, NAME)):
        if not rule.fullmatch(value):
            raise Invalid(field, "1 to 64 letters, digits, '.', '-' or '_'")
    limit = telling.limit("alibaba", telling.Manner(is_several=bool(offer.files), protocol=offer.protocol))
    if limit is not None:
        raise Invalid(limit.field, limit.check)
    for file in offer.files:
        if not _FILE_NAME.fullmatch(file.name):
            raise Invalid("files", "names of 1 to 128 characters without quote and backslash", file.name)
        _check_source("files", file.url, file.md5, file.sha256, offer)
    if not offer.files:
        _check_source("url", offer.url, offer.md5, offer.sha256, offer)


def _check_source(field: str, url: str, md5: str, sha256: str, offer: Offer) -> None:
    if offer.protocol != "MQTT" and not _URL.fullmatch(url):
        raise Invalid(field, "printable ASCII without blank, quote and backslash")
    if not _MD5.fullmatch(md5):
        raise Invalid("md5", "32 hexadecimal digits")
    if offer.sign_method == "SHA256" and not _SHA256.fullmatch(sha256):
        raise Invalid("sha256", "64 hexadecimal digits")


def _check_search(push: dict[str, Any]) -> None:
    """alibaba 6.6: the first textual occurrence of a sought name must be the member itself, or, if the push has
    no such member, must at least not look like one."""
    real = push.keys() | push["data"].keys()
    seen = {"code", "data"}  # written before anything of the offer
    for text, kind, field in _texts(push):
        if text not in SOUGHT or text in seen:
            continue
        seen.add(text)
        if kind == "tag" or (kind == "value" and text in real):
            raise Invalid(field, "not the name of a member of the message", text)


def _texts(push: dict[str, Any]) -> Iterator[tuple[str, Literal["member", "tag", "value"], str]]:
    """The quoted texts of a push as they are written, and the field to blame. The id is the device's own and
    left out."""
    for name, content in push["data"].items():
        yield name, "member", name
        if name == "extData":
            for key, value in content.items():
                yield key, "tag", "tags"
                yield value, "value", "udi" if key == UDI_KEY else "tags"
        elif name == "files":
            for file in content:
                yield from ((str(text), "value", "files") for text in file.values())
        elif isinstance(content, str):
            yield content, "value", name
    yield "message", "member", "message"
