"""What the tables of the server say of Huawei's operations. The one place among the golden tests that reads them: for
recording, and for the test that every operation and refusal has a record. A replay needs nothing of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from upwell.dialects.checks import AnyCase, OneOf, Range, Serialised, Text
from upwell.dialects.huawei import codes, management
from upwell.dialects.operations import Param

OPERATIONS = management.OPERATIONS
NAMES = tuple(OPERATIONS)
UPLOAD = "UploadBatchTaskFile"  # a form, and so no row of the table (huawei 3.10)
CODES = codes.TABLE
VALUES: dict[str, Any] = {  # of required members whose rule doesn't tell a right one
    "object_key": "a.bin", "task_type": "firmwareUpgrade", "document": {"package_ids": ["a"]}, "resource": "batchtask",
    "event": "update", "channel": "HTTP_FORWARDING", "url": "https://push.example/", "node_id": "n", "app_name": "a",
    "sql": "select * from device", "name": "n", "resource_type": "device",
}  # fmt: skip


def line(name: str) -> str:
    """Method and path of an operation, its ids in braces."""
    if name == UPLOAD:
        return "POST ~/batchtask-files"
    return f"{OPERATIONS[name].method} ~{OPERATIONS[name].path}"


def is_paged(name: str) -> bool:
    """Whether the operation lists by limit, marker and offset."""
    return any(field.name == "marker" for field in OPERATIONS[name].query)


def role(name: str) -> str:
    return OPERATIONS[name].role


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """One request that must be refused for one member. `place` is ids, query or body."""

    words: str
    ids: dict[str, str]
    query: list[list[str]]
    body: Any


def wrongs(name: str) -> Iterator[Wrong]:
    """Every way to break one member's row, and the rest right."""
    operation = OPERATIONS[name]
    ids, query, body = (_right(table) for table in (operation.ids, operation.query, operation.params))
    whole = {"ids": ids, "query": query, "body": body}
    for place, table in (("ids", operation.ids), ("query", operation.query), ("body", operation.params)):
        for words, made in _broken(table, whole[place], place):
            parts = whole | {place: made}
            pairs = [[key, str(value)] for key, value in parts["query"].items()]
            yield Wrong(words=f"{place} {words}", ids=parts["ids"], query=pairs, body=parts["body"] or None)


def _right(table: tuple[Param, ...]) -> dict[str, Any]:
    return {field.name: _value(field) for field in table if field.required}


def _value(field: Param) -> Any:
    if field.name in VALUES and field.kind != "list":
        return VALUES[field.name]
    if field.members and field.kind != "list":
        return _right(field.members)
    if field.kind == "list":
        return [_right(field.members)] if field.members else ["a"]
    if isinstance(field.check, OneOf):
        return field.check.values[0]
    return "a" * (field.check.low or 1) if isinstance(field.check, Text) else "a"


def _broken(table: tuple[Param, ...], right: dict[str, Any], place: str, path: str = "") -> Iterator[tuple[str, Any]]:
    for field in table:
        at = path + field.name
        if field.required and place != "ids":
            yield f"lacks {at}", {name: value for name, value in right.items() if name != field.name}
        for words, value in _wrong_values(field, place):
            yield f"{at} {words}", right | {field.name: value}
        if field.members:
            inner = _right(field.members)
            for words, made in _broken(field.members, inner, place, f"{at}."):
                yield words, right | {field.name: [made] if field.kind == "list" else made}


def _wrong_values(field: Param, place: str) -> Iterator[tuple[str, Any]]:
    if field.kind == "any":
        return
    if place == "body":
        yield "of another type", {} if field.kind == "text" else "?"
    elif field.kind in ("int", "bool"):
        yield "of another type", "?"
    if field.kind == "time":
        yield "no time", "2026-01-01"
        yield "no day", "20260230T000000Z"
    if field.kind == "list":
        yield "too many", {"$list": [_item(field), field.most + 1]}
    if field.closed:
        yield "a stranger in it", {"stranger": 1}
    for words, value in _unruly(field.check, field.kind):
        if place != "ids" or words != "too long":  # a long id is no other refusal
            yield words, [value] if field.kind == "list" else value


def _item(field: Param) -> Any:
    return _right(field.members) if field.members else "a"


def _unruly(rule: Any, kind: str) -> Iterator[tuple[str, Any]]:
    if isinstance(rule, Text):
        yield "too long", {"$text": ["a", rule.high + 1]}
        if rule.low > 1:
            yield "too short", "a" * (rule.low - 1)
        if rule.chars:
            yield "of other characters", "^" * max(rule.low, 1)
    elif isinstance(rule, Range):
        yield "too large", rule.high + 1
        if rule.low:
            yield "too small", rule.low - 1
    elif isinstance(rule, Serialised):
        yield "too large", {"a": {"$text": ["a", rule.most]}}
    elif isinstance(rule, AnyCase | OneOf) or rule is not None:
        yield "unlike its rule", "^"
    elif kind == "text":
        return
