"""Which devices a rule means, as one SQL condition; and the rule as JSON.

The text is joined from the fragments of this file alone; every value of a rule is a parameter. The statement around
it must call its tables d (device), p (its product) and n (its presence, left joined). A condition is true or false,
never null: an absent nickname or time of activation equals nothing, so only `!=` and `not in` hold for it.
Tags, modules and groups are rows beside a device: a comparison holds when a row of the device fits it, and a
device is in none of the groups that `!=` and `not in` name.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from upwell.domain.errors import Invalid
from upwell.domain.search import Both, Compare, Condition, Either, Not

PLACE = "{rule}"  # where a statement takes a condition

_COLUMNS = {
    "product_key": "p.product_key",
    "name": "d.name",
    "nickname": "d.nickname",
    "status": "device_status(d.enabled, n.node_id, d.activated_at)",
    "node_type": "case when exists (select from topology y where y.device_id = d.device_id)"
    " then 'ENDPOINT' else 'GATEWAY' end",
    "created_at": "d.created_at",
    "activated_at": "d.activated_at",
    "tag_key": "r.key",
    "tag_value": "r.value",
    "module": "r.module",
    "version": "r.version",
    "group_id": "r.group_id",
}
_ABSENT = frozenset({"nickname", "activated_at"})  # columns that may hold null
_TYPES = {"created_at": "timestamptz", "activated_at": "timestamptz", "group_id": "bigint"}  # the others are text
_ROWS = {  # fields of rows beside the device: the row's table, and the field that names the row
    "tag_key": ("device_tag", "tag_key"),
    "tag_value": ("device_tag", "tag_key"),
    "module": ("module_version", "module"),
    "version": ("module_version", "module"),
}
_TESTS = {
    "=": "{column} = {value}",
    "!=": "{column} <> {value}",
    ">": "{column} > {value}",
    ">=": "{column} >= {value}",
    "<": "{column} < {value}",
    "<=": "{column} <= {value}",
    "like": "{column} like {value} escape ''",  # no character escapes % and _
    "in": "{column} = any({value})",
    "not in": "{column} <> all({value})",
}
_LISTS = ("in", "not in")
_NEGATED = {"!=": "=", "not in": "in"}
_ORDERS = (">", ">=", "<", "<=")


def condition(rule: Condition, first: int) -> tuple[str, list[object]]:
    """The SQL condition of a rule and its arguments, the first of which is `$first`. Raises Invalid (rule)."""
    text = _Text(first)
    return text.of(rule), text.values


def fitted(statement: str, rules: Iterable[Condition], *given: object) -> tuple[str, list[object]]:
    """A statement with the conditions of `rules`, separated by commas, in its PLACE; and all its arguments, of which
    `given` are the first. Raises Invalid (rule)."""
    text = _Text(len(given) + 1)
    conditions = ", ".join([text.of(rule) for rule in rules])
    return statement.replace(PLACE, conditions), [*given, *text.values]


class _Text:
    """SQL text and the arguments that its parameters stand for."""

    def __init__(self, first: int) -> None:
        self.values: list[object] = []
        self._first = first

    def of(self, rule: Condition) -> str:
        """The text of a rule, in parentheses or one term."""
        match rule:
            case Compare():
                return self._alone(rule)
            case Both(parts):
                return _joined(" and ", self._conjuncts(parts)) or "true"
            case Either(parts):
                return _joined(" or ", [self.of(part) for part in parts]) or "false"
            case Not(part):
                return f"(not {self.of(part)})"

    def _conjuncts(self, parts: Sequence[Condition]) -> list[str]:
        found = [self.of(part) for part in parts if not _is_of_row(part)]
        return found + [self._row(table, row) for table, row in _rows(parts)]

    def _alone(self, rule: Compare) -> str:
        if rule.field == "group_id":
            return self._membership(rule)
        if rule.field in _ROWS:
            return self._row(_ROWS[rule.field][0], [rule])
        return f"({self._test(rule)})"

    def _membership(self, rule: Compare) -> str:
        among = Compare("group_id", _NEGATED.get(rule.operator, rule.operator), rule.values)  # type: ignore[arg-type]
        text = self._row("group_member", [among])
        return f"(not {text})" if rule.operator in _NEGATED else text

    def _row(self, table: str, row: Sequence[Compare]) -> str:
        tests = " and ".join(self._test(rule) for rule in row)
        return f"(exists (select from {table} r where r.device_id = d.device_id and {tests}))"

    def _test(self, rule: Compare) -> str:
        column = _COLUMNS[rule.field]
        if rule.operator in _ORDERS and rule.field not in _TYPES:
            column += ' collate "C"'  # one order in every database
        test = _TESTS[rule.operator].format(column=column, value=self._value(rule))
        if rule.field not in _ABSENT:
            return test
        return f"coalesce({test}, {'true' if rule.operator in _NEGATED else 'false'})"

    def _value(self, rule: Compare) -> str:
        kind = _TYPES.get(rule.field, "text")
        if kind != "text" and (rule.operator == "like" or (kind == "bigint" and rule.operator in _ORDERS)):
            raise Invalid("rule", f"{rule.field} is not compared by {rule.operator}")
        read = [_READ[kind](rule.field, value) for value in rule.values]
        if rule.operator in _LISTS:
            self.values.append(read)
            kind += "[]"
        elif len(read) == 1:
            self.values.append(read[0])
        else:
            raise Invalid("rule", f"{rule.field} {rule.operator} takes one value")
        return f"${self._first + len(self.values) - 1}::{kind}"


def _joined(word: str, texts: list[str]) -> str:
    return f"({word.join(texts)})" if texts else ""


def _is_of_row(part: Condition) -> bool:
    return isinstance(part, Compare) and part.field in _ROWS


def _rows(parts: Sequence[Condition]) -> list[tuple[str, list[Compare]]]:
    """The comparisons that speak of the same row, together. A tag or module has one name, so a second one that a
    row should equal begins the next row."""
    rows: dict[str, list[list[Compare]]] = {}
    for part in parts:
        if not isinstance(part, Compare) or part.field not in _ROWS:
            continue
        table, name = _ROWS[part.field]
        of_table = rows.setdefault(table, [[]])
        names = part.field == name and part.operator == "="
        if names and any(c.field == name and c.operator == "=" for c in of_table[-1]):
            of_table.append([])
        of_table[-1].append(part)
    return [(table, row) for table, of_table in rows.items() for row in of_table]


def _text(field: str, value: str) -> str:
    return value


def _moment(field: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as exc:
        raise Invalid("rule", f"{field} is compared with a time in ISO 8601", value) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(field: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) >= 1 << 63:
        raise Invalid("rule", f"{field} is compared with an id", value)
    return int(value)


_READ: dict[str, Any] = {"text": _text, "timestamptz": _moment, "bigint": _number}


# --- as JSON ---


def to_json(rule: Condition) -> str:
    """The rule as JSON text; `from_json` gives it back."""
    return json.dumps(_tree(rule), separators=(",", ":"))


def from_json(text: str) -> Condition:
    """The rule that `to_json` wrote."""
    return _rule(json.loads(text))


def _tree(rule: Condition) -> dict[str, Any]:
    match rule:
        case Compare(field, operator, values):
            return {"field": field, "operator": operator, "values": list(values)}
        case Both(parts):
            return {"both": [_tree(part) for part in parts]}
        case Either(parts):
            return {"either": [_tree(part) for part in parts]}
        case Not(part):
            return {"not": _tree(part)}


def _rule(tree: dict[str, Any]) -> Condition:
    match tree:
        case {"both": parts}:
            return Both(tuple(_rule(part) for part in parts))
        case {"either": parts}:
            return Either(tuple(_rule(part) for part in parts))
        case {"not": part}:
            return Not(_rule(part))
        case _:
            return Compare(tree["field"], tree["operator"], tuple(tree["values"]))
