"""Users, their passwords and tokens."""

import asyncio

import pytest
from tests.integration.conftest import Clock
from tests.integration.space_house import ask

from upwell.domain.errors import Conflict, Denied, Invalid, NotFound, Throttled
from upwell.service.context import Context
from upwell.service.manage import access, users

PASSWORD = "a-Right-Password"


async def made(ctx: Context, name: str = "ann") -> users.User:
    return await users.create_user(ctx, "acme", name, PASSWORD, "operator")


async def token(ctx: Context, password: str = PASSWORD, *, scoped: bool = True) -> str:
    return (await users.sign_in(ctx, "acme", "ann", password, scoped=scoped)).text


async def test_a_token_stands_for_its_user_for_a_day(ctx: Context, clock: Clock) -> None:
    user = await made(ctx)
    text = await token(ctx)
    caller = await users.caller_of_token(ctx, text)
    assert (caller.account_id, caller.role, caller.dialect) == (user.account_id, "operator", "huawei")
    clock.move(hours=23, minutes=59)
    await users.purge(ctx)
    await users.caller_of_token(ctx, text)
    clock.move(minutes=2)
    with pytest.raises(Denied, match="must be updated"):
        await users.caller_of_token(ctx, text)
    clock.move(hours=25)
    await users.purge(ctx)
    assert not await ask(ctx, "select 1 from iam_token union all select 1 from iam_attempt")
    with pytest.raises(Denied, match="unknown"):
        await users.caller_of_token(ctx, text)


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
        await users.caller_of_token(ctx, text)
    assert (await users.caller_of_token(ctx, text, scoped=False)).role == "operator"


async def test_a_deleted_users_tokens_are_void(ctx: Context) -> None:
    await made(ctx)
    text = await token(ctx)
    await users.delete_user(ctx, "acme", "ann")
    with pytest.raises(Denied):
        await users.caller_of_token(ctx, text)
    with pytest.raises(NotFound):
        await users.delete_user(ctx, "acme", "ann")


async def test_guesses_are_counted_even_at_once_and_in_time_forgiven(ctx: Context, clock: Clock) -> None:
    await made(ctx)
    guesses = [users.sign_in(ctx, "acme", "ann", f"wrong-{n}", scoped=True) for n in range(14)]
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
