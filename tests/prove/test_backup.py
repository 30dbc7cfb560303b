"""A backup that is taken in the middle of a rollout: the machine's data is destroyed, the backup restored, and the
devices reconnect and end as scripted. What was acknowledged before the backup began is there."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pyrage
import pytest
from tests.prove.rollout import Process, package, product_with
from tests.prove.test_survival import IMAGE, begin, lost

from upwell.embedded.server import EmbeddedPostgres
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

RATES = Rates(drop_mid_download=0.2, repeat=0.2, reorder=0.1)  # each ends with success, whatever of it is forgotten
SILENT = 0.06  # so many devices go on when the backup was made, so that it is of the middle however fast the others are
WITHIN_S = 200.0
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


async def prove(server: Process, devices_count: int, share: float, *, encrypted: bool) -> None:
    """Back up once so large a share of the devices has ended."""
    client, data, place = server.client(), server.dir / "data", server.dir / "backup"
    product_key, devices = product_with(client, devices_count)
    firmware = package(client, product_key, IMAGE)
    identities = [
        DeviceIdentity(product_key=product_key, device_name=n, device_secret=s, version="1.0.0") for n, s in devices
    ]
    rates = replace(RATES, silent=SILENT)
    fleet, over = Fleet("127.0.0.1", server.mqtt, identities, 7, rates, "2.0.0"), asyncio.Event()
    assert any(device.script.silent for device in fleet.devices)
    running = asyncio.create_task(fleet.run(over))
    job = begin(client, firmware, product_key, "static")
    await until(lambda: ended(fleet) >= share * devices_count)
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
    missing, open_then = forgotten(stands, fleet, began), sum(state != "SUCCEEDED" for state, _ in stands.values())
    assert 0 < open_then < devices_count, "the backup was not of the middle of the rollout"
    await asyncio.to_thread(server.start)
    fleet.wake()
    await until(fleet.settled)
    await until(lambda: ended(fleet) == devices_count)
    await settled_there(server, fleet, product_key, job)
    over.set()
    await running
    print(f"{told.strip()}; open in it {open_then} of {devices_count}, acknowledged since {since}, lost {len(missing)}")
    assert missing == []
    assert fleet.astray() == []
    assert "differences: 0" in await asyncio.to_thread(upwell, "check", "--data-dir", str(data))


def keys(folder: Path) -> tuple[list[str], list[str]]:
    """What encrypts, and what opens."""
    identity = pyrage.x25519.Identity.generate()
    (folder / "identity").write_text(f"# a key of this test\n{identity}\n")
    return ["--recipient", str(identity.to_public())], ["--identity", str(folder / "identity")]


def ended(fleet: Fleet) -> int:
    return sum(device.outcome is not None for device in fleet.devices)


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
    postgres = EmbeddedPostgres(data)
    await postgres.start()
    try:
        conn = await asyncpg.connect(postgres.dsn)
        found = {row["name"]: (row["state"], row["version"]) for row in await conn.fetch(STANDS)}
        await conn.close()
    finally:
        await postgres.stop()
    return found


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


@pytest.mark.prove
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
async def test_a_large_rollout_goes_on_from_its_encrypted_backup(server: Process, share: float) -> None:
    await prove(server, 300, share, encrypted=True)
