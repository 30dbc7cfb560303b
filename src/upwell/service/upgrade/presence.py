"""Presence: which gateway holds a device's connection. The newest connection of a device wins.

Nothing that others hold is waited for: a device whose own row they hold is given back undone, and tasks that they hold
follow their device later.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from upwell.domain.events import Kind
from upwell.domain.task import RELEASED
from upwell.service.context import Context
from upwell.service.upgrade import census, events, nodes
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("presence")
NO_VENDORS: Mapping[UUID, str] = MappingProxyType({})
PUSH_PAUSE = timedelta(seconds=2)  # after connecting a device subscribes first, and may ask by itself


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a batch: the devices that are not placed, for others hold their rows, and those that are and whose
    open tasks did not all follow."""

    held: frozenset[UUID] = frozenset()
    behind: frozenset[UUID] = frozenset()


async def came_online(
    ctx: Context, node_id: UUID, arrived: Sequence[tuple[UUID, UUID, str]], vendors: Mapping[UUID, str] = NO_VENDORS
) -> Settled:
    """These (device, connection, address) are connected to the node, and speak by the device sides of these vendors; of
    one device's several the last counts. Their open tasks follow, and pushable ones become due in PUSH_PAUSE, or later
    when a retry waits."""
    newest = {device: (device, connection, address) for device, connection, address in arrived}

    async def body(conn: Connection) -> Settled:
        now = ctx.now()
        held = await _held(conn, list(newest))
        placed = [newest[device] for device in sorted(newest.keys() - held)]
        if not placed:
            return Settled(held)
        devices, connections, addresses = _columns(placed)
        of = {"node_id": node_id, "device_ids": devices, "connection_ids": connections}
        rows = await conn.fetch(*_Q["came_online"](**of, now=now, addresses=addresses, vendors=_of(vendors, devices)))
        ids = [row["device_id"] for row in rows]
        first = await conn.fetch(*_Q["activate"](device_ids=ids, now=now))
        settled = Settled(held, await _follow_online(ctx, conn, placed))
        await events.tell_devices(conn, Kind.DEVICE_FIRST_SEEN, [row["device_id"] for row in first], now)
        came = [row["device_id"] for row in rows if row["was_away"]]
        await events.tell_devices(conn, Kind.DEVICE_ONLINE, came, now)
        await census.activated(conn, first)
        await census.settle(conn, ids)
        return settled

    if not newest:
        return Settled()
    settled = await ctx.devices.transact(body)
    await nodes.follow(ctx, [device for device in newest if device not in settled.held])
    return settled


async def went_offline(ctx: Context, node_id: UUID, gone: Sequence[tuple[UUID, UUID]]) -> Settled:
    """These (device, connection) ended. A device that has a newer connection meanwhile stays online."""

    async def body(conn: Connection) -> Settled:
        held = await _held(conn, [device for device, _ in gone])
        left = sorted(pair for pair in gone if pair[0] not in held)
        if not left:
            return Settled(held)
        devices, connections = _columns(left)
        of = {"node_id": node_id, "device_ids": devices, "connection_ids": connections}
        now = ctx.now()
        rows = await conn.fetch(*_Q["went_offline"](**of, now=now))
        ids = [row["device_id"] for row in rows]
        settled = Settled(held, await _follow_offline(conn, ids))
        await events.tell_devices(conn, Kind.DEVICE_OFFLINE, ids, now)
        await census.settle(conn, ids)
        return settled

    if not gone:
        return Settled()
    settled = await ctx.devices.transact(body)
    await nodes.follow(ctx, [device for device, _ in gone if device not in settled.held])
    return settled


async def asked(
    ctx: Context, who: Sequence[tuple[UUID, str]], vendors: Mapping[UUID, str] = NO_VENDORS
) -> frozenset[UUID]:
    """These devices, which have no connection, made requests from these addresses, by the device sides of these
    vendors: each was online for that moment, and no node holds it. Of one device's several the last counts. Those come
    back whose rows others hold."""
    last = dict(who)

    async def body(conn: Connection) -> frozenset[UUID]:
        held = await _held(conn, list(last))
        seen = {device: address for device, address in sorted(last.items()) if device not in held}
        columns = {"device_ids": list(seen), "addresses": list(seen.values()), "vendors": _of(vendors, seen)}
        now = ctx.now()
        first = await conn.fetch(*_Q["asked"](**columns, now=now))
        await events.tell_devices(conn, Kind.DEVICE_FIRST_SEEN, [row["device_id"] for row in first], now)
        await census.activated(conn, first)
        return held

    return await ctx.devices.transact(body) if last else frozenset()


async def follow(ctx: Context, moved: Sequence[tuple[UUID, UUID | None]]) -> Settled:
    """The open tasks of these devices that did not follow yet, as far as that is still so: on which connection they
    came, None for those that left."""
    came = [(device, connection, "") for device, connection in moved if connection is not None]
    gone = [device for device, connection in moved if connection is None]

    async def body(conn: Connection) -> Settled:
        behind = await _follow_online(ctx, conn, sorted(came)) if came else frozenset()
        return Settled(behind=behind | (await _follow_offline(conn, gone) if gone else frozenset()))

    return await ctx.devices.transact(body) if moved else Settled()


async def _held(conn: Connection, devices: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these devices whose rows others hold. Of the rest they are locked: device before presence."""
    rows = await conn.fetch(*_Q["held"](device_ids=devices))
    return _devices_of(rows)


async def _follow_online(ctx: Context, conn: Connection, placed: Sequence[tuple[UUID, UUID, str]]) -> frozenset[UUID]:
    now = ctx.now()
    devices, connections, _ = _columns(placed)
    due = {"due_from": now, "due_after": now + PUSH_PAUSE, "released": RELEASED}
    return _devices_of(await conn.fetch(*_Q["tasks_online"](device_ids=devices, connection_ids=connections, **due)))


async def _follow_offline(conn: Connection, devices: Sequence[UUID]) -> frozenset[UUID]:
    return _devices_of(await conn.fetch(*_Q["tasks_offline"](device_ids=devices))) if devices else frozenset()


def _of(vendors: Mapping[UUID, str], devices: Iterable[UUID]) -> list[str]:
    return [vendors.get(device, "") for device in devices]


def _devices_of(rows: Iterable[Row]) -> frozenset[UUID]:
    return frozenset(plain(row["device_id"]) for row in rows)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
