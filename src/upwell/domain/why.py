"""Why a device is not updated by a job: the checks that a support engineer asks, in their order (rollouts 7, ADR 0042).

CHECKS is read from the top: each is asked of who it concerns, and answers yes, or no with a code; the first no is the
answer. What decides it are facts of durable rows, most of them the very conditions by which tasks are made and offers
sent (storage: `misfit`, `offer_check`), so that what is explained can't differ from what is done. Who has no task is
judged by how tasks are made, who has an open one by how they are offered as long as the device is to be told something,
and one that has ended by how it ended. When all is yes the device is told at once, or as soon as it asks.
"""

from collections.abc import Callable
from dataclasses import dataclass

from upwell.domain import fault
from upwell.domain.attempts import OFFLINE, RESULTLESS, SILENT
from upwell.domain.hearing import NOT_SUPPORTED
from upwell.domain.stepping import NO_WAY
from upwell.domain.task import BUSY, GONE, ROLLED_BACK, UNFIT, State
from upwell.domain.why_facts import Code, Facts, Stand

STRAY, FOREIGN, UNTELLABLE, OVERWRITTEN = "device_unknown", "other_product", "untellable", "overwritten"
TIME_OUTS = (OFFLINE, SILENT, RESULTLESS)

Find = Callable[[Facts], Code | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line: its name and number in rollouts 7, its question, whom it is asked of, and the code that it is answered
    by with no; None is yes."""

    name: str
    number: str
    question: str
    of: Callable[[Facts], bool]
    finds: Find


def _always(facts: Facts) -> bool:
    return True


def _without(facts: Facts) -> bool:
    return facts.task is None


def _open(facts: Facts) -> bool:
    return facts.task is not None and facts.task.is_open


def _waits(facts: Facts) -> bool:
    return facts.task is not None and facts.task.waits


def _ended(facts: Facts) -> bool:
    return facts.task is not None and not facts.task.is_open


def _begun(facts: Facts) -> bool:
    return facts.task is not None and facts.task.is_open and not facts.task.waits


def _is_to_be_offered(facts: Facts) -> bool:
    return facts.task is None or facts.task.waits or not facts.task.is_open


def _is_to_be_made_or_offered(facts: Facts) -> bool:
    return facts.task is None or facts.task.waits


def _of_task(code: Code, fails: Callable[[Stand], bool]) -> Find:
    return lambda facts: code if facts.task is not None and fails(facts.task) else None


def _known(facts: Facts) -> Code | None:
    task = facts.task
    gone = task is not None and (not task.is_alive or task.reason in (STRAY, GONE))
    return Code.UNKNOWN_DEVICE if gone else None


def _seen(facts: Facts) -> Code | None:
    task = facts.task
    if task is None or task.online:
        return None
    return Code.OFFLINE if task.was_online else Code.NEVER_SEEN


def _version(facts: Facts) -> Code | None:
    task = facts.task
    if task is None:
        return Code.VERSION_UNKNOWN if facts.outside.misfit == Code.VERSION_UNKNOWN else None
    if task.is_asked or (task.waits and task.asks_first and not task.need_push):
        return Code.VERSION_ASKED
    return Code.VERSION_UNKNOWN if task.waits and not task.is_fitting and not task.has_version else None


def _there(facts: Facts) -> Code | None:
    if facts.task is None:
        return Code.ALREADY_THERE if facts.outside.misfit == Code.ALREADY_THERE else None
    return Code.ALREADY_THERE if facts.task.state is State.SUCCEEDED and facts.task.is_there else None


def _targeted(facts: Facts) -> Code | None:
    if facts.task is None:
        left_out = facts.outside.filter or facts.outside.misfit == Code.NOT_TARGETED
        return Code.NOT_TARGETED if left_out else None
    return Code.NOT_TARGETED if facts.task.reason in (UNFIT, FOREIGN) and not facts.task.is_open else None


def _first(facts: Facts) -> Code | None:
    task = facts.task
    if task is None:
        return Code.SUPERSEDED if facts.outside.later else None
    if task.is_open:
        return None
    if task.reason == BUSY:
        return Code.QUEUED_BEHIND
    return Code.SUPERSEDED if task.reason == OVERWRITTEN else None


def _way(facts: Facts) -> Code | None:
    task = facts.task
    if task is None:
        return Code.NEEDS_INTERMEDIATE if facts.outside.misfit == Code.NEEDS_INTERMEDIATE else None
    if not task.is_open:
        return Code.NEEDS_INTERMEDIATE if task.reason == NO_WAY else None
    is_lost = not task.has_object and task.object_state != "checking"
    is_cut = task.is_led and (not task.is_fitting or (task.is_step and (not task.is_released or is_lost)))
    return Code.NEEDS_INTERMEDIATE if is_cut else None


def _package(facts: Facts) -> Code | None:
    task = facts.task
    if task is None:
        return Code.NO_FITTING_PACKAGE if facts.outside.misfit == Code.NO_FITTING_PACKAGE else None
    if not task.is_open:
        if task.reason in fault.REASONS:
            return Code.PACKAGE_LOST
        return Code.NO_FITTING_PACKAGE if task.reason == NOT_SUPPORTED else None
    if not task.is_fitting:
        return Code.NO_FITTING_PACKAGE
    if not task.is_released:
        return Code.PACKAGE_DELETED if task.is_deleted else Code.PACKAGE_UNVERIFIED
    if not task.has_object:
        return Code.PACKAGE_UNREAD if task.object_state == "checking" else Code.PACKAGE_LOST
    return None


def _going(facts: Facts) -> Code | None:
    task = facts.task
    if task is None:
        return Code.ENDED if facts.outside.is_over else None
    if not task.is_open:
        return Code.CANCELED if task.state is State.CANCELED else None
    if not task.is_unhalted:
        return Code.CANCELED
    if not task.waits:
        return None
    if not task.is_running or not task.in_time:
        return Code.ENDED
    return Code.HALTED if facts.job.is_halted else Code.PAUSED if not task.is_unpaused else None


def _approved(facts: Facts) -> Code | None:
    task = facts.task
    waits = facts.outside.is_unapproved if task is None else not task.is_approved
    return Code.AWAITING_APPROVAL if waits else None


def _rate(facts: Facts) -> Code | None:
    has_place = facts.task is None or facts.task.has_place
    return None if facts.job.has_room and has_place else Code.RATE_LIMITED


def _begins(facts: Facts) -> Code | None:
    if facts.outside.is_planned:
        return Code.SCHEDULED
    return Code.FILLING if facts.outside.is_filling else None


def _later(facts: Facts) -> Code | None:
    task = facts.task
    if task is None or task.due != "later":
        return None
    return Code.BACKOFF if task.is_retry else Code.NOT_DUE


def _failed(facts: Facts) -> Code | None:
    task = facts.task
    if task is None or task.state is not State.FAILED:
        return None
    if task.outcome == ROLLED_BACK:
        return Code.ROLLED_BACK
    if task.reason in TIME_OUTS:
        return Code.TIMED_OUT
    return Code.ATTEMPTS_EXHAUSTED if task.is_tried_out and task.is_retry else Code.FAILED


def _kept(facts: Facts) -> Code | None:
    return Code.ROLLED_BACK if facts.task is not None and facts.task.outcome == ROLLED_BACK else None


def _answered(facts: Facts) -> Code | None:
    return Code.OFFERED_NO_ANSWER if facts.task is not None and facts.task.state is State.QUEUED else None


def _fetches(facts: Facts) -> Code | None:
    task = facts.task
    if task is None or task.state is State.NOTIFIED:
        return Code.DOWNLOAD_NOT_BEGUN if task is not None else None
    return Code.DOWNLOADING if not task.is_fetched else None


def _stayed(facts: Facts) -> Code | None:
    task = facts.task
    return Code.ROLLED_BACK if task is not None and task.state is State.SUCCEEDED and not task.is_there else None


CHECKS = (
    Check(name="known", number="7.1", question="Is the device known?", of=_always, finds=_known),
    Check(name="enabled", number="7.2", question="May it log in?", of=_open,
          finds=_of_task(Code.DISABLED, lambda t: not t.enabled)),
    Check(name="credential", number="7.2", question="Are its logins taken?", of=_open,
          finds=_of_task(Code.CREDENTIAL, lambda t: not t.online and t.is_refused)),
    Check(name="seen", number="7.3", question="Is it connected?", of=_open, finds=_seen),
    Check(name="listening", number="7.4", question="Can its vendor's protocol tell it the offer?", of=_ended,
          finds=_of_task(Code.NOT_LISTENING, lambda t: t.reason == UNTELLABLE)),
    Check(name="version", number="7.5", question="Is its version known?", of=_always, finds=_version),
    Check(name="there", number="7.6", question="Does it need the version?", of=_always, finds=_there),
    Check(name="targeted", number="7.7", question="Is the rollout for it?", of=_always, finds=_targeted),
    Check(name="first", number="7.8", question="Is no other rollout before this one?", of=_always, finds=_first),
    Check(name="way", number="7.9", question="Does a way lead from its version to the rollout's?", of=_is_to_be_offered,
          finds=_way),
    Check(name="package", number="7.9", question="Is there a package that it can take?", of=_is_to_be_offered,
          finds=_package),
    Check(name="approved", number="7.10", question="Is the rollout approved?", of=_is_to_be_made_or_offered,
          finds=_approved),
    Check(name="begun", number="7.10", question="Has the rollout come to it?", of=_without, finds=_begins),
    Check(name="hours", number="7.10", question="Is it within the rollout's hours, and the device's?", of=_waits,
          finds=_of_task(Code.OUTSIDE_WINDOW, lambda t: not t.in_hours)),
    Check(name="going", number="7.11", question="Does the rollout go on?", of=_always, finds=_going),
    Check(name="wave", number="7.12", question="Is its wave open?", of=_waits,
          finds=_of_task(Code.WAVE_WAITING, lambda t: not t.is_wave_open)),
    Check(name="rate", number="7.13", question="Are offers left in this minute?", of=_waits,
          finds=_rate),
    Check(name="set_aside", number="7.14", question="Is it not set aside?", of=_waits,
          finds=_of_task(Code.SET_ASIDE, lambda t: t.is_set_aside)),
    Check(name="backoff", number="7.14", question="May the next attempt begin?", of=_waits, finds=_later),
    Check(name="consent", number="7.14", question="Has its owner let it go?", of=_waits,
          finds=_of_task(Code.AWAITING_CONSENT, lambda t: not t.is_let_go)),
    Check(name="failed", number="7.15", question="Did the update not fail?", of=_ended, finds=_failed),
    Check(name="due", number="7.16", question="Is an offer due?", of=_waits,
          finds=_of_task(Code.NOT_DUE, lambda t: t.need_push and t.due == "no")),
    # Before the steps of an attempt, for it is in one again: its vendor offers anew what it came back without.
    Check(name="kept", number="7.20", question="Did it not come back with its version of before?", of=_begun,
          finds=_kept),
    Check(name="answered", number="7.16", question="Did it answer the offer?", of=_begun, finds=_answered),
    Check(name="fetched", number="7.17", question="Does it have the package?", of=_begun, finds=_fetches),
    Check(name="installed", number="7.19", question="Is it installed?", of=_begun, finds=lambda f: Code.INSTALLING),
    Check(name="stayed", number="7.20", question="Did it stay at the version?", of=_ended, finds=_stayed),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A check that was asked, and the code of its no; None: yes."""

    check: Check
    code: Code | None


def asked(facts: Facts) -> tuple[Asked, ...]:
    """All checks that concern the device, in their order."""
    return tuple(Asked(check, check.finds(facts)) for check in CHECKS if check.of(facts))


def answer(facts: Facts) -> Code:
    """The first no; when there is none the device is told something at once, or when it asks."""
    found = next((each.code for each in asked(facts) if each.code is not None), None)
    if found is not None:
        return found
    if facts.task is None:
        return Code.FILLING  # its turn came, and its task is made in this moment
    return Code.DUE_NOW if facts.task.need_push else Code.WHEN_IT_ASKS
