"""Rows of events as values, and what an account's events are told apart from others' by."""

import json

from upwell.domain import commands as c
from upwell.storage.database import Row, filled


def source_of(account_id: int) -> str:
    """What a reader of several accounts or servers tells their events apart by, beside the ids."""
    return f"urn:upwell:account:{account_id:016x}"


def event_of(row: Row, source: str) -> c.Event:
    """The event of a row."""
    return filled(c.Event, row, source=source, facts=json.loads(row["facts"]))
