"""How jobs that ask for versions stand, counted in one question with nothing kept beside the tasks, so that it is the
truth at any instant (L2). How an ended one stands was written down at its end."""

from collections import Counter
from collections.abc import Sequence

from upwell.domain.standings import Standing, Tally, tally
from upwell.storage.database import Connection
from upwell.storage.job_rows import standing_of
from upwell.storage.queries import sheet

SQL = sheet("counters")


async def tallies(conn: Connection, job_ids: Sequence[int]) -> dict[int, Tally]:
    """The counters of these jobs."""
    counts: dict[int, Counter[Standing]] = {job_id: Counter() for job_id in job_ids}
    for row in await conn.fetch(*SQL["tallies"](job_ids=job_ids)):
        counts[row["job_id"]][standing_of(row)] += row["n"]
    return {job_id: tally(counted) for job_id, counted in counts.items()}
