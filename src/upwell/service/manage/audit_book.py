"""What the doors of one process tell the audit of refused calls: of known callers each before it is answered, those
that come at the same time together; of strangers how many, by network and minute, a few seconds later.

Holds: a stranger costs a number in memory. No minute has more than NETWORKS_MAX of them; all others of it are one.
"""

import asyncio
import logging
from collections import Counter
from datetime import datetime, timedelta
from functools import partial

from upwell.domain.errors import UpwellError
from upwell.service.context import Context
from upwell.service.manage.audit import Refusal, write_refusals
from upwell.service.manage.together import Together
from upwell.service.manage.tries import NARROW, network
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("audit")
PATIENCE_S = 3.0  # of a refused caller, while PostgreSQL does not answer
PAUSE_S = 5.0  # between counts that are written: so much is lost when a process is killed
NETWORKS_MAX = 200  # of one minute in one process
STRANGERS_KEPT = timedelta(days=30)
FORGOTTEN_AT_ONCE = 5000  # counts


class Book:
    """The audit's pen at the doors of one process."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._refusals: Together[Refusal, None] = Together(partial(write_refusals, ctx))
        self._counts: Counter[tuple[datetime, str]] = Counter()
        self._minute, self._networks = datetime.min, set[str]()

    async def refused(self, refusal: Refusal) -> None:
        """It is written when this returns. What can't be, or not for so long that its caller must be answered, is told
        in the log."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._refusals.one(refusal)
        except TimeoutError:
            log.warning("request %s is answered before its refusal is in the audit", refusal.asker.request_id)
        except UpwellError as exc:
            log.warning("the refusal of request %s is not in the audit: %s", refusal.asker.request_id, exc.problem)
        except Exception:
            log.exception("the refusal of request %s is not in the audit", refusal.asker.request_id)

    def stranger(self, address: str) -> None:
        """A call was refused of whom nobody knows."""
        minute = self._ctx.now().replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._networks = minute, set()
        where = network(address, NARROW)
        if where not in self._networks and len(self._networks) >= NETWORKS_MAX:
            where = ""
        self._networks.add(where)
        self._counts[minute, where] += 1

    async def run(self) -> None:
        """Write the counts every few seconds until this is cancelled, and then what is left."""
        try:
            while True:
                await asyncio.sleep(PAUSE_S)
                await self.write_counts()
        finally:
            await self.write_counts()

    async def write_counts(self) -> None:
        """What was counted since the last time. What can't be written now is written the next time."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        minutes, addresses = zip(*counts, strict=True)
        row = {"minute": minutes, "address": addresses, "times": list(counts.values())}
        try:
            await self._ctx.database.transact(lambda conn: conn.execute(*_Q["count_strangers"](**row)))
        except UpwellError as exc:
            log.warning("refused strangers are not counted yet: %s", exc.problem)
            if len(counts) < NETWORKS_MAX * 10:
                self._counts.update(counts)


async def forget_strangers(ctx: Context) -> None:
    """Counts are kept for a month, and forgotten some at a time."""
    forget = _Q["forget_strangers"](before=ctx.now() - STRANGERS_KEPT, at_most=FORGOTTEN_AT_ONCE)
    while int(await ctx.database.transact(lambda conn: conn.fetchval(*forget))) == FORGOTTEN_AT_ONCE:
        pass
