"""Buckets of bytes, by a clock that the test moves (ADR 0055)."""

import asyncio
from collections import Counter

import pytest

from upwell.domain.flow import BURST_S, SLICE_BYTES_MAX, SLICE_BYTES_MIN, Bucket, read_rate, share
from upwell.doors.downloads.flows import STALE_S, Flows


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1000", 1000), ("500k", 500_000), (" 2M ", 2_000_000), ("1g", 10**9), ("1000G", 10**12), ("999", None),
     ("1001G", None), ("2 M", None), ("2MB", None), ("-1k", None), ("", None), ("1.5M", None), ("٢M", None)],
)  # fmt: skip
def test_rates_as_people_write_them(text: str, rate: int | None) -> None:
    assert read_rate(text) == rate


def test_a_limit_is_shared_by_processes() -> None:
    assert share(None, 3) is None
    assert [share(1000, nodes) for nodes in (0, 1, 3, 5000)] == [1000, 1000, 333, 1]
    assert all(nodes * (share(10_000, nodes) or 0) <= 10_000 for nodes in range(1, 65))


def test_slices_go_with_the_rate_within_bounds() -> None:
    assert [Bucket(rate, 0).slice_bytes for rate in (1_000, 100_000, 10**9)] == [
        SLICE_BYTES_MIN, 10_000, SLICE_BYTES_MAX,
    ]  # fmt: skip


def test_a_slice_leaves_once_it_is_paid_and_first_come_is_first_served() -> None:
    bucket = Bucket(1000, 0.0)
    first, second = bucket.buy(500, 0.0), bucket.buy(250, 0.0)
    assert bucket.wait_s(first, 0.0) == 0.5 and bucket.wait_s(second, 0.0) == 0.75
    assert bucket.wait_s(first, 0.5) == 0 and bucket.wait_s(second, 0.5) == 0.25


@pytest.mark.parametrize("idle_s", [0.0, 0.1, 1.0, 3600.0])
def test_of_an_idle_time_a_burst_is_left_and_no_more(idle_s: float) -> None:
    bucket, now, sent = Bucket(10_000, 0.0), idle_s, 0
    while bucket.wait_s(bucket.buy(100, now), now) == 0:
        sent += 100
    assert sent == pytest.approx(10_000 * min(idle_s, BURST_S), abs=100)


def test_another_rate_counts_for_what_waits_already() -> None:
    bucket = Bucket(1000, 0.0)
    ticket = bucket.buy(1000, 0.0)
    bucket.turn(100, 0.5)
    assert bucket.wait_s(ticket, 0.5) == 5.0
    bucket.turn(10_000, 1.0)
    assert bucket.wait_s(ticket, 1.0) == pytest.approx(0.045)
    assert bucket.wait_s(ticket, 0.9) == pytest.approx(0.045), "a clock that goes back fills nothing"


class Time:
    """A clock that goes on by what is slept, each sleeper in its turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.sleeps, self._real = 0.0, list[float](), asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    def __call__(self) -> float:
        return self.now

    async def _sleep(self, seconds: float) -> None:
        until = self.now + seconds
        self.sleeps.append(seconds)
        while self.now < until:
            await self._real(0)
            self.now += 0.001


async def _look() -> None:
    return None


async def _body(flows: Flows, limits: tuple[tuple[str, int | None], ...], got: Counter[str], name: str) -> None:
    while True:
        got[name] += await flows.pass_slice(limits, 1 << 20, _look)
        await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_two_bodies_share_alike_below_each_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, got = Time(monkeypatch), Counter[str]()
    flows = Flows(100_000, clock)
    slow, other = (("job 1", 10_000), ("account 1", None)), (("job 2", None), ("account 2", None))
    flows.learn(slow)
    flows.learn(other)
    bodies = [asyncio.ensure_future(_body(flows, slow, got, name)) for name in ("slow-1", "slow-2")]
    bodies += [asyncio.ensure_future(_body(flows, other, got, name)) for name in ("free-1", "free-2")]
    while clock.now < 20:
        await clock._real(0)
    for body in bodies:
        body.cancel()
    await asyncio.gather(*bodies, return_exceptions=True)
    slows, frees = got["slow-1"] + got["slow-2"], got["free-1"] + got["free-2"]
    assert abs(got["slow-1"] - got["slow-2"]) <= 2 * 1024 and abs(got["free-1"] - got["free-2"]) <= 20_000, got
    assert 150_000 <= slows <= 10_000 * clock.now * 1.1 and slows + frees <= 100_000 * clock.now * 1.1, (got, clock.now)
    assert frees > 5 * slows, got


@pytest.mark.asyncio
async def test_who_waits_long_looks_again_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Time(monkeypatch), list[float]()
    flows, limits = Flows(clock=clock), (("job 1", 1),)
    flows.learn(limits)

    async def look() -> None:
        looks.append(clock.now)
        flows.learn((("job 1", 1 if clock.now < 9 else None),))

    bodies = [asyncio.ensure_future(flows.pass_slice(limits, 1 << 20, look)) for _ in range(10)]
    sent = await asyncio.gather(*bodies)
    assert sent == [SLICE_BYTES_MIN] * 10 and clock.now < 9 + 2 * STALE_S, "none waits on for a limit that is gone"
    assert max(clock.sleeps) <= STALE_S and len(looks) <= 1 + clock.now / STALE_S, looks
