"""Cursors: where the next page of a list begins.

A cursor is opaque to its holder. It holds the record or the task that the page before ended with, never an offset, and
a check of the list and of the filters that it was made for: with any others it is refused, for then its page would be
the middle of another list.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from upwell.dialects.operations import Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.params import CURSOR
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.errors import Invalid
from upwell.domain.talk import TaskRef

_CHECK_CHARS = 16
_RECORD = re.compile(r"[0-9]{1,30}")
LIST_CHECK = "the next_cursor of an earlier page of the same list, with the same filters"


def scope_of(name: str, given: Mapping[str, Any]) -> str:
    """Which list with which filters a page is of: the operation, and all that was given but where the page is."""
    return repr((name, sorted((name, value) for name, value in given.items() if name not in (CURSOR, "limit"))))


def next_cursor(page: Page[Any], scope: str) -> str | None:
    """What leads to the page behind this one; None when this is the last. A full page may have an empty one behind."""
    if len(page.items) < page.asked.take:
        return None
    last = page.items[-1]
    end = names.task_id(last.ref) if isinstance(last, c.Task) else str(page.last)
    return base64.urlsafe_b64encode(f"{_check(scope, end)}{end}".encode()).decode().rstrip("=")


def opened(cursor: str, scope: str) -> str:
    """What the page before ended with. Raises Invalid."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    check, end = text[:_CHECK_CHARS], text[_CHECK_CHARS:]
    if check != _check(scope, end):
        raise Invalid(CURSOR, LIST_CHECK)
    return end


def _check(scope: str, end: str) -> str:
    return sha256(f"{scope} {end}".encode("utf-8", "surrogatepass")).hexdigest()[:_CHECK_CHARS]


def asked(v: Values) -> Slice:
    """The slice of a list that goes from record to record; the cursor was opened."""
    if v[CURSOR] is None:
        return Slice(take=v["limit"])
    if not _RECORD.fullmatch(v[CURSOR]):
        raise Invalid(CURSOR, LIST_CHECK)
    return Slice(take=v["limit"], below=int(v[CURSOR]))


def after(v: Values) -> TaskRef | None:
    """The task that the page before ended with; the cursor was opened."""
    return None if v[CURSOR] is None else names.read_task_id(v[CURSOR])
