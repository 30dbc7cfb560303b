"""What an operation of the management API is: how it is reached, who may call it, and how it is read and answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from upwell.dialects.huawei.codes import STATUSES
from upwell.dialects.huawei.params import JSON_OBJECT, Table, read, read_query
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
    `limit_per_s` is how often an account may call it."""

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

    def parse(self, ids: Mapping[str, str], query: Pairs, body: bytes) -> Command:
        """The command that a request asks for. Raises Missing, Invalid, or NotFound for an id of none of ours."""
        values = read(self.ids, ids) | read_query(self.query, query)
        if self.body:
            values |= read(self.body, members(body))
        return self.build(values)


_BLANK, _MARK = b" \t\r\n\0", b"\xef\xbb\xbf"


def members(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is; no bytes at all are an empty one (huawei 1.9, 3.9). Blanks, NUL bytes and a byte
    order mark around it say nothing. Raises Invalid."""
    text = body.strip(_BLANK).removeprefix(_MARK).removesuffix(_MARK).strip(_BLANK)
    if not text:
        return {}
    try:
        decoded = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Invalid("body", "JSON in UTF-8", str(exc)) from exc
    if not isinstance(decoded, dict):
        raise Invalid("body", JSON_OBJECT)
    return decoded
