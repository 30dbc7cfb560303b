"""The forms that both RPC dialects answer in: compact JSON without None, the paging members, the times.

No function here fails on any text.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from upwell.domain.commands.lists import Page

JSON_TYPE = "application/json;charset=utf-8"

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CHINA = timedelta(hours=8)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def json_bytes(members: Mapping[str, Any]) -> bytes:
    """The members as compact UTF-8 JSON, in their order."""
    text = json.dumps(without_none(members), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def without_none(value: Any) -> Any:
    """The same value with every None member left out, at every depth (alibaba 1.6)."""
    if isinstance(value, Mapping):
        return {name: without_none(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_none(item) for item in value]
    return value


def paging(page: Page[Any], number_name: str) -> dict[str, Any]:
    """The four page members; `number_name` is CurrentPage or Page (alibaba 3.4: mind the two names)."""
    total = page.total or 0
    return {number_name: page.number, "PageCount": -(-total // page.size), "PageSize": page.size, "Total": total}


def utc(at: datetime | None) -> str | None:
    """`2019-11-04T06:21:54.607Z`, the form of every Utc* member (alibaba 1.6, tuya 1.4)."""
    if at is None:
        return None
    at = at.astimezone(UTC)
    return f"{_wall(at, 'T')}.{at.microsecond // 1000:03d}Z"


def gmt(at: datetime | None) -> str | None:
    """`Wed, 20-Feb-2019 02:16:09 GMT`, the Gmt* members of QueryDevice (alibaba 3.3)."""
    if at is None:
        return None
    at = at.astimezone(UTC)
    day = f"{_DAYS[at.weekday()]}, {at.day:02d}-{_MONTHS[at.month - 1]}-{at.year:04d}"
    return f"{day} {at.hour:02d}:{at.minute:02d}:{at.second:02d} GMT"


def china_time(at: datetime | None) -> str | None:
    """`2018-08-06 10:48:41`, UTC+8 wall time, the Gmt* members of the device details (alibaba 3.3, tuya 2.8)."""
    return None if at is None else _wall(at.astimezone(UTC) + _CHINA, " ")


def millis(at: datetime | None) -> int | None:
    """Milliseconds since 1970, the GmtCreate of products and Timestamp (alibaba 3.3)."""
    return None if at is None else (at - _EPOCH) // timedelta(milliseconds=1)


def from_millis(number: int) -> datetime:
    """The other way round, of a caller's number of at most 13 digits."""
    return _EPOCH + timedelta(milliseconds=number)


def _wall(at: datetime, between: str) -> str:
    return f"{at.year:04d}-{at.month:02d}-{at.day:02d}{between}{at.hour:02d}:{at.minute:02d}:{at.second:02d}"
