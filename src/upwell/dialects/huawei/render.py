"""Answers as bytes, and the forms of times and pages inside them (huawei 1.9-1.11).

JSON is compact and keeps the order of the members; members without a value are left out. Booleans and numbers are
JSON's own, because the SDK reads the text "false" as true.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from upwell.dialects.huawei import names
from upwell.dialects.payloads import compact
from upwell.domain.commands.lists import Page

JSON_TYPE = "application/json"
REQUEST_ID_HEADER = "X-Request-Id"  # huawei 1.9: sent with every answer


def json_bytes(members: Mapping[str, Any] | None) -> bytes:
    """The members as compact UTF-8 JSON; nothing at all for an answer without a body."""
    if members is None:
        return b""
    return compact(members)


def failure(code: str, message: str) -> dict[str, str]:
    """The members of a refusal (huawei 1.9)."""
    return {"error_code": code, "error_msg": message}


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are not None. What a caller wrote inside of them is told back as it was, nulls included."""
    return {name: member for name, member in members.items() if member is not None}


def page(listed: Page[Any]) -> dict[str, Any]:
    """huawei 1.10: how many fit the filter, and the record that this page ends with; no marker on an empty page."""
    marker = None if listed.last is None else names.record_id(listed.last)
    return present({"count": listed.total, "marker": marker})


def paged(name: str, item: Callable[[Any], dict[str, Any]]) -> Callable[[Page[Any]], dict[str, Any]]:
    """How a page is shown: its items, and what `page` says beside them."""
    return lambda listed: {name: [item(each) for each in listed.items], "page": page(listed)}


def time(at: datetime | None) -> str | None:
    """`20260629T093015Z` (huawei 1.11)."""
    return None if at is None else f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def device_time(at: datetime | None) -> str | None:
    """`2026-06-29T09:30:15.123Z`, the form of a device's status and activation times (huawei 1.11)."""
    if at is None:
        return None
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
