"""Whether a job may be made: what its maker says of it, its package and product, its devices and groups, looked at in
the transaction that makes it, or plans it and makes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Invalid, NotFound
from upwell.domain.rollout import is_whole, problem
from upwell.domain.stepping import Step
from upwell.service.manage import downgrades, job_packages, job_policies, stepping
from upwell.service.manage.access import Caller
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("jobs")


def _check_hours(cmd: c.CreateJob, now: datetime) -> None:
    start, (soonest_s, latest_s) = cmd.manner.scheduled_at, cmd.lead_s
    if start is None:
        if cmd.manner.finish_at is not None:
            raise Invalid("finish_at", "only with a time to start")
        return
    least, most = now + timedelta(seconds=soonest_s), now + timedelta(seconds=latest_s)
    if not least <= start <= most:
        if soonest_s == 0:
            raise Invalid("scheduled_at", f"a time within the next {latest_s // c.DAY_S} days")
        span = f"from {least:%Y-%m-%dT%H:%M:%SZ} to {most:%Y-%m-%dT%H:%M:%SZ}"
        raise Invalid("scheduled_at", span, f"it is {start:%Y-%m-%dT%H:%M:%SZ}")


def _check_care(cmd: c.CreateJob) -> None:
    """Waves are shares of devices that are there when the job begins."""
    if cmd.care is None or (not cmd.care.has_waves and cmd.care != c.Care()):
        return
    whole = is_whole(cmd.care.preset or cmd.care.waves)
    if cmd.kind == "verify" or (cmd.dynamic_mode == 2 and not whole):
        raise Invalid("waves", "of a job that brings the devices there are to a package", "this one does not")
    wrong = problem(cmd.care.waves) if not cmd.care.preset else None
    if wrong is not None:
        place, check = wrong
        raise Invalid(f"waves[{place}]" if place >= 0 else "waves", check)


def check(cmd: c.CreateJob, now: datetime) -> None:
    """What needs no look. Raises Invalid."""
    _check_hours(cmd, now)
    _check_care(cmd)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a job that may be made is of: its package, its product, the devices that are named, by which packages it
    leads, if it does, and how many of its devices have left its version before (`downgrades`)."""

    package: Row
    product_id: int
    targets: list[UUID]
    way: dict[str, Step] | None = None
    ran_before: int = 0


async def look(conn: Connection, caller: Caller, cmd: c.CreateJob, now: datetime) -> Looked:
    """That the job may be made, but for its list of devices; nothing is. Its package is locked. Raises as
    `create_job`."""
    check(cmd, now)
    return await _LOOK[cmd.kind](conn, caller, cmd)


async def look_verify(conn: Connection, caller: Caller, cmd: c.CreateJob) -> Looked:
    """A trial of a package. Raises as `create_job`."""
    package, product_id = await job_packages.package_of_product(conn, caller, cmd)
    await job_packages.refuse_verified(conn, package)
    targets = await devices_of_product(conn, product_id, cmd.device_names)
    return await _looked(conn, cmd, package, product_id, targets)


async def look_static(conn: Connection, caller: Caller, cmd: c.CreateJob) -> Looked:
    """A job that brings the devices there are. Raises as `create_job`."""
    package, product_id = await job_packages.package_of_product(conn, caller, cmd)
    job_packages.require_offerable(package, cmd.source_versions)
    await require_groups(conn, caller, _groups_of_waves(cmd), None)
    await require_groups(conn, caller, cmd.group_ids, None if cmd.any_group else "static")
    targets = await devices_of_product(conn, product_id, cmd.device_names)
    return await _looked(conn, cmd, package, product_id, targets)


async def look_dynamic(conn: Connection, caller: Caller, cmd: c.CreateJob) -> Looked:
    """A standing rule. Raises as `create_job`."""
    package, product_id = await job_packages.package_of_product(conn, caller, cmd)
    job_packages.require_offerable(package, cmd.source_versions)
    await require_groups(conn, caller, _groups_of_waves(cmd), None)
    await require_groups(conn, caller, cmd.group_ids, "dynamic")
    for group_id in cmd.group_ids:
        await job_policies.require_modes(conn, cmd.manner, group_id)
    return await _looked(conn, cmd, package, product_id, [])


async def _looked(
    conn: Connection, cmd: c.CreateJob, package: Row, product_id: int, targets: list[UUID]
) -> Looked:  # fmt: skip
    """Raises Conflict downgrade."""
    way = await stepping.way_of(conn, package, product_id, cmd.manner.protocol)
    job = stepping.as_filled(package, way, cmd.source_versions) | {"product_id": product_id}
    before = await downgrades.ran_before(conn, cmd, job, targets)
    downgrades.require_meant(cmd, package["version"], before)
    return Looked(package, product_id, targets, way, before)


_LOOK = {"verify": look_verify, "static": look_static, "dynamic": look_dynamic}


def _groups_of_waves(cmd: c.CreateJob) -> list[int]:
    waves = cmd.care.waves if cmd.care is not None else ()
    return sorted({wave.group_id for wave in waves if wave.group_id is not None})


async def require_groups(conn: Connection, caller: Caller, group_ids: Sequence[int], kind: str | None) -> None:
    """The groups are the account's, and of that kind. Raises NotFound (group), Conflict group_kind_mismatch."""
    if not group_ids:
        return
    rows = await conn.fetch(*SQL["groups_of_account"](account_id=caller.account_id, group_ids=group_ids))
    kinds = {row["group_id"]: row["kind"] for row in rows}
    missing = set(group_ids) - kinds.keys()
    if missing:
        raise NotFound("group", str(min(missing)))
    for found in kinds.values():
        if kind not in (None, found):
            raise Conflict("group_kind_mismatch", f"The group is {found}; this job takes a {kind} one.")


async def devices_of_product(conn: Connection, product_id: int, names: Sequence[str]) -> list[UUID]:
    """The product's devices of these names. Raises NotFound naming up to ten that it has not."""
    rows = await conn.fetch(*SQL["devices_by_name"](product_id=product_id, names=names))
    found = {row["name"]: row["device_id"] for row in rows}
    missing = [name for name in names if name not in found]
    if missing:
        raise NotFound("device", ", ".join(missing[:10]))
    return [found[name] for name in dict.fromkeys(names)]
