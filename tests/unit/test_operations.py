"""One row, read from either wire: what is asked for is the same, and so is what is wrong with it."""

import json
from typing import Any

import pytest

from upwell.dialects import flat, json_members
from upwell.dialects.checks import Length, Range
from upwell.dialects.operations import Operation, Param, at
from upwell.domain.errors import Invalid, Missing

ROWS = (
    Param("name", required=True, check=Length(2, 4)),
    Param("size", "long", check=Range(1, 9), default=3),
    Param("on", "bool", default=False),
    Param("lamps", "list", most=2),
    Param("tags", "list", most=2, members=(Param("key", required=True), Param("value"))),
)


def build(values: dict[str, Any]) -> Any:
    return values


FLAT = Operation("viewer", ROWS, build)
JSON = at("POST", "/lamps", "viewer", build, body=ROWS)


def both(pairs: dict[str, str], body: dict[str, Any]) -> tuple[Any, Any]:
    """What each wire makes of the same request: the values, or how it is refused."""
    told = []
    for ask in (
        lambda: flat.command(FLAT, list(pairs.items())),
        lambda: json_members.command(JSON, {}, (), json.dumps(body).encode()),
    ):
        try:
            told.append(ask())
        except (Invalid, Missing) as exc:
            told.append((type(exc), exc.field, getattr(exc, "check", "")))
    return told[0], told[1]


def test_the_same_values() -> None:
    read, other = both(
        {"name": "abc", "size": "5", "on": "true", "lamps.1": "a", "lamps.3": "b", "tags.1.key": "k"},
        {"name": "abc", "size": 5, "on": True, "lamps": ["a", "b"], "tags": [{"key": "k"}]},
    )
    assert read == other
    assert read["lamps"] == ("a", "b") and read["tags"][0]["value"] is None


def test_defaults() -> None:
    read, other = both(
        {"name": "ab", "lamps.1": "a", "tags.1.key": "k"}, {"name": "ab", "lamps": ["a"], "tags": [{"key": "k"}]}
    )
    assert read == other and (read["size"], read["on"]) == (3, False)


@pytest.mark.parametrize(
    ("pairs", "body", "field"),
    [
        ({}, {}, "name"),
        ({"name": "a"}, {"name": "a"}, "name"),
        ({"name": "a\0b"}, {"name": "a\0b"}, "name"),
        ({"name": "ab", "size": "10"}, {"name": "ab", "size": 10}, "size"),
        ({"name": "ab", "lamps.1": "a", "lamps.2": "a"}, {"name": "ab", "lamps": ["a", "a"]}, "lamps"),
    ],
)
def test_the_same_refusals(pairs: dict[str, str], body: dict[str, Any], field: str) -> None:
    read, other = both(pairs, body)
    assert read == other and read[1] == field
