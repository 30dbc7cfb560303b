"""Keys of users: made by whoever is signed in, for programs that ask in their name (ADR 0045).

Holds: such a key opens nothing once its user may not sign in, is gone, or has another password, and it has never more
than their role. It makes no other key of theirs, so that one which is stolen lasts no longer than it was made for. A
user has a bounded number; the oldest ends.
"""

from datetime import datetime

from upwell.domain import commands as c
from upwell.domain.errors import Denied, NotFound, TooMany, UnknownKey
from upwell.domain.events import Kind
from upwell.service.context import Context
from upwell.service.manage import access, keys
from upwell.service.manage.access import Caller
from upwell.service.upgrade import events
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("own_keys")
OF_USER_MAX = 20


async def create_own_key(ctx: Context, caller: Caller, cmd: c.CreateOwnKey) -> c.Key:
    """A key of the user who signed in, with their role. Raises Denied for whoever did not, TooMany keys."""
    person = caller.person
    if person is None or not person.session_id:
        raise Denied("A key of one's own is made by a user who signed in with a password, not by a key.")
    session = {"session_id": person.session_id, "now": ctx.now()}

    async def body(conn: Connection) -> c.Key:
        await conn.execute(*keys.SQL["lock_account"](account_id=caller.account_id))
        user = await conn.fetchrow(*SQL["signed_in"](**session))  # nobody changes it until this ends
        if user is None:
            raise UnknownKey
        await _make_room(ctx, conn, caller.account_id, person.user_id)
        made = await access.make_key(
            ctx, conn, caller.account_id, user["role"], caller.dialect, is_token=True, lifetime=cmd.lifetime,
            user=(person.user_id, user["name"]),
        )  # fmt: skip
        return c.Key(
            key_id=made.key_id, role=made.role, dialect=made.dialect, created_at=made.created_at,
            expires_at=made.expires_at, secret=made.secret, user=user["name"],
        )  # fmt: skip

    return await ctx.database.transact(body)


async def _make_room(ctx: Context, conn: Connection, account_id: int, user_id: int) -> None:
    """Those of the user that have ended are forgotten, and the oldest beyond so many end."""
    now = ctx.now()
    for row in await conn.fetch(*SQL["end_oldest"](user_id=user_id, now=now, most=OF_USER_MAX - 1)):
        await events.tell(conn, account_id, Kind.KEY_REVOKED, now, name=row["key_id"])
    await conn.execute(*SQL["forget_ended"](user_id=user_id, now=now))
    if await keys.is_full(conn, account_id, now):
        raise TooMany("keys", keys.KEYS_MAX)


async def list_own_keys(ctx: Context, caller: Caller, cmd: c.ListOwnKeys) -> tuple[c.Key, ...]:
    """Every key of the user who asks, newest first, without secrets; none of whoever is none."""
    if caller.person is None:
        return ()
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["list_own_keys"](user_id=caller.person.user_id))
    return tuple(map(keys.shown, rows))


async def revoke_own_key(ctx: Context, caller: Caller, cmd: c.RevokeOwnKey) -> c.Done:
    """Make a key of the user who asks useless, also the one that they ask by. Raises NotFound."""
    person = caller.person

    async def body(conn: Connection) -> c.Done:
        now = ctx.now()
        which = {"key_id": cmd.key_id, "user_id": None if person is None else person.user_id}
        is_news = await conn.fetchval(*SQL["revoke_own_key"](**which, now=now))
        if is_news is None:
            raise NotFound("key", cmd.key_id)
        if is_news:
            await events.tell(conn, caller.account_id, Kind.KEY_REVOKED, now, name=cmd.key_id)
        return c.Done()

    return await ctx.database.transact(body)


async def end_keys(conn: Connection, account_id: int, user_id: int, now: datetime) -> None:
    """All keys of a user end: they may not sign in any more, or with another password only. At most as many as a user
    may have."""
    for row in await conn.fetch(*SQL["end_keys"](user_id=user_id, now=now)):
        await events.tell(conn, account_id, Kind.KEY_REVOKED, now, name=row["key_id"])
