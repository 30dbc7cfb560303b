"""What an answer shows of a view, as a table: how each member is called, what it is, where it comes from.

An answer is written from the table and the OpenAPI document describes it from the same one, so that no answer can have
what the document does not say. A member without a value is left out, never null (rollouts 5.2.1); one that is always
there is marked so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upwell.dialects.upwell.render import time

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One member. `get` gives its value from the view, None for none."""

    name: str
    schema: Schema
    get: Callable[[Any], Any]
    always: bool = True


@dataclass(frozen=True, slots=True)
class Shape:
    """The members of one kind of answer, in order."""

    name: str
    text: str
    fields: tuple[Field, ...]

    def show(self, view: Any) -> dict[str, Any]:
        """The members that have a value."""
        values = ((field.name, field.get(view)) for field in self.fields)
        return {name: value for name, value in values if value is not None}

    def schema(self) -> dict[str, Any]:
        """What the document says of it; it may grow."""
        return {
            "type": "object",
            "description": self.text,
            "properties": {field.name: dict(field.schema) for field in self.fields},
            "required": [field.name for field in self.fields if field.always],
        }

    def with_(self, name: str, text: str, *more: Field) -> "Shape":
        """The same with more members behind."""
        return Shape(name, text, (*self.fields, *more))


def text(name: str, of: Callable[[Any], str | None], said: str = "", *, always: bool = True, **more: Any) -> Field:
    return Field(name, _said({"type": "string", **more}, said), of, always)


def number(name: str, of: Callable[[Any], int | None], said: str = "", *, always: bool = True) -> Field:
    return Field(name, _said({"type": "integer"}, said), of, always)


def switch(name: str, of: Callable[[Any], bool | None], said: str = "", *, always: bool = True) -> Field:
    return Field(name, _said({"type": "boolean"}, said), of, always)


def at(name: str, of: Callable[[Any], datetime | None], said: str = "", *, always: bool = True) -> Field:
    """A moment in UTC."""
    return Field(name, _said({"type": "string", "format": "date-time"}, said), lambda view: time(of(view)), always)


def texts(name: str, of: Callable[[Any], Any], said: str = "", *, always: bool = True) -> Field:
    schema = {"type": "array", "items": {"type": "string"}}
    return Field(name, _said(schema, said), lambda view: None if of(view) is None else list(of(view)), always)


def free(name: str, schema: Schema, of: Callable[[Any], Any], said: str = "", *, always: bool = True) -> Field:
    """A member of any other kind."""
    return Field(name, _said(schema, said), of, always)


def members(*fields: Field) -> dict[str, Any]:
    """The schema of an object inside of an answer."""
    schema = Shape("", "", fields).schema()
    del schema["description"]
    return schema


def _said(schema: Schema, said: str) -> Schema:
    return {**schema, "description": said} if said else schema
