"""Jobs asked for: made, changed, and standing rules ended.

A job's row is all that its creator waits for; `making` fills it with tasks. Its package is locked while it is made, so
that the package's status and its deletion wait. A dynamic job's policy lives exactly as long as the job runs.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Invalid, NotFound
from upwell.domain.verification import require_unverified, require_verified
from upwell.service.context import Context
from upwell.service.manage import device_lists
from upwell.service.manage.access import Caller
from upwell.service.upgrade.endings import end_job, set_package_status
from upwell.service.upgrade.fill import fill_chunk
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("jobs")
POLICIES = sheet("policies")
SMALL = 200  # targets; a job this small has its tasks when its creation is answered
MQTT_SIZE_MAX = 16 * 1024 * 1024  # bytes of a file that is downloaded over MQTT (alibaba 2.1)

AnyJob = c.CreateVerifyJob | c.CreateStaticJob | c.CreateDynamicJob


# --- made ---


async def create_verify_job(ctx: Context, caller: Caller, cmd: c.CreateVerifyJob) -> c.JobCreated:
    """Try a package on named devices; the package is `verifying` from now (alibaba 7.1). Raises NotFound, Conflict."""

    async def body(conn: Connection) -> c.JobCreated:
        package, product_id = await _package(conn, caller, cmd)
        await _refuse_verified(conn, package)
        refuse_lost_object(package)
        targets = await _devices(conn, product_id, cmd.device_names)
        created = await _add(ctx, conn, caller, product_id, cmd, kind="verify", selection="SPECIFIC")
        await conn.execute(SQL["add_targets"], created.job_id, targets)
        await set_package_status(conn, cmd.package_id, "verifying", created.created_at)
        await fill_chunk(ctx, conn, created.job_id)
        return created

    return await ctx.database.transact(body)


async def _refuse_verified(conn: Connection, package: Row) -> None:
    on_devices = package["status"] == "verifying" and await conn.fetchval(
        SQL["verified_by_tasks"], package["package_id"]
    )
    require_unverified(package["status"], on_devices=bool(on_devices))


async def create_static_job(ctx: Context, caller: Caller, cmd: c.CreateStaticJob) -> c.JobCreated:
    """Bring the selected devices to a verified package, now or at its time. Raises NotFound, Conflict, Invalid."""
    _check_window(cmd, ctx.now())

    async def body(conn: Connection) -> c.JobCreated:
        package, product_id = await _package(conn, caller, cmd)
        _require_verified(package, cmd.source_versions)
        await _require_group(conn, caller, cmd.group_id, "static")
        targets = await _devices(conn, product_id, cmd.device_names)
        status = "PLANNED" if cmd.scheduled_at else "IN_PROGRESS"
        created = await _add(ctx, conn, caller, product_id, cmd, kind="static", selection=cmd.selection, status=status)
        await conn.execute(SQL["add_targets"], created.job_id, targets)
        if cmd.device_list_url is not None:
            await device_lists.add_listed(ctx, conn, caller, cmd, created.job_id, product_id)
        if status == "IN_PROGRESS" and len(targets) in range(1, SMALL + 1):
            await fill_chunk(ctx, conn, created.job_id)
        return created

    return await ctx.database.transact(body)


def _check_window(cmd: c.CreateStaticJob, now: datetime) -> None:
    start, finish = cmd.scheduled_at, cmd.finish_at
    if start is not None:
        least, most = (now + timedelta(seconds=s) for s in cmd.lead_s)
        if not least <= start <= most:
            rule = f"from {least:%Y-%m-%dT%H:%M:%SZ} to {most:%Y-%m-%dT%H:%M:%SZ}"
            raise Invalid("scheduled_at", rule, f"it is {start:%Y-%m-%dT%H:%M:%SZ}")
    if finish is not None and start is None:
        raise Invalid("finish_at", "only with a time to start")


async def create_dynamic_job(ctx: Context, caller: Caller, cmd: c.CreateDynamicJob) -> c.JobCreated:
    """A standing rule over a product's devices. Raises NotFound, Conflict (dynamic_job_is_running and others)."""

    async def body(conn: Connection) -> c.JobCreated:
        package, product_id = await _package(conn, caller, cmd)
        _require_verified(package, cmd.source_versions)
        await _require_group(conn, caller, cmd.group_id, "dynamic")
        await _require_modes(conn, cmd)
        await conn.execute(POLICIES["change_rules"], product_id)
        created = await _add(ctx, conn, caller, product_id, cmd, kind="dynamic", selection="ALL")  # alibaba 2.1
        await _add_policy(conn, created.job_id, product_id, package, cmd.source_versions, cmd.group_id)
        return created

    try:
        return await ctx.database.transact(body)
    except asyncpg.UniqueViolationError as exc:
        if exc.constraint_name != "job_one_dynamic":
            raise
        raise Conflict("dynamic_job_is_running", "The package has a dynamic job that is running.") from exc


async def _require_modes(conn: Connection, cmd: c.CreateDynamicJob) -> None:
    """alibaba 2.4: later dynamic jobs of a group treat its devices as the running ones do."""
    if cmd.group_id is None:
        return
    for row in await conn.fetch(SQL["modes_of_group"], cmd.group_id):
        if (row["multi_module"], row["overwrite"]) != (cmd.multi_module, cmd.overwrite):
            problem = "A dynamic job of the group is running with another MultiModuleMode or OverwriteMode."
            raise Conflict("group_modes_differ", problem)


async def _add_policy(
    conn: Connection, job_id: int, product_id: int, package: Row, versions: Sequence[str], group_id: int | None
) -> None:
    rule = (product_id, package["module"], _sources(package, versions), job_id, group_id, package["version"])
    await conn.execute(POLICIES["add_policy"], *rule)


def _sources(package: Row, versions: Sequence[str]) -> list[str]:
    """The versions that the job takes: those asked for, as far as the package may follow them (L6); "" is any."""
    if package["is_delta"]:
        return [package["source_version"]]
    if not package["follows"]:
        return list(versions) or [""]
    return [version for version in package["follows"] if not versions or version in versions]


# --- changed ---


async def update_job(ctx: Context, caller: Caller, cmd: c.UpdateJob) -> c.Done:
    """Change a job that has not ended. Raises NotFound, Conflict job_ended, job_kind_mismatch, job_selection_mismatch,
    source_version_not_the_deltas; Invalid for what only dynamic jobs have."""

    async def body(conn: Connection) -> c.Done:
        job = await _locked_job(conn, caller, cmd.job_id)
        _check_update(job, cmd)
        versions = None if cmd.source_versions is None else list(cmd.source_versions)
        change = (cmd.maximum_per_min, json.dumps(cmd.tags), cmd.timeout_min, versions, ctx.now())
        await conn.execute(SQL["update_job"], cmd.job_id, *change)
        if versions is not None and versions != list(job["source_versions"]):
            await conn.execute(POLICIES["change_rules"], job["product_id"])
            await conn.execute(POLICIES["drop_policy"], cmd.job_id)
            await _add_policy(conn, cmd.job_id, job["product_id"], job, versions, job["group_id"])
            if job["dynamic_mode"] == 1:
                await conn.execute(SQL["refill_job"], cmd.job_id)
        return c.Done()

    return await ctx.database.transact(body)


def _check_update(job: Row, cmd: c.UpdateJob) -> None:
    if job["status"] not in ("PLANNED", "IN_PROGRESS"):
        raise Conflict("job_ended", f"The job is {job['status']}.")
    if cmd.kind != ("dynamic" if job["kind"] == "dynamic" else "static"):
        raise Conflict("job_kind_mismatch", f"The job is not {cmd.kind}.")
    if cmd.selection != job["selection"]:
        raise Conflict("job_selection_mismatch", f"The job's devices are selected by {job['selection']}.")
    if job["kind"] != "dynamic":
        for field in ("timeout_min", "source_versions"):
            if getattr(cmd, field) is not None:
                raise Invalid(field, "only of a dynamic job", "the job is static")
    if job["group_id"] is not None and cmd.source_versions:
        raise Invalid("source_versions", "not of a job of a group", "the job has a group")
    if cmd.source_versions is not None:
        _require_deltas(job, cmd.source_versions)


async def end_policy(ctx: Context, caller: Caller, cmd: c.EndPolicy) -> c.Done:
    """End a dynamic job: it makes no more tasks when this returns, those it made live on (alibaba 2.5, 7.5).
    Raises NotFound, Conflict job_not_dynamic, job_ended."""

    async def body(conn: Connection) -> c.Done:
        job = await _locked_job(conn, caller, cmd.job_id)
        if job["kind"] != "dynamic":
            raise Conflict("job_not_dynamic", "The job is not dynamic and has no policy.")
        if job["status"] != "IN_PROGRESS":
            raise Conflict("job_ended", f"The job is {job['status']}.")
        await conn.execute(POLICIES["change_rules"], job["product_id"])
        await conn.execute(POLICIES["drop_policy"], cmd.job_id)
        await end_job(conn, cmd.job_id, "CANCELED", ctx.now())
        return c.Done()

    return await ctx.database.transact(body)


async def _locked_job(conn: Connection, caller: Caller, job_id: int) -> Row:
    job = await conn.fetchrow(SQL["lock_job_of_account"], job_id, caller.account_id)
    if job is None:
        raise NotFound("job", str(job_id))
    return job


# --- what every job asks for ---


async def _package(conn: Connection, caller: Caller, cmd: AnyJob) -> tuple[Row, int]:
    """The package, locked, and the id of the product whose devices get it."""
    package = await conn.fetchrow(SQL["package_for_job"], cmd.package_id, caller.account_id)
    if package is None:
        raise NotFound("package", str(cmd.package_id))
    product_id = await conn.fetchval(SQL["product_of_account"], cmd.product_key, caller.account_id)
    if product_id is None:
        raise NotFound("product", cmd.product_key)
    if package["product_id"] not in (None, product_id):
        raise Conflict("package_of_other_product", f"The package does not belong to product {cmd.product_key}.")
    if cmd.protocol == "MQTT":
        _require_small(package)
    return package, int(product_id)


def _require_small(package: Row) -> None:
    if package["file_count"]:
        raise Conflict("package_of_several_files_for_mqtt", "A package of several files can't be downloaded over MQTT.")
    if package["size"] > MQTT_SIZE_MAX:
        problem = f"A file downloaded over MQTT has at most {MQTT_SIZE_MAX} bytes; this has {package['size']}."
        raise Conflict("package_too_large_for_mqtt", problem)


def _require_verified(package: Row, versions: Sequence[str]) -> None:
    require_verified(package["status"])
    refuse_lost_object(package)
    _require_deltas(package, versions)


def refuse_lost_object(package: Row) -> None:
    """L6: a package whose object is gone, or is another than it should be, or has nothing in it, is offered to
    nobody."""
    if package["size"] == 0:
        raise Conflict("package_object_lost", "The package's file is empty; make a package of another file.")
    if package["object_state"] in ("missing", "differs"):
        raise Conflict("package_object_lost", f"The package can't be offered: {package['object_problem']}.")


def _require_deltas(package: Row, versions: Sequence[str]) -> None:
    if package["is_delta"] and tuple(versions) not in ((), (package["source_version"],)):
        raise Conflict("source_version_not_the_deltas", "SrcVersion must be the differential package's own.")


async def _require_group(conn: Connection, caller: Caller, group_id: int | None, kind: str) -> None:
    if group_id is None:
        return
    row = await conn.fetchrow(SQL["group_of_account"], group_id, caller.account_id)
    if row is None:
        raise NotFound("group", str(group_id))
    if row["kind"] != kind:
        raise Conflict("group_kind_mismatch", f"The group is {row['kind']}; this job takes a {kind} one.")


async def _devices(conn: Connection, product_id: int, names: Sequence[str]) -> list[UUID]:
    found = {r["name"]: r["device_id"] for r in await conn.fetch(SQL["devices_by_name"], product_id, list(names))}
    missing = [n for n in names if n not in found]
    if missing:
        raise NotFound("device", ", ".join(missing[:10]))
    return [found[n] for n in dict.fromkeys(names)]


async def _add(
    ctx: Context, conn: Connection, caller: Caller, product_id: int, cmd: AnyJob, *, kind: str, selection: str,
    status: str = "IN_PROGRESS",
) -> c.JobCreated:  # fmt: skip
    job_id, now = ctx.new_id(), ctx.now()
    facts = _FACTS | {name: getattr(cmd, name) for name in _FACTS if hasattr(cmd, name)}
    gray = Decimal(facts["gray_percent"]) if facts["gray_percent"] else None
    mode = cmd.mode if isinstance(cmd, c.CreateDynamicJob) else None
    await conn.execute(
        SQL["add_job"], job_id, caller.account_id, product_id, cmd.package_id, kind, selection, status,
        list(facts["source_versions"]), gray, facts["retry_interval_min"], facts["retry_count"], cmd.timeout_min,
        facts["maximum_per_min"], facts["overwrite"], cmd.need_push, cmd.need_confirm, cmd.protocol,
        json.dumps(cmd.tags), facts["multi_module"], mode, facts["group_id"], facts["device_list_url"] is not None,
        facts["scheduled_at"], facts["finish_at"], mode == 2, now,
    )  # fmt: skip
    return c.JobCreated(job_id=job_id, created_at=now)


# What a kind of job lacks it has like this.
_FACTS: dict[str, Any] = {
    "source_versions": (), "gray_percent": None, "retry_interval_min": None, "retry_count": 0, "maximum_per_min": 1000,
    "overwrite": False, "multi_module": False, "group_id": None, "device_list_url": None, "scheduled_at": None,
    "finish_at": None,
}  # fmt: skip
