"""Keys that are tokens: kept hashed, over in time, noted when used; and keys as the admins of an account see them."""

import asyncio
from datetime import timedelta

import pytest
from conftest import Clock, caller_of

from upwell.domain import commands as c
from upwell.domain.errors import Denied, NotFound, TooMany, UnknownKey
from upwell.service.context import Context
from upwell.service.manage import access, keys
from upwell.service.manage.access import Caller, NewKey

pytestmark = pytest.mark.asyncio


async def a_token(ctx: Context, **more: timedelta) -> NewKey:
    return await access.create_key(ctx, "acme", "operator", "upwell", is_token=True, **more)


async def shown(ctx: Context, key_id: str, token: str) -> Caller:
    return await access.caller_of_token(ctx, await access.find_key(ctx, key_id), token)


async def test_a_token_begins_with_its_key_and_is_kept_hashed(ctx: Context) -> None:
    made = await a_token(ctx)
    assert made.secret.startswith(made.key_id + "_") and made.key_id.startswith("upw_")
    assert len(made.secret) == 4 + 16 + 1 + 40 and made.secret not in repr(made)
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow("select * from access_key where key_id = $1", made.key_id)
    assert row["secret"] is None and made.secret.rpartition("_")[2] not in repr(dict(row))
    caller = await shown(ctx, made.key_id, made.secret)
    assert (caller.account_id, caller.role, caller.dialect) == (made.account_id, "operator", "upwell")


async def test_what_is_not_the_token_opens_nothing(ctx: Context) -> None:
    made, other = await a_token(ctx), await a_token(ctx)
    signing = await access.create_key(ctx, "acme", "admin", "alibaba")
    kept = await access.find_key(ctx, made.key_id)
    assert kept is not None and kept.secret_hash is not None
    wrong = (other.secret, made.secret[:-1], made.secret + "x", made.key_id, "", kept.secret_hash.hex(), "\ud800")
    for token in wrong:
        with pytest.raises(UnknownKey):
            await access.caller_of_token(ctx, kept, token)
    with pytest.raises(UnknownKey):
        await shown(ctx, signing.key_id, signing.secret)
    with pytest.raises(UnknownKey):
        await access.caller_of_token(ctx, None, made.secret)
    await access.revoke_key(ctx, made.key_id)
    with pytest.raises(UnknownKey):
        await shown(ctx, made.key_id, made.secret)


async def test_a_key_of_any_dialect_ends_in_time(ctx: Context, clock: Clock) -> None:
    made = await a_token(ctx, lifetime=timedelta(days=1))
    signing = await access.create_key(ctx, "acme", "admin", "tuya", lifetime=timedelta(days=1))
    clock.move(hours=23)
    assert await shown(ctx, made.key_id, made.secret)
    assert await access.find_key(ctx, signing.key_id)
    clock.move(hours=1)
    assert await access.find_keys(ctx, [made.key_id, signing.key_id]) == [None, None]


async def test_a_use_is_noted_once_a_minute(ctx: Context, clock: Clock) -> None:
    made = await a_token(ctx)

    async def used() -> object:
        [key] = [key for key in await access.list_keys(ctx) if key.key_id == made.key_id]
        return key.last_used_at

    assert await used() is None
    await asyncio.gather(*(shown(ctx, made.key_id, made.secret) for _ in range(5)))
    first = await used()
    assert first is not None
    clock.move(seconds=50)
    await shown(ctx, made.key_id, made.secret)
    assert await used() == first
    clock.move(seconds=11)
    await shown(ctx, made.key_id, made.secret)
    assert await used() != first


async def test_admins_make_see_and_revoke_the_keys_of_their_account(
    ctx: Context, caller: Caller, stranger: Caller
) -> None:
    made = await keys.create_key(ctx, caller, c.CreateKey(role="viewer", dialect="upwell", is_token=True))
    assert made.secret and made.secret not in repr(await keys.list_keys(ctx, caller, c.ListKeys()))
    newest, first = await keys.list_keys(ctx, caller, c.ListKeys())
    assert (newest.key_id, first.key_id) == (made.key_id, caller.key_id)
    with pytest.raises(NotFound):
        await keys.revoke_key(ctx, stranger, c.RevokeKey(key_id=made.key_id))
    assert await access.find_key(ctx, made.key_id)
    await keys.revoke_key(ctx, caller, c.RevokeKey(key_id=made.key_id))
    assert await access.find_key(ctx, made.key_id) is None
    operator = await caller_of(ctx, "acme", "operator")
    with pytest.raises(Denied):
        await keys.list_keys(ctx, operator, c.ListKeys())


async def test_an_account_has_at_most_so_many_keys(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYS_MAX", 3)
    cmd = c.CreateKey(role="viewer", dialect="alibaba", is_token=False)
    told = await asyncio.gather(*(keys.create_key(ctx, caller, cmd) for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in told].count(TooMany) == 3, "two beside the caller's own"
