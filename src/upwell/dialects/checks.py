"""What a value of a request must satisfy, whatever its wire: checks that state themselves and say what is wrong."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from upwell.domain.letters import width, width_max

SHOWN_MAX = 40  # characters of a bad value that a message repeats


def cut(text: str, most: int) -> str:
    """The text, or its beginning with dots where it has more than `most` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def shown(value: str) -> str:
    """A value as a message repeats it."""
    return repr(cut(value, SHOWN_MAX))


class Check(Protocol):
    """What a value must satisfy. `text` states it for people; `problem` is what is wrong, None when nothing is."""

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
    """A text of `low` to `high` characters. With `chinese_is_two` fewer are enough when they are Chinese."""

    low: int
    high: int
    chinese_is_two: bool = False

    @property
    def text(self) -> str:
        return f"{self.low}-{self.high} characters"

    def problem(self, value: Any) -> str | None:
        least = width_max(value) if self.chinese_is_two else len(value)
        return None if self.low <= least and len(value) <= self.high else f"the value has {len(value)} characters"


@dataclass(frozen=True, slots=True)
class Width:
    """A text of characters in the class `chars` of a regular expression, `low` to `high` of them, where a Chinese one
    counts as two; `said` names them."""

    low: int
    high: int
    chars: str
    said: str

    @property
    def text(self) -> str:
        return f"{self.low}-{self.high} {self.said}, a Chinese character counting as two"

    def problem(self, value: str) -> str | None:
        if not re.fullmatch(f"{self.chars}*", value):
            return f"the value is {shown(value)}"
        if self.low <= width_max(value) and width(value) <= self.high:
            return None
        return f"the value counts {width(value)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these."""

    values: tuple[Any, ...]

    @property
    def text(self) -> str:
        return "one of " + ", ".join(map(str, self.values))

    def problem(self, value: Any) -> str | None:
        return None if value in self.values else f"the value is {shown(str(value))}"


@dataclass(frozen=True, slots=True)
class AnyCase:
    """One of these words, in any case of letters."""

    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"one of {', '.join(self.words)}, in any case"

    def problem(self, value: str) -> str | None:
        known = any(value.lower() == word.lower() for word in self.words)
        return None if known else f"the value is {shown(value)}"


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
class Unsupported:
    """A part of the vendor's API that Upwell does not do: the parameter must be absent."""

    text: str = "not supported by this server"

    def problem(self, value: Any) -> str | None:
        return "leave the parameter out"
