"""Write the generated parts of docs/architecture.md from the code, so that no drawing can differ from it.

Run: python tools/house.py (writes the file) or python tools/house.py --check (fails when the file is stale). What
stands between a line `<!-- name -->` and the line `<!-- end -->` is written here; all else is written by people.
"""

import ast
import importlib
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grimp

TOP = Path(__file__).resolve().parent.parent
FILE = TOP / "docs" / "architecture.md"
SOURCES = TOP / "src" / "upwell"
# From the top down; a room below may be used by those above. A folder of several nouns is drawn as its folders.
ROOMS = (
    "cli", "wiring", "console", "doors.management", "doors.devices", "doors.downloads", "doors", "engine", "simulator",
    "embedded", "config", "dialects", "service.manage", "service.upgrade", "service", "storage", "objects", "domain",
)  # fmt: skip
# The way of a report from the socket to the row, and of an offer from the row to the socket: a room a line, as
# `module:name`. A test follows both on a running server.
REPORT = (
    "upwell.doors.devices.mqtt.connection:Link.data_received",
    "upwell.doors.devices.faces.alibaba:AlibabaFace.reader",
    "upwell.doors.devices.connections:Connections.published",
    "upwell.doors.devices.desk:Hearing.hand",
    "upwell.engine.lanes:Lanes.hand",
    "upwell.service.upgrade.reports:hear",
    "upwell.domain.hearing:reported_progress",
    "upwell.service.upgrade.tasks:Ledger.save",
)
OFFER = (
    "upwell.engine.dispatch:Dispatcher.push_due",
    "upwell.service.upgrade.dispatch:offer",
    "upwell.doors.devices.connections:Connections.send",
    "upwell.doors.devices.faces.alibaba:AlibabaFace.push",
    "upwell.doors.devices.desk:Hearing.tell",
    "upwell.doors.devices.mqtt.connection:Link.push",
)


def room_of(module: str) -> str | None:
    """The room that a module is in; None for the package itself."""
    path = module.removeprefix("upwell").lstrip(".")
    return next((room for room in ROOMS if path == room or path.startswith(f"{room}.")), None)


def arrows() -> dict[tuple[str, str], int]:
    """How many imports lead from room to room."""
    graph = grimp.build_graph("upwell", cache_dir=None)
    found: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for used in graph.find_modules_directly_imported_by(module):
            pair = room_of(module), room_of(used)
            if pair[0] and pair[1] and pair[0] != pair[1]:
                found[pair[0], pair[1]] += 1
    return dict(found)


def drawing() -> str:
    """The rooms and the arrows between them."""
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'    {_id(room)}["{room.replace(".", "/")}"]' for room in ROOMS]
    order = {room: place for place, room in enumerate(ROOMS)}
    drawn = sorted(_needed(set(arrows())), key=lambda pair: (order[pair[0]], order[pair[1]]))
    lines += [f"    {_id(user)} --> {_id(used)}" for user, used in drawn]
    return "\n".join([*lines, "```"])


def _needed(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those arrows that no others imply."""
    below: dict[str, set[str]] = {room: set() for room in ROOMS}
    for room in reversed(ROOMS):  # what is used stands further down
        for _, used in sorted(pair for pair in found if pair[0] == room):
            below[room] |= {used, *below[used]}
    return {(user, used) for user, used in found if not any((user, by) in found and used in below[by] for by in ROOMS)}


def _id(room: str) -> str:
    return room.replace(".", "_")


def rooms() -> str:
    """What each module is for, in its own first sentence."""
    lines = ["| room | module | what it holds |", "|---|---|---|"]
    for room in ROOMS:
        folder = SOURCES / Path(*room.split("."))
        inner = [other for other in ROOMS if other.startswith(f"{room}.")]
        for file in sorted(folder.rglob("*.py")):
            module = "upwell." + ".".join(file.relative_to(SOURCES).with_suffix("").parts)
            if file.stem != "__init__" and not any(room_of(module) == other for other in inner):
                name = file.relative_to(folder).with_suffix("").as_posix()
                lines.append(f"| {room.replace('.', '/')} | `{name}` | {_first_sentence(file)} |")
    return "\n".join(lines)


def _first_sentence(file: Path) -> str:
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    sentence = re.split(r"(?<=[.:]) |(?<=\.)\n|\n\n", text.replace("\n", " ").strip(), maxsplit=1)[0]
    return sentence.rstrip(":").replace("|", "\\|")


def way(names: tuple[str, ...]) -> str:
    """The places that something passes, each with what it does there."""
    lines = (f"{place}. `{name.removeprefix('upwell.')}`: {_said(name)}" for place, name in enumerate(names, 1))
    return "\n".join(lines)


def _said(name: str) -> str:
    module, _, path = name.partition(":")
    found: object = importlib.import_module(module)
    words = ""
    for part in path.split("."):
        found = getattr(found, part)
        words = found.__doc__ or words  # what a method of a framework's protocol does is its class's to say
    text = " ".join(words.split())
    return re.split(r"(?<=\.) ", text, maxsplit=1)[0]


PARTS: dict[str, Callable[[], str]] = {
    "drawing": drawing,
    "rooms": rooms,
    "report": lambda: way(REPORT),
    "offer": lambda: way(OFFER),
}


def text(present: str) -> str:
    """The file with its generated parts made anew."""
    for name, made in PARTS.items():
        found = re.findall(rf"<!-- {name} -->\n.*?<!-- end -->", present, re.DOTALL)
        if len(found) != 1:
            raise SystemExit(f"docs/architecture.md has {len(found)} places for `{name}`; it needs one")
        present = present.replace(found[0], f"<!-- {name} -->\n{made()}\n<!-- end -->")
    return present


def main() -> int:
    """Write the file, or only compare it."""
    present = FILE.read_text("utf-8")
    if "--check" in sys.argv[1:]:
        return int(present != text(present))
    FILE.write_text(text(present), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
