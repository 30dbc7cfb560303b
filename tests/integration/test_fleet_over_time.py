"""A fleet over time on the real database: how versions spread, who was heard when, and who can't come in. That the
counters of versions say what the devices do is looked at after every test (`counting`)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_jobs import Fleet, a_fleet, ask, say

from upwell.domain import commands as c
from upwell.domain import spread as rules
from upwell.domain.commands.lists import Slice
from upwell.domain.connected import Turned
from upwell.domain.errors import NotFound
from upwell.domain.talk import VersionReport
from upwell.engine import heard as heard_engine
from upwell.engine import turned_away
from upwell.engine.heard import ROUND_S, Heard
from upwell.engine.turned_away import NAMES_MAX, TurnedAway
from upwell.service.context import Context
from upwell.service.manage import devices, fleet_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import recount, refused, retention, spread

pytestmark = pytest.mark.asyncio


# --- versions by the hour ---


async def hours(ctx: Context, caller: Caller, key: str, module: str = "default", **more: Any) -> list[c.VersionHour]:
    """From the oldest on, in pages of two."""
    await spread.fold_all(ctx)
    found: list[c.VersionHour] = []
    below = None
    while True:
        cmd = c.ListVersionHours(asked=Slice(take=2, below=below), product_key=key, module=module, **more)
        page = await fleet_views.list_version_hours(ctx, caller, cmd)
        found += page.items
        if len(page.items) < 2:
            return found[::-1]
        below = page.last


async def say_all(ctx: Context, ids: list[UUID], version: str | None, module: str = "default") -> None:
    await say(ctx, *((d, VersionReport(module=module, version=version, ref="")) for d in ids))


async def test_an_hour_tells_what_ran_at_its_end_and_one_without_a_change_is_not_there(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock
) -> None:
    flock = await a_fleet(ctx, caller, 5)
    clock.moment = clock.moment.replace(minute=1) + timedelta(hours=1)
    await say_all(ctx, flock.ids[:2], "1.1")
    await hours(ctx, caller, flock.key)
    await say_all(ctx, flock.ids[:1], "2.0")  # of the same hour
    await hours(ctx, caller, flock.key)
    clock.move(hours=5)
    await say_all(ctx, flock.ids[2:], "2.0")
    await say_all(ctx, flock.ids[:1], None)
    await say_all(ctx, flock.ids[:2], "7", "mcu")
    await hours(ctx, caller, flock.key)
    clock.move(hours=1)
    await say_all(ctx, flock.ids, "2.0")  # some again
    await devices.delete_device(
        ctx, caller, c.DeleteDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[4]))
    )
    await devices.reset_device(
        ctx, caller, c.ResetDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[3]))
    )
    found = await hours(ctx, caller, flock.key)
    assert [(each.versions, each.unknown, each.others) for each in found[-3:]] == [
        ((("1.0", 3), ("1.1", 1), ("2.0", 1)), 0, 0),
        ((("2.0", 3), ("1.1", 1)), 1, 0),
        ((("2.0", 3),), 0, 0),
    ]  # fmt: skip
    assert all(each.at.minute == 0 for each in found)
    assert [each.versions for each in await hours(ctx, caller, flock.key, "MCU")] == [(("7", 2),)]
    assert await hours(ctx, caller, flock.key, since=found[-2].at, until=found[-1].at) == found[-2:-1]
    with pytest.raises(NotFound):
        await hours(ctx, stranger, flock.key)
    assert [line async for line in recount.differences(ctx) if line] == []
    await ask(ctx, "update version_count set n = n + 1 where version = '7'")
    [line] = [line async for line in recount.differences(ctx) if line]
    assert "2 devices run '7' of 'mcu' and 3 counted" in line
    await ask(ctx, "update version_count set n = n - 1 where version = '7'")


async def test_versions_that_devices_make_up_are_counted_together(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "VERSIONS_MAX", 3)
    monkeypatch.setattr(rules, "PAIRS_MAX", 4)
    flock = await a_fleet(ctx, caller, 8)
    for n, device_id in enumerate(flock.ids):
        await say_all(ctx, [device_id], f"build-{n}")
    await say_all(ctx, flock.ids[:3], "1", "mcu")
    await say_all(ctx, flock.ids[:3], "1", "other")
    last = (await hours(ctx, caller, flock.key))[-1]
    assert (
        len(last.versions) == 2 and last.others == 6
    )  # 1.0, which nobody runs any more, has its place until it is folded
    assert (await hours(ctx, caller, flock.key, "mcu"))[-1].versions == (("1", 3),)
    assert await hours(ctx, caller, flock.key, "other") == [], "there is no room for its module"
    assert await ask(ctx, "select sum(n)::int as n from version_count where rare and module = ''") == [{"n": 3}]
    await say_all(ctx, flock.ids, "build-0")
    assert (await hours(ctx, caller, flock.key))[-1].versions == (("build-0", 8),)
    assert (await hours(ctx, caller, flock.key))[-1].others == 0
    await say_all(ctx, flock.ids[:3], "2", "other")


async def test_reports_at_the_same_time_are_all_counted(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 40)
    for round_ in range(3):
        parts = [flock.ids[start::4] for start in range(4)]
        await asyncio.gather(*(say_all(ctx, part, f"{round_}.{n}") for n, part in enumerate(parts)))
    last = (await hours(ctx, caller, flock.key))[-1]
    assert last.versions == tuple((f"2.{n}", 10) for n in range(4))


async def test_old_hours_go_but_what_later_ones_go_on_from(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RESTS", 0)
    monkeypatch.setattr(retention, "CHUNK", 3)
    flock = await a_fleet(ctx, caller, 3)
    for day in range(8):
        await say_all(ctx, flock.ids[: 1 + day % 2], f"2.{day}")
        await spread.fold_all(ctx)
        clock.move(days=1)
    clock.move(days=364)
    await say_all(ctx, flock.ids[:1], "3")
    before = (await hours(ctx, caller, flock.key))[-1]
    while await retention.forget(ctx):
        pass
    found = await hours(ctx, caller, flock.key)
    assert found[-1] == before and len(found) < 5
    assert dict(before.versions) == {"1.0": 1, "2.7": 1, "3": 1}


# --- last heard ---


def nobody(share: int, most: int) -> dict[UUID, float]:
    return {}


async def heard_at(ctx: Context, caller: Caller, flock: Fleet, place: int) -> Any:
    cmd = c.ShowDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[place]))
    return (await devices.show_device(ctx, caller, cmd)).last_heard_at


async def test_the_last_time_stands_whoever_writes_it_and_in_parts(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = await a_fleet(ctx, caller, 5)
    monkeypatch.setattr(heard_engine, "WRITTEN_MAX", 2)
    monkeypatch.setattr(heard_engine, "WRITTEN_AT_ONCE", 1)
    one, two = Heard(ctx), Heard(ctx)
    assert await heard_at(ctx, caller, flock, 0) is None
    for device in flock.ids:
        one.note(device)
    one.note(uuid4())  # of no device
    for place in range(ROUND_S):
        await one.write(place, nobody)
    first = await heard_at(ctx, caller, flock, 0)
    two.note(flock.ids[0], 100.0)
    for place in range(ROUND_S):
        await two.write(place, nobody)
    assert await heard_at(ctx, caller, flock, 0) == first, "it was heard later elsewhere"
    clock.move(seconds=100)
    asked: list[tuple[int, int]] = []

    def spoke(share: int, most: int) -> dict[UUID, float]:
        asked.append((share, most))
        return {flock.ids[0]: 10.0}

    await two.write(0, spoke)
    later = await heard_at(ctx, caller, flock, 0)
    assert 80 < (later - first).total_seconds() < 100 and asked == [(ROUND_S, 2)]
    counts = await ask(ctx, "select count(*)::int as n from heard")
    assert counts[0]["n"] <= 5
    key = c.DeviceKey(product_key=flock.key, name=flock.names[0])
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
    one.note(flock.ids[0])
    for place in range(ROUND_S):
        await one.write(place, nobody)
    await devices.create_device(ctx, caller, c.CreateDevice(product_key=flock.key, name=flock.names[0]))
    assert await heard_at(ctx, caller, flock, 0) is None


# --- who can't come in ---


def turned(name: str, *, account: int | None = None, product: str = "", address: str = "10.0.0.1") -> Turned:
    return Turned(
        account_id=account, product_key=product, name=name, address=address, vendor="tuya", reason=f"why {name}"[:20]
    )  # fmt: skip


async def listed(ctx: Context, caller: Caller, **more: Any) -> list[c.RefusedLogin]:
    found: list[c.RefusedLogin] = []
    below = None
    while True:
        cmd = c.ListRefusedLogins(asked=Slice(take=7, below=below), **more)
        page = await fleet_views.list_refused_logins(ctx, caller, cmd)
        found += page.items
        if len(page.items) < 7:
            assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
            return found
        below = page.last


async def test_refused_logins_are_their_accounts_alone(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock
) -> None:
    mine, theirs = await a_fleet(ctx, caller, 1), await a_fleet(ctx, stranger, 1)
    book = TurnedAway(ctx)
    for _ in range(1000):
        book.note(turned("lamp", product=mine.key))
    book.note(turned("lamp", product=theirs.key, address="fe80::1:2:3:4"))
    book.note(turned("known", account=caller.account_id, product=mine.key))
    book.note(turned("nobody's", product="no such product"))
    book.note(turned("nobody's"))
    await book.write()
    clock.move(minutes=5)
    book.note(turned("lamp", product=mine.key))
    book.note(turned("lamp", product=mine.key, address="10.0.0.2"))
    book.note(turned("bad\0name\ud800", product=mine.key))
    await book.write()
    found = await listed(ctx, caller)
    assert {(each.name, each.address, each.times) for each in found} == {
        ("lamp", "10.0.0.1", 1001), ("known", "10.0.0.1", 1), ("lamp", "10.0.0.2", 1),
        (r"bad\x00name\ud800", "10.0.0.1", 1),
    }  # fmt: skip
    [lamp] = await listed(ctx, caller, name="lamp", address="10.0.0.1")
    assert (lamp.product_key, lamp.vendor, lamp.reason) == (mine.key, "tuya", "why lamp")
    assert lamp.at - lamp.first_at >= timedelta(minutes=5)
    assert [each.name for each in await listed(ctx, caller, since=lamp.first_at + timedelta(minutes=1))] != ["known"]
    assert [(each.name, each.address) for each in await listed(ctx, stranger)] == [("lamp", "fe80::/64")]
    assert await ask(ctx, "select count(*)::int as n from refused_login") == [{"n": 5}]
    clock.move(days=31)
    await refused.forget(ctx)
    assert await listed(ctx, caller) == await listed(ctx, stranger) == []


async def test_who_tries_many_names_takes_nobodys_place(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    book = TurnedAway(ctx)
    book.note(turned("the one", product=flock.key, address="10.9.9.9"))
    for n in range(500):
        book.note(turned(f"guess {n}", product=flock.key))
    await book.write()
    found = await listed(ctx, caller)
    assert len(found) == NAMES_MAX + 2 and [each.times for each in found if not each.name] == [500 - NAMES_MAX]
    assert "the one" in [each.name for each in found]
    monkeypatch.setattr(refused, "KEPT_MAX", 10)
    clock.move(seconds=5)
    book.note(turned("newest", product=flock.key, address="10.9.9.8"))
    await book.write()
    found = await listed(ctx, caller)
    assert len(found) == 10 and found[0].name == "newest"
    monkeypatch.setattr(turned_away, "TRIED_MAX", 3)
    for n in range(10):
        book.note(turned(f"more {n}", product=flock.key, address=f"10.1.1.{n}"))
    await book.write()
    assert len([each for each in await listed(ctx, caller) if each.name.startswith("more")]) == 3
