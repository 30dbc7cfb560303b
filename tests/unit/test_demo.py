"""The demo's limit, and what set-up says while it works."""

import asyncio
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from demo.stall import StalledError, bytes_below, unless_stalled

ROOT = Path(__file__).parents[2]
SET_UP = ROOT / "tools" / "set_up.py"


async def test_slow_is_not_stalled() -> None:
    """Issue 9, number 37: work that takes many times the limit, a step at a time, comes to its end."""
    steps = [0]

    async def work() -> str:
        for _ in range(8):
            await asyncio.sleep(0.2)
            steps[0] += 1
        return "done"

    assert await unless_stalled(work(), lambda: steps[0], limit_s=0.8) == "done"


async def test_a_stall_ends_it_and_says_so() -> None:
    """Issue 9, number 37: nothing happens for the limit; what was under way is ended before that is told."""
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            ended.append(True)

    with pytest.raises(StalledError, match=r"nothing has happened for 0.3 s"):
        await unless_stalled(work(), lambda: "the same", limit_s=0.3)
    assert ended


async def test_an_end_by_itself_or_from_outside_is_passed_on() -> None:
    async def fails() -> None:
        raise KeyError("why")

    with pytest.raises(KeyError):
        await unless_stalled(fails(), time.monotonic)
    ended = []

    async def works() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    task = asyncio.ensure_future(unless_stalled(works(), time.monotonic))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


def test_a_server_that_starts_slowly_is_seen_by_what_it_writes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = bytes_below(tmp_path)
    (tmp_path / "a" / "b").write_bytes(b"x" * 9)
    assert bytes_below(tmp_path) == before + 9


def test_what_is_renamed_or_removed_while_it_is_measured_is_passed_over(tmp_path: Path) -> None:
    """A server that starts makes its database aside and renames it: folders go between two looks."""
    (tmp_path / "kept").write_bytes(b"x" * 9)
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            for name in ("a", "b", "c"):
                (tmp_path / name / "below" / "deeper").mkdir(parents=True)
                (tmp_path / name / "below" / "file").touch()
            for name in ("a", "b", "c"):
                shutil.rmtree(tmp_path / name)

    worker = threading.Thread(target=come_and_go)
    worker.start()
    try:
        assert all(bytes_below(tmp_path) >= 9 for _ in range(2000))
    finally:
        stop.set()
        worker.join()


def test_nothing_limits_the_demo_as_a_whole() -> None:
    """Issue 9, number 37: the only limit is the stall's; the devices' job has the longest time there is."""
    texts = {path.stem: path.read_text() for path in (ROOT / "demo").glob("*.py")}
    assert "unless_stalled(" in texts["main"]
    before, _, after = texts.pop("server").partition("async def _end")
    assert "asyncio.timeout(" in after
    assert not [name for name, text in (texts | {"": before}).items() if "asyncio.timeout(" in text]


def test_set_up_says_what_it_installs(tmp_path: Path) -> None:
    """Issue 9, number 37: it was silent for minutes."""
    pins = tmp_path / "pins.txt"
    pins.write_text("pytest==0.0.0\n")
    real = subprocess.run(
        [sys.executable, "-c", "import pytest; print(pytest.__version__)"], capture_output=True, text=True
    )
    pins.write_text(f"pytest=={real.stdout.strip()}\n")
    command = [sys.executable, str(SET_UP), "packages", "--no-index", "--no-deps", "-r", str(pins)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "packages: 1/1 pytest==" in done.stdout and "packages: done after" in done.stdout
    pins.write_text("upwell-no-such-package==0.0.0\n")
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode != 0 and "packages: failed" in failed.stdout and "upwell-no-such-package" in failed.stderr
