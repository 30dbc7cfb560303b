"""What stands between devices and the service: reports and asks, whichever way they came and in whichever tongue.

Holds: what one device says is taken in its order, and committed when it is taken. An answer is framed by the face of
the seat that it goes to. Refuses: to know by what protocol a seat is told.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Protocol
from uuid import UUID

from upwell.domain.connected import SubDevice
from upwell.domain.errors import CallerError
from upwell.domain.talk import BlockRequest, Inquiry, OfferRequest, TaskRef
from upwell.doors.devices.faces import Answer, Block, Down, Names, NoBlock, Said
from upwell.doors.devices.lanes import Lanes, Place
from upwell.doors.devices.logins import LoginDesk
from upwell.doors.devices.seats import Seat, linked_of
from upwell.doors.seldom import Seldom
from upwell.service.journal import tell
from upwell.service.upgrade.dispatch import Addressed, Sent
from upwell.service.upgrade.reports import Delivered, Incoming

log = logging.getLogger(__name__)
CAUTION_PAUSE_S = 3600.0  # between two cautions about the devices of a product
REPORT, ASK = "report", "ask"  # the manners of what devices say, each with its own way to the database

Fetch = Callable[[UUID, BlockRequest], Awaitable[Block | NoBlock]]


class Desk(LoginDesk, Protocol):
    """What the platform does for devices. Each is committed when it returns."""

    async def arrived(self, who: tuple[UUID, UUID, str], /) -> None:
        """A device is online, on which connection and from where."""

    async def left(self, who: tuple[UUID, UUID], /) -> None: ...

    async def asked(self, who: tuple[UUID, str], /) -> None:
        """A device that has no connection made a request, from where."""

    async def report(self, said: Incoming, /) -> None: ...

    async def ask(self, device_id: UUID, request: OfferRequest, reply: Callable[[Addressed | None], Sent], /) -> None:
        """Its offer, or None, is told by `reply` when this returns."""

    async def bind(self, gateway: UUID, subs: Sequence[UUID], /) -> None: ...
    async def unbind(self, gateway: UUID, subs: Sequence[UUID], /) -> set[UUID]: ...
    async def bound(self, gateway: UUID, /) -> Sequence[SubDevice]: ...
    async def behind(self, gateway: UUID, /) -> Sequence[SubDevice]: ...  # at any depth
    async def behind_all(self, gateways: Sequence[UUID], /) -> Mapping[UUID, Sequence[SubDevice]]: ...


class Hearing:
    """Takes what devices say, and answers it on the seat that it was said on. `fetches` read blocks for the faces that
    have such, by their names; `inquire` asks a device what it runs, before its offer."""

    def __init__(self, desk: Desk, fetches: Mapping[str, Fetch], inquire: Callable[[Seat, Addressed], Sent]) -> None:
        self._desk = desk
        self._fetches = fetches
        self._inquire = inquire
        self._lanes = Lanes()
        self._cautions = Seldom(CAUTION_PAUSE_S)
        self._background: set[asyncio.Task[None]] = set()

    def place(self, said: Sequence[Said]) -> Place | None:
        """Where a message stands among its device's; none for blocks, of which several are read at once."""
        if not said or isinstance(said[0].report, BlockRequest):
            return None
        manner = ASK if isinstance(said[0].report, OfferRequest) else REPORT
        alone = len(said) > 1  # several things said in one message stay together
        return self._lanes.place(said[0].names.device_id, object() if alone else manner)

    async def take(self, seat: Seat, said: Sequence[Said], place: Place | None, *, dup: bool = False) -> None:
        """In its place, take all of a message; it is committed and answered when this returns. `dup`: the device may
        have sent it before."""
        async with place or nullcontext():
            for one in said:
                await self._take(seat, one, dup)

    async def _take(self, seat: Seat, said: Said, dup: bool) -> None:
        names, report = said.names, said.report
        match report:
            case OfferRequest():
                await self._desk.ask(names.device_id, report, partial(self._answer, seat, names, report))
            case BlockRequest():
                await self._block(seat, names, report)
            case _:
                await self._desk.report(Incoming(names.device_id, seat.connection_id, report, dup))

    def _answer(self, seat: Seat, names: Names, request: OfferRequest, told: Addressed | None) -> Sent:
        linked = linked_of(seat)
        if told is not None and isinstance(told.offer, Inquiry):  # no answer yet: what it runs must be known before
            return self._inquire(seat, told)
        try:
            message = linked.face.answer(linked, names, request, told)
        except CallerError as exc:
            tell(log, "an offer can't be told", logging.WARNING, device=names.shown, reason=exc)
            return None
        return None if message is None else self.tell(seat, message, told.offer.task if told else None)

    async def _block(self, seat: Seat, names: Names, request: BlockRequest) -> None:
        linked = linked_of(seat)
        found = await self._fetches[linked.face.name](names.device_id, request)
        message = linked.face.block(linked, names, request, found)
        if message is not None and self.tell(seat, message) is None:
            tell(log, "a block was not taken; the device asks again", logging.DEBUG, device=names.shown)

    def tell(self, seat: Seat, message: Down | Answer, task: TaskRef | None = None) -> UUID | None:
        """The connection that took the message, which offers the task, if any."""
        taken = seat.tell(message, task)
        if message.caution:
            self._caution(linked_of(seat).names, message.caution)
        return seat.connection_id if taken else None

    def _caution(self, names: Names, caution: str) -> None:
        untold = self._cautions.due(names.product_key)
        if untold is not None:
            more = untold or None
            tell(log, "an offer is of no use", logging.WARNING, device=names.shown, reason=caution, untold=more)

    def delivered(self, seat: Seat, token: object, device: str) -> None:
        """The device has what was told with that token; an offer's delivery is recorded, soon."""
        if isinstance(token, TaskRef):
            incoming = Incoming(token.device_id, seat.connection_id, Delivered(token))
            work = asyncio.ensure_future(self._deliver(incoming, device))
            self._background.add(work)
            work.add_done_callback(self._background.discard)

    async def _deliver(self, incoming: Incoming, device: str) -> None:
        try:
            async with self._lanes.place(incoming.device_id, REPORT):
                await self._desk.report(incoming)
        except Exception as exc:  # the task stays QUEUED and is offered again on the next connection
            tell(log, "a delivery was not recorded", logging.WARNING, device=device, reason=exc)
