"""What the core says, in other languages: its own sentences, with places for their facts, and what each is there.

Holds: English is as the core says it, and has no file here; a sentence that a language has not stands in English, and
is marked so. What a place holds is put in as it is, or as it is called where it is a sentence itself. Nothing is looked
for in a text that is longer than any sentence of ours, for devices and people write some of them.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "words" / "said"
CHARS_MAX = 600
_DEPTH = 3  # a sentence in a place of another, and one in a place of that
_PLACE = re.compile(r"\{(n:)?(\w+)\}")


@dataclass(frozen=True, slots=True)
class Said:
    """The sentences of one language: those without places, and those with them by what they begin with."""

    plain: Mapping[str, str]
    open: tuple[tuple[re.Pattern[str], str], ...]

    def of(self, text: str, depth: int = _DEPTH) -> str | None:
        """The sentence in this language; None where it has none for it."""
        if text in self.plain or not depth or len(text) > CHARS_MAX:
            return self.plain.get(text)
        for pattern, other in self.open:
            found = pattern.fullmatch(text)
            if found is not None:
                return other.format(**{name: self._put(value, depth) for name, value in found.groupdict().items()})
        return None

    def _put(self, value: str, depth: int) -> str:
        told = self.of(value, depth - 1)
        return value if told is None else told


@cache
def said_in(code: str) -> Said | None:
    """What is said in a language; None where it is said as the core says it."""
    path = FOLDER / f"{code}.toml"
    if not path.exists():
        return None
    entries = {text: str(other) for text, other in tomllib.loads(path.read_text("utf-8")).items()}
    open_ = sorted(_open(entries), key=lambda each: -len(each[0].pattern))  # what says more is tried before
    return Said({text: other for text, other in entries.items() if not _PLACE.search(text)}, tuple(open_))


def _open(entries: Mapping[str, str]) -> Iterator[tuple[re.Pattern[str], str]]:
    for text, other in entries.items():
        if _PLACE.search(text):
            yield re.compile(_pattern(text), re.DOTALL), other


def _pattern(text: str) -> str:
    place, made = 0, ""
    for found in _PLACE.finditer(text):
        number, name = found.groups()
        made += re.escape(text[place : found.start()]) + (f"(?P<{name}>[0-9.,]+)" if number else f"(?P<{name}>.+?)")
        place = found.end()
    return made + re.escape(text[place:])
