"""That the table of next movers says what the engine does (issue 9, number 26)."""

import itertools
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from conftest import Clock
from test_jobs import Wire, a_filled_job, a_fleet, a_package, ask, link, online, progress, refs, say, states

from upwell.domain.awaiting import Awaits
from upwell.domain.next_move import Facts, Mover, Occasion, next_move
from upwell.domain.task import OPEN, State
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, faults

pytestmark = pytest.mark.asyncio
OBJECTS: dict[str, Literal["ok", "checking", "lost", "deleted"]] = {
    "ok": "ok", "checking": "checking", "missing": "lost", "deleted": "deleted"
}  # fmt: skip
WORDS = tuple(Awaits)
STAGED = """
with a as (update task set state = $1, due_at = $2, node_id = $3, offered_on = null),
     b as (update package set object_state = $4, deleted_at = $5), c as (update module_version set version = $6),
     d as (update device set enabled = $7)
update job set maximum_per_min = $8, paused_at = case when $9 = 'paused' then now() end,
               open_wave = case when $9 = 'shut' then -1 else 0 end
"""
KEPT: tuple[Literal["", "paused", "shut"], ...] = ("", "paused", "shut")


@pytest.mark.parametrize("need_push", [True, False])
async def test_upwell_offers_exactly_when_the_table_says_so(
    ctx: Context, caller: Caller, clock: Clock, need_push: bool
) -> None:
    """Issue 9, number 26: for every state and manner, on the real statements."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key, is_delta=True, source_version="1.0")
    job = await a_filled_job(ctx, caller, package, flock, need_push=need_push)
    node = await online(ctx, clock, flock)
    [ref] = refs(job, flock.ids)
    hands: tuple[tuple[bool, bool, Literal["", "paused", "shut"]], ...] = (
        (True, False, ""),
        (True, True, ""),
        (False, False, ""),
        *((True, False, kept) for kept in KEPT[1:]),
    )
    for state, is_online, due, package_is, fits, (enabled, held, kept) in itertools.product(
        OPEN, (True, False), (None, -60, 60), OBJECTS, (True, False), hands
    ):
        if state is State.CONFIRM and due is not None:
            continue  # nothing is due before its owner let it go on
        now = clock()
        due_at = None if due is None else now + timedelta(seconds=due)
        deleted = now if package_is == "deleted" else None
        stored = "ok" if package_is == "deleted" else package_is
        await ask(
            ctx, STAGED, state.value, due_at, node if is_online else None, stored, deleted, "1.0" if fits else "0.9",
            enabled, 0 if held else 10_000, kept,
        )  # fmt: skip
        facts = Facts(
            state=state, need_push=need_push, online=is_online, due_at=due_at, package=OBJECTS[package_is], fits=fits,
            enabled=enabled, held=held, kept=kept,
        )  # fmt: skip
        move = next_move(facts, now)
        wanted = move.who is Mover.UPWELL and isinstance(move.when, datetime) and move.when <= now
        found = await dispatch.due(ctx, node, 9)
        if enabled:
            assert (found == [ref]) is wanted, facts
        else:  # whom an offer would go to is asked when it is claimed
            assert not wanted and (await dispatch.offer(ctx, found, link, Wire(), due_by=ctx.now())).sent == set()


STAGED_LOST = """
with a as (update package set object_state = 'missing', object_fault = 'object_missing', object_problem = 'gone')
update task set state = $1, due_at = $2, node_id = $3, offered_on = case when $4 then device_id end, awaiting = $5
"""


async def test_upwell_ends_exactly_what_the_table_says_when_the_object_is_lost(
    ctx: Context, caller: Caller, clock: Clock
) -> None:
    """Issue 9, numbers 24 and 26: for every state and manner, on the real statements."""
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    node = await online(ctx, clock, flock)
    for state, due, is_online, offered, awaiting in itertools.product(
        OPEN, (True, False), (True, False), (True, False), WORDS
    ):
        if awaiting == "again" and not due:
            continue  # it is due at once, and until it was sent
        due_at = clock() - timedelta(minutes=2) if due else None
        await ask(ctx, STAGED_LOST, state.value, due_at, node if is_online else None, offered, awaiting)
        facts = Facts(
            state=state, need_push=True, online=is_online, offered=offered, awaiting=awaiting, due_at=due_at,
            package="lost",
        )  # fmt: skip
        await faults.end_bereft(ctx)
        ended = next_move(facts, clock()).when is Occasion.FOUND
        assert await states(ctx, job) == {"FAILED" if ended else state.value: 1}, facts


async def test_a_retry_of_a_job_that_does_not_push_is_not_pushed(ctx: Context, caller: Caller, clock: Clock) -> None:
    """Issue 9, number 26: found by the table; the device asks, from the retry's time on (alibaba 7.2)."""
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock, need_push=False, retry_interval_min=10, retry_count=1)
    node = await online(ctx, clock, flock)
    [ref] = refs(job, flock.ids)
    assert (await dispatch.offer(ctx, [ref], link, Wire())).sent
    await say(ctx, (flock.ids[0], progress(-1, "1")))

    async def asked() -> Any:
        return await dispatch.asked_for(ctx, flock.ids)

    assert await asked() == {}
    clock.move(minutes=11)
    assert await dispatch.due(ctx, node, 9) == []
    assert await asked() == {flock.ids[0]: [(ref, "default")]}
