"""Events: made in the transaction that made them true, placed after its commit, forgotten from the low end (L16)."""

import asyncio
import json
from typing import Any

import pytest
from conftest import Clock
from test_jobs import Wire, a_filled_job, a_fleet, a_package, link, online, progress, refs, runs, say

from upwell.domain import commands as c
from upwell.domain.events import Kind
from upwell.domain.task import OPEN
from upwell.service.context import Context
from upwell.service.manage import steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, events, following, refused, reports

pytestmark = pytest.mark.asyncio


async def want(ctx: Context, caller: Caller, **columns: object) -> None:
    """What the account's settings say."""
    async with ctx.database.connection() as conn:
        names = ", ".join(columns)
        await conn.execute(
            f"insert into event_setting (account_id, {names}) values ($1, {', '.join(map(str, columns.values()))})"
            f" on conflict (account_id) do update set ({names}) = row(excluded.{', excluded.'.join(columns)})",
            caller.account_id,
        )


async def placed(ctx: Context, caller: Caller, *, device: bool = True) -> list[tuple[str, dict[str, Any]]]:
    """Kind and facts of all events of the account, once all are placed; those of its keys left out."""
    while await events.place(ctx):
        pass
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(
            "select kind, facts from event where account_id = $1 and kind not like 'key.%' order by position",
            caller.account_id,
        )
    return [(row["kind"], json.loads(row["facts"])) for row in rows]


def kinds(told: list[tuple[str, dict[str, Any]]], of: str = "") -> list[str]:
    return [kind for kind, _ in told if kind.startswith(of)]


async def test_an_update_is_told_from_the_offer_to_the_end(ctx: Context, caller: Caller, clock: Clock) -> None:
    await want(ctx, caller, of_devices=True)
    flock = await a_fleet(ctx, caller, 2)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await online(ctx, clock, flock)
    first, ref = flock.ids[0], refs(job, flock.ids)[0]
    await dispatch.offer(ctx, [ref], link, Wire())
    for percent in (0, 4, 9, 10, 55, 59, 100):
        await say(ctx, (first, progress(percent)))
    await say(ctx, (first, runs("2.0")))
    await steering.cancel_tasks(
        ctx, caller, c.CancelTasks(package_id=None, job_id=job, states=tuple(OPEN), product_key=flock.key)
    )
    await following.follow_at_once(ctx, [job])
    await endings.end_finished(ctx)
    told = await placed(ctx, caller)
    assert kinds(told, "task.") == ["task.offered", *["task.progressed"] * 4, "task.ended"]
    assert [facts["progress"] for kind, facts in told if kind == "task.progressed"] == [0, 10, 55, 100]
    [end] = [facts for kind, facts in told if kind == "task.ended"]
    assert (end["state"], end["from"], end["to"], end["nth"]) == ("SUCCEEDED", "1.0", "2.0", 0)
    assert kinds(told, "device.first") == ["device.first_seen"] * 2
    assert [f["to"] for kind, f in told if kind == "device.version_changed"].count("2.0") == 1
    ended = [facts for kind, facts in told if kind == "rollout.ended"]
    assert kinds(told, "rollout.")[-3:] == ["rollout.started", "rollout.canceled", "rollout.ended"]
    assert ended[-1]["tasks"] == {"SUCCEEDED": 1, "CANCELED": 1}  # the second was never offered, and has no event


async def test_a_device_that_was_offered_is_told_of_its_cancel(ctx: Context, caller: Caller, clock: Clock) -> None:
    await want(ctx, caller, of_devices=True)
    flock = await a_fleet(ctx, caller, 3)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids)[:2], link, Wire())
    await say(ctx, (flock.ids[0], reports.Delivered(refs(job, flock.ids)[0])))
    await steering.cancel_tasks(
        ctx, caller, c.CancelTasks(package_id=None, job_id=job, states=tuple(OPEN), product_key=flock.key)
    )
    ends = [facts for kind, facts in await placed(ctx, caller) if kind == "task.ended"]
    assert [(end["state"], end["reason"]) for end in ends] == [("CANCELED", "cancelled")] * 2


async def test_who_did_not_ask_has_what_owners_do_alone(ctx: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(ctx, caller, 50)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await online(ctx, clock, flock)
    await dispatch.offer(ctx, refs(job, flock.ids), link, Wire())
    await say(ctx, *((device, runs("2.0")) for device in flock.ids))
    await endings.end_finished(ctx)
    told = await placed(ctx, caller)
    assert kinds(told) == ["rollout.started", "rollout.ended"]


async def test_logins_that_are_refused_again_and_again_are_told_by_tens(ctx: Context, caller: Caller) -> None:
    now = ctx.now()
    for times in (9, 1, 50, 45, 900, 2):
        tried = refused.Tried(account_id=caller.account_id, product_key="p", name="lamp", address="192.0.2.1",
                              vendor="alibaba", reason="signature", first_at=now, at=now, times=times)  # fmt: skip
        await refused.write(ctx, [tried])
    told = [facts for kind, facts in await placed(ctx, caller) if kind == "login.refused"]
    assert [(each["times"], each["device"], each["address"]) for each in told] == [
        (10, "lamp", "192.0.2.1"), (105, "lamp", "192.0.2.1"), (1005, "lamp", "192.0.2.1"),
    ]  # fmt: skip


async def test_what_is_undone_was_never_told(ctx: Context, caller: Caller) -> None:
    async def body(conn: Any) -> None:
        await events.tell(conn, caller.account_id, Kind.PACKAGE_LOST, ctx.now())
        raise ValueError

    with pytest.raises(ValueError):
        await ctx.database.transact(body)
    assert await placed(ctx, caller) == []


async def test_what_commits_late_is_placed_above_what_was_read(ctx: Context, caller: Caller) -> None:
    """Its number is the lower one: whoever went by that would have gone past it."""
    begun, end = asyncio.Event(), asyncio.Event()

    async def late(conn: Any) -> None:
        await events.tell(conn, caller.account_id, Kind.PACKAGE_LOST, ctx.now(), which="late")
        begun.set()
        await end.wait()

    async def early(conn: Any) -> None:
        await events.tell(conn, caller.account_id, Kind.PACKAGE_LOST, ctx.now(), which="early")

    slow = asyncio.create_task(ctx.database.transact(late))
    await begun.wait()
    await ctx.database.transact(early)
    assert [facts["which"] for _, facts in await placed(ctx, caller)] == ["early"]
    end.set()
    await slow
    assert [facts["which"] for _, facts in await placed(ctx, caller)] == ["early", "late"]


async def test_readers_by_position_miss_nothing_while_many_write_and_several_place(
    ctx: Context, caller: Caller
) -> None:
    """Every snapshot is a beginning of the whole: no position below the greatest one that was seen comes later."""
    writing, seen, last = 8, list[int](), 0

    async def write(who: int) -> None:
        for number in range(25):

            async def body(conn: Any, number: int = number) -> None:
                await events.tell(conn, caller.account_id, Kind.PACKAGE_LOST, ctx.now(), who=who, number=number)
                await asyncio.sleep(0.001 * (who % 3))

            await ctx.database.transact(body)

    writers = [asyncio.create_task(write(who)) for who in range(writing)]
    is_over = False
    while not is_over:
        is_over = all(task.done() for task in writers)  # by then all is made, and placed below
        await asyncio.gather(events.place(ctx), events.place(ctx))
        async with ctx.database.connection() as conn:
            rows = await conn.fetch("select position from event where position > $1 order by position", last)
        seen += [row["position"] for row in rows]
        last = max([last, *seen])
    async with ctx.database.connection() as conn:
        rows = await conn.fetch("select position, facts from event where kind = 'package.lost' order by position")
        everything = [row["position"] for row in await conn.fetch("select position from event order by position")]
    assert seen == everything == list(range(1, len(everything) + 1))
    orders: dict[int, list[int]] = {}
    for facts in (json.loads(row["facts"]) for row in rows):
        orders.setdefault(facts["who"], []).append(facts["number"])
    assert orders == {who: list(range(25)) for who in range(writing)}


async def test_old_events_and_too_many_go_from_the_low_end(ctx: Context, caller: Caller, clock: Clock) -> None:
    async def some(count: int) -> None:
        for _ in range(count):
            await ctx.database.transact(lambda conn: events.tell(conn, caller.account_id, Kind.KEY_MADE, ctx.now()))
        while await events.place(ctx):
            pass

    async def there() -> tuple[list[int], int, int]:
        async with ctx.database.connection() as conn:
            rows = await conn.fetch("select position from event order by position")
            of = await conn.fetchrow("select kept, forgotten_to from event_setting")
        return [row["position"] for row in rows], of["kept"], of["forgotten_to"]

    await some(9)  # and the caller's own key
    await want(ctx, caller, keep_most=6)
    await events.forget(ctx)
    assert await there() == ([5, 6, 7, 8, 9, 10], 6, 4)
    clock.move(days=29)
    await some(1)
    await events.forget(ctx)
    assert await there() == ([6, 7, 8, 9, 10, 11], 6, 5)
    clock.move(days=2)
    await events.forget(ctx)
    assert await there() == ([11], 1, 10)
