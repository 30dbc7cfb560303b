"""Products, devices and which gateway holds a device's connection.

Only the caller's account sees a product or a device; to all others it does not exist (law 8). Deleted products
and devices stay as tombstones; a device registered again under a tombstone's name is a new device in its row.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from upwell.domain import commands, fleet
from upwell.domain.errors import Conflict, Invalid, Missing, NotFound
from upwell.service.access import Caller, dice, require
from upwell.service.context import Context
from upwell.storage.database import Connection, Row, values
from upwell.storage.queries import sheet

_Q = sheet("fleet")
PRODUCT_SECRET_SIZE = 16  # characters
DEVICE_SECRET_SIZE = 32  # characters
DEVICE_NAME_SIZE = 20  # characters of a made-up name
IOT_SALT_SIZE = 8  # characters
REGISTRATION_MAX = 10_000  # devices in one batch (alibaba 3.2)
PUSH_PAUSE = timedelta(seconds=2)  # after connecting a device subscribes first, and may ask by itself


# --- products ---


async def create_product(ctx: Context, caller: Caller, cmd: commands.CreateProduct) -> commands.Product:
    """A new product. Raises Conflict product_name_taken."""
    require(caller, "operator")
    product_id, key, secret = ctx.new_id(), "a1" + dice(9), dice(PRODUCT_SECRET_SIZE)

    async def body(conn: Connection) -> commands.Product:
        facts = json.dumps(dict(cmd.facts))
        row = (product_id, caller.account_id, key, secret, cmd.name, facts, ctx.now())
        if await conn.fetchval(_Q["make_product"], *row) is None:
            raise Conflict("product_name_taken", f"The account has a product named {cmd.name}.")
        return (await _show_products(conn, [product_id]))[0]

    return await ctx.database.transact(body)


async def show_product(ctx: Context, caller: Caller, cmd: commands.ShowProduct) -> commands.Product:
    """The product. Raises NotFound."""
    async with ctx.database.connection() as conn:
        product_id = await find_product(conn, caller, cmd.product_key)
        return (await _show_products(conn, [product_id]))[0]


async def list_products(ctx: Context, caller: Caller, cmd: commands.ListProducts) -> commands.Page[commands.Product]:
    """A page of the account's products whose facts contain the asked ones, newest first."""
    facts = json.dumps(dict(cmd.facts))
    async with ctx.database.connection() as conn:
        total = await conn.fetchval(_Q["count_products"], caller.account_id, facts)
        span = cmd.size, (cmd.number - 1) * cmd.size
        rows = await conn.fetch(_Q["page_of_products"], caller.account_id, facts, *span)
        items = await _show_products(conn, [row["product_id"] for row in rows])
    return commands.Page(items=tuple(items), total=total, number=cmd.number, size=cmd.size)


async def update_product(ctx: Context, caller: Caller, cmd: commands.UpdateProduct) -> commands.Done:
    """Name the product anew and lay facts over its own. Raises NotFound, Conflict product_name_taken."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        product_id = await find_product(conn, caller, cmd.product_key)
        try:
            await conn.execute(_Q["update_product"], product_id, cmd.name, json.dumps(dict(cmd.facts)))
        except asyncpg.UniqueViolationError as exc:
            raise Conflict("product_name_taken", f"The account has a product named {cmd.name}.") from exc
        return commands.Done()

    return await ctx.database.transact(body)


async def delete_product(ctx: Context, caller: Caller, cmd: commands.DeleteProduct) -> commands.Done:
    """Delete a product without devices. Raises NotFound, Conflict product_has_devices."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        product_id = await find_product(conn, caller, cmd.product_key, "lock_product")
        if await conn.fetchval(_Q["has_devices"], product_id):
            raise Conflict("product_has_devices", "The product has devices; delete them first.")
        await conn.execute(_Q["delete_product"], product_id, ctx.now())
        return commands.Done()

    return await ctx.database.transact(body)


async def find_product(conn: Connection, caller: Caller, product_key: str, how: str = "find_product") -> int:
    """The id of the caller's product; `how` share_product or lock_product holds it. Raises NotFound."""
    product_id = await conn.fetchval(_Q[how], caller.account_id, product_key)
    if product_id is None:
        raise NotFound("product", product_key)
    return int(product_id)


# --- devices ---


async def register_device(ctx: Context, caller: Caller, cmd: commands.RegisterDevice) -> commands.Device:
    """A new device, also under a deleted one's name. Raises NotFound (product), Conflict device_name_taken."""
    require(caller, "operator")
    name = cmd.name or dice(DEVICE_NAME_SIZE)
    device_id = fleet.device_id(cmd.product_key, name)
    secret, public = dice(DEVICE_SECRET_SIZE), fleet.iot_id(device_id, dice(IOT_SALT_SIZE))

    async def body(conn: Connection) -> commands.Device:
        product_id = await find_product(conn, caller, cmd.product_key, "share_product")
        row = (device_id, product_id, name, secret, public, cmd.nickname, ctx.now())
        if await conn.fetchval(_Q["make_device"], *row) is None:
            raise Conflict("device_name_taken", f"The product has a device named {name}.")
        return (await _show_devices(conn, caller, [device_id]))[0]

    return await ctx.database.transact(body)


async def register_devices(ctx: Context, caller: Caller, cmd: commands.RegisterDevices) -> commands.Registration:
    """A batch of devices with made-up names; all of them exist when this returns. Raises Invalid, NotFound."""
    require(caller, "operator")
    if not 1 <= cmd.count <= REGISTRATION_MAX:
        raise Invalid("count", f"1 to {REGISTRATION_MAX}")
    ids, names, secrets, publics = await asyncio.to_thread(_made_up, cmd.product_key, cmd.count)
    apply_id, now = ctx.new_id(), ctx.now()

    async def body(conn: Connection) -> commands.Registration:
        product_id = await find_product(conn, caller, cmd.product_key, "share_product")
        head = (apply_id, caller.account_id, product_id, "CREATE_SUCCESS", cmd.count, now)
        await conn.execute(_Q["make_registration"], *head)
        await conn.execute(_Q["make_devices"], apply_id, product_id, now, ids, names, secrets, publics)
        return commands.Registration(
            apply_id=apply_id, status="CREATE_SUCCESS", asked=cmd.count, names=tuple(names), created_at=now
        )

    return await ctx.database.transact(body)


async def show_registration(ctx: Context, caller: Caller, cmd: commands.ShowRegistration) -> commands.Registration:
    """A batch with the names it made. Raises NotFound."""
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(_Q["show_registration"], cmd.apply_id, caller.account_id, cmd.product_key)
    if row is None:
        raise NotFound("batch", str(cmd.apply_id))
    return commands.Registration(**values(row) | {"names": tuple(row["names"])})


async def list_registered(ctx: Context, caller: Caller, cmd: commands.ListRegistered) -> commands.Page[commands.Device]:
    """A page of a batch's devices that still exist, in the order of their making. Raises NotFound."""
    async with ctx.database.connection() as conn:
        if not await conn.fetchval(_Q["has_registration"], cmd.apply_id, caller.account_id):
            raise NotFound("batch", str(cmd.apply_id))
        return await _page(conn, caller, "registered", cmd.apply_id, cmd.number, cmd.size)


async def list_devices(ctx: Context, caller: Caller, cmd: commands.ListDevices) -> commands.Page[commands.Device]:
    """A page of a product's devices, newest first. Raises NotFound."""
    async with ctx.database.connection() as conn:
        product_id = await find_product(conn, caller, cmd.product_key)
        return await _page(conn, caller, "devices", product_id, cmd.number, cmd.size)


async def show_device(ctx: Context, caller: Caller, cmd: commands.ShowDevice) -> commands.Device:
    """The device. Raises NotFound, Missing."""
    found = await show_devices(ctx, caller, commands.ShowDevices(devices=(cmd.device,)))
    if not found:
        raise _no_device(cmd.device)
    return found[0]


async def show_devices(ctx: Context, caller: Caller, cmd: commands.ShowDevices) -> tuple[commands.Device, ...]:
    """The devices in the order asked, unknown ones left out; read in one question. Raises Missing."""
    ids = [key_device_id(key) for key in cmd.devices]
    async with ctx.database.connection() as conn:
        rows = await _show_devices(conn, caller, [found for found in dict.fromkeys(ids) if found is not None])
    by_id = {device.device_id: device for device in rows}
    asked = [(key, by_id.get(found)) for key, found in zip(cmd.devices, ids, strict=True) if found is not None]
    return tuple(device for key, device in asked if device is not None and key.iot_id in (None, device.iot_id))


async def delete_device_row(conn: Connection, caller: Caller, key: commands.DeviceKey, now: datetime) -> UUID:
    """The device's part of its deletion; its open tasks are the caller's to cancel in the same transaction.
    Returns its id. Raises NotFound, Missing, Denied."""
    require(caller, "operator")
    row = (caller.account_id, key_device_id(key), key.iot_id, now)
    device_id = await conn.fetchval(_Q["delete_device"], *row)
    if device_id is None:
        raise _no_device(key)
    return UUID(bytes=device_id.bytes)


async def set_device_enabled(ctx: Context, caller: Caller, cmd: commands.SetDeviceEnabled) -> commands.Done:
    """Allow or forbid a device to log in. Raises NotFound, Missing."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        row = (caller.account_id, key_device_id(cmd.device), cmd.device.iot_id, cmd.enabled, ctx.now())
        if await conn.fetchval(_Q["enable_device"], *row) is None:
            raise _no_device(cmd.device)
        return commands.Done()

    return await ctx.database.transact(body)


def key_device_id(key: commands.DeviceKey) -> UUID | None:
    """The id a key leads to; None when its iot_id can't be one. Whoever finds a row by it must compare the
    row's iot_id with the key's. Raises Missing when the key says too little."""
    if key.iot_id:
        return fleet.device_of_iot_id(key.iot_id)
    if not key.product_key:
        raise Missing("product_key")
    if not key.name:
        raise Missing("name")
    return fleet.device_id(key.product_key, key.name)


# --- presence ---


async def came_online(ctx: Context, node_id: UUID, arrived: Sequence[tuple[UUID, UUID, str]]) -> None:
    """These (device, connection, address) are connected to the node; of one device's several the last counts.
    Their open tasks follow, and pushable ones become due in PUSH_PAUSE, or later when a retry waits."""
    newest = sorted({device: (device, connection, address) for device, connection, address in arrived}.values())

    async def body(conn: Connection) -> None:
        now = ctx.now()
        rows = await conn.fetch(_Q["came_online"], node_id, now, *_columns(newest, 3))
        ids = [row["device_id"] for row in rows]
        await conn.execute(_Q["activate"], ids, now)
        await conn.execute(_Q["tasks_online"], ids, node_id, now, now + PUSH_PAUSE)

    if newest:
        await ctx.database.transact(body)


async def went_offline(ctx: Context, node_id: UUID, gone: Sequence[tuple[UUID, UUID]]) -> None:
    """These (device, connection) ended. A device that has a newer connection meanwhile stays online."""

    async def body(conn: Connection) -> None:
        await conn.execute(_Q["went_offline"], node_id, ctx.now(), *_columns(sorted(gone), 2))

    if gone:
        await ctx.database.transact(body)


# --- rows to values ---


def _made_up(product_key: str, count: int) -> tuple[list[UUID], list[str], list[str], list[str]]:
    names = [dice(DEVICE_NAME_SIZE) for _ in range(count)]
    ids = [fleet.device_id(product_key, name) for name in names]
    publics = [fleet.iot_id(device_id, dice(IOT_SALT_SIZE)) for device_id in ids]
    return ids, names, [dice(DEVICE_SECRET_SIZE) for _ in range(count)], publics


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    found = list(rows)
    return [[row[place] for row in found] for place in range(width)]


async def _page(
    conn: Connection, caller: Caller, what: str, of: int, number: int, size: int
) -> commands.Page[commands.Device]:
    total = await conn.fetchval(_Q[f"count_{what}"], of)
    rows = await conn.fetch(_Q[f"page_of_{what}"], of, size, (number - 1) * size)
    items = await _show_devices(conn, caller, [row["device_id"] for row in rows])
    return commands.Page(items=tuple(items), total=total, number=number, size=size)


async def _show_products(conn: Connection, product_ids: list[int]) -> list[commands.Product]:
    rows = await conn.fetch(_Q["show_products"], product_ids)
    return [commands.Product(**values(row) | {"facts": json.loads(row["facts"])}) for row in rows]


async def _show_devices(conn: Connection, caller: Caller, device_ids: list[UUID]) -> list[commands.Device]:
    return [_device(row) for row in await conn.fetch(_Q["show_devices"], caller.account_id, device_ids)]


def _device(row: Row) -> commands.Device:
    return commands.Device(**values(row) | {"product_facts": json.loads(row["product_facts"])})


def _no_device(key: commands.DeviceKey) -> NotFound:
    return NotFound("device", key.iot_id or key.name or "")
