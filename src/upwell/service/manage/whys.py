"""Why a device is not updated, read in one snapshot of durable rows (domain/why.py, ADR 0042)."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import why
from upwell.domain.awaiting import Awaits
from upwell.domain.errors import NotFound
from upwell.domain.pace import allowance
from upwell.domain.stepping import Step, path
from upwell.domain.task import State
from upwell.domain.why_facts import Code, Facts, Filter, OfJob, Outside, Stand
from upwell.domain.why_told import NEXT, Told, fact, when
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.manage.devices import show_device
from upwell.service.manage.job_packages import require_package
from upwell.service.upgrade import granting, limits, waves
from upwell.service.upgrade.members import members_among
from upwell.service.upgrade.policies import Running, candidates_of, winners
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

SQL = sheet("why")
AHEAD_MAX = 60_001  # devices before one that are counted: more than any job offers in a minute
_STOPPED = ("COMPLETED", "CANCELED")


async def explain_device(ctx: Context, caller: Caller, cmd: c.ExplainDevice) -> c.Why:
    """Why the device is not updated. Raises NotFound (device, job, package), Missing."""
    now = ctx.now()
    try:
        device: c.Device | None = await show_device(ctx, caller, c.ShowDevice(device=cmd.device))
    except NotFound:
        if cmd.job_id is None:
            raise
        device = None
    async with ctx.database.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        if device is None:
            return await _of_stray(conn, caller, cmd, now)
        return await _explained(conn, caller, cmd, device, now)


async def _of_stray(conn: Connection, caller: Caller, cmd: c.ExplainDevice, now: datetime) -> c.Why:
    """A target that is no device: its job knows it by its name."""
    job, name = await _job(conn, caller, cmd.job_id or 0), cmd.device.public_id or ""
    device_id = await conn.fetchval(*SQL["stray"](job_id=job["job_id"], name=name))
    if device_id is None:
        raise NotFound("device", name)
    row = await _task(conn, job["job_id"], device_id, now)
    if row is None:
        raise NotFound("device", name)
    return _answered(name, job["job_id"], Facts(task=stand_of(row)), _told_of_task(job, row, now))


async def _explained(conn: Connection, caller: Caller, cmd: c.ExplainDevice, device: c.Device, now: datetime) -> c.Why:
    job_id = cmd.job_id
    if job_id is None:
        await require_package(conn, caller, cmd.package_id or 0)
        which = {"device_id": device.device_id, "package_id": cmd.package_id, "account_id": caller.account_id}
        job_id = await conn.fetchval(*SQL["job_of_package"](**which))
    if job_id is None:
        told = Told(now=now, made_at=device.created_at, filter="rollout")
        return _answered(device.public_id, None, Facts(outside=Outside(filter="rollout")), told)
    job = await _job(conn, caller, job_id)
    row = await _task(conn, job_id, device.device_id, now)
    if row is None:
        outside, told = await _outside(conn, job, device, now)
        return _answered(device.public_id, job_id, Facts(outside=outside), told)
    facts = Facts(job=await of_job(conn, job, row["ahead"]), task=stand_of(row))
    told = replace(_told_of_task(job, row, now), made_at=device.created_at)
    told = await _told_way(conn, job, told, row["destination"] if facts.task and facts.task.is_step else "")
    return _answered(device.public_id, job_id, facts, await _told_beside(conn, caller, job, device, facts, told))


async def _job(conn: Connection, caller: Caller, job_id: int) -> Row:
    job = await conn.fetchrow(*SQL["job"](job_id=job_id, account_id=caller.account_id))
    if job is None:
        raise NotFound("job", str(job_id))
    return job


async def _task(conn: Connection, job_id: int, device_id: UUID, now: datetime) -> Row | None:
    return await conn.fetchrow(*SQL["task"](job_id=job_id, device_id=device_id, now=now, most=AHEAD_MAX))


def stand_of(row: Row) -> Stand:
    """A row of `task_stand`."""
    return filled(Stand, row, state=State(row["state"]), awaiting=Awaits(row["awaiting"]))


async def of_job(conn: Connection, job: Row, ahead: int) -> OfJob:
    """What holds of all tasks of a job of `job`, for one that has so many due before it."""
    spent = (await granting.spent_by(conn, [job["job_id"]])).get(job["job_id"], 0)
    room = allowance(_per_min(job), spent, ahead + 1)
    for limit in await limits.over(conn, job["account_id"], job["product_id"]):
        if limit.maximum_per_min is not None:
            room = min(room, allowance(limit.maximum_per_min, limit.spent, ahead + 1))
    return OfJob(is_halted=job["halted_at"] is not None, has_room=room > ahead)


def _per_min(job: Row) -> int:
    """What it may offer in a minute now, as it was at its last grant where its pace grows."""
    most = int(job["maximum_per_min"])
    return most if job["per_min"] is None else min(most, job["per_min"])


# --- without a task ---


async def _outside(conn: Connection, job: Row, device: c.Device, now: datetime) -> tuple[Outside, Told]:
    fixed = job["kind"] != "dynamic"
    row = await conn.fetchrow(*SQL["outside"](
        device_id=device.device_id, until=job["started_at"] if fixed else None,
        **{name: job[name] for name in ("job_id", "module", "destination", "sources", "delta_source", "led_from")},
    ))  # fmt: skip
    assert row is not None  # noqa: S101  # it was shown a moment ago, and rows of devices stay
    filling = job["status"] == "IN_PROGRESS" and (_is_before(job, device.device_id) or row["is_missed"])
    outside = Outside(
        misfit=None if job["asks_version"] else row["misfit"],
        later=await _is_later(conn, job, device.device_id, row),
        is_unapproved=job["unapproved"] and job["status"] == "PLANNED",
        is_planned=job["status"] == "PLANNED", is_filling=filling, is_over=job["status"] in _STOPPED,
    )  # fmt: skip
    outside = replace(outside, filter=await _filter(conn, job, device.device_id, row, outside))
    told = Told(
        now=now, destination=job["destination"], made_at=device.created_at, begins_at=job["scheduled_at"],
        ends_at=job["ended_at"] or job["finish_at"], filter=outside.filter, **_seen(row),
    )  # fmt: skip
    return outside, await _told_way(conn, job, told)


async def _told_way(conn: Connection, job: Row, told: Told, stone: str = "") -> Told:
    """With the steps of a job that leads; of `stone` is the package that the device is to get next."""
    if job["led_from"] is None:
        return told
    goal = job["destination"]
    rows = await conn.fetch(*SQL["way"](job_id=job["job_id"]))
    way = {row["runs"]: Step(package_id=row["package_id"], version=row["version"]) for row in rows}
    steps = tuple(step.version for step in path(way, told.version, goal))
    return replace(told, destination=goal, steps=steps, stone=stone)


def _is_before(job: Row, device_id: UUID) -> bool:
    """Whether the filling of the job has yet to come to the device."""
    return not job["materialised"] and (job["cursor_device"] is None or device_id > UUID(int=job["cursor_device"].int))


async def _is_later(conn: Connection, job: Row, device_id: UUID, row: Row) -> bool:
    if job["kind"] != "dynamic" or row["misfit"] is not None:
        return False
    running = [Running(device_id, row["product_id"], job["module"], row["version"])]
    taken = await winners(conn, running, await candidates_of(conn, running))
    return any(other > job["job_id"] for other in taken)


async def _filter(conn: Connection, job: Row, device_id: UUID, row: Row, outside: Outside) -> Filter:
    if not (row["is_of_packages"] if job["asks_version"] else row["product_id"] == job["product_id"]):
        return "product"
    if job["group_id"] is not None:
        if device_id not in await members_among(conn, job["group_id"], [device_id]):
            return "group"
    elif (job["selection"] == "SPECIFIC" or job["asks_version"]) and not row["is_named"]:
        return "named"
    if not row["was_there"]:
        return "snapshot"
    if outside.misfit or outside.later or outside.is_planned or outside.is_filling or outside.is_over:
        return ""
    return "report" if job["kind"] == "dynamic" else "percent" if job["selection"] == "GRAY" else "snapshot"


# --- told ---


def _seen(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("version", "reported_at", "online", "online_at", "offline_at")}


def _told_of_task(job: Row, row: Row, now: datetime) -> Told:
    ended = row["state"] in _ENDED
    kept_why = job["paused_why"] or (f"paused by {job['paused_by']}" if job["paused_at"] else "")
    return Told(
        now=now, destination=row["destination"], begins_at=job["started_at"],
        ends_at=job["ended_at"] or job["finish_at"], kept_at=job["paused_at"] or job["halted_at"], kept_why=kept_why,
        wave=max(row["wave"], 0), open_wave=job["open_wave"], per_min=_per_min(job), at_once=job["at_once"],
        opens_at=row["shut_opens_at"] if row["shut_by"] else job["opens_at"], shut_by=row["shut_by"] or "",
        ahead=row["ahead"],
        aside_since=row["aside_since"], aside_until=row["aside_until"], aside_failures=row["aside_failures"] or 0,
        aside_why=row["aside_why"] or "",
        due_at=row["due_at"], offered_at=row["offered_at"], progress=row["progress"],
        ended_at=row["halted_at"] or (row["modified_at"] if ended else None),
        ended_why=row["halt"] or (row["description"] or row["reason"] if ended else ""), **_seen(row),
    )  # fmt: skip


_ENDED = ("SUCCEEDED", "FAILED", "CANCELED")


async def _told_beside(
    conn: Connection, caller: Caller, job: Row, device: c.Device, facts: Facts, told: Told
) -> Told:  # fmt: skip
    """What only some answers tell."""
    codes = {each.code for each in why.asked(facts)}
    if Code.CREDENTIAL in codes:
        which = {"account_id": caller.account_id, "product_key": device.product_key, "name": device.name}
        row = await conn.fetchrow(*SQL["refused"](**which))
        told = told if row is None else replace(told, refused_at=row["at"], refused_why=row["reason"])
    if Code.QUEUED_BEHIND in codes:
        beside = await conn.fetchval(*SQL["beside"](device_id=device.device_id, job_id=job["job_id"]))
        told = told if beside is None else replace(told, beside=f"rollout {beside:016x}")
    if Code.RATE_LIMITED in codes:
        over = await limits.over(conn, job["account_id"], job["product_id"])
        full = next((limit for limit in over if limit.is_spent or limit.is_full), None)
        told = told if full is None else replace(told, limit=full.words(told.now), free_at=full.free_at)
    if Code.WAVE_WAITING in codes:
        row = await conn.fetchrow(*waves.SQL["show_rollout"](job_id=job["job_id"]))
        opens = "" if row is None else await waves.outlook(conn, row, told.now, is_paused=row["paused_at"] is not None)
        told = replace(told, opens=opens)
    return told


def _answered(device: str, job_id: int | None, facts: Facts, told: Told) -> c.Why:
    code = why.answer(facts)
    checks = []
    for each in why.asked(facts):
        text, at = fact(each, told)
        checks.append(
            c.WhyCheck(name=each.check.name, question=each.check.question, code=each.code, fact=text, at=at)
        )  # fmt: skip
    return c.Why(
        steps=told.steps,
        device=device, job_id=job_id, code=code, does=NEXT[code], at=when(code, told), checks=tuple(checks),
        asked_at=told.now,
    )  # fmt: skip
