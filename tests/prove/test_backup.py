"""A backup that is taken in the middle of a rollout: the machine's data is destroyed, the backup restored, and the
devices reconnect and end as scripted. What was acknowledged before the backup began is there. And an archive that is
written all the while: what was acknowledged before the moment that it was restored as of is there, of the last one and
of one before."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pyrage
import pytest
from tests.prove.rollout import Process, package, product_with
from tests.prove.test_survival import IMAGE, begin, lost

from upwell.embedded.files import running_dsn
from upwell.embedded.server import EmbeddedPostgres
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

RATES = Rates(drop_mid_download=0.2, repeat=0.2, reorder=0.1)  # each ends with success, whatever of it is forgotten
SILENT = 0.06  # so many devices go on when the backup was made, so that it is of the middle however fast the others are
WITHIN_S = 200.0
SOMETHING_IS_WRITTEN = timedelta(seconds=1)  # in which the devices of a rollout that goes on say something
RANKS = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED")
STANDS = """
select d.name, t.state, mv.version from device d join task t using (device_id)
left join module_version mv on mv.device_id = d.device_id and mv.module = 'default'
"""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Process]:
    """It sends slowly, so that the rollout goes on for a while."""
    process = Process("--download-bytes-per-s", "5M" if "short" in request.node.name else "20M")
    process.start()
    yield process
    process.stop()


def upwell(*words: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("upwell")), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Begun:
    """A rollout that goes on."""

    fleet: Fleet
    product_key: str
    job: str
    over: asyncio.Event
    running: asyncio.Task[None]

    def ended(self) -> int:
        return sum(device.outcome is not None for device in self.fleet.devices)


async def begun(server: Process, devices_count: int) -> Begun:
    client = server.client()
    product_key, devices = product_with(client, devices_count)
    firmware = package(client, product_key, IMAGE)
    identities = [
        DeviceIdentity(product_key=product_key, device_name=n, device_secret=s, version="1.0.0") for n, s in devices
    ]
    rates = replace(RATES, silent=SILENT)
    fleet, over = Fleet("127.0.0.1", server.mqtt, identities, 7, rates, "2.0.0"), asyncio.Event()
    assert any(device.script.silent for device in fleet.devices)
    running = asyncio.create_task(fleet.run(over))
    return Begun(fleet, product_key, begin(client, firmware, product_key, "static"), over, running)


async def prove(server: Process, devices_count: int, share: float, *, encrypted: bool) -> None:
    """Back up once so large a share of the devices has ended."""
    data, place, rollout = server.dir / "data", server.dir / "backup", await begun(server, devices_count)
    fleet = rollout.fleet
    await until(lambda: rollout.ended() >= share * devices_count)
    more, opens = keys(server.dir) if encrypted else ([], [])
    began = time.monotonic()
    told = await asyncio.to_thread(upwell, "backup", str(place), "--data-dir", str(data), *more)
    since = len([r for d in fleet.devices for r in d.acknowledged if r.acknowledged_at > began])
    server.kill_postgres()
    server.kill()
    shutil.rmtree(data)  # the machine is gone, and the objects with it
    assert "whole" in await asyncio.to_thread(upwell, "verify-backup", str(place), *opens)
    await asyncio.to_thread(upwell, "restore", str(place), "--data-dir", str(data), *opens)
    stands = await standing(data)
    missing, open_then = forgotten(stands, fleet, began), open_in(stands)
    assert 0 < open_then < devices_count, "the backup was not of the middle of the rollout"
    await goes_on(server, rollout)
    print(f"{told.strip()}; open in it {open_then} of {devices_count}, acknowledged since {since}, lost {len(missing)}")
    assert missing == []
    assert "differences: 0" in await asyncio.to_thread(upwell, "check", "--data-dir", str(data))


async def goes_on(server: Process, rollout: Begun) -> None:
    """The devices find the restored server, and each ends as its script says."""
    fleet = rollout.fleet
    await asyncio.to_thread(server.start)
    fleet.wake()
    await until(fleet.settled)
    await until(lambda: rollout.ended() == len(fleet.devices))
    await settled_there(server, fleet, rollout.product_key, rollout.job)
    rollout.over.set()
    await rollout.running
    assert fleet.astray() == []


async def prove_archive(devices_count: int, share: float, *, encrypted: bool) -> None:
    """Lose the machine a little after so large a share of the devices has ended."""
    server = Process("--download-bytes-per-s", "5M" if devices_count < 100 else "20M")
    data, place, other = server.dir / "data", server.dir / "archive", server.dir / "before"
    more, opens = keys(server.dir) if encrypted else ([], [])
    server.options += ("--archive", str(place), "--archive-timeout-s", "1")
    server.options += tuple(word.replace("--recipient", "--archive-recipients") for word in more)
    await asyncio.to_thread(server.start)
    try:
        await until(lambda: any(place.glob("base/*/head.json")))
        rollout = await begun(server, devices_count)
        fleet = rollout.fleet
        await until(lambda: rollout.ended() >= share * devices_count)
        moment = datetime.now(UTC)
        await until(lambda: archived_until(place) > moment + SOMETHING_IS_WRITTEN)
        server.kill_postgres()
        server.kill()
        killed = datetime.now(UTC)
        shutil.rmtree(data)  # the machine is gone, and the objects with it
        assert "is whole" in await asyncio.to_thread(upwell, "verify-backup", str(place), *opens)
        told = await asyncio.to_thread(upwell, "restore", str(place), "--data-dir", str(data), *opens)
        as_of = restored_as_of(told)
        assert moment < as_of <= killed
        stands = await standing(data)
        missing, open_then = forgotten(stands, fleet, monotonic_of(as_of)), open_in(stands)
        assert 0 < open_then < devices_count, "it was not the middle of the rollout"
        await goes_on(server, rollout)  # and archives into the same place, on a timeline of its own
        assert "differences: 0" in await asyncio.to_thread(upwell, "check", "--data-dir", str(data))
        words = ("restore", str(place), "--until", moment.isoformat(), "--data-dir", str(other))
        before_told = await asyncio.to_thread(upwell, *words, *opens)
        before = await standing(other)
        assert restored_as_of(before_told) <= moment < await latest_change(data)
        assert await latest_change(other) <= moment
        print(
            f"killed {(killed - as_of).total_seconds():.2f} s after what was restored; {told.strip()}; open in it "
            f"{open_then} of {devices_count}, lost {len(missing)}; of the moment before open {open_in(before)}"
        )
        assert missing == []
        assert forgotten(before, fleet, monotonic_of(restored_as_of(before_told))) == []
        assert open_in(before) >= open_then
        assert "differences: 0" in await asyncio.to_thread(upwell, "check", "--data-dir", str(other))
    finally:
        server.stop()


def archived_until(place: Path) -> datetime:
    """When the last file of the log was full that is in the archive."""
    notes = [json.loads(file.read_text()) for file in (place / "wal").glob("*.json")]
    return max(datetime.fromisoformat(note["facts"]["ended_at"]) for note in notes)


def restored_as_of(told: str) -> datetime:
    return datetime.fromisoformat(told.split()[3].rstrip(":"))


def monotonic_of(moment: datetime) -> float:
    return moment.timestamp() - time.time() + time.monotonic()


def open_in(stands: dict[str, tuple[str, str]]) -> int:
    return sum(state != "SUCCEEDED" for state, _ in stands.values())


def keys(folder: Path) -> tuple[list[str], list[str]]:
    """What encrypts, and what opens."""
    identity = pyrage.x25519.Identity.generate()
    (folder / "identity").write_text(f"# a key of this test\n{identity}\n")
    return ["--recipient", str(identity.to_public())], ["--identity", str(folder / "identity")]


async def until(holds: object) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def settled_there(server: Process, fleet: Fleet, product_key: str, job: str) -> None:
    """What the last devices say after they reconnected is written soon."""
    deadline = time.monotonic() + WITHIN_S
    while found := await lost(server, fleet, product_key, job):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(1)


async def standing(data: Path) -> dict[str, tuple[str, str]]:
    """State and version of each device, as the restored database has them before anybody serves."""
    async with database(data) as conn:
        return {row["name"]: (row["state"], row["version"]) for row in await conn.fetch(STANDS)}


async def latest_change(data: Path) -> datetime:
    """When a task was changed last, by the server's clock."""
    async with database(data) as conn:
        found: datetime = await conn.fetchval("select max(modified_at) from task")
        return found


@asynccontextmanager
async def database(data: Path) -> AsyncIterator[asyncpg.Connection]:
    """Of a data dir, served or not."""
    dsn, postgres = running_dsn(data), EmbeddedPostgres(data)
    if dsn is None:
        await postgres.start()
    conn = await asyncpg.connect(dsn or postgres.dsn)
    try:
        yield conn
    finally:
        await conn.close()
        await postgres.stop()


def forgotten(stands: dict[str, tuple[str, str]], fleet: Fleet, began: float) -> list[str]:
    """Of what was acknowledged before that moment all that is not there."""
    problems = []
    for device in fleet.devices:
        name, told = device.identity.device_name, [r for r in device.acknowledged if r.acknowledged_at < began]
        state, version = stands.get(name, ("", ""))
        if any(r.kind == "inform" and r.value == "2.0.0" for r in told) and (state, version) != ("SUCCEEDED", "2.0.0"):
            problems.append(f"{name} had told its end, and is {state} with {version}")
        if any(r.kind == "progress" for r in told) and RANKS.index(state) < RANKS.index("IN_PROGRESS"):
            problems.append(f"{name} had told progress, and is {state}")
    return problems


@pytest.mark.timeout(500)
async def test_a_short_rollout_goes_on_from_its_backup(server: Process) -> None:
    await prove(server, 30, 0.3, encrypted=False)


@pytest.mark.timeout(500)
async def test_a_short_rollout_goes_on_from_its_archive() -> None:
    await prove_archive(30, 0.3, encrypted=False)


@pytest.mark.prove
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("share", [0.2, 0.7])
async def test_a_large_rollout_goes_on_from_its_encrypted_archive(share: float) -> None:
    await prove_archive(300, share, encrypted=True)


@pytest.mark.prove
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
async def test_a_large_rollout_goes_on_from_its_encrypted_backup(server: Process, share: float) -> None:
    await prove(server, 300, share, encrypted=True)
