"""Whether a thing is still as a caller saw it who wants it changed only then.

Holds: it is looked at in the transaction that changes it, held as that change holds it first of all, so that of two who
saw the same the second is refused, in whichever processes they are and whatever else changes it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from upwell.domain import commands as c
from upwell.domain.editions import edition
from upwell.domain.errors import Stale
from upwell.service.manage import (
    accounts,
    device_hours,
    devices,
    groups,
    job_views,
    jobs,
    keys,
    modules,
    packages,
    people,
    products,
    spaces,
)
from upwell.service.manage.access import Caller
from upwell.service.manage.device_keys import lock_device
from upwell.storage.database import Connection
from upwell.storage.views import group_of, space_of

Held = Callable[[Connection, Caller, Any], Awaitable[object]]


async def require_edition(conn: Connection, caller: Caller, command: c.Command, editions: Collection[str]) -> None:
    """What the command changes is held until the transaction ends, and is one of these editions. Raises Stale, and
    NotFound as the command itself does."""
    if edition(await HELD[type(command)](conn, caller, command)) not in editions:
        raise Stale


async def _space(conn: Connection, caller: Caller, cmd: c.RenameSpace | c.DeleteSpace) -> c.Space:
    return space_of(await spaces.find_space(conn, caller, cmd.space, "lock_space"))


async def _product(conn: Connection, caller: Caller, cmd: c.UpdateProduct | c.DeleteProduct) -> c.Product:
    return await products.shown(conn, await products.find_product(conn, caller, cmd.product_key, how="lock_product"))


async def _module(conn: Connection, caller: Caller, cmd: c.UpdateModule | c.DeleteModule) -> c.Module:
    return await modules.held(conn, caller, cmd.module)


async def _device(conn: Connection, caller: Caller, cmd: c.UpdateDevices | c.DeleteDevice) -> c.Device:
    key = cmd.device if isinstance(cmd, c.DeleteDevice) else cmd.changes[0].device
    held, now = [await lock_device(conn, caller, key)], datetime.now(UTC)  # what is set aside is no part of an edition
    [found] = await devices.views(conn, caller, held, now)
    return found


async def _group(conn: Connection, caller: Caller, cmd: c.UpdateGroup | c.DeleteGroup) -> c.Group:
    await groups.find_group(conn, caller, cmd.group_id, "lock_group")
    return group_of(await groups.find_group(conn, caller, cmd.group_id))


async def _hours(conn: Connection, caller: Caller, cmd: c.UpdateDeviceHours | c.DeleteDeviceHours) -> c.DeviceHours:
    return await device_hours.held(conn, caller, cmd.hours_id)


async def _package(conn: Connection, caller: Caller, cmd: c.UpdatePackage | c.DeletePackage) -> c.Package:
    return await packages.held(conn, caller, cmd.package_id)


async def _job(conn: Connection, caller: Caller, cmd: c.UpdateJob) -> c.Job:
    await jobs.locked_job(conn, caller, cmd.job_id)
    return await job_views.one(conn, caller, cmd.job_id, asking=False)


async def _key(conn: Connection, caller: Caller, cmd: c.RevokeKey) -> c.Key:
    return await keys.held(conn, caller, cmd.key_id)


async def _user(conn: Connection, caller: Caller, cmd: c.UpdateUser | c.DeleteUser) -> c.User:
    return await people.held(conn, caller, cmd.user_id)


async def _account(conn: Connection, caller: Caller, cmd: c.RenameAccount) -> c.Account:
    return await accounts.one(conn, cmd.account_id, "held_account")


HELD: Mapping[type, Held] = {
    c.RenameSpace: _space, c.DeleteSpace: _space, c.UpdateProduct: _product, c.DeleteProduct: _product,
    c.UpdateModule: _module, c.DeleteModule: _module, c.UpdateDevices: _device, c.DeleteDevice: _device,
    c.UpdateGroup: _group, c.DeleteGroup: _group, c.UpdatePackage: _package, c.DeletePackage: _package,
    c.UpdateDeviceHours: _hours, c.DeleteDeviceHours: _hours,
    c.UpdateJob: _job, c.RevokeKey: _key, c.UpdateUser: _user, c.DeleteUser: _user, c.RenameAccount: _account,
}  # fmt: skip
"""What a command changes, held."""
