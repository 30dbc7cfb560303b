"""Devices registered in batches: with made-up names, or with names that were checked before.

A check keeps what it found good under its apply id and makes nothing. Registering it makes each good name once;
a name that somebody took meanwhile is refused then.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from upwell.domain import commands, fleet
from upwell.domain.errors import Invalid, NotFound
from upwell.domain.letters import width_max
from upwell.service.context import Context
from upwell.service.dice import DEVICE_SECRET_SIZE, IOT_SALT_SIZE, dice
from upwell.service.manage.access import Caller, require
from upwell.service.manage.devices import DEVICE_NAME_SIZE, page
from upwell.service.manage.products import find_product
from upwell.service.upgrade.lives import make_devices
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("fleet")
REGISTRATION_MAX = 10_000  # devices in one batch (alibaba 3.2)
DEVICE_NAME = re.compile(r"[A-Za-z0-9\-_@.:]{4,32}")  # alibaba 3.2
NICKNAME_SIZE_MIN, NICKNAME_SIZE_MAX = 4, 64  # characters (alibaba 3.2); a Chinese one is two towards the least

_Named = tuple[str, str | None]  # a device's name and its nickname


async def register_devices(ctx: Context, caller: Caller, cmd: commands.RegisterDevices) -> commands.Registration:
    """A batch of devices with made-up names; all of them exist when this returns. Raises Invalid, NotFound."""
    require(caller, "operator")
    _check_count("count", cmd.count)
    named: list[_Named] = [(dice(DEVICE_NAME_SIZE), None) for _ in range(cmd.count)]
    apply_id, now = ctx.new_number(), ctx.now()

    async def body(conn: Connection) -> commands.Registration:
        product_id = await find_product(conn, caller, cmd.product_key, "share_product")
        head = (apply_id, caller.account_id, product_id, "CREATE_SUCCESS", cmd.count, now)
        await conn.execute(_Q["make_registration"], *head, None)
        await _make(ctx, conn, apply_id, product_id, cmd.product_key, named)
        return commands.Registration(
            apply_id=apply_id,
            status="CREATE_SUCCESS",
            asked=cmd.count,
            names=tuple(name for name, _ in named),
            created_at=now,
        )

    return await ctx.database.transact(body)


async def check_device_names(ctx: Context, caller: Caller, cmd: commands.CheckDeviceNames) -> commands.NamesChecked:
    """Which names could be registered now; those are kept. Raises Invalid (names), NotFound (product)."""
    require(caller, "operator")
    _check_count("names", len(cmd.names))
    apply_id, now = ctx.new_number(), ctx.now()

    async def body(conn: Connection) -> commands.NamesChecked:
        product_id = await find_product(conn, caller, cmd.product_key)
        ids = [fleet.device_id(cmd.product_key, name) for name, _ in cmd.names]
        taken = {row["name"] for row in await conn.fetch(_Q["taken_names"], ids)}
        good, refused, checked = _judged(apply_id, cmd.names, taken)
        kept = json.dumps({"good": good, "refused": refused})
        head = (apply_id, caller.account_id, product_id, "CHECK_SUCCESS", len(cmd.names), now)
        await conn.execute(_Q["make_registration"], *head, kept)
        return checked

    return await ctx.database.transact(body)


async def register_checked(ctx: Context, caller: Caller, cmd: commands.RegisterChecked) -> commands.Registration:
    """Register what a check found good, once: asked again, this only tells what came of it. The status is
    CREATE_FAILED when a good name was taken meanwhile, or none was good. Raises NotFound (product, batch)."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Registration:
        product_id = await find_product(conn, caller, cmd.product_key, "share_product")
        row = await conn.fetchrow(_Q["lock_checked"], cmd.apply_id, caller.account_id, cmd.product_key)
        if row is None:
            raise NotFound("batch", str(cmd.apply_id))
        if row["status"] == "CHECK_SUCCESS":
            kept = json.loads(row["names"])
            made = await _make(ctx, conn, cmd.apply_id, product_id, cmd.product_key, kept["good"])
            kept["refused"] += [name for name, _ in kept["good"] if name not in made]
            status = "CREATE_SUCCESS" if made and len(made) == len(kept["good"]) else "CREATE_FAILED"
            await conn.execute(_Q["end_registration"], cmd.apply_id, status, json.dumps(kept))
        return await _shown(conn, caller, cmd.apply_id, cmd.product_key)

    return await ctx.database.transact(body)


async def show_registration(ctx: Context, caller: Caller, cmd: commands.ShowRegistration) -> commands.Registration:
    """A batch with the names it made, or may make after a check. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _shown(conn, caller, cmd.apply_id, cmd.product_key)


async def list_registered(ctx: Context, caller: Caller, cmd: commands.ListRegistered) -> commands.Page[commands.Device]:
    """A page of a batch's devices that still exist, in the order of their making. Raises NotFound."""
    async with ctx.database.connection() as conn:
        if not await conn.fetchval(_Q["has_registration"], cmd.apply_id, caller.account_id):
            raise NotFound("batch", str(cmd.apply_id))
        return await page(conn, caller, "registered", (cmd.apply_id,), cmd.number, cmd.size)


def _check_count(field: str, count: int) -> None:
    if not 1 <= count <= REGISTRATION_MAX:
        raise Invalid(field, f"1 to {REGISTRATION_MAX}", f"{count} given")


def _is_nickname(text: str) -> bool:
    return width_max(text) >= NICKNAME_SIZE_MIN and len(text) <= NICKNAME_SIZE_MAX


def _judged(
    apply_id: int, names: Sequence[_Named], taken: set[str]
) -> tuple[list[_Named], list[str], commands.NamesChecked]:
    """The good names, the others, and what is told of them. One name's own fault counts before its nickname's."""
    given = Counter(name for name, _ in names)
    invalid = {name: None for name in given if not DEVICE_NAME.fullmatch(name)}
    repeated = {name: None for name, times in given.items() if name not in invalid and (times > 1 or name in taken)}
    misnamed = {n: None for _, n in names if n is not None and not _is_nickname(n)}
    good = [(name, n) for name, n in names if not (name in invalid or name in repeated or n in misnamed)]
    accepted = {name for name, _ in good}
    checked = commands.NamesChecked(
        apply_id=apply_id,
        invalid_names=tuple(invalid),
        invalid_nicknames=tuple(misnamed),
        repeated_names=tuple(repeated),
    )
    return good, [name for name in given if name not in accepted], checked


async def _make(
    ctx: Context, conn: Connection, apply_id: int, product_id: int, product_key: str, named: Sequence[_Named]
) -> set[str]:
    """Make these devices; returns the names of those that were not taken."""
    names = [name for name, _ in named]
    ids, secrets, publics = await asyncio.to_thread(_made_up, product_key, names)
    columns = (ids, names, [nickname for _, nickname in named], secrets, publics)
    return await make_devices(conn, apply_id, product_id, ctx.now(), *columns)


def _made_up(product_key: str, names: list[str]) -> tuple[list[UUID], list[str], list[str]]:
    ids = [fleet.device_id(product_key, name) for name in names]
    publics = [fleet.iot_id(device_id, dice(IOT_SALT_SIZE)) for device_id in ids]
    return ids, [dice(DEVICE_SECRET_SIZE) for _ in names], publics


async def _shown(conn: Connection, caller: Caller, apply_id: int, product_key: str) -> commands.Registration:
    row = await conn.fetchrow(_Q["show_registration"], apply_id, caller.account_id, product_key)
    if row is None:
        raise NotFound("batch", str(apply_id))
    return _registration(row)


def _registration(row: Row) -> commands.Registration:
    checked = json.loads(row["checked"] or '{"good": [], "refused": []}')
    waits = row["status"] == "CHECK_SUCCESS"
    return commands.Registration(
        apply_id=row["apply_id"],
        status=row["status"],
        asked=row["asked"],
        names=tuple(name for name, _ in checked["good"]) if waits else tuple(row["made"]),
        created_at=row["created_at"],
        refused=tuple(checked["refused"]),
    )
