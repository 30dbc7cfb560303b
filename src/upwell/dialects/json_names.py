"""Members that are not declared, in a request that changes something (docs/adr/0012).

Harmless ones are ignored, as the vendor does. Refused by the right name are those that are nearly declared ones, and
every one in an object that says which devices are meant or how they are updated; where a request chooses devices, also
those that stand in another place than their own, choose devices in other operations, or speak of devices by their name.
What is not understood there would be more devices, or sooner, than its sender meant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from upwell.dialects.checks import shown
from upwell.dialects.near import NAME_CHARS_MAX, Names, speaks_of_choice
from upwell.dialects.operations import Pairs, Param, Table
from upwell.domain.errors import Invalid

STRANGERS_MAX = 1000  # different undeclared names in one body, so that looking for their like is bounded
ONE_VALUE = "given once, or with the same value"


def refuse_misspelt(table: Table, given: Mapping[str, Any], *, selects: bool = False, alike: Table = ()) -> None:
    """Raises Invalid for an undeclared member at any depth that is nearly a declared one, or is in a closed object and
    not null. Of a request that `selects`, also for one of `alike`, members that choose devices elsewhere, for one that
    is declared in another place, and for one that is not null and speaks of devices."""
    every = Names((*_names(table), *_names(alike)) if selects else ())
    _Search(every, selects).through(table, given, "")


def refuse_misspelt_query(query: Table, body: Table, given: Pairs) -> None:
    """The same for a query, whose names must not be those of the body either, nor have two values."""
    values: dict[str, str] = {}
    known = {row.name for row in query}
    near, inside = Names(known), Names(row.name for row in body)
    for name, value in given:
        if name in known:
            if values.setdefault(name, value) != value:
                raise Invalid(name, ONE_VALUE, f"{shown(values[name])} and {shown(value)} are given")
            continue
        meant = near.meant(name)
        if meant is not None:
            raise Invalid(meant, f"written {meant}", f"there is {shown(name)}")
        member = inside.same(name)
        if member is not None:
            raise Invalid(member, "a member of the body", f"the query has {shown(name)}")


@dataclass(frozen=True, slots=True)
class _Search:
    """One body. `every` are names that have their place, and are refused in any other."""

    every: Names
    selects: bool
    tables: dict[int, Names] = field(default_factory=dict)
    harmless: set[tuple[int, str]] = field(default_factory=set)

    def through(self, table: Table, given: Mapping[str, Any], path: str, closed: bool = False) -> None:
        rows = {row.name: row for row in table}
        for name, value in given.items():
            row = rows.get(name)
            if row is None:
                self._judge(table, name, path, closed and value is not None)
                if self.selects and value is not None and speaks_of_choice(name):
                    raise Invalid(path + name[:NAME_CHARS_MAX], f"not a member of {_place(path)}", "leave it out")
            else:
                for part, where in _objects(row, value, path + name):
                    self.through(row.members, part, where, row.closed)

    def _judge(self, table: Table, name: str, path: str, closed: bool) -> None:
        if (id(table), name) in self.harmless:
            return
        if id(table) not in self.tables:
            self.tables[id(table)] = Names(row.name for row in table)
        meant = self.tables[id(table)].meant(name)
        if meant is not None:
            raise Invalid(path + meant, f"written {meant}", f"there is {shown(name)}")
        if closed:
            every = f"the members of {_place(path)} are {', '.join(row.name for row in table)}"
            raise Invalid(path[:-1], every, f"there is {shown(name)}")
        member = self.every.same(name)
        if member is not None:
            raise Invalid(path + member, f"not a member of {_place(path)}", f"there is {shown(name)}")
        self.harmless.add((id(table), name))
        if len(self.harmless) > STRANGERS_MAX:
            raise Invalid("body", f"at most {STRANGERS_MAX} members that this operation does not know")


def _place(path: str) -> str:
    return path[:-1] or "the body"


def _names(table: Table) -> Iterator[str]:
    for row in table:
        yield row.name
        yield from _names(row.members)


def _objects(row: Param, value: Any, path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The objects in a member that declares its own; what has another type is refused when it is read."""
    if not row.members:
        return
    if isinstance(value, dict):
        yield value, f"{path}."
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            if isinstance(entry, dict):
                yield entry, f"{path}[{place}]."
