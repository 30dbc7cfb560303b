"""First answers to requests that may come again: whoever repeats one with its key is told what the first was.

Holds: an answer is kept in the transaction of the effect that it tells of, so that there is neither without the other,
whenever a process is killed; of requests with one key one is at work, in whichever process, and the others are told
so. An answer may tell a secret that is otherwise kept hashed, so it is sealed with the caller's own token, which is
nowhere readable: who reads the database can't open it. Refuses to keep what a moment alone decided: no leave, too
fast, a body that broke off, a part of ours that did not answer. Source: RFC draft-ietf-httpapi-idempotency-key-header.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from upwell.domain.errors import BrokenOff, CallerError, Denied, Reused, Running, Throttled, TooMany, UnknownKey
from upwell.service.context import Context
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("kept_answers")
KEPT = timedelta(hours=25)  # a day is promised, and clocks of processes differ
ANSWERS_MAX = 100_000  # of an account within KEPT
BYTES_MAX = 256 * 1024 * 1024  # of them
COUNTED_FOR_S = 10.0  # before a process counts them again
FORGOTTEN_AT_ONCE = 5000
_SALT_BYTES = 16
_NONCE = b"\0" * 12  # each answer has a key of its own
_INFO = b"upwell kept answer"


class Said(msgspec.Struct, frozen=True):
    """An answer as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class Repeated(Exception):
    """The request was answered before."""

    def __init__(self, said: Said) -> None:
        self.said = said
        super().__init__("the request was answered before")


@dataclass(slots=True)
class Kept:
    """One request that may come again: `name` is what makes it that one (operation and path) and `key` its caller's;
    `asked` is all that it says. `shows` makes its answer of what was done; `said` is that answer, once it is kept."""

    ctx: Context = field(repr=False)
    account_id: int
    who: str
    name: str
    key: str
    asked: bytes = field(repr=False)
    token: str = field(repr=False)
    shows: Callable[[Any], Said] = field(repr=False)
    said: Said | None = None

    @property
    def which(self) -> bytes:
        return _digest(str(self.account_id), self.name, self.key)

    async def look(self) -> None:
        """Raises Repeated when it was answered, Reused when its key is another request's, TooMany when the account has
        no room for another one."""
        async with self.ctx.lookups.connection() as conn:
            await self._refuse_answered(conn)
        counted = self.ctx.remembered.find(("kept answers", self.account_id))
        if counted is None:
            async with self.ctx.database.connection() as conn:
                row = await conn.fetchrow(*_Q["count_answers"](account_id=self.account_id))
            counted = row is not None and (row["answers"] >= ANSWERS_MAX or row["bytes"] >= BYTES_MAX)
            self.ctx.remembered.keep(("kept answers", self.account_id), counted, COUNTED_FOR_S)
        if counted:
            raise TooMany("idempotency keys within a day", ANSWERS_MAX)

    async def claim(self, conn: Connection) -> None:
        """Nobody else does it until the transaction ends. Raises Running, Repeated, Reused."""
        upper, lower = self.which[:4], self.which[4:8]
        numbers = {"upper": int.from_bytes(upper, signed=True), "lower": int.from_bytes(lower, signed=True)}
        if not await conn.fetchval(*_Q["claim"](**numbers)):
            raise Running
        await self._refuse_answered(conn)

    async def done(self, conn: Connection, result: object) -> None:
        """Its answer is kept in the transaction that claimed it."""
        await self._keep(conn, self.shows(result))

    async def refused(self, said: Said) -> None:
        """It was refused so, for good. Raises Running, Repeated, Reused where another was at it meanwhile."""

        async def body(conn: Connection) -> None:
            await self.claim(conn)
            await self._keep(conn, said)

        await self.ctx.database.transact(body)

    async def _refuse_answered(self, conn: Connection) -> None:
        row = await conn.fetchrow(*_Q["find_answer"](which=self.which))
        if row is None:
            return
        if row["who"] != self.who or row["fingerprint"] != self._fingerprint:
            raise Reused
        raise Repeated(self._opened(row["sealed"]))

    async def _keep(self, conn: Connection, said: Said) -> None:
        row = {"which": self.which, "account_id": self.account_id, "who": self.who, "fingerprint": self._fingerprint}
        await conn.execute(*_Q["keep_answer"](**row, now=self.ctx.now(), sealed=self._sealed(said)))
        self.said = said

    @property
    def _fingerprint(self) -> bytes:
        return sha256(self.asked).digest()

    def _sealed(self, said: Said) -> bytes:
        salt = secrets.token_bytes(_SALT_BYTES)
        return salt + self._cipher(salt).encrypt(_NONCE, msgspec.msgpack.encode(said), self.which)

    def _opened(self, sealed: bytes) -> Said:
        salt, text = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:]
        try:
            return msgspec.msgpack.decode(self._cipher(salt).decrypt(_NONCE, text, self.which), type=Said)
        except InvalidTag as exc:  # the same user with another session
            raise Reused from exc

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=_INFO).derive(self.token.encode()))


def is_final(error: Exception) -> bool:
    """Whether a refusal stays what it is when the request comes again: the state of things decided it."""
    passing = (Denied, UnknownKey, Throttled, Running, Reused, BrokenOff)
    if isinstance(error, TooMany) and error.what == "requests":
        return False
    return isinstance(error, CallerError) and not isinstance(error, passing)


async def forget_answers(ctx: Context) -> None:
    """Those that nobody repeats any more, some at a time."""
    forget = _Q["forget_answers"](before=ctx.now() - KEPT, at_most=FORGOTTEN_AT_ONCE)
    while int(await ctx.database.transact(lambda conn: conn.fetchval(*forget))) == FORGOTTEN_AT_ONCE:
        pass


def _digest(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
