"""What every use needs: the database, the clock, the dice. Handed in by wiring, never global."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from upwell.domain.errors import Unavailable
from upwell.objects.port import Objects
from upwell.storage.database import Database


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


NUMBER_MAX = 10**15 - 1  # 15 digits: a double holds them exactly, and pop-core gives longer numbers as objects


@dataclass(frozen=True, slots=True)
class Context:
    """The parts a use is given."""

    database: Database
    now: Callable[[], datetime] = field(default=utc_now)
    objects: Objects | None = None  # where uploaded files are
    private_push: bool = False  # whether news may go to addresses that are not of the public internet

    def new_id(self) -> int:
        """A 63-bit id: 41 bits of milliseconds, then 22 of dice. Newer is larger; not guessable in order."""
        return (int(self.now().timestamp() * 1000) & (1 << 41) - 1) << 22 | secrets.randbits(22)

    def new_number(self) -> int:
        """An id that a vendor types as a number: dice from 1 to NUMBER_MAX, for some clients keep it in a double."""
        return 1 + secrets.randbelow(NUMBER_MAX)


def objects_of(ctx: Context) -> Objects:
    """The store. Raises Unavailable when this process has none."""
    if ctx.objects is None:
        raise Unavailable("The object store is not open.")
    return ctx.objects
