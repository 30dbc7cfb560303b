"""Huawei's SQL for finding devices (huawei 4.6), read into a condition of `domain.search` with order and window.

It takes a select of named fields, or a count, from `device`, and nothing else of SQL: no nesting, functions, aliases or
joins. Fields, operators and values are checked here; nothing of the text reaches a database. Every bound is the
vendor's: it is what keeps a search cheap.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from upwell.dialects.checks import shown
from upwell.dialects.huawei.params import CHINESE
from upwell.domain.commands import ListDevices
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Invalid
from upwell.domain.modules import DEFAULT_MODULE, SOFTWARE_MODULE
from upwell.domain.search import EVERYONE, Both, Compare, Condition, Either, Field, Not, Operator

SQL_CHARS_MAX = 400
CONDITIONS_MAX = 5
OFFSET_MAX = 500
ROWS_MAX = 50
ROWS_DEFAULT = 10
PREFIX_MIN = 4  # characters before the % of a like

# What a search may show, which is what an answer holds of a device.
SHOWN = (
    "app_id", "app_name", "device_id", "node_id", "gateway_id", "device_name", "node_type", "fw_version", "sw_version",
    "device_sdk_version", "product_id", "product_name", "status", "tags", "modules", "marker",
)  # fmt: skip

_EQUAL, _SETS, _ORDER, _LIKE = {"=", "!="}, {"in", "not in"}, {">", "<"}, {"like"}
_OPERATORS: dict[str, set[str]] = {
    "app_id": _EQUAL | _SETS,
    "device_id": _EQUAL | _SETS,
    "gateway_id": _EQUAL | _SETS,
    "product_id": _EQUAL | _SETS,
    "device_name": _EQUAL | _SETS | _LIKE,
    "node_id": _EQUAL | _SETS | _LIKE,
    "status": _EQUAL | _SETS,
    "node_type": _EQUAL | _SETS,
    "tag_key": _EQUAL | _LIKE,
    "tag_value": _EQUAL | _LIKE,
    "sw_version": _EQUAL | _SETS,
    "fw_version": _EQUAL | _SETS,
    "group_id": _EQUAL | _SETS,
    "create_time": _EQUAL | _SETS | _ORDER,
    "marker": _EQUAL | _SETS | _ORDER,
}
_PLAIN: dict[str, Field] = {
    "app_id": "space",
    "device_id": "public_id",
    "product_id": "product_key",
    "device_name": "nickname",
    "node_id": "name",
    "tag_key": "tag_key",
    "tag_value": "tag_value",
}
_STATUS = {"ONLINE": "ONLINE", "OFFLINE": "OFFLINE", "INACTIVE": "UNACTIVE", "FROZEN": "DISABLED", "ABNORMAL": None}
_CHARS_MAX = {"sw_version": 64, "fw_version": 64, "tag_key": 64, "tag_value": 128, "node_id": 64, "device_name": 256}
_PREFIX = re.compile(rf"[{CHINESE}A-Za-z0-9_-]{{{PREFIX_MIN},}}%")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_GRAMMAR = "select fields|count(*) from device [where ...] [order by marker [asc|desc]] [limit [offset,] rows]"
_ANY_WHERE = "select * from device where "
_CONDITION = "field operator value, joined by and, or; no nesting, functions or null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(Slice):
    """Which rows of a search are asked for, and which members of each; none are all."""

    members: tuple[str, ...] = ()


def shown_of(asked: Slice) -> tuple[str, ...]:
    """The members that an answer shows of each device."""
    return (asked.members if isinstance(asked, Shown) else ()) or SHOWN


def read(sql: str) -> ListDevices:
    """The search that the text asks for. Raises Invalid naming `sql` and the rule that it breaks."""
    reader = _Reader("sql")
    select = reader.select(sql)
    where = select.args.get("where")
    skip, take = reader.limit(select)
    fields, count_only = reader.fields(select)
    condition = EVERYONE if where is None else reader.condition(where.this)
    order = reader.order(select)
    return ListDevices(
        asked=Shown(take=0 if count_only else take, skip=skip, members=fields),
        which=condition,
        order=order,
        counted=count_only,
    )


def read_condition(field: str, text: str) -> Condition:
    """The condition of a where clause alone (huawei 4.4, dynamic_group_rule). Raises Invalid naming `field`."""
    reader = _Reader(field)
    reader.check_length(text)
    select = reader.select(_ANY_WHERE + text, spare=len(_ANY_WHERE))
    if any(select.args.get(part) is not None for part in ("order", "limit", "offset")):
        raise Invalid(field, "a where clause alone")
    return reader.condition(select.args["where"].this)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one text; `field` is the parameter that refusals name."""

    field: str

    def check_length(self, text: str, most: int = SQL_CHARS_MAX) -> None:
        if len(text) > most:
            raise Invalid(self.field, f"at most {SQL_CHARS_MAX} characters", f"it has {len(text)}")

    def select(self, sql: str, spare: int = 0) -> exp.Select:
        self.check_length(sql, SQL_CHARS_MAX + spare)
        try:
            statements = sqlglot.parse(sql, dialect="mysql")  # its limit has the offset first, as Huawei's
        except (SqlglotError, RecursionError) as exc:
            raise Invalid(self.field, _GRAMMAR, "it is not SQL") from exc
        select = statements[0] if len(statements) == 1 else None
        if not isinstance(select, exp.Select):
            raise Invalid(self.field, _GRAMMAR, "it is not one select")
        known = {"expressions", "from", "from_", "where", "order", "limit", "offset"}
        extra = next((part for part, value in select.args.items() if value and part not in known), None)
        if extra is not None:
            raise Invalid(self.field, _GRAMMAR, f"it has a part {extra!r}")
        self._check_from(select)
        return select

    def _check_from(self, select: exp.Select) -> None:
        source = select.args.get("from_") or select.args.get("from")
        table = source.this if source is not None else None
        if not isinstance(table, exp.Table) or table.sql(dialect="mysql") != "device":
            raise Invalid(self.field, _GRAMMAR, "it must be from device")

    def fields(self, select: exp.Select) -> tuple[tuple[str, ...], bool]:
        """What to show, none for everything, and whether only a count is asked for."""
        chosen = select.expressions
        if len(chosen) == 1 and isinstance(chosen[0], exp.Star):
            return (), False
        if len(chosen) == 1 and isinstance(chosen[0], exp.Count) and chosen[0].this.sql() in ("*", "1"):
            return (), True
        names = [_column(node) for node in chosen]
        wrong = next((node for node, name in zip(chosen, names, strict=True) if name not in SHOWN), None)
        if wrong is not None or not names:
            text = "nothing" if wrong is None else shown(wrong.sql(dialect="mysql"))
            raise Invalid(self.field, f"selects *, count(*) or some of {', '.join(SHOWN)}", f"it selects {text}")
        return tuple(cast("list[str]", names)), False

    def order(self, select: exp.Select) -> Literal["record", "record_up"]:
        order = select.args.get("order")
        if order is None:
            return "record"
        terms = order.expressions
        if len(terms) != 1 or _column(terms[0].this) != "marker":
            raise Invalid(self.field, "ordered by marker alone")
        return "record" if terms[0].args.get("desc") else "record_up"

    def limit(self, select: exp.Select) -> tuple[int, int]:
        """How many to pass over, and how many to take."""
        limit, offset = select.args.get("limit"), select.args.get("offset")
        if limit is None:
            return 0, ROWS_DEFAULT
        take = self._number("rows", limit.expression, ROWS_MAX, 1)
        return (0 if offset is None else self._number("offset", offset.expression, OFFSET_MAX, 0)), take

    def _number(self, what: str, node: Any, most: int, least: int) -> int:
        if not isinstance(node, exp.Literal) or node.is_string or not re.fullmatch("[0-9]{1,9}", node.name):
            raise Invalid(self.field, f"{what} of limit is an integer")
        if not least <= int(node.name) <= most:
            raise Invalid(self.field, f"{what} of limit from {least} to {most}", f"it is {node.name}")
        return int(node.name)

    # --- the condition ---

    def condition(self, node: Any) -> Condition:
        count = sum(1 for _ in _leaves(node))
        if count > CONDITIONS_MAX:
            raise Invalid(self.field, f"at most {CONDITIONS_MAX} conditions", f"it has {count}")
        return self._condition(node)

    def _condition(self, node: Any) -> Condition:
        if isinstance(node, exp.Or):
            return Either(tuple(self._condition(part) for part in node.flatten(unnest=False)))
        if isinstance(node, exp.And):
            return Both(tuple(self._condition(part) for part in node.flatten(unnest=False)))
        return self._comparison(node)

    def _comparison(self, node: Any) -> Condition:
        operator, left, values = _taken_apart(node)
        name = _column(left)
        if operator is None or name is None:
            raise Invalid(self.field, _CONDITION, f"there is {shown(node.sql(dialect='mysql'))}")
        if operator not in _OPERATORS.get(name, ()):
            known = "no field" if name not in _OPERATORS else f"not compared by {operator}"
            raise Invalid(self.field, _CONDITION, f"{shown(name)} is {known}")
        texts = tuple(self._value(name, operator, value) for value in values)
        if operator in ("!=", "not in"):  # what lacks the value is unequal to it as well
            return Not(_equal(name, texts))
        if operator in ("=", "in"):
            return _equal(name, texts)
        if operator == "like":
            return Compare(_PLAIN[name], "prefix", (texts[0][:-1],))
        field: Field = "created_at" if name == "create_time" else "record"
        return Compare(field, cast("Operator", operator), texts)

    def _value(self, name: str, operator: str, node: Any) -> str:
        if not isinstance(node, exp.Literal) or not node.is_string:
            raise Invalid(self.field, "values are texts in single quotes", f"there is {shown(node.sql())}")
        text = node.name
        if not text or "\0" in text or len(text) > _CHARS_MAX.get(name, 128):
            raise Invalid(self.field, f"a {name} has 1-{_CHARS_MAX.get(name, 128)} characters", f"it is {shown(text)}")
        if operator == "like" and not _PREFIX.fullmatch(text):
            rule = f"like has at least {PREFIX_MIN} Chinese, letters, digits, _ or - and then %"
            raise Invalid(self.field, rule, f"it is {shown(text)}")
        if name in _FORMS and not _FORMS[name][0](text):
            raise Invalid(self.field, f"a value of {name} is {_FORMS[name][1]}", f"it is {shown(text)}")
        return str(int(text, 16)) if name == "marker" else text


def _leaves(node: Any) -> Any:
    """The comparisons of a condition."""
    if isinstance(node, (exp.Or, exp.And)):
        yield from _leaves(node.left)
        yield from _leaves(node.right)
    else:
        yield node


def _column(node: Any) -> str | None:
    """The name of a bare column; None for anything else, and for a qualified one."""
    return node.name if isinstance(node, exp.Column) and not node.table else None


_SIDES = ("this", "expression")  # any other part changes the meaning: a `not like` is a Like that is negated
_SIMPLE: dict[type[Any], str] = {exp.EQ: "=", exp.NEQ: "!=", exp.GT: ">", exp.LT: "<", exp.Like: "like"}


def _taken_apart(node: Any) -> tuple[str | None, Any, tuple[Any, ...]]:
    """Operator, left side and values of a comparison; no operator for what is none."""
    if type(node) in _SIMPLE and not any(value for name, value in node.args.items() if name not in _SIDES):
        return _SIMPLE[type(node)], node.this, (node.expression,)
    inner, operator = (node.this, "not in") if isinstance(node, exp.Not) else (node, "in")
    if isinstance(inner, exp.In) and inner.expressions:
        return operator, inner.this, tuple(inner.expressions)
    return None, node, ()


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "create_time": (_is_time, "a time in the form yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"),
    "marker": (re.compile("[0-9A-Fa-f]{24}").fullmatch, "24 hexadecimal digits"),
    "status": (lambda text: text in _STATUS, "one of " + ", ".join(_STATUS)),
    "node_type": (lambda text: text in ("GATEWAY", "ENDPOINT"), "GATEWAY or ENDPOINT"),
    "group_id": (re.compile("[0-9A-Fa-f-]{1,36}").fullmatch, "hexadecimal digits and -"),
}


# --- fields of Huawei that are no field of the core by themselves -------------------------------------------------


def _equal(name: str, texts: tuple[str, ...]) -> Condition:
    """That the field has one of these values."""
    if name in _PLAIN:
        return _one_of(_PLAIN[name], texts)
    return _SPECIAL[name](texts)


def _one_of(field: Field, texts: tuple[str, ...]) -> Condition:
    return Compare(field, "=", texts) if len(texts) == 1 else Compare(field, "in", texts)


def _status(texts: tuple[str, ...]) -> Condition:
    known = tuple(word for text in texts if (word := _STATUS[text]) is not None)
    return _one_of("status", known) if known else Either(())  # no device of ours is ABNORMAL


def _node_type(texts: tuple[str, ...]) -> Condition:
    behind = Not(Compare("gateway", "=", ("",)))
    return Either(tuple(behind if text == "ENDPOINT" else behind.part for text in texts))


def _gateway(texts: tuple[str, ...]) -> Condition:
    # huawei 4.3: the gateway_id of a direct device is its own device_id
    itself = Both((Compare("gateway", "=", ("",)), _one_of("public_id", texts)))
    return Either((_one_of("gateway", texts), itself))


def _version_of(module: str) -> Callable[[tuple[str, ...]], Condition]:
    return lambda texts: Both((Compare("module", "=", (module,)), _one_of("version", texts)))


def _group(texts: tuple[str, ...]) -> Condition:
    numbers = tuple(str(int(text, 16)) for text in texts if re.fullmatch(r"[0-9a-f]{24}", text))
    return _one_of("group_id", numbers) if numbers else Either(())  # an id that is none of ours


_SPECIAL: dict[str, Callable[[tuple[str, ...]], Condition]] = {
    "status": _status,
    "node_type": _node_type,
    "gateway_id": _gateway,
    "fw_version": _version_of(DEFAULT_MODULE),
    "sw_version": _version_of(SOFTWARE_MODULE),
    "group_id": _group,
    "create_time": lambda texts: _one_of("created_at", texts),
    "marker": lambda texts: _one_of("record", texts),
}
