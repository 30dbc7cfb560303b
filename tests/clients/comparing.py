"""Whether a typed answer holds what was sent."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

Leaf = tuple[str, str]
NOTHING = ("", "false", "0")  # what a language that has no word for nothing can't tell from it


def differences(sent: Any, held: Any, path: str = "") -> Iterator[str]:
    """Where a typed answer is not what was sent. What was not sent must be what the language has for nothing."""
    if isinstance(sent, dict) and isinstance(held, dict):
        for name, value in sent.items():
            if name in held:
                yield from differences(value, held[name], f"{path}.{name}")
            elif not nothing(value):
                yield f"{path}.{name} is not held: {value!r}"
        yield from (f"{path}.{n} was not sent: {v!r}" for n, v in held.items() if n not in sent and not nothing(v))
    elif isinstance(sent, list) and isinstance(held, list) and len(sent) == len(held):
        for place, (was, now) in enumerate(zip(sent, held, strict=True)):
            yield from differences(was, now, f"{path}[{place}]")
    elif (sent != held or type(sent) is not type(held)) and not (nothing(sent) and nothing(held)):
        yield f"{path} was {sent!r} and is {held!r}"


def nothing(value: Any) -> bool:
    """A zero value: a struct is one when all its members are."""
    if isinstance(value, dict):
        return all(nothing(each) for each in value.values())
    return not value


def leaves(value: Any, path: str = "") -> Iterator[Leaf]:
    """The values of an answer as XML writes them, in order, each with its path; nothing has no leaf."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{path}/{name}")
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, path)
    elif value is not None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield from [] if text in NOTHING else [(path, text)]


def xml_leaves(element: ET.Element, path: str = "") -> Iterator[Leaf]:
    """The same of a document."""
    for child in element:
        yield from xml_leaves(child, f"{path}/{child.tag}")
    if not len(element) and (element.text or "") not in NOTHING:
        yield path, element.text or ""
