"""Fields of a form as the members of a body: `a.b` is member b of a, `a[0].b` that of the first of a list.

Holds: a value that is not of its member's kind stays the text that it is, and is refused where bodies are read; what is
too deep or too long is refused here.
"""

from collections.abc import Mapping
from typing import Any

from upwell.dialects.operations import Param, Table
from upwell.domain.errors import Invalid

Fields = Mapping[str, str]
DEPTH_MAX, ITEMS_MAX = 6, 100
_YES = {"true": True, "false": False}


def nested(table: Table, given: Fields) -> dict[str, Any]:
    """The members that the fields are. Raises Invalid."""
    body: dict[str, Any] = {}
    for path, text in given.items():
        if path.count(".") > DEPTH_MAX:
            raise Invalid(path[:128], f"at most {DEPTH_MAX} members deep")
        _put(body, table, path, text)
    return body


def value(param: Param | None, text: str) -> Any:
    """A field as the value that its member has."""
    kind = "text" if param is None else param.kind
    if kind in ("int", "number") and text.removeprefix("-").isascii() and text.removeprefix("-").isdecimal():
        return int(text)
    if kind == "number":
        return _decimal(text)
    if kind == "bool":
        return _YES.get(text, text)
    return [line.strip() for line in text.split("\n") if line.strip()] if kind == "list" else text


def _decimal(text: str) -> float | str:
    whole, point, part = text.partition(".")
    is_decimal = point and whole.isascii() and whole.isdecimal() and part.isascii() and part.isdecimal()
    return float(text) if is_decimal else text


def _put(body: dict[str, Any], table: Table, path: str, text: str) -> None:
    head, _, rest = path.partition(".")
    name, _, place = head.partition("[")
    param = next((each for each in table if each.name == name), None)
    if not rest:
        body[name] = value(param, text)
        return
    inner = () if param is None else param.members
    if not place:
        _put(_object(body, name), inner, rest, text)
        return
    number = place.removesuffix("]")
    if not number.isdecimal() or int(number) >= ITEMS_MAX:
        raise Invalid(path[:128], f"a place below {ITEMS_MAX}")
    items = body.setdefault(name, [])
    while len(items) <= int(number):
        items.append({})
    _put(items[int(number)], inner, rest, text)


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    found: Any = body.setdefault(name, {})
    if not isinstance(found, dict):
        raise Invalid(name[:128], "given once", "it is given whole and by its members")
    return found
