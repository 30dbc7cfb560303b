"""How much a request and a refusal may be: of a form what its operation can take, of a refusal what a person reads.

Both hold whatever the vendor: a form is not taken apart beyond it before its signature holds, and nobody has us send
back what he sent.
"""

import json
from collections.abc import Mapping
from xml.sax.saxutils import escape

from upwell.dialects.operations import Operation, Param

FORM_BYTES = 64 * 1024  # of any operation's form, known or not
VALUE_BYTES = 1024  # of one of many values, coded, with its name: 64 characters of nine bytes each, and more
FIELDS = 1000  # of any operation's form
REFUSAL_BYTES = (
    1800  # of a message, as JSON or XML writes it: with the envelope around it no answer has 2 KB of the caller's
)


HOST_BYTES = 128  # of a Host header that an answer repeats


def form_bytes_max(operations: Mapping[str, Operation], name: str) -> int:
    """The bytes of a form with the parameters of that operation."""
    return FORM_BYTES + VALUE_BYTES * _values(operations, name)


def form_fields_max(operations: Mapping[str, Operation], name: str) -> int:
    """The fields of it."""
    return FIELDS + _values(operations, name)


def _values(operations: Mapping[str, Operation], name: str) -> int:
    found = operations.get(name)
    return sum(map(_values_of, found.params)) if found else 0


def _values_of(param: Param) -> int:
    return param.most * max(1, len(param.members)) if param.kind == "list" else 0


def bounded(text: str, most: int = REFUSAL_BYTES) -> str:
    """The text, or its beginning with dots: at most so many bytes as JSON and as XML write it."""
    if _written(text[: most + 1]) <= most:
        return text
    kept = text[:most]
    while _written(kept) > most - 3:
        kept = kept[: len(kept) * 7 // 8]
    return kept + "..."


def _written(text: str) -> int:
    return max(len(json.dumps(text)) - 2, len(escape(text).encode("utf-8", "replace")))
