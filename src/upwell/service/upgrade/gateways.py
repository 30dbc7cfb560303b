"""Gateways: which sub-devices each speaks for. Whether a sub-device's proof holds is the door's to check before.

A sub-device has one gateway; a later one takes it, and it is then online through the earlier one no more.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from upwell.domain.connected import SubDevice
from upwell.domain.errors import NotFound, TooMany
from upwell.service.context import Context
from upwell.service.upgrade import census
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

_Q = sheet("gateways")
SUB_DEVICES_MAX = 1500  # of one gateway (the vendor's page on sub-devices, the lower of its two numbers)
BEHIND_MAX = 50_000  # devices that come online with one gateway (huawei 4.3)


async def bind(ctx: Context, gateway_id: UUID, device_ids: Sequence[UUID]) -> None:
    """The gateway speaks for these from now on. Raises TooMany, NotFound for a gateway that is gone."""

    async def body(conn: Connection) -> None:
        now, ids = ctx.now(), list(device_ids)
        both = {"gateway_id": gateway_id, "device_ids": ids}
        if await conn.fetchval(*_Q["lock_gateway"](gateway_id=gateway_id)) is None:
            raise NotFound("device", str(gateway_id))
        if await conn.fetchval(*_Q["size_without"](**both)) + len(ids) > SUB_DEVICES_MAX:
            raise TooMany("sub-devices", SUB_DEVICES_MAX)
        former: dict[UUID, list[UUID]] = defaultdict(list)
        for row in await conn.fetch(*_Q["former_gateways"](**both)):
            former[row["gateway_id"]].append(row["device_id"])
        await conn.execute(*_Q["bind"](**both, now=now))
        for gateway, moved in former.items():
            await conn.execute(*_Q["release"](gateway_id=gateway, device_ids=moved, now=now))
            await census.settle(conn, moved)

    await ctx.devices.transact(body)


async def unbind(ctx: Context, gateway_id: UUID, device_ids: Sequence[UUID]) -> set[UUID]:
    """The gateway speaks for these no more; returns those that it spoke for."""

    async def body(conn: Connection) -> set[UUID]:
        now = ctx.now()
        both = {"gateway_id": gateway_id, "device_ids": list(device_ids)}
        gone = [row["device_id"] for row in await conn.fetch(*_Q["unbind"](**both))]
        await conn.execute(*_Q["release"](gateway_id=gateway_id, device_ids=gone, now=now))
        await census.settle(conn, gone)
        return {UUID(int=each.int) for each in gone}

    return await ctx.devices.transact(body)


async def sub_devices(ctx: Context, gateway_id: UUID) -> list[SubDevice]:
    """The devices that the gateway speaks for, oldest first."""
    async with ctx.devices.connection() as conn:
        return [filled(SubDevice, row) for row in await conn.fetch(*_Q["sub_devices"](gateway_id=gateway_id))]


async def behind(ctx: Context, gateway_ids: Sequence[UUID]) -> list[list[SubDevice]]:
    """The devices behind each of these, right behind it or behind one that is, in one question; enabled ones only, and
    BEHIND_MAX of a gateway at most. A list for each, in their order."""
    found: dict[UUID, list[SubDevice]] = defaultdict(list)
    async with ctx.devices.connection() as conn:
        for row in await conn.fetch(*_Q["behind"](gateway_ids=list(gateway_ids), at_most=BEHIND_MAX)):
            found[UUID(int=row["gateway_id"].int)].append(filled(SubDevice, row))
    return [found[each] for each in gateway_ids]
