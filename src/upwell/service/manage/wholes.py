"""Uploads whose parts are all there, put together by the engine: one object, with its digests, which serves as a file.

The parts are read in their order and written on at a bounded rate, whichever store has them. A process claims an upload
for a while and says that it goes on; when it dies, another begins again. An upload that was given up meanwhile becomes
no file. An MD5 can't be continued from parts' digests, so the bytes are read whole once (ADR 0036).
"""

import asyncio
import logging
from datetime import datetime, timedelta

from upwell.domain.errors import NotFound, Unavailable
from upwell.objects.port import Stored, Writer
from upwell.service.context import Context, objects_of
from upwell.service.journal import tell
from upwell.service.manage.parts import KEPT
from upwell.service.manage.uploads import UPLOAD_KEPT
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
SQL = sheet("parts")
CLAIM = timedelta(seconds=12)  # how long a process that says nothing keeps an upload to itself
KEEP_CLAIM_S = 3.0  # between two words
BYTES_PER_S = 128 * 1024 * 1024  # 2 GB in 16 s; devices' downloads have the rest of the disk
AGAIN = timedelta(seconds=5)  # after the store was away


class _Lost(Exception):
    """Another process has the upload now, or it was given up."""


async def put_together_one(ctx: Context, bytes_per_s: float = BYTES_PER_S) -> bool:
    """Put one upload together that waits for it; True when there was one."""
    now = ctx.now()
    until = now + CLAIM
    async with ctx.upkeep.connection() as conn:
        claimed = await conn.fetchrow(*SQL["claim_checking"](now=now, until=until))
    if claimed is None:
        return False
    whole = _Whole(ctx, claimed, until)
    try:
        stored = await whole.write(bytes_per_s)
        await whole.settle(stored)
    except _Lost:
        log.info("the upload %016x is another's now, or was given up", claimed["upload_id"])
    except NotFound:
        await whole.fail("A part is gone from the store; upload it again.")
    except Unavailable as exc:
        log.warning("the upload %016x can't be put together now: %s", claimed["upload_id"], exc.problem)
        await whole.rest()
    return True


class _Whole:
    """One upload that this process puts together."""

    def __init__(self, ctx: Context, claimed: Row, until: datetime) -> None:
        self._ctx, self._row, self._until = ctx, claimed, until

    async def write(self, bytes_per_s: float) -> Stored:
        """The object of the whole."""
        async with self._ctx.upkeep.connection() as conn:
            parts = await conn.fetch(*SQL["keys_of_parts"](upload_id=self._row["upload_id"]))
        writer = await objects_of(self._ctx).create(self._row["object_key"])
        try:
            await self._copy(parts, writer, bytes_per_s)
            await self._keep()
            return await writer.commit()
        except BaseException:
            await writer.abort()
            raise

    async def _copy(self, parts: list[Row], writer: Writer, bytes_per_s: float) -> None:
        loop = asyncio.get_running_loop()
        started_s, copied = loop.time(), 0
        said_s = started_s
        for part in parts:
            async for piece in objects_of(self._ctx).read(part["object_key"], 0, part["size"]):
                await writer.write(piece)
                copied += len(piece)
                if loop.time() > said_s + KEEP_CLAIM_S:
                    await self._keep()
                    said_s = loop.time()
                await asyncio.sleep(max(0.0, started_s + copied / bytes_per_s - loop.time()))

    async def _keep(self) -> None:
        which, later = {"upload_id": self._row["upload_id"], "until": self._until}, self._ctx.now() + CLAIM
        async with self._ctx.upkeep.connection() as conn:
            if await conn.fetchval(*SQL["keep_claim"](**which, later=later)) is None:
                raise _Lost
        self._until = later

    async def settle(self, stored: Stored) -> None:
        """It is complete, or is not what it should be."""
        expected = self._row["expected"]
        if stored.size != self._row["size"]:
            await self.fail(f"The parts have {stored.size} bytes together, not {self._row['size']}.")
        elif expected is not None and expected != stored.sha256:
            await self.fail(f"The whole has the SHA-256 {stored.sha256}, not {expected}.")
        else:
            await self._complete(stored)

    async def _complete(self, stored: Stored) -> None:
        now = self._ctx.now()
        facts = {"size": stored.size, "md5": stored.md5, "sha256": stored.sha256}
        file = {"object_key": self._row["object_key"], "account_id": self._row["account_id"]}

        async def body(conn: Connection) -> None:
            done = {"status": "complete", "md5": stored.md5, "sha256": stored.sha256, "problem": None}
            await self._settled(conn, **done, expires_at=now + UPLOAD_KEPT)
            await conn.execute(*SQL["make_file"](**file, **facts, now=now))

        await self._ctx.upkeep.transact(body)
        tell(log, "upload put together", account=self._row["account_id"], size=stored.size, sha256=stored.sha256)

    async def fail(self, problem: str) -> None:
        """It can't be put together, and its owner is told why."""
        told = {"status": "failed", "md5": None, "sha256": None, "problem": problem}
        await self._ctx.upkeep.transact(lambda conn: self._settled(conn, **told, expires_at=self._ctx.now() + KEPT))
        await objects_of(self._ctx).delete(self._row["object_key"])

    async def _settled(self, conn: Connection, **told: object) -> None:
        which = {"upload_id": self._row["upload_id"], "until": self._until}
        if await conn.fetchval(*SQL["settle"](**which, **told)) is None:
            raise _Lost

    async def rest(self) -> None:
        """It is tried again soon."""
        which = {"upload_id": self._row["upload_id"], "until": self._until}
        async with self._ctx.upkeep.connection() as conn:
            await conn.execute(*SQL["rest_claim"](**which, later=self._ctx.now() + AGAIN))
