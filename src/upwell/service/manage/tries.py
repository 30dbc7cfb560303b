"""Wrong passwords, counted in PostgreSQL by the address that they come from and by the user there.

Holds: no number of processes makes guessing faster, and after TRIES_MAX wrong ones each next try from there waits
longer; a stranger elsewhere makes nobody wait, and one at the same address only who was not let in from there within
KEPT. Refuses to tell whether there is such a user: who does not exist is counted alike. A proxy in front must tell the
addresses of its clients, else they are one.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from math import ceil

from upwell.domain.errors import Throttled
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
_Q = sheet("iam")
TRIES_MAX = 10  # wrong passwords of a user from one address before the next must wait
ADDRESS_TRIES_MAX = 100  # from one address, of whatever users
HELD_FIRST = timedelta(minutes=15)  # after TRIES_MAX; twice as long after each that follows
HELD_LONGEST = timedelta(hours=4)
KEPT = timedelta(hours=24)  # a try is forgotten when none followed it for so long
HELD_KNOWN_MAX = 10_000  # of those that wait, known without asking PostgreSQL
NARROW, WIDE = 64, 48  # bits of an IPv6 address: of one customer's network, and of what one customer may have


@dataclass(slots=True)
class Tries:
    """The tries that this process sees. What it knows to be held costs no question to PostgreSQL."""

    held: dict[bytes, datetime] = field(default_factory=dict)

    async def spend(self, ctx: Context, account: str, name: str, address: str) -> "Try":
        """One try, counted before the password is looked at, so that guesses at once are counted too. Raises
        Throttled."""
        now = ctx.now()
        made = Try(_digest("user", network(address, NARROW), account, name), _digest("", network(address, WIDE)))
        for who in (made.user, made.address):
            if self.held.get(who, now) > now and not (who == made.address and await _is_known(ctx, made.user, now)):
                raise _too_many(self.held[who], now)
        await ctx.database.transact(lambda conn: self._spent(conn, made, now))
        return made

    async def _spent(self, conn: Connection, made: "Try", now: datetime) -> None:
        known = await conn.fetchval(*_Q["is_known"](who=made.user, since=now - KEPT))
        if not known:
            await self._spend(conn, made.address, ADDRESS_TRIES_MAX, now)
        made.counted_by_address = not known
        made.tries = await self._spend(conn, made.user, TRIES_MAX, now)

    async def _spend(self, conn: Connection, who: bytes, most: int, now: datetime) -> int:
        which = {"who": who, "now": now, "since": now - KEPT, "most": most}
        row = await conn.fetchrow(*_Q["spend_try"](**which, first=HELD_FIRST, longest=HELD_LONGEST))
        if row is not None:
            return int(row["tries"])
        until = await conn.fetchval(*_Q["held_until"](whos=[who], now=now))
        if len(self.held) >= HELD_KNOWN_MAX:
            self.held.pop(next(iter(self.held)))
        self.held[who] = until
        raise _too_many(until, now)


@dataclass(slots=True)
class Try:
    """One try of a password: by whom, and from where, as they are counted."""

    user: bytes
    address: bytes
    tries: int = 0
    counted_by_address: bool = True

    async def right(self, conn: Connection) -> None:
        """The password was right: that forgives the wrong ones of this user from there."""
        await conn.execute(*_Q["forgive_tries"](who=self.user))
        if self.counted_by_address:
            await conn.execute(*_Q["give_back_try"](who=self.address, most=ADDRESS_TRIES_MAX))

    def wrong(self, account: str, name: str, address: str, *, known: bool) -> None:
        """It was wrong, which is told when it holds up the next."""
        if self.tries >= TRIES_MAX:
            tell(log, "user locked", logging.WARNING, user=f"{account}/{name}", known=known, tries=self.tries,
                 address=address)  # fmt: skip


def forgotten_before(now: datetime) -> datetime:
    """Tries before that moment count no more."""
    return now - KEPT


async def _is_known(ctx: Context, who: bytes, now: datetime) -> bool:
    async with ctx.database.connection() as conn:
        return bool(await conn.fetchval(*_Q["is_known"](who=who, since=now - KEPT)))


def _too_many(until: datetime, now: datetime) -> Throttled:
    minutes = max(1, round((until - now) / timedelta(minutes=1)))
    wait_s = max(1, ceil((until - now).total_seconds()))
    return Throttled(f"Too many wrong passwords; try again in {minutes} minutes.", wait_s)


def network(address: str, bits: int) -> str:
    """The network that whoever has this address can choose addresses of."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found) if found.version == 4 else str(ip_network(f"{str(found).partition('%')[0]}/{bits}", strict=False))


def _digest(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
