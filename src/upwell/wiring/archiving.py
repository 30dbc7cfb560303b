"""The archive of the embedded database while it is served: the log as it comes, a base a day; what is too old goes."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from upwell.backup.archiving import PAUSE_S, Archiver, Overtaken
from upwell.backup.manifest import BackupError
from upwell.backup.pouring import recipients_of
from upwell.backup.programs import Tools
from upwell.backup.shelf import Shelf
from upwell.config import Settings
from upwell.config.sources import SettingError
from upwell.domain.errors import UpwellError
from upwell.embedded.accounts import wheel_folder
from upwell.embedded.files import Paths
from upwell.meters.reading import Reading
from upwell.objects import open_objects
from upwell.service.clock import utc_now
from upwell.storage.database import Database, Pool
from upwell.wiring.health import MB
from upwell.wiring.stores import stores_of

log = logging.getLogger(__name__)
CONNECTIONS = Pool("archive", 2)
OPEN_WITHIN_S = 15.0
DRAIN_WITHIN_S = 20.0  # when the server ends; what is left then goes at its next start
AGAIN_MOST_S = 60.0


class Archiving:
    """The archive that the settings name, written to while the server runs."""

    def __init__(self, settings: Settings) -> None:
        assert settings.archive is not None  # noqa: S101  # there is nothing to do otherwise
        self._settings, self._place = settings, settings.archive
        self._tasks: list[asyncio.Task[None]] = []
        self._database: Database | None = None
        self._archiver: Archiver | None = None
        self._takes = False  # whether the place took the last of it

    async def start(self, dsn: str) -> None:
        """Begin. A place that does not answer keeps nobody waiting: it is told, and tried again. Raises SettingError
        where the place is none, or another database's."""
        paths, settings = Paths(self._settings.data_dir), self._settings
        self._database = database = Database(dsn, pool=CONNECTIONS)
        await database.open()
        try:
            shelf = Shelf(open_objects(self._place), recipients_of(settings.archive_recipients))
            self._archiver = archiver = Archiver(
                shelf, database, stores_of(settings), Tools(wheel_folder() / "pginstall" / "bin", dsn),
                paths.cluster, paths.spool, room=settings.disk_floor_mb * MB, now=utc_now,
            )  # fmt: skip
            await asyncio.wait_for(archiver.open(), OPEN_WITHIN_S)
        except Overtaken as exc:  # the devices are worth more than the archive
            log.error("the archive fails, it is tried again: %s", exc)
        except BackupError as exc:
            raise SettingError("archive", self._place, exc.problem, settings.sources.get("archive")) from exc
        except (UpwellError, TimeoutError) as exc:
            if self._archiver is None:
                raise SettingError("archive", self._place, str(exc), settings.sources.get("archive")) from exc
            told = "no answer in time" if isinstance(exc, TimeoutError) else exc
            log.error("the archive can't be used, it is tried again: %s", told)
        loop = asyncio.get_running_loop()
        duties = {"log": self._ship, "base": self._keep_bases, "what waits": self._give_up}
        self._tasks = [loop.create_task(self._again(*each)) for each in duties.items()]

    async def halt(self) -> None:
        """Nothing more begins; what packages stand for is archived, if that can be soon. The database still runs."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._archiver is not None:
            self._takes = await self._soon(self._last(self._archiver))
        if self._database is not None:
            await self._database.close()

    async def drain(self) -> None:
        """The rest of the log, which PostgreSQL handed over as it ended."""
        if self._archiver is not None and self._takes:
            await self._soon(self._archiver.ship(with_objects=False))

    def read(self, reading: Reading) -> None:
        """For metrics."""
        if self._archiver is None:
            return
        now, archiver = utc_now(), self._archiver
        for name, value in asdict(archiver.counts).items():
            reading.put(f"upwell_archive_{name}_total", value)
        reading.put("upwell_archive_held_bytes", archiver.spool.held())
        reading.put("upwell_archive_behind_seconds", archiver.behind().total_seconds())
        if archiver.base_at is not None:
            reading.put("upwell_archive_base_age_seconds", (now - archiver.base_at).total_seconds())

    async def _last(self, archiver: Archiver) -> None:
        await archiver.ship()
        await archiver.keep_objects()

    async def _soon(self, work: Awaitable[object]) -> bool:
        """Whether it was done."""
        try:
            await asyncio.wait_for(work, DRAIN_WITHIN_S)
        except (UpwellError, OSError) as exc:
            told = "no answer in time" if isinstance(exc, TimeoutError) else exc
            log.warning("the archive lacks the last of the log until the next start: %s", told)
            return False
        return True

    async def _ship(self) -> None:
        assert self._archiver is not None  # noqa: S101  # it is there before this runs
        await self._archiver.ship()

    async def _give_up(self) -> None:
        """Of its own, for a place may take minutes to refuse one file."""
        assert self._archiver is not None  # noqa: S101  # it is there before this runs
        await asyncio.to_thread(self._archiver.give_up)

    async def _keep_bases(self) -> None:
        assert self._archiver is not None  # noqa: S101  # it is there before this runs
        if self._archiver.wants_base:
            await self._archiver.open()  # which finds out whether it is so
        if self._archiver.wants_base:
            await self._archiver.make_base()
            log.info("a base is in the archive")
            await self._archiver.prune(self._settings.archive_days)

    async def _again(self, what: str, duty: Callable[[], Awaitable[None]]) -> None:
        """Do it again and again; what fails is told when it begins to, when it fails otherwise, and when it goes on."""
        assert self._archiver is not None  # noqa: S101  # it is there before this runs
        pause_s, told = PAUSE_S, ""
        while True:
            try:
                await duty()
                if told:
                    log.info("the archive goes on: %s", what)
                pause_s, told = PAUSE_S, ""
            except (UpwellError, OSError) as exc:
                self._archiver.counts.failures += 1
                if told != str(exc):
                    log.error("the archive fails, it is tried again: %s: %s", what, exc)
                pause_s, told = min(2 * pause_s, AGAIN_MOST_S), str(exc)
            except Exception as exc:
                self._archiver.counts.failures += 1
                log.exception("the archive fails, it is tried again: %s", what)
                pause_s, told = AGAIN_MOST_S, str(exc)
            await asyncio.sleep(pause_s)
