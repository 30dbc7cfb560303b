"""Write the table of what is logged into docs/logs.md, from the calls in the code.

Run: python tools/logs.py (writes the file) or python tools/logs.py --check (fails when the file is stale).
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from upwell.service.manage.deeds import _ASKED, _MADE, DEEDS

ROOT = Path(__file__).resolve().parent.parent
FILE, CODE = ROOT / "docs" / "logs.md", ROOT / "src" / "upwell"
BEGIN, END = "<!-- lines: written by tools/logs.py -->", "<!-- lines end -->"
LEVELS = ("ERROR", "WARNING", "INFO", "DEBUG")
METHODS = {"error": "ERROR", "exception": "ERROR", "warning": "WARNING", "info": "INFO", "debug": "DEBUG"}
OTHERS = {"client", "simulator"}  # they are not the server
LOGGERS = {"log", "_log", "_frames_log"}
FIELDS: dict[str, tuple[str, ...]] = {"told": ("request_id", "ms")}  # of what is given by `**asked.told`
FROM_A_TABLE = {"service/manage/deeds.py"}  # events that a table there names; they are told at INFO


class Line(NamedTuple):
    """A kind of line."""

    level: str
    event: str
    fields: tuple[str, ...]
    room: str


def lines() -> list[Line]:
    """All of them, the worst first."""
    found = {line for path in sorted(CODE.rglob("*.py")) for line in _of(path)}
    deeds = {event for table in (_MADE, _ASKED, DEEDS) for event, _ in table.values()} | {"tasks cancelled"}
    more = ("…", "key", "account", "operation", "address", "request_id", "ms")
    found |= {Line("INFO", event, more, "service") for event in deeds}
    return sorted(found, key=lambda line: (LEVELS.index(line.level), line.event.lower(), line))


def _of(path: Path) -> Iterator[Line]:
    place = path.relative_to(CODE)
    if place.parts[0] in OTHERS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            line = _told(node, place.parts[0]) or _logged(node, place.parts[0])
            if line is not None:
                yield line


def _told(call: ast.Call, room: str) -> Line | None:
    """`tell(log, event, [level, [error]], **fields)`."""
    if not (isinstance(call.func, ast.Name) and call.func.id == "tell" and _is_logger(call.args[0])):
        return None
    event = _text(call.args[1])
    if event is None:
        return None
    level = _level(call.args[2]) if len(call.args) > 2 else "INFO"
    fields = tuple(each for word in call.keywords for each in _fields(word))
    return Line(level, event, fields, room)


def _fields(word: ast.keyword) -> tuple[str, ...]:
    if word.arg is not None:
        return (word.arg,)
    name = word.value.attr if isinstance(word.value, ast.Attribute) else ""
    return FIELDS.get(name, ("…",))


def _logged(call: ast.Call, room: str) -> Line | None:
    """`log.warning(format, …)`."""
    func = call.func
    if not (isinstance(func, ast.Attribute) and func.attr in METHODS and _is_logger(func.value) and call.args):
        return None
    event = _text(call.args[0])
    return None if event is None else Line(METHODS[func.attr], event, (), room)


def _is_logger(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in LOGGERS
    return isinstance(node, ast.Name) and node.id in LOGGERS


def _level(node: ast.expr) -> str:
    """A level that is chosen as it comes is told as the worst of them."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return "INFO"


def _text(node: ast.expr) -> str | None:
    """The words of an event; what comes in between is `…`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("%s", "…").replace("%d", "…").replace("%016x", "…").replace("%g", "…")
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)  # type: ignore[misc]
    return None


def table() -> str:
    """As Markdown."""
    head = ["| level | event | fields | room |", "|---|---|---|---|"]
    return "\n".join(
        [*head, *(f"| {x.level} | {x.event} | {', '.join(x.fields) or '—'} | {x.room} |" for x in lines())]
    )


def written(text: str) -> str:
    """The page with the table of today in it."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the file, or say whether it is stale."""
    old = FILE.read_text()
    if "--check" in sys.argv:
        return int(written(old) != old)
    FILE.write_text(written(old))
    return 0


if __name__ == "__main__":
    sys.exit(main())
