"""What a command prints: tables and sentences for people, the API's own documents for programs.

Holds: with `--json` one thing is one JSON object on one line, and a list is one such line for each thing as it comes.
Without it a list is a table on a terminal, and lines of values between tabs elsewhere. What a server says moves no
cursor: characters that are not meant to be seen are escaped.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

from upwell.cli.exits import one_line

Thing = Mapping[str, Any]
Column = tuple[str, Callable[[Any], Any]]
GAP = 2  # characters between two columns
FOLDED_LEAST = 24  # characters of a line that words may be folded to


def member(name: str) -> Callable[[Any], Any]:
    """A member as it was told."""
    return lambda thing: thing.get(name)


def moment(name: str) -> Callable[[Any], str]:
    """A time as people read it: to the minute, in UTC."""
    return lambda thing: minute(thing.get(name))


def minute(text: str | None) -> str:
    """`2026-06-29 09:30Z`."""
    return _time(text, "%Y-%m-%d %H:%MZ")


def day(text: str | None) -> str:
    """`2026-06-29`."""
    return _time(text, "%Y-%m-%d")


def second(text: str | None) -> str:
    """`2026-06-29 09:30:15Z`."""
    return _time(text, "%Y-%m-%d %H:%M:%SZ")


def _time(text: str | None, form: str) -> str:
    if not text:
        return ""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime(form)
    except ValueError:
        return text


def word(value: Any) -> str:
    """A value on one line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return one_line(value)
        case Mapping():
            return ", ".join(f"{word(name)}={word(each)}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(map(word, value))
    return str(value)


def size(count: int | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return ""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):  # the last one holds
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def number(count: int) -> str:
    """`12,345`."""
    return f"{count:,}"


def of(count: int, thing: str) -> str:
    """`1 device`, `2 devices`."""
    return f"{number(count)} {thing}{'' if count == 1 else 's'}"


def as_json(thing: Any) -> None:
    """One line."""
    sys.stdout.write(json.dumps(thing, ensure_ascii=False, separators=(",", ":")) + "\n")


def details(pairs: Iterable[tuple[str, Any]]) -> None:
    """One thing, a member a line; those without a value are left out."""
    told = [(name, text) for name, value in pairs if (text := word(value))]
    width = max((len(name) for name, _ in told), default=0)
    room = get_terminal_size().columns - width - GAP if sys.stdout.isatty() else 0
    for name, text in told:
        lines = wrap(text, room, break_on_hyphens=False) if room >= FOLDED_LEAST else [text]
        print(f"{name.ljust(width)}  {lines[0]}", *(" " * (width + GAP) + line for line in lines[1:]), sep="\n")


def table(columns: tuple[Column, ...], rows: Iterable[Any]) -> int:
    """A list; how many there were. Off a terminal each line goes out as it comes. On one that is too narrow a line has
    the columns that fit, and the others are told below it: nothing is folded to a few letters a line."""
    if not sys.stdout.isatty():
        count = 0
        for count, row in enumerate(rows, 1):  # noqa: B007
            print("\t".join(word(get(row)) for _, get in columns))
        return count
    from rich.console import Console

    cells = [[word(get(row)) for _, get in columns] for row in rows]
    if cells:
        console = Console()
        console.print(_fitted([name for name, _ in columns], cells, console.width))
    return len(cells)


def _fitted(names: list[str], cells: list[list[str]], width: int) -> Any:
    from rich.cells import cell_len
    from rich.table import Column as Head
    from rich.table import Table
    from rich.text import Text

    widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    beside = _beside(widths, width)
    heads = [Head(name, overflow="fold", no_wrap=at < beside - 1 or at == 0) for at, name in enumerate(names[:beside])]
    found = Table(*heads, box=None, padding=(0, GAP, 0, 0), header_style="bold")
    for row in cells:
        found.add_row(*map(Text, row[:beside]))
    return found if beside == len(names) else _with_more(found, names[beside:], [row[beside:] for row in cells])


def _beside(widths: list[int], width: int) -> int:
    """How many columns stand beside each other: all, where the last has room enough to be folded."""
    before = sum(widths[:-1]) + GAP * (len(widths) - 1)
    if before + min(widths[-1], FOLDED_LEAST) <= width:
        return len(widths)
    taken = 0
    for count, each in enumerate(widths[:-1]):
        taken += each + GAP
        if taken - GAP > width:
            return max(1, count)
    return max(1, len(widths) - 1)


def _with_more(found: Any, names: list[str], more: list[list[str]]) -> Any:
    """The table line by line, each with the columns below it that had no room."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    below = ["  ".join(f"{name}: {text}" for name, text in zip(names, row, strict=True) if text) for row in more]
    return _Lines(found, [Padding(Text(each, style="dim"), (0, 0, 0, 2)) if each else Group() for each in below])


class _Lines:
    """A table each of whose rows is one line, with something below each."""

    def __init__(self, of: Any, below: list[Any]) -> None:
        self._of, self._below = of, below

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.segment import Segment

        head, *lines = console.render_lines(self._of, options, pad=False)
        yield from (*head, Segment.line())
        for line, below in zip(lines, self._below, strict=False):
            yield from (*line, Segment.line(), below)
