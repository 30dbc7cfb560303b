"""Reads an operation's parameters by its table (alibaba 1.5): wire text in, typed values or a named refusal out.

A table row says name, kind, whether it is required, its rule and its default. An absent or empty value is Missing when
required and the default otherwise; an empty value of a list, or of a parameter that selects, is Invalid: it is a
variable that was not set. A value that breaks its rule is Invalid, naming parameter, rule and what is wrong with the
value, which is shortened. Undeclared parameters are ignored, as the vendor's gateway does, unless they are nearly
declared ones (rpc_names).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upwell.dialects.checks import Range, Rule, shown
from upwell.dialects.rpc_names import EMPTY, Given, Kind, Pairs, refuse_unknown_choice, sort
from upwell.domain.commands import Command
from upwell.domain.errors import Invalid, Missing

INTEGER = "an integer in decimal digits"
LONG = "a 64-bit integer in decimal digits"
BOOLEAN = "true or false"
UNIQUE = "no value is given twice"
TEXT = "Unicode text without the character NUL"
FORMS = frozenset({INTEGER, LONG, BOOLEAN, TEXT})  # rules of form: breaking one is unparseable input (1.6)

_INT = re.compile(r"[+-]?[0-9]{1,19}")
_INT_MAX = {"int": 2**31 - 1, "long": 2**63 - 1}


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A part of the vendor's API that Upwell does not do: the parameter must be absent."""

    text: str = "not supported by this server"

    def problem(self, value: Any) -> str | None:
        return "leave the parameter out"


@dataclass(frozen=True, slots=True)
class Param:
    """One row of an operation's table. For kind list, `rule` is of each value, `most` the greatest number of values
    and `unique` forbids repeats; for structs, `members` are the rows of each struct. `keep_empty` lets an empty value
    through where it differs from an absent one; `selects` refuses it, where an absent one would mean more devices.
    `also` is another spelling of the name that a page of the vendor has."""

    name: str
    kind: Kind = "str"
    required: bool = False
    rule: Rule | None = None
    default: Any = None
    most: int = 200
    unique: bool = True
    members: tuple["Param", ...] = ()
    keep_empty: bool = False
    selects: bool = False
    also: str = ""

    @property
    def count_rule(self) -> str:
        return count_rule(self.most)


class Struct(dict[str, Any]):
    """The members of one struct of a list; `where` is what their names begin with on the wire, `Tag.3.`."""

    def __init__(self, members: Mapping[str, Any], *, where: str) -> None:
        super().__init__(members)
        self.where = where


FROM_ONE = Range(1, 2**31 - 1)  # alibaba 2.2: pages start at 1
PAGE = Param("CurrentPage", "int", rule=FROM_ONE, default=1)


def page_params(size_max: int) -> tuple[Param, Param]:
    """CurrentPage and PageSize of an operation that requires both."""
    return (
        Param("CurrentPage", "int", required=True, rule=FROM_ONE),
        Param("PageSize", "int", required=True, rule=Range(1, size_max)),
    )


def page_size(size_max: int) -> Param:
    """PageSize of an operation that takes 10 when it is absent."""
    return Param("PageSize", "int", rule=Range(1, size_max), default=10)


def _nothing(_: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Operation:
    """One Action: the least role that may call it (viewer, operator, admin), its parameters, the command they
    become, and what its answer holds besides the common members. `ticket` is a member that names the request itself,
    for an answer about something that has no id. `selects` says that its parameters choose the devices of a
    job, or the tasks that are changed."""

    role: str
    params: tuple[Param, ...]
    build: Callable[[dict[str, Any]], Command]
    render: Callable[[Any], dict[str, Any]] = _nothing
    ticket: str | None = None
    selects: bool = False

    def parse(self, pairs: Pairs) -> Command:
        """The command these parameters ask for. Raises Missing, Invalid, or NotFound for an id of none of ours."""
        given = read(self.params, pairs)
        if self.selects:
            refuse_unknown_choice(self.params, pairs)
        return self.build(given)


def count_rule(most: int) -> str:
    """How the rule on a list's length reads."""
    return f"at most {most} values"


def read(table: Sequence[Param], pairs: Pairs) -> dict[str, Any]:
    """Every declared parameter by wire name. Raises Missing or Invalid at the first that is refused."""
    given = sort(table, pairs)
    return {param.name: _read_one(param, given) for param in table}


def _read_one(param: Param, given: Given) -> Any:
    if param.kind == "list":
        return _read_list(param, given)
    if param.kind == "structs":
        return _read_structs(param, given)
    return _read_single(param, given.single, param.name)


def _read_single(param: Param, values: Mapping[str, str], wire: str) -> Any:
    text = values.get(param.name, "")
    if text == "" and not (param.keep_empty and param.name in values):
        if param.required:
            raise Missing(wire)
        if param.selects and param.name in values:
            raise _empty(wire)
        return param.default
    return _checked(param, wire, _typed(param.kind, wire, text))


def _empty(wire: str) -> Invalid:
    return Invalid(wire, EMPTY, "give it a value, or leave it out")


def _checked(param: Param, wire: str, value: Any) -> Any:
    problem = param.rule.problem(value) if param.rule else None
    if param.rule and problem:
        raise Invalid(wire, param.rule.text, problem)
    return value


def _typed(kind: Kind, wire: str, text: str) -> Any:
    if kind == "bool":
        return _boolean(wire, text)
    if kind in ("int", "long"):
        return _integer(kind, wire, text)
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise Invalid(wire, TEXT, f"the value is {shown(text)}")
    return text


def _boolean(wire: str, text: str) -> bool:
    word = text.lower()  # alibaba 1.5: SDKs write True or true
    if word not in ("true", "false"):
        raise Invalid(wire, BOOLEAN, f"the value is {shown(text)}")
    return word == "true"


def _integer(kind: Kind, wire: str, text: str) -> int:
    rule = INTEGER if kind == "int" else LONG
    if not _INT.fullmatch(text):
        raise Invalid(wire, rule, f"the value is {shown(text)}")
    number = int(text)
    if not -_INT_MAX[kind] - 1 <= number <= _INT_MAX[kind]:
        raise Invalid(wire, rule, f"the value {text} is out of range")
    return number


def _read_list(param: Param, given: Given) -> tuple[str, ...]:
    numbered = given.items(param.name)
    if not numbered:
        if param.required:
            raise Missing(param.name)
        return ()
    if len(numbered) > param.most:
        raise Invalid(param.name, param.count_rule, f"{len(numbered)} are given")
    items = tuple(_read_item(param, number, text) for number, text in numbered)
    if param.unique:
        refuse_repeats(param.name, items)
    return items


def _read_item(param: Param, number: int, text: str) -> str:
    if not text.strip():
        raise _empty(f"{param.name}.{number}")
    return str(_checked(param, param.name, _typed("str", param.name, text)))


def refuse_repeats(name: str, values: Sequence[str]) -> None:
    """Raises Invalid when a value occurs twice."""
    twice = next((value for value, times in Counter(values).items() if times > 1), None)
    if twice is not None:
        raise Invalid(name, UNIQUE, f"{shown(twice)} is repeated")


def _read_structs(param: Param, given: Given) -> tuple[Struct, ...]:
    numbered = given.parts(param.name)
    if not numbered and param.required:
        raise Missing(param.name)
    if len(numbered) > param.most:
        raise Invalid(param.name, param.count_rule, f"{len(numbered)} are given")
    return tuple(_read_struct(param, f"{param.name}.{number}.", struct) for number, struct in numbered)


def _read_struct(param: Param, where: str, values: Mapping[str, str]) -> Struct:
    absent = next((member.name for member in param.members if member.required and not values.get(member.name)), None)
    given = next((name for name, text in values.items() if text), None)
    if absent and given:
        raise Missing(where + absent, f"{where}{given} is given")
    read_values = {member.name: _read_single(member, values, where + member.name) for member in param.members}
    return Struct(read_values, where=where)
