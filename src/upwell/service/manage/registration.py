"""Devices registered in batches: with made-up names, or with names that were checked before.

A check keeps what it found good under its apply id and makes nothing. Registering it makes each good name once;
a name that somebody took meanwhile is refused then.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import fleet
from upwell.domain.errors import Invalid, NotFound
from upwell.domain.letters import width_max
from upwell.service.context import Context
from upwell.service.dice import DEVICE_SECRET_SIZE, IOT_SALT_SIZE, dice
from upwell.service.manage.access import Caller, require
from upwell.service.manage.devices import DEVICE_NAME_SIZE
from upwell.service.manage.products import find_product
from upwell.service.upgrade.lives import make_devices
from upwell.storage.database import Connection
from upwell.storage.queries import sheet
from upwell.storage.views import registration_of

SQL = sheet("registration")
REGISTRATION_MAX = 10_000  # devices in one batch (alibaba 3.2)
DEVICE_NAME = re.compile(r"[A-Za-z0-9\-_@.:]{4,32}")  # alibaba 3.2
NICKNAME_SIZE_MIN, NICKNAME_SIZE_MAX = 4, 64  # characters (alibaba 3.2); a Chinese one is two towards the least

_Named = tuple[str, str | None]  # a device's name and its nickname


async def register_devices(ctx: Context, caller: Caller, cmd: c.RegisterDevices) -> c.Registration:
    """A batch of devices, which exist when this returns: so many with made-up names, or once what a check found good;
    asked again, that only tells what came of it. Its status is CREATE_FAILED when a good name was taken meanwhile, or
    none was good. Raises Invalid (count), NotFound (product, batch)."""
    require(caller, "operator")
    if cmd.apply_id is not None:
        return await _register_checked(ctx, caller, cmd.product_key, cmd.apply_id)
    _check_count("count", cmd.count)
    named: list[_Named] = [(dice(DEVICE_NAME_SIZE), None) for _ in range(cmd.count)]
    apply_id = ctx.new_number()

    async def body(conn: Connection) -> c.Registration:
        product_id = await find_product(conn, caller, cmd.product_key, how="share_product")
        await _keep(ctx, conn, caller, apply_id, product_id=product_id, status="CREATE_SUCCESS", asked=cmd.count)
        await _make(ctx, conn, apply_id, product_id, cmd.product_key, named)
        return await _shown(conn, caller, apply_id, cmd.product_key)

    return await ctx.database.transact(body)


async def _register_checked(ctx: Context, caller: Caller, product_key: str, apply_id: int) -> c.Registration:
    which = {"apply_id": apply_id, "account_id": caller.account_id, "product_key": product_key}

    async def body(conn: Connection) -> c.Registration:
        product_id = await find_product(conn, caller, product_key, how="share_product")
        row = await conn.fetchrow(*SQL["lock_checked"](**which))
        if row is None:
            raise NotFound("batch", str(apply_id))
        if row["status"] == "CHECK_SUCCESS":
            kept = json.loads(row["names"])
            made = await _make(ctx, conn, apply_id, product_id, product_key, kept["good"])
            kept["refused"] += [name for name, _ in kept["good"] if name not in made]
            status = "CREATE_SUCCESS" if made and len(made) == len(kept["good"]) else "CREATE_FAILED"
            await conn.execute(*SQL["end_registration"](apply_id=apply_id, status=status, names=json.dumps(kept)))
        return await _shown(conn, caller, apply_id, product_key)

    return await ctx.database.transact(body)


async def check_device_names(ctx: Context, caller: Caller, cmd: c.CheckDeviceNames) -> c.Registration:
    """Which names could be registered now; those are kept. Raises Invalid (names), NotFound (product)."""
    require(caller, "operator")
    _check_count("names", len(cmd.names))
    apply_id, asked = ctx.new_number(), len(cmd.names)

    async def body(conn: Connection) -> c.Registration:
        product_id = await find_product(conn, caller, cmd.product_key)
        ids = [fleet.device_id(cmd.product_key, name) for name, _ in cmd.names]
        taken = {row["name"] for row in await conn.fetch(*SQL["taken_names"](device_ids=ids))}
        good, refused, why = _judged(cmd.names, taken)
        kept = json.dumps({"good": good, "refused": refused})
        head = {"product_id": product_id, "status": "CHECK_SUCCESS", "asked": asked}
        await _keep(ctx, conn, caller, apply_id, **head, names=kept)
        return replace(await _shown(conn, caller, apply_id, cmd.product_key), **why)

    return await ctx.database.transact(body)


async def show_registration(ctx: Context, caller: Caller, cmd: c.ShowRegistration) -> c.Registration:
    """A batch with the names it made, or may make after a check. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _shown(conn, caller, cmd.apply_id, cmd.product_key)


def _check_count(field: str, count: int) -> None:
    if not 1 <= count <= REGISTRATION_MAX:
        raise Invalid(field, f"1 to {REGISTRATION_MAX}", f"{count} given")


def _is_nickname(text: str) -> bool:
    return width_max(text) >= NICKNAME_SIZE_MIN and len(text) <= NICKNAME_SIZE_MAX


def _judged(names: Sequence[_Named], taken: set[str]) -> tuple[list[_Named], list[str], dict[str, Any]]:
    """The good names, the others, and why by the members of a view. One name's own fault counts before its
    nickname's."""
    given = Counter(name for name, _ in names)
    invalid = {name: None for name in given if not DEVICE_NAME.fullmatch(name)}
    repeated = {name: None for name, times in given.items() if name not in invalid and (times > 1 or name in taken)}
    misnamed = {n: None for _, n in names if n is not None and not _is_nickname(n)}
    good = [(name, n) for name, n in names if not (name in invalid or name in repeated or n in misnamed)]
    accepted = {name for name, _ in good}
    why = {"invalid_names": invalid, "invalid_nicknames": misnamed, "repeated_names": repeated}
    return good, [name for name in given if name not in accepted], {part: tuple(found) for part, found in why.items()}


async def _keep(
    ctx: Context, conn: Connection, caller: Caller, apply_id: int, names: str | None = None, **head: object
) -> None:
    whose = {"apply_id": apply_id, "account_id": caller.account_id, "now": ctx.now()}
    await conn.execute(*SQL["make_registration"](**whose, **head, names=names))


async def _make(
    ctx: Context, conn: Connection, apply_id: int, product_id: int, product_key: str, named: Sequence[_Named]
) -> set[str]:
    """Make these devices; returns the names of those that were not taken."""
    names = [name for name, _ in named]
    ids, secrets, publics = await asyncio.to_thread(_made_up, product_key, names)
    columns = (ids, names, [nickname for _, nickname in named], secrets, publics)
    return await make_devices(conn, apply_id, product_id, await ctx.moment(conn), *columns)


def _made_up(product_key: str, names: list[str]) -> tuple[list[UUID], list[str], list[str]]:
    ids = [fleet.device_id(product_key, name) for name in names]
    publics = [fleet.iot_id(device_id, dice(IOT_SALT_SIZE)) for device_id in ids]
    return ids, [dice(DEVICE_SECRET_SIZE) for _ in names], publics


async def _shown(conn: Connection, caller: Caller, apply_id: int, product_key: str) -> c.Registration:
    which = {"apply_id": apply_id, "account_id": caller.account_id, "product_key": product_key}
    row = await conn.fetchrow(*SQL["show_registration"](**which))
    if row is None:
        raise NotFound("batch", str(apply_id))
    return registration_of(row)
