"""Cursors: where the next page of a list begins.

A cursor is opaque to its holder. It holds the record or the task that the page before ended with, and the value of the
field that the list goes by, never an offset, and a check of the list, of its filters and of its order: with any others
it is refused, for then its page would be the middle of another list.
"""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from upwell.dialects.operations import Values
from upwell.dialects.upwell import names
from upwell.dialects.upwell.params import CURSOR, SORT
from upwell.domain import commands as c
from upwell.domain.commands.lists import End, Order, Page, Slice
from upwell.domain.errors import Invalid
from upwell.domain.talk import TaskRef

_CHECK_CHARS = 16
_OF_MAKING = ("at", "started_at")  # as some call the time of their making
_SIGN = "-"  # between what a page ended with and its value, which is in base64
_RECORD = re.compile(r"[0-9]{1,30}")
LIST_CHECK = "the next_cursor of an earlier page of the same list, with the same filters and the same sort"


def scope_of(name: str, given: Mapping[str, Any]) -> str:
    """Which list with which filters a page is of: the operation, and all that was given but where the page is."""
    return repr((name, sorted((name, value) for name, value in given.items() if name not in (CURSOR, "limit"))))


def next_cursor(page: Page[Any], scope: str) -> str | None:
    """What leads to the page behind this one; None when this is the last. A full page may have an empty one behind."""
    if len(page.items) < page.asked.take:
        return None
    last, order = page.items[-1], page.asked.order
    if isinstance(last, c.Tag):
        end = _written(f"{last.key}\0{last.value}")
    elif isinstance(last, c.Task):
        end = names.task_id(last.ref) if order is None else f"{names.task_id(last.ref)}{_SIGN}{last.state}"
    else:
        end = str(page.last) if page.end is None else f"{page.end.record}{_SIGN}{_written(page.end.value)}"
    return _packed(f"{_check(scope, end)}{end}")


def opened(cursor: str, scope: str) -> str:
    """What the page before ended with. Raises Invalid."""
    try:
        text = _unpacked(cursor)
    except ValueError:  # also of what is no base64
        text = ""
    check, end = text[:_CHECK_CHARS], text[_CHECK_CHARS:]
    if check != _check(scope, end):
        raise Invalid(CURSOR, LIST_CHECK)
    return end


def _check(scope: str, end: str) -> str:
    return sha256(f"{scope} {end}".encode("utf-8", "surrogatepass")).hexdigest()[:_CHECK_CHARS]


def asked(v: Values) -> Slice:
    """The slice of a list that goes from record to record, or as `sort` says; the cursor was opened."""
    by = order(v)
    if v[CURSOR] is None:
        return Slice(take=v["limit"], order=by)
    record, sign, value = v[CURSOR].partition(_SIGN)
    if not _RECORD.fullmatch(record) or bool(sign) == (by is None):
        raise Invalid(CURSOR, LIST_CHECK)
    if by is None:
        return Slice(take=v["limit"], below=int(record))
    return Slice(take=v["limit"], order=by, after=End(_read(by.field, value), int(record)))


def order(v: Values) -> Order | None:
    """The order that is asked for; None for that of a list that has only one."""
    said = v.get(SORT)
    if said is None:
        return None
    field = said.removeprefix("-")
    return Order("created_at" if field in _OF_MAKING else field, down=said.startswith("-"))


def after(v: Values) -> TaskRef | None:
    """The task that the page before ended with; the cursor was opened."""
    return None if v[CURSOR] is None else names.read_task_id(v[CURSOR].partition(_SIGN)[0])


def after_pair(v: Values) -> tuple[str, str] | None:
    """The key and the value that the page before ended with; the cursor was opened. Raises Invalid."""
    if v[CURSOR] is None:
        return None
    try:
        key, sign, value = _unpacked(v[CURSOR]).partition("\0")
    except ValueError:
        sign = ""
    if not sign or "\0" in value:
        raise Invalid(CURSOR, LIST_CHECK)
    return key, value


def after_state(v: Values) -> str | None:
    """The state in which that task was, of a list by states."""
    return None if v[CURSOR] is None or order(v) is None else v[CURSOR].partition(_SIGN)[2]


def _written(value: str | int | datetime | None) -> str:
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return _packed(text)


def _packed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def _unpacked(text: str) -> str:
    """Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8")


def _read(field: str, text: str) -> str | int | datetime | None:
    """What `_written` wrote. Raises Invalid."""
    try:
        return _READERS[field](_unpacked(text))
    except (ValueError, OverflowError) as exc:  # binascii.Error is a ValueError
        raise Invalid(CURSOR, LIST_CHECK) from exc


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError(text)
    return text


def _number(text: str) -> int:
    if not _RECORD.fullmatch(text) or int(text) >> 63:
        raise ValueError(text)
    return int(text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_READERS: Mapping[str, Callable[[str], str | int | datetime | None]] = {
    "created_at": lambda _: None, "name": _text, "modified_at": _time, "size": _number,
}  # fmt: skip
