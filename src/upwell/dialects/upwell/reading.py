"""Reads a request of ours strictly: every name is known, given once, and has a value of its type.

`json_members` reads the values, as for any JSON tongue. What stands here refuses what that forgives a vendor's clients:
members that are unknown, null, or where none is taken, and parameters that are empty or written in two ways. A member
that is not understood may be the one that says which devices are meant (docs/adr/0012). As in JSON Schema, 1.0 is an
integer.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from upwell.dialects import json_members
from upwell.dialects.checks import cut, shown
from upwell.dialects.near import NAME_CHARS_MAX, Names
from upwell.dialects.operations import Pairs, Param, Table
from upwell.dialects.upwell.rows import CONTENT_TYPE, Row
from upwell.domain.commands import Command
from upwell.domain.errors import Invalid, Missing

ONCE = "given once"
NO_BODY = "empty: this operation takes none"
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")


class Unknown(Invalid):
    """A name that nothing here is called by. `meant` is the name that it nearly is."""

    def __init__(self, field: str, known: Table, place: str) -> None:
        names = [param.name for param in known]
        given = cut(field.rpartition(".")[2], NAME_CHARS_MAX)
        self.meant = Names(names).meant(given) or next(iter(get_close_matches(given, names, 1)), None)
        every = ", ".join(names) or "none"
        super().__init__(cut(field, NAME_CHARS_MAX), f"one of the {place}, which are: {every}", "it is unknown")


def command(
    row: Row, ids: Mapping[str, str], query: Pairs, body: bytes, headers: Mapping[str, str] = MappingProxyType({})
) -> Command:
    """The command that a request asks for. Raises Missing, Invalid, or NotFound for an id of none of ours."""
    _refuse_query(row.query, query)
    values = json_members.read(row.ids, _numbers(row.ids, ids)) | json_members.read_query(row.query, query)
    if row.takes:
        values[CONTENT_TYPE] = headers.get(CONTENT_TYPE.lower())
    values |= json_members.read(row.heads, {param.name: headers.get(param.name.lower()) for param in row.heads})
    if row.params:
        given = _strict(row.params, _members(body), "")
        _refuse_together(row, given)
        values |= json_members.read(row.params, given)
    elif body.strip():
        raise Invalid("body", NO_BODY)
    return row.build(values)


def read_object(table: Table, text: bytes) -> dict[str, Any]:
    """What a JSON object has, as strictly as a body. Raises Missing, Invalid."""
    return json_members.read(table, _strict(table, _members(text), ""))


def _numbers(table: Table, ids: Mapping[str, str]) -> dict[str, Any]:
    """The ids of a path, those that are numbers as such."""
    numbers = {param.name for param in table if param.kind == "int"}
    return {name: int(text) if name in numbers and _INT.fullmatch(text) else text for name, text in ids.items()}


def _members(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is; none at all is an empty one. Nothing stands around it but blanks."""
    text = body.strip(b" \t\r\n")
    if text and not (text.startswith(b"{") and text.endswith(b"}")):
        raise Invalid("body", json_members.JSON_OBJECT)
    return json_members.members(text)


def _refuse_together(row: Row, given: Mapping[str, Any]) -> None:
    for group in (*row.apart, row.one):
        present = [name for name in group if name in given]
        if len(present) > 1:
            raise Invalid(present[1], f"not together with {present[0]}", "both are given")
    if row.one and not any(name in given for name in row.one):
        raise Missing(row.one[0], f"{' and '.join(row.one[1:])} {'are' if len(row.one) > 2 else 'is'} absent")


def _refuse_query(table: Table, query: Pairs) -> None:
    rows = {param.name: param for param in table}
    seen = set()
    for name, value in query:
        if name not in rows:
            raise Unknown(name, table, "parameters of the query")
        if name in seen:
            raise Invalid(name, ONCE, "it is given twice")
        seen.add(name)
        _refuse_text(rows[name], value)


def _refuse_text(param: Param, value: str) -> None:
    if not value:
        raise Invalid(param.name, "not empty", "leave it out")
    if param.kind == "int" and not _INT.fullmatch(value):
        raise Invalid(param.name, "an integer", f"the value is {shown(value)}")
    if param.kind == "bool" and value not in ("true", "false"):
        raise Invalid(param.name, "true or false", f"the value is {shown(value)}")


def _strict(table: Table, given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """What is given, when all of it is known and not null."""
    rows = {param.name: param for param in table}
    for name, value in given.items():
        if name not in rows:
            raise Unknown(path + name, table, f"members of {path[:-1] or 'the body'}")
        if value is None:
            raise Invalid(path + name, "not null", "leave it out")
    return {name: _value(rows[name], value, path + name) for name, value in given.items()}


def _value(param: Param, value: Any, path: str) -> Any:
    """What has another type than its row says is refused when it is read."""
    if param.kind == "int" and isinstance(value, float) and value.is_integer():
        return int(value)
    if param.members and isinstance(value, list):
        return [_value(param, part, f"{path}[{place}]") for place, part in enumerate(value)]
    if param.members and isinstance(value, dict):
        return _strict(param.members, value, f"{path}.")
    return value
