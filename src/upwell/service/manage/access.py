"""Who may ask: accounts, access keys, roles, replayed nonces, and how often.

Secrets of keys are kept readable because every dialect's signature is an HMAC made with them.
A key reaches only its own account (law 8); a revoked key is as good as none.
"""

import logging
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from upwell.domain.errors import Denied, Invalid, NotFound
from upwell.service.context import Context
from upwell.service.dice import dice
from upwell.service.journal import tell
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("access")
KEYS_TOLD_MAX = 100
KEY_ID_SIZE = 24  # characters, as Alibaba's LTAI ids
KEY_SECRET_SIZE = 30  # characters; 178 bits
NONCE_KEPT = timedelta(minutes=40)  # longer than any dialect's window for a request's timestamp, both ways
DEFAULT_ACCOUNT = "default"
_RANK = {"viewer": 0, "operator": 1, "admin": 2}
NONCE_CHARS_MAX = 200  # of a nonce that is kept as it is
ROLES = tuple(_RANK)

Admission = Literal["admitted", "replayed", "too fast"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, after the signature held."""

    account_id: int
    role: str
    key_id: str
    dialect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An access key as stored."""

    key_id: str
    secret: str = field(repr=False)
    account_id: int
    account: str
    role: str
    dialect: str
    created_at: datetime
    revoked_at: datetime | None

    def caller(self) -> Caller:
        """The caller that signs with this key."""
        return Caller(self.account_id, self.role, self.key_id, self.dialect)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; the moment to show its secret."""

    key_id: str
    secret: str = field(repr=False)
    account_id: int
    role: str
    dialect: str


def require(caller: Caller, role: str) -> None:
    """Pass when the caller's role is `role` or above (admin > operator > viewer); raises Denied."""
    if _RANK[caller.role] < _RANK[role]:
        raise Denied(f"This needs the role {role}; the access key has {caller.role}.")


def project_id(account_id: int) -> str:
    """The account as 32 hex digits, for dialects that put it into paths; stable."""
    return sha256(f"upwell project {account_id}".encode()).hexdigest()[:32]


async def create_key(ctx: Context, account: str, role: str, dialect: str) -> NewKey:
    """A new access key of the account by that name, which is made when there is none. Which dialects there are is the
    doors' to say: a key of another is of no use, and opens nothing. Raises Invalid."""
    check_account(account)
    if role not in _RANK:
        raise Invalid("role", "one of " + ", ".join(_RANK))
    return await ctx.database.transact(lambda conn: _make_key(ctx, conn, account, role, dialect, None))


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


async def revoke_key(ctx: Context, key_id: str) -> None:
    """Make a key useless from now on; again is harmless. Raises NotFound."""

    async def body(conn: Connection) -> None:
        if await conn.fetchval(*_Q["revoke_key"](key_id=key_id, now=ctx.now())) is None:
            raise NotFound("key", key_id)

    await ctx.database.transact(body)


async def bootstrap(ctx: Context, given: tuple[str, str] | None) -> NewKey | None:
    """The first admin key of an empty database: `given` (id, secret) or a random one. None when there are keys."""

    async def body(conn: Connection) -> NewKey | None:
        await conn.execute(*_Q["lock_keys"]())
        if await conn.fetchval(*_Q["any_key"]()):
            return None
        return await _make_key(ctx, conn, DEFAULT_ACCOUNT, "admin", "alibaba", given)

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
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*_Q["find_key"](key_id=key_id))
    return None if row is None else _key(row)


def _kept(nonce: str | None) -> str | None:
    """What is kept of a nonce: itself, or of a long one its hash, for an index holds no text of any length."""
    if nonce is None or len(nonce) <= NONCE_CHARS_MAX:
        return nonce
    return sha256(nonce.encode("utf-8", "surrogatepass")).hexdigest()


async def use_nonce(ctx: Context, key_id: str, nonce: str) -> bool:
    """True the first time a key uses a nonce, in whichever process; False for a replay."""
    use = {"key_id": key_id, "nonce": _kept(nonce)}
    return bool(await ctx.database.transact(lambda conn: conn.fetchval(*_Q["use_nonce"](**use, now=ctx.now()))))


async def admit(ctx: Context, caller: Caller, nonce: str | None, action: str, limit_per_s: int) -> Admission:
    """Whether a signed request may be served: `use_nonce`, where there is one, and the count of its account's requests
    for `action`, through whichever process, `limit_per_s` (at least 1) in a second. A replay is told as one, and is not
    counted."""

    async def body(conn: Connection) -> Admission:
        asked = {"account_id": caller.account_id, "action": action, "limit_per_s": limit_per_s}
        use = {"key_id": caller.key_id, "nonce": _kept(nonce)}
        found = await conn.fetchrow(*_Q["admit"](**use, now=ctx.now(), **asked))
        if found is None or not found["is_fresh"]:
            return "replayed"
        return "admitted" if found["is_within"] else "too fast"

    return await ctx.database.transact(body)


async def purge_nonces(ctx: Context) -> int:
    """Forget nonces older than NONCE_KEPT; returns how many."""
    old = {"before": ctx.now() - NONCE_KEPT}
    return int(await ctx.database.transact(lambda conn: conn.fetchval(*_Q["purge_nonces"](**old))))


async def make_account(ctx: Context, conn: Connection, name: str) -> int:
    """The id of the account by that name, which is made with its default space when there is none."""
    new = {"account_id": ctx.new_id(), "name": name, "space_key": secrets.token_hex(16)}
    await conn.execute(*_Q["make_account"](**new, now=ctx.now()))
    return int(await conn.fetchval(*_Q["account_by_name"](name=name)))


def check_account(name: str) -> None:
    """Raises Invalid for what can be no account's name."""
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise Invalid("account", "1 to 64 characters that can be seen")


async def _make_key(
    ctx: Context, conn: Connection, account: str, role: str, dialect: str, given: tuple[str, str] | None
) -> NewKey:
    account_id = await make_account(ctx, conn, account)
    key_id, secret = given or ("UW" + dice(KEY_ID_SIZE - 2), dice(KEY_SECRET_SIZE))
    key = NewKey(key_id, secret, account_id, role, dialect)
    await conn.execute(*_Q["make_key"](**asdict(key), now=ctx.now()))
    return key


def _key(row: Row) -> AccessKey:
    return filled(AccessKey, row)
