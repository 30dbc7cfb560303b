"""Who may ask: accounts, access keys and roles.

Secrets of keys that sign are kept so that they can be read (sealing), because every vendor's signature is an HMAC made
with them. A key that is shown whole is a token: of it only the hash is kept, so that nobody who reads the database can
use it. A key reaches only its own account (law 8); a revoked key, or one whose time is over, is as good as none.
"""

import hmac
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from upwell.domain.errors import Denied, Invalid, NotFound, UnknownKey
from upwell.domain.events import Kind
from upwell.service.context import Context
from upwell.service.dice import dice
from upwell.service.journal import tell
from upwell.service.manage.audit import LOCAL, Act, Asker
from upwell.service.upgrade import events
from upwell.service.upgrade.seal_keys import readable
from upwell.storage.database import Connection, Row, filled, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

log = logging.getLogger(__name__)
_Q = sheet("access")
_ACCOUNT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]{1,64}")
KEYS_TOLD_MAX = 100
KEY_ID_SIZE = 24  # characters, as Alibaba's LTAI ids
KEY_SECRET_SIZE = 30  # characters; 178 bits
TOKEN_HEAD = "upw_"  # noqa: S105  # how each token begins, so that a search for lost ones finds them
TOKEN_KEY_SIZE = 16  # characters of a token's key id behind the head
TOKEN_SECRET_SIZE = 40  # characters; 238 bits, so that a plain hash of it tells nothing
USE_NOTED = timedelta(minutes=1)  # how often it is written down that a key is used
DEFAULT_ACCOUNT = "default"
_SERVER = Asker(who="server", tongue="cli", address=LOCAL, operation="key create", request_id="")
_RANK = {"viewer": 0, "operator": 1, "approver": 2, "admin": 3}
ROLES = tuple(_RANK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of an account that a key is of: one space or one product. The other is None."""

    space_id: int | None = None
    product_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user who asks by a session, or by a key of theirs; by a session, from where."""

    user_id: int
    name: str
    session_id: str = ""
    key_id: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, after the signature held. With a `scope` only what lies in it is reached (scopes). A server's admin
    may make accounts. A `person` is who signed in."""

    account_id: int
    role: str
    key_id: str
    dialect: str
    scope: Scope | None = None
    is_server_admin: bool = False
    person: Person | None = None

    @property
    def who(self) -> str:
        """Who it was, for the audit: with the key of theirs that a user asked by."""
        key = "" if self.person is None else self.person.key_id
        return f"{self.key_id}, key {key}" if key else self.key_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An access key as stored."""

    key_id: str
    secret: str | None = field(repr=False)
    secret_hash: bytes | None = field(repr=False)
    account_id: int
    account: str
    role: str
    dialect: str
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None
    space_id: int | None = None
    product_id: int | None = None
    is_server_admin: bool = False
    user_id: int | None = None
    user_name: str | None = None
    user_role: str | None = None

    def caller(self) -> Caller:
        """The caller that signs with this key, or shows it; of a user's the user, with no more than their role."""
        if self.user_id is not None and self.user_name is not None:
            person = Person(user_id=self.user_id, name=self.user_name, key_id=self.key_id)
            role = lower(self.role, self.user_role)
            return Caller(self.account_id, role, known_as(self.user_name), self.dialect, person=person)
        return Caller(self.account_id, self.role, self.key_id, self.dialect, self.scope, self.is_server_admin)

    @property
    def scope(self) -> Scope | None:
        """The part of its account that it is of; None of all of it."""
        if self.space_id is None and self.product_id is None:
            return None
        return Scope(space_id=self.space_id, product_id=self.product_id)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; the moment to show its secret, which is the whole token where the key is one."""

    key_id: str
    secret: str = field(repr=False)
    account_id: int
    role: str
    dialect: str
    created_at: datetime
    expires_at: datetime | None = None


def require(caller: Caller, role: str) -> None:
    """Pass when the caller's role is `role` or above (admin > approver > operator > viewer); raises Denied."""
    if _RANK[caller.role] < _RANK[role]:
        raise Denied(f"This needs the role {role}; the access key has {caller.role}.")


def may(caller: Caller, role: str) -> bool:
    """Whether the caller's role is `role` or above."""
    return _RANK[caller.role] >= _RANK[role]


def lower(role: str, other: str | None) -> str:
    """The lower of two roles; the first where there is no other."""
    return role if other is None or _RANK[role] <= _RANK[other] else other


def known_as(name: str) -> str:
    """A user in the place of a key's id."""
    return f"user {name}"


def may_change(role: str) -> bool:
    """Whether what needs this role may change something: whoever may only look needs no more than a viewer's."""
    return role != "viewer"


def project_id(account_id: int) -> str:
    """The account as 32 hex digits, for dialects that put it into paths; stable."""
    return sha256(f"upwell project {account_id}".encode()).hexdigest()[:32]


async def create_key(
    ctx: Context, account: str, role: str, dialect: str, *, is_token: bool = False, lifetime: timedelta | None = None,
    space: str | None = None, product: str | None = None, is_server_admin: bool = False,
) -> NewKey:  # fmt: skip
    """A new access key of the account by that name, which is made when there is none; of one `space` or one `product`
    of it by their keys, or a server's admin's. Which dialects there are, and whether their keys are tokens, is the
    doors' to say: a key of another is of no use, and opens nothing. Raises Invalid, NotFound (space, product)."""
    check_account(account)
    if role not in _RANK:
        raise Invalid("role", "one of " + ", ".join(_RANK))
    check_scope(space, product, is_token=is_token)
    if is_server_admin and not (is_token and role == "admin" and space is None and product is None):
        raise Invalid("server-admin", "only of a token with the role admin, of no space or product")

    async def body(conn: Connection) -> NewKey:
        account_id = await make_account(ctx, conn, account)
        scope = await find_scope(conn, account_id, space, product)
        return await make_key(
            ctx, conn, account_id, role, dialect, is_token=is_token, lifetime=lifetime, scope=scope,
            is_server_admin=is_server_admin,
        )  # fmt: skip

    return await ctx.database.transact(body)


async def caller_of_token(ctx: Context, key: AccessKey | None, token: str) -> Caller:
    """Who shows this token; `key` is the live one that it names. That it was used is written down now and then. Raises
    UnknownKey."""
    kept = None if key is None else key.secret_hash
    if key is None or kept is None or not hmac.compare_digest(kept, _hash(token)):
        raise UnknownKey
    now = ctx.now()
    if key.last_used_at is None or now - key.last_used_at > USE_NOTED:
        noted = _Q["note_use"](key_id=key.key_id, now=now, before=now - USE_NOTED)
        await ctx.database.transact(lambda conn: conn.execute(*noted))
    return key.caller()


async def list_keys(ctx: Context) -> list[AccessKey]:
    """Every key of every account, revoked ones too, oldest first."""
    async with ctx.database.connection() as conn:
        return [_key(row) for row in await conn.fetch(*_Q["list_keys"]())]


async def tell_changed_keys(ctx: Context, since: datetime) -> datetime:
    """Tell in the log which keys were made or revoked since then, in whichever process; returns until when all are
    told. At most KEYS_TOLD_MAX at once."""
    async with ctx.database.connection() as conn:
        keys = [_key(row) for row in await conn.fetch(*_Q["changed_keys"](since=since, at_most=KEYS_TOLD_MAX))]
    for key in keys:
        about = {"key": key.key_id, "account": key.account, "role": key.role, "dialect": key.dialect}
        if key.created_at > since:
            tell(log, "key made", **about)
        if key.revoked_at is not None:
            tell(log, "key revoked", **about)
    return max([since, *(key.revoked_at or key.created_at for key in keys)])


async def revoke_key(ctx: Context, key_id: str) -> AccessKey:
    """Make a key useless from now on; again is harmless. Which it was. Raises NotFound."""

    async def body(conn: Connection) -> AccessKey:
        now = ctx.now()
        row = await conn.fetchrow(*_Q["revoke_key"](key_id=key_id, now=now))
        if row is None:
            raise NotFound("key", key_id)
        if row["revoked_at"] == now:
            await events.tell(conn, row["account_id"], Kind.KEY_REVOKED, now, name=key_id)
        return _key(row)

    return await ctx.database.transact(body)


async def bootstrap(ctx: Context, given: tuple[str, str] | None, dialect: str) -> NewKey | None:
    """The first admin key of an empty database, of a dialect that signs: `given` (id, secret) or a random one. None
    when there are keys."""
    return next(iter(await first_keys(ctx, given, dialect)), None)


async def first_keys(
    ctx: Context, given: tuple[str, str] | None, dialect: str, token_of: str = ""
) -> tuple[NewKey, ...]:
    """The first admin keys of an empty database: `given` (id, secret) or a random one, of a dialect that signs, and
    beside it a token of the dialect `token_of`, where one is named. None when there are keys."""

    async def body(conn: Connection) -> tuple[NewKey, ...]:
        await conn.execute(*_Q["lock_keys"]())
        if await conn.fetchval(*_Q["any_key"]()):
            return ()
        account_id = await make_account(ctx, conn, DEFAULT_ACCOUNT)
        made = [await make_key(ctx, conn, account_id, "admin", dialect, given)]
        if token_of:
            made.append(await make_key(ctx, conn, account_id, "admin", token_of, is_token=True))
        for key in made:
            await Act(ctx, _SERVER).write(conn, key)
        return tuple(made)

    return await ctx.database.transact(body)


async def find_account(ctx: Context, name: str) -> int:
    """The number of the account by that name. Raises NotFound."""
    async with ctx.database.connection() as conn:
        account_id = await conn.fetchval(*_Q["account_by_name"](name=name))
    if account_id is None:
        raise NotFound("account", name)
    return int(account_id)


async def find_key(ctx: Context, key_id: str) -> AccessKey | None:
    """The key by its id; None when there is none or it was revoked."""
    return (await find_keys(ctx, [key_id]))[0]


async def find_keys(ctx: Context, key_ids: Sequence[str]) -> list[AccessKey | None]:
    """For each id its key; None when there is none, or it was revoked, or its time is over."""
    async with ctx.lookups.connection() as conn:
        rows = await conn.fetch(*_Q["find_keys"](key_ids=list(dict.fromkeys(key_ids)), now=ctx.now()))
        found = {row["key_id"]: _key(row, _secret(conn, row)) for row in rows}
    return [found.get(key_id) for key_id in key_ids]


async def make_account(ctx: Context, conn: Connection, name: str) -> int:
    """The id of the account by that name, which is made with its default space when there is none."""
    return (await made_account(ctx, conn, name))[0]


async def made_account(ctx: Context, conn: Connection, name: str) -> tuple[int, bool]:
    """The same, and whether it was made now: of two who make one at the same time one does."""
    new = {"account_id": ctx.new_id(), "name": name, "space_key": secrets.token_hex(16)}
    await conn.execute(*_Q["make_account"](**new, now=ctx.now()))
    found = int(await conn.fetchval(*_Q["account_by_name"](name=name)))
    return found, found == new["account_id"]


def check_account(name: str, parameter: str = "account") -> None:
    """Raises Invalid for what can be no account's name: the same as for other names that people give."""
    if _ACCOUNT.fullmatch(name) is None:
        raise Invalid(parameter, "1 to 64 characters, any but control characters")


def check_scope(space: str | None, product: str | None, *, is_token: bool) -> None:
    """Raises Invalid for a key that can't be of these."""
    if space is not None and product is not None:
        raise Invalid("product_id", "not together with space_id", "both are given")
    if not is_token and (space is not None or product is not None):
        raise Invalid("dialect", "one whose keys are tokens, with a space or product", "vendors' keys are of all of it")


async def find_scope(conn: Connection, account_id: int, space: str | None, product: str | None) -> Scope | None:
    """The part of an account that a key of this space or product is of; None of neither. Raises NotFound."""
    if space is None and product is None:
        return None
    row = await conn.fetchrow(*_Q["find_scope"](account_id=account_id, space=space, product=product))
    if row is None:
        raise NotFound("space", space) if space is not None else NotFound("product", product or "")
    return Scope(space_id=row["space_id"], product_id=row["product_id"])


async def make_key(
    ctx: Context, conn: Connection, account_id: int, role: str, dialect: str, given: tuple[str, str] | None = None,
    *, is_token: bool = False, lifetime: timedelta | None = None, scope: Scope | None = None,
    is_server_admin: bool = False, user: tuple[int, str] | None = None,
) -> NewKey:  # fmt: skip
    """A new key of the account, of `given` id and secret or of made-up ones; a `user`'s by their number and name."""
    key_id, secret = given or (_token() if is_token else ("UW" + dice(KEY_ID_SIZE - 2), dice(KEY_SECRET_SIZE)))
    now = ctx.now()
    key = NewKey(key_id, secret, account_id, role, dialect, now, None if lifetime is None else now + lifetime)
    sealed = None if is_token else seals_of(conn).seal(Kept.KEY, key_id, secret)
    kept = {"secret": sealed, "secret_hash": _hash(secret) if is_token else None}
    whose = {"key_id": key_id, "account_id": account_id, "role": role, "dialect": dialect}
    of = scope or Scope()
    whose |= {"space_id": of.space_id, "product_id": of.product_id, "is_server_admin": is_server_admin}
    whose |= {"user_id": user and user[0], "user_name": user and user[1]}
    await conn.execute(*_Q["make_key"](**kept, **whose, now=now, expires_at=key.expires_at))
    await events.tell(conn, account_id, Kind.KEY_MADE, now, name=key_id, role=role, dialect=dialect)
    return key


def _token() -> tuple[str, str]:
    """The id of a key, and the token that begins with it."""
    key_id = TOKEN_HEAD + dice(TOKEN_KEY_SIZE)
    return key_id, f"{key_id}_{dice(TOKEN_SECRET_SIZE)}"


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _key(row: Row, secret: str | None = None) -> AccessKey:
    """The key in a row; its secret was read where it is needed."""
    return filled(AccessKey, row, secret=secret)


def _secret(conn: Connection, row: Row) -> str | None:
    """What it signs with; None of a token, and of one whose secret can't be read, which opens nothing."""
    return None if row["secret"] is None else readable(conn, Kept.KEY, row["key_id"], row["secret"])
