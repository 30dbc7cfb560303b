"""Which connection each device speaks on in this process: its own, or that of its gateway.

Holds: a device has one seat; whoever takes it later has it (alibaba 6.1, rule 5). A sub-device that lost its seat is
of its gateway's connection no more, and the gateway keeps its own.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

from upwell.doors.devices.faces import Linked, Names
from upwell.doors.devices.mqtt.handler import Conn

PARTED_MAX = 1500  # sub-devices of a connection remembered as gone


class Seats:
    """The seats of one process."""

    def __init__(self) -> None:
        self._seats: dict[UUID, tuple[Conn, Names]] = {}
        self._settled: dict[UUID, UUID] = {}  # those that PostgreSQL knows of too
        self._round: Iterator[UUID] = iter(())

    def of(self, device_id: UUID) -> Conn | None:
        """The connection the device speaks on."""
        seat = self._seats.get(device_id)
        return None if seat is None else seat[0]

    def shown(self, device_id: UUID) -> str:
        """The device as the log names it; empty without a seat."""
        seat = self._seats.get(device_id)
        return "" if seat is None else seat[1].shown

    def take(self, conn: Conn, device_id: UUID, names: Names) -> Conn | None:
        """The device speaks on `conn` from now on. Returns the connection of its own that it had, which must end;
        a gateway's only loses the sub-device."""
        former = self.leave(device_id)
        self._seats[device_id] = conn, names
        if device_id != conn.device_id:
            linked = linked_of(conn)
            linked.subs[names] = device_id
            if names.public_id:
                linked.public[names.public_id] = names
            linked.parted.pop(names, None)
        return former if former is not None and former is not conn and former.device_id == device_id else None

    def settle(self, conn: Conn, device_id: UUID) -> bool:
        """PostgreSQL knows that the device is online on `conn`. False when it lost the seat meanwhile."""
        if self.of(device_id) is not conn:
            return False
        self._settled[device_id] = conn.connection_id
        return True

    def leave(self, device_id: UUID, conn: Conn | None = None) -> Conn | None:
        """The device has no seat any more, if it was on `conn` (None: on any). Returns where it was."""
        seat = self._seats.get(device_id)
        if seat is None or (conn is not None and seat[0] is not conn):
            return None
        del self._seats[device_id]
        self._settled.pop(device_id, None)
        held, names = seat
        if held.device_id != device_id:
            linked = linked_of(held)
            linked.subs.pop(names, None)
            linked.public.pop(names.public_id, None)
            if len(linked.parted) >= PARTED_MAX:
                del linked.parted[next(iter(linked.parted))]
            linked.parted[names] = None
        return held

    def some(self, count: int) -> list[tuple[UUID, UUID]]:
        """The next `count` settled (device, connection), so that calling again and again comes round to all."""
        found: list[tuple[UUID, UUID]] = []
        for device_id in self._next(count):
            connection_id = self._settled.get(device_id)
            if connection_id is not None:
                found.append((device_id, connection_id))
        return found

    def _next(self, count: int) -> Iterable[UUID]:
        got = [each for _, each in zip(range(count), self._round, strict=False)]
        if len(got) < count:
            self._round = iter(tuple(self._settled))
        return got


def linked_of(conn: Conn) -> Linked:
    """What the connection is. It is set at login, before anything else happens on it."""
    assert isinstance(conn.facts, Linked)  # noqa: S101  # enrolling connections get no seat
    return conn.facts
