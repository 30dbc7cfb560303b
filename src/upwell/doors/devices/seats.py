"""Where each device is told something in this process: on its own seat, or on that of its gateway.

Holds: a device has one seat; whoever takes it later has it (alibaba 6.1, rule 5). A sub-device that lost its seat is
of its gateway's no more, and the gateway keeps its own. A device that asks again and again has none here: the seat of
its request ends with the answer.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol
from uuid import UUID

from upwell.doors.devices.faces import Linked, Names

PARTED_MAX = 1500  # sub-devices of a connection remembered as gone


class Seat(Protocol):
    """Whatever a device, and those behind it, can be told something on: a connection, or a request that waits for its
    answer. `facts` is the Linked of its login."""

    @property
    def connection_id(self) -> UUID: ...
    @property
    def device_id(self) -> UUID: ...
    @property
    def facts(self) -> object: ...
    @property
    def peer(self) -> str: ...
    @property
    def name(self) -> str: ...

    def tell(self, message: Any, token: object, /) -> bool:
        """Write what its face framed, now and without waiting. False, with nothing done, when it takes nothing."""

    def end(self, reason: str, /) -> None:
        """End it, if it has not ended."""


class Seats:
    """The seats of one process."""

    def __init__(self) -> None:
        self._seats: dict[UUID, tuple[Seat, Names]] = {}
        self._settled: dict[UUID, UUID] = {}  # those that PostgreSQL knows of too
        self._round: Iterator[UUID] = iter(())

    def of(self, device_id: UUID) -> Seat | None:
        """Where the device speaks."""
        seat = self._seats.get(device_id)
        return None if seat is None else seat[0]

    def shown(self, device_id: UUID) -> str:
        """The device as the log names it; empty without a seat."""
        seat = self._seats.get(device_id)
        return "" if seat is None else seat[1].shown

    def take(self, conn: Seat, device_id: UUID, names: Names) -> Seat | None:
        """The device speaks on `conn` from now on. Returns the connection of its own that it had, which must end;
        a gateway's only loses the sub-device."""
        former = self.leave(device_id)
        self._seats[device_id] = conn, names
        if device_id != conn.device_id:
            linked = linked_of(conn)
            linked.readers.clear()
            linked.subs[names] = device_id
            if names.public_id:
                linked.public[names.public_id] = names
            linked.parted.pop(names, None)
        return former if former is not None and former is not conn and former.device_id == device_id else None

    def settle(self, conn: Seat, device_id: UUID) -> bool:
        """PostgreSQL knows that the device is online on `conn`. False when it lost the seat meanwhile."""
        if self.of(device_id) is not conn:
            return False
        self._settled[device_id] = conn.connection_id
        return True

    def leave(self, device_id: UUID, conn: Seat | None = None) -> Seat | None:
        """The device has no seat any more, if it was on `conn` (None: on any). Returns where it was."""
        seat = self._seats.get(device_id)
        if seat is None or (conn is not None and seat[0] is not conn):
            return None
        del self._seats[device_id]
        self._settled.pop(device_id, None)
        held, names = seat
        if held.device_id != device_id:
            linked = linked_of(held)
            linked.readers.clear()
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

    def all(self) -> list[tuple[UUID, UUID]]:
        """Every settled (device, connection)."""
        return list(self._settled.items())

    def _next(self, count: int) -> Iterable[UUID]:
        got = [each for _, each in zip(range(count), self._round, strict=False)]
        if len(got) < count:
            self._round = iter(tuple(self._settled))
        return got


def linked_of(seat: Seat) -> Linked:
    """What the seat is. It is set at login, before anything else happens on it."""
    assert isinstance(seat.facts, Linked)  # noqa: S101  # enrolling connections get no seat
    return seat.facts
