"""L14: one job, device, connection or stranger delays no other device's acknowledgement by more than a chunk.

The short form has no clock in what it asserts: a transaction writes at most a chunk, and bystanders are served while
others hold locks. `make prove` runs the long one, a million devices and every flood, and prints the figures.
"""

import os
from collections.abc import Iterator

import pytest
from bench.beside import Beside, beside
from bench.floods import FLOODS
from tests.prove.freeze import AT_ONCE_MAX, filled, flooded, held_locks, rollouts
from tests.prove.rollout import Process

DEVICES = int(os.environ.get("PROVE_DEVICES", "1000000"))
FLOOD_S = 6.0
HELD_S = 10.0
SLOWEST_MS = 250.0  # L14, on a machine whose bystanders wait 50 ms when nothing goes on
SLOWEST_IDLE = 5.0  # the same as a ratio, for a slower or busier machine: times the slowest of the idle ones
OPEN_FILES = 1024  # of a shell that nobody tuned
# Programs that are what this one must never become.
NO_CHUNKS = "import upwell.service.upgrade.fill as fill\nfill.CHUNK = 1_000_000"
NO_LANES = """
from upwell.storage import database, queries
compiled = queries.compiled
queries.compiled = lambda text: compiled(text.replace(" skip locked", ""))
database.DEVICES.session.update(lock_timeout="0")
"""


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process(open_files=OPEN_FILES)
    process.start()
    yield process
    process.stop()


def judge(cold: Beside, hold_s: float) -> None:
    """What must hold however fast the machine is."""
    at_once = cold.written_at_once()
    assert at_once <= AT_ONCE_MAX, f"one transaction wrote {at_once} rows (written_at_once)"
    assert cold["locks held"].slowest_ms < hold_s * 1000 / 2, "bystanders waited for a lock that others held"
    assert cold["locks held"].facts["held_unanswered"] == 0
    assert [stage.what for stage in cold.stages if stage.waits["unanswered"] or stage.waits["lost"]] == []


@pytest.mark.timeout(600)
def test_nobody_waits_for_what_is_done_to_20_000_others(server: Process) -> None:
    with beside(server, 20_000) as cold:
        rollouts(cold, idle_s=1.0, hold_s=3.0)
        judge(cold, 3.0)


@pytest.mark.prove
@pytest.mark.timeout(7200)
def test_nobody_waits_for_a_million_others_nor_for_any_flood(server: Process) -> None:
    with beside(server, DEVICES) as cold:
        rollouts(cold, idle_s=10.0, hold_s=HELD_S)
        for kind in FLOODS:
            flooded(cold, kind, FLOOD_S)
        with cold.beside("idle again", 10.0):
            pass
        judge(cold, HELD_S)
        idle = max(cold["idle"].slowest_ms, cold["idle again"].slowest_ms)
        bound = max(SLOWEST_MS, SLOWEST_IDLE * idle)
        slow = {stage.what: stage.slowest_ms for stage in cold.stages if stage.slowest_ms >= bound}
        print(f"idle: {idle:.0f} ms; nobody may wait longer than {bound:.0f} ms")
        assert slow == {}, "waited too long, in ms"


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "program, told",
    [(NO_CHUNKS, "written_at_once"), (NO_LANES, "bystanders waited for a lock")],
    ids=["chunks", "lanes"],
)
def test_the_proof_notices_a_program_without(program: str, told: str) -> None:
    server = Process(broken_by=program)
    server.start()
    try:
        with beside(server, 3_000) as cold:
            _, number = filled(cold, cold.new_package("2.0.0"), 0.5)
            held_locks(cold, number, 3.0)
            with pytest.raises(AssertionError, match=told):
                judge(cold, 3.0)
    finally:
        server.stop()
