"""Users whom a provider of OpenID Connect knows: let in by their groups, made when they first come.

Holds: somebody is who the issuer and the subject say, whatever they are called; a name that another user has is nobody
else's, so that no provider's word takes a user over. Their role is renewed at each sign-in; whom no group lets in any
more has no session and no key of their own from then on. They have no password until an admin gives them one.
"""

import re
import secrets
from dataclasses import dataclass, replace
from functools import partial

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Denied, TooMany
from upwell.service.context import Context
from upwell.service.manage import own_keys, sessions
from upwell.service.manage.access import known_as, make_account
from upwell.service.manage.audit import Asker, acted
from upwell.service.manage.people import USERS_MAX
from upwell.service.manage.users import SALT_BYTES
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

SQL = sheet("people")
OPERATION = "sign in at the provider"
TONGUE = "oidc"
NAME_MAX = 64
HASH_BYTES = 32  # of a password that nobody has
_NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9_.@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outsider:
    """Somebody as a provider proves them; the role that their groups have, None where they have none."""

    issuer: str
    subject: str
    name: str
    role: str | None
    account: str


async def sign_in(ctx: Context, who: Outsider, *, address: str, request_id: str) -> c.Session:
    """Their session. Raises Denied, Conflict user_name_taken, TooMany users."""
    name = _NOT_OF_NAMES.sub("-", who.name)[:NAME_MAX].strip("-")
    account_id = await ctx.database.transact(lambda conn: make_account(ctx, conn, who.account))
    asker = Asker(
        who=known_as(name or "nobody"), tongue=TONGUE, address=address, operation=OPERATION, request_id=request_id,
        account_id=account_id,
    )  # fmt: skip
    if who.role is None:
        await _shut_out(ctx, who, account_id)
    return await acted(ctx, asker, {"user": name}, partial(_let_in, who, name, asker))


async def _shut_out(ctx: Context, who: Outsider, account_id: int) -> None:
    """Nothing of them goes on."""

    async def body(conn: Connection) -> None:
        row = await conn.fetchrow(*SQL["find_outsider"](account_id=account_id, issuer=who.issuer, subject=who.subject))
        if row is not None:
            await conn.execute(*SQL["end_sessions"](user_id=row["user_id"]))
            await own_keys.end_keys(conn, account_id, row["user_id"], ctx.now())

    await ctx.database.transact(body)


async def _let_in(who: Outsider, name: str, asker: Asker, ctx: Context) -> c.Session:
    role, account_id = who.role, asker.account_id
    if role is None:
        raise Denied("No group of yours is let in here. Ask whoever runs this server.")
    if not name or not who.subject:
        raise Denied("The provider tells no name for you.")
    known = {"account_id": account_id, "issuer": who.issuer, "subject": who.subject}

    async def body(conn: Connection) -> c.Session:
        await conn.execute(*SQL["lock_account"](account_id=account_id))
        row = await conn.fetchrow(*SQL["find_outsider"](**known))
        user = await _make(ctx, conn, name, role, known) if row is None else filled(c.User, row)
        if not user.enabled:
            raise Denied("You may not sign in here.")
        if user.role != role:
            change = {"user_id": user.user_id, "role": role, "enabled": None, "salt": None, "hash": None}
            await conn.execute(*SQL["update_user"](**change, now=ctx.now()))
        return await sessions.begin(ctx, conn, replace(user, role=role), asker)

    return await ctx.database.transact(body)


async def _make(ctx: Context, conn: Connection, name: str, role: str, known: dict[str, object]) -> c.User:
    if await conn.fetchval(*SQL["count_users"](account_id=known["account_id"])) >= USERS_MAX:
        raise TooMany("users", USERS_MAX)
    user = c.User(user_id=ctx.new_id(), name=name, role=role, enabled=True, created_at=ctx.now())
    row = {"user_id": user.user_id, "name": name, "role": role, "now": user.created_at}
    nobodys = {"salt": secrets.token_bytes(SALT_BYTES), "hash": secrets.token_bytes(HASH_BYTES)}
    if await conn.fetchval(*SQL["make_outsider"](**row, **nobodys, **known)) is None:
        raise Conflict("user_name_taken", f"The account has another user named {name}.")
    return user
