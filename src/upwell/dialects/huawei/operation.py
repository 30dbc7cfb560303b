"""What an operation of the management API is: how it is reached, who may call it, and how it is read and answered."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from upwell.dialects.huawei.codes import STATUSES
from upwell.dialects.huawei.params import JSON_OBJECT, Table, read, read_query
from upwell.dialects.huawei.spelling import ONE_VALUE, refuse_misspelt, refuse_misspelt_query
from upwell.domain.commands import Command
from upwell.domain.errors import Invalid

Pairs = Sequence[tuple[str, str]]
Values = Mapping[str, Any]


def _no_body(_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. `path` is below `/v5/iot/{project_id}`, its ids in braces; `role` is the least that may
    call it (viewer, operator, admin); `build` makes the command of the ids, query and body members by their names;
    `render` the answer's members, or None for an answer without a body; `refuses` are the statuses of refusals;
    `limit_per_s` is how often an account may call it; `selects` says that its body chooses devices, or what devices may
    take; `alike` are members by which other operations choose them, refused in this one's body then."""

    method: str
    path: str
    role: str
    build: Callable[[dict[str, Any]], Command]
    render: Callable[[Any], dict[str, Any] | None] = _no_body
    status: int = 200
    ids: Table = ()
    query: Table = ()
    body: Table = ()
    refuses: frozenset[int] = STATUSES
    limit_per_s: int | None = None
    selects: bool = False
    alike: Table = ()

    def parse(self, ids: Mapping[str, str], query: Pairs, body: bytes) -> Command:
        """The command that a request asks for. Raises Missing, Invalid, or NotFound for an id of none of ours."""
        changes = self.role != "viewer"
        if changes:
            refuse_misspelt_query(self.query, self.body, list(query))
        values = read(self.ids, ids) | read_query(self.query, query)
        if self.body:
            given = members(body)
            if changes:
                refuse_misspelt(self.body, given, selects=self.selects, alike=self.alike)
            values |= read(self.body, given)
        return self.build(values)


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
