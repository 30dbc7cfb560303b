"""What owners did and what they were refused, for the log.

A deed is told after its commit, with the key that asked, by the names that the owner gave things and by the core's
numbers, which the engine's own lines about the same job have too. What was refused is told by operation and code; its
message is not, because it may quote what the caller sent. Reading is no deed.
"""

import logging
from collections.abc import Callable, Iterable, Mapping

from upwell.domain import commands as c
from upwell.domain.errors import UpwellError
from upwell.service.journal import tell
from upwell.service.manage.access import Caller

log = logging.getLogger(__name__)
SHOWN_MAX = 3  # members of a list that are shown one by one

_PACKAGE = ("package_id", "name", "version", "module", "product_key", "is_delta", "place")
_HOURS = ("scheduled_at", "finish_at")

# By the kind of a job, or "" for one that asks for versions.
_MADE: dict[str, tuple[str, tuple[str, ...]]] = {
    "verify": ("verify job made", ("package_id", "product_key", "device_names", "need_confirm")),
    "static": ("static job made", ("package_id", "product_key", "selection", "device_names", "gray_percent", "group_id",
                                   "source_versions", *_HOURS, "need_confirm", "maximum_per_min")),
    "dynamic": ("dynamic job made", ("package_id", "product_key", "group_id", "source_versions", "need_confirm",
                                     "maximum_per_min")),
    "": ("batch job made", ("name", "part", "package_ids", "targets", "group_ids", "scheduled_at", "need_confirm")),
}  # fmt: skip

# What is done to a job that asks for versions.
_ASKED: dict[type, tuple[str, tuple[str, ...]]] = {
    c.CancelTasks: ("job halted: its tasks are stopped", ("targets",)),
    c.RepeatTasks: ("job run again", ("targets",)),
    c.ConfirmTasks: ("job confirmed", ("targets",)),
}

DEEDS: dict[type, tuple[str, tuple[str, ...]]] = {
    c.CreatePackage: ("package made", _PACKAGE),
    c.UpdatePackage: ("package changed", ("package_id", "name")),
    c.DeletePackage: ("package deleted", ("package_id",)),
    c.UpdateJob: ("job changed", ("maximum_per_min", "pace", "timeout_min", "source_versions")),
    c.ApproveJob: ("job approved", ("remark", "revision")),
    c.RefuseJob: ("job refused", ("remark", "revision")),
    c.PauseJob: ("job paused", ("reason",)),
    c.ResumeJob: ("job resumed", ()),
    c.PromoteJob: ("job promoted", ("wave", "skip_soak", "reason")),
    c.EndPolicy: ("job halted: it takes no more devices", ()),
    c.StartRollback: ("job rolled back", ("devices", "reason")),
    c.CancelTasks: ("job halted: its tasks are cancelled", ("states", "scheduled")),
    c.ConfirmTasks: ("tasks confirmed", ("tasks", "whole")),
    c.RepeatTasks: ("tasks run again", ("tasks", "whole")),
    c.DeleteJob: ("job deleted", ()),
    c.DeleteDevice: ("device deleted", ("device",)),
    c.DeviceChange: ("device enabled or disabled", ("device", "enabled")),
    c.ResetDevice: ("device reset", ("device",)),
    c.SetLimits: ("limits set", ("product_key", "maximum_per_min", "at_once", "bytes_per_s")),
    c.CreateDeviceHours: ("device hours made", ("group_id", "tag")),
    c.UpdateDeviceHours: ("device hours changed", ("hours_id",)),
    c.DeleteDeviceHours: ("device hours deleted", ("hours_id",)),
    c.ReleaseDevice: ("device released", ("device",)),
    c.ReleaseDevices: ("devices released", ("released", "product_key")),
    c.ResetSecret: ("device's secret replaced", ("device", "secondary", "disconnect")),
    c.CreateProduct: ("product made", ("product_key", "name")),
    c.DeleteProduct: ("product deleted", ("product_key",)),
    c.DeleteSpace: ("space deleted", ("space",)),
}
"""For each command that is a deed what is told, and which members of the command, or of its result, tell to whom."""

_WORDS = {"package_id": "package", "package_ids": "packages", "product_key": "product", "device": "target",
          "device_names": "devices", "targets": "devices"}  # fmt: skip


def tell_deed(
    caller: Caller,
    command: c.Command | c.DeviceChange,
    result: object,
    operation: str,
    job_name: Callable[[int], str],
    address: str,
    request: Mapping[str, object],
) -> None:
    """The command was done for the caller, who asked from the address; `job_name` is what its dialect calls a job,
    `request` what every line about the request has."""
    if isinstance(command, c.UpdateDevices):
        for change in command.changes:
            if change.enabled is not None:  # other words about a device are no deed
                tell_deed(caller, change, result, operation, job_name, address, request)
    deed = _deed(command)
    if deed is None:
        return
    event, members = deed
    job = _member(command, result, "job_id")
    found = {name: _shown(_member(command, result, name)) for name in members}
    about = {_WORDS.get(name, name): value for name, value in found.items() if value is not None}
    named = {"job": job, "job_id": job_name(job)} if isinstance(job, int) else {}
    whose = {"key": caller.key_id, "account": caller.account_id}
    tell(log, event, **named, **about, **whose, operation=operation, address=address, **request)


def tell_refusal(
    key_id: str, account_id: int | None, operation: str, code: str, error: UpwellError, peer: str,
    request: Mapping[str, object],
) -> None:  # fmt: skip
    """A call was refused. The key is the one that it named, proven or not; the account is known of a proven one."""
    field = getattr(error, "field", None)
    tell(log, "request refused", key=key_id, account=account_id, operation=operation, code=code, parameter=field,
         peer=peer, **request)  # fmt: skip


def _deed(command: object) -> tuple[str, tuple[str, ...]] | None:
    match command:
        case c.CreateJob():
            return _MADE["" if command.asks_version else command.kind]
        case c.CancelTasks() | c.RepeatTasks() | c.ConfirmTasks() if command.asking:
            return _ASKED[type(command)]
        case c.CancelTasks() if command.package_id is not None:
            return "tasks cancelled", ("package_id", "product_key", "device_names", "states")
    return DEEDS.get(type(command))


def _member(command: object, result: object, name: str) -> object:
    if isinstance(command, c.CreateJob) and name in ("package_id", "group_id"):
        return next(iter(getattr(command, f"{name}s")), None)
    holders = (command, getattr(command, "manner", None), result)
    return next((getattr(holder, name) for holder in holders if hasattr(holder, name)), None)


def _shown(value: object) -> object:
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        found = list(value)
        few = len(found) <= SHOWN_MAX and all(isinstance(each, str | int) for each in found)
        return (", ".join(map(str, found)) if few else f"{len(found)} of them") if found else None
    return "/".join(str(part) for part in _parts(value) if part)


def _parts(value: object) -> Iterable[object]:
    """The members of a small value of the core, such as a device's key, a task's or an object's place."""
    names = getattr(type(value), "__dataclass_fields__", None)
    return [str(value)] if names is None else [getattr(value, name) for name in names]
