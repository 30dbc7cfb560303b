"""The answers why a device is not updated, and the facts that decide them (domain/why.py)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from upwell.domain.awaiting import OFFERED, Awaits
from upwell.domain.task import OPEN, State


class Code(StrEnum):
    """The answers. Each has a line in docs/why.md."""

    UNKNOWN_DEVICE = "unknown_device"
    DISABLED = "disabled"
    CREDENTIAL = "credential"
    NEVER_SEEN = "never_seen"
    OFFLINE = "offline"
    NOT_LISTENING = "not_listening"
    VERSION_UNKNOWN = "version_unknown"
    VERSION_ASKED = "version_asked"
    ALREADY_THERE = "already_there"
    NOT_TARGETED = "not_targeted"
    QUEUED_BEHIND = "queued_behind"
    SUPERSEDED = "superseded"
    NEEDS_INTERMEDIATE = "needs_intermediate"
    NO_FITTING_PACKAGE = "no_fitting_package"
    PACKAGE_DELETED = "package_deleted"
    PACKAGE_UNVERIFIED = "package_unverified"
    PACKAGE_UNREAD = "package_unread"
    PACKAGE_LOST = "package_lost"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    FILLING = "filling"
    OUTSIDE_WINDOW = "outside_window"
    HALTED = "halted"
    PAUSED = "paused"
    CANCELED = "canceled"
    ENDED = "ended"
    WAVE_WAITING = "wave_waiting"
    RATE_LIMITED = "rate_limited"
    SET_ASIDE = "set_aside"
    BACKOFF = "backoff"
    AWAITING_CONSENT = "awaiting_consent"
    NOT_DUE = "not_due"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    OFFERED_NO_ANSWER = "offered_no_answer"
    DOWNLOAD_NOT_BEGUN = "download_not_begun"
    DOWNLOADING = "downloading"
    INSTALLING = "installing"
    ROLLED_BACK = "rolled_back"
    DUE_NOW = "due_now"
    WHEN_IT_ASKS = "when_it_asks"


Filter = Literal["", "rollout", "product", "named", "group", "percent", "snapshot", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Of a device without a task in the job: `misfit` is what its version stands in the way by, if it does; `filter`
    which other choice of the job leaves it out; `later` the policy of a later job that has it; `is_unapproved`,
    `is_planned`, `is_filling` and `is_over` how far the job is."""

    misfit: str | None = None
    filter: Filter = ""
    later: bool = False
    is_unapproved: bool = False
    is_planned: bool = False
    is_filling: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OfJob:
    """What holds of all tasks of a job: its guard halted it; it has offers left in this minute."""

    is_halted: bool = False
    has_room: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a task stands before each check; the columns of `task_stand`. `due` is against a moment, `is_there` says
    that the device runs what the job brings, `is_fetched` that it told progress 100, `has_place` that its job may
    have the device at work, `is_led` that its job leads, and `is_step` that the next package is not the job's own,
    `is_set_aside` that the device failed too often (domain/setbacks.py)."""

    state: State
    awaiting: Awaits = Awaits.NOTHING
    need_push: bool = True
    offered: bool = False
    due: Literal["no", "now", "later"] = "now"
    asks_first: bool = False
    is_let_go: bool = True
    is_alive: bool = True
    enabled: bool = True
    online: bool = True
    was_online: bool = True
    is_refused: bool = False
    has_version: bool = True
    is_there: bool = False
    is_fitting: bool = True
    is_released: bool = True
    is_deleted: bool = False
    has_object: bool = True
    object_state: str = "ok"
    is_running: bool = True
    in_time: bool = True
    is_unpaused: bool = True
    is_unhalted: bool = True
    is_wave_open: bool = True
    is_retry: bool = False
    is_tried_out: bool = False
    reason: str = ""
    is_fetched: bool = False
    is_approved: bool = True
    in_hours: bool = True
    has_place: bool = True
    outcome: str = ""
    is_led: bool = False
    is_step: bool = False
    is_set_aside: bool = False

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_told(self) -> bool:
        """Whether its device has the offer of this attempt, and nothing is to be said again."""
        was_offered = self.state is not State.QUEUED or (self.offered and self.awaiting in OFFERED | {Awaits.NOTHING})
        return self.is_let_go and was_offered and self.due == "no" and self.awaiting is not Awaits.AGAIN

    @property
    def is_asked(self) -> bool:
        """Whether its device is to answer what it runs, and is not to be asked again."""
        return self.awaiting in (Awaits.ANSWER, Awaits.ARRIVAL) and self.due == "no"

    @property
    def waits(self) -> bool:
        """Whether it is to be told something yet."""
        return self.is_open and not self.is_told and not self.is_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that decides why: of its job, and of the device's task in it, or of how the device stands outside of it."""

    job: OfJob = OfJob()
    task: Stand | None = None
    outside: Outside = Outside()
