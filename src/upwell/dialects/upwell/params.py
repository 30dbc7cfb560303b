"""The parameters that many of our own operations share, and the checks of what people write."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from upwell.dialects.checks import OneOf, Pattern, Range, Text, shown
from upwell.dialects.operations import Param, Table, Values

PAGE_DEFAULT, PAGE_MAX = 50, 200  # items of a page

# Names and the like are shown by every tongue, in XML too, which has no control characters.
_SEEN = r"^\x00-\x1f\x7f-\x9f\ufffe\uffff"
_PROSE = r"^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff"
_WORD, _WORD_SAID = "A-Za-z0-9_.-", "letters, digits or _ . -"


def label(high: int, low: int = 1) -> Text:
    """The check of a name of at most `high` characters."""
    return Text(high, _SEEN, "any but control characters", low=low)


def prose(high: int) -> Text:
    """The check of a text of at most `high` characters, which may have lines."""
    return Text(high, _PROSE, "any but control characters", low=0)


def word(high: int) -> Text:
    """The check of a version, or of the name of a module, a tag or a tag's key."""
    return Text(high, _WORD, _WORD_SAID)


NAME = label(64)
DESCRIPTION = prose(1024)
VERSION = word(64)
KEY = Text(36, "A-Za-z0-9_-", "letters, digits, _ or -")  # of spaces and products
DEVICE_ID = label(128)
DEVICE_NAME = Text(64, r"A-Za-z0-9_.:@\-", "letters, digits or _ . : @ -")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as RFC 3339 has it, with its offset from UTC."""

    text: str = "a time like 2026-06-29T09:30:15Z (RFC 3339)"

    def problem(self, value: str) -> str | None:
        return None if _moment(value) else f"the value is {shown(value)}"


_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC) if _MOMENT.fullmatch(text) else None
    except (ValueError, OverflowError):  # a day that there is not
        return None


def moment(text: str | None) -> datetime | None:
    """The time in a text that was checked; None for none."""
    return None if text is None else _moment(text)


@dataclass(frozen=True, slots=True)
class Percent:
    """A share of devices."""

    text: str = "a number over 0 and at most 100, with at most 3 decimals"

    def problem(self, value: float) -> str | None:
        fits = 0 < value <= 100 and Decimal(repr(value)).quantize(Decimal("0.001")) == Decimal(repr(value))
        return None if fits else f"the value is {value}"


def percent(value: float | None) -> str | None:
    """The decimal text that the core keeps of a share."""
    return None if value is None else format(Decimal(repr(value)).normalize(), "f")


@dataclass(frozen=True, slots=True)
class OneMember:
    """An object with exactly one member."""

    text: str = "an object with exactly one member"

    def problem(self, value: Values) -> str | None:
        given = [name for name, part in value.items() if part is not None]
        return None if len(given) == 1 else f"it has {' and '.join(given) or 'none'}"


ONE_MEMBER = OneMember()


@dataclass(frozen=True, slots=True)
class ExactlyOne:
    """An object that has one of these members, and no two."""

    names: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"an object with one of {' and '.join(self.names)}"

    def problem(self, value: Values) -> str | None:
        given = [name for name in self.names if value[name] is not None]
        return None if len(given) == 1 else f"it has {' and '.join(given) or 'none'}"


@dataclass(frozen=True, slots=True)
class Tags:
    """An object of `low` to `high` tags: their keys and values are texts, each as its check says."""

    key: Text
    value: Text
    low: int
    high: int

    @property
    def text(self) -> str:
        return f"{self.low}-{self.high} tags; keys of {self.key.text}; values of {self.value.text}"

    def problem(self, value: Mapping[str, Any]) -> str | None:
        if not self.low <= len(value) <= self.high:
            return f"there are {len(value)}"
        return next(filter(None, map(self._problem, value, value.values())), None)

    def _problem(self, key: str, value: Any) -> str | None:
        if self.key.problem(key):
            return f"there is the key {shown(key)}"
        fits = isinstance(value, str) and not self.value.problem(value)
        return None if fits else f"the value of {key} is {shown(str(value))}"


# --- parameters -----------------------------------------------------------------------------------------------------

CURSOR = "cursor"
WINDOW: Table = (
    Param("limit", "int", check=Range(1, PAGE_MAX), default=PAGE_DEFAULT),
    Param(CURSOR, check=Pattern(r"[A-Za-z0-9_\-]{1,2000}", "the next_cursor of the page before")),
)
PRODUCT_ID = Param("product_id", check=KEY)
SPACE_ID = Param("space_id", check=KEY)
SORT = "sort"


def sort(*fields: str, default: str | None = "-created_at") -> Param:
    """By which field a list may go: by one of these from low to high, or with a minus from high to low."""
    return Param(SORT, check=OneOf(tuple(sign + name for name in fields for sign in ("", "-"))), default=default)


YES = OneOf((True,))


def path_id(name: str, check: Any = None) -> Table:
    """The one id of a path."""
    return (Param(name, required=True, check=check or label(128)),)
