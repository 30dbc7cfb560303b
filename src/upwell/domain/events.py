"""What happens that is worth telling to other systems: its kinds, and what of a task's life is told.

Holds: what grows with a fleet is told to whoever asked for it alone. Whatever is done to all of a job is one event of
the job, however many tasks follow it: of a task is told what became of an offer, and how it failed or succeeded.
Source: rollouts 4.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from upwell.domain.task import State, Task

TENTH = 10  # percent of progress between two events of a task


class Kind(StrEnum):
    """What happened. The names are on the wire, behind a prefix."""

    DEVICE_FIRST_SEEN = "device.first_seen"
    DEVICE_VERSION_CHANGED = "device.version_changed"
    DEVICE_ONLINE = "device.online"
    DEVICE_OFFLINE = "device.offline"
    DEVICE_SET_ASIDE = "device.set_aside"
    DEVICE_RELEASED = "device.released"
    TASK_OFFERED = "task.offered"
    TASK_PROGRESSED = "task.progressed"
    TASK_ENDED = "task.ended"
    ROLLOUT_AWAITS_APPROVAL = "rollout.awaits_approval"
    ROLLOUT_APPROVED = "rollout.approved"
    ROLLOUT_REFUSED = "rollout.refused"
    ROLLOUT_STARTED = "rollout.started"
    ROLLOUT_WAVE_OPENED = "rollout.wave_opened"
    ROLLOUT_PAUSED = "rollout.paused"
    ROLLOUT_RESUMED = "rollout.resumed"
    ROLLOUT_HALTED = "rollout.halted"
    ROLLOUT_CANCELED = "rollout.canceled"
    ROLLOUT_ENDED = "rollout.ended"
    PACKAGE_VERIFIED = "package.verified"
    PACKAGE_FAILED = "package.failed"
    PACKAGE_LOST = "package.lost"
    KEY_MADE = "key.made"
    KEY_REVOKED = "key.revoked"
    LOGIN_REFUSED = "login.refused"
    HOOK_PING = "hook.ping"
    HOOK_DISABLED = "hook.disabled"


OF_PRESENCE = frozenset({Kind.DEVICE_ONLINE, Kind.DEVICE_OFFLINE})
OF_DEVICES = frozenset(kind for kind in Kind if kind.startswith(("device.", "task."))) - OF_PRESENCE
OF_OWNERS = frozenset(Kind) - OF_DEVICES - OF_PRESENCE  # as few as what owners do, and told to all

OF_DECISIONS: Mapping[str, Kind] = {
    "opened": Kind.ROLLOUT_WAVE_OPENED,
    "promoted": Kind.ROLLOUT_WAVE_OPENED,
    "paused": Kind.ROLLOUT_PAUSED,
    "resumed": Kind.ROLLOUT_RESUMED,
    "halted": Kind.ROLLOUT_HALTED,
}
"""What is told of a decision about a rollout, by what was decided. Of others nothing is: they change no offer by
themselves."""


def of_task(before: Task, after: Task) -> tuple[Kind, Mapping[str, Any]] | None:
    """What is told of a task that was stored so and is saved so; None where it is nothing worth it."""
    if before.is_open and not after.is_open:
        was_told = after.state is not State.CANCELED or after.offered_at is not None
        return (Kind.TASK_ENDED, _facts(after) | _end(after)) if was_told else None
    if after.state is State.IN_PROGRESS and _tenth(after) > _tenth(before):
        return Kind.TASK_PROGRESSED, _facts(after) | {"progress": after.progress}
    return None


def _tenth(task: Task) -> int:
    return task.progress // TENTH if task.state is State.IN_PROGRESS else -1


def _facts(task: Task) -> dict[str, Any]:
    return {"nth": task.ref.nth, "module": task.module, "to": task.destination}


def _end(task: Task) -> dict[str, Any]:
    return {"state": task.state.value, "from": task.source_version, "reason": task.reason,
            "description": task.description}  # fmt: skip
