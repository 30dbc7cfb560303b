"""Whose turn it is, whose time has come, how much one may send, and who gives way: without a socket."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.doors.devices.mqtt import alarms, strangers, turns
from upwell.doors.devices.mqtt.alarms import Alarms
from upwell.doors.devices.mqtt.handler import Limits
from upwell.doors.devices.mqtt.pace import Pace
from upwell.doors.devices.mqtt.strangers import Strangers
from upwell.doors.devices.mqtt.turns import Turns

LIMITS = Limits(packets_per_s=10.0, burst_max=100, flood_max_s=5.0)


# --- turns ---


class Worker:
    """It has so much to do, and does one piece each turn."""

    def __init__(self, name: str, pieces: int, queue: Turns, done: list[str], piece: Callable[[], None]) -> None:
        self.is_queued = self.is_called = False
        self.name, self.pieces, self.queue, self.done, self.piece = name, pieces, queue, done, piece
        queue.later(self)
        queue.later(self)  # it stands in the queue once

    def go_on(self) -> None:
        self.piece()
        self.done.append(self.name)
        self.pieces -= 1
        if self.pieces:
            self.queue.later(self)


async def test_they_go_on_one_after_the_other() -> None:
    rested, done = asyncio.Event(), []
    queue = Turns(rested.set)
    for name, pieces in (("a", 3), ("b", 1), ("c", 2)):
        Worker(name, pieces, queue, done, lambda: None)
    await asyncio.wait_for(rested.wait(), 5)
    assert done == ["a", "b", "c", "a", "c", "a"] and not queue


class Calm(Worker):
    """It is called, and has nothing to do."""

    def __init__(self, queue: Turns, done: list[str], piece: Callable[[], None], times: int) -> None:
        self.is_queued = self.is_called = False
        self.queue, self.done, self.piece, self.times = queue, done, piece, times

    def go_on(self) -> None:
        self.piece()
        self.done.append("calm")
        self.times -= 1
        if self.times:
            self.queue.soon(self)


async def test_who_is_to_be_told_something_is_before_who_sent_much(monkeypatch: pytest.MonkeyPatch) -> None:
    now, done, rested = [0.0], [], asyncio.Event()
    monkeypatch.setattr(turns.time, "monotonic", lambda: now[0])
    queue = Turns(rested.set)

    def slow() -> None:
        now[0] += turns.TURN_S * 2
        if done == ["m0"]:
            queue.soon(calm)

    for number in range(3):
        Worker(f"m{number}", 2, queue, done, slow)
    calm = Calm(queue, done, lambda: None, 1)
    await asyncio.wait_for(rested.wait(), 5)
    assert done == ["m0", "m1", "calm", "m2", "m0", "m1", "m2"]


async def test_neither_waits_for_ever_for_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    now, done, rested = [0.0], [], asyncio.Event()
    monkeypatch.setattr(turns.time, "monotonic", lambda: now[0])
    queue = Turns(rested.set)

    def slow() -> None:
        now[0] += turns.TURN_S * 2

    Worker("mad", 20, queue, done, slow)
    queue.soon(Calm(queue, done, slow, 20))
    await asyncio.wait_for(rested.wait(), 5)
    assert done == ["calm", "mad"] * 20


async def test_one_that_fails_holds_up_nobody() -> None:
    rested, done, told = asyncio.Event(), [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    queue = Turns(rested.set)

    def fail() -> None:
        raise RuntimeError("a bug")

    for name, piece in (("a", lambda: None), ("b", fail), ("c", lambda: None)):
        Worker(name, 1, queue, done, piece)
    await asyncio.wait_for(rested.wait(), 5)
    assert done == ["a", "c"] and len(told) == 1
    clock, one, other = Alarms(), Sleeper(), Sleeper()
    one.ring = fail  # type: ignore[method-assign]
    for each in (one, other):
        clock.set(each, asyncio.get_running_loop().time())
    await asyncio.sleep(0.1)
    assert len(other.rung) == 1 and len(told) == 2


async def test_a_turn_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else happens in the process has its turn between two of them."""
    now, others, rested = [0.0], [], asyncio.Event()
    monkeypatch.setattr(turns.time, "monotonic", lambda: now[0])
    queue, done = Turns(rested.set), []

    def slow() -> None:
        now[0] += turns.TURN_S / 2

    for name in range(10):
        Worker(str(name), 1, queue, done, slow)

    def other() -> None:
        others.append(len(done))
        if not rested.is_set():
            asyncio.get_running_loop().call_soon(other)

    other()
    await asyncio.wait_for(rested.wait(), 5)
    assert done == [str(name) for name in range(10)]
    assert [later - before for before, later in pairwise(others)] == [3, 3, 3, 1]


# --- alarms ---


class Sleeper:
    """It writes down when it was rung."""

    def __init__(self) -> None:
        self.alarm_tick = alarms.NEVER
        self.rung: list[float] = []

    def ring(self) -> None:
        self.rung.append(asyncio.get_running_loop().time())


async def test_an_alarm_rings_once_and_at_its_last_time() -> None:
    clock, loop = Alarms(), asyncio.get_running_loop()
    one, other, silent = Sleeper(), Sleeper(), Sleeper()
    began = loop.time()
    clock.set(one, began + 30)
    clock.set(other, began + 0.2)
    clock.set(silent, began + 0.05)
    clock.set(one, began + 0.1)
    clock.clear(silent)
    await asyncio.sleep(0.5)
    assert [len(each.rung) for each in (one, other, silent)] == [1, 1, 0]
    assert one.rung[0] - began >= 0.1 and other.rung[0] - began >= 0.2
    assert [each.alarm_tick for each in (one, other, silent)] == [alarms.NEVER] * 3


async def test_what_is_far_away_rings_together_and_not_early() -> None:
    clock, loop = Alarms(), asyncio.get_running_loop()
    sleepers = [Sleeper() for _ in range(100)]
    at = loop.time() + 100
    for number, each in enumerate(sleepers):
        clock.set(each, at + number / 200)
    ticks = {each.alarm_tick for each in sleepers}
    assert len(ticks) <= 2 and min(ticks) * alarms.SOON_S >= at
    for each in sleepers:
        clock.clear(each)


async def test_a_turn_rings_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "RINGS_MAX", 10)
    clock, loop = Alarms(), asyncio.get_running_loop()
    sleepers = [Sleeper() for _ in range(35)]
    for each in sleepers:
        clock.set(each, loop.time())
    rung: list[int] = []
    while not rung or rung[-1] < len(sleepers):
        await asyncio.sleep(0)
        rung.append(sum(len(each.rung) for each in sleepers))
    assert max(later - before for before, later in pairwise([0, *rung])) <= 10
    assert all(len(each.rung) == 1 for each in sleepers)


# --- pace ---


def test_a_burst_is_free_and_what_is_more_has_to_wait() -> None:
    pace = Pace(LIMITS)
    assert pace.charge(100, 50.0) == 0.0
    assert pace.charge(10, 50.0) == pytest.approx(1.0)
    assert pace.charge(1, 51.0) == pytest.approx(0.1)
    assert pace.charge(100, 70.0) == 0.0  # it is forgotten


def test_a_flood_is_one_without_pause() -> None:
    pace, now = Pace(LIMITS), 50.0
    pace.charge(100, now)
    while now < 54.9:
        assert not pace.is_flood(now)
        now += pace.charge(5, now)
    assert pace.charge(60, now) and pace.is_flood(55.5)
    assert pace.charge(10, now + 100.0) == 0.0 and not pace.is_flood(now + 100.0)


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 30)), max_size=30))
def test_nobody_sends_more_than_the_pace_allows(steps: list[tuple[int, float]]) -> None:
    """Who obeys has sent at any time at most a burst, what the rate allowed since, and what it sent last."""
    pace, now, sent = Pace(LIMITS), 1000.0, 0
    for weight, idle_s in steps:
        now += idle_s
        assert sent <= 100 + (now - 1000.0) * 10.0 + 1e-6
        sent += weight
        now += pace.charge(weight, now)


# --- strangers ---


class Stranger:
    """One connection."""

    def __init__(self, host: str, since_s: float, among: Strangers) -> None:
        self.host, self.since_s, self.among = host, since_s, among
        self.standing = strangers.NONE
        self.is_cut = False

    def cut(self, reason: str, *, abort: bool = False) -> None:
        self.is_cut = True
        self.among.leave(self)


def test_the_longest_silent_gives_way() -> None:
    among = Strangers(2)
    first, second, knocking = (Stranger("10.0.0.1", n / 10, among) for n in range(3))
    assert among.admit(first) and among.admit(second)
    assert not among.admit(knocking) and not first.is_cut  # it had not had its time
    among.knocks(first)
    late = Stranger("10.0.0.1", 5.0, among)
    assert among.admit(late)
    assert second.is_cut and not first.is_cut  # who waits for an answer is not silent
    among.leave(first)
    among.leave(first)
    assert among.admit(Stranger("10.0.0.1", 5.1, among))
    assert not among.admit(Stranger("10.0.0.1", 5.2, among))


def test_addresses_count_apart_and_networks_of_ipv6_together() -> None:
    among = Strangers(1)
    for host in ("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8:0:1::1"):
        assert among.admit(Stranger(host, 0.0, among))
    assert not among.admit(Stranger("2001:db8::2", 0.1, among))


def test_room_in_all_is_made_by_the_longest_silent_of_any_address() -> None:
    among = Strangers(10)
    silent = [Stranger(f"10.0.0.{n}", float(n), among) for n in range(3)]
    for each in silent:
        assert among.admit(each)
    assert not among.room_made(Stranger("10.9.9.9", 1.9, among))
    assert among.room_made(Stranger("10.9.9.9", 9.0, among))
    assert [each.is_cut for each in silent] == [True, False, False]


@given(st.lists(st.tuples(st.sampled_from("anl"), st.integers(0, 7)), max_size=60))
def test_what_is_kept_of_strangers_goes_with_them(steps: list[tuple[str, int]]) -> None:
    among = Strangers(3)
    them = [Stranger(f"10.0.0.{n % 2}", 0.0, among) for n in range(8)]
    for step, number in steps:
        one = them[number]
        if step == "a" and one.standing == strangers.NONE:
            among.admit(one)
        elif step == "n":
            among.knocks(one)
        elif step == "l":
            among.leave(one)
        for host in ("10.0.0.0", "10.0.0.1"):
            assert sum(each.standing != strangers.NONE for each in them if each.host == host) <= 3
    for one in them:
        among.leave(one)
    assert (among._silent, among._all_silent, among._knocking) == ({}, {}, {})
