"""How jobs that ask for versions stand, counted in one question with nothing kept beside the tasks, so that it is the
truth at any instant (L2). How an ended one stands was written down at its end."""

from collections import Counter
from collections.abc import Sequence

from upwell.domain.standings import Progress, Standing, Tally, progress, standing, tally
from upwell.domain.task import State
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("batches")


def standing_of(row: Row) -> Standing:
    """Where the task of a row stands."""
    return standing(State(row["state"]), asked=row["asked"], retry_waits=row["again"], gone=row["gone"])


async def tallies(conn: Connection, job_ids: Sequence[int]) -> dict[int, Tally]:
    """The counters of these jobs."""
    counts: dict[int, Counter[Standing]] = {job_id: Counter() for job_id in job_ids}
    for row in await conn.fetch(SQL["tallies"], list(job_ids)):
        counts[row["job_id"]][standing_of(row)] += row["n"]
    return {job_id: tally(counted) for job_id, counted in counts.items()}


def progress_of(row: Row, counted: Tally | None = None) -> Progress:
    """How the batch of a row stands. Without a tally one that runs counts as having open tasks, which it has until the
    engine has ended it."""
    if row["outcome"]:
        return Progress(row["outcome"])
    open_or_counted = counted if counted is not None and counted.open else Tally(running=1)
    planned, resolved = row["status"] == "PLANNED", row["materialised"]
    return progress(open_or_counted, planned=planned, resolved=resolved, stop_asked=row["stop_asked"])
