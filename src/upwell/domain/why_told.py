"""What is told with each check of domain/why.py: its fact in words, and since or until when that is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from upwell.domain.rollout import UNDEALT
from upwell.domain.setbacks import HELD
from upwell.domain.why import Asked
from upwell.domain.why_facts import Code, Filter

FILTERS: dict[Filter, str] = {
    "rollout": "there is no rollout of the package for its product",
    "product": "it is of another product",
    "named": "it is none of the devices that are named",
    "group": "it is not in the group",
    "percent": "the share of the devices was drawn without it",
    "snapshot": "it was not there, or did not fit, when the rollout chose its devices",
    "report": "a standing rollout takes it when it reports its version next",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The particulars of a device and a job. An empty text is none."""

    now: datetime
    destination: str = ""
    steps: tuple[str, ...] = ()  # versions that it is brought to, one after the other
    stone: str = ""  # of those the one that it is at, if that is not the last
    made_at: datetime | None = None
    version: str | None = None
    reported_at: datetime | None = None
    online: bool = False
    online_at: datetime | None = None
    offline_at: datetime | None = None
    refused_at: datetime | None = None
    refused_why: str = ""
    filter: Filter = ""
    beside: str = ""  # the id of the job that has the device
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    kept_at: datetime | None = None
    kept_why: str = ""
    wave: int = 0
    open_wave: int = 0
    opens: str = ""
    per_min: int = 0
    at_once: int | None = None
    limit: str = ""  # of its account or product, which is spent
    free_at: datetime | None = None  # when something of that comes free
    opens_at: datetime | None = None
    shut_by: str = ""
    ahead: int = 0
    aside_since: datetime | None = None
    aside_until: datetime | None = None  # HELD: that a person releases it
    aside_failures: int = 0
    aside_why: str = ""
    due_at: datetime | None = None
    offered_at: datetime | None = None
    progress: int = 0
    ended_at: datetime | None = None
    ended_why: str = ""


Fact = tuple[str, datetime | None]


def _known(told: Told, code: Code | None) -> Fact:
    return ("it is registered", told.made_at) if code is None else ("there is no such device any more", told.ended_at)


def _credential(told: Told, code: Code | None) -> Fact:
    return ("none was refused since it was here", None) if code is None else (told.refused_why, told.refused_at)


def _seen(told: Told, code: Code | None) -> Fact:
    if code is Code.NEVER_SEEN:
        return "it never was", None
    return ("it is connected", told.online_at) if told.online else ("it went away", told.offline_at)


def _version(told: Told, code: Code | None) -> Fact:
    if code is Code.VERSION_ASKED:
        return "it was asked what it runs", told.offered_at
    return f"it runs {told.version}" if told.version else "it never said what it runs", told.reported_at


def _there(told: Told, code: Code | None) -> Fact:
    return f"it runs {told.version or 'nothing known'}, the rollout brings {told.destination}", told.reported_at


def _targeted(told: Told, code: Code | None) -> Fact:
    if code is None:
        return "it is", None
    return told.ended_why or FILTERS.get(told.filter) or f"it is not for the version {told.version}", told.ended_at


def _first(told: Told, code: Code | None) -> Fact:
    return (f"it has a task of {told.beside or 'another rollout'}" if code else "there is none"), told.ended_at


def _way(told: Told, code: Code | None) -> Fact:
    if code is None:
        return f"it goes by {', then '.join(told.steps)}" if told.steps else "it needs none", None
    if told.ended_why:
        return told.ended_why, told.ended_at
    if told.stone:
        return f"the package of {told.stone}, by which it is led to {told.destination}, can't be offered any more", None
    return f"no package leads from {told.version} to {told.destination}", None


def _package(told: Told, code: Code | None) -> Fact:
    return {
        None: "there is",
        Code.NO_FITTING_PACKAGE: told.ended_why or f"the package may not follow {told.version}",
        Code.PACKAGE_DELETED: "the package was deleted",
        Code.PACKAGE_UNVERIFIED: "the package is not verified",
        Code.PACKAGE_UNREAD: "the package's object is being read",
    }.get(code, told.ended_why or "the package's object is gone, or another"), told.ended_at


def _begun(told: Told, code: Code | None) -> Fact:
    if code is Code.SCHEDULED:
        return "it begins later", told.begins_at
    return "its tasks are being made" if code else "it has", told.begins_at


def _going(told: Told, code: Code | None) -> Fact:
    if code is Code.ENDED:
        return "its time is over", told.ends_at
    if code is Code.CANCELED:
        return told.ended_why or "its task is cancelled", told.ended_at
    return (told.kept_why or "it is paused", told.kept_at) if code else ("it does", None)


def _wave(told: Told, code: Code | None) -> Fact:
    if not told.wave:
        return "the rollout has one wave", None
    if code is None:
        return f"it is of wave {told.wave}, which is open", None
    where = f"wave {told.wave}" if told.wave < UNDEALT else "a wave that is not dealt yet"
    return f"it is of {where}; {told.opens or f'open is wave {max(told.open_wave, 0)}'}", None


def _rate(told: Told, code: Code | None) -> Fact:
    ahead = f", {told.ahead} devices are before it" if told.ahead else ""
    if code is not None and told.limit:
        return told.limit, told.free_at
    at_once = f" and {told.at_once} devices at work at once" if told.at_once is not None else ""
    return f"the rollout has {told.per_min} a minute{at_once}{ahead}", None


def _aside(told: Told, code: Code | None) -> Fact:
    if code is None:
        return "it is not", None
    since = f", since {told.aside_since:%Y-%m-%dT%H:%M:%SZ}" if told.aside_since else ""
    until = " until somebody releases it" if told.aside_until == HELD else ""
    why = f", the last time: {told.aside_why}" if told.aside_why else ""
    return f"it failed {told.aside_failures} times{why}; it is set aside{since}{until}", _aside_ends(told)


def _aside_ends(told: Told) -> datetime | None:
    return None if told.aside_until == HELD else told.aside_until


def _ended(told: Told, code: Code | None) -> Fact:
    return (told.ended_why or "it failed", told.ended_at) if code else ("it did not", None)


def _hours(told: Told, code: Code | None) -> Fact:
    if code is None:
        return "it is, or there are none", None
    return f"those of its {told.shut_by} are over" if told.shut_by else "they are over", told.opens_at


_TELLS: dict[str, Callable[[Told, Code | None], Fact]] = {
    "known": _known,
    "enabled": lambda told, code: ("it is disabled" if code else "it is enabled", None),
    "credential": _credential,
    "seen": _seen,
    "listening": lambda told, code: (told.ended_why if code else "it can", told.ended_at),
    "version": _version,
    "there": _there,
    "targeted": _targeted,
    "first": _first,
    "way": _way,
    "package": _package,
    "approved": lambda told, code: ("a person's approval is waited for" if code else "it is, or wants none", None),
    "begun": _begun,
    "hours": _hours,
    "going": _going,
    "wave": _wave,
    "rate": _rate,
    "set_aside": _aside,
    "backoff": lambda told, code: ("the next attempt waits" if code else "nothing is", told.due_at if code else None),
    "consent": lambda told, code: ("its task waits for that" if code else "it may go on", None),
    "failed": _ended,
    "due": lambda told, code: ("nothing is due on this connection" if code else "it is", told.due_at),
    "kept": lambda told, code: (
        f"it had the whole package, restarted, and runs {told.version or 'the version of before'}"
        if code
        else "it did not",
        told.reported_at if code else None,
    ),
    "answered": lambda told, code: ("it was offered and said nothing" if code else "it did", told.offered_at),
    "fetched": lambda told, code: (f"progress {told.progress}", told.offered_at),
    "installed": lambda told, code: (f"progress {told.progress}", told.offered_at),
    "stayed": lambda told, code: (f"it runs {told.version or 'nothing known'}", told.reported_at),
}


def fact(asked: Asked, told: Told) -> Fact:
    """The fact of a check and its time."""
    return _TELLS[asked.check.name](told, asked.code)


def when(code: Code, told: Told) -> datetime | None:
    """When it goes on by itself, where a clock knows."""
    return {Code.SCHEDULED: told.begins_at, Code.OUTSIDE_WINDOW: told.opens_at, Code.BACKOFF: told.due_at,
            Code.RATE_LIMITED: told.free_at, Code.SET_ASIDE: _aside_ends(told), Code.NOT_DUE: told.due_at,
            Code.DUE_NOW: told.now}.get(code)  # fmt: skip


NEXT: dict[Code, str] = {
    Code.UNKNOWN_DEVICE: "Register the device, or leave it out; a rollout takes devices that are there when it begins.",
    Code.DISABLED: "Enable the device; it is offered when it connects.",
    Code.CREDENTIAL: "Look at its refused logins: give it its secret again, or set its clock.",
    Code.NEVER_SEEN: "Switch the device on and give it this server's address; it is offered when it connects.",
    Code.OFFLINE: "Nothing: it is offered when it connects.",
    Code.NOT_LISTENING: "Its protocol has no words for this package: make one that it has, in a new rollout.",
    Code.VERSION_UNKNOWN: "The device must report its version; then it is judged at once.",
    Code.VERSION_ASKED: "Nothing: its report of its version is waited for.",
    Code.ALREADY_THERE: "Nothing: it runs the version.",
    Code.NOT_TARGETED: "Make another rollout that takes it.",
    Code.QUEUED_BEHIND: "Wait for the other rollout's end, or cancel its task; then retry this one's.",
    Code.SUPERSEDED: "Nothing: a later rollout has the device. Retry its task to bring it to this version instead.",
    Code.NO_FITTING_PACKAGE: "Make a rollout of a full package, or of a delta from the version that it runs.",
    Code.NEEDS_INTERMEDIATE: "Make the package that brings it to where the next may follow; then another rollout.",
    Code.PACKAGE_DELETED: "Cancel the rollout: its package was deleted.",
    Code.PACKAGE_UNVERIFIED: "Verify the package.",
    Code.PACKAGE_UNREAD: "Nothing: the package's object is being read.",
    Code.PACKAGE_LOST: "Put the package's object back, or make the package anew.",
    Code.AWAITING_APPROVAL: "An approver who did not make the rollout approves or refuses it.",
    Code.OUTSIDE_WINDOW: "Nothing: it is offered when they begin. Or give the rollout, its group or tag others.",
    Code.SCHEDULED: "Nothing: the rollout begins at its time.",
    Code.FILLING: "Nothing: its task is made within seconds.",
    Code.HALTED: "Look at the failures, then resume the rollout or cancel it.",
    Code.PAUSED: "Resume the rollout, or cancel it.",
    Code.CANCELED: "Retry its task, or make another rollout.",
    Code.ENDED: "Make another rollout.",
    Code.WAVE_WAITING: "Nothing: the wave opens by its rule. To open it now promote the rollout.",
    Code.RATE_LIMITED: "Nothing: it is offered when offers are left. Or give the rollout another pace.",
    Code.SET_ASIDE: "Nothing: it is offered when that is over. To end it now, or where it has no end, release it.",
    Code.BACKOFF: "Nothing: it is tried again at that time.",
    Code.AWAITING_CONSENT: "Confirm its task, or cancel it.",
    Code.NOT_DUE: "Nothing: it is offered within seconds of its wave's opening, or when it reports or connects.",
    Code.ATTEMPTS_EXHAUSTED: "Look at what failed, then retry its task.",
    Code.TIMED_OUT: "See whether the device is well, then retry its task.",
    Code.FAILED: "Look at what failed, then retry its task.",
    Code.OFFERED_NO_ANSWER: "Nothing: it is offered again when it connects. See whether it listens where offers go.",
    Code.DOWNLOAD_NOT_BEGUN: "Nothing: it has the offer. See whether it reaches the download's address.",
    Code.DOWNLOADING: "Nothing: it is under way.",
    Code.INSTALLING: "Nothing: it is to report the version after its restart.",
    Code.ROLLED_BACK: "It did not keep the version: find out why it went back, then make another rollout.",
    Code.DUE_NOW: "Nothing: it is told within a second.",
    Code.WHEN_IT_ASKS: "The rollout does not push: the device must ask.",
}  # fmt: skip
"""What to do about each, or what will happen by itself."""

MEANS: dict[Code, str] = {
    Code.UNKNOWN_DEVICE: "No such device is registered, or it was deleted.",
    Code.DISABLED: "It may not log in.",
    Code.CREDENTIAL: "It is away, and its last login was refused.",
    Code.NEVER_SEEN: "It never connected.",
    Code.OFFLINE: "It is not connected.",
    Code.NOT_LISTENING: "Its vendor's protocol can't tell the offer.",
    Code.VERSION_UNKNOWN: "The package is for some versions, and the device never said its own.",
    Code.VERSION_ASKED: "It was asked for its version.",
    Code.ALREADY_THERE: "It runs the version.",
    Code.NOT_TARGETED: "It is for another product, version, group or share, or for devices there before.",
    Code.QUEUED_BEHIND: "Another rollout had it when this one came.",
    Code.SUPERSEDED: "A later rollout took it.",
    Code.NO_FITTING_PACKAGE: "No package of the rollout may follow its version.",
    Code.NEEDS_INTERMEDIATE: "No package leads from its version to the rollout's, or one on the way can't be offered.",
    Code.PACKAGE_DELETED: "The package was deleted.",
    Code.PACKAGE_UNVERIFIED: "The package is not verified.",
    Code.PACKAGE_UNREAD: "The package's object is being read.",
    Code.PACKAGE_LOST: "The package's object is gone, or another.",
    Code.AWAITING_APPROVAL: "The rollout waits for a person's approval.",
    Code.OUTSIDE_WINDOW: "It is outside of the rollout's hours.",
    Code.SCHEDULED: "The rollout begins later.",
    Code.FILLING: "The rollout's tasks are being made.",
    Code.HALTED: "The rollout's guard halted it.",
    Code.PAUSED: "The rollout is paused.",
    Code.CANCELED: "Its task was cancelled.",
    Code.ENDED: "The rollout has ended, or its time is over.",
    Code.WAVE_WAITING: "Its wave has not opened.",
    Code.RATE_LIMITED: "The rollout has no offer left in this minute for it.",
    Code.SET_ASIDE: "It failed too often and is set aside for a while, whatever rollout asks.",
    Code.BACKOFF: "An attempt failed, and the next waits.",
    Code.AWAITING_CONSENT: "Its task waits for its owner's confirmation.",
    Code.NOT_DUE: "No offer is due yet.",
    Code.ATTEMPTS_EXHAUSTED: "It failed as often as the rollout tries.",
    Code.TIMED_OUT: "Its time is over.",
    Code.FAILED: "It failed.",
    Code.OFFERED_NO_ANSWER: "It was offered the package and said nothing.",
    Code.DOWNLOAD_NOT_BEGUN: "It acknowledged the offer and told no progress.",
    Code.DOWNLOADING: "It told progress.",
    Code.INSTALLING: "It told progress 100, and not yet the version.",
    Code.ROLLED_BACK: "It had the whole package and came back with the version of before, or left the version again.",
    Code.DUE_NOW: "Nothing keeps it: it is offered within a second.",
    Code.WHEN_IT_ASKS: "Nothing keeps it, and the rollout does not push: it is offered when it asks.",
}
"""What each says of the device."""
