"""Reads an operation's parameters from a flat request (alibaba 1.5): `name=value` pairs in, typed values or a named
refusal out.

A list is `Name.N`, one of structs `Name.N.Member`, with N from 1. An absent or empty value is Missing when required and
the default otherwise; an empty value of a list, or of a parameter that selects, is Invalid: it is a variable that was
not set. A value that fails its check is Invalid, naming parameter, check and what is wrong with the value, which is
shortened. Undeclared parameters are ignored, as the vendors' gateway does, unless they are nearly declared ones
(`flat_names`).
"""

import re
from collections.abc import Mapping
from typing import Any

from upwell.dialects.checks import shown
from upwell.dialects.flat_names import EMPTY, Given, refuse_unknown_choice, sort
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

INTEGER = "an integer in decimal digits"
LONG = "a 64-bit integer in decimal digits"
BOOLEAN = "true or false"
FORMS = frozenset({INTEGER, LONG, BOOLEAN, STORABLE})  # breaking one of these is unparseable input (1.6)

_INT = re.compile(r"[+-]?[0-9]{1,19}")
_INT_MAX = {"int": 2**31 - 1, "long": 2**63 - 1}


class Struct(dict[str, Any]):
    """The members of one struct of a list; `where` is what their names begin with on the wire, `Tag.3.`."""

    def __init__(self, members: Mapping[str, Any], *, where: str) -> None:
        super().__init__(members)
        self.where = where


def command(operation: Operation, pairs: Pairs) -> Command:
    """The command that these parameters ask for. Raises Missing, Invalid, or NotFound for an id of none of ours."""
    given = read(operation.params, pairs)
    if operation.selects:
        refuse_unknown_choice(operation.params, pairs)
    return operation.build(given)


def read(table: Table, pairs: Pairs) -> dict[str, Any]:
    """Every declared parameter by wire name. Raises Missing or Invalid at the first that is refused."""
    given = sort(table, pairs)
    return {param.name: _read_one(param, given) for param in table}


def _read_one(param: Param, given: Given) -> Any:
    if param.kind == "list":
        return _read_structs(param, given) if param.members else _read_list(param, given)
    return _read_single(param, given.single, param.name)


def _read_single(param: Param, values: Mapping[str, str], wire: str) -> Any:
    text = values.get(param.name, "")
    if text == "" and not (param.keep_empty and param.name in values):
        if param.required:
            raise Missing(wire)
        if param.selects and param.name in values:
            raise _empty(wire)
        return param.default
    return checked(param, _typed(param.kind, wire, text), wire)


def _empty(wire: str) -> Invalid:
    return Invalid(wire, EMPTY, "give it a value, or leave it out")


def _typed(kind: Kind, wire: str, text: str) -> Any:
    if kind == "bool":
        return _boolean(wire, text)
    if kind in ("int", "long"):
        return _integer(kind, wire, text)
    if not is_storable(text):
        raise Invalid(wire, STORABLE, f"the value is {shown(text)}")
    return text


def _boolean(wire: str, text: str) -> bool:
    word = text.lower()  # alibaba 1.5: SDKs write True or true
    if word not in ("true", "false"):
        raise Invalid(wire, BOOLEAN, f"the value is {shown(text)}")
    return word == "true"


def _integer(kind: Kind, wire: str, text: str) -> int:
    form = INTEGER if kind == "int" else LONG
    if not _INT.fullmatch(text):
        raise Invalid(wire, form, f"the value is {shown(text)}")
    number = int(text)
    if not -_INT_MAX[kind] - 1 <= number <= _INT_MAX[kind]:
        raise Invalid(wire, form, f"the value {text} is out of range")
    return number


def _read_list(param: Param, given: Given) -> tuple[str, ...]:
    numbered = given.items(param.name)
    if not numbered:
        if param.required:
            raise Missing(param.name)
        return ()
    _check_count(param, len(numbered))
    items = tuple(_read_item(param, number, text) for number, text in numbered)
    if param.unique:
        refuse_repeats(param.name, items)
    return items


def _read_item(param: Param, number: int, text: str) -> str:
    if not text.strip():
        raise _empty(f"{param.name}.{number}")
    return str(checked(param, _typed("text", param.name, text), param.name))


def _check_count(param: Param, count: int) -> None:
    if count > param.most:
        raise Invalid(param.name, f"at most {param.most} values", f"{count} are given")


def _read_structs(param: Param, given: Given) -> tuple[Struct, ...]:
    numbered = given.parts(param.name)
    if not numbered and param.required:
        raise Missing(param.name)
    _check_count(param, len(numbered))
    return tuple(_read_struct(param, f"{param.name}.{number}.", struct) for number, struct in numbered)


def _read_struct(param: Param, where: str, values: Mapping[str, str]) -> Struct:
    absent = next((member.name for member in param.members if member.required and not values.get(member.name)), None)
    given = next((name for name, text in values.items() if text), None)
    if absent and given:
        raise Missing(where + absent, f"{where}{given} is given")
    read_values = {member.name: _read_single(member, values, where + member.name) for member in param.members}
    return Struct(read_values, where=where)
