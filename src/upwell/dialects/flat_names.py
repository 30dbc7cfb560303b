"""The names of a request's parameters, sorted under the rows of an operation's table (alibaba 1.5).

Holds: a declared name has one form, `Name`, `Name.N` or `Name.N.Member` with N from 1; what is nearly a declared name
or has another form is refused and never ignored, for a list that is not understood means every device
(docs/adr/0012). Refuses: to judge values, beyond that one parameter has one value.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from upwell.dialects.checks import shown
from upwell.dialects.near import NAME_CHARS_MAX, Names, speaks_of_choice
from upwell.dialects.operations import Pairs, Param, Table
from upwell.dialects.rpc import is_common
from upwell.domain.errors import Invalid

Place = TypeVar("Place", int, str)

ONE_VALUE = "one spelling, or the same value in each"
STRANGERS_MAX = 1000  # names in a request that its table lacks, so that looking for their like is bounded
NOT_HERE = "not a parameter of this action"
EMPTY = "not empty"

# alibaba 1.5: `Name.N`, 1-based on the wire; nine digits are more than any list and cost nothing to parse.
_NUMBER = re.compile("[1-9][0-9]{0,8}")
_LISTED = re.compile(r"(\w+)[.\[]")


@dataclass(frozen=True, slots=True)
class Given:
    """What was given, under the names of the table and the numbers of the wire."""

    single: dict[str, str] = field(default_factory=dict)
    lists: dict[str, dict[int, str]] = field(default_factory=dict)
    structs: dict[str, dict[int, dict[str, str]]] = field(default_factory=dict)

    def items(self, name: str) -> list[tuple[int, str]]:
        """A list's values in the order of their numbers; gaps are closed."""
        return sorted(self.lists.get(name, {}).items())

    def parts(self, name: str) -> list[tuple[int, dict[str, str]]]:
        """A list's structs in the order of their numbers; gaps are closed."""
        return sorted(self.structs.get(name, {}).items(), key=lambda part: part[0])


def sort(table: Table, pairs: Pairs) -> Given:
    """The given parameters that the table declares. Raises Invalid for one in a form that is not its own, for one that
    is nearly a declared one, and for two different values of one; any other is left out."""
    rows = {spelling: row for row in table for spelling in (row.name, row.also) if spelling}
    given, strangers = Given(), dict[str, None]()
    for name, value in pairs:
        stem, *rest = name.split(".", 3)
        row = rows.get(stem)
        if row is None:
            strangers[name] = None
        elif not _take(given, row, rest, name, value):
            raise misspelt(row, name)
    _refuse_near(table, strangers)
    return given


def _take(given: Given, row: Param, rest: list[str], name: str, value: str) -> bool:
    """Whether the name has the form of its row; then its value is kept."""
    if row.kind != "list":
        return not rest and _keep(given.single, row.name, name, value)
    if not rest or not _NUMBER.fullmatch(rest[0]):
        return False
    number = int(rest[0])
    if not row.members:
        return len(rest) == 1 and _keep(given.lists.setdefault(row.name, {}), number, name, value)
    if len(rest) != 2 or all(member.name != rest[1] for member in row.members):
        return False
    return _keep(given.structs.setdefault(row.name, {}).setdefault(number, {}), rest[1], name, value)


def _keep(values: dict[Place, str], place: Place, name: str, value: str) -> bool:
    if values.setdefault(place, value) != value:
        raise Invalid(name, ONE_VALUE, f"{shown(values[place])} and {shown(value)} are given")
    return True


def _refuse_near(table: Table, strangers: Iterable[str]) -> None:
    doubtful = [name for name in strangers if not is_common(name)]
    if len(doubtful) > STRANGERS_MAX:
        raise Invalid(doubtful[0], f"at most {STRANGERS_MAX} parameters that this action does not know")
    names = Names(row.name for row in table) if doubtful else Names(())
    for name in doubtful:
        meant = names.meant(name)
        if meant is not None:
            raise misspelt(next(row for row in table if row.name == meant), name)


def refuse_unknown_choice(table: Table, pairs: Pairs) -> None:
    """Raises Invalid for a list, and for a name that speaks of devices, that the table lacks; of an operation whose
    parameters say which devices are meant."""
    known = {spelling for row in table for spelling in (row.name, row.also)}
    for name, _ in pairs:
        match = _LISTED.match(name)
        stem = match[1] if match else name
        if stem not in known and (match or (speaks_of_choice(stem) and not is_common(stem))):
            raise Invalid(stem[:NAME_CHARS_MAX], NOT_HERE, f"leave {shown(name)} out")


def misspelt(row: Param, name: str) -> Invalid:
    """The refusal of a name that is nearly the row's, with the form that is right."""
    return Invalid(row.name, f"written {_form(row)}", f"there is {shown(name)}")


def _form(row: Param) -> str:
    if row.kind != "list":
        return row.name
    if not row.members:
        return f"{row.name}.1, {row.name}.2 and so on"
    return " and ".join(f"{row.name}.1.{member.name}" for member in row.members) + ", the next with 2 and so on"
