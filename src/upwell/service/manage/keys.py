"""Keys of an account as its admins make, see and revoke them. What a key is and proves is `access`'s."""

from datetime import datetime

from upwell.domain import commands as c
from upwell.domain.commands.lists import Order
from upwell.domain.errors import Denied, NotFound, TooMany
from upwell.domain.events import Kind
from upwell.service.context import Context
from upwell.service.manage import access
from upwell.service.manage.access import Caller, Scope, require
from upwell.service.upgrade import events
from upwell.storage.database import Connection, Row, filled
from upwell.storage.orders import KEYS, ordered
from upwell.storage.queries import sheet

SQL = sheet("keys")
KEYS_MAX = 1000  # of an account, revoked ones included: a list of all is one answer


async def create_key(ctx: Context, caller: Caller, cmd: c.CreateKey) -> c.Key:
    """A new key of the caller's account. One that a key of a part of it makes ends no later than that. Raises Invalid
    (dialect), NotFound (space, product), TooMany keys, Denied."""
    require(caller, "admin")
    access.check_scope(cmd.space, cmd.product_key, is_token=cmd.is_token)

    async def body(conn: Connection) -> c.Key:
        await conn.execute(*SQL["lock_account"](account_id=caller.account_id))
        if await is_full(conn, caller.account_id, ctx.now()):
            raise TooMany("keys", KEYS_MAX)
        scope = await access.find_scope(conn, caller.account_id, cmd.space, cmd.product_key)
        made = await access.make_key(
            ctx, conn, caller.account_id, cmd.role, cmd.dialect, is_token=cmd.is_token, lifetime=cmd.lifetime,
            scope=scope,
        )  # fmt: skip
        await _check_end(conn, caller, made.expires_at)
        return c.Key(
            key_id=made.key_id, role=made.role, dialect=made.dialect, created_at=made.created_at,
            expires_at=made.expires_at, secret=made.secret, space=cmd.space, product_key=cmd.product_key,
        )  # fmt: skip

    return await ctx.database.transact(body)


async def is_full(conn: Connection, account_id: int, now: datetime) -> bool:
    """Whether the account, whose row the caller has, has as many keys as it may; those of users that have ended are
    forgotten before."""
    if await conn.fetchval(*SQL["count_keys"](account_id=account_id)) < KEYS_MAX:
        return False
    await conn.execute(*SQL["forget_ended_of_users"](account_id=account_id, now=now))
    return bool(await conn.fetchval(*SQL["count_keys"](account_id=account_id)) >= KEYS_MAX)


def shown(row: Row) -> c.Key:
    """A key as it is told: one of a user has no more than their role."""
    return filled(c.Key, row, secret=None, role=access.lower(row["role"], row["user_role"]))


async def _check_end(conn: Connection, caller: Caller, expires_at: datetime | None) -> None:
    if caller.scope is None:
        return
    own = await conn.fetchval(*SQL["end_of_key"](key_id=caller.key_id))
    if own is not None and (expires_at is None or expires_at > own):
        raise Denied(f"The key ends at {own:%Y-%m-%dT%H:%M:%SZ}; so must each that it makes.")


async def list_keys(ctx: Context, caller: Caller, cmd: c.ListKeys) -> tuple[c.Key, ...]:
    """Every key of the caller's account, or of the part that the caller is of, newest first, without secrets."""
    require(caller, "admin")
    of = caller.scope or Scope()
    which = {"account_id": caller.account_id, "space_id": of.space_id, "product_id": of.product_id}
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*ordered(SQL["list_keys"](**which), KEYS, cmd.order or Order("created_at", down=True)))
    return tuple(map(shown, rows))


async def show_key(ctx: Context, caller: Caller, cmd: c.ShowKey) -> c.Key:
    """A key of the caller's account, without its secret. Raises NotFound."""
    require(caller, "admin")
    async with ctx.database.connection() as conn:
        return await one(conn, caller, cmd.key_id)


async def held(conn: Connection, caller: Caller, key_id: str) -> c.Key:
    """The same, held until the transaction ends."""
    await conn.execute(*SQL["lock_key"](key_id=key_id, account_id=caller.account_id))
    return await one(conn, caller, key_id)


async def one(conn: Connection, caller: Caller, key_id: str) -> c.Key:
    """A key of the caller's account. Raises NotFound."""
    row = await conn.fetchrow(*SQL["show_key"](key_id=key_id, account_id=caller.account_id))
    if row is None:
        raise NotFound("key", key_id)
    return shown(row)


async def revoke_key(ctx: Context, caller: Caller, cmd: c.RevokeKey) -> c.Done:
    """Make a key of the caller's account useless. Raises NotFound."""
    require(caller, "admin")

    async def body(conn: Connection) -> c.Done:
        now = ctx.now()
        which = {"key_id": cmd.key_id, "account_id": caller.account_id}
        is_news = await conn.fetchval(*SQL["revoke_key"](**which, now=now))
        if is_news is None:
            raise NotFound("key", cmd.key_id)
        if is_news:
            await events.tell(conn, caller.account_id, Kind.KEY_REVOKED, now, name=cmd.key_id)
        return c.Done()

    return await ctx.database.transact(body)
