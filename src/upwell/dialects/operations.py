"""What an operation of a management API is: a row that says how it is reached, who may ask it and how often, what it
takes, which command it becomes and what its answer shows.

Holds: the rows of every dialect, whatever its wire. `flat` reads them from `name=value` pairs, `json_members` from the
ids of a path, a query and a JSON body. Refuses: any vendor's words, which are the rows' own.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from upwell.dialects.checks import Check, shown
from upwell.domain.commands import Command, Result
from upwell.domain.errors import Invalid

Kind = Literal["text", "int", "long", "bool", "number", "time", "object", "any", "members", "list"]
Pairs = Sequence[tuple[str, str]]
Values = Mapping[str, Any]  # what was read, by name


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. `check` is of the value, or of each one of a list; `most` is the greatest number of values of a
    list, and `unique` forbids repeats of texts in it; `members` are the rows of an object, or of each object of a list,
    and no others may be there when it is `closed`.

    An absent value is Missing when it is required, the default otherwise. An empty one counts as absent in a flat
    request, unless `keep_empty` lets it through where it differs; `selects` refuses it, because then other devices
    would be meant, and `selects_all`, because all would, so that it is no null either. `also` is another spelling of
    the name that a page of the vendor has."""

    name: str
    kind: Kind = "text"
    required: bool = False
    check: Check | None = None
    default: Any = None
    most: int = 200
    unique: bool = True
    members: tuple["Param", ...] = ()
    closed: bool = False
    keep_empty: bool = False
    selects: bool = False
    selects_all: bool = False
    also: str = ""


Table = tuple[Param, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. `role` is the least that may ask (viewer, operator, admin); `params` are those of a flat request, or the
    members of a body; `build` makes the command of everything that was read, by its names; `render` makes the answer's
    own members, None where it has none. `limit_per_s` is how often an account may ask it. `selects` says that its
    parameters choose the devices of a job, or the tasks that are changed; `alike` are those by which other operations
    choose them, refused here then. `ticket` is a member that names the request itself, in an answer about something
    that has no id.

    Where operations have paths, `path` is below the dialect's root, its ids in braces and read by `ids`; `status` is
    that of success, and `refuses` are those of refusals, None for all that the dialect has."""

    role: str
    params: Table
    build: Callable[[dict[str, Any]], Command]
    render: Callable[[Any], dict[str, Any] | None] | None = None
    limit_per_s: int | None = None
    selects: bool = False
    alike: Table = ()
    ticket: str | None = None
    method: str = ""
    path: str = ""
    ids: Table = ()
    query: Table = ()
    status: int = 200
    refuses: frozenset[int] | None = None

    def members(self, result: Result) -> dict[str, Any] | None:
        """What an answer has of its own, in order."""
        return self.render(result) if self.render else None


def at(
    method: str,
    path: str,
    role: str,
    build: Callable[[dict[str, Any]], Command],
    render: Callable[[Any], dict[str, Any] | None] | None = None,
    *,
    body: Table = (),
    **more: Any,
) -> Operation:
    """The row of a method on a path; `more` are further fields of it."""
    return Operation(role, body, build, render, method=method, path=path, **more)


# --- what both readers do -----------------------------------------------------------------------------------------

STORABLE = "Unicode text without the character NUL"
UNIQUE = "no value is given twice"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep the text."""
    return not _UNSTORABLE.search(text)


def checked(param: Param, value: Any, wire: str) -> Any:
    """The value, when it is as its row says. Raises Invalid naming `wire`."""
    problem = param.check.problem(value) if param.check else None
    if param.check and problem:
        raise Invalid(wire, param.check.text, problem)
    return value


def refuse_repeats(name: str, values: Sequence[str]) -> None:
    """Raises Invalid when a value occurs twice."""
    twice = next((value for value, times in Counter(values).items() if times > 1), None)
    if twice is not None:
        raise Invalid(name, UNIQUE, f"{shown(twice)} is repeated")
