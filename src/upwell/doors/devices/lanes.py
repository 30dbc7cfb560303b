"""Who of one device's messages goes next: they are taken in the order in which they were said.

Holds: messages of one manner, such as reports, are under way together, for they stay in their order on their way to the
database; one of another manner waits for those before it. So an ask is answered when the reports before it are known,
and before the reports behind it are (L7). A device's lane is there only while something of it is under way.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from types import TracebackType
from uuid import UUID


class _Group:
    """Messages of one manner, one behind the other."""

    __slots__ = ("count", "manner", "turn")

    def __init__(self, manner: Hashable) -> None:
        self.manner = manner
        self.turn = asyncio.Event()
        self.count = 0


class Place:
    """A place in a device's lane, taken when it is made; entering it waits for its turn, leaving it lets others on."""

    __slots__ = ("_device_id", "_group", "_lanes")

    def __init__(self, lanes: "Lanes", device_id: UUID, group: _Group) -> None:
        self._lanes = lanes
        self._device_id = device_id
        self._group = group

    async def __aenter__(self) -> None:
        try:
            await self._group.turn.wait()
        except BaseException:
            self._lanes.leave(self._device_id, self._group)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lanes.leave(self._device_id, self._group)


class Lanes:
    """The lanes of one process, by device."""

    def __init__(self) -> None:
        self._lanes: dict[UUID, deque[_Group]] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def place(self, device_id: UUID, manner: Hashable) -> Place:
        """The next place in the device's lane. It must be entered."""
        lane = self._lanes.setdefault(device_id, deque())
        if not lane or lane[-1].manner != manner:
            lane.append(_Group(manner))
        lane[0].turn.set()
        lane[-1].count += 1
        return Place(self, device_id, lane[-1])

    def leave(self, device_id: UUID, group: _Group) -> None:
        """One message of the group is done."""
        group.count -= 1
        lane = self._lanes[device_id]
        while lane and not lane[0].count:
            lane.popleft()
        if lane:
            lane[0].turn.set()
        else:
            del self._lanes[device_id]
