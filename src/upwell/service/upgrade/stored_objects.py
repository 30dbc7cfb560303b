"""What the objects of packages hold, found out beside everything else, and whether they still hold it.

An object is read whole once, at a bounded rate, and its digests are kept: from then on the package stands for those
bytes. It is looked at again from time to time and whenever a link to it is opened; if the store says that it was
written anew, it is read again, and the package is offered no more unless the bytes are the same. A process claims the
reading of an object for a while; when it dies the next one begins again. L6 rests on `object_state`.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from upwell.domain import fault
from upwell.domain.errors import Invalid, NotFound, Unavailable
from upwell.domain.events import Kind
from upwell.domain.fault import Fault
from upwell.objects.port import Digests, Objects, Seen, Stored
from upwell.service.context import Context, objects_of
from upwell.service.upgrade import events
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
SQL = sheet("stored")
CLAIM = timedelta(minutes=2)  # how long a process that says nothing keeps an object to itself
KEEP_CLAIM_BYTES = 32 * 1024 * 1024  # read between two words; half a second at the full rate
BYTES_PER_S = 64 * 1024 * 1024  # read by one process: 1 GB in 16 s, and devices' downloads have the rest of the disk
SIZE_MAX = 1024**3  # bytes; [seed] 1 GB: an object that grew beyond is not read
LOOK_EVERY = timedelta(minutes=5)
LOOK_BATCH = 100
_NONE = (NotFound, Invalid)  # a key may also be one that the bucket can't have, since the operator's map says elsewhere


class _Lost(Exception):
    """Another process has the object now, or its package is deleted."""


async def read_one(ctx: Context, bytes_per_s: float = BYTES_PER_S) -> bool:
    """Read one object that waits for it; True when there was one."""
    now = ctx.now()
    async with ctx.database.connection() as conn:
        claimed = await conn.fetchrow(*SQL["claim_unread"](now=now, until=now + CLAIM))
    if claimed is None:
        return False
    try:
        await _read(ctx, claimed, now + CLAIM, bytes_per_s)
    except _NONE:
        await _gone(ctx, claimed["package_id"])
    except _Lost:
        log.info("package %d: the check of its object is another's now", claimed["package_id"])
    except Unavailable as exc:
        await _unread(ctx, claimed["package_id"], exc.problem)
    return True


async def _read(ctx: Context, claimed: Row, until: datetime, bytes_per_s: float) -> None:
    package_id, objects = claimed["package_id"], objects_of(ctx)
    seen = await objects.look(claimed["object_key"])
    wrong = fault.sized(seen.size, SIZE_MAX)
    if wrong is not None:
        await _settle(ctx, package_id, until, seen, Digests().stored(), wrong)
        return
    stored, until = await _digested(ctx, claimed, until, seen.size, bytes_per_s)
    if stored.size != seen.size or await objects.look(claimed["object_key"]) != seen:
        return  # It was written while it was read; it is read again when the claim is over.
    wrong = fault.judged(claimed["sign"], claimed["sha256"], stored.sha256)
    await _settle(ctx, package_id, until, seen, stored, wrong)


async def _digested(
    ctx: Context, claimed: Row, until: datetime, size: int, bytes_per_s: float
) -> tuple[Stored, datetime]:
    """The digests of the object, and until when the claim is kept by now."""
    digests, read, unsaid = Digests(), 0, 0
    loop = asyncio.get_running_loop()
    started = loop.time()
    async for chunk in objects_of(ctx).read(claimed["object_key"], 0, size):
        await asyncio.to_thread(digests.update, chunk)
        read, unsaid = read + len(chunk), unsaid + len(chunk)
        await asyncio.sleep(max(0.0, started + read / bytes_per_s - loop.time()))
        if unsaid >= KEEP_CLAIM_BYTES:
            until, unsaid = await _keep(ctx, claimed["package_id"], until), 0
    return digests.stored(), until


async def _settle(
    ctx: Context, package_id: int, until: datetime, seen: Seen, stored: Stored, wrong: Fault | None
) -> None:
    state, told = (
        ("ok", {"fault": None, "problem": None})
        if wrong is None
        else ("differs", {"fault": wrong.word, "problem": wrong.text})
    )
    facts = {"tag": seen.tag, "size": seen.size, "md5": stored.md5, "sha256": stored.sha256}
    now = ctx.now()
    settled = {"package_id": package_id, "until": until, "state": state, "now": now} | told

    async def body(conn: Connection) -> None:
        if await conn.fetchval(*SQL["settle_read"](**settled, **facts)) is None:
            raise _Lost
        if wrong is not None:
            await events.tell_package(conn, package_id, Kind.PACKAGE_LOST, now, **told)

    await ctx.database.transact(body)
    if wrong is not None:
        log.warning("package %d: %s", package_id, wrong.text)


async def _unread(ctx: Context, package_id: int, problem: str) -> None:
    """The store is away, or does not let the object be read: its owner is told, and it is tried again."""
    log.warning("package %d: its object can't be read now: %s", package_id, problem)
    async with ctx.database.connection() as conn:
        await conn.execute(*SQL["note_unread"](package_id=package_id, problem=problem))


async def _keep(ctx: Context, package_id: int, until: datetime) -> datetime:
    later = ctx.now() + CLAIM
    async with ctx.database.connection() as conn:
        if await conn.fetchval(*SQL["keep_claim"](package_id=package_id, until=until, later=later)) is None:
            raise _Lost
    return later


async def look_again(ctx: Context) -> bool:
    """Ask the store about objects that nobody asked about for LOOK_EVERY; True when there may be more of them."""
    now, objects = ctx.now(), objects_of(ctx)
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["claim_stale"](looked_until=now - LOOK_EVERY, now=now, most=LOOK_BATCH))
    for row in rows:
        await _compare(ctx, objects, row)
    return len(rows) == LOOK_BATCH


async def _compare(ctx: Context, objects: Objects, row: Row) -> None:
    try:
        seen = await objects.look(row["object_key"])
    except _NONE:
        await _gone(ctx, row["package_id"])
        return
    except Unavailable as exc:  # one object that can't be looked at keeps no other waiting
        log.warning("package %d: its object can't be looked at now: %s", row["package_id"], exc.problem)
        return
    if row["object_state"] == "missing" or seen != Seen(row["size"], row["object_tag"]):
        await _doubt(ctx, row["package_id"])


async def still_same(ctx: Context, package_id: int, object_key: str, expected: Seen) -> bool:
    """Whether the object is what was read, asked of the store now; what is found out otherwise is noted."""
    try:
        seen = await objects_of(ctx).look(object_key)
    except _NONE:
        await _gone(ctx, package_id)
        return False
    if seen != expected:
        await _doubt(ctx, package_id)
    return seen == expected


async def read_anew(ctx: Context, account_id: int, bucket: str, key: str) -> None:
    """Somebody wrote or removed this object: whatever is made of it is read again, soon."""
    async with ctx.database.connection() as conn:
        which = {"account_id": account_id, "bucket": bucket, "bucket_key": key}
        await conn.execute(*SQL["doubt_object"](**which, now=ctx.now()))


async def packages_of_bucket(ctx: Context, account_id: int, bucket: str) -> dict[str, str]:
    """By key of an object: the versions that are made of it and how each stands."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["packages_of_bucket"](account_id=account_id, bucket=bucket))
    return {row["bucket_key"]: row["packages"] for row in rows}


async def _gone(ctx: Context, package_id: int) -> None:
    gone = fault.missing()
    told, now = {"fault": gone.word, "problem": gone.text}, ctx.now()

    async def body(conn: Connection) -> bool:
        is_news = await conn.fetchval(*SQL["settle_gone"](package_id=package_id, now=now, **told)) is not None
        if is_news:
            await events.tell_package(conn, package_id, Kind.PACKAGE_LOST, now, **told)
        return is_news

    if await ctx.database.transact(body):
        log.warning("package %d: %s", package_id, gone.text)


async def _doubt(ctx: Context, package_id: int) -> None:
    async with ctx.database.connection() as conn:
        if await conn.fetchval(*SQL["doubt"](package_id=package_id, now=ctx.now())) is not None:
            log.warning("package %d: its object was written anew and is read again", package_id)
