"""How jobs stood from time to time: what a curve of one is drawn by.

Holds: a look is as long ago as a hundredth of its job's time, five seconds at least, so that a job has some hundreds of
them, however long it runs; a job that stands as it stood has none. A turn looks at so many jobs, by their counters.
"""

from collections import Counter
from datetime import timedelta

from upwell.domain.task import State
from upwell.service.context import Context
from upwell.service.upgrade import counters
from upwell.storage.queries import sheet

SQL = sheet("course")
JOBS_AT_ONCE = 200
STEP = timedelta(seconds=5)
PARTS = 100  # of a job's time: 30 days are less than a thousand looks
LOOKS_MAX = 1000  # that are read of a job
_PLACES = {
    State.CONFIRM: "waiting", State.QUEUED: "waiting", State.NOTIFIED: "at_work", State.IN_PROGRESS: "at_work",
    State.SUCCEEDED: "succeeded", State.FAILED: "failed", State.CANCELED: "canceled",
}  # fmt: skip
PLACES = tuple(dict.fromkeys(_PLACES.values()))


class Looking:
    """One process's walk through the jobs that run, some a turn."""

    def __init__(self) -> None:
        self._after = 0

    async def look(self, ctx: Context) -> bool:
        """At the next of them; whether there are more."""
        async with ctx.upkeep.connection() as conn:
            rows = await conn.fetch(*SQL["running"](after=self._after, at_most=JOBS_AT_ONCE))
            job_ids = [row["job_id"] for row in rows]
            self._after = job_ids[-1] if len(job_ids) == JOBS_AT_ONCE else 0
            totals = await counters.totals(conn, job_ids) if job_ids else {}
            stand = [_stands(totals[job_id]) for job_id in job_ids]
            told = {place: [each[place] for each in stand] for place in PLACES}
            await conn.execute(*SQL["note"](job_ids=job_ids, now=ctx.now(), step=STEP, parts=PARTS, **told))
        return self._after > 0


def _stands(counts: dict[State, int]) -> Counter[str]:
    found = Counter[str]()
    for state, n in counts.items():
        found[_PLACES[state]] += n
    return found
