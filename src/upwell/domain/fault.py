"""What is wrong with the object of a package, and which tasks that ends (ADR 0015).

A package stands for bytes. Once its object is found to be other bytes, or gone, tasks that wait for it have nothing to
wait for; those whose device has its offer already are its own affair until it needs the package again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from upwell.domain.attempts import Failure, failed
from upwell.domain.awaiting import UNOFFERED, Awaits
from upwell.domain.task import State, Stepped, Task

REASONS = ("sign_mismatch", "object_changed", "object_too_large", "object_empty", "object_missing")  # all words
RETURN_WITHIN = timedelta(minutes=1)  # in which a device that came back tells that it has arrived (alibaba 6.9: 2 s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why an object can't be offered: a stable word, and a sentence for its owner."""

    word: str
    text: str


def judged(sign: str | None, known: str, found: str) -> Fault | None:
    """What is wrong with an object of the SHA-256 `found`: nothing, if its owner signed just that and it was no other
    before (`known`, empty at first). A sign that is no hexadecimal number is never right [seed: letters and digits]."""
    if sign is not None and sign.lower() != found:
        return Fault(word="sign_mismatch", text=f"the `sign` of the package is not its object's SHA-256, {found}")
    if known not in ("", found):
        return Fault(word="object_changed", text=f"the object of the package was replaced: its SHA-256 is {found} now")
    return None


def sized(size: int, most: int) -> Fault | None:
    """What is wrong with an object of `size` bytes, of which a package's has 1 to `most`."""
    if size > most:
        return Fault(word="object_too_large", text=f"the object of the package has {size} bytes now, more than {most}")
    if size == 0:
        return Fault(word="object_empty", text="the object of the package is empty now")
    return None


def missing() -> Fault:
    """It is gone."""
    return Fault(word="object_missing", text="the object of the package is gone from its bucket")


def unread(problem: str | None) -> str:
    """What its owner is told while nobody knows what the object holds; `problem` says why the last try failed."""
    known = "" if problem is None else f": {problem}"
    return f"the object of the package is not read yet{known}"


def bereft(task: Task, fault: Fault, now: datetime) -> Stepped:
    """The object of the task's package has this fault."""
    if not _waits(task, now):
        return task, None
    return failed(task, Failure(reason=fault.word, text=fault.text))


def _waits(task: Task, now: datetime) -> bool:
    """Whether the package must still be offered: for the first time in this attempt, or to a device that came back and
    has not got it. Of one that is not asked that is known when it has said nothing else in a while."""
    if task.state is State.CONFIRM or task.awaiting is Awaits.AGAIN:
        return task.is_open
    if task.state is State.QUEUED and (task.offered_on is None or task.awaiting in UNOFFERED):
        return True
    if not task.is_open or task.awaiting is not Awaits.NOTHING or task.due_at is None:
        return False
    return task.due_at <= now - RETURN_WITHIN
