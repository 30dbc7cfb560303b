"""Reads the members of a request by their table (huawei 1.9, 1.10): JSON or query text in, typed values or a named
refusal out.

A row says name, kind, whether it is required, its rule and its default. An absent member and a null are the same; what
is not declared is judged in `spelling`. A value of the wrong type, or one that breaks its rule, is Invalid,
naming the member by its path (`file_location.obs_location.object_key`), the rule and what is wrong with it, shortened.
Texts and free objects with characters that can't be stored are refused.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from upwell.dialects.checks import Pattern, Range, Rule, shown
from upwell.dialects.huawei import names
from upwell.domain.commands import Window
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Invalid, Missing

Kind = Literal["text", "int", "bool", "number", "time", "object", "any", "members", "list"]

DEPTH_MAX = 32  # of free objects

JSON_OBJECT = "a JSON object"
TIME = "UTC time in the form yyyyMMdd'T'HHmmss'Z'"
_STORABLE = "Unicode text without the character NUL"
_TYPES: dict[str, str] = {
    "text": "a string",
    "int": "an integer",
    "bool": "true or false",
    "number": "a number",
    "time": TIME,
    "object": JSON_OBJECT,
    "members": JSON_OBJECT,
    "list": "an array",
}
_INT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text of `low` to `high` characters, each in the class `chars` of a regular expression; `said` names them."""

    high: int
    chars: str = ""
    said: str = ""
    low: int = 1

    @property
    def text(self) -> str:
        span = f"at most {self.high}" if self.low <= 1 else f"{self.low}-{self.high}"
        size = f"exactly {self.high}" if self.low == self.high else span
        return f"{size} characters" + (f": {self.said}" if self.chars else "")

    def problem(self, value: Any) -> str | None:
        if not self.low <= len(value) <= self.high:
            return f"the value has {len(value)}"
        if self.chars and not re.fullmatch(f"[{self.chars}]*", value):
            return f"the value is {shown(value)}"
        return None


@dataclass(frozen=True, slots=True)
class Serialised:
    """A free object of at most `most` bytes as compact JSON, or characters with `unit` characters."""

    most: int
    unit: Literal["bytes", "characters"] = "bytes"

    @property
    def text(self) -> str:
        return f"at most {self.most} {self.unit} as JSON"

    def problem(self, value: Any) -> str | None:
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        size = len(written) if self.unit == "characters" else len(written.encode("utf-8", "replace"))
        return None if size <= self.most else f"the value has {size}"


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a table. `rule` is of the value, and of each item for kind list; `most` is the greatest number of
    items; `members` are the rows of an object, or of each item of a list of objects, and no others may be there when it
    is `closed`. A list that `selects` is not empty: without it other devices are meant; without one that `selects_all`
    all are, so that it is no null either."""

    name: str
    kind: Kind = "text"
    required: bool = False
    rule: Rule | None = None
    default: Any = None
    most: int = 0
    members: tuple["Field", ...] = ()
    closed: bool = False
    selects: bool = False
    selects_all: bool = False


Table = tuple[Field, ...]

# --- what many operations share -----------------------------------------------------------------------------------

CHINESE = "\u4e00-\u9fa5"
ID_36 = Text(36, "A-Za-z0-9_-", "letters, digits, _ or -")  # app_id and product_id [seed]
ID_128 = Text(128, "A-Za-z0-9_-", "letters, digits, _ or -")  # device_id (huawei 4.3)
NAME_CHARS = CHINESE + r"A-Za-z0-9_?'#().,&%@!\-"
NAME_SAID = "Chinese, letters, digits or _?'#().,&%@!-"
APP_ID = Field("app_id", rule=ID_36)
PRODUCT_ID = Field("product_id", rule=ID_36)

# huawei 1.10
WINDOW: Table = (
    Field("limit", "int", rule=Range(1, 50), default=10),
    Field("marker", rule=Pattern("[0-9A-Fa-f]{24}", "24 hexadecimal digits")),
    Field("offset", "int", rule=Range(0, 500), default=0),
)


def name_of(high: int) -> Text:
    """The rule of a name of at most `high` characters (huawei 4.2: the name set)."""
    return Text(high, NAME_CHARS, NAME_SAID)


def asked(given: Mapping[str, Any]) -> Slice:
    """The slice that limit, marker and offset ask for."""
    below = None if given["marker"] is None else names.read_marker(given["marker"])
    return Slice(take=given["limit"], skip=given["offset"], below=below)


def window(given: Mapping[str, Any]) -> Window:
    """The window that limit, marker and offset ask for."""
    below = None if given["marker"] is None else names.read_marker(given["marker"])
    return Window(take=given["limit"], below=below, skip=given["offset"])


# --- reading ------------------------------------------------------------------------------------------------------


def read(table: Table, given: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Every declared member by its name. Raises Missing or Invalid at the first that is refused."""
    for field in table:
        _refuse_nobody(field, given, path + field.name)
    return {field.name: _member(field, given.get(field.name), path + field.name) for field in table}


def _refuse_nobody(field: Field, given: Mapping[str, Any], path: str) -> None:
    """An empty list is a variable that was not set, and so is the null that Go makes of a slice without items."""
    value = given.get(field.name, ...)
    if (field.selects and value == []) or (field.selects_all and value in ([], None)):
        rule = "leave the member out to name " + ("all" if field.selects_all else "none")
        raise Invalid(path, "at least one", rule)


def read_query(table: Table, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The same for a decoded query; of a name that is given twice the first value counts, an empty one is absent."""
    given: dict[str, Any] = {}
    kinds = {field.name: field.kind for field in table}
    for name, value in pairs:
        if name in kinds and value:
            given.setdefault(name, _from_text(kinds[name], value))
    return read(table, given)


def is_given(value: Any) -> bool:
    """Whether a member was given with something in it."""
    return value is not None and value != () and value != {}


def _from_text(kind: Kind, text: str) -> Any:
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "int" and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    return text


def _member(field: Field, value: Any, path: str) -> Any:
    if value is None:
        if field.required:
            raise Missing(path)
        return field.default
    if field.kind == "list":
        return _items(field, value, path)
    typed = _typed(field.kind, value, path)
    if field.kind == "members":
        typed = read(field.members, typed, path + ".")
    if field.kind == "time":
        return _time(typed, path)
    return _checked(field.rule, typed, path)


def _items(field: Field, value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Invalid(path, _TYPES["list"], f"it is {_kind_of(value)}")
    if len(value) > field.most:
        raise Invalid(path, f"at most {field.most} items", f"{len(value)} are given")
    kind: Kind = "members" if field.members else "text"
    item = Field(field.name, kind, required=True, rule=field.rule, members=field.members)
    return tuple(_member(item, entry, f"{path}[{place}]") for place, entry in enumerate(value))


def _typed(kind: Kind, value: Any, path: str) -> Any:
    fits = {
        "text": isinstance(value, str),
        "time": isinstance(value, str),
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _INT_MAX,
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
        "object": isinstance(value, dict),
        "members": isinstance(value, dict),
        "any": True,
    }
    if not fits[kind]:
        raise Invalid(path, _TYPES[kind], f"it is {_kind_of(value)}")
    if kind != "members":
        _refuse_unstorable(value, path, DEPTH_MAX)
    return value


def _kind_of(value: Any) -> str:
    if isinstance(value, str):
        return f"the string {shown(value)}"
    if isinstance(value, (bool, int, float)):
        return shown(json.dumps(value))[1:-1]
    return "an array" if isinstance(value, list) else JSON_OBJECT


def _refuse_unstorable(value: Any, path: str, depth: int) -> None:
    if isinstance(value, str) and ("\0" in value or re.search("[\ud800-\udfff]", value)):
        raise Invalid(path, _STORABLE)
    if not isinstance(value, (dict, list)):
        return
    if depth == 0:
        raise Invalid(path, f"nested at most {DEPTH_MAX} deep")
    for part in (*value, *value.values()) if isinstance(value, dict) else value:
        _refuse_unstorable(part, path, depth - 1)


def _checked(rule: Rule | None, value: Any, path: str) -> Any:
    problem = rule.problem(value) if rule else None
    if rule and problem:
        raise Invalid(path, rule.text, problem)
    return value


_TIME_FORM = re.compile(r"[0-9]{8}T[0-9]{6}Z")


def _time(text: str, path: str) -> datetime:
    try:
        if _TIME_FORM.fullmatch(text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as exc:
        raise Invalid(path, TIME, f"there is no {shown(text)}") from exc
    raise Invalid(path, TIME, f"the value is {shown(text)}")
