"""A command that is killed in its middle, and not before it or after: it stands at a lock of PostgreSQL meanwhile."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

import asyncpg

WITHIN_S = 60.0
STANDS = "select 1 from pg_stat_activity where $1::int = any (pg_blocking_pids(pid)) and query like $2"


def killed_at(command: Sequence[str], dsn: str, locks: str, asks: str, env: Mapping[str, str] | None = None) -> None:
    """It is killed (SIGKILL) while a statement of it like `asks` waits for what `locks` holds for as long as its
    session lasts: an advisory lock, or what `begin` and more take."""
    asyncio.run(_killed_at(command, dsn, locks, asks, env))


async def _killed_at(
    command: Sequence[str], dsn: str, locks: str, asks: str, env: Mapping[str, str] | None
) -> None:  # fmt: skip
    holder, looker = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        await holder.execute(locks)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        try:
            deadline = time.monotonic() + WITHIN_S
            while await looker.fetchval(STANDS, holder.get_server_pid(), asks) is None:
                assert process.poll() is None and time.monotonic() < deadline, (process.poll(), asks)
                await asyncio.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL
    finally:
        await holder.close()
        await looker.close()
