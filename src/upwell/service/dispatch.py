"""Offers, from due to sent: budget first, then claim, send and record.

A grant is committed before anything is sent, so a crash can only lose budget, never exceed it (L4). Offers leave
while their tasks are locked: a cancel waits for them, and after it has returned none is sent (L5).
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from upwell.domain.pace import SEND_WITHIN_S, WINDOW_S, allowance
from upwell.domain.talk import Offer, OfferedFile, TaskRef
from upwell.service.context import Context
from upwell.service.tasks import SQL
from upwell.storage.database import Connection, Row

PUT_OFF_S = 1  # a connection that took no offer is tried again this much later


@dataclass(frozen=True, slots=True)
class Addressed:
    """An offer and the device it is for. `secret` is the device's, for what a vendor signs for it alone."""

    product_key: str
    device_name: str
    offer: Offer
    secret: str = field(repr=False)


Link = Callable[[TaskRef, int], str]  # by the place of a file in its package: the URL that opens it
Send = Callable[[Addressed], UUID | None]  # the connection that took it, or None; must not wait


async def due(ctx: Context, node_id: UUID, at_most: int) -> list[TaskRef]:
    """Tasks that this gateway may push now, oldest first."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(SQL["due_of_node"], node_id, ctx.now(), at_most)
    return [_ref(r) for r in rows]


async def asked_for(ctx: Context, device_ids: Sequence[UUID]) -> dict[UUID, list[tuple[TaskRef, str]]]:
    """For each device that asks: the tasks it may be told of, with their modules."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(SQL["asked_for"], list(device_ids), ctx.now())
    found: dict[UUID, list[tuple[TaskRef, str]]] = {}
    for row in rows:
        found.setdefault(_ref(row).device_id, []).append((_ref(row), row["module"]))
    return found


async def offer(
    ctx: Context,
    tasks: Sequence[TaskRef],
    link: Link,
    send: Send,
    due_by: datetime | None = None,
) -> set[TaskRef]:
    """Offer what the budgets allow of these tasks; returns those that were sent. With `due_by`, a task that is no
    longer due then, since another offer of it went out meanwhile, is passed over."""
    if not tasks:
        return set()
    started = time.monotonic()
    allowed = await _reserve(ctx, tasks)
    if not allowed:
        return set()
    async with ctx.database.connection() as conn, conn.transaction():
        rows = await conn.fetch(SQL["claim"], *_columns(allowed), due_by)
        taken: dict[TaskRef, UUID] = {}
        refused: list[TaskRef] = []
        for row in rows:
            in_time = time.monotonic() - started < SEND_WITHIN_S
            connection = send(_addressed(row, link)) if in_time else None
            if connection is None:
                refused.append(_ref(row))
            else:
                taken[_ref(row)] = connection
        await _record(ctx, conn, taken, refused)
    return set(taken)


async def _reserve(ctx: Context, tasks: Sequence[TaskRef]) -> list[TaskRef]:
    wanted = Counter(t.job_id for t in tasks)

    async def body(conn: Connection) -> dict[int, int]:
        limits = await conn.fetch(SQL["lock_budgets"], list(wanted))
        spent = {r["job_id"]: r["offers"] for r in await conn.fetch(SQL["granted_in_window"], list(wanted), WINDOW_S)}
        granted = {
            r["job_id"]: allowance(r["maximum_per_min"], spent.get(r["job_id"], 0), wanted[r["job_id"]]) for r in limits
        }
        granted = {job: n for job, n in granted.items() if n}
        if granted:
            await conn.execute(SQL["grant"], list(granted), list(granted.values()))
        return granted

    left = await ctx.database.transact(body)
    allowed = []
    for task in tasks:
        if left.get(task.job_id, 0) > 0:
            left[task.job_id] -= 1
            allowed.append(task)
    return allowed


async def _record(ctx: Context, conn: Connection, taken: dict[TaskRef, UUID], refused: list[TaskRef]) -> None:
    now = ctx.now()
    if taken:
        await conn.execute(SQL["record_offers"], now, *_columns(list(taken)), list(taken.values()))
    if refused:
        await conn.execute(SQL["put_off"], now + timedelta(seconds=PUT_OFF_S), *_columns(refused))


async def forget_grants(ctx: Context) -> None:
    """Drop grants that no window can count any more."""
    async with ctx.database.connection() as conn:
        await conn.execute(SQL["forget_grants"], 2 * WINDOW_S)


def _ref(row: Row) -> TaskRef:
    return TaskRef(device_id=UUID(int=row["device_id"].int), job_id=row["job_id"], nth=row["nth"])


def _columns(tasks: Sequence[TaskRef]) -> tuple[list[UUID], list[int], list[int]]:
    return [t.device_id for t in tasks], [t.job_id for t in tasks], [t.nth for t in tasks]


def _addressed(row: Row, link: Link) -> Addressed:
    ref, files = _ref(row), json.loads(row["files"])
    offered = Offer(
        task=ref,
        module=row["module"],
        version=row["version"],
        size=row["size"],
        md5="" if files else row["md5"],
        sha256="" if files else row["sha256"],
        url="" if files else link(ref, 0),
        is_delta=row["is_delta"],
        udi=row["udi"],
        tags=tuple((k, v) for k, v in json.loads(row["tags"])),
        files=tuple(
            OfferedFile(name=f["name"], url=link(ref, place), size=f["size"], md5=f["md5"], sha256=f["sha256"])
            for place, f in enumerate(files)
        ),
        protocol=row["protocol"],
        sign_method=row["sign_method"],
    )
    return Addressed(row["product_key"], row["name"], offered, row["secret"])
