"""What fails again and again is told as seldom as it can be used."""

import asyncio
import logging

import pytest

from upwell.domain.errors import Unavailable
from upwell.engine.gather import Gatherer
from upwell.engine.loop import Loop
from upwell.engine.trouble import AGAIN_S, Trouble

log = logging.getLogger(__name__)


def test_one_reason_is_told_once_in_a_while(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 9, number 35: while PostgreSQL was away each loop wrote a line every second."""
    now = [1000.0]
    monkeypatch.setattr("upwell.engine.trouble.time.monotonic", lambda: now[0])
    caplog.set_level(logging.INFO)
    trouble = Trouble(log, "push")
    trouble.over()
    for _ in range(50):
        trouble.tell(Unavailable("away"), expected=True)
    trouble.tell(Unavailable("starting"), expected=True)
    now[0] += AGAIN_S
    trouble.tell(Unavailable("starting"), expected=True)
    trouble.over()
    trouble.over()
    assert [record.getMessage() for record in caplog.records] == [
        "push: away",
        "push: starting (49 times more since this was told)",
        "push: starting",
        "push: goes on",
    ]


def test_what_is_not_foreseen_has_its_traceback_once(caplog: pytest.LogCaptureFixture) -> None:
    """Issue 9, number 35: a fault of ours that stays fills no disk."""
    trouble = Trouble(log, "fill")
    for _ in range(3):
        try:
            raise KeyError("oh")
        except KeyError as exc:
            trouble.tell(exc, expected=False)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR and record.exc_info and record.exc_info[2] is not None


async def test_a_loop_and_a_gatherer_tell_through_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 9, number 35: a fleet that comes back while PostgreSQL is away makes a batch every few milliseconds."""
    monkeypatch.setattr("upwell.engine.loop.REST_AFTER_FAILURE_S", 0.0)
    turns = []

    async def away(*_: object) -> bool:
        turns.append(1)
        raise Unavailable("away")

    loop, gatherer = Loop("push", away, 0.0), Gatherer[int, int]("logins", away)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(each.run()) for each in (loop, gatherer)]
    for _ in range(5):
        with pytest.raises(Unavailable):
            await gatherer.submit(1)
    while len(turns) < 20:
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(record.getMessage() for record in caplog.records) == ["logins: away", "push: away"]
