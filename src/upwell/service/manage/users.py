"""People who sign in with a password, and the tokens that stand for them.

A password is kept as a salted scrypt hash, a token as its SHA-256: neither can be told back. Wrong passwords are
counted (tries.py) and passwords hashed in turns (hashing.py); a user who does not exist costs as much.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from upwell.domain.errors import Conflict, Denied, Invalid, NotFound
from upwell.service.context import Context
from upwell.service.hashing import Turns, hashed
from upwell.service.manage import own_keys
from upwell.service.manage.access import ROLES, Caller, check_account, known_as, make_account
from upwell.service.manage.audit import Asker, acted
from upwell.service.manage.tries import Tries, Try, forgotten_before
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

_Q = sheet("iam")
_PEOPLE = sheet("people")
TOKEN_BYTES = 32  # of dice
TOKEN_LIFE = timedelta(hours=24)  # huawei 1.8
TOKEN_KEPT = timedelta(hours=24)  # past its end, so that its user is told that it ended
PASSWORD_SIZES = range(8, 129)  # characters
SALT_BYTES = 16
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_NOBODY = b"\0" * SALT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Someone who may sign in."""

    user_id: int
    name: str
    account: str
    account_id: int
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token just made; the moment to tell it."""

    text: str
    user: User
    issued_at: datetime
    expires_at: datetime


async def create_user(ctx: Context, account: str, name: str, password: str, role: str, *, alone: bool = False) -> User:
    """A new user of the account by that name, which is made when there is none; `alone` only as the first of all.
    Raises Invalid, Conflict user_name_taken or first_user_made."""
    check_account(account)
    check_user(name, password, role)
    salt, now = secrets.token_bytes(SALT_BYTES), ctx.now()
    kept = await asyncio.to_thread(hashed, password, salt)

    async def body(conn: Connection) -> User:
        if alone:
            await conn.execute(*_PEOPLE["lock_first_user"]())
            if await conn.fetchval(*_PEOPLE["any_user"]()):
                raise Conflict("first_user_made", "There is a user already; an admin makes others.")
        account_id, user_id = await make_account(ctx, conn, account), ctx.new_id()
        row = {"user_id": user_id, "account_id": account_id, "name": name, "role": role}
        if await conn.fetchval(*_Q["make_user"](**row, salt=salt, hash=kept, now=now)) is None:
            raise Conflict("user_name_taken", f"The account {account} has a user named {name}.")
        return User(user_id=user_id, name=name, account=account, account_id=account_id, role=role, created_at=now)

    return await ctx.database.transact(body)


async def list_users(ctx: Context) -> list[User]:
    """Every user of every account, by account and name."""
    async with ctx.database.connection() as conn:
        return [filled(User, row) for row in await conn.fetch(*_Q["list_users"]())]


async def delete_user(ctx: Context, account: str, name: str) -> User:
    """The user and their tokens are gone; who it was. Raises NotFound."""

    async def body(conn: Connection) -> User:
        row = await conn.fetchrow(*_Q["delete_user"](account=account, name=name))
        if row is None:
            raise NotFound("user", name)
        await own_keys.end_keys(conn, row["account_id"], row["user_id"], ctx.now())
        return filled(User, row)

    return await ctx.database.transact(body)


@dataclass(frozen=True, slots=True)
class SigningIn:
    """What one process keeps for those who sign in through it."""

    tries: Tries = field(default_factory=Tries)
    turns: Turns = field(default_factory=Turns)

    async def sign_in(
        self, ctx: Context, account: str, name: str, password: str, *, tongue: str, scoped: bool, address: str,
        request_id: str = "",
    ) -> Token:  # fmt: skip
        """A token for the user whose password this is; `scoped` to the account's project. `address` is where the
        password comes from, and with the `tongue` and the request's id in the audit. Raises as `proven`."""
        tried, user = await self.proven(ctx, account, name, password, address)
        asker = Asker(
            who=known_as(name), tongue=tongue, address=address, operation="sign in", request_id=request_id,
            account_id=user.account_id,
        )  # fmt: skip
        return await acted(ctx, asker, {"user": name, "scoped": scoped}, partial(_make_token, tried, user, scoped))

    async def proven(self, ctx: Context, account: str, name: str, password: str, address: str) -> tuple[Try, User]:
        """The user whose password this is, and the try that is right once they are let in. Raises Denied for a wrong
        name or password, Throttled after too many wrong ones from there, Busy when too many sign in at once."""
        async with self.turns.turn(address):
            tried = await self.tries.spend(ctx, account, name, address)
            async with ctx.database.connection() as conn:
                row = await conn.fetchrow(*_Q["find_user"](account=account, name=name))
            salt, right = (_NOBODY, _NOBODY) if row is None else (row["salt"], row["hash"])
            given = await self.turns.hashed(password, salt)
        if not hmac.compare_digest(given, right) or row is None:
            tried.wrong(account, name, address, known=row is not None)
            raise Denied("The user name, the password or the domain is wrong.")
        return tried, filled(User, row)


async def caller_of_token(ctx: Context, token: str, dialect: str, *, scoped: bool = True) -> Caller:
    """Whom a token stands for, who speaks `dialect`. Raises Denied when it is unknown, expired, or not scoped to a
    project but must be."""
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*_Q["find_token"](hash=_digest(token)))
    if row is None:
        raise Denied("The token is unknown.")
    if row["expires_at"] <= ctx.now():
        raise Denied("The token must be updated.")  # huawei 1.8
    if scoped and not row["scoped"]:
        raise Denied("The token is not scoped to a project; ask for one with scope.project.")
    return Caller(row["account_id"], row["role"], known_as(row["name"]), dialect)


async def purge(ctx: Context) -> None:
    """Forget tokens and wrong passwords that count no more."""
    before = {"ended_before": ctx.now() - TOKEN_KEPT, "tried_before": forgotten_before(ctx.now())}
    await ctx.database.transact(lambda conn: conn.execute(*_Q["purge"](**before)))


async def _make_token(tried: Try, user: User, scoped: bool, ctx: Context) -> Token:
    text, now = secrets.token_urlsafe(TOKEN_BYTES), ctx.now()

    async def body(conn: Connection) -> Token:
        await tried.right(conn)
        row = {"hash": _digest(text), "user_id": user.user_id, "scoped": scoped}
        await conn.execute(*_Q["make_token"](**row, now=now, expires_at=now + TOKEN_LIFE))
        return Token(text=text, user=user, issued_at=now, expires_at=now + TOKEN_LIFE)

    return await ctx.database.transact(body)


def check_user(name: str, password: str, role: str) -> None:
    """Raises Invalid for what can be no user's."""
    if not _NAME.fullmatch(name):
        raise Invalid("name", "1 to 64 letters, digits, _ . @ or -")
    check_password("password", password)
    if role not in ROLES:
        raise Invalid("role", "one of " + ", ".join(ROLES))


def check_password(field: str, password: str) -> None:
    """Raises Invalid naming `field`."""
    if len(password) not in PASSWORD_SIZES:
        raise Invalid(field, f"{PASSWORD_SIZES[0]} to {PASSWORD_SIZES[-1]} characters")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
