"""What a process sees of itself: its checks, its certificates and its disks."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from upwell import __version__
from upwell.domain.commands.server import Certificate, Disk, ServerState
from upwell.service.context import Context
from upwell.service.sight import Look
from upwell.storage.steps import newest_version
from upwell.wiring.certificates import ServerCertificates

UNKNOWN = -1


def sight_of(
    ctx: Context, told: Callable[[], Awaitable[Mapping[str, str]]], certificates: ServerCertificates,
    folders: Mapping[str, Path],
) -> Look:  # fmt: skip
    """What looks at it."""

    async def look() -> ServerState:
        async with ctx.lookups.connection() as conn:
            database = str(await conn.fetchval("select current_setting('server_version')"))
        return ServerState(
            version=__version__, database=database.split()[0], schema=newest_version(), checks=await told(),
            certificates=tuple(Certificate(of=of, ends_at=ends) for of, ends in certificates.expire().items()),
            disks=tuple([await asyncio.to_thread(_disk, of, folder) for of, folder in folders.items()]),
            asked_at=ctx.now(),
        )  # fmt: skip

    return look


def _disk(of: str, folder: Path) -> Disk:
    try:
        found = shutil.disk_usage(folder)
    except OSError:
        return Disk(of=of, free=UNKNOWN, size=UNKNOWN)  # the check of disks says why
    return Disk(of=of, free=found.free, size=found.total)
