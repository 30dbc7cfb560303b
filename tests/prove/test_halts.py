"""kill -9 of the server and of PostgreSQL, again and again in the middle of halts: whatever a cancel had answered stays
so for its owner and for the devices, and is written into every task exactly once."""

import random
import time
from collections.abc import Iterator

import pytest
from bench.beside import Beside, beside
from bench.crowds import CrowdProcess, addresses, crowd
from tests.prove.laws import broken
from tests.prove.rollout import Process

STARTED_AGAIN_S = 30.0
AWAY_TRIES = 200
ON_ITS_WAY_S = 0.2  # what was sent before the cancel returned has arrived


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process()
    process.start()
    yield process
    process.stop()


def killed(server: Process, dice: random.Random) -> None:
    """The server, or its PostgreSQL alone; either is back when this returns."""
    time.sleep(dice.uniform(0.0, 0.3))
    if dice.random() < 0.3:
        server.kill_postgres()
        until_answered(server)
    else:
        server.kill()
        server.start()


def until_answered(server: Process) -> None:
    deadline = time.monotonic() + STARTED_AGAIN_S
    while not server.answers():
        assert time.monotonic() < deadline, "it does not come back"
        time.sleep(0.05)


def read(cold: Beside, job: str) -> int:
    """How many of the job its owner reads as cancelled; asked again while PostgreSQL is away."""
    for attempt in range(AWAY_TRIES):
        try:
            return cold.total(job, task_status="CANCELED")
        except Exception:
            if attempt == AWAY_TRIES - 1:
                raise
            time.sleep(0.1)
    raise AssertionError("unreachable")


def halted(cold: Beside, people: CrowdProcess, firmware: str, dice: random.Random, kills: int) -> int:
    """One job over all, cancelled, and killed up to so many times until its tasks say so; how often it was in the
    middle of it, for after the kill there was still something to do."""
    job = cold.begin_job(firmware)
    cold.filled(job)
    cold.cancel(job)
    time.sleep(ON_ITS_WAY_S)
    people.begin("progress", 0.2)
    done = 0
    assert read(cold, job) == cold.count
    while done < kills and cold.anything_open():
        killed(cold.server, dice)
        done += cold.anything_open()
        assert read(cold, job) == cold.count, "a halt that was answered is not what its owner reads"
    cold.written_down()
    told = people.end()
    assert told["offers"] == 0, "an offer was sent after its cancel had returned"
    assert told["unanswered"] == 0
    return done


def prove(server: Process, devices: int, cycles: int) -> None:
    dice = random.Random(cycles)
    with beside(server, devices) as cold, crowd(server.mqtt, cold.own, addresses(2)) as people:
        firmware, done, halts = cold.new_package("2.0.0"), 0, 0
        while done < cycles:
            done += halted(cold, people, firmware, dice, min(10, cycles - done))
            halts += 1
            assert halts < 3 * cycles, "halts are over too soon to be killed in their middle"
        print(f"halts={halts} kills={done} devices={devices}")
        deadline = time.monotonic() + STARTED_AGAIN_S
        while found := broken(server.dsn):
            assert time.monotonic() < deadline, found
            time.sleep(0.5)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_a_halt_survives_100_kills(server: Process) -> None:
    prove(server, 20_000, 100)
