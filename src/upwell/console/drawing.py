"""Pages as text: templates that escape whatever stands in them and refuse what is not there.

Holds: autoescape is on for every template, and nothing that a device or a person said is marked as safe, but for
release notes, of which nothing is HTML that they say (notes); a template
knows what it was given and the words of its language, and decides nothing but how it looks.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from upwell import __version__
from upwell.console import assets, notes
from upwell.console.asking import allowed
from upwell.console.headers import ROOT, THEMES
from upwell.console.words import Words, languages

FOLDER = Path(__file__).parent / "templates"
_KNOWN = re.compile(r"(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)|\b(?P<rollout>ro_[0-9a-f]{16})\b")
_NO_ID = re.compile(r"[^A-Za-z0-9]+")
_UNITS = ("B", "KB", "MB", "GB", "TB")
_STEP = 1000


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.filters |= {
        "number": number, "size": size, "share": share, "segment": segment, "shown_at": shown_at, "flat": flat,
        "pieces": pieces, "option": option, "module_option": module_option, "field_id": field_id,
        "notes": notes.drawn,
    }  # fmt: skip
    made.globals |= {
        "asset": assets.url, "root": ROOT, "themes": THEMES, "languages": languages, "allowed": allowed,
        "with_query": with_query, "release": __version__,
    }  # fmt: skip
    return made


def draw(template: str, words: Words, **given: Any) -> bytes:
    """The page, in that language."""
    told = {"t": words, "language": words.code, **given}
    return _environment().get_template(template).render(told).encode("utf-8", "replace")


def module(template: str) -> Any:
    """The macros of a template, for tests of one of them."""
    return _environment().get_template(template).module


def number(value: float) -> str:
    """With its thousands apart."""
    return f"{int(value) if value == int(value) else value:,}"


def size(value: int) -> str:
    """Bytes in the unit in which they are short."""
    amount, unit = float(value), _UNITS[0]
    for unit in _UNITS:
        if amount < _STEP or unit == _UNITS[-1]:
            break
        amount /= _STEP
    return f"{value} B" if unit == "B" else f"{amount:.1f} {unit}"


def share(part: float, whole: float) -> str:
    """A part of a hundred, as a number that a drawing takes."""
    return f"{100 * part / whole:.3f}" if whole else "0"


def segment(text: str) -> str:
    """An id as one part of a path."""
    return quote(text, safe="")


def flat(value: Any) -> str:
    """A value of the audit, or a number of a decision, in one line."""
    match value:
        case Mapping() if len(value) == 1:
            return flat(next(iter(value.values())))
        case Mapping():
            return ", ".join(f"{name} {flat(each)}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(map(flat, value))
        case bool() | None:
            return str(value).lower()
    return str(value)


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """A sentence of the core cut at what is drawn in another way: (`moment`, `rollout` or `text`, that part)."""
    place = 0
    for found in _KNOWN.finditer(text):
        part, kind = found[0], str(found.lastgroup)
        if kind == "rollout" or _is_moment(part):
            yield "text", text[place : found.start()]
            yield kind, part
            place = found.end()
    yield "text", text[place:]


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def option(thing: Mapping[str, Any]) -> tuple[str, str]:
    """A thing with an id and a name as a choice."""
    return thing["id"], thing["name"]


def module_option(module: Mapping[str, Any]) -> tuple[str, str]:
    """A module as a choice."""
    return module["name"], module.get("alias") or module["name"]


def field_id(name: str) -> str:
    """The id of the field of a form that is called by a member's path."""
    return f"field-{_NO_ID.sub('-', name).strip('-')}"


def shown_at(text: str) -> str:
    """A moment of the API for who has no script: the script of the page says it in local time."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def with_query(query: Mapping[str, str], **changed: str | None) -> str:
    """The page's own parameters with some changed; a changed filter or order begins at the first page."""
    kept = {name: value for name, value in query.items() if name != "cursor"} | changed
    said = urlencode({name: value for name, value in kept.items() if value})
    return f"?{said}" if said else "?"
