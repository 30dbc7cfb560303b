"""What follows a command that was done: which duties it wakes, and whose connection may not stay.

A duty is woken because the command has made work for it, and looks for itself. Reading wakes none, nor does what the
next report or request finds by itself. Other processes learn of it when they poll.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from upwell.domain import commands as c
from upwell.engine.sending import SENDING

ENDED = ("finish", "news")  # tasks were ended: their jobs may be at an end, which is news


@dataclass(frozen=True, slots=True)
class After:
    """What follows one kind of command. `shuts_out`: the devices that may not stay, as far as the command
    says which."""

    wakes: tuple[str, ...] = ()
    shuts_out: Callable[[Any], Sequence[c.DeviceKey]] = lambda command: ()


NOTHING = After()
AFTER: dict[type, After] = {
    c.CreateJob: After(("fill", "waves", "push", "finish", "news")),
    c.UpdateJob: After(("fill", "push", "finish")),
    c.ApproveJob: After(("fill", "waves", "push", "finish", "news")),
    c.RefuseJob: After(("acts", *ENDED)),
    c.PauseJob: NOTHING,
    c.ResumeJob: After(("waves", "push")),
    c.PromoteJob: After(("waves", "push")),
    c.EndPolicy: After(ENDED),
    c.PlanRollback: After(("rollbacks",)),
    c.StartRollback: After(("fill", "waves", "push", *ENDED)),
    c.DeleteJob: After(ENDED),
    c.CancelTasks: After(("acts", *ENDED)),
    c.ConfirmTasks: After(("acts", "push", *ENDED)),
    c.RepeatTasks: After(("acts", "push", *ENDED)),
    c.CreatePackage: After(("objects",)),
    c.CompleteUpload: After(("uploads",)),
    c.CreateImport: After(("imports",)),
    c.CreatePlan: After(("surveys",)),
    c.DeletePackage: After(ENDED),
    c.DeleteProduct: After(ENDED),
    c.DeleteSpace: After(("watch", "burials", *ENDED)),  # the watch finds whose connection may not stay
    c.ResetSecret: After(("watch",)),
    c.UpdateDevices: After(shuts_out=lambda command: [e.device for e in command.changes if e.enabled is False]),
    c.ResetDevice: After(ENDED),
    c.DeleteDevice: After(ENDED, shuts_out=lambda command: (command.device,)),
    **dict.fromkeys((c.ReleaseDevice, c.ReleaseDevices, c.SetLimits), After(("push",))),
    **dict.fromkeys((c.UpdateDeviceHours, c.DeleteDeviceHours), After(("push",))),
    c.UpdateHook: After(("news",)),
    c.CreateAction: After(("news",)),
    c.UpdateAction: After(("news",)),
    **dict.fromkeys((c.UpdateReceiver, c.PingReceiver, c.Redeliver), After(("events", SENDING))),
    **dict.fromkeys(
        (c.CreateProduct, c.UpdateProduct, c.CreateSpace, c.RenameSpace, c.CreateDevice, c.SetTags,
         c.DeleteTags, c.RegisterDevices, c.CreateGroup, c.UpdateGroup, c.DeleteGroup, c.AddToGroup, c.RemoveFromGroup,
         c.PreviewGroup,
         c.CreateUploadTicket, c.UpdatePackage, c.CreateModule, c.UpdateModule, c.DeleteModule, c.DeleteTargetFile,
         c.CreateHook, c.DeleteHook, c.DeleteAction, c.CheckDeviceNames, c.CreateKey, c.RevokeKey,
         c.CreateOwnKey, c.RevokeOwnKey, c.CreateDeviceHours,
         c.UpdateEventSettings, c.CreateReceiver, c.DeleteReceiver, c.RotateSecret, c.CreateUpload, c.PutUploadPart,
         c.DeleteUpload, c.CancelImport, c.SetRolloutDefaults,
         c.SignIn, c.EndSession, c.CloseSession, c.CloseOwnSession,
         c.ChangePassword, c.CreateUser, c.UpdateUser, c.DeleteUser, c.CreateAccount,
         c.RenameAccount),
        NOTHING,
    ),
    **dict.fromkeys(get_args(c.Reading), NOTHING),
}  # fmt: skip
"""Of every command, so that a new one says what it makes work for."""
