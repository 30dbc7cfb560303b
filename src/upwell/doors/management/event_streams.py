"""Events as they happen, by server-sent events (rollouts 4.5).

Holds: a stream shows what the list shows, in its order, and says with each event where to go on, so that a client which
comes back, to whichever process, misses nothing. What fills a browser's stream for good is refused (no key, no right, a
filter of nothing); where there is no room, or the server ends, the answer is a stream that ends and says when to come
back. A peer that takes nothing is cut. One look at the head serves all streams of a process.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from upwell.dialects.rest import RestRequest
from upwell.dialects.upwell import event_ops, names
from upwell.domain import commands as c
from upwell.domain.errors import CallerError, Conflict, Invalid, UpwellError
from upwell.doors.management.ask import ask
from upwell.doors.management.tongue import Answer, Asked, Call, House, RestSpeaker
from upwell.doors.requests import origin_of, peer_of, rest_request
from upwell.service.context import Context
from upwell.service.manage import event_lists
from upwell.service.manage.access import Caller

log = logging.getLogger(__name__)
PATH = "/v1/events"
STREAMS_MAX = 200  # of one process
STREAMS_OF_ACCOUNT = 10
READING_AT_ONCE = 2  # streams that ask the database at the same time
SENT_AT_ONCE = 100  # events
LOOK_S = 0.5
HEARTBEAT_S = 15.0
SEND_WITHIN_S = 20.0
BACK_MS, BACK_WHEN_FULL_MS = 2_000, 30_000
_HEADERS = {"content-type": event_ops.STREAM_TYPE, "cache-control": "no-store", "x-accel-buffering": "no"}


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream that its caller may have, and by what it was asked for."""

    caller: Caller
    command: c.ListEvents
    asked: Asked[RestRequest]
    call: Call


@dataclass(slots=True)
class _Asking:
    """The tongue for whoever asks for a stream: asked as for the list, which is opened instead of told."""

    of: RestSpeaker
    opened: Opened | None = field(default=None)

    def __getattr__(self, name: str) -> object:
        return getattr(self.of, name)

    def call(self, asked: Asked[RestRequest]) -> Call:
        return replace(self.of.call(asked), use=self._open(asked))

    def _open(self, asked: Asked[RestRequest]):  # type: ignore[no-untyped-def]
        async def use(ctx: Context, caller: Caller) -> None:
            call = self.of.call(asked)
            command = self.of.command(asked, call)
            assert isinstance(command, c.ListEvents)  # noqa: S101  # the path is the list's
            command = replace(command, after=_came_back(asked.request.headers, command.after), most=1)
            with suppress(Conflict):  # a place that is gone is told in the stream
                await event_lists.list_events(ctx, caller, command)
            self.opened = Opened(caller, command, asked, call)

        return use

    def answer(self, asked: Asked[RestRequest], result: object) -> Answer:
        return Answer(200, b"", {"x-request-id": asked.request_id})


def _came_back(headers: Mapping[str, str], after: int | None) -> int | None:
    """Where a client goes on that had a stream before. Raises Invalid."""
    last = headers.get("last-event-id")
    if not last:
        return after
    problem = event_ops.EVENT_ID.problem(last)
    if problem:
        raise Invalid("Last-Event-ID", event_ops.EVENT_ID.text, problem)
    return names.read_event_id(last)


class EventStreams:
    """The streams of one process."""

    def __init__(self, house: House, tongue: RestSpeaker, dialect: str) -> None:
        self._house = house
        self._tongue = tongue
        self._dialect = dialect
        self._streams = Counter[int]()
        self._waiting: dict[int, set[asyncio.Event]] = {}
        self._reading = asyncio.Semaphore(READING_AT_ONCE)
        self._looker: asyncio.Task[None] | None = None

    def route(self) -> Route:
        """For requests that accept a stream alone; all others go on to the list."""
        return _Streamed(PATH, self._asked, methods=["GET"])

    async def _asked(self, request: Request) -> Response:
        asked = Asked(
            request=rest_request(request, b""), request_id=uuid.uuid4().hex, host=request.headers.get("host", ""),
            origin=origin_of(request), peer=peer_of(request),
        )  # fmt: skip
        tongue = _Asking(self._tongue)
        answer = await ask(self._house, {self._dialect: tongue}, tongue, asked)  # type: ignore[dict-item, arg-type]
        if tongue.opened is None or answer.status != 200:
            return Response(answer.body, answer.status, answer.headers)
        return Stream(self._events(tongue.opened), {**answer.headers, **_HEADERS})

    async def _events(self, opened: Opened) -> AsyncGenerator[bytes, None]:
        account = opened.caller.account_id
        if self._streams.total() >= STREAMS_MAX or self._streams[account] >= STREAMS_OF_ACCOUNT:
            yield event_ops.retry_after(BACK_WHEN_FULL_MS)
            return
        self._streams[account] += 1
        woken = asyncio.Event()
        self._waiting.setdefault(account, set()).add(woken)
        try:
            self._look_out()
            yield event_ops.retry_after(BACK_MS)
            async for block in self._blocks(opened, woken):
                yield block
        finally:
            self._streams -= Counter({account: 1})
            self._waiting[account].discard(woken)

    async def _blocks(self, opened: Opened, woken: asyncio.Event) -> AsyncGenerator[bytes, None]:
        account = opened.caller.account_id
        _, head = await event_lists.bounds(self._house.ctx, account)
        position = head if opened.command.after is None else opened.command.after
        yield event_ops.come_to(position)
        while not self._house.ending.is_set():
            woken.clear()
            try:
                async with self._reading:
                    found = await self._next(opened, position)
            except Conflict:
                position = (await event_lists.bounds(self._house.ctx, account))[0]
                yield event_ops.reset_to(position)
                continue
            if found.items:
                yield b"".join(map(event_ops.in_stream, found.items))
            if found.to > position and (not found.items or found.items[-1].position < found.to):
                yield event_ops.come_to(found.to)
            position = found.to
            if found.is_last and not await self._woken(woken):
                if not await self._is_live(opened):
                    return
                yield event_ops.HEARTBEAT

    async def _next(self, opened: Opened, position: int) -> c.EventSlice:
        command = replace(opened.command, after=position, most=SENT_AT_ONCE)
        return await event_lists.list_events(self._house.ctx, opened.caller, command)

    async def _woken(self, woken: asyncio.Event) -> bool:
        """Whether there may be news; no news for as long as a heartbeat may take is none."""
        waits = [asyncio.ensure_future(each.wait()) for each in (woken, self._house.ending)]
        try:
            done, _ = await asyncio.wait(waits, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return bool(done)

    async def _is_live(self, opened: Opened) -> bool:
        """Whether what was shown proves as much as it did: a key may be revoked, a session over."""
        key_id = self._tongue.claimed(opened.asked)[0]
        key = await self._house.gate.key(key_id) if key_id else None
        try:
            await self._tongue.caller(self._house, opened.asked, opened.call, key)
        except CallerError:
            return False
        return True

    def _look_out(self) -> None:
        if self._looker is None or self._looker.done():
            self._looker = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        """Wake the streams of accounts that have news, as long as there are streams."""
        seen: int | None = None
        while self._streams.total() and not self._house.ending.is_set():
            try:
                if seen is None:  # whoever came before has looked already, or looks now
                    seen, accounts = (await event_lists.bounds(self._house.ctx, 0))[1], frozenset(self._waiting)
                else:
                    seen, accounts = await event_lists.news_since(self._house.ctx, seen)
            except UpwellError as exc:
                log.warning("streams of events wait: %s", exc.problem)
                accounts = frozenset[int]()
            for account in accounts:
                for woken in self._waiting.get(account, ()):
                    woken.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._house.ending.wait()
        self._waiting = {account: streams for account, streams in self._waiting.items() if streams}


class _Streamed(Route):
    """Matches what accepts a stream."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        accepts = (value for name, value in scope.get("headers", ()) if name == b"accept")
        if not any(event_ops.STREAM_TYPE.encode() in value for value in accepts):
            return Match.NONE, {}
        match, child = super().matches(scope)
        return (match, child) if match is Match.FULL else (Match.NONE, {})


class Stream(Response):
    """An answer that goes on until its peer is gone, takes nothing, or there is nothing more to say."""

    def __init__(self, blocks: AsyncGenerator[bytes, None], headers: Mapping[str, str]) -> None:
        super().__init__(None, 200, headers)
        del self.headers["content-length"]
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, leaving):
                task.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)
        if not writing.cancelled() and (exc := writing.exception()) is not None:
            if not isinstance(exc, UpwellError | TimeoutError):
                raise exc
            log.info("a stream of events ends: %s", exc)  # unfinished: its client comes back

    async def _write(self, send: Send) -> None:
        async with aclosing(self._blocks) as blocks:
            async for block in blocks:
                await _sent(send, block, more=True)
        await _sent(send, b"", more=False)


async def _sent(send: Send, body: bytes, *, more: bool) -> None:
    async with asyncio.timeout(SEND_WITHIN_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
