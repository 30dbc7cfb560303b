"""What fills a group of ours: comparisons of what a device shows, read into a condition of `domain.search`.

A condition is all of some comparisons, or any of some such. It is kept as JSON in these words, which no other tongue's
text is, and shown as that. Refuses: a comparison that says nothing, by the place where it stands.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from upwell.dialects.checks import OneOf
from upwell.dialects.operations import Param, Table, Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.device_ops import STATUSES
from upwell.dialects.upwell.params import ONE_MEMBER, Moment, label, moment, word
from upwell.domain.errors import Invalid, Missing
from upwell.domain.modules import DEFAULT_MODULE
from upwell.domain.search import Both, Compare, Condition, Either, Field, Not

COMPARISONS_MAX = 10  # of a condition, for each is asked of every device that is looked at
VALUES_MAX = 50  # of a comparison
_EQUAL, _TEXT, _TIME = ("is", "is_not"), ("is", "is_not", "begins_with"), ("before", "after")
_BY: Mapping[str, tuple[Field, tuple[str, ...]]] = {
    "id": ("public_id", _EQUAL),
    "name": ("name", _TEXT),
    "nickname": ("nickname", _TEXT),
    "product_id": ("product_key", _EQUAL),
    "space_id": ("space", _EQUAL),
    "group_id": ("group_id", _EQUAL),
    "gateway_id": ("gateway", _EQUAL),
    "status": ("status", _EQUAL),
    "created_at": ("created_at", _TIME),
    "activated_at": ("activated_at", _TIME),
    "version": ("version", _TEXT),
    "tag": ("tag_value", (*_TEXT, "exists")),
}
FIELDS: Mapping[str, tuple[str, ...]] = {name: words for name, (_, words) in _BY.items()}
"""What may be compared, and by which operators."""
OPERATORS = tuple(dict.fromkeys(word for _, words in _BY.values() for word in words))

_COMPARISONS: Table = (
    Param("field", required=True, check=OneOf(tuple(_BY))),
    Param("operator", check=OneOf(OPERATORS), default="is"),
    Param("values", "list", check=label(128), most=VALUES_MAX, selects=True),
    Param("module", check=word(64)),
    Param("key", check=word(64)),
)
_ALL = Param("all_of", "list", members=_COMPARISONS, closed=True, most=COMPARISONS_MAX, selects=True)
_EACH = Param("all_of", "list", required=True, members=_COMPARISONS, closed=True, most=COMPARISONS_MAX, selects=True)
CONDITION = Param(
    "condition", "members", closed=True, check=ONE_MEMBER,
    members=(_ALL, Param("any_of", "list", members=(_EACH,), closed=True, most=COMPARISONS_MAX, selects=True)),
)  # fmt: skip


def read(said: Values) -> tuple[Condition, str]:
    """The condition that was asked for, and the text that is kept of it. Raises Missing, Invalid, NotFound."""
    ways = [(f"condition.any_of[{place}].all_of", each["all_of"]) for place, each in enumerate(said["any_of"] or ())]
    ways = ways or [("condition.all_of", said["all_of"] or ())]
    if sum(len(parts) for _, parts in ways) > COMPARISONS_MAX:
        raise Invalid("condition", f"at most {COMPARISONS_MAX} comparisons, all together")
    found = tuple(_all_of(parts, path) for path, parts in ways)
    return (found[0] if len(found) == 1 else Either(found)), json.dumps(_present(said), separators=(",", ":"))


def shown(text: str | None) -> dict[str, Any] | None:
    """The condition that `read` kept as this text; None for none, and for one of another tongue."""
    return json.loads(text) if text is not None and text.startswith("{") else None


def foreign(text: str | None) -> str | None:
    """The text of a condition that another tongue's words are of."""
    return None if shown(text) is not None else text


def _present(value: Any) -> Any:
    """What was said, without what was not."""
    if isinstance(value, Mapping):
        return {name: _present(each) for name, each in value.items() if each is not None}
    return [_present(each) for each in value] if isinstance(value, tuple) else value


def _all_of(parts: Sequence[Values], path: str) -> Condition:
    """Each apart, so that two tags or two modules are two rows of a device."""
    return Both(tuple(Both((_one(part, f"{path}[{place}]"),)) for place, part in enumerate(parts)))


def _one(said: Values, path: str) -> Condition:
    name, operator, values = said["field"], said["operator"], said["values"] or ()
    field, operators = _BY[name]
    if operator not in operators:
        raise Invalid(f"{path}.operator", f"one of {', '.join(operators)} with the field {name}", f"it is {operator}")
    _check_of_row(said, path)
    if operator == "exists":
        if values:
            raise Invalid(f"{path}.values", "absent with exists")
        return Compare("tag_key", "=", (said["key"],))
    if not values:
        raise Missing(f"{path}.values")
    if operator not in _EQUAL and len(values) > 1:
        raise Invalid(f"{path}.values", f"one value with {operator}", f"there are {len(values)}")
    read_value = _READ.get(name, _plain)
    return _compared(said, field, operator, tuple(read_value(value, f"{path}.values") for value in values))


def _check_of_row(said: Values, path: str) -> None:
    for member, name in (("module", "version"), ("key", "tag")):
        if said[member] is not None and said["field"] != name:
            raise Invalid(f"{path}.{member}", f"only with the field {name}", f"it is {said['field']}")
    if said["field"] == "tag" and said["key"] is None:
        raise Missing(f"{path}.key", "the field is tag")


def _compared(said: Values, field: Field, operator: str, values: tuple[str, ...]) -> Condition:
    if field == "tag_value":  # a device without the tag has none of its values
        has = Both((Compare("tag_key", "=", (said["key"],)), _plainly(field, operator, values)))
        return Not(has) if operator == "is_not" else has
    if field == "version":
        of_module = Compare("module", "=", (said["module"] or DEFAULT_MODULE,))
        if operator == "is_not":  # of a version that is known
            return Both((of_module, Compare(field, "not in", values)))
        return Both((of_module, _plainly(field, operator, values)))
    if operator == "is_not":
        return Compare(field, "not in", values)
    return _plainly(field, operator, values)


def _plainly(field: Field, operator: str, values: tuple[str, ...]) -> Condition:
    match operator:
        case "begins_with":
            return Compare(field, "prefix", values)
        case "before":
            return Compare(field, "<", values)
        case "after":
            return Compare(field, ">", values)
    return Compare(field, "in", values)


def _plain(value: str, path: str) -> str:
    return value


def _status(value: str, path: str) -> str:
    if value not in STATUSES:
        raise Invalid(path, f"some of {', '.join(STATUSES)}", f"there is {value}")
    return STATUSES[value]


def _time(value: str, path: str) -> str:
    check = Moment()
    problem = check.problem(value)
    at = moment(value)
    if problem is not None or at is None:
        raise Invalid(path, check.text, problem or "")
    return at.isoformat()


def _group(value: str, path: str) -> str:
    return str(names.read_group_id(value))


_READ: Mapping[str, Callable[[str, str], str]] = {
    "status": _status, "created_at": _time, "activated_at": _time, "group_id": _group,
}  # fmt: skip
