"""What devices' reports mean for a task (alibaba 6.4, 7.2; huawei 6.1, 6.2; ADR 0014; laws L6, L7).

A report is turned into an event of `task`, a cue of `awaiting` or the end of an attempt; a report that says nothing
new leaves the task as it is. Result reports are understood for tasks of every kind, because a device speaks its
vendor's tongue whoever made the job; a task that asks first takes any report, too, of what it was offered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from upwell.domain.attempts import Failure, anew, broke, cued, due, due_again, failed
from upwell.domain.awaiting import OFFERED, Awaits, Cue
from upwell.domain.choosing import Choice, arrived, chosen
from upwell.domain.stepping import NO_WAY, Way, is_nearer, next_step
from upwell.domain.talk import ProgressReport, ResultReport, VersionReport
from upwell.domain.task import ROLLED_BACK, UNFIT, Event, State, Stepped, Task, step

# alibaba 6.4: what a negative step means; the word groups failures, the text is what a person reads
FAILURES: dict[int, tuple[str, str]] = {
    -1: ("upgrade_failed", "upgrade failed"),
    -2: ("download_failed", "download failed"),
    -3: ("verification_failed", "verification of the download failed"),
    -4: ("burning_failed", "burning failed"),
}

WHOLE = 100  # the progress of a device that has the package
STRAY_TEXT = "report version is not conform"  # alibaba 2.5, sample of ListOTATaskByJob
NOT_CONFORM, NOT_SUPPORTED = "version_not_conform", "version_not_supported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands beside a task when its device says another version: the destinations of cancelled tasks, which it may
    have been sent to, whether it is in the job's group, and by which packages its job leads."""

    former: frozenset[str] = frozenset()
    is_member: bool = True
    way: Way = field(default_factory=dict)


def delivered(task: Task) -> Stepped:
    """The device acknowledged an offer; one of an attempt that has ended says nothing (L7)."""
    return step(task, Event.ECHOED if task.offered_on is None else Event.DELIVERED)


# --- versions -----------------------------------------------------------------------------------------------------


def reported_version(
    task: Task, report: VersionReport, connection: UUID | None, now: datetime, beside: Beside = Beside()
) -> Stepped:
    """A version report of the task's module (alibaba 7.2, ADR 0014). "Not conform" is for a device that was offered
    this package; before that, another version only asks anew whether the task is for it."""
    if not task.is_open:
        return task, None
    if report.version == (task.led_to or task.destination):
        return _arrived(task)
    task = _come_back(task, report.version, connection)
    if _is_unchanged(task, report.version, connection):
        return _stayed(task, connection, now), None
    if task.led_to is not None and _is_step(task, report.version, beside.way):
        return _stepped(task, report.version or "", beside.way, now)
    first_word = task.source_version is None and report.version is not None
    task_now = _set_out(replace(task, source_version=report.version), beside.way)
    if task.offered_at is None or first_word or report.version in beside.former:
        return _judged_anew(task_now, beside, connection, now)
    return _strayed(task_now, beside.way, now)


def answered_version(
    task: Task, choices: Sequence[Choice], report: VersionReport, connection: UUID | None, now: datetime
) -> Stepped:
    """The same of a task that asks first: the answer to the question, or word of the device itself after a restart. Of
    one that was offered already, another version means that it has not got it: it is offered again, from the beginning,
    in what is left of its time."""
    if not task.is_open:
        return task, None
    possible = [choice for choice in choices if task.package_id in (None, choice.package_id)]
    if arrived(report.version, possible):  # anything the job installs, until one was chosen
        return _arrived(task)
    if task.state is State.CONFIRM or (task.awaiting is Awaits.RESULT and task.offered_on == connection):
        return task, None  # huawei 6.2: after the offer another version says nothing
    task = replace(_come_back(task, report.version, connection), source_version=report.version)
    choice = None if arrived(report.version, choices) else chosen(report.version, choices)
    if choice is None:  # L6: no retry can help
        return failed(task, Failure(reason=NOT_SUPPORTED, text=""))
    task = replace(task, package_id=choice.package_id, destination=choice.destination, progress=0)
    return replace(cued(task, Cue.ANSWERED, now), due_at=due(task, now)), None


def _arrived(task: Task) -> Stepped:
    return step(task, Event.ARRIVED, _there(replace(task, progress=100, description="", reason="")))


def _there(task: Task) -> Task:
    """Of one that was led the package is the job's own at last."""
    return task if task.led_to is None else replace(task, package_id=None, destination=task.led_to)


def _is_step(task: Task, version: str | None, way: Way) -> bool:
    """Whether a task that is led goes on: its device runs what it was offered, or is nearer to the goal by itself."""
    if version is None or next_step(way, version) is None:
        return False
    return version == task.destination or is_nearer(way, version, task.source_version, task.led_to or "")


def _stepped(task: Task, version: str, way: Way, now: datetime) -> Stepped:
    """A step is done: the next is a new attempt, of another package, with its own time and retries (ADR 0048)."""
    on = _set_out(replace(task, source_version=version), way)
    begun = replace(
        anew(on, now), attempt=0, reason="", failure_ref="", code=None,
        description=f"runs {version}, goes on to {on.destination}",
        due_at=None if task.state is State.CONFIRM else due(task, now),
    )  # fmt: skip
    return step(task, Event.STEPPED, begun)


def _set_out(task: Task, way: Way) -> Task:
    """A task that is led, with the step that its device needs from what it runs now; where there is none it keeps the
    one it had, which is not offered to what that may not follow (L6)."""
    found = next_step(way, task.source_version)
    if task.led_to is None or found is None:
        return task
    package_id = None if found.version == task.led_to else found.package_id
    return replace(task, package_id=package_id, destination=found.version)


def came_back(task: Task, version: str | None, connection: UUID | None) -> bool:
    """Whether the device of a task had the whole package, began anew, and says that it runs what it came from: it has
    rolled back (rollouts 7.20). Who polls has one connection for ever, and is not seen to begin anew."""
    began_anew = None not in (connection, task.offered_on) and connection != task.offered_on
    had_it = task.state is State.IN_PROGRESS and task.progress == WHOLE
    return had_it and began_anew and version is not None and version == task.source_version


def fallen_back(
    before: Task, after: Task, version: str | None, connection: UUID | None
) -> Task | None:  # fmt: skip
    """An open task whose device came back so, as it is saved where that is counted (domain/setbacks.py): not offered,
    so that it counts once until it is offered the package again. None: it did not come back."""
    if not after.is_open or not came_back(before, version, connection):
        return None
    return replace(after, offered_on=None)


def _come_back(task: Task, version: str | None, connection: UUID | None) -> Task:
    """The task, marked where it did."""
    return replace(task, outcome=ROLLED_BACK) if came_back(task, version, connection) else task


def _is_unchanged(task: Task, version: str | None, connection: UUID | None) -> bool:
    """Whether it runs what it ran. Of a version that nobody knows that can't be said once the device may have
    restarted with what the present attempt offered."""
    if version is None and task.offered_on not in (None, connection):
        return False
    return version == task.source_version


def _judged_anew(task: Task, beside: Beside, connection: UUID | None, now: datetime) -> Stepped:
    """The task goes on from the version that its device runs now, if it is for that."""
    if task.led_to is not None and task.source_version is not None and not _is_led(task, beside.way):
        return failed(task, _no_way(task))
    if task.led_to is None and not task.fits(task.source_version):
        text = f"{_said(task)} is none that the job is for ({_sources(task)})"
    elif not beside.is_member:
        text = f"with {_said(task)} the device is not in the job's group any more"
    else:
        return _stayed(task, connection, now), None
    return failed(task, Failure(reason=UNFIT, text=text))


def _is_led(task: Task, way: Way) -> bool:
    """Whether its job leads from what its device runs: of those that the job is for, or on the way itself."""
    version = task.source_version or ""
    return next_step(way, version) is not None and (
        not task.job_sources or version in task.job_sources or version in way
    )


def _no_way(task: Task) -> Failure:
    text = f"no package leads from {_said(task)} to {task.led_to}"
    return Failure(reason=NO_WAY, text=text)


def _said(task: Task) -> str:
    if task.source_version is None:
        return "the version that the device reports, which can't be known,"
    return f"the version {task.source_version}, which the device reports,"


def _sources(task: Task) -> str:
    sets = [some for some in (task.job_sources, task.package_sources) if some]
    return ", ".join(sorted(frozenset.intersection(*sets))) or "no version"


def _strayed(task: Task, way: Way, now: datetime) -> Stepped:
    failure = Failure(reason=NOT_CONFORM, text=STRAY_TEXT)
    fits = task.fits(task.source_version) if task.led_to is None else _is_led(task, way)
    if not fits:  # L6: no retry can help
        return failed(task, failure)
    return broke(task, failure, now)


def _stayed(task: Task, connection: UUID | None, now: datetime) -> Task:
    # alibaba 7.2: the unchanged version is a boot: offer again, but once on each connection
    if connection is not None and task.offered_on == connection:
        return task
    return due_again(task, now)


# --- progress -----------------------------------------------------------------------------------------------------


def is_older(task: Task, connection: UUID | None, redelivered: bool) -> bool:
    """Whether a message was sent before the task's offer was: it was sent first on an earlier connection than the one
    that the offer went by."""
    return redelivered and connection is not None and connection == task.offered_on


def reported_progress(
    task: Task, report: ProgressReport, now: datetime, *, connection: UUID | None = None, redelivered: bool = False
) -> Stepped:
    """A progress report of the task's module (alibaba 6.4), on which connection, and whether the device says that it
    may have sent it before (MQTT's DUP). For a task that asks it is the device's result, told another vendor's way."""
    if not task.is_open or not _may_speak(task):
        return task, None
    task = _at_work(task, now)
    if is_older(task, connection, redelivered) or _is_echo(task, report, connection, redelivered):
        return step(task, Event.ECHOED)
    if report.step < 0:
        reason, text = FAILURES.get(report.step, ("failed", f"failed with step {report.step}"))
        return broke(task, Failure(reason=reason, text=report.desc or text, echo=_echo_of(report)), now)
    return _progressed(task, report.step, report.desc, task.code, now)


def _may_speak(task: Task) -> bool:
    """Whether a report may speak of what was offered: of a task that asks, since the present attempt's offer. A device
    that came back and was asked again may tell of it instead of answering."""
    return task.awaiting is Awaits.NOTHING or task.awaiting in OFFERED


def _at_work(task: Task, now: datetime) -> Task:
    """The task of a device that tells of what it was offered: it needs no second offer."""
    if task.awaiting not in (Awaits.ARRIVAL, Awaits.AGAIN):
        return task
    return replace(cued(task, Cue.WORKS, now), due_at=None)


def _progressed(task: Task, progress: int, text: str, code: int | None, now: datetime) -> Stepped:
    """The clock starts at the first progress (L11), unless one runs."""
    if task.state is State.IN_PROGRESS and progress < task.progress:
        return step(task, Event.ECHOED)
    told = replace(task, progress=progress, description=text, code=code)
    if task.state is State.IN_PROGRESS:
        return told, None
    if told.timeout_at is None and task.timeout_min:
        told = replace(told, timeout_at=now + timedelta(minutes=task.timeout_min))
    return step(task, Event.PROGRESSED, told)


def _is_echo(task: Task, report: ProgressReport, connection: UUID | None, redelivered: bool) -> bool:
    """Whether a report speaks of an attempt that has ended (L7: replays and reorderings change nothing). What the task
    has done since tells, not the id alone, for many devices write the same id always (ADR 0014)."""
    if _is_unoffered(task):
        return True
    if report.step >= 0 or not task.failure_ref or _echo_of(report) != task.failure_ref:
        return False
    if task.state is State.QUEUED:  # offered, not acknowledged: some devices fail first and acknowledge then
        return redelivered or connection != task.offered_on
    return redelivered


def _is_unoffered(task: Task) -> bool:
    """Whether nothing was offered since the last attempt ended."""
    return task.state is State.CONFIRM or (task.state is State.QUEUED and task.offered_on is None)


def _echo_of(report: ProgressReport) -> str:
    # What a repetition of this failure would carry; a device without message ids can't be told apart.
    return f"{report.ref}:{report.step}" if report.ref else ""


# --- results ------------------------------------------------------------------------------------------------------


def reported_result(task: Task, report: ResultReport, now: datetime, way: Way | None = None) -> Stepped:
    """The device says how the update stands (huawei 6.2). Before an offer only an arrival means something; at a step of
    a task that is led it goes on by `way`."""
    if not task.is_open:
        return task, None
    if task.led_to is not None and result(report, task.led_to) is Event.ARRIVED:
        task = _there(task)
    event = result(report, task.destination)
    if event is Event.ARRIVED and task.led_to not in (None, task.destination):
        return _stepped(task, task.destination, way or {}, now)
    if event is Event.ARRIVED:
        told = replace(task, progress=100, description=report.desc, reason="", code=report.code)
        return step(task, event, told)
    if _is_unoffered(task) or not _may_speak(task):
        return step(task, Event.ECHOED)
    if event is Event.BROKE:
        return broke(task, Failure(reason=report.reason, text=report.desc, code=report.code), now)
    task = _at_work(task, now)
    progress = report.progress if report.progress is not None else task.progress
    return _progressed(task, progress, report.desc, report.code, now)


def result(report: ResultReport, destination: str) -> Event:
    """What a result report means for an offered task (huawei 6.2). BROKE stands for BROKE_RETRY too: which of them, the
    task's retries decide. The outcome is looked at before the version, because devices name the version they were sent
    with a failure as well; a success with another version is no failure, because some say it before they install."""
    at_destination = report.version == destination
    if report.outcome == "failed" or (report.outcome == "already" and not at_destination):
        return Event.BROKE
    whole = report.outcome == "already" or report.progress in (None, 100)
    return Event.ARRIVED if at_destination and whole else Event.PROGRESSED
