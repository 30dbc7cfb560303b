"""Devices: registered singly, shown, listed, named, enabled, reset and deleted.

Only the caller's account sees a device; to all others it does not exist (law 8). A deleted device stays as a
tombstone; one registered again under a tombstone's name is a new device in its row.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from upwell.domain import commands, fleet
from upwell.domain.errors import Conflict, Invalid, Missing, NotFound
from upwell.domain.task import Event
from upwell.service.context import Context
from upwell.service.dice import DEVICE_SECRET_SIZE, IOT_SALT_SIZE, dice
from upwell.service.manage.access import Caller, require
from upwell.service.manage.products import find_product
from upwell.service.upgrade.lives import make_device
from upwell.service.upgrade.tasks import Selection, end_tasks
from upwell.storage.database import Connection, Row, values
from upwell.storage.queries import sheet

_Q = sheet("fleet")
DEVICE_NAME_SIZE = 20  # characters of a made-up name


async def register_device(ctx: Context, caller: Caller, cmd: commands.RegisterDevice) -> commands.Device:
    """A new device, also under a deleted one's name. Raises NotFound (product), Conflict device_name_taken."""
    require(caller, "operator")
    name = cmd.name or dice(DEVICE_NAME_SIZE)
    device_id = fleet.device_id(cmd.product_key, name)
    secret, public = dice(DEVICE_SECRET_SIZE), fleet.iot_id(device_id, dice(IOT_SALT_SIZE))

    async def body(conn: Connection) -> commands.Device:
        product_id = await find_product(conn, caller, cmd.product_key, "share_product")
        row = (device_id, product_id, name, secret, public, cmd.nickname, ctx.now())
        if not await make_device(conn, *row):
            raise Conflict("device_name_taken", f"The product has a device named {name}.")
        return (await views(conn, caller, [device_id]))[0]

    return await ctx.database.transact(body)


# --- shown and listed ---


async def show_device(ctx: Context, caller: Caller, cmd: commands.ShowDevice) -> commands.Device:
    """The device. Raises NotFound, Missing."""
    found = await show_devices(ctx, caller, commands.ShowDevices(devices=(cmd.device,)))
    if not found:
        raise no_device(cmd.device)
    return found[0]


async def show_devices(ctx: Context, caller: Caller, cmd: commands.ShowDevices) -> tuple[commands.Device, ...]:
    """The devices in the order asked, unknown ones left out; read in one question. Raises Missing."""
    async with ctx.database.connection() as conn:
        ids = await device_ids(conn, caller, cmd.devices)
        rows = await views(conn, caller, [found for found in dict.fromkeys(ids) if found is not None])
    by_id = {device.device_id: device for device in rows}
    asked = [(key, by_id.get(found)) for key, found in zip(cmd.devices, ids, strict=True) if found is not None]
    return tuple(device for key, device in asked if device is not None and key.iot_id in (None, device.iot_id))


async def list_devices(ctx: Context, caller: Caller, cmd: commands.ListDevices) -> commands.Page[commands.Device]:
    """A page of a product's devices, newest first. Raises NotFound, Invalid (after)."""
    async with ctx.database.connection() as conn:
        product_id = await find_product(conn, caller, cmd.product_key)
        if cmd.after is None:
            return await page(conn, caller, "devices", (product_id,), cmd.number, cmd.size)
        moment = await conn.fetchval(_Q["moment_of_device"], product_id, cmd.after)
        if moment is None:
            raise Invalid("after", "the device that the page before ended with")
        total = await conn.fetchval(_Q["count_devices"], product_id)
        rows = await conn.fetch(_Q["devices_after"], product_id, moment, cmd.after, cmd.size)
        items = await views(conn, caller, [row["device_id"] for row in rows])
    return commands.Page(items=tuple(items), total=total, number=cmd.number, size=cmd.size)


async def list_devices_by_status(
    ctx: Context, caller: Caller, cmd: commands.ListDevicesByStatus
) -> commands.Page[commands.Device]:
    """A page of the devices of that status, newest first. Raises NotFound (product)."""
    async with ctx.database.connection() as conn:
        product_id = cmd.product_key and await find_product(conn, caller, cmd.product_key)
        which = (caller.account_id, product_id or None, cmd.status, json.dumps(dict(cmd.product_facts)))
        return await page(conn, caller, "devices_by_status", which, cmd.number, cmd.size)


# --- changed ---


async def set_device_enabled(ctx: Context, caller: Caller, cmd: commands.SetDeviceEnabled) -> commands.Done:
    """Allow or forbid a device to log in. Raises NotFound, Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        device_id = await lock_device(conn, caller, cmd.device)
        await conn.execute(_Q["enable_device"], device_id, cmd.enabled, ctx.now())
        return commands.Done()

    return await ctx.database.transact(body)


async def set_nicknames(ctx: Context, caller: Caller, cmd: commands.SetNicknames) -> commands.Done:
    """Give devices nicknames; all of them or none. Raises NotFound, Missing, Invalid."""
    require(caller, "operator")
    keys = [key for key, _ in cmd.nicknames]

    async def body(conn: Connection) -> commands.Done:
        ids = [_or_refuse(key, found) for key, found in zip(keys, await lock_devices(conn, caller, keys), strict=True)]
        if len(set(ids)) < len(ids):
            raise Invalid("nicknames", "one for each device", "a device is given twice")
        await conn.execute(_Q["set_nicknames"], ctx.now(), ids, [nickname for _, nickname in cmd.nicknames])
        return commands.Done()

    return await ctx.database.transact(body)


async def reset_device(ctx: Context, caller: Caller, cmd: commands.ResetDevice) -> commands.Done:
    """Forget what a device reported and cancel its open tasks. Raises NotFound, Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        device_id = await lock_device(conn, caller, cmd.device)
        await conn.execute(_Q["forget_versions"], device_id)  # before its tasks are locked, as by a report
        chosen = Selection(device_ids=[device_id])
        await end_tasks(
            conn, Event.CANCELLED, chosen, ctx.now(), reason="device_reset", description="the device was reset"
        )
        return commands.Done()

    return await ctx.database.transact(body)


async def delete_device_row(
    conn: Connection, caller: Caller, key: commands.DeviceKey, now: datetime, *, keep_gateway: bool = False
) -> UUID:
    """The device's part of its deletion; its open tasks are the caller's to cancel in the same transaction.
    Returns its id. Raises NotFound, Missing, Denied, Conflict gateway_has_devices."""
    require(caller, "operator")
    device_id = await lock_device(conn, caller, key)
    if keep_gateway and await conn.fetchval(_Q["has_sub_devices"], device_id):
        raise Conflict("gateway_has_devices", "Other devices are behind the device; delete them first.")
    await conn.execute(_Q["delete_device"], device_id, now)
    return device_id


# --- keys to devices ---


def key_device_id(key: commands.DeviceKey) -> UUID | None:
    """The id a key leads to by itself; None for a public id, which must be looked up, and for an iot_id that can't be
    one. Whoever finds a row by it must compare the row's iot_id with the key's. Raises Missing when the key says too
    little."""
    if key.public_id is not None and not key.iot_id:
        return None
    if key.iot_id:
        return fleet.device_of_iot_id(key.iot_id)
    if not key.product_key:
        raise Missing("product_key")
    if not key.name:
        raise Missing("name")
    return fleet.device_id(key.product_key, key.name)


async def device_ids(conn: Connection, caller: Caller, keys: Sequence[commands.DeviceKey]) -> list[UUID | None]:
    """The ids that these keys lead to, in their order; None where there can be none. Raises Missing."""
    named = await find_public(conn, caller, [key.public_id for key in keys if key.public_id and not key.iot_id])
    return [named.get(key.public_id) if key.public_id and not key.iot_id else key_device_id(key) for key in keys]


async def find_public(conn: Connection, caller: Caller, public_ids: Sequence[str]) -> dict[str, UUID]:
    """The caller's live devices under these public ids; unknown ones are left out. A device whose owner chose no id
    is known as `{product_key}_{name}`, unless another has that id by choice."""
    asked = list(dict.fromkeys(public_ids))
    if not asked:
        return {}
    implied = [(text, device) for text in asked for device in fleet.implied_ids(text)]
    columns = (asked, [text for text, _ in implied], [device for _, device in implied])
    rows = await conn.fetch(_Q["devices_by_public_id"], caller.account_id, *columns)
    found: dict[str, UUID] = {}
    for row in rows:
        found.setdefault(row["public_id"], UUID(int=row["device_id"].int))
    return found


async def lock_devices(conn: Connection, caller: Caller, keys: Sequence[commands.DeviceKey]) -> list[UUID | None]:
    """The live devices behind these keys, in their order, held until the transaction ends; None where there is
    none. Raises Missing."""
    ids = await device_ids(conn, caller, keys)
    rows = await conn.fetch(_Q["lock_devices"], caller.account_id, [found for found in ids if found is not None])
    public = {row["device_id"]: row["iot_id"] for row in rows}
    return [
        found if found in public and key.iot_id in (None, "", public[found]) else None
        for key, found in zip(keys, ids, strict=True)
    ]


async def lock_device(conn: Connection, caller: Caller, key: commands.DeviceKey) -> UUID:
    """The live device behind the key, held until the transaction ends. Raises NotFound, Missing."""
    [found] = await lock_devices(conn, caller, [key])
    return _or_refuse(key, found)


def no_device(key: commands.DeviceKey) -> NotFound:
    """The refusal of a key behind which there is no device."""
    return NotFound("device", key.iot_id or key.public_id or key.name or "")


def _or_refuse(key: commands.DeviceKey, found: UUID | None) -> UUID:
    if found is None:
        raise no_device(key)
    return found


# --- rows to values ---


async def page(
    conn: Connection, caller: Caller, what: str, which: tuple[object, ...], number: int, size: int
) -> commands.Page[commands.Device]:
    """A page of devices by the statements `count_{what}` and `page_of_{what}` of the sheet `fleet`."""
    total = await conn.fetchval(_Q[f"count_{what}"], *which)
    rows = await conn.fetch(_Q[f"page_of_{what}"], *which, size, (number - 1) * size)
    items = await views(conn, caller, [row["device_id"] for row in rows])
    return commands.Page(items=tuple(items), total=total, number=number, size=size)


async def views(conn: Connection, caller: Caller, device_ids: list[UUID]) -> list[commands.Device]:
    """The caller's devices among these, in their order."""
    return [_device(row) for row in await conn.fetch(_Q["show_devices"], caller.account_id, device_ids)]


def _device(row: Row) -> commands.Device:
    return commands.Device(**values(row) | {"product_facts": json.loads(row["product_facts"])})
