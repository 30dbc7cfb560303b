"""Users of an account as its admins make, see, change and delete them; and who asks.

Holds: a password is hashed beside the loop, few at once, and kept as nothing else; whoever's password is new, or who
may not sign in any more, has no session and no key of their own from then on; one admin who may sign in
stays, where there was one.
"""

import secrets

from upwell.domain import commands as c
from upwell.domain.commands.lists import Order
from upwell.domain.errors import Conflict, NotFound, TooMany
from upwell.service.context import Context
from upwell.service.manage import accounts, keys, own_keys
from upwell.service.manage.access import Caller, require
from upwell.service.manage.users import SALT_BYTES, check_user
from upwell.storage.database import Connection, filled
from upwell.storage.orders import USERS, ordered
from upwell.storage.queries import sheet

SQL = sheet("people")
IAM = sheet("iam")
BY_NAME = Order("name")
USERS_MAX = 1000  # of an account: a list of all is one answer


async def create_user(ctx: Context, caller: Caller, cmd: c.CreateUser) -> c.User:
    """A new user of the caller's account. Raises Invalid, Conflict user_name_taken, TooMany users, Busy."""
    require(caller, "admin")
    check_user(cmd.user, cmd.password, cmd.role)
    salt, kept = await _hashed(ctx, caller, cmd.password)
    user_id = ctx.new_id()
    row = {"user_id": user_id, "account_id": caller.account_id, "name": cmd.user, "role": cmd.role}

    async def body(conn: Connection) -> c.User:
        await conn.execute(*SQL["lock_account"](account_id=caller.account_id))
        if await conn.fetchval(*SQL["count_users"](account_id=caller.account_id)) >= USERS_MAX:
            raise TooMany("users", USERS_MAX)
        if await conn.fetchval(*IAM["make_user"](**row, salt=salt, hash=kept, now=ctx.now())) is None:
            raise Conflict("user_name_taken", f"The account has a user named {cmd.user}.")
        return await one(conn, caller, user_id)

    return await ctx.database.transact(body)


async def list_users(ctx: Context, caller: Caller, cmd: c.ListUsers) -> tuple[c.User, ...]:
    """Every user of the caller's account, by name."""
    require(caller, "admin")
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*ordered(SQL["list_users"](account_id=caller.account_id), USERS, cmd.order or BY_NAME))
    return tuple(filled(c.User, row) for row in rows)


async def show_user(ctx: Context, caller: Caller, cmd: c.ShowUser) -> c.User:
    """A user of the caller's account. Raises NotFound."""
    require(caller, "admin")
    async with ctx.database.connection() as conn:
        return await one(conn, caller, cmd.user_id)


async def update_user(ctx: Context, caller: Caller, cmd: c.UpdateUser) -> c.User:
    """Give a user another role or password, or let them sign in or not. Raises NotFound, Invalid, Busy, Conflict
    last_admin."""
    require(caller, "admin")
    salt = kept = None
    if cmd.password is not None:
        check_user("name", cmd.password, cmd.role or "admin")
        salt, kept = await _hashed(ctx, caller, cmd.password)
    change = {"user_id": cmd.user_id, "role": cmd.role, "enabled": cmd.enabled, "salt": salt, "hash": kept}

    async def body(conn: Connection) -> c.User:
        user = await held(conn, caller, cmd.user_id)
        if cmd.role not in (None, "admin") or cmd.enabled is False:
            await _keep_an_admin(conn, caller, user)
        await conn.execute(*SQL["update_user"](**change, now=ctx.now()))
        if kept is not None or cmd.enabled is False:
            await conn.execute(*SQL["end_sessions"](user_id=cmd.user_id))
            await own_keys.end_keys(conn, caller.account_id, cmd.user_id, ctx.now())
        return await one(conn, caller, cmd.user_id)

    return await ctx.database.transact(body)


async def delete_user(ctx: Context, caller: Caller, cmd: c.DeleteUser) -> c.Done:
    """The user is gone, and their sessions. Raises NotFound, Conflict last_admin."""
    require(caller, "admin")

    async def body(conn: Connection) -> c.Done:
        await _keep_an_admin(conn, caller, await held(conn, caller, cmd.user_id))
        await conn.execute(*SQL["delete_user"](user_id=cmd.user_id))
        await own_keys.end_keys(conn, caller.account_id, cmd.user_id, ctx.now())
        return c.Done()

    return await ctx.database.transact(body)


async def show_me(ctx: Context, caller: Caller, cmd: c.ShowMe) -> c.Me:
    """Who asks."""
    async with ctx.database.connection() as conn:
        account, person = await accounts.one(conn, caller.account_id), caller.person
        if person is not None:
            by_key = keys.SQL["end_of_key"](key_id=person.key_id)
            by_session = SQL["end_of_session"](session_id=person.session_id)
            ends = await conn.fetchval(*(by_key if person.key_id else by_session))
            return c.Me(
                kind="user", id=person.user_id, name=person.name, role=caller.role, account=account, expires_at=ends
            )
        key = await keys.one(conn, caller, caller.key_id)
    return c.Me(
        kind="key", id=key.key_id, name=key.key_id, role=key.role, account=account, expires_at=key.expires_at,
        space=key.space, product_key=key.product_key, is_server_admin=key.is_server_admin,
    )  # fmt: skip


async def held(conn: Connection, caller: Caller, user_id: int) -> c.User:
    """The user; nobody changes who may sign in to the account until the transaction ends. Raises NotFound."""
    await conn.execute(*SQL["lock_account"](account_id=caller.account_id))
    return await one(conn, caller, user_id)


async def one(conn: Connection, caller: Caller, user_id: int) -> c.User:
    """The user of the caller's account. Raises NotFound."""
    row = await conn.fetchrow(*SQL["show_user"](account_id=caller.account_id, user_id=user_id))
    if row is None:
        raise NotFound("user", str(user_id))
    return filled(c.User, row)


async def _hashed(ctx: Context, caller: Caller, password: str) -> tuple[bytes, bytes]:
    """Salt and hash, in the account's turn. Raises Busy."""
    salt = secrets.token_bytes(SALT_BYTES)
    async with ctx.passwords.turn(f"account {caller.account_id}"):
        return salt, await ctx.passwords.hashed(password, salt)


async def _keep_an_admin(conn: Connection, caller: Caller, user: c.User) -> None:
    if user.role != "admin" or not user.enabled:
        return
    if not await conn.fetchval(*SQL["has_other_admin"](account_id=caller.account_id, user_id=user.user_id)):
        raise Conflict("last_admin", "Nobody else of the account is an admin who may sign in.")
