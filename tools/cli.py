"""Write the list of commands into docs/cli.md: what each one's `--help` says.

Run: python tools/cli.py (writes the file) or python tools/cli.py --check (fails when the file is stale).
"""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer import _click as click

from upwell.cli.tree import SECTIONS, loaded

FILE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
BEGIN, END = "<!-- commands: written by tools/cli.py -->", "<!-- commands end -->"
WIDTH = 100
LOCAL = " (local)"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and noun with the words that it is called by; of those with two forms each."""
    for places in SECTIONS.values():
        for name, place in places.items():
            yield from _below(f"upwell {name}", loaded(name, remote=bool(place.remote)))
            if place.local and place.remote:
                yield from ((path + LOCAL, each) for path, each in _below(f"upwell {name}", loaded(name, remote=False)))


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from _below(f"{path} {name}", each)


def words(line: str) -> list[str]:
    """What a shell makes of a line, up to what is no more of this command."""
    found = shlex.split(line.split(" | ")[0].split(" > ")[0].split(" < ")[0].split(" && ")[0])
    return found


def help_of(path: str, command: Any) -> str:
    """What `--help` says, on lines of a fixed length."""
    ctx = click.Context(command, info_name=path.removesuffix(LOCAL), max_content_width=WIDTH, terminal_width=WIDTH)
    text = command.get_help(ctx)
    return "\n".join(line.rstrip() for line in text.splitlines())


def table() -> str:
    """All of them, a heading each."""
    parts = []
    for path, command in commands():
        if not getattr(command, "commands", None):
            title = path.replace(LOCAL, ", on the server's machine")
            parts.append(f"### {title}\n\n```text\n{help_of(path, command)}\n```")
    return "\n\n".join(parts)


def text(page: str) -> str:
    """The page with its list made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise LookupError(f"{FILE.name} has no place for the commands")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def main() -> int:
    """Write the file, or only compare it."""
    page = FILE.read_text("utf-8")
    if "--check" in sys.argv[1:]:
        return int(page != text(page))
    FILE.write_text(text(page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
