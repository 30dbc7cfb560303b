"""Reads an operation's parameters from the ids of a path, a query and a JSON body (huawei 1.9, 1.10): typed values or a
named refusal out.

An absent member and a null are the same; of a query an empty value is absent. A value of the wrong type, or one that
fails its check, is Invalid, naming the member by its path (`file_location.obs_location.object_key`), the check and what
is wrong with it, shortened. Texts and free objects with characters that can't be stored are refused. What is not
declared is judged in `json_names`, where a request changes something, and ignored elsewhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from upwell.dialects.checks import shown
from upwell.dialects.json_names import ONE_VALUE, refuse_misspelt, refuse_misspelt_query
from upwell.dialects.operations import (
    STORABLE,
    Kind,
    Operation,
    Pairs,
    Param,
    Table,
    checked,
    is_storable,
    refuse_repeats,
)
from upwell.domain.commands import Command
from upwell.domain.errors import Invalid, Missing

DEPTH_MAX = 32  # of free objects

JSON_OBJECT = "a JSON object"
TIME = "UTC time in the form yyyyMMdd'T'HHmmss'Z'"
_TYPES: dict[str, str] = {
    "text": "a string",
    "int": "an integer",
    "long": "an integer",
    "bool": "true or false",
    "number": "a number",
    "time": TIME,
    "object": JSON_OBJECT,
    "members": JSON_OBJECT,
    "list": "an array",
}
_INT_MAX = 2**63 - 1


def command(operation: Operation, ids: Mapping[str, str], query: Pairs, body: bytes) -> Command:
    """The command that a request asks for. Raises Missing, Invalid, or NotFound for an id of none of ours."""
    changes = operation.role != "viewer"
    if changes:
        refuse_misspelt_query(operation.query, operation.params, query)
    values = read(operation.ids, ids) | read_query(operation.query, query)
    if operation.params:
        given = members(body)
        if changes:
            refuse_misspelt(operation.params, given, selects=operation.selects, alike=operation.alike)
        values |= read(operation.params, given)
    return operation.build(values)


_BLANK, _MARK = b" \t\r\n\0", b"\xef\xbb\xbf"


def members(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is; no bytes at all are an empty one (huawei 1.9, 3.9). Blanks, NUL bytes and a byte
    order mark around it say nothing. Raises Invalid, also for a member that is there twice with different values, for
    parsers differ in which of them counts."""
    text = body.strip(_BLANK).removeprefix(_MARK).removesuffix(_MARK).strip(_BLANK)
    if not text:
        return {}
    try:
        decoded = msgspec.json.decode(text)
        json.loads(text.decode(), object_pairs_hook=_refuse_two_values, parse_int=str, parse_float=str)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Invalid("body", "JSON in UTF-8", str(exc)) from exc
    if not isinstance(decoded, dict):
        raise Invalid("body", JSON_OBJECT)
    return decoded


def _refuse_two_values(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(reversed(pairs))
    if len(found) < len(pairs):
        twice = next((name for name, value in pairs if found[name] != value), None)
        if twice is not None:
            raise Invalid(twice, ONE_VALUE, "it is given twice")
    return found


def read(table: Table, given: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Every declared member by its name. Raises Missing or Invalid at the first that is refused."""
    for param in table:
        _refuse_nobody(param, given, path + param.name)
    return {param.name: _member(param, given.get(param.name), path + param.name) for param in table}


def _refuse_nobody(param: Param, given: Mapping[str, Any], path: str) -> None:
    """An empty list is a variable that was not set, and so is the null that Go makes of a slice without items."""
    value = given.get(param.name, ...)
    if (param.selects and value == []) or (param.selects_all and value in ([], None)):
        raise Invalid(path, "at least one", "leave the member out to name " + ("all" if param.selects_all else "none"))


def read_query(table: Table, pairs: Pairs) -> dict[str, Any]:
    """The same for a decoded query; of a name that is given twice the first value counts, an empty one is absent."""
    given: dict[str, Any] = {}
    kinds = {param.name: param.kind for param in table}
    for name, value in pairs:
        if name in kinds and value:
            given.setdefault(name, _from_text(kinds[name], value))
    return read(table, given)


def _from_text(kind: Kind, text: str) -> Any:
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "int" and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    return text


def _member(param: Param, value: Any, path: str) -> Any:
    if value is None:
        if param.required:
            raise Missing(path)
        return param.default
    if param.kind == "list":
        return _items(param, value, path)
    typed = _typed(param.kind, value, path)
    if param.kind == "members":
        typed = read(param.members, typed, path + ".")
    if param.kind == "time":
        return _time(typed, path)
    return checked(param, typed, path)


def _items(param: Param, value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Invalid(path, _TYPES["list"], f"it is {_kind_of(value)}")
    if len(value) > param.most:
        raise Invalid(path, f"at most {param.most} items", f"{len(value)} are given")
    item = replace(param, kind="members" if param.members else "text", required=True)
    items = tuple(_member(item, entry, f"{path}[{place}]") for place, entry in enumerate(value))
    if param.unique and not param.members:
        refuse_repeats(path, items)
    return items


def _typed(kind: Kind, value: Any, path: str) -> Any:
    fits = {
        "text": isinstance(value, str),
        "time": isinstance(value, str),
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _INT_MAX,
        "long": isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _INT_MAX,
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
        "object": isinstance(value, dict),
        "members": isinstance(value, dict),
        "any": True,
    }
    if not fits[kind]:
        raise Invalid(path, _TYPES[kind], f"it is {_kind_of(value)}")
    if kind != "members":
        _refuse_unstorable(value, path, DEPTH_MAX)
    return value


def _kind_of(value: Any) -> str:
    if isinstance(value, str):
        return f"the string {shown(value)}"
    if isinstance(value, (bool, int, float)):
        return shown(json.dumps(value))[1:-1]
    return "an array" if isinstance(value, list) else JSON_OBJECT


def _refuse_unstorable(value: Any, path: str, depth: int) -> None:
    if isinstance(value, str) and not is_storable(value):
        raise Invalid(path, STORABLE)
    if not isinstance(value, (dict, list)):
        return
    if depth == 0:
        raise Invalid(path, f"nested at most {DEPTH_MAX} deep")
    for part in (*value, *value.values()) if isinstance(value, dict) else value:
        _refuse_unstorable(part, path, depth - 1)


_TIME_FORM = re.compile(r"[0-9]{8}T[0-9]{6}Z")


def _time(text: str, path: str) -> datetime:
    try:
        if _TIME_FORM.fullmatch(text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as exc:
        raise Invalid(path, TIME, f"there is no {shown(text)}") from exc
    raise Invalid(path, TIME, f"the value is {shown(text)}")
