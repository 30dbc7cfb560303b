"""The rule of a dynamic group (alibaba 3.4), a WHERE text such as `product_key = "a1***" and name LIKE "test%"`, read
into a value of domain/search.py.

A parser of SQL reads the form, and this module takes from it the few shapes that a rule may have; whatever is not
named here is refused, saying what it is. Length, number of conditions and depth are bounded before anything recurses.
No SQL is written: what comes out holds fields and operators of the domain, and values.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from sqlglot import exp, parse
from sqlglot.dialects.mysql import MySQL
from sqlglot.errors import SqlglotError

from upwell.dialects.alibaba import names
from upwell.dialects.checks import shown
from upwell.dialects.rpc_answers import from_millis, utc
from upwell.dialects.rpc_checks import DEVICE_STATUS
from upwell.domain.errors import Invalid
from upwell.domain.search import Both, Compare, Condition, Either, Field, Not, Operator
from upwell.domain.talk import DEFAULT_MODULE

# The vendor allows 400 characters and 5 conditions; these are wider and still cheap to search by.
EXPRESSION_CHARS_MAX = 2000
CONDITIONS_MAX = 20  # comparisons in a rule
DEPTH_MAX = 5  # parentheses and NOTs inside each other
VALUES_MAX = 50  # values of one IN
VALUE_CHARS_MAX = 256

_CHINA = timezone(timedelta(hours=8))  # alibaba 3.3: what names no zone is UTC+8
_MILLIS = re.compile(r"[0-9]{13}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z?)?")

_WORDS = frozenset({  # kinds of token that a rule is made of
    "VAR", "STRING", "NUMBER", "DOT", "COMMA", "L_PAREN", "R_PAREN", "AND", "OR", "NOT", "IN", "LIKE",
    "EQ", "NEQ", "GT", "GTE", "LT", "LTE",
})  # fmt: skip
_COMPARISONS: dict[type[exp.Expr], Operator] = {
    exp.EQ: "=", exp.NEQ: "!=", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=", exp.Like: "like",
}  # fmt: skip
_EQUAL: tuple[Operator, ...] = ("=", "!=", "in", "not in")
_TEXT: tuple[Operator, ...] = (*_EQUAL, "like")
_ORDER: tuple[Operator, ...] = ("=", "!=", ">", ">=", "<", "<=")


@dataclass(frozen=True, slots=True)
class _Column:
    """A field of the vendor's: what it is in the domain, its operators, and how its values are read."""

    field: Field
    operators: tuple[Operator, ...]
    read: Callable[[str, str], str]


def read_rule(text: str) -> Condition:
    """The condition that the text states. Raises Invalid("DynamicGroupExpression") for any other text, and NotFound
    for a group.group_id that is none of ours."""
    if len(text) > EXPRESSION_CHARS_MAX:
        raise _wrong(f"at most {EXPRESSION_CHARS_MAX} characters", f"it has {len(text)}")
    _check_words(text)
    try:
        trees = parse(text, read=MySQL)
    except (SqlglotError, RecursionError) as exc:
        raise _wrong(_FORM, f"the value is {shown(text)}") from exc
    if len(trees) != 1 or trees[0] is None:
        raise _wrong(_FORM, f"the value is {shown(text)}")
    conditions = sum(1 for node in trees[0].walk() if isinstance(node, (exp.In, *_COMPARISONS)))
    if conditions > CONDITIONS_MAX:
        raise _wrong(f"at most {CONDITIONS_MAX} conditions", f"it has {conditions}")
    return _condition(trees[0])


_FORM = 'conditions such as product_key = "a" and name LIKE "b%", joined by and, or, not and parentheses'


def _wrong(rule: str, problem: str) -> Invalid:
    return Invalid("DynamicGroupExpression", rule, problem)


def _no_field(name: str) -> Invalid:
    return _wrong("fields " + ", ".join(sorted(_COLUMNS)), f"there is no {shown(name)}")


def _check_words(text: str) -> None:
    """Only the words of a rule, and no deeper than allowed: what follows may recurse."""
    try:
        tokens = MySQL().tokenize(text)
    except SqlglotError as exc:
        raise _wrong(_FORM, f"the value is {shown(text)}") from exc
    depth = nots = 0
    for token in tokens:
        kind = token.token_type.name
        if kind not in _WORDS:
            raise _wrong(_FORM, f"{shown(token.text)} is not part of one")
        if kind == "VAR" and token.text.lower() not in _NAMES:  # so no function and no statement is ever parsed
            raise _no_field(token.text)
        depth += (kind == "L_PAREN") - (kind == "R_PAREN")
        nots += kind == "NOT"
        if depth > DEPTH_MAX or nots > CONDITIONS_MAX:
            raise _wrong(f"parentheses at most {DEPTH_MAX} deep, and NOT at most {CONDITIONS_MAX} times", "it has more")


def _condition(node: exp.Expr) -> Condition:
    match node:
        case exp.Paren():
            return _condition(node.this)
        case exp.Not(this=exp.In() as inner):
            return _in(inner, "not in")
        case exp.Not():
            return Not(_condition(node.this))
        case exp.And():
            return _both(tuple(map(_condition, _chain(node, exp.And))))
        case exp.Or():
            return Either(tuple(map(_condition, _chain(node, exp.Or))))
        case exp.In():
            return _in(node, "in")
    if type(node) in _COMPARISONS:
        found = _compare(node.this, _COMPARISONS[type(node)], (node.expression,))
        return Not(found) if node.args.get("negate") else found  # some parsers write NOT LIKE so
    raise _wrong(_FORM, f"{shown(node.name or node.key)} is not one")


def _chain(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """`a and b and c` in order; what stands in parentheses stays together."""
    parts: list[exp.Expr] = []
    while type(node) is kind:
        parts.append(node.args["expression"])
        node = node.this
    return [node, *reversed(parts)]


def _both(parts: tuple[Condition, ...]) -> Condition:
    """domain/search: comparisons of a tag beside each other speak of one tag, so two tags need parentheses."""
    for field, pair in (("tag_key", "tag.tag_name and tag.tag_value"), ("module", "ota_module.name and .version")):
        if sum(1 for part in parts if isinstance(part, Compare) and part.field == field) > 1:
            raise _wrong(f"parentheses around each pair of {pair}", "several stand beside each other")
    return Both(parts)


def _in(node: exp.In, operator: Operator) -> Condition:
    values = node.expressions
    if {name for name, value in node.args.items() if value} != {"this", "expressions"}:
        raise _wrong(_FORM, f"{shown(node.name or node.key)} is not one")
    if len(values) > VALUES_MAX:
        raise _wrong(f"at most {VALUES_MAX} values after IN", f"{len(values)} are given")
    return _compare(node.this, operator, tuple(values))


def _compare(left: exp.Expr, operator: Operator, right: tuple[exp.Expr, ...]) -> Condition:
    name = _column_name(left)
    column = _COLUMNS.get(name)
    if column is None:
        raise _no_field(name)
    if operator not in column.operators:
        raise _wrong(f"{name} with " + ", ".join(column.operators), f"the operator is {operator}")
    found = Compare(column.field, operator, tuple(column.read(name, _literal(each)) for each in right))
    if name == "firmware_version":  # alibaba 3.2: the last reported version of the module `default`
        return Both((Compare("module", "=", (DEFAULT_MODULE,)), found))
    return found


def _column_name(node: exp.Expr) -> str:
    if not isinstance(node, exp.Column):
        raise _wrong("a field, an operator, a value in this order", f"{shown(node.name or node.key)} is no field")
    return ".".join(part.name for part in node.parts).lower()


def _literal(node: exp.Expr) -> str:
    if not isinstance(node, exp.Literal):
        raise _wrong("values in quotes, or numbers", f"{shown(node.name or node.key)} is neither")
    text = node.name
    if not 1 <= len(text) <= VALUE_CHARS_MAX:
        raise _wrong(f"values of 1-{VALUE_CHARS_MAX} characters", f"one has {len(text)}")
    if "\\" in text:  # what it would escape, and where, nobody documents
        raise _wrong("values without a backslash", f"one is {shown(text)}")
    return text


# --- values -------------------------------------------------------------------------------------------------------


def _plain(name: str, text: str) -> str:
    return text


def _status(name: str, text: str) -> str:
    for status, word in DEVICE_STATUS.items():
        if word == text.upper():
            return status
    raise _wrong(f"{name} one of " + ", ".join(DEVICE_STATUS.values()), f"it is {shown(text)}")


def _node_type(name: str, text: str) -> str:
    if text not in ("0", "1"):
        raise _wrong(f"{name} 0 or 1", f"it is {shown(text)}")
    return text


def _group(name: str, text: str) -> str:
    return str(names.read_group_id(text))


def _time(name: str, text: str) -> str:
    try:
        at = _moment(text)
    except (ValueError, OverflowError) as exc:
        rule = f"{name} as yyyy-MM-dd HH:mm:ss.SSS, as ISO 8601 in UTC, or in milliseconds since 1970"
        raise _wrong(rule, f"it is {shown(text)}") from exc
    return str(utc(at))


def _moment(text: str) -> datetime:
    if _MILLIS.fullmatch(text):
        return from_millis(int(text))
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=_CHINA)).astimezone(UTC)


_COLUMNS: Mapping[str, _Column] = {
    "product_key": _Column("product_key", _TEXT, _plain),
    "name": _Column("name", _TEXT, _plain),
    "nickname": _Column("nickname", _TEXT, _plain),
    "nick_name": _Column("nickname", _TEXT, _plain),
    "status": _Column("status", _EQUAL, _status),
    "node_type": _Column("node_type", _EQUAL, _node_type),
    "active_time": _Column("activated_at", _ORDER, _time),
    "gmt_create": _Column("created_at", _ORDER, _time),
    "group.group_id": _Column("group_id", _EQUAL, _group),
    "tag.tag_name": _Column("tag_key", _TEXT, _plain),
    "tag_name": _Column("tag_key", _TEXT, _plain),
    "tag.tag_value": _Column("tag_value", _TEXT, _plain),
    "tag_value": _Column("tag_value", _TEXT, _plain),
    "ota_module.name": _Column("module", _TEXT, _plain),
    "ota_module.module_name": _Column("module", _TEXT, _plain),
    "ota_module.version": _Column("version", _TEXT, _plain),
    "firmware_version": _Column("version", _TEXT, _plain),
}
_NAMES = frozenset(part for name in _COLUMNS for part in name.split("."))
