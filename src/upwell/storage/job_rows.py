"""Rows of jobs and tasks as what their owners are told, one function each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from upwell.domain import fault
from upwell.domain.approval import Approval, Stands
from upwell.domain.commands import Approved, Care, Job, JobHours, JobPace, Manner, Pause, Task
from upwell.domain.guard import REJECTED, Guard, Share, Watch
from upwell.domain.hours import Hours, Span
from upwell.domain.pace import Growth, Pace
from upwell.domain.rollout import Wave
from upwell.domain.setbacks import Setback
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
        hours=None if row["hours"] is None else _hours(row),
        pace=None if row["paced"] is None else _pace(json.loads(row["paced"])),
        approval=None if row["approval"] is None else _approved(json.loads(row["approval"])),
        care=None if row["rollout"] is None else _care(json.loads(row["rollout"])),
        **lists,
    )


def _pause(row: Row) -> Pause | None:
    if row["paused_at"] is None:
        return None
    return Pause(at=row["paused_at"], by=row["paused_by"], reason=row["paused_why"])


def _hours(row: Row) -> JobHours:
    closes_at = row["open_until"] if row["is_open"] else None
    return JobHours(hours=said_hours(json.loads(row["hours"])), closes_at=closes_at, opens_at=row["opens_at"])


def _pace(kept: Mapping[str, Any]) -> JobPace:
    return JobPace(pace=_said_pace(kept), per_min=kept["per_min"], running=kept["running"])


def _approved(kept: dict[str, Any]) -> Approved:
    decided_at = kept["decided_at"]
    return Approved(
        stands=Stands(kept["stands"]), revision=kept["revision"], makers=tuple(kept["makers"]),
        asked_at=datetime.fromisoformat(kept["asked_at"]),
        decided_at=None if decided_at is None else datetime.fromisoformat(decided_at), decided_by=kept["decided_by"],
        remark=kept["remark"],
    )  # fmt: skip


def _care(rollout: dict[str, Any]) -> Care:
    said = said_waves(rollout["waves"])
    watch = None if rollout["guard"] is None else said_watch(rollout["guard"])
    preset, waves = (said, ()) if isinstance(said, str) else ("", said)
    rule = rollout.get("approval")
    return Care(
        preset=preset, waves=waves, same_first=not rollout["salt"], guard=watch,
        approval=None if rule is None else Approval(**rule),
        hours=said_hours(rollout["hours"]) if "hours" in rollout else None,
        pace=_said_pace(rollout["pace"]) if "pace" in rollout else None,
        set_aside=Setback(**rollout["set_aside"]) if "set_aside" in rollout else None,
    )  # fmt: skip


def kept_care(care: Care) -> str:
    """What is kept of the care that is taken where a job says nothing of it."""
    guard = None if care.guard is None else kept_watch(care.guard)
    kept: dict[str, Any] = {
        "waves": kept_waves(care.preset or care.waves),
        "salt": "" if care.same_first else "own",
        "guard": guard,
    }
    kept |= {} if care.approval is None else {"approval": asdict(care.approval)}
    kept |= {} if care.pace is None else {"pace": _kept_pace(care.pace)}
    kept |= {} if care.set_aside is None else {"set_aside": asdict(care.set_aside)}
    return json.dumps(kept | ({} if care.hours is None else {"hours": kept_hours(care.hours)}))


def care_of(text: str | None) -> Care | None:
    """The same, read back."""
    return None if text is None else _care(json.loads(text))


def kept_hours(hours: Hours) -> dict[str, Any]:
    """What is kept of a job's hours."""
    return {"zone": hours.zone, "spans": [[span.opens_min, span.closes_min, list(span.days)] for span in hours.spans]}


def said_hours(kept: Mapping[str, Any]) -> Hours:
    """The same, read back."""
    spans = (Span(opens_min=begins, closes_min=ends, days=tuple(days)) for begins, ends, days in kept["spans"])
    return Hours(zone=kept["zone"], spans=tuple(spans))


def kept_growth(growth: Growth) -> dict[str, Any]:
    """What is kept of how a pace grows."""
    return asdict(growth) | {"factor": str(growth.factor)}


def said_growth(kept: Mapping[str, Any]) -> Growth:
    """The same, read back."""
    return Growth(**dict(kept) | {"factor": Decimal(kept["factor"])})


def _kept_pace(pace: Pace) -> dict[str, Any]:
    growth = None if pace.growth is None else kept_growth(pace.growth)
    return {"growth": growth, "at_once": pace.at_once, "bytes_per_s": pace.bytes_per_s}


def _said_pace(kept: Mapping[str, Any]) -> Pace:
    growth = None if kept["growth"] is None else said_growth(kept["growth"])
    return Pace(growth=growth, at_once=kept["at_once"], bytes_per_s=kept.get("bytes_per_s"))


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
    return tuple(map(_said_wave, said))


def _said_wave(kept: dict[str, Any]) -> Wave:
    tag = kept.get("tag")
    told = {"percent": kept["percent"] and Decimal(kept["percent"]), "devices": tuple(kept.get("devices", ()))}
    return Wave(**kept | told | {"tag": None if tag is None else (tag[0], tag[1])})


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
