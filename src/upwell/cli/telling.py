"""What a command prints: tables and sentences for people, the API's own documents for programs.

Holds: with `--json` one thing is one JSON object on one line, and a list is one such line for each thing as it comes.
Without it a list is a table on a terminal, and lines of values between tabs elsewhere. What a server says moves no
cursor: characters that are not meant to be seen are escaped.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from upwell.cli.exits import one_line

Thing = Mapping[str, Any]
Column = tuple[str, Callable[[Any], Any]]


def member(name: str) -> Callable[[Any], Any]:
    """A member as it was told."""
    return lambda thing: thing.get(name)


def moment(name: str) -> Callable[[Any], str]:
    """A time as people read it: to the minute, in UTC."""
    return lambda thing: minute(thing.get(name))


def minute(text: str | None) -> str:
    """`2026-06-29 09:30Z`."""
    return _time(text, "%Y-%m-%d %H:%MZ")


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
    for name, text in told:
        print(f"{name.ljust(width)}  {text}")


def table(columns: tuple[Column, ...], rows: Iterable[Any]) -> int:
    """A list; how many there were. Off a terminal each line goes out as it comes."""
    if not sys.stdout.isatty():
        count = 0
        for count, row in enumerate(rows, 1):  # noqa: B007
            print("\t".join(word(get(row)) for _, get in columns))
        return count
    from rich.console import Console
    from rich.table import Column as Head
    from rich.table import Table
    from rich.text import Text

    heads = [Head(name, no_wrap=at == 0, overflow="fold") for at, (name, _) in enumerate(columns)]
    found = Table(*heads, box=None, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        found.add_row(*(Text(word(get(row))) for _, get in columns))
    if found.row_count:
        Console().print(found)
    return found.row_count
