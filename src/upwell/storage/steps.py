"""The steps of the schema: what each migration is, as its file says it.

From 0058 on the first line of a migration is its mark. `-- expand`: it only adds, so that a program that does not know
it goes on beside one that does. `-- contract`: it takes something away, and only who knows it may serve after it; with
a number, `-- contract 0058`, who knows that step need not know this one, for it stopped using what is taken away. What
follows is one transaction, or parts under lines that say how each is done:

`-- part: whole`         in one transaction
`-- part: chunked`       one statement, again and again, each time in a transaction of its own: it is given `:after`,
                         null at first, and returns one text, the next `:after`; null says that nothing is left
`-- part: concurrently`  one `create index concurrently`, in no transaction
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from upwell.storage.queries import compiled

How = Literal["whole", "chunked", "concurrently"]
UNMARKED = 57  # the steps up to this one were made before there were marks, and are one transaction
_MARK = re.compile(r"-- (expand|contract)(?: (\d{4}))?\n")
_PART = re.compile(r"^-- part: (.*)\n", re.MULTILINE)
_CONCURRENTLY = re.compile(r"create (?:unique )?index concurrently (?:if not exists )?(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """What of a step is done at once, and how."""

    how: How
    text: str

    @property
    def index(self) -> str:
        """The index that a part makes concurrently. Raises ValueError for any other."""
        found = _CONCURRENTLY.search(self.text)
        if found is None:
            raise ValueError("it makes no index concurrently by a name of ours")
        return found[1]


@dataclass(frozen=True, slots=True)
class Step:
    """One migration. A program serves what it made if it knows the step `needs`; 0: any that served what was before."""

    version: int
    needs: int
    parts: tuple[Part, ...]

    @property
    def only_adds(self) -> bool:
        """Whether it is an `expand`."""
        return self.needs == 0


@cache
def _files() -> tuple[tuple[int, str], ...]:
    folder = files("upwell.storage").joinpath("migrations")
    return tuple(sorted((int(f.name[:4]), f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")))


def migrations() -> list[tuple[int, str]]:
    """Number and text of every migration, in order."""
    return list(_files())


def newest_version() -> int:
    """The schema that this program works with."""
    return migrations()[-1][0]


def steps() -> list[Step]:
    """Every migration, in order. Raises ValueError for one that is not marked as it must be."""
    return [step_of(version, text) for version, text in migrations()]


def step_of(version: int, text: str) -> Step:
    """What a file says. Raises ValueError naming what is wrong with it."""
    if version <= UNMARKED:
        return Step(version, version, (Part("whole", text),))
    mark = _MARK.match(text)
    if mark is None or (mark[1] == "expand" and mark[2]) or int(mark[2] or 0) > version:
        raise ValueError(f"migration {version:04} must begin with `-- expand`, `-- contract` or `-- contract NNNN`")
    needs = 0 if mark[1] == "expand" else int(mark[2] or version)
    first, *more = _PART.split(text[mark.end() :])
    parts = [_part(version, how, body) for how, body in zip(more[::2], more[1::2], strict=True)]
    return Step(version, needs, (*([Part("whole", first)] if _says_something(first) else []), *parts))


def _part(version: int, how: str, text: str) -> Part:
    match how:
        case "whole":
            return Part("whole", text)
        case "concurrently" if _CONCURRENTLY.search(text):
            return Part("concurrently", text)
        case "chunked" if compiled(text).names == ("after",):
            return Part("chunked", compiled(text.strip().rstrip(";")).text)
    raise ValueError(f"migration {version:04} has a part `{how}`, or one that is not as storage/steps.py says")


def _says_something(text: str) -> bool:
    return any(line.strip() and not line.startswith("--") for line in text.splitlines())
