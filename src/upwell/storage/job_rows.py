"""Rows of jobs and tasks as what their owners are told, one function each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from upwell.domain import fault
from upwell.domain.commands import Care, Job, Manner, Pause, Task
from upwell.domain.guard import REJECTED, Guard, Share, Watch
from upwell.domain.rollout import Wave
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
        paused=_pause(row),
        care=None if row["rollout"] is None else _care(json.loads(row["rollout"])),
        **lists,
    )


def _pause(row: Row) -> Pause | None:
    if row["paused_at"] is None:
        return None
    return Pause(at=row["paused_at"], by=row["paused_by"], reason=row["paused_why"])


def _care(rollout: dict[str, Any]) -> Care:
    said = said_waves(rollout["waves"])
    watch = None if rollout["guard"] is None else said_watch(rollout["guard"])
    preset, waves = (said, ()) if isinstance(said, str) else ("", said)
    return Care(preset=preset, waves=waves, same_first=not rollout["salt"], guard=watch)


def kept_care(care: Care) -> str:
    """What is kept of the care that is taken where a job says nothing of it."""
    guard = None if care.guard is None else kept_watch(care.guard)
    return json.dumps(
        {"waves": kept_waves(care.preset or care.waves), "salt": "" if care.same_first else "own", "guard": guard}
    )


def care_of(text: str | None) -> Care | None:
    """The same, read back."""
    return None if text is None else _care(json.loads(text))


def kept_watch(watch: Watch) -> dict[str, Any]:
    """What is kept of a guard."""
    share = None if watch.share is None else asdict(watch.share)
    told = {"action": watch.action, "verdict_min": watch.verdict_min, "rejected": asdict(watch.rejected)}
    return asdict(watch.test) | told | {"share": share}


def said_watch(said: Mapping[str, Any]) -> Watch:
    """The guard of what is kept of it. Older ones say nothing of `rejected` and `share`."""
    of = {name: value for name, value in said.items() if name not in _NO_TEST}
    rejected, share = said.get("rejected"), said.get("share")
    return Watch(
        test=Guard(**of), action=said["action"], verdict_min=said["verdict_min"],
        rejected=REJECTED if rejected is None else Guard(**rejected), share=None if share is None else Share(**share),
    )  # fmt: skip


_NO_TEST = frozenset({"action", "verdict_min", "rejected", "share"})


def said_waves(said: Any) -> str | tuple[Wave, ...]:
    """A preset's name or the shares, of the JSON that is kept of what an owner said."""
    if isinstance(said, str):
        return said
    return tuple(Wave(**each | {"percent": each["percent"] and Decimal(each["percent"])}) for each in said)


def kept_waves(waves: str | Sequence[Wave]) -> object:
    """That JSON."""
    if isinstance(waves, str):
        return waves
    return [asdict(wave) | {"percent": None if wave.percent is None else str(wave.percent)} for wave in waves]


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
