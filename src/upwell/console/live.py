"""Pages that change while somebody looks: the part that changes is sent again whenever it is another, by server-sent
events.

Holds: each look is a request of its own, on the one way of all requests: a session that ended, a role that was taken
or a thing that is gone ends it. What passes by itself (LATER), such as a PostgreSQL that fails over, does not: what is
shown stays until there is another look. A stream costs one look in LOOK_S, whether or not events are made; there are
so many in a process and of a session. A peer that takes nothing is cut.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.console.headers import ROOT, SESSION, cookies
from upwell.dialects.rest import RestRequest
from upwell.doors.management.ask import ask
from upwell.doors.management.event_streams import Stream
from upwell.doors.management.tongue import Answer, Asked, House, RestSpeaker
from upwell.doors.requests import origin_of, peer_of, rest_request

STREAMS_MAX = 100  # of one process
STREAMS_OF_SESSION = 6  # as many tabs; with one more the oldest stays as it is
LOOK_S = 2.0
HEARTBEAT_LOOKS = 8
BACK_MS, BACK_WHEN_FULL_MS = 2_000, 30_000
PART = "x-upwell-part"
_LIVE = f"{ROOT}/live"
_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"}
LATER = (429, 503)  # too much was asked, or something is not to be had now
_NO_MORE = 204  # what an EventSource takes for its end


class Live:
    """The streams of one process."""

    def __init__(self, house: House, tongue: RestSpeaker, dialect: str) -> None:
        self._house = house
        self._tongue = tongue
        self._dialect = dialect
        self._open: dict[bytes, list[asyncio.Event]] = {}  # by session, the oldest first; set when it is to end

    def route(self) -> Route:
        """Below it is what a page's own path is below the console's root."""
        return Route(f"{_LIVE}/{{rest:path}}", self._asked, methods=["GET"])

    async def _asked(self, request: Request) -> Response:
        given = rest_request(request, b"")
        path = ROOT + given.path.removeprefix(_LIVE)
        given = replace(given, path=path, headers={**given.headers, PART: "1"})
        asked = Asked(
            request=given, request_id=uuid.uuid4().hex, host=request.headers.get("host", ""),
            origin=origin_of(request), peer=peer_of(request),
        )  # fmt: skip
        first = await self._look(asked)
        if first.status != 200:
            return Response(status_code=_NO_MORE)
        return Stream(self._parts(asked, first), _HEADERS)

    async def _look(self, asked: Asked[RestRequest]) -> Answer:
        asked = replace(asked, request_id=uuid.uuid4().hex)
        return await ask(self._house, {self._dialect: self._tongue}, self._tongue, asked)

    async def _parts(self, asked: Asked[RestRequest], first: Answer) -> AsyncGenerator[bytes, None]:
        if sum(map(len, self._open.values())) >= STREAMS_MAX:
            yield b"retry: %d\n\n" % BACK_WHEN_FULL_MS
            return
        session, ending = _session(asked.request.headers), asyncio.Event()
        mine = self._open.setdefault(session, [])
        mine.append(ending)
        if len(mine) > STREAMS_OF_SESSION:
            mine[-STREAMS_OF_SESSION - 1].set()
        try:
            yield b"retry: %d\n\n" % BACK_MS
            async for block in self._changes(asked, first, ending):
                yield block
        finally:
            mine.remove(ending)
            if not mine:
                self._open.pop(session, None)

    async def _changes(
        self, asked: Asked[RestRequest], answer: Answer, ending: asyncio.Event
    ) -> AsyncGenerator[bytes, None]:
        shown, silent = b"", 0
        while answer.status in (200, *LATER) and isinstance(answer.body, bytes) and not ending.is_set():
            if answer.status == 200 and answer.body != shown:
                shown, silent = answer.body, 0
                yield _block("part", shown)
            elif silent >= HEARTBEAT_LOOKS:
                silent = 0
                yield b":\n\n"
            silent += 1
            if await self._is_over(ending):
                return
            answer = await self._look(asked)
        yield _block("over", b"")

    async def _is_over(self, ending: asyncio.Event) -> bool:
        """Whether the server ends before the next look, which comes at once for a stream that is to end."""
        waits = [asyncio.ensure_future(each.wait()) for each in (ending, self._house.ending)]
        try:
            await asyncio.wait(waits, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self._house.ending.is_set()


def _block(name: str, body: bytes) -> bytes:
    lines = (b"data: " + line for line in body.splitlines() or [b""])
    return b"\n".join([f"event: {name}".encode(), *lines, b"", b""])


def _session(headers: Mapping[str, str]) -> bytes:
    """A session by what tells nothing of its token."""
    return sha256(cookies(headers).get(SESSION, "").encode()).digest()
