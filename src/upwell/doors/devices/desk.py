"""What stands between devices and the service: reports and asks, whichever way they came and in whichever tongue.

Holds: what one device says is taken in its order, and committed when it is taken. An answer is framed by the face of
the seat that it goes to. Refuses: to know by what protocol a seat is told.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from upwell.domain.connected import SubDevice, Turned
from upwell.domain.errors import CallerError
from upwell.domain.talk import BlockRequest, Inquiry, OfferRequest, TaskRef
from upwell.domain.timeline import Kind, Line
from upwell.doors.devices.faces import Answer, Block, Down, Names, NoBlock, Said
from upwell.doors.devices.logins import LoginDesk
from upwell.doors.devices.meter import Devices
from upwell.doors.devices.seats import Seat, linked_of
from upwell.doors.seldom import Seldom
from upwell.service.journal import tell
from upwell.service.upgrade.dispatch import Addressed, Sent
from upwell.service.upgrade.reports import Delivered, Incoming

log = logging.getLogger(__name__)
CAUTION_PAUSE_S = 3600.0  # between two cautions about the devices of a product

Settled = Callable[[object, BaseException | None], None]
"""Called once, later: with anything and None when it is committed, or with the reason why it can't be."""

Fetch = Callable[[UUID, BlockRequest], Awaitable[Block | NoBlock]]


class Desk(LoginDesk, Protocol):
    """What the platform does for devices. Each is committed when it returns, or when it is settled."""

    async def arrived(self, who: tuple[UUID, UUID, str], vendor: str, /) -> None:
        """A device is online, on which connection and from where, by which vendor's device side."""

    async def left(self, who: tuple[UUID, UUID], /) -> None: ...

    async def asked(self, who: tuple[UUID, str], vendor: str, /) -> None:
        """A device that has no connection made a request, from where, by which vendor's device side."""

    def is_full(self) -> bool:
        """Whether devices say more than is taken."""

    def note(self, line: Line, /) -> None:
        """It befell a device: its timeline tells of it, a little later. Never waits."""

    def heard(self, device_id: UUID, /) -> None:
        """A device spoke on a connection that is another's. Never waits."""

    def turned_away(self, turned: Turned, /) -> None:
        """A login was refused: its owner is to find it, a little later. Never waits."""

    def hear(self, said: Incoming, settled: Settled, /) -> None:
        """Take a report, an acknowledgement or a result; what one device says and asks is done in its order."""

    def hear_ask(
        self, device_id: UUID, request: OfferRequest, reply: Callable[[Addressed | None], Sent], settled: Settled, /
    ) -> None:
        """Tell the device's offer, or None, by `reply`."""

    async def bind(self, gateway: UUID, subs: Sequence[UUID], /) -> None: ...
    async def unbind(self, gateway: UUID, subs: Sequence[UUID], /) -> set[UUID]: ...
    async def bound(self, gateway: UUID, /) -> Sequence[SubDevice]: ...
    async def behind(self, gateway: UUID, /) -> Sequence[SubDevice]: ...  # at any depth
    async def behind_all(self, gateways: Sequence[UUID], /) -> Mapping[UUID, Sequence[SubDevice]]: ...


class Hearing:
    """Takes what devices say, and answers it on the seat that it was said on. `fetches` read blocks for the faces that
    have such, by their names; `inquire` asks a device what it runs, before its offer; `spawn` runs what takes long."""

    def __init__(
        self,
        desk: Desk,
        fetches: Mapping[str, Fetch],
        inquire: Callable[[Seat, Addressed], Sent],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        meter: Devices,
    ) -> None:
        self._meter = meter
        self._desk = desk
        self._fetches = fetches
        self._inquire = inquire
        self._spawn = spawn
        self._cautions = Seldom(CAUTION_PAUSE_S)

    def hand(self, seat: Seat, said: Sequence[Said], settled: Settled, *, dup: bool = False) -> None:
        """Take all of a message; `settled` is called when all is committed and answered, or with the first failure.
        Never waits. `dup`: the device may have sent it before."""
        if len(said) == 1:
            self._hand(seat, said[0], settled, dup)
        elif said:
            each = _Together(len(said), settled)
            for one in said:
                self._hand(seat, one, each, dup)
        else:
            settled(None, None)

    async def take(self, seat: Seat, said: Sequence[Said]) -> None:
        """Take all of a message; it is committed and answered when this returns."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.hand(seat, said, partial(_resolve, done))
        await done

    def _hand(self, seat: Seat, said: Said, settled: Settled, dup: bool) -> None:
        names, report = said.names, said.report
        device_id = seat.device_id
        if names is not linked_of(seat).names:
            device_id = names.device_id
            self._desk.heard(device_id)
        match report:
            case OfferRequest():
                self._meter.heard.add(linked_of(seat).face.name, "ask")
                self._desk.hear_ask(device_id, report, partial(self._answer, seat, names, report), settled)
            case BlockRequest():
                self._meter.heard.add(linked_of(seat).face.name, "block")
                self._spawn(self._block(seat, names, report, settled))
            case _:
                self._meter.heard.add(linked_of(seat).face.name, "report")
                self._desk.hear(Incoming(device_id, seat.connection_id, report, dup), settled)

    def _answer(self, seat: Seat, names: Names, request: OfferRequest, told: Addressed | None) -> Sent:
        linked = linked_of(seat)
        if told is not None and isinstance(told.offer, Inquiry):  # no answer yet: what it runs must be known before
            return self._inquire(seat, told)
        try:
            message = linked.face.answer(linked, names, request, told)
        except CallerError as exc:
            tell(log, "an offer can't be told", logging.WARNING, device=names.shown, reason=exc)
            return None
        return None if message is None else self.tell(seat, message, told.acknowledged if told else None)

    async def _block(self, seat: Seat, names: Names, request: BlockRequest, settled: Settled) -> None:
        linked = linked_of(seat)
        try:
            found = await self._fetches[linked.face.name](names.device_id, request)
            if isinstance(found, Block):
                self._desk.note(_fetched(names, request, found))
            message = linked.face.block(linked, names, request, found)
            if message is not None and self.tell(seat, message) is None:
                tell(log, "a block was not taken; the device asks again", logging.DEBUG, device=names.shown)
        except BaseException as exc:
            settled(None, exc)
            if not isinstance(exc, Exception):
                raise
        else:
            settled(None, None)

    def tell(self, seat: Seat, message: Down | Answer, task: TaskRef | None = None) -> UUID | None:
        """The connection that took the message, which offers the task, if any."""
        taken = seat.tell(message, task)
        if task is not None and taken:
            self._meter.offers.add(linked_of(seat).face.name)
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
            self._meter.acknowledgements.add(linked_of(seat).face.name)
            incoming = Incoming(token.device_id, seat.connection_id, Delivered(token))
            self._desk.hear(incoming, partial(_noted, device))


def _fetched(names: Names, request: BlockRequest, block: Block) -> Line:
    """What the device's timeline tells of a block: of a download it is one line a minute, with all that it fetched."""
    ends = request.offset + len(block.data) >= block.file_size
    return Line(
        device_id=names.device_id, kind=Kind.DOWNLOAD, what="last block" if ends else "blocks", size=len(block.data),
        detail=f"to byte {request.offset + len(block.data)} of {block.file_size}",
    )  # fmt: skip


class _Together:
    """Settles once all of so many are, with the first failure among them."""

    __slots__ = ("_error", "_left", "_settled")

    def __init__(self, count: int, settled: Settled) -> None:
        self._left = count
        self._settled = settled
        self._error: BaseException | None = None

    def __call__(self, answer: object, error: BaseException | None) -> None:
        self._left -= 1
        self._error = self._error or error
        if not self._left:
            self._settled(None, self._error)


def _resolve(done: "asyncio.Future[None]", answer: object, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    elif isinstance(error, asyncio.CancelledError):
        done.cancel()
    else:
        done.set_exception(error)


def _noted(device: str, answer: object, error: BaseException | None) -> None:
    if isinstance(error, Exception):  # the task stays QUEUED and is offered again on the next connection
        tell(log, "a delivery was not recorded", logging.WARNING, device=device, reason=error)
