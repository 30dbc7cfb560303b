"""The life of a task that negotiates: its device is asked what it runs, offered what fits, and says what came of it.

What it awaits stands beside its state: the device to come online, its answer, leave to be offered, or its result; each
wait has an end (huawei 6.1). A device that comes back while its result is awaited is asked whether it has arrived, and
offered the package again when it has not: once on a connection, and all within the time of the first offer. State
changes are `domain.task.step`'s; what a report means is `domain.standings`'s. Result reports are understood for tasks
of every kind, because a device speaks its vendor's tongue whoever made the job.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from upwell.domain import standings
from upwell.domain import task as life
from upwell.domain.standings import Choice
from upwell.domain.talk import ProgressReport, ResultReport, VersionReport
from upwell.domain.task import Event, State, Stepped, Task, step

ONLINE, ANSWER, OFFER, RESULT = "online", "answer", "offer", "result"
ARRIVAL = "arrival"  # the answer of a device that came back; its result's time runs on
AGAIN = "again"  # leave to be offered once more; its result's time runs on
OFFERED = frozenset({RESULT, ARRIVAL, AGAIN})  # of an attempt whose offer has left
OFFERS = frozenset({"", OFFER, AGAIN})  # what is sent next is the offer, else the question

OFFLINE = "online_timeout"  # reasons of waits that ended
SILENT = "version_timeout"
RESULTLESS = "timeout"


def first_wait(now: datetime) -> tuple[str, datetime]:
    """What a new task awaits, and until when."""
    return ONLINE, now + standings.ONLINE_WITHIN


def sent(awaiting: str, now: datetime) -> tuple[str | None, datetime | None]:
    """What a task awaits once the message that was due for it has left: the offer if it awaited that, else the
    question; and until when. None is what it was before: a task that does not negotiate awaits nothing, and what a
    device was offered has the time of the first offer, however often it comes back."""
    match awaiting:
        case "":
            return None, None
        case "offer":
            return RESULT, now + standings.RESULT_WITHIN
        case "again":
            return RESULT, None
        case "result" | "arrival":
            return ARRIVAL, None
    return ANSWER, now + standings.ANSWER_WITHIN


def reported_version(
    task: Task, choices: Sequence[Choice], report: VersionReport, connection: UUID | None, now: datetime
) -> Stepped:
    """The device says what it runs: the answer to the question, or word of itself after a restart."""
    if not task.is_open:
        return task, None
    if any(choice.destination == report.version for choice in _possible(task, choices)):
        return step(task, Event.ARRIVED, now, progress=100, description="", reason="")
    if task.state is State.CONFIRM or (task.awaiting == RESULT and task.offered_on == connection):
        return task, None  # huawei 6.2: after the offer another version says nothing
    answer = standings.answered(report.version, choices)
    task = replace(task, source_version=report.version)
    if answer.offer is None:
        return step(task, Event.BROKE, now, reason=answer.reason, description="")
    return _to_be_offered(task, answer.offer, now), None


def _to_be_offered(task: Task, choice: Choice, now: datetime) -> Task:
    """The task once its device said what it runs. One that was offered already and came back has not got it: it is
    offered again, from the beginning, in what is left of its time."""
    again = task.awaiting in OFFERED
    return replace(
        task,
        awaiting=AGAIN if again else OFFER,
        due_at=now if task.need_push else None,
        timeout_at=task.timeout_at if again else now + standings.RESULT_WITHIN,
        progress=0,
        package_id=choice.package_id,
        destination=choice.destination,
    )


def _possible(task: Task, choices: Sequence[Choice]) -> Sequence[Choice]:
    """What a version may show to be installed: anything the job installs, until one was chosen."""
    return [c for c in choices if task.package_id in (None, c.package_id)]


def reported_result(task: Task, report: ResultReport, now: datetime) -> Stepped:
    """The device says how the update stands (huawei 6.2). Before an offer only an arrival means something."""
    if not task.is_open:
        return task, None
    event = standings.result(report, task.destination)
    if event is Event.ARRIVED:
        return step(task, Event.ARRIVED, now, progress=100, description=report.desc, reason="", code=report.code)
    if task.state is State.CONFIRM or (task.state is State.QUEUED and task.offered_on is None):
        return step(task, Event.ECHOED, now)
    if not _was_offered(task):
        return step(task, Event.ECHOED, now)
    if event is Event.BROKE:
        return broke(task, report.reason, report.desc, report.code, now)
    return _progressed(task, report, now)


def reported_progress(
    task: Task, report: ProgressReport, now: datetime, *, connection: UUID | None = None, redelivered: bool = False
) -> Stepped:
    """A device of a vendor that tells results as progress; it means what it means there (alibaba 6.4)."""
    if not task.is_open or not _was_offered(task):
        return task, None
    task, again = _at_work(task), _anew(task, now)
    return life.reported_progress(task, report, now, connection=connection, redelivered=redelivered, again=again)


def _was_offered(task: Task) -> bool:
    """Whether a report may speak of what was offered: of a task that negotiates, since the present attempt's offer. A
    device that came back and was asked again may tell of it instead of answering."""
    return task.awaiting == "" or task.awaiting in OFFERED


def _at_work(task: Task) -> Task:
    """The task of a device that tells of what it was offered: it needs no second offer."""
    if task.awaiting not in (ARRIVAL, AGAIN):
        return task
    return replace(task, awaiting=RESULT, due_at=None)


def _progressed(task: Task, report: ResultReport, now: datetime) -> Stepped:
    task = _at_work(task)
    progress = report.progress if report.progress is not None else task.progress
    if task.state is State.IN_PROGRESS:
        if progress < task.progress:
            return step(task, Event.ECHOED, now)
        return replace(task, progress=progress, description=report.desc, code=report.code), None
    ends = task.timeout_at
    if ends is None and task.timeout_min:
        ends = now + timedelta(minutes=task.timeout_min)
    text = report.desc
    return step(task, Event.PROGRESSED, now, progress=progress, description=text, code=report.code, timeout_at=ends)


def broke(task: Task, reason: str, text: str, code: int | None, now: datetime) -> Stepped:
    """The attempt failed; with a retry left, a task that negotiates waits for its device anew after the interval."""
    return life.broke(task, reason, text, "", now, code=code, **_anew(task, now))


def _anew(task: Task, now: datetime) -> dict[str, object]:
    """What a retry changes of a task that negotiates."""
    if not task.awaiting:
        return {}
    awaiting, ends = first_wait(now + timedelta(minutes=task.retry_interval_min or 0))
    return {"awaiting": awaiting, "timeout_at": ends, "package_id": None}


def waited_out(task: Task, now: datetime) -> Stepped:
    """The task's present wait is over. A device that did not answer is asked again if a retry is left; one that never
    came, or never told its result, has had its time (huawei 6.1)."""
    if task.awaiting == ANSWER:
        return broke(task, SILENT, "", None, now)
    reason = OFFLINE if task.awaiting == ONLINE else RESULTLESS
    return step(task, Event.TIMED_OUT, now, reason=reason, description="")


def released(task: Task, since: datetime) -> Task:
    """A task that was confirmed or is to run again waits for its device since then, and chooses anew."""
    if not task.awaiting:
        return task
    awaiting, ends = first_wait(since)
    return replace(task, awaiting=awaiting, timeout_at=ends, package_id=None)


def repeated(task: Task, need_confirm: bool, now: datetime) -> Stepped:
    """The owner has a closed task run again: as `task.repeated`, and one that negotiates waits for its device anew."""
    again, change = life.repeated(task, need_confirm, now)
    return (again if change is None else released(again, now)), change
