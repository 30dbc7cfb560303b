"""What every use needs: the database, the clock, the dice. Handed in by wiring, never global.

The database is there several times: each kind of work has connections of its own, so that none waits for another's.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from upwell.domain.errors import Unavailable
from upwell.meters.tracing import Tracer
from upwell.objects.port import Objects
from upwell.service.clock import SharedClock
from upwell.service.hashing import Turns
from upwell.service.remembered import Remembered
from upwell.service.rows import RowReader
from upwell.service.sight import Sight
from upwell.storage.database import Connection, Database

NUMBER_MAX = 10**15 - 1  # 15 digits: a double holds them exactly, and pop-core gives longer numbers as objects

# An id is 63 bits, the upper ones of time. From SLOWER_FROM a millisecond counts an eighth, with as much less dice, so
# that the bits last until 2107 and an id made later is larger, also than one of a program that counted whole ones.
DICE_BITS = 22
SLOWER_BITS = 3
ID_MAX = (1 << 63) - 1
SLOWER_FROM_MS = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class Context:
    """The parts a use is given. `database` is management's, `devices` is for what devices say and are told, `upkeep`
    for what the engine does by itself, `lookups` for small questions of management whose rows are all found by key;
    where only the first is given it is all of them."""

    database: Database
    now: Callable[[], datetime] = field(default_factory=SharedClock)
    objects: Objects | None = None  # where uploaded files are
    private_push: bool = False  # whether news may go to addresses that are not of the public internet
    kept: timedelta | None = timedelta(days=365)  # how long what is over is kept; None for ever
    devices: Database = field(default=cast(Database, None))
    upkeep: Database = field(default=cast(Database, None))
    lookups: Database = field(default=cast(Database, None))
    rows: RowReader | None = None  # what reads lists of devices
    remembered: Remembered = field(default_factory=Remembered, repr=False)
    sight: Sight = field(default_factory=Sight, repr=False)
    tracer: Tracer = field(default_factory=Tracer, repr=False)
    passwords: Turns = field(default_factory=Turns, repr=False)  # the turns at hashing them

    def __post_init__(self) -> None:
        for kind in ("devices", "upkeep", "lookups"):
            object.__setattr__(self, kind, getattr(self, kind) or self.database)

    async def moment(self, conn: Connection) -> datetime:
        """The present moment as PostgreSQL says it in this transaction: for what decides who belongs to a job, which is
        compared with moments that other processes wrote."""
        return await self.now.moment(conn) if isinstance(self.now, SharedClock) else self.now()

    def new_id(self) -> int:
        """A 63-bit id: time, then dice. Newer is larger; not guessable in order."""
        now = self.now()
        return first_id(now) | secrets.randbits(DICE_BITS if _ms(now) < SLOWER_FROM_MS else DICE_BITS - SLOWER_BITS)

    def new_number(self) -> int:
        """An id that a vendor types as a number: dice from 1 to NUMBER_MAX, for some clients keep it in a double."""
        return 1 + secrets.randbelow(NUMBER_MAX)


def first_id(moment: datetime) -> int:
    """The least id that may be made at that moment: all of earlier ones are below it. Of a moment that no id reaches
    the greatest there can be."""
    ms = _ms(moment)
    if ms < SLOWER_FROM_MS:
        return max(ms, 0) << DICE_BITS
    return min((SLOWER_FROM_MS << DICE_BITS) + (ms - SLOWER_FROM_MS << DICE_BITS - SLOWER_BITS), ID_MAX)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def objects_of(ctx: Context) -> Objects:
    """The store. Raises Unavailable when this process has none."""
    if ctx.objects is None:
        raise Unavailable("The object store is not open.")
    return ctx.objects
