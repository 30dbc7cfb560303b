"""Policies of dynamic jobs, written down when these begin and dropped when they end or change."""

from collections.abc import Sequence

from upwell.domain import commands as c
from upwell.domain.errors import Conflict
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL, POLICIES = sheet("jobs"), sheet("policies")


async def begin(conn: Connection, job: Row) -> None:
    """A locked dynamic job begins that was not approved before. Raises Conflict group_modes_differ."""
    if job["group_id"] is not None:
        manner = c.Manner(multi_module=job["multi_module"], overwrite=job["overwrite"])
        await require_modes(conn, manner, job["group_id"], besides=job["job_id"])
    await conn.execute(*POLICIES["change_policies"](product_id=job["product_id"]))
    sources = sources_of(job, job["source_versions"], job["led_from"])
    await add(conn, job["job_id"], job["product_id"], job, sources, job["group_id"])


async def require_modes(conn: Connection, manner: c.Manner, group_id: int, besides: int = 0) -> None:
    """alibaba 2.4: later dynamic jobs of a group treat its devices as the running ones do."""
    for row in await conn.fetch(*SQL["modes_of_group"](group_id=group_id, besides=besides)):
        if (row["multi_module"], row["overwrite"]) != (manner.multi_module, manner.overwrite):
            problem = "A dynamic job of the group is running with another MultiModuleMode or OverwriteMode."
            raise Conflict("group_modes_differ", problem)


async def add(
    conn: Connection, job_id: int, product_id: int, package: Row, sources: Sequence[str], group_id: int | None
) -> None:
    """The policy of a job that takes devices of these versions."""
    which = {"product_id": product_id, "module": package["module"], "source_versions": sources}
    whose = {"job_id": job_id, "group_id": group_id, "destination": package["version"]}
    await conn.execute(*POLICIES["add_policy"](**which, **whose))


def sources_of(package: Row, versions: Sequence[str], led_from: Sequence[str] | None) -> list[str]:
    """The versions that the job takes: those asked for, as far as the package may follow them (L6), or it leads from
    them; "" is any."""
    if led_from is not None:
        return [version for version in led_from or versions or [""] if not versions or version in versions]
    if package["is_delta"]:
        return [package["source_version"]]
    if not package["follows"]:
        return list(versions) or [""]
    return [version for version in package["follows"] if not versions or version in versions]


async def drop(conn: Connection, job: Row) -> None:
    """A locked dynamic job takes no more devices."""
    await conn.execute(*POLICIES["change_policies"](product_id=job["product_id"]))
    await conn.execute(*POLICIES["drop_policy"](job_id=job["job_id"]))
