"""What follows a guard's finding: the job is paused or cancelled, and that is written down; and devices that tell
nothing have a verdict in time (ADR 0039).

No offer of a halted job leaves from the commit of the failure that halted it on (`guards`); what is done here may come
some moments later, by whichever process has its turn.
"""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from upwell.domain.events import Kind
from upwell.domain.outcomes import Outcome
from upwell.domain.talk import TaskRef
from upwell.domain.task import OPEN, State
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import acts, counters, events, guards, setbacks, waves
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.service.upgrade.following import follow_at_once
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection

log = logging.getLogger(__name__)
SQL = guards.SQL
GUARD = "guard"  # who pauses and cancels
JOBS_MAX = 500  # in one turn
SILENT_AT_ONCE = 500  # offers of one job whose time is over, in one transaction
NOT_BEGUN = frozenset({State.CONFIRM, State.QUEUED, State.NOTIFIED})  # what a halt that cancels ends


async def tripped(ctx: Context) -> list[Waiting]:
    """Jobs that their guards have halted and that are not paused or cancelled for it yet."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["tripped"](at_most=JOBS_MAX))
    return [Waiting(row["job_id"], True) for row in rows]


async def halt_one(ctx: Context, job_id: int) -> Chunk:
    """One of them is."""

    async def body(conn: Connection) -> bool:
        if await conn.fetchrow(*waves.SQL["lock_job"](job_id=job_id)) is None:
            return False
        return await settle(ctx, conn, job_id)

    done = await ctx.upkeep.transact(body)
    await follow_at_once(ctx, [job_id])
    return Chunk(more=False, moved=done)


async def settle(ctx: Context, conn: Connection, job_id: int) -> bool:
    """The same of a job whose row the caller has; False where there is nothing to do."""
    await acts.alone(conn, job_id)
    row = await conn.fetchrow(*SQL["untold"](job_id=job_id))
    if row is None:
        return False
    now, halt, watch = ctx.now(), json.loads(row["halt"]), guards.watch_of(row["guard"])
    why = halt.pop("text")
    await acts.pause(conn, job_id, row["halted_at"], GUARD, why, over=True)
    if watch.action == "cancel":
        count = await acts.halt(conn, job_id, NOT_BEGUN, now, reason="guard", description=why, asked_by=GUARD)
    told: dict[str, Any] = {"wave": row["open_wave"] or None, "reason": why, "numbers": halt | {"action": watch.action}}
    await waves.decide(conn, job_id, now, "halted", GUARD, result="halt", **told)
    if watch.action == "cancel":
        await events.tell_job(conn, job_id, Kind.ROLLOUT_CANCELED, now, tasks=count, reason="guard", by=GUARD)
    await conn.execute(*SQL["told"](job_id=job_id))
    tell(log, "job halted by its guard", job=job_id, action=watch.action, why=why)
    return True


async def unheard(ctx: Context) -> list[Waiting]:
    """Jobs of whose offers some have had their time for a verdict."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["jobs_unheard"](now=ctx.now(), at_most=SILENT_AT_ONCE))
    return [Waiting(row["job_id"], False) for row in rows]


async def silence_one(ctx: Context, job_id: int) -> Chunk:
    """Some of them have a verdict: silent where the task is open still, which changes nothing of its state. Tasks that
    others have are passed by and come back to. They are locked before the budget, as by who reports."""

    async def body(conn: Connection) -> int:
        if await acts.share(conn, [job_id]):
            return 0
        now = ctx.now()
        rows = await conn.fetch(*SQL["unheard"](job_id=job_id, now=now, at_most=SILENT_AT_ONCE))
        stand = {plain(row["device_id"]): row["state"] for row in rows}
        silent = await _fall_silent(conn, job_id, [device for device, state in stand.items() if state in OPEN])
        over = {device: "removed" if state is None else state.lower() for device, state in stand.items()}
        verdicts = {device: over[device] for device, state in stand.items() if state not in OPEN}
        verdicts |= dict.fromkeys(silent, Outcome.SILENT)
        await setbacks.silent(conn, job_id, silent, now)
        held = await guards.hold(conn, [job_id])
        told = {TaskRef(device_id=device, job_id=job_id): verdict for device, verdict in verdicts.items()}
        await guards.judge(conn, told, held, now)
        return len(verdicts)

    count = await ctx.upkeep.transact(body)
    return Chunk(more=count == SILENT_AT_ONCE, moved=count > 0)


async def _fall_silent(conn: Connection, job_id: int, devices: Sequence[UUID]) -> list[UUID]:
    """Those of these devices whose tasks nobody else has, which are counted as silent from now on."""
    rows = await conn.fetch(*SQL["fall_silent"](job_id=job_id, device_ids=devices)) if devices else []
    places = [counters.place_in(row) for row in rows]
    moves = Counter(places)
    moves.subtract(place._replace(outcome="") for place in places)
    await counters.move(conn, moves)
    return [plain(row["device_id"]) for row in rows]
