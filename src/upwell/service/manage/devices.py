"""Devices: made, shown, changed, given new secrets, reset and deleted.

Only the caller's account sees a device; to all others it does not exist (law 8). A deleted device stays as a
tombstone; one made again under a tombstone's name is a new device in its row. A public id is one device's in the whole
installation. A device made without one is known as `{product_key}_{name}`: nobody may choose an id that stands for it.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import fleet
from upwell.domain.errors import Conflict, Invalid, NotFound, TooMany
from upwell.domain.task import GONE
from upwell.service.context import Context
from upwell.service.dice import DEVICE_SECRET_SIZE, IOT_SALT_SIZE, dice
from upwell.service.manage.access import Caller, require
from upwell.service.manage.device_keys import device_ids, lock_all, lock_device, no_device
from upwell.service.manage.products import find_product
from upwell.service.upgrade import census, setbacks, spread
from upwell.service.upgrade.cancelling import end_open
from upwell.service.upgrade.lives import delete_devices, make_device
from upwell.storage.database import Connection, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept
from upwell.storage.views import device_of

SQL = sheet("devices")
DEVICE_NAME_SIZE = 20  # characters of a made-up name
LEVELS_MAX = 2  # devices that one may be behind, one behind the other (huawei 4.3)
BEHIND_MAX = 50_000  # devices right behind one (huawei 4.3)


async def create_device(ctx: Context, caller: Caller, cmd: c.CreateDevice) -> c.Device:
    """A new device, also under a deleted one's name. Raises NotFound (space, product, device for the gateway), Conflict
    device_name_taken or public_id_taken, by another of the account, TooMany devices or levels of gateways."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Device:
        return (await views(conn, caller, [await make(ctx, conn, caller, cmd)], ctx.now()))[0]

    return await ctx.database.transact(body)


async def make(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreateDevice) -> UUID:
    """The new device of this transaction. Raises as `create_device`."""
    name, secret = cmd.name or dice(DEVICE_NAME_SIZE), cmd.secret or dice(DEVICE_SECRET_SIZE)
    device_id = fleet.device_id(cmd.product_key, name)
    iot_id = fleet.iot_id(device_id, dice(IOT_SALT_SIZE))
    if cmd.public_id is not None:  # first, so that whoever waits for it holds nothing
        await conn.execute(*SQL["lock_public_id"](account_id=caller.account_id, public_id=cmd.public_id))
    product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "share_product")
    if not await make_device(conn, device_id, product_id, name, secret, iot_id, cmd.nickname, await ctx.moment(conn)):
        raise Conflict("device_name_taken", f"The product has a device named {name}.")
    if cmd.public_id is not None or cmd.description is not None or cmd.facts:
        await _dress(conn, caller, device_id, cmd)
    if cmd.gateway_id is not None:
        await _put_behind(ctx, conn, caller, device_id, cmd.gateway_id)
    return device_id


# --- shown ---


async def show_device(ctx: Context, caller: Caller, cmd: c.ShowDevice) -> c.Device:
    """The device. Raises NotFound, Missing."""
    found = await show_devices(ctx, caller, c.ShowDevices(devices=(cmd.device,)))
    if not found:
        raise no_device(cmd.device)
    return found[0]


async def show_devices(ctx: Context, caller: Caller, cmd: c.ShowDevices) -> tuple[c.Device, ...]:
    """The devices in the order asked, unknown ones left out; read in one question. Raises Missing."""
    async with ctx.lookups.connection() as conn:
        ids = await device_ids(conn, caller, cmd.devices)
        known = [found for found in dict.fromkeys(ids) if found is not None]
        rows = await views(conn, caller, known, ctx.now())
    by_id = {device.device_id: device for device in rows}
    asked = [(key, by_id.get(found)) for key, found in zip(cmd.devices, ids, strict=True) if found is not None]
    return tuple(device for key, device in asked if device is not None and key.iot_id in (None, device.iot_id))


async def views(conn: Connection, caller: Caller, ids: Sequence[UUID], now: datetime) -> list[c.Device]:
    """The caller's live devices among these, in their order."""
    rows = await conn.fetch(*SQL["show_devices"](account_id=caller.account_id, device_ids=ids, now=now))
    seals = seals_of(conn)
    return [device_of(row, seals) for row in rows]


# --- changed ---


async def update_devices(ctx: Context, caller: Caller, cmd: c.UpdateDevices) -> tuple[c.Device, ...]:
    """Give devices other nicknames, descriptions or facts, allow or forbid them to log in; all of them or none. Raises
    NotFound, Missing, Invalid (changes)."""
    require(caller, "operator")
    changes = cmd.changes
    columns = {
        "nicknames": [change.nickname for change in changes],
        "descriptions": [change.description for change in changes],
        "enabled": [change.enabled for change in changes],
        "facts": [json.dumps(dict(change.facts)) for change in changes],
    }

    async def body(conn: Connection) -> tuple[c.Device, ...]:
        ids = await lock_all(conn, caller, [change.device for change in changes])
        if len(set(ids)) < len(ids):
            raise Invalid("changes", "one for each device", "a device is given twice")
        await conn.execute(*SQL["update_devices"](device_ids=ids, now=ctx.now(), **columns))
        await census.settle(conn, [id_ for id_, change in zip(ids, changes, strict=True) if change.enabled is not None])
        return tuple(await views(conn, caller, ids, ctx.now()))

    return await ctx.database.transact(body)


async def reset_secret(ctx: Context, caller: Caller, cmd: c.ResetSecret) -> c.SecretReset:
    """Give a device another secret, and end its connection if asked. Raises NotFound, Missing."""
    require(caller, "operator")
    secret = cmd.secret or dice(DEVICE_SECRET_SIZE)
    which, kept = ("reset_secondary", Kept.SECONDARY) if cmd.secondary else ("reset_secret", Kept.DEVICE)

    async def body(conn: Connection) -> c.SecretReset:
        device_id, now = await lock_device(conn, caller, cmd.device), ctx.now()
        sealed = seals_of(conn).seal(kept, device_id, secret)
        await conn.execute(*SQL[which](device_id=device_id, secret=sealed, now=now))
        if cmd.disconnect:
            await conn.execute(*SQL["let_go"](device_id=device_id, now=now))
            await census.settle(conn, [device_id])
        [shown] = await views(conn, caller, [device_id], now)
        return c.SecretReset(public_id=shown.public_id, secret=secret, secondary=cmd.secondary)

    return await ctx.database.transact(body)


async def reset_device(ctx: Context, caller: Caller, cmd: c.ResetDevice) -> c.Done:
    """Forget what a device reported and cancel its open tasks. Raises NotFound, Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        device_id = await lock_device(conn, caller, cmd.device)
        await spread.forget(conn, [device_id])  # before its tasks are locked, as by a report
        await end_open(conn, [device_id], ctx.now(), reason="device_reset", description="the device was reset")
        await setbacks.forget(conn, [device_id])
        return c.Done()

    return await ctx.database.transact(body)


async def delete_device(ctx: Context, caller: Caller, cmd: c.DeleteDevice) -> c.Done:
    """Delete a device and cancel its open tasks. Raises NotFound, Missing, Conflict gateway_has_devices."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        device_id, now = await lock_device(conn, caller, cmd.device), ctx.now()
        if cmd.keep_gateway and await conn.fetchval(*SQL["has_sub_devices"](device_id=device_id)):
            raise Conflict("gateway_has_devices", "Other devices are behind the device; delete them first.")
        await delete_devices(conn, [device_id], now)
        await end_open(conn, [device_id], now, reason=GONE, description="the device was deleted")
        await setbacks.forget(conn, [device_id])
        return c.Done()

    return await ctx.database.transact(body)


# --- parts ---


async def _dress(conn: Connection, caller: Caller, device_id: UUID, cmd: c.CreateDevice) -> None:
    asked = {"device_id": device_id, "public_id": cmd.public_id}
    if cmd.public_id is not None:
        implied = fleet.implied_ids(cmd.public_id)
        taken = SQL["public_id_taken"](**asked, account_id=caller.account_id, implied_ids=implied)
        if await conn.fetchval(*taken):
            raise id_taken(cmd.public_id)
    await conn.execute(*SQL["dress_device"](**asked, description=cmd.description, facts=json.dumps(dict(cmd.facts))))


def id_taken(public_id: str) -> Conflict:
    """The refusal of an id that another device of the account has."""
    return Conflict("public_id_taken", f"The device id {public_id} is in use.")


async def _put_behind(ctx: Context, conn: Connection, caller: Caller, device_id: UUID, gateway: str) -> None:
    gateway_id, room = await lock_gateway(conn, caller, gateway)
    if gateway_id == device_id:
        raise NotFound("device", gateway)  # it was not there before
    if not room:
        raise gateway_full()
    await put_behind(conn, [device_id], gateway_id, ctx.now())


async def lock_gateway(conn: Connection, caller: Caller, gateway: str) -> tuple[UUID, int]:
    """The device that others are to be put behind, and how many more there is room for; its level and that number hold
    until the transaction ends. It counts up to BEHIND_MAX devices. Raises NotFound, TooMany levels of gateways."""
    gateway_id = await lock_device(conn, caller, c.DeviceKey(public_id=gateway))
    if await conn.fetchval(*SQL["gateways_above"](device_id=gateway_id, most=LEVELS_MAX)) >= LEVELS_MAX:
        raise TooMany("levels of gateways", LEVELS_MAX)
    return gateway_id, max(0, BEHIND_MAX - await conn.fetchval(*SQL["count_behind"](gateway_id=gateway_id)))


async def put_behind(conn: Connection, device_ids: Sequence[UUID], gateway_id: UUID, now: datetime) -> None:
    """These devices, just made, are behind that one, which is locked and has room."""
    await conn.execute(*SQL["put_behind"](device_ids=device_ids, gateway_id=gateway_id, now=now))


def gateway_full() -> TooMany:
    """The refusal of a device that there is no room for behind its gateway."""
    return TooMany("devices behind a gateway", BEHIND_MAX)
