"""What follows a command that was done: which duties it wakes, and whose connection may not stay.

A duty is woken because there may be work for it, and looks for itself. Other processes learn of it when they poll.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from upwell.domain.commands import Command, DeleteDevice, DeleteSpace, DeviceKey, ResetSecret, SetDeviceEnabled

WORK = ("fill", "push", "finish", "objects", "news")  # duties that any command may have made work for


@dataclass(frozen=True, slots=True)
class After:
    """What follows one kind of command. `shuts_out`: of a command, the device that may not stay, if it says which."""

    wakes: tuple[str, ...] = WORK
    shuts_out: Callable[[Any], DeviceKey | None] = lambda command: None


AFTER: dict[type, After] = {
    DeleteDevice: After(shuts_out=lambda command: command.device),
    SetDeviceEnabled: After(shuts_out=lambda command: None if command.enabled else command.device),
    DeleteSpace: After(wakes=("watch", *WORK)),  # the watch finds whose connection may not stay
    ResetSecret: After(wakes=("watch", *WORK)),
}


def after(command: Command) -> After:
    """What follows this command."""
    return AFTER.get(type(command), After())
