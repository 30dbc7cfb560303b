"""How often a device may ask: one that asks without end is slowed by itself alone.

Each device has a few asks in store, which come back one by one. One whose store is empty waits for the next, and what
it says behind its ask waits with it; so it is its own socket that is read no further.
"""

import time
from uuid import UUID

from upwell.engine.dispatch import Ask
from upwell.engine.lanes import Aside

STORE = 100.0  # asks that a device may make at once
PER_S = 20.0  # and so many a second from then on
REMEMBERED_MAX = 50_000  # devices, before those whose store is full again are forgotten


class Asking:
    """What each device has in store."""

    def __init__(self) -> None:
        self._stores: dict[UUID, tuple[float, float]] = {}  # asks in store, and when that was so
        self._remembered_max = REMEMBERED_MAX

    def __len__(self) -> int:
        return len(self._stores)

    def judged(self, ask: Ask) -> Aside | None:
        """None when it may be answered now; how long it must wait else. An ask is counted once."""
        if ask.is_paced:
            return None
        now = time.monotonic()
        store, at = self._stores.get(ask.device_id, (STORE, now))
        store = min(STORE, store + (now - at) * PER_S)
        if store < 1.0:
            self._stores[ask.device_id] = store, now
            return Aside((1.0 - store) / PER_S)
        ask.is_paced = True
        ask.since = now
        self._stores[ask.device_id] = store - 1.0, now
        if len(self._stores) > self._remembered_max:
            self._forget(now)
        return None

    def _forget(self, now: float) -> None:
        """A device whose store is full again is as one that never asked."""
        self._stores = {
            device: (store, at) for device, (store, at) in self._stores.items() if store + (now - at) * PER_S < STORE
        }
        self._remembered_max = max(REMEMBERED_MAX, 2 * len(self._stores))
