"""How much is worked on at once for owners: so many requests in all, no account more than its share.

Holds: under more load than there is room for new requests are refused, at once and in their own tongue, and those
under way are done; an account that asks for much at once waits for itself. Whoever waits holds nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from upwell.domain.errors import Busy

ASKED_MAX = 600  # requests that are read, proven, waiting or worked on
AT_ONCE = 12  # worked on; as many as there are connections for them
OF_ACCOUNT = 6
STREAMS = 48  # bodies and answers that pass piece by piece; they wait for their peers and not for us
STREAMS_OF_ACCOUNT = 8
PATIENCE_S = 20.0  # for a turn; then its client has given up, or soon will


class Working:
    """The requests of one process."""

    def __init__(
        self, asked_max: int = ASKED_MAX, at_once: int = AT_ONCE, of_account: int = OF_ACCOUNT,
        patience_s: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        self._asked_max = asked_max
        self._of_account = of_account
        self._patience_s = patience_s
        self._asked = 0
        self._all = asyncio.Semaphore(at_once)
        self._accounts: dict[int, tuple[asyncio.Semaphore, int]] = {}  # and how many work or wait
        self._streams = Counter[int]()

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[None]:
        """Within it a request is under way. Raises Busy."""
        if self._asked >= self._asked_max:
            raise Busy
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    @asynccontextmanager
    async def turn(self, account_id: int) -> AsyncIterator[None]:
        """Within it a proven request of that account is worked on. Raises Busy when it waits for too long."""
        own, present = self._accounts.get(account_id) or (asyncio.Semaphore(self._of_account), 0)
        self._accounts[account_id] = own, present + 1
        try:
            async with _within(self._patience_s, own), _within(self._patience_s, self._all):
                yield
        finally:
            own, present = self._accounts[account_id]
            if present > 1:
                self._accounts[account_id] = own, present - 1
            else:
                del self._accounts[account_id]

    @asynccontextmanager
    async def streaming(self, account_id: int) -> AsyncIterator[None]:
        """Within it a body of that account, or an answer to it, passes piece by piece. Raises Busy at once when too
        many do: who sends one may be slow, and nobody waits for that."""
        end = self.stream(account_id)
        try:
            yield
        finally:
            end()

    def stream(self, account_id: int) -> Callable[[], None]:
        """The same until what it gives is called."""
        if self._streams.total() >= STREAMS or self._streams[account_id] >= STREAMS_OF_ACCOUNT:
            raise Busy(f"Too much passes piece by piece; an account has {STREAMS_OF_ACCOUNT} at once.")
        self._streams[account_id] += 1

        def end() -> None:
            self._streams -= Counter({account_id: 1})

        return end


@asynccontextmanager
async def _within(patience_s: float, turns: asyncio.Semaphore) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(patience_s if turns.locked() else None):
            await turns.acquire()
    except TimeoutError as exc:
        raise Busy from exc
    try:
        yield
    finally:
        turns.release()
