"""Users, their passwords and tokens."""

import asyncio
import os
import threading
from typing import Any

import pytest
from tests.integration.conftest import Clock
from tests.integration.space_house import ask

from upwell.domain.errors import Busy, Conflict, Denied, Invalid, NotFound, Throttled
from upwell.service import hashing
from upwell.service.context import Context
from upwell.service.hashing import Turns
from upwell.service.manage import access, tries, users

PASSWORD = "a-Right-Password"


async def made(ctx: Context, name: str = "ann") -> users.User:
    return await users.create_user(ctx, "acme", name, PASSWORD, "operator")


async def token(
    ctx: Context, password: str = PASSWORD, *, name: str = "ann", scoped: bool = True, address: str = "198.51.100.7",
    door: users.SigningIn | None = None,
) -> str:  # fmt: skip
    """A token, through a process of its own where no `door` is given."""
    made = await (door or users.SigningIn()).sign_in(
        ctx, "acme", name, password, tongue="huawei", scoped=scoped, address=address
    )
    return made.text


async def guess(ctx: Context, times: int, **how: Any) -> None:
    """So many wrong passwords, each looked at."""
    for _ in range(times):
        with pytest.raises(Denied):
            await token(ctx, "wrong-one", **how)


async def test_a_token_stands_for_its_user_for_a_day(ctx: Context, clock: Clock) -> None:
    user = await made(ctx)
    text = await token(ctx)
    caller = await users.caller_of_token(ctx, text, "huawei")
    assert (caller.account_id, caller.role, caller.dialect) == (user.account_id, "operator", "huawei")
    clock.move(hours=23, minutes=59)
    await users.purge(ctx)
    await users.caller_of_token(ctx, text, "huawei")
    clock.move(minutes=2)
    with pytest.raises(Denied, match="must be updated"):
        await users.caller_of_token(ctx, text, "huawei")
    clock.move(hours=25)
    await users.purge(ctx)
    assert not await ask(ctx, "select 1 from iam_token union all select 1 from iam_attempt")
    with pytest.raises(Denied, match="unknown"):
        await users.caller_of_token(ctx, text, "huawei")


async def test_neither_password_nor_token_is_kept(ctx: Context) -> None:
    await made(ctx)
    text = await token(ctx)
    [kept] = await ask(ctx, "select u.*, t.hash as token from iam_user u join iam_token t using (user_id)")
    told = repr(kept).encode()
    assert PASSWORD.encode() not in told and text.encode() not in told
    assert len(kept["salt"]) == 16 and len(kept["hash"]) == len(kept["token"]) == 32


async def test_two_users_of_one_password_have_two_hashes(ctx: Context) -> None:
    await made(ctx)
    await made(ctx, "ben")
    rows = await ask(ctx, "select hash, salt from iam_user")
    assert len({row["hash"] for row in rows}) == len({row["salt"] for row in rows}) == 2


async def test_an_unscoped_token_is_of_no_project(ctx: Context) -> None:
    await made(ctx)
    text = await token(ctx, scoped=False)
    with pytest.raises(Denied, match="scope"):
        await users.caller_of_token(ctx, text, "huawei")
    assert (await users.caller_of_token(ctx, text, "huawei", scoped=False)).role == "operator"


async def test_a_deleted_users_tokens_are_void(ctx: Context) -> None:
    await made(ctx)
    text = await token(ctx)
    await users.delete_user(ctx, "acme", "ann")
    with pytest.raises(Denied):
        await users.caller_of_token(ctx, text, "huawei")
    with pytest.raises(NotFound):
        await users.delete_user(ctx, "acme", "ann")


async def test_guesses_are_counted_even_at_once_and_in_time_forgiven(ctx: Context, clock: Clock) -> None:
    await made(ctx)
    guesses = [token(ctx, f"wrong-{n}") for n in range(14)]
    given = await asyncio.gather(*guesses, return_exceptions=True)
    assert [sum(isinstance(each, kind) for each in given) for kind in (Denied, Throttled)] == [10, 4]
    with pytest.raises(Throttled):
        await token(ctx)
    clock.move(minutes=16)
    await token(ctx)


async def test_a_right_password_forgives_the_wrong_ones(ctx: Context) -> None:
    await made(ctx)
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(Denied):
                await token(ctx, "wrong-one")
        await token(ctx)


async def test_an_unknown_user_is_counted_alike(ctx: Context) -> None:
    for _ in range(10):
        with pytest.raises(Denied):
            await token(ctx)
    with pytest.raises(Throttled):
        await token(ctx)


async def test_a_stranger_locks_nobody_out(ctx: Context) -> None:
    """Wrong passwords from elsewhere, however many and from however many addresses, are no concern of the user's."""
    await made(ctx)
    for stranger in ("203.0.113.1", "203.0.113.2", "2001:db8:0:1::1"):
        await guess(ctx, 10, address=stranger)
        with pytest.raises(Throttled):
            await token(ctx, address=stranger)
    await token(ctx, address="198.51.100.7")
    await token(ctx, address="2001:db8:0:2::1")


async def test_one_network_is_one_address(ctx: Context) -> None:
    """Whoever has an address of IPv6 has billions; a mapped address of IPv4 is that."""
    await made(ctx)
    for nth in range(10):
        await guess(ctx, 1, address=f"2001:db8::{nth + 1:x}")
    with pytest.raises(Throttled):
        await token(ctx, address="2001:db8:0:0:ffff::1")
    await guess(ctx, 5, address="203.0.113.1")
    await guess(ctx, 5, address="::ffff:203.0.113.1")
    with pytest.raises(Throttled):
        await token(ctx, address="203.0.113.1")


async def test_each_wrong_password_after_the_tenth_waits_longer(ctx: Context, clock: Clock) -> None:
    await made(ctx)
    await guess(ctx, 10)
    for minutes in (15, 30, 60, 120, 240, 240):
        clock.move(minutes=minutes - 1)
        with pytest.raises(Throttled, match="in 1 minutes"):
            await token(ctx)
        clock.move(minutes=1)
        await guess(ctx, 1)
    clock.move(hours=24)
    await guess(ctx, 10)
    with pytest.raises(Throttled):
        await token(ctx)


async def test_who_guesses_at_many_users_is_counted_by_address(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """And who signed in from there lately may do it again."""
    monkeypatch.setattr(tries, "ADDRESS_TRIES_MAX", 5)
    await made(ctx)
    await made(ctx, "ben")
    await token(ctx)
    for nth in range(5):
        await guess(ctx, 1, name=f"user-{nth}")
    with pytest.raises(Throttled):
        await token(ctx, name="ben")
    await guess(ctx, 1)
    await token(ctx)
    await token(ctx, name="ben", address="198.51.100.8")
    [kept] = await ask(ctx, "select count(*) as n from iam_attempt")
    assert kept["n"] == 9, "two addresses, five users of one, and two who were let in"


async def test_right_passwords_are_no_guesses_of_their_address(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "ADDRESS_TRIES_MAX", 2)
    for nth in range(5):
        await made(ctx, f"user-{nth}")
        await token(ctx, name=f"user-{nth}")


async def test_what_is_held_costs_no_question_to_the_database(ctx: Context) -> None:
    door = users.SigningIn()
    await guess(ctx, 10, door=door)
    with pytest.raises(Throttled):
        await token(ctx, door=door)
    [before] = await ask(ctx, "select xmin::text from iam_attempt where held_until is not null")
    await ctx.database.close()
    with pytest.raises(Throttled):
        await token(ctx, door=door)
    await ctx.database.open()
    assert [before] == await ask(ctx, "select xmin::text from iam_attempt where held_until is not null")


async def test_few_passwords_are_hashed_at_once_and_addresses_take_turns() -> None:
    turns, now, most, order = Turns(at_once=1, waiting_max=20, of_one_max=8), 0, 0, []
    all_came = asyncio.Event()

    async def signs_in(address: str) -> None:
        nonlocal now, most
        async with turns.turn(address):
            now += 1
            most = max(most, now)
            order.append(address)
            await all_came.wait()
            now -= 1

    flood = [asyncio.create_task(signs_in("mad")) for _ in range(30)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(signs_in(f"other-{n}")) for n in range(3)]
    await asyncio.sleep(0)
    all_came.set()
    given = await asyncio.gather(*flood, *others, return_exceptions=True)
    assert most == 1
    assert [sum(isinstance(each, Busy) for each in part) for part in (given[:30], given[30:])] == [21, 0]
    assert order[:6] == ["mad", "mad", "other-0", "other-1", "other-2", "mad"]


async def test_the_queue_for_hashing_is_bounded_and_who_leaves_it_holds_up_nobody() -> None:
    turns, started = Turns(at_once=1, waiting_max=4, of_one_max=8), asyncio.Event()

    async def signs_in(address: str, until: asyncio.Event) -> None:
        async with turns.turn(address):
            started.set()
            await until.wait()

    end = asyncio.Event()
    first = asyncio.create_task(signs_in("a", end))
    await started.wait()
    waiting = [asyncio.create_task(signs_in(f"b{n}", end)) for n in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await signs_in("c", end)
    for task in waiting[:3]:
        task.cancel()
    await asyncio.sleep(0)
    end.set()
    given = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in given] == [False, True, True, True, False]
    await asyncio.wait_for(signs_in("c", end), 5)


async def test_whose_turn_comes_as_they_leave_passes_it_on() -> None:
    turns, end = Turns(at_once=1), asyncio.Event()

    async def signs_in() -> None:
        async with turns.turn("a"):
            await end.wait()

    first, second = asyncio.create_task(signs_in()), asyncio.create_task(signs_in())
    await asyncio.sleep(0)
    end.set()
    first.add_done_callback(lambda _: second.cancel())  # its turn is given, and it has not taken it yet
    await asyncio.gather(first, second, return_exceptions=True)
    await asyncio.wait_for(signs_in(), 5)


async def test_hashing_gives_way_to_everything_else() -> None:
    turns = Turns()
    await turns.hashed("x", b"0" * 16)
    assert turns._threads is not None
    nice = await asyncio.wrap_future(
        turns._threads.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    )
    assert nice >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 1) and hashing.AT_ONCE <= 2


async def test_whom_the_queue_refuses_is_not_counted(ctx: Context) -> None:
    await made(ctx)
    door = users.SigningIn(turns=Turns(at_once=1, of_one_max=0))
    async with door.turns.turn("b"):
        for _ in range(11):
            with pytest.raises(Busy):
                await token(ctx, "wrong-one", door=door)
    await token(ctx, door=door)


async def test_users_are_refused_by_name(ctx: Context) -> None:
    await made(ctx)
    with pytest.raises(Conflict):
        await made(ctx)
    for name, password, role, field in (
        ("a b", PASSWORD, "viewer", "name"),
        ("a" * 65, PASSWORD, "viewer", "name"),
        ("b", "short12", "viewer", "password"),
        ("b", "x" * 129, "viewer", "password"),
        ("b", PASSWORD, "owner", "role"),
    ):
        with pytest.raises(Invalid) as caught:
            await users.create_user(ctx, "acme", name, password, role)
        assert caught.value.field == field and password not in str(caught.value)
    key = await access.create_key(ctx, "acme", "viewer", "huawei")
    assert [(user.name, user.account_id) for user in await users.list_users(ctx)] == [("ann", key.account_id)]
