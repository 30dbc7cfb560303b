"""What one server has counted, gathered from its parts when somebody asks: no part knows of metrics."""

import asyncio
import contextlib
import os
import platform
import resource
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from upwell import __version__
from upwell.dialects.upwell.names import rollout_id
from upwell.domain.errors import UpwellError
from upwell.doors.devices.connections import Connections
from upwell.doors.downloads.door import DownloadDoor
from upwell.doors.downloads.heads import Served
from upwell.doors.http.places import Places
from upwell.doors.management.tongue import House
from upwell.doors.readiness import Readiness
from upwell.engine.duties import Engine
from upwell.engine.gather import Gatherer
from upwell.engine.lanes import Lanes
from upwell.meters.counting import Spans, Tally
from upwell.meters.reading import Reading
from upwell.meters.table import ROLLOUTS_MAX, SECONDS
from upwell.objects.cache import Cache
from upwell.service.context import Context
from upwell.service.upgrade import running
from upwell.storage.database import Database
from upwell.storage.steps import newest_version
from upwell.wiring.certificates import ServerCertificates
from upwell.wiring.standbys import Standbys

if TYPE_CHECKING:
    from upwell.wiring.otlp import Otlp

SHARED_KEPT_S = 5.0  # what all processes share is asked of PostgreSQL no more often
SHARED_WITHIN_S = 3.0
DELAY_PAUSE_S = 0.25  # between two looks at how late the event loop is


@dataclass(slots=True)
class Downloads:
    """What was downloaded here."""

    outcomes: Tally = field(default_factory=Tally)
    resumes: int = 0

    def add(self, served: Served) -> None:
        """One file, or a part of one."""
        self.outcomes.add(served.outcome)
        self.resumes += served.start > 0


class Delays:
    """How late the event loop is, looked at again and again."""

    def __init__(self) -> None:
        self.spans = Spans(SECONDS)

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + DELAY_PAUSE_S
            await asyncio.sleep(DELAY_PAUSE_S)
            self.spans.add(max(0.0, loop.time() - due_s))


@dataclass(slots=True, kw_only=True)
class Meter:
    """The parts of one server, by what they count."""

    ctx: Context
    databases: list[Database]
    engine: Engine
    connections: Connections
    download: DownloadDoor
    downloads: Downloads
    cache: Cache | None
    places: Places
    house: House
    readiness: Readiness
    certificates: ServerCertificates
    folders: Mapping[str, Path]
    delays: Delays
    of_proxies: Tally
    otlp: "Otlp | None" = None
    started_at: float = field(default_factory=time.time)
    standbys: Standbys = field(default_factory=Standbys)
    _shared: running.Shared | None = None
    _shared_s: float = float("-inf")

    async def read(self, *, shared: bool) -> Reading:
        """All of it now; with what all processes share, where it is asked for and PostgreSQL answers."""
        reading = Reading()
        self._owners(reading)
        self._devices(reading)
        self._downloaded(reading)
        self._engine(reading)
        self._stored(reading)
        self._standing(reading)
        await asyncio.to_thread(self._machine, reading)
        if shared:
            await self._all(reading)
        return reading

    def _owners(self, reading: Reading) -> None:
        requests = self.house.requests
        reading.tally("upwell_requests_total", requests.ended)
        reading.tally("upwell_request_refusals_total", requests.refusals)
        reading.histograms("upwell_request_seconds", requests.seconds)

    def _devices(self, reading: Reading) -> None:
        devices, door = self.connections.meter, self.connections.door
        reading.put("upwell_connections", len(self.places), "http")
        reading.put("upwell_connections", door.connected(), "mqtt")
        reading.put("upwell_connections", self.download.connected(), "download")
        reading.put("upwell_devices_connected", len(door.devices))
        reading.tally("upwell_connections_refused_total", door.refused)
        reading.tally("upwell_proxied_refusals_total", self.of_proxies)
        reading.tally("upwell_connections_ended_total", door.ended)
        reading.tally("upwell_logins_total", devices.logins)
        reading.tally("upwell_login_refusals_total", devices.login_refusals)
        reading.tally("upwell_heard_total", devices.heard)
        reading.tally("upwell_not_understood_total", devices.not_understood)
        reading.tally("upwell_offers_total", devices.offers)
        reading.tally("upwell_acknowledgements_total", devices.acknowledgements)

    def _downloaded(self, reading: Reading) -> None:
        reading.tally("upwell_downloads_total", self.downloads.outcomes)
        reading.put("upwell_download_resumes_total", self.downloads.resumes)
        reading.put("upwell_download_bytes_total", self.download.bytes_served)
        reading.tally("upwell_download_refusals_total", self.download.refused)
        if self.cache is not None:
            reading.tally("upwell_object_cache_lookups_total", self.cache.lookups)
            reading.tally("upwell_object_cache_fills_total", self.cache.fills)

    def _engine(self, reading: Reading) -> None:
        for name, loop in self.engine.loops.items():
            reading.put("upwell_turns_total", loop.turns, name, "done")
            reading.put("upwell_turns_total", loop.failures, name, "failed")
            reading.put("upwell_turn_seconds_total", loop.worked_s, name)
            reading.put("upwell_turn_age_seconds", loop.age_s(), name)
        for part in self.engine.parts:
            reading.put("upwell_engine_late_seconds", part.late_s(), part.name)
            if isinstance(part, Lanes | Gatherer):
                reading.put("upwell_lane_depth", part.depth(), part.name)
                reading.put("upwell_lane_waited_seconds", part.waited_s(), part.name)
                reading.spans("upwell_batch_items", part.gathered.items, part.name)
                reading.spans("upwell_batch_seconds", part.gathered.seconds, part.name)
        reading.put("upwell_lane_depth", self.engine.scribe.depth(), self.engine.scribe.name)
        reading.spans("upwell_event_loop_delay_seconds", self.delays.spans)

    def _stored(self, reading: Reading) -> None:
        times, seconds = Tally(), Tally()
        for database in self.databases:
            meter, (busy, idle, most) = database.meter, database.connections()
            reading.put("upwell_database_connections", busy, meter.name, "busy")
            reading.put("upwell_database_connections", idle, meter.name, "idle")
            reading.put("upwell_database_connections_max", most, meter.name)
            reading.spans("upwell_database_wait_seconds", meter.waits, meter.name)
            reading.spans("upwell_database_statement_seconds", meter.statements, meter.name)
            for whole, own in ((times, meter.times), (seconds, meter.seconds)):
                for labels, value in own.found.items():
                    whole.add(*labels, by=value)
        reading.tally("upwell_statements_total", times)
        reading.tally("upwell_statement_seconds_total", seconds)

    def _standing(self, reading: Reading) -> None:
        if self.otlp is not None:
            reading.tally("upwell_spans_total", self.otlp.outcomes())
        for name, holds in self.readiness.last().items():
            reading.put("upwell_ready", int(holds), name)
        reading.put("upwell_lease_age_seconds", self.engine.lease.age_s())
        reading.put("upwell_lease_lapses_total", self.engine.lease.lapses)
        reading.put("upwell_start_timestamp_seconds", self.started_at)

    def _machine(self, reading: Reading) -> None:
        """What is read from files and the system; in a thread, for a disk may be slow to answer."""
        for of, folder in self.folders.items():
            try:
                disk = shutil.disk_usage(folder)
            except OSError:  # it is away, which upwell_ready tells
                continue
            reading.put("upwell_disk_free_bytes", disk.free, of)
            reading.put("upwell_disk_size_bytes", disk.total, of)
        if self.cache is not None:
            with contextlib.suppress(OSError):  # it is away, which the log tells
                reading.put("upwell_object_cache_bytes", self.cache.folder.held_bytes())
        for of, expires in self.certificates.expire().items():
            reading.put("upwell_certificate_expires_timestamp_seconds", expires.timestamp(), of)
        used = resource.getrusage(resource.RUSAGE_SELF)
        reading.put("upwell_cpu_seconds_total", used.ru_utime + used.ru_stime)
        proc = Path("/proc/self")
        if proc.is_dir():
            pages = int((proc / "statm").read_text().split()[1])
            reading.put("upwell_resident_memory_bytes", pages * os.sysconf("SC_PAGE_SIZE"))
            reading.put("upwell_open_files", len(list((proc / "fd").iterdir())))

    async def _all(self, reading: Reading) -> None:
        reading.put("upwell_build_info", 1, __version__, platform.python_version(), str(newest_version()))
        shared = await self._looked()
        if shared is None:
            return
        reading.put("upwell_rollouts_running", shared.running)
        for name, lag_s in self.standbys.lag_s.items():
            reading.put("upwell_replication_lag_seconds", lag_s, name)
        for each in shared.newest:
            name = rollout_id(each.job_id)
            reading.put("upwell_rollout_standing", 1, name, each.how)
            reading.put("upwell_rollout_held_by_rate", int(each.is_held), name)
            for state, count in each.tasks.items():
                reading.put("upwell_rollout_tasks", count, name, state.value)

    async def _looked(self) -> running.Shared | None:
        """As of SHARED_KEPT_S ago at most; None while PostgreSQL does not answer, which upwell_ready tells."""
        if time.monotonic() - self._shared_s > SHARED_KEPT_S:
            try:
                async with asyncio.timeout(SHARED_WITHIN_S):
                    self._shared = await running.shared(self.ctx, ROLLOUTS_MAX)
            except (UpwellError, TimeoutError):
                self._shared = None
            self._shared_s = time.monotonic()
            if self._shared is not None:
                self.standbys.look(self._shared.standbys, self._shared_s)
        return self._shared
