"""Devices under ids that their owner chooses: made, shown, changed, given new secrets, and freed of tags.

A public id is one device's in the whole installation. A device made without one is known as `{product_key}_{name}`
(devices.find_public): nobody may choose an id that stands for such a device.
"""

import json
from typing import Any
from uuid import UUID

import asyncpg

from upwell.domain import commands as c
from upwell.domain import fleet
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.domain.records import device_record
from upwell.service.context import Context
from upwell.service.dice import DEVICE_SECRET_SIZE, IOT_SALT_SIZE, dice
from upwell.service.manage.access import Caller, require
from upwell.service.manage.devices import device_ids, lock_device, no_device
from upwell.service.manage.space_products import find_product
from upwell.service.upgrade.lives import make_device
from upwell.storage.database import Connection, Row, values
from upwell.storage.queries import sheet

_Q = sheet("space_devices")
LEVELS_MAX = 2  # devices that one may be behind, one behind the other (huawei 4.3)
BEHIND_MAX = 50_000  # devices right behind one (huawei 4.3)
_SPACE = "space_"
_OWN = ("public_id", "gateway_id", "description", "secondary_secret", "sdk_version", "status_at")


async def add_device(ctx: Context, caller: Caller, cmd: c.AddDevice) -> c.SpaceDevice:
    """A new device. Raises NotFound (space, product, device for the gateway), Conflict device_name_taken or
    public_id_taken, which does not say whose it is, TooMany devices or levels of gateways."""
    require(caller, "operator")
    device_id = fleet.device_id(cmd.product_key, cmd.name)
    secret, iot_id = cmd.secret or dice(DEVICE_SECRET_SIZE), fleet.iot_id(device_id, dice(IOT_SALT_SIZE))

    async def body(conn: Connection) -> c.SpaceDevice:
        product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "share_product")
        row = (device_id, product_id, cmd.name, secret, iot_id, cmd.nickname, ctx.now())
        if not await make_device(conn, *row):
            raise Conflict("device_name_taken", f"The product has a device named {cmd.name}.")
        await _dress(conn, device_id, cmd)
        if cmd.gateway_id is not None:
            await _put_behind(ctx, conn, caller, device_id, cmd.gateway_id)
        return (await views(conn, caller, [device_id]))[0]

    return await ctx.database.transact(body)


async def show_space_device(ctx: Context, caller: Caller, cmd: c.ShowSpaceDevice) -> c.SpaceDevice:
    """The device. Raises NotFound, Missing."""
    async with ctx.database.connection() as conn:
        [found] = await device_ids(conn, caller, [cmd.device])
        shown = [] if found is None else await views(conn, caller, [found])
    if not shown or cmd.device.iot_id not in (None, shown[0].device.iot_id):
        raise no_device(cmd.device)
    return shown[0]


async def change_device(ctx: Context, caller: Caller, cmd: c.ChangeDevice) -> c.SpaceDevice:
    """Give a device another nickname, description or facts. Raises NotFound, Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.SpaceDevice:
        device_id = await lock_device(conn, caller, cmd.device)
        row = (device_id, cmd.nickname, cmd.description, json.dumps(dict(cmd.facts)), ctx.now())
        await conn.execute(_Q["change_device"], *row)
        return (await views(conn, caller, [device_id]))[0]

    return await ctx.database.transact(body)


async def reset_secret(ctx: Context, caller: Caller, cmd: c.ResetSecret) -> c.SecretReset:
    """Give a device another secret, and end its connection if asked. Raises NotFound, Missing."""
    require(caller, "operator")
    secret = cmd.secret or dice(DEVICE_SECRET_SIZE)

    async def body(conn: Connection) -> c.SecretReset:
        device_id = await lock_device(conn, caller, cmd.device)
        await conn.execute(_Q["reset_secondary" if cmd.secondary else "reset_secret"], device_id, secret, ctx.now())
        if cmd.disconnect:
            await conn.execute(_Q["let_go"], device_id, ctx.now())
        [shown] = await views(conn, caller, [device_id])
        return c.SecretReset(public_id=shown.public_id, secret=secret, secondary=cmd.secondary)

    return await ctx.database.transact(body)


async def remove_device_tags(ctx: Context, caller: Caller, cmd: c.RemoveDeviceTags) -> c.Done:
    """Remove tags; all of them or none. Raises NotFound (device, tag), Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        device_id = await lock_device(conn, caller, cmd.device)
        lacking = await conn.fetchval(_Q["lacking_tag"], device_id, list(cmd.keys))
        if lacking is not None:
            raise NotFound("tag", lacking)
        await conn.execute(_Q["remove_tags"], device_id, list(cmd.keys))
        return c.Done()

    return await ctx.database.transact(body)


# --- parts ---


async def _dress(conn: Connection, device_id: UUID, cmd: c.AddDevice) -> None:
    taken = Conflict("public_id_taken", f"The device id {cmd.public_id} is in use.")
    row = (device_id, cmd.public_id, cmd.description, json.dumps(dict(cmd.facts)), cmd.secret)
    try:
        await conn.execute(_Q["dress_device"], *row)
    except asyncpg.UniqueViolationError as exc:
        raise taken from exc
    if await conn.fetchval(_Q["implied_taken"], fleet.implied_ids(cmd.public_id), device_id):
        raise taken


async def _put_behind(ctx: Context, conn: Connection, caller: Caller, device_id: UUID, gateway: str) -> None:
    # Locked, so that its level and the number of devices behind it hold until the end.
    gateway_id = await lock_device(conn, caller, c.DeviceKey(public_id=gateway))
    if gateway_id == device_id:
        raise NotFound("device", gateway)  # it was not there before
    if await conn.fetchval(_Q["gateways_above"], gateway_id, LEVELS_MAX) >= LEVELS_MAX:
        raise TooMany("levels of gateways", LEVELS_MAX)
    if await conn.fetchval(_Q["count_behind"], gateway_id) >= BEHIND_MAX:
        raise TooMany("devices behind a gateway", BEHIND_MAX)
    await conn.execute(_Q["put_behind"], device_id, gateway_id, ctx.now())


# --- rows to values ---


async def views(conn: Connection, caller: Caller, device_ids: list[UUID]) -> list[c.SpaceDevice]:
    """The caller's live devices among these, in their order."""
    return [_device(values(row)) for row in await conn.fetch(_Q["show_devices"], caller.account_id, device_ids)]


def _device(row: dict[str, Any]) -> c.SpaceDevice:
    space = {name.removeprefix(_SPACE): row.pop(name) for name in list(row) if name.startswith(_SPACE)}
    own = {name: row.pop(name) for name in _OWN}
    facts, versions, tags = (row.pop(name) for name in ("facts", "versions", "tags"))
    told = json.loads(versions or "{}")
    row["product_facts"] = json.loads(row["product_facts"])
    device = c.Device(**row, firmware_version=told.get("default"))
    return c.SpaceDevice(
        device=device,
        space=c.Space(**space),
        versions=told,
        facts=json.loads(facts),
        tags=tuple((key, value) for key, value in json.loads(tags or "[]")),
        record=device_record(device.created_at, UUID(int=device.device_id.int)),
        **own,
    )


def record_of(row: Row) -> int:
    """The record of the device in a row."""
    return device_record(row["created_at"], UUID(int=row["device_id"].int))
