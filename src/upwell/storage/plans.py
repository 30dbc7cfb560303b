"""What a step of the schema would do, told before it is done: read from its statements, which begin a line each.

It tells which tables are locked against whom, and for how long that may last: at once, or as long as all rows of a
table are read or written. What it says of locks, a test compares with what PostgreSQL does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from upwell.storage.steps import Part, Step, steps

Takes = Literal["everybody", "writers", "rows"]
Lasts = Literal["at once", "reads all rows", "writes rows", "rewrites all rows"]
_ORDER: tuple[Lasts, ...] = ("at once", "reads all rows", "writes rows", "rewrites all rows")
_SHAPES: tuple[tuple[str, Takes], ...] = (
    (r"alter table (?:if exists )?(?:only )?(?P<table>\w+)(?P<how>[^;]*)", "everybody"),
    (r"drop table (?:if exists )?(?P<table>\w+)(?P<how>)", "everybody"),
    (r"create (?:unique )?index (?!concurrently)(?:\w+ )?on (?P<table>\w+)(?P<how>)", "writers"),
    (r"update (?:only )?(?P<table>\w+)(?P<how>)", "rows"),
    (r"delete from (?P<table>\w+)(?P<how>)", "rows"),
)
_STATEMENTS = tuple((re.compile("^(?:    )?" + shape, re.MULTILINE), takes) for shape, takes in _SHAPES)
_INDEX = re.compile(r"create (?:unique )?index (?:concurrently )?(?:if not exists )?(\w+) on (\w+)")
_DROPS_INDEX = re.compile(r"^drop index (?!concurrently)(?:if exists )?(\w+)", re.MULTILINE)
_MADE = re.compile(r"^create (?:unlogged )?table (?:if not exists )?(\w+)", re.MULTILINE)
_BODY = re.compile(r"\$\$.*?\$\$|^begin atomic.*?^end", re.DOTALL | re.MULTILINE)
_READS = re.compile(
    r"set not null|add (?:constraint \w+ )?(?:check|foreign key|unique|primary key)|references", re.IGNORECASE
)
_REWRITES = re.compile(
    r"alter (?:column )?\w+ (?:set data )?type|default \w*(?:random|clock|now)\w*\(|set (?:un)?logged", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Hold:
    """A table that a step holds: whom it keeps out, and how long that may last."""

    table: str
    takes: Takes
    lasts: Lasts


@dataclass(frozen=True, slots=True)
class Doing:
    """One part of a step."""

    how: str
    holds: tuple[Hold, ...]


@cache
def _table_of_index() -> dict[str, str]:
    return {name: table for step in steps() for part in step.parts for name, table in _INDEX.findall(part.text)}


def doings(step: Step) -> Iterator[Doing]:
    """What a step does, part by part. Tables that it makes itself are nobody's yet and not told."""
    made = {name for part in step.parts for name in _MADE.findall(part.text)}
    for part in step.parts:
        yield Doing(part.how, tuple(each for each in _holds(part) if each.table not in made))


def _holds(part: Part) -> list[Hold]:
    text = _BODY.sub("", re.sub(r"--[^\n]*", "", part.text))
    dropped = [_table_of_index()[name] for name in _DROPS_INDEX.findall(text) if name in _table_of_index()]
    found = {table: Hold(table, "everybody", "at once") for table in dropped}
    for shape, takes in _STATEMENTS:
        for match in shape.finditer(text):
            hold = Hold(match["table"], takes, _lasts(takes, match["how"]))
            had = found.get(hold.table)
            found[hold.table] = hold if had is None else Hold(
                hold.table, min(had.takes, hold.takes, key=("everybody", "writers", "rows").index),
                max(had.lasts, hold.lasts, key=_ORDER.index),
            )  # fmt: skip
    return sorted(found.values(), key=lambda hold: hold.table)


def _lasts(takes: Takes, how: str) -> Lasts:
    if takes == "writers":
        return "reads all rows"
    if takes == "rows":
        return "writes rows"
    if _REWRITES.search(how):
        return "rewrites all rows"
    return "reads all rows" if _READS.search(how) else "at once"
