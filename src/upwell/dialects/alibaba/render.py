"""Answers as bytes, in JSON and XML, and the forms of times and pages inside them (alibaba 1.6, 1.7, 3.3).

JSON is compact and keeps the order of the members. In XML a list becomes its element repeated, a wrapper of an empty
list an empty element. None is left out of both. No function here fails on any text.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from upwell.domain.commands import Page

JSON_TYPE = "application/json;charset=utf-8"
XML_TYPE = "text/xml;charset=utf-8"  # alibaba 1.7: the SDK compares it exactly, blank-free

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CHINA = timedelta(hours=8)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# --- bytes --------------------------------------------------------------------------------------------------------


def to_bytes(members: Mapping[str, Any], root: str, *, xml: bool) -> tuple[str, bytes]:
    """Content type and body of an answer. `root` is the XML root: `{Action}Response`, or `Error`."""
    return (XML_TYPE, xml_bytes(members, root)) if xml else (JSON_TYPE, json_bytes(members))


def json_bytes(members: Mapping[str, Any]) -> bytes:
    """The members as compact UTF-8 JSON, in their order."""
    text = json.dumps(without_none(members), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def xml_bytes(members: Mapping[str, Any], root: str) -> bytes:
    """The members as an XML document, in their order."""
    body = _element(root, without_none(members))
    return f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()


def gateway_error(request_id: str, host_id: str, code: str, message: str) -> dict[str, Any]:
    """The gateway's envelope (1.6); its XML root is `Error`."""
    return {"RequestId": request_id, "HostId": host_id, "Code": code, "Message": message}


def business_error(request_id: str, code: str, message: str) -> dict[str, Any]:
    """The business envelope of a refusal (1.6); its XML root is the action's own."""
    return {"RequestId": request_id, "Success": False, "Code": code, "ErrorMessage": message}


def without_none(value: Any) -> Any:
    """The same value with every None member left out, at every depth (1.6)."""
    if isinstance(value, Mapping):
        return {name: without_none(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_none(item) for item in value]
    return value


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(member, item) for member, item in value.items())
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(_NOT_XML.sub("\ufffd", str(value)), {"\r": "&#13;"})
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


# --- members ------------------------------------------------------------------------------------------------------


def paging(page: Page[Any], number_name: str) -> dict[str, Any]:
    """The four page members; `number_name` is CurrentPage or Page (3.4: mind the two names)."""
    count = -(-page.total // page.size)
    return {number_name: page.number, "PageCount": count, "PageSize": page.size, "Total": page.total}


def utc(at: datetime | None) -> str | None:
    """`2019-11-04T06:21:54.607Z`, the form of every Utc* member (1.6)."""
    if at is None:
        return None
    at = at.astimezone(UTC)
    return f"{_wall(at, 'T')}.{at.microsecond // 1000:03d}Z"


def gmt(at: datetime | None) -> str | None:
    """`Wed, 20-Feb-2019 02:16:09 GMT`, the Gmt* members of QueryDevice (3.3)."""
    if at is None:
        return None
    at = at.astimezone(UTC)
    day = f"{_DAYS[at.weekday()]}, {at.day:02d}-{_MONTHS[at.month - 1]}-{at.year:04d}"
    return f"{day} {at.hour:02d}:{at.minute:02d}:{at.second:02d} GMT"


def china_time(at: datetime | None) -> str | None:
    """`2018-08-06 10:48:41`, UTC+8 wall time, the Gmt* members of the device details (3.3)."""
    return None if at is None else _wall(at.astimezone(UTC) + _CHINA, " ")


def millis(at: datetime | None) -> int | None:
    """Milliseconds since 1970, the GmtCreate of products and Timestamp (3.3)."""
    return None if at is None else (at - _EPOCH) // timedelta(milliseconds=1)


def from_millis(number: int) -> datetime:
    """The other way round, of a caller's number of at most 13 digits."""
    return _EPOCH + timedelta(milliseconds=number)


def percent(value: Decimal | int) -> str:
    """A percentage with at least two decimals: `50.00`, `33.333` (2.4, 2.5)."""
    number = Decimal(value).normalize()
    exponent = number.as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{number:.{decimals}f}"


def _wall(at: datetime, between: str) -> str:
    return f"{at.year:04d}-{at.month:02d}-{at.day:02d}{between}{at.hour:02d}:{at.minute:02d}:{at.second:02d}"
