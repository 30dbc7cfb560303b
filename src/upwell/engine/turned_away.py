"""Logins that were refused, counted in memory and written every few seconds for the accounts that they concern.

A login of one device, or of several of one account, is that account's; else one with a product's key is the account's
whose the product is; any other is nobody's. Holds: strangers cost a number in memory. At most TRIED_MAX names wait to
be written, of an address at most NAMES_MAX of an hour; all further names of the address are one without a name.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from upwell.domain.connected import Turned
from upwell.domain.errors import UpwellError
from upwell.engine.trouble import Trouble
from upwell.service.context import Context
from upwell.service.manage.tries import NARROW, network
from upwell.service.upgrade import refused
from upwell.service.upgrade.refused import Tried

log = logging.getLogger(__name__)
PAUSE_S = 2.0
TRIED_MAX = 5000
NAMES_MAX = 100  # of one address in an hour
ADDRESSES_MAX = 10_000  # whose names are counted in an hour; those of all others are one each


class TurnedAway:
    """The refused logins of one process."""

    name = "refused logins"

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._now: Callable[[], datetime] = ctx.now
        self._trouble = Trouble(log, self.name)
        self._waiting: dict[tuple[object, ...], Tried] = {}
        self._hour = datetime.min
        self._names: dict[str, set[tuple[object, str]]] = {}  # by address, with whose they are

    def note(self, turned: Turned) -> None:
        """A login was refused. Never waits."""
        owner = turned.account_id if turned.account_id is not None else turned.product_key
        if not owner:
            return
        now, address = self._now(), network(turned.address, NARROW)
        name = turned.name if self._has_room(now, address, (owner, turned.name)) else ""
        key = owner, turned.product_key, name, address
        found = self._waiting.get(key)
        if found is not None:
            found.at, found.reason, found.times = now, turned.reason, found.times + 1
        elif len(self._waiting) < TRIED_MAX:
            self._waiting[key] = Tried(
                account_id=turned.account_id, product_key=turned.product_key, name=name, address=address,
                vendor=turned.vendor, reason=turned.reason, first_at=now, at=now,
            )  # fmt: skip

    def _has_room(self, now: datetime, address: str, name: tuple[object, str]) -> bool:
        """Whether the name is told apart: the address has not said too many others in this hour."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour != self._hour:
            self._hour, self._names = hour, {}
        if address not in self._names and len(self._names) >= ADDRESSES_MAX:
            return False
        names = self._names.setdefault(address, set())
        if name not in names and len(names) >= NAMES_MAX:
            return False
        names.add(name)
        return True

    def late_s(self) -> float:
        """It is never late: what it can't write it leaves out."""
        return 0.0

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        try:
            while True:
                await asyncio.sleep(PAUSE_S)
                await self.write()
        finally:
            await self.write()

    async def write(self) -> None:
        """What waits now; what can't be written is in the log alone."""
        waiting, self._waiting = list(self._waiting.values()), {}
        try:
            await refused.write(self._ctx, waiting)
        except Exception as exc:
            self._trouble.tell(exc, expected=isinstance(exc, UpwellError))
        else:
            self._trouble.over()
