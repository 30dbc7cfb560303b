"""Keys that are tokens: kept hashed, over in time, noted when used; and keys as the admins of an account see them."""

import asyncio
from datetime import timedelta

import pytest
from conftest import Clock, caller_of

from upwell.domain import commands as c
from upwell.domain.errors import Denied, NotFound, TooMany, UnknownKey
from upwell.service.context import Context
from upwell.service.manage import access, keys, own_keys, people, sessions, users
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


async def signed_in(ctx: Context, name: str) -> Caller:
    """A user of acme, by a session."""
    await users.create_user(ctx, "acme", name, "a-Right-Password", "viewer")
    asked = c.SignIn(account="acme", name=name, password="a-Right-Password")
    how = {"tongue": "upwell", "operation": "create_session", "address": "::1", "request_id": ""}
    begun = await sessions.sign_in(ctx, users.SigningIn(), asked, **how)
    return await sessions.caller_of_session(ctx, begun.token, "upwell")


async def test_ended_keys_of_users_make_room(ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's signing in uses up an account's keys; those that live are kept, and so are the account's own."""
    ann, bob = await signed_in(ctx, "ann"), await signed_in(ctx, "bob")
    monkeypatch.setattr(keys, "KEYS_MAX", len(await keys.list_keys(ctx, caller, c.ListKeys())) + 2)
    cmd = c.CreateOwnKey(lifetime=timedelta(days=1))
    ended = await own_keys.create_own_key(ctx, ann, cmd)
    await own_keys.revoke_own_key(ctx, ann, c.RevokeOwnKey(key_id=ended.key_id))
    lives = await own_keys.create_own_key(ctx, bob, cmd)
    made = await keys.create_key(ctx, caller, c.CreateKey(role="viewer", dialect="upwell", is_token=True))
    left = {key.key_id for key in await keys.list_keys(ctx, caller, c.ListKeys())}
    assert {lives.key_id, made.key_id, caller.key_id} <= left and ended.key_id not in left
    for refused in (own_keys.create_own_key(ctx, bob, cmd), own_keys.create_own_key(ctx, ann, cmd)):
        with pytest.raises(TooMany):
            await refused
    assert await access.find_key(ctx, lives.key_id), "nothing is half done"


async def test_a_key_without_its_user_opens_nothing(ctx: Context) -> None:
    """Also where whoever took the user away knew of no key."""
    ann = await signed_in(ctx, "ann")
    made = await own_keys.create_own_key(ctx, ann, c.CreateOwnKey(lifetime=timedelta(days=1)))
    assert made.secret and (await shown(ctx, made.key_id, made.secret)).who == f"user ann, key {made.key_id}"
    async with ctx.database.connection() as conn:
        await conn.execute("update iam_user set enabled = false where name = 'ann'")
        assert await access.find_key(ctx, made.key_id) is None
        await conn.execute("update iam_user set enabled = true where name = 'ann'")
        assert await access.find_key(ctx, made.key_id)
        await conn.execute("delete from iam_user where name = 'ann'")
    assert await access.find_key(ctx, made.key_id) is None


async def test_a_key_that_is_made_while_its_right_ends_is_of_no_use(ctx: Context, caller: Caller) -> None:
    """Whichever comes first."""
    for turn in range(6):
        ann = await signed_in(ctx, f"ann{turn}")
        assert ann.person
        disabled = people.update_user(ctx, caller, c.UpdateUser(user_id=ann.person.user_id, enabled=False))
        made, _ = await asyncio.gather(
            own_keys.create_own_key(ctx, ann, c.CreateOwnKey(lifetime=timedelta(days=1))), disabled,
            return_exceptions=True,
        )  # fmt: skip
        assert isinstance(made, c.Key | UnknownKey), made
        await people.update_user(ctx, caller, c.UpdateUser(user_id=ann.person.user_id, enabled=True))
        if isinstance(made, c.Key):
            assert await access.find_key(ctx, made.key_id) is None
