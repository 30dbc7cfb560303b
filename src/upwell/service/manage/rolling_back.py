"""Jobs undone by their owner: what it means is counted and told before anything is made (ADR 0046).

A job is made for each version that devices can be brought back to, for those that run now what they were brought to,
and as carefully as the undone job was.
"""

from collections.abc import Sequence
from dataclasses import replace

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.domain.rollback import Candidate, Hindrance, way_back
from upwell.domain.task import OPEN
from upwell.service.context import Context
from upwell.service.manage import job_views
from upwell.service.manage.access import Caller, require
from upwell.service.manage.jobs import end_policy_of, locked_job, make_back
from upwell.service.upgrade import rollbacks, waves
from upwell.service.upgrade.counters import totals
from upwell.storage.database import Connection, Row

SQL = rollbacks.SQL
CHUNKS_OF_SMALL = 2  # in which a small job is counted before the call is answered
PARTS_AT_ONCE = 50  # jobs that one rollback makes


async def plan_rollback(ctx: Context, caller: Caller, cmd: c.PlanRollback) -> c.Rollback:
    """Count what undoing a job means, anew. Raises NotFound, Conflict rollback_is_started, tasks_forgotten."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Rollback:
        job = await locked_job(conn, caller, cmd.job_id)
        if job["forgotten_to"] is not None:
            raise Conflict("tasks_forgotten", "Tasks of the job are no longer kept.")
        if not await rollbacks.begin(conn, cmd.job_id, caller.key_id, ctx.now()):
            raise Conflict("rollback_is_started", "The job is rolled back already.")
        for _ in range(CHUNKS_OF_SMALL):
            if not (await rollbacks.count_some(conn, cmd.job_id, ctx.now())).more:
                break
        return await _shown(conn, caller, cmd.job_id)

    return await ctx.database.transact(body)


async def show_rollback(ctx: Context, caller: Caller, cmd: c.ShowRollback) -> c.Rollback:
    """What undoing a job means, as it was counted last. Raises NotFound (job, rollback)."""
    async with ctx.database.connection() as conn:
        await job_views.one(conn, caller, cmd.job_id, asking=False)
        return await _shown(conn, caller, cmd.job_id)


async def start_rollback(ctx: Context, caller: Caller, cmd: c.StartRollback) -> c.Rollback:
    """Bring the devices back that can be, if they are as many as the caller means. Raises NotFound (job, rollback),
    Conflict rollback_not_counted, rollback_is_started, job_is_running, nothing_to_roll_back, too_many_versions,
    devices_differ, package_has_running_job, and what making a job raises."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Rollback:
        job = await locked_job(conn, caller, cmd.job_id)
        row = await conn.fetchrow(*SQL["lock"](job_id=cmd.job_id))
        if row is None:
            raise NotFound("rollback", str(cmd.job_id))
        _require_ready(job, row)
        await _require_rest(conn, job)
        parts = await _parts(conn, cmd.job_id)
        _require_meant(cmd, [part for part, _ in parts])
        if job["kind"] == "dynamic" and job["status"] == "IN_PROGRESS":
            await end_policy_of(ctx, conn, job)
        if await conn.fetchval(*SQL["has_rule"](job_id=cmd.job_id)):
            raise Conflict("package_has_running_job", "A dynamic job of the package would bring them to it again.")
        undone = await job_views.one(conn, caller, cmd.job_id, asking=False)
        made = [await _make(ctx, conn, caller, undone, part, counted) for part, counted in parts]
        now = ctx.now()
        await conn.execute(*SQL["started"](job_id=cmd.job_id, now=now))
        told = {"devices": cmd.devices, "rollouts": sum(part.back_job is not None for part in made)}
        await waves.decide(
            conn, cmd.job_id, now, "rolled back", caller.key_id, wave=None, reason=cmd.reason, numbers=told
        )
        return replace(_view(row, made), started_at=now)

    return await ctx.database.transact(body)


async def _shown(conn: Connection, caller: Caller, job_id: int) -> c.Rollback:
    row = await conn.fetchrow(*SQL["show"](job_id=job_id, account_id=caller.account_id))
    if row is None:
        raise NotFound("rollback", str(job_id))
    return _view(row, [part for part, _ in await _parts(conn, job_id)])


def _require_ready(job: Row, row: Row) -> None:
    if row["started_at"] is not None:
        raise Conflict("rollback_is_started", "The job is rolled back already.")
    if row["counted_at"] is None:
        raise Conflict("rollback_not_counted", "Its devices are still counted.")
    if job["forgotten_to"] is not None:
        raise Conflict("tasks_forgotten", "Tasks of the job are no longer kept.")


async def _require_rest(conn: Connection, job: Row) -> None:
    """It offers nothing more: it has ended or is paused, none of its tasks is open, or it is a rule, which ends now."""
    if job["kind"] == "dynamic" or job["paused_at"] is not None or job["status"] not in ("PLANNED", "IN_PROGRESS"):
        return
    counts = (await totals(conn, [job["job_id"]]))[job["job_id"]]
    if not job["materialised"] or any(counts.get(state) for state in OPEN):
        raise Conflict("job_is_running", "The job still brings devices to its package.")


def _require_meant(cmd: c.StartRollback, parts: Sequence[c.RollbackPart]) -> None:
    """It touches no more devices than the caller means, nor fewer."""
    possible = [part for part in parts if part.back_id is not None]
    if not possible:
        raise Conflict("nothing_to_roll_back", "No device of the job can be brought back.")
    if len(possible) > PARTS_AT_ONCE:
        text = f"Devices came from {len(possible)} versions; at most {PARTS_AT_ONCE} are brought back at once."
        raise Conflict("too_many_versions", text)
    devices = sum(part.devices for part in possible)
    if cmd.devices != devices:
        raise Conflict("devices_differ", f"{devices} devices would be brought back, not {cmd.devices}.")


async def _make(
    ctx: Context, conn: Connection, caller: Caller, undone: c.Job, part: c.RollbackPart, counted: Row
) -> c.RollbackPart:
    if part.back_id is None:
        return part
    manner = replace(undone.manner, scheduled_at=None, finish_at=None, need_confirm=bool(undone.manner.need_confirm))
    wanted = c.CreateJob(
        kind="static",
        package_ids=(part.back_id,),
        product_key=counted["product_key"],
        source_versions=(part.version,),
        manner=manner,
        care=undone.care,
    )
    job_id = await make_back(ctx, conn, caller, wanted, undone.job_id)
    which = {"package_id": counted["package_id"], "module": part.module, "source_version": part.source_version}
    await conn.execute(*SQL["made_back"](job_id=undone.job_id, back_job=job_id, **which))
    return replace(part, back_job=job_id)


async def _parts(conn: Connection, job_id: int) -> list[tuple[c.RollbackPart, Row]]:
    """What was counted, and which package brings it back now, if any does."""
    rows = await conn.fetch(*SQL["parts"](job_id=job_id))
    wanted = [(row["package_id"], row["source_version"]) for row in rows]
    which = {"package_ids": [package for package, _ in wanted], "versions": [version for _, version in wanted]}
    found: dict[tuple[int, str], list[Candidate]] = {}
    for each in await conn.fetch(*SQL["candidates"](**which)):
        facts = {name: each[name] for name in ("package_id", "is_there", "is_judged")}
        candidate = Candidate(**facts, follows=tuple(each["follows"]))
        found.setdefault((each["of_package"], each["version"]), []).append(candidate)
    return [(_part(row, found.get((row["package_id"], row["source_version"]), [])), row) for row in rows]


def _part(row: Row, candidates: Sequence[Candidate]) -> c.RollbackPart:
    way = way_back(row["source_version"], row["version"], candidates)
    shown = {name: row[name] for name in ("module", "version", "source_version", "devices", "back_job")}
    if isinstance(way, Hindrance):
        return c.RollbackPart(**shown, hindrance=way)
    return c.RollbackPart(**shown, back_id=way)


def _view(row: Row, parts: Sequence[c.RollbackPart]) -> c.Rollback:
    shown = {name: row[name] for name in ("job_id", "asked_by", "asked_at", "started_at")}
    devices = sum(part.devices for part in parts if part.back_id is not None)
    return c.Rollback(**shown, is_counted=row["counted_at"] is not None, devices=devices, parts=tuple(parts))
