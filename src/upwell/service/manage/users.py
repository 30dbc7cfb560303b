"""People who sign in with a password, and the tokens that stand for them.

A password is kept as a salted scrypt hash, a token as its SHA-256: neither can be told back. A user's wrong passwords
are counted in PostgreSQL, so that no number of processes makes guessing faster; a user who does not exist costs as
much.
"""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from upwell.domain.errors import Conflict, Denied, Invalid, NotFound, Throttled
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.manage.access import ROLES, Caller, check_account, make_account
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("iam")
TOKEN_BYTES = 32  # of dice
TOKEN_LIFE = timedelta(hours=24)  # huawei 1.8
TOKEN_KEPT = timedelta(hours=24)  # past its end, so that its user is told that it ended
TRIES_MAX = 10  # wrong passwords of a user within TRIES_SPAN
TRIES_SPAN = timedelta(minutes=15)
PASSWORD_SIZES = range(8, 129)  # characters
SALT_BYTES = 16
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1  # 16 MiB and about 50 ms of one core
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


async def create_user(ctx: Context, account: str, name: str, password: str, role: str) -> User:
    """A new user of the account by that name, which is made when there is none. Raises Invalid, Conflict
    user_name_taken."""
    _check(account, name, password, role)
    salt, now = secrets.token_bytes(SALT_BYTES), ctx.now()
    hashed = await asyncio.to_thread(_hashed, password, salt)

    async def body(conn: Connection) -> User:
        account_id, user_id = await make_account(ctx, conn, account), ctx.new_id()
        row = {"user_id": user_id, "account_id": account_id, "name": name, "role": role}
        if await conn.fetchval(*_Q["make_user"](**row, salt=salt, hash=hashed, now=now)) is None:
            raise Conflict("user_name_taken", f"The account {account} has a user named {name}.")
        return User(user_id=user_id, name=name, account=account, account_id=account_id, role=role, created_at=now)

    return await ctx.database.transact(body)


async def list_users(ctx: Context) -> list[User]:
    """Every user of every account, by account and name."""
    async with ctx.database.connection() as conn:
        return [filled(User, row) for row in await conn.fetch(*_Q["list_users"]())]


async def delete_user(ctx: Context, account: str, name: str) -> None:
    """The user and their tokens are gone. Raises NotFound."""

    async def body(conn: Connection) -> None:
        if await conn.fetchval(*_Q["delete_user"](account=account, name=name)) is None:
            raise NotFound("user", name)

    await ctx.database.transact(body)


async def sign_in(ctx: Context, account: str, name: str, password: str, *, scoped: bool) -> Token:
    """A token for the user whose password this is; `scoped` to the account's project. Raises Denied for a wrong name or
    password, Throttled after TRIES_MAX wrong ones; a right one forgives the others."""
    who = hashlib.sha256(f"{account}\0{name}".encode("utf-8", "surrogatepass")).digest()
    tries = await _spend_try(ctx, who)
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*_Q["find_user"](account=account, name=name))
    salt, right = (_NOBODY, _NOBODY) if row is None else (row["salt"], row["hash"])
    hashed = await asyncio.to_thread(_hashed, password, salt)
    if not hmac.compare_digest(hashed, right) or row is None:
        if tries == TRIES_MAX:
            minutes = TRIES_SPAN // timedelta(minutes=1)
            tell(log, "user locked", logging.WARNING, user=f"{account}/{name}", known=row is not None, tries=tries,
                 for_minutes=minutes)  # fmt: skip
        raise Denied("The user name, the password or the domain is wrong.")
    user = filled(User, row)
    return await _make_token(ctx, who, user, scoped)


async def caller_of_token(ctx: Context, token: str, *, scoped: bool = True) -> Caller:
    """Whom a token stands for. Raises Denied when it is unknown, expired, or not scoped to a project but must be."""
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*_Q["find_token"](hash=_digest(token)))
    if row is None:
        raise Denied("The token is unknown.")
    if row["expires_at"] <= ctx.now():
        raise Denied("The token must be updated.")  # huawei 1.8
    if scoped and not row["scoped"]:
        raise Denied("The token is not scoped to a project; ask for one with scope.project.")
    return Caller(row["account_id"], row["role"], f"user {row['name']}", "huawei")


async def purge(ctx: Context) -> None:
    """Forget tokens and wrong passwords that count no more."""
    before = {"ended_before": ctx.now() - TOKEN_KEPT, "began_before": ctx.now() - TRIES_SPAN}
    await ctx.database.transact(lambda conn: conn.execute(*_Q["purge"](**before)))


async def _spend_try(ctx: Context, who: bytes) -> int:
    """How many tries this makes. Counted before the password is looked at, so that guesses at once are counted too."""

    async def body(conn: Connection) -> int:
        now = ctx.now()
        tries = await conn.fetchval(*_Q["spend_try"](who=who, now=now, since=now - TRIES_SPAN, most=TRIES_MAX))
        if tries is None:
            minutes = TRIES_SPAN // timedelta(minutes=1)
            raise Throttled(f"{TRIES_MAX} wrong passwords within {minutes} minutes; try again later.")
        return int(tries)

    return await ctx.database.transact(body)


async def _make_token(ctx: Context, who: bytes, user: User, scoped: bool) -> Token:
    text, now = secrets.token_urlsafe(TOKEN_BYTES), ctx.now()

    async def body(conn: Connection) -> None:
        await conn.execute(*_Q["forgive_tries"](who=who))
        row = {"hash": _digest(text), "user_id": user.user_id, "scoped": scoped}
        await conn.execute(*_Q["make_token"](**row, now=now, expires_at=now + TOKEN_LIFE))

    await ctx.database.transact(body)
    return Token(text=text, user=user, issued_at=now, expires_at=now + TOKEN_LIFE)


def _check(account: str, name: str, password: str, role: str) -> None:
    check_account(account)
    if not _NAME.fullmatch(name):
        raise Invalid("name", "1 to 64 letters, digits, _ . @ or -")
    if len(password) not in PASSWORD_SIZES:
        raise Invalid("password", f"{PASSWORD_SIZES[0]} to {PASSWORD_SIZES[-1]} characters")
    if role not in ROLES:
        raise Invalid("role", "one of " + ", ".join(ROLES))


def _hashed(password: str, salt: bytes) -> bytes:
    octets = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(octets, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=32)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
