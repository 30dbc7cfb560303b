"""Jobs asked for: made, changed, deleted, and policies ended.

A job's row is all that its creator waits for; the engine fills it with tasks. Its packages are locked while it is made,
so that their status and their deletion wait. A dynamic job's policy lives exactly as long as the job runs. One that
asks for versions is a job as any, which other tongues see as a static one.
"""

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import asyncpg

from upwell.domain import commands as c
from upwell.domain.approval import is_wanted
from upwell.domain.editions import edition
from upwell.domain.errors import Conflict, Invalid, NotFound
from upwell.domain.events import Kind
from upwell.domain.fleet import device_id
from upwell.domain.hours import Hours
from upwell.domain.pace import changed
from upwell.domain.standings import ENDED, Progress
from upwell.service.context import Context
from upwell.service.manage import device_lists, job_care, job_looks, job_packages, job_policies, job_views, stepping
from upwell.service.manage.access import Caller, require
from upwell.service.manage.device_keys import find_public
from upwell.service.manage.held import fill_before
from upwell.service.upgrade import approvals, events, hours, news, pacing, quotas, waves
from upwell.service.upgrade.endings import end_job, set_package_status
from upwell.service.upgrade.fill import fill_chunk, look_again
from upwell.service.upgrade.spans import add_targets
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import progress_of
from upwell.storage.queries import sheet

SQL = sheet("jobs")
POLICIES = sheet("policies")
SMALL = 200  # targets; a job this small has its tasks when its creation is answered


# --- made ---


async def create_job(ctx: Context, caller: Caller, cmd: c.CreateJob) -> c.Job:
    """Bring devices to a package. Raises NotFound (package, product, space, group, device, file), Conflict, Invalid
    (scheduled_at, finish_at, device_list_url). A verify job makes its package `verifying` (alibaba 7.1)."""
    require(caller, "operator")
    job_looks.check(cmd, ctx.now())
    make = _make_asking if cmd.asks_version else _MAKE[cmd.kind]

    async def body(conn: Connection) -> c.Job:
        job_id = await make(ctx, conn, caller, cmd)
        return await job_views.one(conn, caller, job_id, asking=cmd.asks_version)

    began = ctx.now()
    try:
        job = await ctx.database.transact(body)
    except asyncpg.UniqueViolationError as exc:
        raise no_second(exc) from exc
    await look_again(ctx, job.job_id, began)
    if len(cmd.device_names) in range(1, SMALL + 1):
        await fill_before(ctx, job.job_id, all_of_it=False)  # those of its devices that others held
    return job


def no_second(exc: asyncpg.UniqueViolationError) -> Exception:
    """What it means that a job can't run beside another."""
    if exc.constraint_name != "job_one_dynamic":
        return exc
    return Conflict("dynamic_job_is_running", "The package has a dynamic job that is running.")


async def _make_verify(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreateJob) -> int:
    looked = await job_looks.look_verify(conn, caller, cmd)
    job_id = await _add(ctx, conn, caller, cmd, looked.product_id, looked=looked)
    await add_targets(conn, job_id, looked.targets)
    await set_package_status(conn, looked.package["package_id"], "verifying", ctx.now())
    await fill_chunk(ctx, conn, job_id)
    return job_id


async def _make_static(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreateJob) -> int:
    looked = await job_looks.look_static(conn, caller, cmd)
    job_id = await _add(ctx, conn, caller, cmd, looked.product_id, looked=looked)
    await add_targets(conn, job_id, looked.targets)
    if cmd.device_list_url is not None:
        await device_lists.add_listed(ctx, conn, caller, cmd, job_id, looked.product_id)
    if cmd.manner.scheduled_at is None and len(looked.targets) in range(1, SMALL + 1):
        await fill_chunk(ctx, conn, job_id)
    return job_id


async def _make_dynamic(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreateJob) -> int:
    looked = await job_looks.look_dynamic(conn, caller, cmd)
    package, product_id = looked.package, looked.product_id
    await conn.execute(*POLICIES["change_policies"](product_id=product_id))
    job_id = await _add(ctx, conn, caller, cmd, product_id, looked=looked)
    if await conn.fetchval(*SQL["has_begun"](job_id=job_id)):
        sources = job_policies.sources_of(package, cmd.source_versions, stepping.led_from(looked.way))
        await job_policies.add(conn, job_id, product_id, package, sources, _group_of(cmd))
    return job_id


async def _make_asking(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreateJob) -> int:
    """huawei 3.2: each target for itself; the packages are chosen from by what a device answers."""
    packages = await job_packages.packages_of_part(conn, caller, cmd)
    await job_looks.require_groups(conn, caller, cmd.group_ids, None)
    job_id = await _add(ctx, conn, caller, cmd, packages[0]["product_id"])
    await conn.execute(*SQL["add_choices"](job_id=job_id, package_ids=cmd.package_ids))
    await _add_public(conn, caller, cmd, job_id)
    if not await conn.fetchval(*SQL["has_begun"](job_id=job_id)):
        await news.note_status(conn, job_id, ctx.now(), Progress.WAITING, cmd.part)
    return job_id


async def make_back(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreateJob, undoes: int) -> int:
    """A static job for the devices that another one succeeded on. Raises as making any does."""
    package, product_id = await job_packages.package_of_product(conn, caller, cmd)
    job_packages.require_offerable(package, cmd.source_versions)
    return await _add(ctx, conn, caller, cmd, product_id, undoes)


_MAKE = {"verify": _make_verify, "static": _make_static, "dynamic": _make_dynamic}


async def _add_public(conn: Connection, caller: Caller, cmd: c.CreateJob, job_id: int) -> None:
    found = await find_public(conn, caller, cmd.targets)
    await add_targets(conn, job_id, list(found.values()))
    strays = [name for name in cmd.targets if name not in found]
    ids = [device_id(f"stray {job_id}", name) for name in strays]
    await conn.execute(*SQL["add_strays"](job_id=job_id, device_ids=ids, names=strays))


async def _add(
    ctx: Context,
    conn: Connection,
    caller: Caller,
    cmd: c.CreateJob,
    product_id: int,
    undoes: int | None = None,
    looked: job_looks.Looked | None = None,
) -> int:
    job_id, asks = ctx.new_id(), cmd.asks_version
    way = None if looked is None else looked.way
    care = await job_care.care_for(conn, cmd, product_id)
    awaits = is_wanted(care.approval, await job_care.reach(conn, cmd, product_id)) if care is not None else False
    facts: dict[str, Any] = asdict(cmd.manner) | {
        "job_id": job_id,
        "account_id": caller.account_id,
        "product_id": product_id,
        "package_id": cmd.package_ids[0],
        "status": "IN_PROGRESS" if cmd.manner.scheduled_at is None and not awaits else "PLANNED",
        "unapproved": awaits,
        "gray_percent": Decimal(cmd.gray_percent) if cmd.gray_percent else None,
        "need_confirm": bool(cmd.manner.need_confirm),
        "tags": json.dumps(cmd.tags),
        "group_id": None if asks else _group_of(cmd),
        "group_ids": cmd.group_ids if asks else (),
        "listed": cmd.device_list_url is not None,
        "materialised": cmd.dynamic_mode == 2,
        "ext_info": None if cmd.ext_info is None else json.dumps(dict(cmd.ext_info)),
        "facts": json.dumps(dict(cmd.facts)),
        "now": await ctx.moment(conn),  # which of the devices there are it is for
        "open_wave": job_care.begins(care),
        "undoes": undoes,
        "made_by": caller.key_id,
        "led_from": stepping.led_from(way),
    }
    facts |= {name: getattr(cmd, name) for name in _AS_GIVEN}
    await conn.execute(*SQL["add_job"](**facts))
    await quotas.check(conn, caller.account_id, "running_jobs")
    await stepping.keep(conn, job_id, way)
    if care is not None and job_care.begins(care):
        salt = "" if care.same_first else str(job_id)
        await waves.add(conn, job_id, care.preset or care.waves, salt, care.guard)
    if care is not None and care.pace is not None:
        await pacing.give(conn, job_id, care.pace, cmd.manner.maximum_per_min)
    if care is not None and care.hours is not None:
        await hours.give(conn, job_id, care.hours, facts["now"])
    if awaits:
        await approvals.ask(conn, job_id, caller.key_id, facts["now"])
    if facts["status"] == "IN_PROGRESS":
        more = {"ran_before": looked.ran_before} if looked and looked.ran_before else {}
        await events.tell_job(conn, job_id, Kind.ROLLOUT_STARTED, facts["now"], **more)
    return job_id


_AS_GIVEN = ("kind", "selection", "source_versions", "dynamic_mode", "asks_version", "name", "part", "by_gateway",
             "targets")  # fmt: skip


def _group_of(cmd: c.CreateJob) -> int | None:
    return cmd.group_ids[0] if cmd.group_ids else None


# --- changed ---


async def update_job(ctx: Context, caller: Caller, cmd: c.UpdateJob) -> c.Job:
    """Change a job that has not ended. Raises NotFound, Conflict job_ended, job_kind_mismatch, job_selection_mismatch,
    source_version_not_the_deltas, too_many_at_work; Invalid for what only dynamic jobs have."""

    async def body(conn: Connection) -> c.Job:
        job = await locked_job(conn, caller, cmd.job_id)
        _check_update(job, cmd)
        asked = await approvals.asked(conn, cmd.job_id)
        is_compared = asked is not None or cmd.pace is not None
        before = await job_views.one(conn, caller, cmd.job_id, asking=False) if is_compared else None
        tags = None if cmd.tags is None else json.dumps(cmd.tags)
        given = {"maximum_per_min": cmd.maximum_per_min, "tags": tags, "timeout_min": cmd.timeout_min}
        versions = cmd.source_versions
        await conn.execute(*SQL["update_job"](job_id=cmd.job_id, source_versions=versions, now=ctx.now(), **given))
        if versions is not None and versions != tuple(job["source_versions"]):
            await conn.execute(*POLICIES["change_policies"](product_id=job["product_id"]))
            await conn.execute(*POLICIES["drop_policy"](job_id=cmd.job_id))
            if job["status"] == "IN_PROGRESS":
                sources = job_policies.sources_of(job, versions, job["led_from"])
                await job_policies.add(conn, cmd.job_id, job["product_id"], job, sources, job["group_id"])
            if job["dynamic_mode"] == 1:
                await conn.execute(*SQL["refill_job"](job_id=cmd.job_id))
        if cmd.hours is not None:
            await _set_hours(ctx, conn, cmd.job_id, cmd.hours)
        if cmd.pace is not None:
            most = job["maximum_per_min"] if cmd.maximum_per_min is None else cmd.maximum_per_min
            pace = changed(None if before is None or before.pace is None else before.pace.pace, cmd.pace)
            await pacing.change(conn, cmd.job_id, pace, most)
        after = await job_views.one(conn, caller, cmd.job_id, asking=False)
        if asked is None or edition(before) == edition(after):
            return after
        await approvals.ask_anew(conn, cmd.job_id, asked, caller.key_id, ctx.now())
        return await job_views.one(conn, caller, cmd.job_id, asking=False)

    return await ctx.database.transact(body)


async def _set_hours(ctx: Context, conn: Connection, job_id: int, given: Hours) -> None:
    if given.spans:
        await hours.give(conn, job_id, given, ctx.now())
    else:
        await hours.drop(conn, job_id, ctx.now())


def _check_update(job: Row, cmd: c.UpdateJob) -> None:
    if job["status"] not in ("PLANNED", "IN_PROGRESS"):
        raise Conflict("job_ended", f"The job is {job['status']}.")
    if cmd.kind not in (None, "dynamic" if job["kind"] == "dynamic" else "static"):
        raise Conflict("job_kind_mismatch", f"The job is not {cmd.kind}.")
    if cmd.selection not in (None, job["selection"]):
        raise Conflict("job_selection_mismatch", f"The job's devices are selected by {job['selection']}.")
    if job["kind"] != "dynamic":
        for field in ("timeout_min", "source_versions"):
            if getattr(cmd, field) is not None:
                raise Invalid(field, "only of a dynamic job", "the job is static")
    if job["group_id"] is not None and cmd.source_versions:
        raise Invalid("source_versions", "not of a job of a group", "the job has a group")
    if cmd.source_versions is not None:
        job_packages.require_deltas(job, cmd.source_versions, leads=job["led_from"] is not None)


async def end_policy(ctx: Context, caller: Caller, cmd: c.EndPolicy) -> c.Done:
    """End a dynamic job: it makes no more tasks when this returns, those it made live on (alibaba 2.5, 7.5).
    Raises NotFound, Conflict job_not_dynamic, job_ended."""

    async def body(conn: Connection) -> c.Done:
        job = await locked_job(conn, caller, cmd.job_id)
        if job["kind"] != "dynamic":
            raise Conflict("job_not_dynamic", "The job is not dynamic and has no policy.")
        if job["status"] not in ("PLANNED", "IN_PROGRESS"):
            raise Conflict("job_ended", f"The job is {job['status']}.")
        await end_policy_of(ctx, conn, job)
        return c.Done()

    return await ctx.database.transact(body)


async def end_policy_of(ctx: Context, conn: Connection, job: Row) -> None:
    """A locked dynamic job that has not ended makes no more tasks."""
    await job_policies.drop(conn, job)
    await end_job(conn, job["job_id"], "CANCELED", ctx.now())


async def delete_job(ctx: Context, caller: Caller, cmd: c.DeleteJob) -> c.Done:
    """Forget a job that asks and has ended. Raises NotFound, Conflict job_state."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        if progress_of(await locked_job(conn, caller, cmd.job_id, asking=True)) not in ENDED:
            raise Conflict("job_state", "The batch has not ended; stop it first.")
        await conn.execute(*SQL["delete_job"](job_id=cmd.job_id, now=ctx.now()))
        return c.Done()

    return await ctx.database.transact(body)


async def locked_job(conn: Connection, caller: Caller, job_id: int, *, asking: bool = False) -> Row:
    """The job, locked. Raises NotFound."""
    job = await conn.fetchrow(*SQL["lock_job"](job_id=job_id, account_id=caller.account_id, asking=asking))
    if job is None:
        raise NotFound("job", str(job_id))
    return job
