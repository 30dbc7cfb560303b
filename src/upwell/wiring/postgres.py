"""The embedded PostgreSQL beside whatever uses it: started with it, started again when it ends by itself."""

import asyncio
import contextlib
import logging

from upwell.config import Settings
from upwell.embedded.server import EmbeddedPostgres
from upwell.meters.reading import Reading
from upwell.storage.database import KINDS
from upwell.wiring.archiving import Archiving

log = logging.getLogger(__name__)
CONNECTIONS = sum(kind.size for kind in KINDS)  # of one process that serves
SPARE_CONNECTIONS = 30  # for the command line, for a person, and for a process that comes while another goes


class OwnPostgres:
    """One embedded server, for that many processes of ours."""

    def __init__(self, settings: Settings) -> None:
        connections = CONNECTIONS * settings.workers + SPARE_CONNECTIONS
        self._postgres = EmbeddedPostgres(
            settings.data_dir, connections, hands_over=settings.archive is not None,
            archive_timeout_s=settings.archive_timeout_s,
        )  # fmt: skip
        self._reviving: asyncio.Task[None] | None = None
        self._archiving = Archiving(settings) if settings.archive is not None else None

    async def start(self) -> str:
        """Its DSN, once it accepts connections. Raises EmbeddedPostgresError."""
        await self._postgres.start()
        self._reviving = asyncio.get_running_loop().create_task(self._revive())
        return self._postgres.dsn

    async def archive(self) -> None:
        """Begin the archive, if there is to be one; the schema is this program's. Raises SettingError."""
        if self._archiving is not None:
            await self._archiving.start(self._postgres.dsn)

    def read(self, reading: Reading) -> None:
        """What metrics tell of it."""
        if self._archiving is not None:
            self._archiving.read(reading)

    async def stop(self) -> None:
        """Returns when it is gone, and what it wrote is archived if that can be soon."""
        if self._archiving is not None:
            await self._archiving.halt()
        if self._reviving is not None:
            self._reviving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reviving
        await self._postgres.stop()
        if self._archiving is not None:
            await self._archiving.drain()

    async def _revive(self) -> None:
        # The pools reconnect by themselves once PostgreSQL is back under the same address.
        while True:
            status = await self._postgres.ended()
            log.error("PostgreSQL ended with status %s; starting it again", status)
            try:
                await self._postgres.restart()
                log.info("PostgreSQL is started again")
            except Exception:
                log.exception("PostgreSQL can't be started again")
                await asyncio.sleep(1)
