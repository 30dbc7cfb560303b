"""What came on one connection and is not handled yet, in its order, and how many bytes of memory that takes."""

from collections import deque
from collections.abc import Iterable

from upwell.doors.mqtt.packets import Packet, Publish

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


def _weight(packet: Packet) -> int:
    return PACKET_WEIGHT + (len(packet.payload) if isinstance(packet, Publish) else 0)
