"""Lists told whole, piece by piece, as CSV (RFC 4180, UTF-8, CR LF) or NDJSON.

NDJSON is exact. In CSV an object is `key=value;key=value`, and a cell of free text that a spreadsheet would take for a
formula, since it begins with = + - @, a tab or a line's end, has an apostrophe before it, which a list of devices to be
made is read without. Names, ids and secrets are told as they are: their letters make no formula that calls anything.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from upwell.dialects.payloads import compact
from upwell.dialects.upwell.shapes import Shape

CSV, NDJSON = "text/csv", "application/x-ndjson"
FORMS: Mapping[str, str] = {"csv": CSV, "ndjson": NDJSON}
_TRAPS = tuple("=+-@\t\r\n")
_GUARD = "'"
_EXACT = ("id", "product_id", "name", "iot_id", "space_id", "gateway_id", "secret")


def told(shape: Shape, form: str, items: Iterable[Any], *, first: bool) -> bytes:
    """Some items of the list; the first piece of a CSV begins with its header."""
    if form == "ndjson":
        return b"".join(compact(shape.show(item)) + b"\n" for item in items)
    text = io.StringIO()
    lines = csv.writer(text)
    names = [field.name for field in shape.fields]
    if first:
        lines.writerow(names)
    for item in items:
        shown = shape.show(item)
        lines.writerow([_cell(name, shown.get(name)) for name in names])
    return text.getvalue().encode("utf-8", "replace")


def _cell(name: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Mapping():
            text = ";".join(f"{key}={inner}" for key, inner in value.items())
        case _:
            text = str(value)
    return (
        _GUARD + text
        if name not in _EXACT and text.startswith((*_TRAPS, *(_GUARD + trap for trap in _TRAPS)))
        else text
    )


def unguarded(cell: str) -> str:
    """The cell as it was before it was told."""
    return cell[1:] if cell.startswith(tuple(f"{before}{trap}" for before in ("'", "''") for trap in _TRAPS)) else cell
