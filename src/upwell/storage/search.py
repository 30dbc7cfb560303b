"""Which devices a condition means, in SQL; and the condition as JSON.

The text is joined from the fragments of this file alone; every value of a condition is a parameter. The statement
around it must call its tables d (device), p (its product) and n (its presence, left joined). A condition is true or
false, never null: an absent nickname or time of activation equals nothing, so only `!=` and `not in` hold for it.
Tags, modules and groups are rows beside a device: a comparison holds when a row of the device fits it, and a
device is in none of the groups that `!=` and `not in` name. A version that is not known fits no comparison, also not
that it differs from one.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from upwell.domain.errors import Invalid
from upwell.domain.fleet import implied_ids
from upwell.domain.modules import module_key
from upwell.domain.records import RECORD_BITS, device_bound
from upwell.domain.search import Both, Compare, Condition, Either, Not

PLACE = "{condition}"  # where a statement takes a condition

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
    "module": "lower(r.module)",
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
    "prefix": "starts_with({column}, {value})",
    "in": "{column} = any({value})",
    "not in": "{column} <> all({value})",
}
_NAMED = frozenset({"group_id", "space", "public_id", "gateway", "behind", "product_facts", "set_aside"})
_BEFORE = "topology y join device g on g.device_id = y.gateway_id"
_ABOVE = (
    "topology y left join topology z on z.device_id = y.gateway_id"
    " join device g on g.device_id in (y.gateway_id, z.gateway_id)"
)
_BELOW = "y.device_id = d.device_id"
_ASIDE = "exists (select from setback b where b.device_id = d.device_id and b.until_at > {moment})"
_LISTS = ("in", "not in")
_NEGATED = {"!=": "=", "not in": "in"}
_ORDERS = (">", ">=", "<", "<=")


def condition(asked: Condition, first: int) -> tuple[str, list[object]]:
    """The condition in SQL and its arguments, the first of which is `$first`. Raises Invalid (condition)."""
    text = _Text(first)
    return text.of(asked), text.values


def where(statement: Sequence[Any], *conditions: Condition) -> tuple[Any, ...]:
    """A statement and its arguments, with these conditions, separated by commas, in its PLACE, and their arguments
    behind its own; as the driver takes them. Raises Invalid (condition)."""
    sql, *given = statement
    text = _Text(len(given) + 1)
    texts = ", ".join([text.of(each) for each in conditions])
    return (sql.replace(PLACE, texts), *given, *text.values)


class _Text:
    """SQL text and the arguments that its parameters stand for."""

    def __init__(self, first: int) -> None:
        self.values: list[object] = []
        self._first = first

    def of(self, asked: Condition) -> str:
        """The text of a condition, in parentheses or one term."""
        match asked:
            case Compare():
                return self._alone(asked)
            case Both(parts):
                return _joined(" and ", self._conjuncts(parts)) or "true"
            case Either(parts):
                return _joined(" or ", [self.of(part) for part in parts]) or "false"
            case Not(part):
                return f"(not {self.of(part)})"

    def _conjuncts(self, parts: Sequence[Condition]) -> list[str]:
        found = [self.of(part) for part in parts if not _is_of_row(part)]
        return found + [self._row(table, row) for table, row in _rows(parts)]

    def _alone(self, each: Compare) -> str:
        if each.field in _NAMED:
            return self._named(each)
        if each.field == "record":
            return self._recorded(each)
        if each.field in _ROWS:
            return self._row(_ROWS[each.field][0], [each])
        return f"({self._test(each)})"

    def _named(self, each: Compare) -> str:
        """A field that stands for something beside the device: only equality has a meaning."""
        operator = _NEGATED.get(each.operator, each.operator)
        if operator not in ("=", "in"):
            raise Invalid("condition", f"{each.field} is not compared by {each.operator}")
        text = self._among(each.field, each.values)
        return f"(not {text})" if each.operator in _NEGATED else text

    def _among(self, field: str, values: Sequence[str]) -> str:
        match field:
            case "group_id":
                return self._row("group_member", [Compare("group_id", "in", tuple(values))])
            case "space":
                keys = self._argument(list(values), "text[]")
                return f"(exists (select from space s where s.space_id = p.space_id and s.key = any({keys})))"
            case "product_facts":
                return f"(p.facts @> any({self._argument(list(values), 'jsonb[]')}))"
            case "set_aside":
                moments = [self._argument(_moment(field, value), "timestamptz") for value in values]
                return _joined(" or ", [_ASIDE.format(moment=moment) for moment in moments]) or "false"
            case "public_id":
                return self._known_as("d", values)
            case "behind":
                return f"(exists (select from {_ABOVE} where {_BELOW} and {self._known_as('g', values)}))"
        named = [value for value in values if value]
        texts = [f"exists (select from {_BEFORE} where {_BELOW} and {self._known_as('g', named)})"] if named else []
        if len(named) < len(values):
            texts.append(f"not exists (select from topology y where {_BELOW})")
        return _joined(" or ", texts)

    def _known_as(self, table: str, public_ids: Sequence[str]) -> str:
        """That the device of this table has one of these public ids, chosen or not."""
        implied = [device for text in public_ids for device in implied_ids(text)]
        chosen = f"{table}.public_id = any({self._argument(list(public_ids), 'text[]')})"
        unchosen = f"{table}.device_id = any({self._argument(implied, 'uuid[]')})"
        return f"(({table}.public_id is not null and {chosen}) or ({table}.public_id is null and {unchosen}))"

    def _recorded(self, each: Compare) -> str:
        """A record compared as the pair it is made of: from n on means not below n."""
        numbers = [_READ["record"](each.field, value) for value in each.values]
        match each.operator:
            case "<" | ">=":
                text = self._below(numbers[0])
                return text if each.operator == "<" else f"(not {text})"
            case "<=" | ">":
                text = self._below(numbers[0] + 1)
                return text if each.operator == "<=" else f"(not {text})"
            case "=" | "in" | "!=" | "not in":
                texts = [f"({self._below(n + 1)} and not {self._below(n)})" for n in numbers]
                text = _joined(" or ", texts) or "false"
                return f"(not {text})" if each.operator in _NEGATED else text
        raise Invalid("condition", f"{each.field} is not compared by {each.operator}")

    def _below(self, record: int) -> str:
        moment, device = device_bound(record)
        bound = f"{self._argument(moment, 'timestamptz')}, {self._argument(device, 'uuid')}"
        return f"((d.created_at, d.device_id) < ({bound}))"

    def _argument(self, value: object, kind: str) -> str:
        self.values.append(value)
        return f"${self._first + len(self.values) - 1}::{kind}"

    def _row(self, table: str, row: Sequence[Compare]) -> str:
        tests = " and ".join(self._test(each) for each in row)
        return f"(exists (select from {table} r where r.device_id = d.device_id and {tests}))"

    def _test(self, each: Compare) -> str:
        column = _COLUMNS[each.field]
        if each.operator in _ORDERS and each.field not in _TYPES:
            column += ' collate "C"'  # one order in every database
        test = _TESTS[each.operator].format(column=column, value=self._value(each))
        if each.field not in _ABSENT:
            return test
        return f"coalesce({test}, {'true' if each.operator in _NEGATED else 'false'})"

    def _value(self, each: Compare) -> str:
        kind = _TYPES.get(each.field, "text")
        if kind != "text" and (each.operator in ("like", "prefix") or (kind == "bigint" and each.operator in _ORDERS)):
            raise Invalid("condition", f"{each.field} is not compared by {each.operator}")
        read = [_READ[kind](each.field, value) for value in each.values]
        if each.field == "module" and each.operator not in _ORDERS:
            read = [module_key(value) for value in read]
        if each.operator in _LISTS:
            return self._argument(read, f"{kind}[]")
        if len(read) != 1:
            raise Invalid("condition", f"{each.field} {each.operator} takes one value")
        return self._argument(read[0], kind)


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
        raise Invalid("condition", f"{field} is compared with a time in ISO 8601", value) from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(field: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) >= 1 << 63:
        raise Invalid("condition", f"{field} is compared with an id", value)
    return int(value)


def _record(field: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) >> RECORD_BITS:
        raise Invalid("condition", f"{field} is compared with a record number", value[:40])
    return int(value)


_READ: dict[str, Any] = {"text": _text, "timestamptz": _moment, "bigint": _number, "record": _record}


# --- as JSON ---


def to_json(asked: Condition) -> str:
    """The condition as JSON text; `from_json` gives it back."""
    return json.dumps(_tree(asked), separators=(",", ":"))


def from_json(text: str) -> Condition:
    """The condition that `to_json` wrote."""
    return _read(json.loads(text))


def _tree(asked: Condition) -> dict[str, Any]:
    match asked:
        case Compare(field, operator, values):
            return {"field": field, "operator": operator, "values": list(values)}
        case Both(parts):
            return {"both": [_tree(part) for part in parts]}
        case Either(parts):
            return {"either": [_tree(part) for part in parts]}
        case Not(part):
            return {"not": _tree(part)}


def _read(tree: dict[str, Any]) -> Condition:
    match tree:
        case {"both": parts}:
            return Both(tuple(_read(part) for part in parts))
        case {"either": parts}:
            return Either(tuple(_read(part) for part in parts))
        case {"not": part}:
            return Not(_read(part))
        case _:
            return Compare(tree["field"], tree["operator"], tuple(tree["values"]))
