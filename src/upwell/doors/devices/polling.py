"""Devices over HTTP: each request is a login, says something, and is answered once, by whichever face has its path.

A request is a seat for as long as it waits: an offer is written into it while its task is locked, as into a connection
(L5), and counts as delivered when it is written, for there is nothing that acknowledges it; a device that lost it asks
again. All requests of a device are one connection that never ends, so its reports follow its offer. A report is
committed before it is answered. Between its requests such a device has no seat, and nothing is pushed to it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from upwell.dialects.sizes import bounded
from upwell.domain.errors import DeviceError, Unavailable, UpwellError
from upwell.domain.timeline import Kind, Line
from upwell.doors.devices.bodies import body_of
from upwell.doors.devices.desk import Desk, Fetch, Hearing
from upwell.doors.devices.faces import Answer, HttpFace, Linked, Names
from upwell.doors.devices.logins import Logins, Refused
from upwell.doors.devices.meter import Devices
from upwell.doors.devices.refusals import tell_refused
from upwell.doors.requests import peer_of, rest_request
from upwell.service.journal import tell
from upwell.service.upgrade.dispatch import Unasked

log = logging.getLogger(__name__)
NOBODY = UUID(int=0)  # whose an exchange is before its login
METHODS = ("GET", "POST", "PUT", "DELETE")


class PollingDoor:
    """Every HTTP face's requests. It is an ASGI application for each face, for an answer must be written at a moment of
    the dispatcher's choice."""

    def __init__(
        self, desk: Desk, faces: Sequence[HttpFace], fetches: Mapping[str, Fetch], meter: Devices | None = None
    ) -> None:
        self._meter = meter or Devices()
        self._desk = desk
        self._faces = faces
        self._logins = Logins(desk)
        self._work: set[asyncio.Task[None]] = set()
        self._hearing = Hearing(desk, fetches, lambda seat, _: Unasked(seat.connection_id), self._spawn, self._meter)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def routes(self) -> list[Route]:
        """Where these devices ask."""
        return [Route(path, _Asked(self, face), methods=METHODS) for face in self._faces for path in face.paths]

    async def answer(self, face: HttpFace, request: Request, send: Send) -> None:
        """One request; never raises for what a device sent."""
        peer = peer_of(request)
        exchange = Exchange(send, peer, self._delivered)
        try:
            answer = await self._take(face, request, exchange)
        except ClientDisconnect:
            return
        except DeviceError as exc:
            self._meter.not_understood.add()
            tell(log, "a request was not understood", face=face.name, peer=peer, reason=exc.problem)
            if exchange.device_id != NOBODY:
                told = Line(device_id=exchange.device_id, kind=Kind.UNREADABLE, what="request", reason=exc.problem)
                self._desk.note(told._replace(address=peer))
            answer = face.refuse("malformed", bounded(exc.problem))
        except Exception as exc:
            expected = isinstance(exc, UpwellError)
            level, error = (logging.INFO, None) if expected else (logging.ERROR, exc)
            tell(log, "a request could not be answered", level, error, face=face.name, peer=peer, reason=exc)
            answer = face.refuse("unavailable", "try again later")
        await exchange.close(answer)

    async def _take(self, face: HttpFace, request: Request, exchange: "Exchange") -> Answer:
        """What is answered where nothing has been told yet."""
        if self._desk.is_full():
            raise Unavailable("Devices say more than is taken.")
        asked = rest_request(request, await body_of(request, face.payload_size_max))
        claim = face.claim(asked)
        found = await self._logins.linked(face, claim)
        if isinstance(found, Refused):
            shown = Names(claim.product_key or "", claim.device_name).shown
            tell(log, "device login refused", who=shown, face=face.name, reason=found.reason, peer=exchange.peer)
            tell_refused(self._desk, found, exchange.peer)
            self._meter.refused(face.name, found.reason)
            return face.refuse("refused", "the login is refused")
        assert isinstance(found.facts, Linked)  # noqa: S101  # a login that is no enrolment gives it
        self._meter.accepted(face.name)
        exchange.device_id, exchange.facts, exchange.name = found.device_id, found.facts, found.name
        said = face.read(found.facts, asked)
        await self._desk.asked((found.device_id, exchange.peer), face.name)
        await self._hearing.take(exchange, said)
        return face.done(found.facts, asked)

    def _delivered(self, exchange: "Exchange", token: object) -> None:
        self._hearing.delivered(exchange, token, exchange.name)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A face's requests as an ASGI application."""

    door: PollingDoor
    face: HttpFace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.door.answer(self.face, Request(scope, receive), send)


@dataclass(slots=True, eq=False)
class Exchange:
    """One request that waits for its answer: a seat that can be told one thing."""

    send: Send
    peer: str
    delivered: Callable[["Exchange", object], None]
    device_id: UUID = NOBODY
    facts: object = field(default=None, repr=False)
    name: str = ""
    is_answered: bool = False

    @property
    def connection_id(self) -> UUID:
        """The same for all requests of the device."""
        return self.device_id

    def tell(self, message: Answer, token: object, /) -> bool:
        """Answer now; False when it is answered already, or the client does not read. An answer that is half written
        then ends with its connection."""
        if self.is_answered:
            return False
        start, body = _parts(message)
        self.is_answered = _done_at_once(self.send(start))
        if not self.is_answered or not _done_at_once(self.send(body)):
            return False
        self.delivered(self, token)
        return True

    def end(self, reason: str, /) -> None:
        """It ends by its answer."""

    async def close(self, answer: Answer) -> None:
        """Answer, if nothing was told yet."""
        if not self.is_answered:
            self.is_answered = True
            for part in _parts(answer):
                await self.send(part)


def _done_at_once(step: Awaitable[None]) -> bool:
    """Whether the coroutine ended without waiting; one that would wait is closed, having done nothing."""
    assert isinstance(step, Coroutine)  # noqa: S101  # a server's `send` is an async function
    try:
        step.send(None)
    except StopIteration:
        return True
    step.close()
    return False


def _parts(answer: Answer) -> tuple[Message, Message]:
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", str(len(answer.payload)).encode())]
    start = {"type": "http.response.start", "status": answer.status, "headers": headers}
    return start, {"type": "http.response.body", "body": answer.payload}
