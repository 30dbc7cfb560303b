"""News on its way out: what waits is posted, one after the other to each URL, again and again for a day.

What is posted was committed before, and is forgotten only after it was taken: a crash between the two posts it twice,
and none is lost. While the oldest of a URL is not taken, the later ones wait. A process has what it posts to itself
for as long as a try may last.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upwell.domain import commands as c
from upwell.domain.standings import Progress
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade.seal_keys import readable
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

log = logging.getLogger(__name__)
SQL = sheet("news")
# huawei 6.5: how a job stands while its targets are found, or while it is being stopped, is no news.
TOLD = frozenset(Progress) - {Progress.RESOLVING, Progress.STOPPING}
KEPT = timedelta(hours=24)  # then it is news no more; the vendor keeps it as long
AT_ONCE = 20  # URLs that one process posts to at the same time
CLAIM = timedelta(seconds=60)  # longer than a try may last, which is the door's to see to
FIRST_PAUSE_S = 5  # after a try that failed; each pause is twice the one before
PAUSE_MAX_S = 600


@dataclass(frozen=True, slots=True)
class Parcel:
    """One POST. `token` signs it; `server_name` is what the server's certificate must say, None for the URL's host."""

    url: str
    body: bytes
    at: datetime
    token: str | None = field(repr=False)
    server_name: str | None


Render = Callable[[c.News, str], bytes]  # news and a text that is the same at every try, as an owner reads it
Post = Callable[[Parcel], Awaitable[str]]  # why it was not taken, "" when it was


async def note_status(
    conn: Connection, job_id: int, now: datetime, progress: Progress, part: str, reason: str = ""
) -> bool:
    """Make news of how the job stands, if that is news; True when it was. To be called in the transaction that changes
    it, by whoever can tell `progress` from all of the job's tasks: two that end a task each at once both see the other
    one open, so an end must be told by one that looks after both."""
    if progress not in TOLD:
        return False
    noted = await conn.fetchrow(*SQL["note_progress"](job_id=job_id, progress=progress.value, now=now))
    if noted is None:
        return False
    told = {"part": part, "progress": progress.value, "reason": reason}
    await conn.execute(*SQL["make_news"](job_id=job_id, nth=noted["nth"], noted_at=noted["noted_at"], **told))
    return True


async def deliver(ctx: Context, render: Render, post: Post) -> bool:
    """One round of posting; True when more may be due at once."""
    now = ctx.now()
    async with ctx.database.connection() as conn:
        await conn.execute(*SQL["forget_news"](before=now - KEPT))
        rows = await conn.fetch(*SQL["claim_news"](now=now, until=now + CLAIM, most=AT_ONCE))
        tokens = {row["action_id"]: _token(conn, row) for row in rows}
    whole = [row for row in rows if row["token"] is None or tokens[row["action_id"]] is not None]
    taken = await asyncio.gather(*(_try(ctx, row, tokens[row["action_id"]], render, post) for row in whole))
    return any(taken)


def _token(conn: Connection, row: Row) -> str | None:
    return None if row["token"] is None else readable(conn, Kept.ACTION, row["action_id"], row["token"])


async def _try(ctx: Context, row: Row, token: str | None, render: Render, post: Post) -> bool:
    which = {name: row[name] for name in ("action_id", "job_id", "nth")}
    told = filled(c.News, row, progress=Progress(row["progress"]), at=row["noted_at"])
    body = render(told, f"{row['action_id']:x}-{row['job_id']:x}-{row['nth']}")
    problem = await post(Parcel(row["url"], body, ctx.now(), token, row["server_name"]))
    async with ctx.database.connection() as conn:
        if not problem:
            await conn.execute(*SQL["settle_sent"](**which))
        else:
            next_at = ctx.now() + timedelta(seconds=pause_s(row["tries"]))
            await conn.execute(*SQL["put_off_news"](**which, tries=row["tries"], next_at=next_at))
    if problem:
        tell(log, "news was not taken", logging.WARNING, job=row["job_id"], tries=row["tries"], reason=problem)
    return not problem


def pause_s(tries: int) -> int:
    """Seconds to wait after the so-manieth try failed."""
    return min(FIRST_PAUSE_S << min(tries - 1, 16), PAUSE_MAX_S)
