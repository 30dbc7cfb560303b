"""Bystanders: devices of another product, which report now and again while something large, stuck or mad goes on beside
them; what went on, and how long they waited for their PUBACKs, a line a stage.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from tests.prove.rollout import Process, package, product_with

from bench import wire
from bench.crowds import CrowdProcess, Device, addresses, crowd

BYSTANDERS = 20
OF_THE_FLEET = 10  # devices of the fleet that may log in
PAUSE_S = 0.05  # between a bystander's acknowledgement and its next report
REGISTERED_AT_ONCE = 10_000
WITHIN_S = 1200.0
LOGIN_WITHIN_S = 60.0
BACK_WITHIN_S = 60.0
AWAY = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, OSError)
OPEN = "('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')"
WRITTEN_AT_ONCE = "select coalesce(max(n), 0) from (select count(*) as n from {table} group by xmin::text) as each"


class Rows:
    """The server's database by a connection that is none of its own, and that comes back when PostgreSQL does."""

    def __init__(self, server: Process) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._conn = self._connected()

    def _run(self, what: Any) -> Any:
        return self._loop.run_until_complete(what)

    def _connected(self) -> Any:
        deadline = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                return self._run(asyncpg.connect(self._server.dsn))
            except (*AWAY, AssertionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def value(self, statement: str, *values: Any) -> Any:
        """The one value that it finds."""
        try:
            return self._run(self._conn.fetchval(statement, *values, timeout=WITHIN_S))
        except AWAY:
            self._conn = self._connected()
            return self._run(self._conn.fetchval(statement, *values, timeout=WITHIN_S))

    @contextmanager
    def held(self, *statements: tuple[str, Any]) -> Iterator[None]:
        """A transaction that has run these and is not over before the `with` is."""
        held = self._conn.transaction()
        self._run(held.start())
        try:
            for statement, value in statements:
                assert self._run(self._conn.fetch(statement, value)), statement
            yield
        finally:
            self._run(held.rollback())

    def close(self) -> None:
        """Gone."""
        self._run(self._conn.close())
        self._loop.close()


@dataclass
class Stage:
    """One thing that went on, and how bystanders fared."""

    what: str
    waits: dict[str, float]
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def slowest_ms(self) -> float:
        """Of the bystanders' waits."""
        return self.waits["slowest_ms"]

    def line(self) -> str:
        """To read."""
        waits = self.waits
        more = " ".join(
            f"{name}={value:.3g}" if value < 1e6 else f"{name}={value:.0f}" for name, value in self.facts.items()
        )
        return (
            f"{self.what:<28} n={waits['count']:>5.0f} median_ms={waits['median_ms']:>6.0f} "
            f"slowest_ms={waits['slowest_ms']:>6.0f} own_lag_ms={waits['own_lag_ms']:>4.0f} "
            f"lost={waits['lost']:.0f} {more}"
        )  # fmt: skip


@dataclass
class Beside:
    """A server, its bystanders, and a fleet: `count` devices of product `key`, of which `own` may log in."""

    server: Process
    people: CrowdProcess
    rows: Rows
    client: Client
    key: str
    count: int
    own: Sequence[Device]
    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def beside(self, what: str, seconds: float = 0.0) -> Iterator[dict[str, float]]:
        """Bystanders report while this lasts; `facts` may be filled by who does it."""
        facts: dict[str, float] = {}
        self.people.begin("report", PAUSE_S)
        try:
            yield facts
            time.sleep(seconds)
        finally:
            stage = Stage(what, self.people.end(), facts)
            self.stages.append(stage)
            print(stage.line(), flush=True)

    def __getitem__(self, what: str) -> Stage:
        return next(stage for stage in self.stages if stage.what == what)

    # --- jobs ---

    def new_package(self, version: str) -> str:
        """Of the fleet's product; its id."""
        return package(self.client, self.key, b"x" * 1024, version)

    def begin_job(self, firmware: str) -> str:
        """A static job over all of the fleet."""
        asked = m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware, product_key=self.key, target_selection="ALL", maximum_per_minute=1000
        )
        body = self.client.create_otastatic_upgrade_job(asked).body
        assert body.success, body.to_map()
        return str(body.data.job_id)

    def total(self, job: str, **more: object) -> int:
        """As its owner reads it."""
        page = m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=1, **more)
        return int(self.client.list_otatask_by_job(page).body.total)

    def filled(self, job: str) -> float:
        """Seconds until every task is there."""
        return until(lambda: self.total(job) == self.count)

    def cancel(self, job: str) -> float:
        """Seconds until the answer."""
        asked = m.CancelOTATaskByJobRequest(
            job_id=job, cancel_queued_task=True, cancel_notified_task=True, cancel_in_progress_task=True,
            cancel_unconfirmed_task=True,
        )  # fmt: skip
        began = time.monotonic()
        answer = self.client.cancel_otatask_by_job(asked).body
        assert answer.success, answer.to_map()
        return time.monotonic() - began

    def anything_open(self) -> bool:
        """Whether any task is still open in the database, which may have been started again meanwhile."""
        return bool(self.rows.value(f"select exists (select from task where state in {OPEN})"))

    def written_down(self, job: int | None = None) -> float:
        """Seconds until no task of the job, or of any, is open."""
        of_job = "" if job is None else f"job_id = {job} and"
        statement = f"select exists (select from task where {of_job} state in {OPEN})"
        return until(lambda: not self.rows.value(statement))

    def written_at_once(self) -> int:
        """Most rows of tasks, or of their history, that one transaction has written and that still stand."""
        return max(int(self.rows.value(WRITTEN_AT_ONCE.format(table=table))) for table in ("task", "task_change"))


def until(holds: Callable[[], bool], within_s: float = WITHIN_S) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s, "it takes too long"
        time.sleep(0.1)
    return time.monotonic() - began


def register(client: Client, key: str, count: int) -> None:
    """So many more devices of the product."""
    for begun in range(0, count, REGISTERED_AT_ONCE):
        some = min(REGISTERED_AT_ONCE, count - begun)
        body = client.batch_register_device(m.BatchRegisterDeviceRequest(product_key=key, count=some)).body
        assert body.success, body.to_map()


def log_in(port: int, device: Device, address: str) -> float:
    """Seconds from the first packet to the CONNACK of a device that comes anew."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), LOGIN_WITHIN_S, (address, 0)) as sock:
        sock.sendall(wire.login(*device))
        assert sock.recv(4) == b"\x20\x02\x00\x00"
    return time.monotonic() - began


@contextmanager
def beside(server: Process, count: int) -> Iterator[Beside]:
    """Bystanders that are logged in, and a fleet of `count`."""
    client = server.client()
    theirs, standing = product_with(client, BYSTANDERS)
    key, own = product_with(client, OF_THE_FLEET)
    register(client, key, count - len(own))
    mine = [(key, name, secret) for name, secret in own]
    rows = Rows(server)
    try:
        with crowd(server.mqtt, [(theirs, name, secret) for name, secret in standing], addresses(1)) as people:
            yield Beside(server, people, rows, client, key, count, mine)
    finally:
        rows.close()
