"""Who a job is for, looked through by device id a span of a bounded size at a time, however few of a span fit.

Before its tasks are made come the walks that tell who it is for: the members of its groups become targets, or the
devices that the job succeeded on which it undoes, and those that a share is taken of are counted. A walk goes on where
the job's row says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from upwell.domain.job import gray_quota
from upwell.service.upgrade.members import Span, span_of_group
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("fill")
_UNDONE = sheet("rollback")["succeeded"]
COUNTED_AT_ONCE = 10_000  # devices, none of them locked
OfJob = Row | Mapping[str, Any]  # a job, or what would be one


@dataclass(frozen=True, slots=True)
class Next:
    """The next devices of a job, the targets among them that are no device, how far that is, whether the list ends
    there, and how many it may take from behind it (None: no matter how many)."""

    ids: list[UUID]
    last: UUID | None
    ends: bool
    strays: list[UUID] = field(default_factory=list)
    left: int | None = None

    @property
    def is_over(self) -> bool:
        """Nobody is next."""
        return self.ends and not self.ids and not self.strays


async def walked(conn: Connection, job: Row, size: int) -> bool:
    """A part of the walks that come before the job's tasks is walked; False when there is none left."""
    if job["asks_version"]:
        return await _walk_groups(conn, job, size)
    if job["undoes"] is not None and not job["walk"]:
        await _walk_undone(conn, job, size)
        return True
    if job["selection"] == "GRAY" and not job["walk"]:
        await _walk_gray(conn, job)
        return True
    return False


async def next_of(conn: Connection, job: OfJob, size: int) -> Next:
    """The next devices of the job by id, not more than `size`; of a GRAY job no more than its share."""
    if job["gray_left"] == 0:
        return Next([], job["cursor_device"], ends=True, left=0)
    found = await _span(conn, job, size)
    return found if job["gray_left"] is None else await _share(conn, job, found)


async def add_targets(conn: Connection, job_id: int, device_ids: Sequence[UUID]) -> None:
    """The job is for these devices too."""
    await conn.execute(*_Q["add_targets"](job_id=job_id, device_ids=device_ids))


def fits(job: OfJob) -> dict[str, object]:
    """The parameters of statements that look for devices which the job's versions fit."""
    delta_source = job["source_version"] if job["is_delta"] else None
    return {
        "module": job["module"],
        "versions": job["source_versions"],
        "delta_source": delta_source,
        "led_from": job["led_from"],
    }


async def products_of(conn: Connection, job: Row) -> list[int]:
    """The products whose devices the packages of a job that asks are for."""
    rows = await conn.fetch(*_Q["products_of_job"](job_id=job["job_id"]))
    return sorted(row["product_id"] for row in rows)


async def _walk_groups(conn: Connection, job: Row, size: int) -> bool:
    """The members of each group that are of each product, one after the other."""
    products = await products_of(conn, job) if job["group_ids"] else []
    walks = [(group_id, product_id) for group_id in job["group_ids"] for product_id in products]
    if job["walk"] >= len(walks):
        return False
    group_id, product_id = walks[job["walk"]]
    span = await span_of_group(conn, group_id, product_id, job["until"], job["walk_after"], size)
    await add_targets(conn, job["job_id"], span.ids)
    await _walk_on(conn, job, span)
    return True


async def _walk_gray(conn: Connection, job: Row) -> None:
    """Count the devices that a share is taken of; when all are counted the share is known."""
    some, span = await count_share(conn, job, job["walk_after"])
    counted = job["gray_counted"] + some
    left = gray_quota(counted, job["gray_percent"]) if span.ends else None
    await _walk_on(conn, job, span, gray_counted=counted, gray_left=left)


async def _walk_undone(conn: Connection, job: Row, size: int) -> None:
    """Those that the undone job brought from the version of this one's package."""
    which = {"job_id": job["undoes"], "source": job["version"], "brought": job["source_versions"]}
    rows = await conn.fetch(*_UNDONE(after=job["walk_after"], at_most=size, **which))
    await add_targets(conn, job["job_id"], [row["device_id"] for row in rows if row["is_meant"]])
    last = rows[-1]["device_id"] if rows else job["walk_after"]
    await _walk_on(conn, job, Span([], last, ends=not rows))


async def count_share(conn: Connection, job: OfJob, after: UUID | None) -> tuple[int, Span]:
    """How many of the next devices of the job's product a share is taken of."""
    span = await _of_product(conn, job, after, COUNTED_AT_ONCE)
    return len(await _fitting(conn, job, span.ids)), span


async def _walk_on(conn: Connection, job: Row, span: Span, gray_counted: int = 0, gray_left: int | None = None) -> None:
    walk, after = (job["walk"] + 1, None) if span.ends else (job["walk"], span.last)
    share = {"gray_counted": gray_counted, "gray_left": gray_left}
    await conn.execute(*_Q["walk_on"](job_id=job["job_id"], walk=walk, walk_after=after, **share))


async def _span(conn: Connection, job: OfJob, size: int) -> Next:
    after = job["cursor_device"]
    if job["selection"] == "SPECIFIC" or job["asks_version"]:
        rows = await conn.fetch(*_Q["window_of_targets"](job_id=job["job_id"], after=after, at_most=size))
        devices, strays = [[r["device_id"] for r in rows if r["is_stray"] is which] for which in (False, True)]
        return Next(devices, rows[-1]["device_id"] if rows else after, len(rows) < size, strays)
    if job["group_id"] is not None:
        found = await span_of_group(conn, job["group_id"], job["product_id"], job["until"], after, size)
    else:
        found = await _of_product(conn, job, after, size)
    return Next(found.ids, found.last, found.ends)


async def _of_product(conn: Connection, job: OfJob, after: UUID | None, size: int) -> Span:
    which = {"product_id": job["product_id"], "until": job["until"], "last": job["until_device"]}
    rows = await conn.fetch(*_Q["window_of_product"](after=after, at_most=size, **which))
    ids = [row["device_id"] for row in rows]
    return Span(ids, ids[-1] if ids else after, ends=len(ids) < size)


async def _share(conn: Connection, job: OfJob, found: Next) -> Next:
    """alibaba 2.2: the first of those that its versions fit, by id, until the share is full (L9)."""
    fitting = (await _fitting(conn, job, found.ids))[: job["gray_left"]]
    left = job["gray_left"] - len(fitting)
    return replace(found, ids=fitting, left=left, ends=found.ends or left == 0)


async def _fitting(conn: Connection, job: OfJob, ids: Sequence[UUID]) -> list[UUID]:
    return [row["device_id"] for row in await conn.fetch(*_Q["fitting"](device_ids=ids, **fits(job)))]
