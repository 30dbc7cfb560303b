"""SQL kept as SQL: statements are read from `sql/*.sql`, each under a line `-- name: the_name`.

A statement's comment says what it does; it has one Python caller. Parameters are named in the SQL (`:device_ids`) and
compiled once to the numbers that PostgreSQL takes, so that a caller says which value is which. Nothing here builds SQL
from values.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# Comments and quoted text hold no parameters; `::type`, `a[1:n]` and `:=` are none either.
_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|(?<![:\w\]]):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with numbered parameters; `names` say what their numbers stand for."""

    text: str
    names: tuple[str, ...]

    def __call__(self, **values: Any) -> tuple[Any, ...]:
        """The statement and its arguments in order, as the driver takes them. Raises TypeError unless each parameter
        is given, and nothing else."""
        if values.keys() != set(self.names):
            raise TypeError(f"the statement takes {', '.join(self.names)}; given are {', '.join(values)}")
        return (self.text, *(values[name] for name in self.names))


def compiled(text: str) -> Statement:
    """The statement with each `:name` as `$n`, numbered by first use."""
    names: dict[str, int] = {}

    def numbered(token: re.Match[str]) -> str:
        name = token[1]
        return token[0] if name is None else f"${names.setdefault(name, len(names) + 1)}"

    return Statement(_TOKEN.sub(numbered, text), tuple(names))


NAMES: dict[str, str] = {}  # by its text: the sheet and name of each statement, as far as sheets were read


@cache
def sheet(name: str) -> dict[str, Statement]:
    """The statements of `sql/{name}.sql` by their names."""
    text = files("upwell.storage").joinpath("sql", f"{name}.sql").read_text("utf-8")
    blocks = (block.partition("\n") for block in text.split("-- name: ")[1:])
    found = {title.strip(): compiled(body.strip().rstrip(";")) for title, _, body in blocks}
    NAMES.update({statement.text: f"{name}.{title}" for title, statement in found.items()})
    return found
