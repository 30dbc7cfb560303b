"""Sessions: users who signed in with their password, and ask by a token until it ends.

Holds: of a token only the hash is kept; guesses are counted and passwords hashed as for any sign-in (users, tries); a
session ends by itself, by its user, and with whatever ends their right to one (people). Which role they have is looked
up with each request.
"""

import hmac
import secrets
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Invalid, NotFound, UnknownKey
from upwell.service.context import Context
from upwell.service.dice import dice
from upwell.service.manage import own_keys
from upwell.service.manage.access import Caller, Person, known_as, require
from upwell.service.manage.audit import Asker, acted
from upwell.service.manage.tries import Tries, Try
from upwell.service.manage.users import SALT_BYTES, SigningIn, User, check_password
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

SQL = sheet("people")
HEAD = "ups_"
ID_SIZE = 16  # characters of a session's id behind the head
SECRET_SIZE = 40  # characters; 238 bits
LIFE = timedelta(hours=24)
SESSIONS_MAX = 50  # of a user; the oldest end
LISTED_MAX = 1000  # of an account
USE_NOTED = timedelta(minutes=1)  # how often it is written down that one is used


async def sign_in(
    ctx: Context, signing_in: SigningIn, asked: c.SignIn, *, tongue: str, operation: str, address: str, request_id: str
) -> c.Session:
    """A session of the user whose password this is. Raises as SigningIn.proven."""
    tried, user = await signing_in.proven(ctx, asked.account, asked.name, asked.password, address)
    asker = Asker(
        who=known_as(user.name), tongue=tongue, address=address, operation=operation, request_id=request_id,
        account_id=user.account_id,
    )  # fmt: skip
    return await acted(ctx, asker, {"user": user.name}, partial(_begun, tried, user, asker))


async def _begun(tried: Try, user: User, asker: Asker, ctx: Context) -> c.Session:
    who = c.User(user_id=user.user_id, name=user.name, role=user.role, enabled=True, created_at=user.created_at)

    async def body(conn: Connection) -> c.Session:
        await tried.right(conn)
        return await begin(ctx, conn, who, asker)

    return await ctx.database.transact(body)


async def begin(ctx: Context, conn: Connection, user: c.User, asker: Asker) -> c.Session:
    """A session of somebody who is proven."""
    session_id, now = HEAD + dice(ID_SIZE), ctx.now()
    token = f"{session_id}_{dice(SECRET_SIZE)}"
    row = {"session_id": session_id, "hash": _digest(token), "user_id": user.user_id, "expires_at": now + LIFE,
           "tongue": asker.tongue, "address": asker.address}  # fmt: skip
    await conn.execute(*SQL["make_session"](**row, now=now))
    await conn.execute(*SQL["end_oldest"](user_id=user.user_id, most=SESSIONS_MAX))
    return c.Session(session_id=session_id, user=user, expires_at=now + LIFE, token=token)


async def caller_of_session(ctx: Context, token: str, dialect: str, address: str = "") -> Caller:
    """Who shows this token from that address, in that tongue. Raises UnknownKey when it is none, or over."""
    now = ctx.now()
    which = {"session_id": token.rpartition("_")[0], "now": now}
    async with ctx.lookups.connection() as conn:
        row = await conn.fetchrow(*SQL["find_session"](**which))
    if row is None or not hmac.compare_digest(row["hash"], _digest(token)):
        raise UnknownKey
    if row["last_used_at"] is None or now - row["last_used_at"] > USE_NOTED:
        noted = SQL["note_use"](**which, before=now - USE_NOTED)
        await ctx.database.transact(lambda conn: conn.execute(*noted))
    person = Person(user_id=row["user_id"], name=row["name"], session_id=row["session_id"], address=address)
    return Caller(row["account_id"], row["role"], known_as(row["name"]), dialect, person=person)


async def end_session(ctx: Context, caller: Caller, cmd: c.EndSession) -> c.Done:
    """The session that the caller asks by is over, or every one of that user. Raises Conflict no_session."""
    person = _person(caller)
    one, every = SQL["end_session"](session_id=person.session_id), SQL["end_sessions"](user_id=person.user_id)
    ended = every if cmd.everywhere else one

    async def body(conn: Connection) -> c.Done:
        await conn.execute(*ended)
        return c.Done()

    return await ctx.database.transact(body)


async def list_sessions(ctx: Context, caller: Caller, cmd: c.ListSessions) -> tuple[c.OpenSession, ...]:
    """Of the account those that are not over, newest first; of one user all, who may be of no account of theirs."""
    require(caller, "admin")
    return await _listed(ctx, caller, cmd.user_id)


async def list_own_sessions(ctx: Context, caller: Caller, cmd: c.ListOwnSessions) -> tuple[c.OpenSession, ...]:
    """Of the user who asks; none of whoever is none."""
    return () if caller.person is None else await _listed(ctx, caller, caller.person.user_id)


async def _listed(ctx: Context, caller: Caller, user_id: int | None) -> tuple[c.OpenSession, ...]:
    which = {"account_id": caller.account_id, "user_id": user_id, "now": ctx.now(), "most": LISTED_MAX}
    current = "" if caller.person is None else caller.person.session_id
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["list_sessions"](**which))
    return tuple(filled(c.OpenSession, row, is_current=row["session_id"] == current) for row in rows)


async def close_session(ctx: Context, caller: Caller, cmd: c.CloseSession) -> c.Done:
    """Whoever's of the account it is, it is over. Raises NotFound."""
    require(caller, "admin")
    return await _closed(ctx, caller, cmd.session_id, None)


async def close_own_session(ctx: Context, caller: Caller, cmd: c.CloseOwnSession) -> c.Done:
    """A session of the user who asks is over. Raises NotFound."""
    if caller.person is None:
        raise NotFound("session", cmd.session_id)
    return await _closed(ctx, caller, cmd.session_id, caller.person.user_id)


async def _closed(ctx: Context, caller: Caller, session_id: str, user_id: int | None) -> c.Done:
    which = {"account_id": caller.account_id, "user_id": user_id, "session_id": session_id}

    async def body(conn: Connection) -> c.Done:
        if await conn.fetchval(*SQL["close_session"](**which)) is None:
            raise NotFound("session", session_id)
        return c.Done()

    return await ctx.database.transact(body)


async def change_password(ctx: Context, caller: Caller, cmd: c.ChangePassword) -> c.Done:
    """The user has that password from now on, and no other session and no key of their own. A wrong present one counts
    as one at signing in does. Raises Conflict no_session, Invalid (current_password, new_password), Throttled, Busy."""
    person = _person(caller)
    check_password("new_password", cmd.new_password)
    tried, was = await _proven(ctx, caller, person, cmd.current_password)
    if cmd.new_password == cmd.current_password:
        raise Invalid("new_password", "another than the present one")
    salt = secrets.token_bytes(SALT_BYTES)
    async with ctx.passwords.turn(f"account {caller.account_id}"):
        kept = await ctx.passwords.hashed(cmd.new_password, salt)
    change = {"user_id": person.user_id, "salt": salt, "hash": kept, "was": was}

    async def body(conn: Connection) -> c.Done:
        if await conn.fetchval(*SQL["change_password"](**change, now=ctx.now())) is None:
            raise _wrong()
        await tried.right(conn)
        await conn.execute(*SQL["end_other_sessions"](user_id=person.user_id, session_id=person.session_id))
        await own_keys.end_keys(conn, caller.account_id, person.user_id, ctx.now())
        return c.Done()

    return await ctx.database.transact(body)


async def _proven(ctx: Context, caller: Caller, person: Person, password: str) -> tuple[Try, bytes]:
    """The try, which is right, and the hash that there is. A try is counted by itself, whatever becomes of the call.
    Raises Invalid, Throttled, Busy."""
    plain = replace(ctx, database=ctx.database.unwitnessed)
    async with plain.database.connection() as conn:
        row = await conn.fetchrow(*SQL["password_of"](user_id=person.user_id))
    if row is None:
        raise UnknownKey  # deleted meanwhile
    async with ctx.passwords.turn(f"account {caller.account_id}"):
        tried = await Tries().spend(plain, row["account"], person.name, person.address)
        given = await ctx.passwords.hashed(password, row["salt"])
    if not hmac.compare_digest(given, row["hash"]):
        tried.wrong(row["account"], person.name, person.address, known=True)
        raise _wrong()
    return tried, row["hash"]


def _person(caller: Caller) -> Person:
    if caller.person is None or not caller.person.session_id:
        raise Conflict("no_session", "The request came by a key, which is no session; keys are revoked.")
    return caller.person


def _wrong() -> Invalid:
    return Invalid("current_password", "the password that the user has now", "it is not")


async def forget_sessions(ctx: Context) -> None:
    """Those that are over."""
    await ctx.database.transact(lambda conn: conn.execute(*SQL["forget_sessions"](now=ctx.now())))


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
