"""The form by which a group is made, or its condition looked at: its rows, and the condition that they are.

Holds: a row is one comparison, as `/v1` has it; its values have commas between them, and one with a comma of its own
is in quotes. Whatever is typed is judged by the operation alone.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any

from upwell.console.fields import Fields
from upwell.dialects.upwell.conditions import COMPARISONS_MAX, FIELDS
from upwell.domain.errors import Invalid

ROWS = COMPARISONS_MAX
ONE_VALUE = ("begins_with", "before", "after")
_PARTS = ("field", "operator", "key", "values")


def body(fields: Fields) -> dict[str, Any]:
    """The body that asks for the group."""
    said = {name: fields[name].strip() for name in ("name", "description") if fields.get(name, "").strip()}
    return said | (condition(fields) if fields.get("kind") == "dynamic" else {})


def preview_body(fields: Fields) -> dict[str, Any]:
    """The body that asks what the condition means: of the form, or as a group has it."""
    whole = fields.get("condition")
    if not whole:
        return condition(fields)
    try:
        return {"condition": json.loads(whole)}
    except ValueError as exc:
        raise Invalid("condition", "JSON") from exc


def condition(fields: Fields) -> dict[str, Any]:
    """The condition of the rows in which something stands."""
    rows = [_comparison(row) for row in _rows(fields)]
    if fields.get("match") == "any":
        return {"condition": {"any_of": [{"all_of": [row]} for row in rows]}}
    return {"condition": {"all_of": rows}}


def _rows(fields: Fields) -> Iterator[Mapping[str, str]]:
    for place in range(ROWS):
        row = {part: fields.get(f"rows[{place}].{part}", "").strip() for part in _PARTS}
        if row["values"] or row["key"]:
            yield row


def _comparison(row: Mapping[str, str]) -> dict[str, Any]:
    field, operator = row["field"], row["operator"]
    found: dict[str, Any] = {"field": field} | ({"operator": operator} if operator else {})
    if row["key"]:
        found["module" if field == "version" else "key"] = row["key"]
    if row["values"]:
        found["values"] = [row["values"]] if operator in ONE_VALUE else _values(row["values"])
    return found


def _values(text: str) -> list[str]:
    try:
        cells = next(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error:  # a quote that is of the text itself
        cells = text.split(",")
    return [cell.strip() for cell in cells if cell.strip()]


def operators() -> Mapping[str, tuple[str, ...]]:
    """By which each field may be compared."""
    return FIELDS
