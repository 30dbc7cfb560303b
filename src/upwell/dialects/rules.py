"""What a value of a request must keep, whatever its wire: rules that state themselves and say what is wrong."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

SHOWN_MAX = 40  # characters of a bad value that a message repeats


def shown(value: str) -> str:
    """A value as a message repeats it."""
    return repr(value if len(value) <= SHOWN_MAX else value[: SHOWN_MAX - 3] + "...")


class Rule(Protocol):
    """What a value must keep. `text` states it for people; `problem` is what is wrong, None when nothing is."""

    @property
    def text(self) -> str: ...

    def problem(self, value: Any) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Pattern:
    """The whole text matches."""

    regex: str
    text: str

    def problem(self, value: Any) -> str | None:
        return None if re.fullmatch(self.regex, value) else f"the value is {shown(value)}"


@dataclass(frozen=True, slots=True)
class Range:
    """A number from `low` to `high`, both allowed. `said` states it in other words."""

    low: int
    high: int
    said: str = ""

    @property
    def text(self) -> str:
        return self.said or f"an integer from {self.low} to {self.high}"

    def problem(self, value: Any) -> str | None:
        return None if self.low <= value <= self.high else f"the value is {value}"


@dataclass(frozen=True, slots=True)
class Length:
    """A text of `low` to `high` characters."""

    low: int
    high: int

    @property
    def text(self) -> str:
        return f"{self.low}-{self.high} characters"

    def problem(self, value: Any) -> str | None:
        return None if self.low <= len(value) <= self.high else f"the value has {len(value)} characters"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these."""

    values: tuple[Any, ...]

    @property
    def text(self) -> str:
        return "one of " + ", ".join(map(str, self.values))

    def problem(self, value: Any) -> str | None:
        return None if value in self.values else f"the value is {shown(str(value))}"
