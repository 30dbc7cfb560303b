"""Lists of devices to be made, as CSV (RFC 4180) or NDJSON in UTF-8: what stands in each row, or what is wrong with it.

A row is read by the table that POST /devices is read by. What is wrong with a list as a whole is refused before any of
it counts: a column that is unknown, missing or there twice. What is wrong with one row is that row's, and costs no
other: one that is too long or leaves a quote open ends with its line. Rows are numbered from 1 as a spreadsheet does:
the header is one, and so are blank ones, of which nothing is made.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upwell.dialects import json_members
from upwell.dialects.checks import shown
from upwell.dialects.upwell import codes, reading
from upwell.dialects.upwell.device_ops import NEW_DEVICE, new_device
from upwell.dialects.upwell.flows import unguarded
from upwell.domain.commands import ListHead, ListRows, NewDevice, RowProblem
from upwell.domain.errors import CallerError, Invalid, Missing

ROW_BYTES_MAX = 16 * 1024  # an id, a name, a secret, 5 KB of tags and 4 KB of description
_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_QUOTE, _END = b'"', b"\n"
_TAGS = "tags written as key=value;key=value"
_ROW = "row"


@dataclass(frozen=True, slots=True)
class Lists:
    """Reads lists (a `RowReader`)."""

    def head(self, form: str, data: bytes, *, whole: bool) -> ListHead | None:
        """The columns of a CSV, and where its rows begin; an NDJSON has none, but must begin with an object."""
        if data.startswith(_WIDE_MARKS):
            raise Invalid("body", "text in UTF-8", "it is in UTF-16; save it as UTF-8")
        mark = len(_MARK) if data.startswith(_MARK) else 0
        if form == "ndjson":
            return _begins(data, mark, whole=whole)
        size = _row_end(data, mark, whole=whole)
        if size is None and not whole:
            return None
        if size is None or not data[mark:size].strip():
            raise Invalid("body", "a list whose first row names its columns", "the first row is empty")
        try:
            columns = [cell.strip() for cell in _cells(_text(data[mark:size]))]
        except ValueError as exc:
            raise Invalid("body", "a list whose first row names its columns", str(exc)) from exc
        _check_columns(columns)
        return ListHead(columns=tuple(columns), size=size, rows=1)

    def rows(
        self, form: str, columns: Sequence[str], product_key: str, data: bytes, first: int, most: int, *, whole: bool
    ) -> ListRows:
        """The next rows."""
        items, place, number = list[NewDevice | RowProblem](), 0, first
        while place < len(data) and number < first + most:
            end = _row_end(data, place, whole=whole, quoted=form == "csv")
            if end is None:
                break
            raw, place = data[place:end], end
            if raw.strip():
                items.append(self._row(form, columns, product_key, raw, number))
            number += 1
        return ListRows(items=tuple(items), size=place, rows=number - first)

    def _row(
        self, form: str, columns: Sequence[str], product_key: str, raw: bytes, number: int
    ) -> NewDevice | RowProblem:
        try:
            if len(raw) > ROW_BYTES_MAX:
                raise Invalid(_ROW, f"at most {ROW_BYTES_MAX} bytes", f"it has {len(raw)}")
            values = _of_csv(columns, raw) if form == "csv" else reading.read_object(NEW_DEVICE, raw)
            device = new_device({**values, "product_id": product_key})
            return NewDevice(row=number, device=device, tags=values["tags"] or {})
        except CallerError as exc:
            return self.problem(number, exc)

    def problem(self, row: int, error: CallerError) -> RowProblem:
        """As the same refusal is told of one device."""
        parameter, said, advice = codes.in_words(error)
        return RowProblem(row=row, parameter=parameter, problem=said, advice=advice)


def _begins(data: bytes, mark: int, *, whole: bool) -> ListHead | None:
    text = data[mark:].lstrip()
    if not text and not whole:
        return None
    if not text.startswith(b"{"):
        problem = "it begins with a [; write one object a line" if text.startswith(b"[") else "it begins otherwise"
        raise Invalid("body", "JSON objects, one a line", problem if text else "it is empty")
    return ListHead(size=mark)


def _row_end(data: bytes, start: int, *, whole: bool, quoted: bool = True) -> int | None:
    """Where the row ends that begins at `start`, its line's end included; None when that is not here. A line's end
    between quotes belongs to the row, but if the row would be too long its first line is all of it."""
    end = first = _line_end(data, start, whole=whole)
    while quoted and end is not None and data.count(_QUOTE, start, end) % 2:
        if end - start > ROW_BYTES_MAX or end == len(data):
            return first if end - start > ROW_BYTES_MAX or whole else None
        end = _line_end(data, end, whole=whole)
    return end


def _line_end(data: bytes, start: int, *, whole: bool) -> int | None:
    end = data.find(_END, start)
    return end + 1 if end >= 0 else len(data) if whole else None


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Invalid(_ROW, "text in UTF-8", f"the byte {exc.start + 1} of it is none") from exc
    if "\0" in text:
        raise Invalid(_ROW, "text without the character NUL", "it has one")
    return text


def _cells(text: str) -> list[str]:
    """The cells of one row. Raises ValueError."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as exc:
        raise ValueError(f"its quotes are not as in RFC 4180: {exc}") from exc
    if len(rows) != 1:
        raise ValueError("there is a carriage return alone, outside of quotes")
    return rows[0]


def _check_columns(columns: Sequence[str]) -> None:
    """Raises Unknown, Invalid, Missing."""
    known = {param.name for param in NEW_DEVICE}
    for name in columns:
        if name not in known:
            if any(mark in name for mark in ";\t|"):
                raise Invalid("body", "columns with commas between them", f"there is the column {shown(name)}")
            raise reading.Unknown(name, NEW_DEVICE, "columns of the list")
    twice = next((name for name, times in Counter(columns).items() if times > 1), None)
    if twice is not None:
        raise Invalid(twice, "one column", "there are two of that name")
    for param in NEW_DEVICE:
        if param.required and param.name not in columns:
            raise Missing(param.name, "each row of a list names its device")


def _of_csv(columns: Sequence[str], raw: bytes) -> dict[str, Any]:
    """What the row has; an empty cell is nothing."""
    text = _text(raw)
    try:
        cells = _cells(text)
    except ValueError as exc:
        raise Invalid(_ROW, "cells with commas between them", str(exc)) from exc
    if len(cells) != len(columns):
        raise Invalid(_ROW, f"{len(columns)} cells, as the header has", f"it has {len(cells)}")
    given: dict[str, Any] = {name: unguarded(cell) for name, cell in zip(columns, cells, strict=True) if cell}
    if "tags" in given:
        given["tags"] = dict(_tags(given["tags"]))
    return json_members.read(NEW_DEVICE, given)


def _tags(cell: str) -> Iterator[tuple[str, str]]:
    seen: Mapping[str, str] = {}
    for part in filter(None, (part.strip() for part in cell.split(";"))):
        key, sign, value = part.partition("=")
        if not sign or key in seen:
            raise Invalid("tags", _TAGS, f"there is {shown(part)}" + (" beside another of its key" if sign else ""))
        seen = {**seen, key: value}
    return iter(seen.items())
