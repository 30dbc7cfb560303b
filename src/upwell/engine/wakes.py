"""What follows a command that was done: which duties it wakes, and whose connection may not stay.

A duty is woken because there may be work for it, and looks for itself. Other processes learn of it when they poll.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from upwell.domain.commands import DeleteDevice, DeleteSpace, DeviceKey, ResetSecret, UpdateDevices

WORK = ("fill", "push", "finish", "objects", "news")  # duties that any command may have made work for


@dataclass(frozen=True, slots=True)
class After:
    """What follows one kind of command. `shuts_out`: the devices that may not stay, as far as the command
    says which."""

    wakes: tuple[str, ...] = WORK
    shuts_out: Callable[[Any], Sequence[DeviceKey]] = lambda command: ()


AFTER: dict[type, After] = {
    DeleteDevice: After(shuts_out=lambda command: (command.device,)),
    UpdateDevices: After(shuts_out=lambda command: [c.device for c in command.changes if c.enabled is False]),
    DeleteSpace: After(wakes=("watch", *WORK)),  # the watch finds whose connection may not stay
    ResetSecret: After(wakes=("watch", *WORK)),
}
