"""Rows of jobs and tasks as what their owners are told, one function each."""

import json
from typing import Any
from uuid import UUID

from upwell.domain import fault
from upwell.domain.commands import Job, Manner, Task
from upwell.domain.standings import Progress, Standing, Tally, progress, standing
from upwell.domain.talk import TaskRef
from upwell.domain.task import State
from upwell.storage.database import Row, filled

_LISTS = ("package_ids", "source_versions", "group_ids", "targets")


def job_view(row: Row, counted: Tally | None) -> Job:
    """The job of a row of `show_jobs`; with its tally, how it stands."""
    lists: dict[str, Any] = {name: tuple(row[name]) for name in _LISTS}
    return filled(
        Job,
        row,
        manner=filled(Manner, row),
        tags=tuple((key, value) for key, value in json.loads(row["tags"])),
        ext_info=None if row["ext_info"] is None else json.loads(row["ext_info"]),
        facts=json.loads(row["facts"]),
        waits_for="" if row["unread"] is None or row["outcome"] else fault.unread(row["unread"] or None),
        progress=None if counted is None else progress_of(row, counted),
        tally=counted,
        **lists,
    )


def task_view(row: Row) -> Task:
    """The task of a row of `tasks`."""
    ref = TaskRef(device_id=UUID(int=row["device_id"].int), job_id=row["job_id"], nth=row["nth"])
    return filled(Task, row, ref=ref, standing=standing_of(row), description=_described(row))


def standing_of(row: Row) -> Standing:
    """Where the task of a row stands."""
    return standing(State(row["state"]), asked=row["asked"], retry_waits=row["again"], gone=row["gone"])


def progress_of(row: Row, counted: Tally | None = None) -> Progress:
    """How the job of a row stands, if it asks. Without a tally one that runs counts as having open tasks, which it has
    until the engine has ended it."""
    if row["outcome"]:
        return Progress(row["outcome"])
    open_or_counted = counted if counted is not None and counted.open else Tally(running=1)
    planned, resolved = row["status"] == "PLANNED", row["materialised"]
    return progress(open_or_counted, planned=planned, resolved=resolved, stop_asked=row["stop_asked"])


def _described(row: Row) -> str:
    """What was said of it last, or else why it waits for its package's object."""
    waits = row["state"] in ("CONFIRM", "QUEUED") and row["object_state"] == "checking"
    return row["description"] or (fault.unread(row["object_problem"]) if waits else "")
