"""What came on one connection and is not done with, in its order, and how many bytes of memory that takes: packets that
wait, and publishes that are being taken."""

import asyncio
from collections import deque
from collections.abc import Iterable

from upwell.doors.devices.mqtt.packets import Packet, Publish

PACKET_WEIGHT = 200  # bytes that a packet takes besides its payload; about


class Inbox:
    """Packets in the order of their arrival."""

    __slots__ = ("_packets", "size")

    def __init__(self) -> None:
        self._packets: deque[Packet] = deque()
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._packets)

    def extend(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            self._packets.append(packet)
            self.size += _weight(packet)

    def take(self) -> Packet:
        """The oldest, which is in it no more."""
        packet = self._packets.popleft()
        self.size -= _weight(packet)
        return packet

    def clear(self) -> None:
        self._packets.clear()
        self.size = 0


class Pending:
    """Publishes that were handed in, oldest first, until they are acknowledged."""

    __slots__ = ("_works", "size")

    def __init__(self) -> None:
        self._works: deque[tuple[asyncio.Task[None], int, int]] = deque()
        self.size = 0

    def __len__(self) -> int:
        return len(self._works)

    def add(self, work: "asyncio.Task[None]", packet_id: int, size: int) -> None:
        """`size` is its payload's."""
        self._works.append((work, packet_id, size))
        self.size += size

    def settled(self) -> tuple[list[int], list[BaseException]]:
        """The packet ids of those that were taken before any failed, and the failures, as far as none before them is
        still under way; they are in it no more."""
        taken: list[int] = []
        failures: list[BaseException] = []
        while self._works and self._works[0][0].done():
            work, packet_id, size = self._works.popleft()
            self.size -= size
            failed = asyncio.CancelledError() if work.cancelled() else work.exception()
            if failed:
                failures.append(failed)
            elif not failures:
                taken.append(packet_id)
        return taken, failures

    async def settle(self, within_s: float) -> None:
        """Wait for all of them."""
        await asyncio.wait({work for work, _, _ in self._works}, timeout=within_s)


def _weight(packet: Packet) -> int:
    return PACKET_WEIGHT + (len(packet.payload) if isinstance(packet, Publish) else 0)
