"""Uploads in parts: each part is an object of its own until the whole is put together (wholes.py).

A part is there when it is stored whole and written down, and then it stays, whatever becomes of the connection or the
process. Each try has a new object, which is written down before it is begun, so that none is ever lost sight of; what
broke off or was replaced is swept away. An upload ends by itself when nothing came of it for a day.
"""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Invalid, Missing, NotFound, ServerError, TooMany
from upwell.objects.port import Stored
from upwell.service.context import Context, objects_of
from upwell.service.dice import dice
from upwell.service.manage.access import Caller, project_id, require
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
SQL = sheet("parts")
SIZE_MAX = 2**32 - 1  # bytes of a whole; vendors' C SDKs count a file's bytes in 32 bits
PARTS_MAX = 10_000  # of an upload
PART_SIZE = 8 * 1024 * 1024  # bytes; some seconds of a thin line, so that little is sent again
PART_SIZE_MIN, PART_SIZE_MAX = 64 * 1024, 64 * 1024 * 1024
OPEN_MAX = 20  # uploads of an account that are not over
KEPT = timedelta(days=1)  # from the last that came of it
BROKEN_KEPT = timedelta(hours=6)  # a try of a part; the door lets a body take four hours
SWEPT_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Incoming:
    """The bytes that come with a command, piece by piece; `size` is how many were announced, None when nobody said."""

    body: AsyncIterator[bytes]
    size: int | None


async def create_upload(ctx: Context, caller: Caller, cmd: c.CreateUpload) -> c.Upload:
    """An upload that parts may come for. Raises Invalid (size, part_size), TooMany uploads."""
    require(caller, "operator")
    if not 1 <= cmd.size <= SIZE_MAX:
        raise Invalid("size", f"1 to {SIZE_MAX} bytes", f"the value is {cmd.size}")
    part_size = max(cmd.part_size or PART_SIZE, -(-cmd.size // PARTS_MAX))
    now, upload_id, account = ctx.now(), ctx.new_id(), caller.account_id
    row = {"upload_id": upload_id, "account_id": account, "name": cmd.name, "size": cmd.size, "part_size": part_size}
    made = {"who": caller.key_id, "expected": cmd.sha256, "object_key": f"ota/{project_id(account)}/{dice(24)}.bin"}

    async def body(conn: Connection) -> c.Upload:
        await conn.execute(*SQL["lock_account"](account_id=account))
        if await conn.fetchval(*SQL["count_open"](account_id=account, now=now)) >= OPEN_MAX:
            raise TooMany("open uploads", OPEN_MAX)
        await conn.execute(*SQL["make_upload"](**row, **made, now=now, expires_at=now + KEPT))
        return await _shown(conn, await _find(ctx, conn, caller, upload_id))

    return await ctx.database.transact(body)


async def show_upload(ctx: Context, caller: Caller, cmd: c.ShowUpload) -> c.Upload:
    """The upload with its parts. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _shown(conn, await _find(ctx, conn, caller, cmd.upload_id))


async def put_part(ctx: Context, caller: Caller, cmd: c.PutUploadPart, incoming: Incoming) -> c.UploadPart:
    """The part is stored, and counts from now on in place of an earlier one. What breaks off leaves nothing. Raises
    NotFound (upload), Conflict upload_not_open, Invalid (number, Content-Length, Content-Digest), Missing."""
    require(caller, "operator")
    key = f"parts/{project_id(caller.account_id)}/{cmd.upload_id:016x}/{cmd.number}-{dice(12)}"

    async def begin(conn: Connection) -> int:
        upload = await _open(ctx, conn, caller, cmd.upload_id)
        size = _size_of(upload, cmd.number)
        _check_size(incoming.size, size)
        await conn.execute(
            *SQL["begin_part"](object_key=key, upload_id=cmd.upload_id, number=cmd.number, now=ctx.now())
        )
        return size

    async def end(conn: Connection) -> tuple[c.UploadPart, list[str]]:
        await _open(ctx, conn, caller, cmd.upload_id)
        now, which = ctx.now(), {"upload_id": cmd.upload_id, "number": cmd.number}
        old = [row["object_key"] for row in await conn.fetch(*SQL["replace_part"](**which, now=now))]
        done = SQL["finish_part"](object_key=key, size=stored.size, sha256=stored.sha256)
        if await conn.fetchval(*done) is None:
            raise NotFound("upload", str(cmd.upload_id))
        await conn.execute(*SQL["prolong"](upload_id=cmd.upload_id, expires_at=now + KEPT))
        return c.UploadPart(number=cmd.number, size=stored.size, sha256=stored.sha256), old

    size = await ctx.database.unwitnessed.transact(begin)
    try:
        stored = await _store(ctx, key, incoming.body, size)
        if cmd.sha256 is not None and cmd.sha256 != stored.sha256:
            raise Invalid("Content-Digest", "the SHA-256 of the bytes that came", f"theirs is {stored.sha256} in hex")
        part, old = await ctx.database.transact(end)
    except BaseException:
        await _let_go(ctx, [key])
        raise
    await _let_go(ctx, old)
    return part


async def complete_upload(ctx: Context, caller: Caller, cmd: c.CompleteUpload) -> c.Upload:
    """All parts are there, and are put together from now on; asked again it tells how that stands. Raises NotFound
    (upload), Conflict upload_lacks_parts, Invalid (sha256) for another than it was made with."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Upload:
        upload = await _find(ctx, conn, caller, cmd.upload_id, "lock_upload")
        known = upload["sha256"] or upload["expected"]
        if cmd.sha256 is not None and known is not None and cmd.sha256 != known:
            raise Invalid("sha256", "that which the upload has or was made with", f"that is {known}")
        if upload["status"] == "open":
            shown = await _shown(conn, upload)
            if len(shown.parts) < shown.parts_total:
                raise Conflict("upload_lacks_parts", _lacking(shown))
            await conn.execute(*SQL["begin_check"](upload_id=cmd.upload_id, expected=cmd.sha256))
        return await _shown(conn, await _find(ctx, conn, caller, cmd.upload_id))

    return await ctx.database.transact(body)


async def delete_upload(ctx: Context, caller: Caller, cmd: c.DeleteUpload) -> c.Done:
    """Nothing comes of it any more. Raises NotFound, Conflict upload_is_complete."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        upload = await _find(ctx, conn, caller, cmd.upload_id, "lock_upload")
        if upload["status"] == "complete":
            raise Conflict("upload_is_complete", "The upload is complete; it goes by itself unless it is used.")
        await conn.execute(*SQL["abandon"](upload_id=cmd.upload_id, now=ctx.now()))
        return c.Done()

    return await ctx.database.transact(body)


async def file_of_upload(ctx: Context, conn: Connection, caller: Caller, upload_id: int) -> str:
    """The object key of the file that the upload gave. Raises NotFound (upload), Conflict upload_not_complete."""
    upload = await _find(ctx, conn, caller, upload_id)
    if upload["status"] != "complete":
        raise Conflict("upload_not_complete", f"The upload is {upload['status']}.")
    return str(upload["object_key"])


async def sweep(ctx: Context) -> None:
    """Take away some of what nobody needs any more: parts that were replaced, broke off or whose upload is over, and
    those uploads."""
    now, objects = ctx.now(), objects_of(ctx)
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["broken_parts"](before=now - BROKEN_KEPT, at_most=SWEPT_AT_ONCE))
        rows += await conn.fetch(*SQL["parts_of_the_past"](now=now, at_most=SWEPT_AT_ONCE))
        past = await conn.fetch(*SQL["past_uploads"](before=now - BROKEN_KEPT, at_most=SWEPT_AT_ONCE))
    for row in rows:
        await objects.delete(row["object_key"])
        await _forget(ctx, "forget_part", object_key=row["object_key"])
    for row in past:
        if row["is_waste"]:
            await objects.delete(row["object_key"])
        await _forget(ctx, "forget_upload", upload_id=row["upload_id"])


async def _forget(ctx: Context, statement: str, **which: Any) -> None:
    async with ctx.upkeep.connection() as conn:
        await conn.execute(*SQL[statement](**which))


# --- parts ---


async def _find(ctx: Context, conn: Connection, caller: Caller, upload_id: int, how: str = "find_upload") -> Row:
    # An upload lies in no part of an account, so a key of one reaches its own.
    whose = {"account_id": caller.account_id, "who": caller.key_id if caller.scope else None}
    row = await conn.fetchrow(*SQL[how](upload_id=upload_id, **whose, now=ctx.now()))
    if row is None:
        raise NotFound("upload", str(upload_id))
    return row


async def _open(ctx: Context, conn: Connection, caller: Caller, upload_id: int) -> Row:
    """The upload, held, which takes parts."""
    upload = await _find(ctx, conn, caller, upload_id, "lock_upload")
    if upload["status"] != "open":
        raise Conflict("upload_not_open", f"The upload is {upload['status']} and takes no parts.")
    return upload


async def _shown(conn: Connection, upload: Row) -> c.Upload:
    rows = await conn.fetch(*SQL["stored_parts"](upload_id=upload["upload_id"]))
    return filled(c.Upload, upload, parts=tuple(filled(c.UploadPart, row) for row in rows))


def _size_of(upload: Row, number: int) -> int:
    """The bytes of the part of that number."""
    total = -(-upload["size"] // upload["part_size"])
    if not 1 <= number <= total:
        raise Invalid("number", f"1 to {total}, the parts of this upload", f"the value is {number}")
    return int(upload["part_size"] if number < total else upload["size"] - (total - 1) * upload["part_size"])


def _check_size(announced: int | None, size: int) -> None:
    if announced is None:
        raise Missing("Content-Length", f"this part has {size} bytes")
    if announced != size:
        raise Invalid("Content-Length", f"{size}, the bytes of this part", f"the value is {announced}")


async def _store(ctx: Context, key: str, body: AsyncIterator[bytes], size: int) -> Stored:
    """The bytes as they come; never more than some of them in memory."""
    writer, taken = await objects_of(ctx).create(key), 0
    try:
        async for piece in body:
            taken += len(piece)
            if taken > size:
                break
            await writer.write(piece)
        if taken != size:
            raise Invalid("body", f"{size} bytes, as this part has", f"{taken} came")
        return await writer.commit()
    except BaseException:
        await writer.abort()
        raise


async def _let_go(ctx: Context, keys: list[str]) -> None:
    """Take these objects away now; what can't be is swept away later."""
    try:
        for key in keys:
            await objects_of(ctx).delete(key)
            async with ctx.database.connection() as conn:
                await conn.execute(*SQL["drop_part"](object_key=key))
    except ServerError as exc:
        log.warning("a part that nobody needs was not cleared: %s", exc.problem)


def _lacking(upload: c.Upload) -> str:
    there = {part.number for part in upload.parts}
    lacking = [number for number in range(1, upload.parts_total + 1) if number not in there]
    more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
    return f"The upload lacks the parts {', '.join(map(str, lacking[:5]))}{more} of {upload.parts_total}."
