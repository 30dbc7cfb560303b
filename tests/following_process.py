"""A process of its own in which the tasks of a job follow what was done to it, to be killed.

Run: python -m tests.following_process DSN JOB CHUNK; it says `ready` before its first chunk and ends after the last.
"""

import asyncio
import sys

from upwell.service.context import Context
from upwell.service.upgrade import following
from upwell.storage.database import Database


async def main(dsn: str, job: int, chunk: int) -> None:
    following.CHUNK = chunk
    database = Database(dsn)
    await database.open()
    print("ready", flush=True)
    while (await following.follow_one(Context(database), job)).more:
        pass
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
