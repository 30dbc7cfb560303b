"""What the console says, in each language: a file of words a language, every file with the same keys.

Holds: no word of a page stands in a template. A third language is a third file, and one in `said/`: what the program
itself says of a device or a rollout (saying.py).
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from upwell.console.saying import said_in

FOLDER = Path(__file__).parent / "words"
DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """One language. Sentences with a number have a second key that ends in `_one`."""

    code: str
    entries: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The words of that key, with these values in them."""
        return self.entries[key].format(**values)

    def raw(self, key: str) -> str:
        """The words with their places open, for a script of the page that fills them."""
        return self.entries[key]

    def many(self, key: str, n: int, /, **values: object) -> str:
        """The words for so many."""
        one = f"{key}_one"
        return self.entries[one if n == 1 and one in self.entries else key].format(n=f"{n:,}", **values)

    def of(self, kind: str, word: str) -> str:
        """What a stable word of the API is called; a word that nobody translated stands for itself."""
        return self.entries.get(f"{kind}.{word}", word.replace("_", " "))

    def said(self, text: str) -> str | None:
        """A sentence of the core in this language; None where it stands in English."""
        found = said_in(self.code)
        return None if found is None else found.of(text)

    def has(self, key: str) -> bool:
        return key in self.entries


@cache
def languages() -> Mapping[str, Words]:
    """All there are, by code."""
    found = (path for path in sorted(FOLDER.glob("*.toml")))
    return {path.stem: Words(path.stem, dict(_flat(tomllib.loads(path.read_text("utf-8"))))) for path in found}


def chosen(cookie: str, accepts: str) -> Words:
    """The language that was chosen, else the first that the browser asks for and there is."""
    known = languages()
    asked = [cookie, *(part.partition(";")[0].strip() for part in accepts.split(","))]
    for each in asked:
        code = each.lower().split("-")[0]
        if code in known:
            return known[code]
    return known[DEFAULT]


def _flat(table: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{head}{name}.")
        else:
            yield f"{head}{name}", str(value)
