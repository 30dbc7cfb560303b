"""The HTTP door's bounds, by bytes on sockets."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import self_signed, trusting
from starlette.types import Message, Receive, Scope, Send
from tests.loops import LOOPS

from upwell.doors.http.limits import Limits
from upwell.doors.http.places import Places, peer_name
from upwell.doors.http.server import HttpDoor
from upwell.doors.tls import Certificates, Pair

pytestmark = pytest.mark.asyncio

WITHIN_S = 5
GET = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> Any:
    return request.param()


class App:
    """Answers with the body that it was sent, or what the path asks for."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.at_work = self.most_at_work = 0
        self.gone = self.pieces = 0
        self.free = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            await self._answer(scope, receive, send)
        finally:
            self.at_work -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["path"]:
            case "/waits":
                await self.free.wait()
            case "/fails":
                raise ValueError("no secret of ours")
            case "/half":
                await send(start((b"content-length", b"10")))
                await send(part(b"12345", more=True))
                return
            case "/nothing":
                return
            case "/chunks":
                await send(start())
                for piece in (b"one", b"", b"three"):
                    await send(part(piece, more=True))
                await send(part(b""))
                return
            case "/large":
                await send(start())
                for _ in range(400):
                    await send(part(b"x" * 65536, more=True))
                await send(part(b""))
                return
            case "/early":
                await send(start())
                await send(part(b"early"))
                return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            body, more = body + message["body"], message["more_body"]
            self.pieces += 1
        await send(start())
        await send(part(body or scope["path"].encode()))


def start(*headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": headers}


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


@asynccontextmanager
async def opened(tls: Any = None, places: Places | None = None, **limits: Any) -> AsyncIterator[tuple[App, int]]:
    app, listener = App(), socket.create_server(("127.0.0.1", 0))
    door = HttpDoor(app, Limits(**limits), places)
    port = listener.getsockname()[1]
    await door.start(listener, tls)
    try:
        yield app, port
    finally:
        await door.stop(0.2)
    assert not len(door.places), "a place was not given back"


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes, *, is_head: bool = False) -> tuple[int, dict[bytes, bytes], bytes]:
        self.writer.write(data)
        return await self.answer(is_head=is_head)

    async def answer(self, *, is_head: bool = False) -> tuple[int, dict[bytes, bytes], bytes]:
        async with asyncio.timeout(WITHIN_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            line, *rest = head[:-4].split(b"\r\n")
            fields = dict(field.split(b": ", 1) for field in rest)
            if is_head or line.split()[1] == b"100":
                body = b""
            elif b"content-length" in fields:
                body = await self.reader.readexactly(int(fields[b"content-length"]))
            elif fields.get(b"transfer-encoding") == b"chunked":
                body = await self._chunks()
            else:
                body = await self.reader.read()
        return int(line.split()[1]), fields, body

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readline() == b"\r\n"
        assert await self.reader.readline() == b"\r\n"
        return body

    async def rest(self) -> bytes:
        """What comes until the connection ends, by whichever end."""
        async with asyncio.timeout(WITHIN_S):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    def close(self) -> None:
        self.writer.close()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Peer]]]:
    peers: list[Peer] = []

    async def connected(port: int, tls: Any = None) -> Peer:
        peers.append(Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=tls)))
        return peers[-1]

    yield connected
    for peer in peers:
        peer.close()


Connect = Callable[..., Awaitable[Peer]]


# What it answers.


async def test_requests_in_order_on_one_connection(connect: Connect) -> None:
    async with opened() as (app, port):
        peer = await connect(port)
        assert (await peer.ask(GET % b"a%2Fb?x=1"))[2] == b"/a/b"
        assert app.scopes[0]["raw_path"] == b"/a%2Fb" and app.scopes[0]["query_string"] == b"x=1"
        status, fields, body = await peer.ask(b"POST / HTTP/1.1\r\nX-Name: v\r\nContent-Length: 5\r\n\r\nhello")
        assert (status, body) == (200, b"hello") and b"date" in fields
        assert (b"x-name", b"v") in app.scopes[1]["headers"]
        chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        assert (await peer.ask(chunked))[2] == b"abc"
        assert (await peer.ask(b"HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n", is_head=True))[0] == 200
        assert (await peer.ask(GET % b"y"))[2] == b"/y"
        assert (await peer.ask(GET % b"chunks"))[2] == b"onethree"


async def test_many_sent_ahead_are_answered_in_order_and_one_at_a_time(connect: Connect) -> None:
    async with opened(ahead_max=3) as (app, port):
        peer = await connect(port)
        asked = [b"%d" % number for number in range(1000)]
        peer.writer.write(b"".join(GET % each for each in asked))
        assert [(await peer.answer())[2] for _ in asked] == [b"/" + each for each in asked]
        assert app.most_at_work == 1


async def test_the_ways_that_a_connection_ends(connect: Connect) -> None:
    async with opened() as (_, port):
        old = await connect(port)
        status, fields, body = await old.ask(b"GET /old HTTP/1.0\r\n\r\n")
        assert (status, body, fields[b"connection"]) == (200, b"/old", b"close")
        last = await connect(port)
        assert (await last.ask(b"GET /1 HTTP/1.1\r\nConnection: close\r\n\r\n" + GET % b"2"))[2] == b"/1"
        assert await last.rest() == b""
        done = await connect(port)
        done.writer.write(GET % b"half-closed")
        done.writer.write_eof()
        assert (await done.answer())[2] == b"/half-closed"


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
async def test_another_protocol_is_not_taken_up(protocol: bytes, connect: Connect) -> None:
    """The JDK's client asks for h2c with each first request, bodies too."""
    asks = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAEAAEAA\r\n" % protocol
    async with opened() as (_, port):
        peer = await connect(port)
        assert (await peer.ask(b"GET /a HTTP/1.1\r\n%b\r\n" % asks))[2] == b"/a"
        assert (await peer.ask(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n%b\r\nbody" % asks))[2] == b"body"
        chunks = b"2\r\nab\r\n0\r\n\r\n"
        assert (await peer.ask(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n%b\r\n%b" % (asks, chunks)))[
            2
        ] == b"ab"
        assert (await peer.ask(GET % b"after"))[2] == b"/after"


async def test_a_body_is_asked_for_when_it_is_wanted(connect: Connect) -> None:
    asks = b"POST /%b HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    async with opened() as (_, port):
        peer = await connect(port)
        assert (await peer.ask(asks % b""))[0] == 100
        assert (await peer.ask(b"body"))[2] == b"body"
        assert (await (await connect(port)).ask(asks % b"early"))[2] == b"early"


async def test_an_answer_that_fails(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as (_, port):
        for path in (b"fails", b"nothing"):
            status, fields, body = await (await connect(port)).ask(GET % path)
            assert (status, body, fields[b"connection"]) == (500, b"Internal Server Error", b"close")
        peer = await connect(port)
        peer.writer.write(GET % b"half")
        assert (await peer.rest()).endswith(b"12345"), "it ends, so that nobody takes a part for the whole"
    assert "no secret of ours" in caplog.text and "left unanswered" in caplog.text


async def test_a_large_body_waits_for_its_reader(connect: Connect) -> None:
    async with opened() as (_, port):
        peer = await connect(port)
        body = bytes(range(256)) * 40_000
        assert (await peer.ask(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body))[2] == body
        early = b"POST /early HTTP/1.1\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
        assert (await peer.ask(early + GET % b"next"))[2] == b"early"
        assert (await peer.answer())[2] == b"/next"


async def test_a_body_byte_by_byte_makes_no_work_for_each(connect: Connect) -> None:
    """1,000 such bodies made bystanders wait a quarter of a second: the application was woken for every byte."""
    async with opened() as (app, port):
        peer = await connect(port)
        peer.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 40\r\n\r\n")
        for byte in range(40):
            peer.writer.write(b"%c" % byte)
            await peer.writer.drain()
            await asyncio.sleep(0.002)
        assert (await peer.answer())[2] == bytes(range(40))
        assert app.pieces <= 3, "the first at once, and then what came in a second"
        large = bytes(range(256)) * 1000
        assert (await peer.ask(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(large) + large))[2] == large
        assert app.pieces > 2, "a large one is given as it comes"


# What it refuses.


BAD = {
    "no request": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    "length and chunks": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", 400),
    "a tunnel": (b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a long line": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 431),
    "a long field": (b"GET / HTTP/1.1\r\nX: " + b"x" * 500_000, 431),
    "a long name": (b"GET / HTTP/1.1\r\n" + b"x" * 500_000, 431),
    "many fields": (b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % i for i in range(50)) + b"\r\n", 431),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_head_is_bounded(what: str, connect: Connect) -> None:
    data, status = BAD[what]
    async with opened(head_bytes_max=4096, fields_max=20) as (app, port):
        peer = await connect(port)
        peer.writer.write(data)
        assert (await peer.answer())[0] == status
        assert await peer.rest() == b""
        assert not app.scopes
        await peer.writer.drain() if not peer.writer.is_closing() else None
        assert (await (await connect(port)).ask(GET % b"x" * 2))[0] == 200


async def test_a_head_byte_by_byte_is_cut_in_time(connect: Connect) -> None:
    async with opened(head_within_s=0.3) as (app, port):
        peer = await connect(port)

        async def drip() -> None:
            for byte in itertools.cycle(b"x"):
                peer.writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        peer.writer.write(b"GET / HTTP/1.1\r\nX: ")
        dripping = asyncio.create_task(drip())
        assert (await peer.answer())[0] == 408
        dripping.cancel()
        assert not app.scopes
        silent = await connect(port)
        assert await silent.rest() == b"", "who says nothing is told nothing"


async def test_the_next_head_has_its_time_too(connect: Connect) -> None:
    """Whenever it begins: when nothing is asked, or while something is answered."""
    async with opened(head_within_s=0.3, idle_s=0.6) as (app, port):
        between, during, idle = [await connect(port) for _ in range(3)]
        for peer in (between, idle):
            assert (await peer.ask(GET % b"x"))[0] == 200
        between.writer.write(b"GET / HT")
        during.writer.write(GET % b"waits" + b"GET / HT")
        await asyncio.sleep(0.4)
        app.free.set()
        assert (await between.answer())[0] == 408
        assert [(await during.answer())[0] for _ in range(2)] == [200, 408]
        assert await idle.rest() == b""


async def test_a_body_has_a_rate(connect: Connect) -> None:
    async with opened(body_grace_s=0.3, body_bytes_per_s=50_000) as (app, port):
        slow, quick, early = [await connect(port) for _ in range(3)]
        slow.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\nx")
        early.writer.write(b"POST /early HTTP/1.1\r\nContent-Length: 1000\r\n\r\nx")
        quick.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 120000\r\n\r\n")
        for _ in range(12):
            quick.writer.write(b"x" * 10_000)
            await asyncio.sleep(0.1)
        assert len((await quick.answer())[2]) == 120_000
        assert (await slow.answer())[0] == 408
        assert app.gone == 1
        assert (await early.answer())[2] == b"early" and await early.rest() == b"", "it is not answered twice"


async def test_a_body_has_a_whole_time(connect: Connect) -> None:
    async with opened(body_within_s=0.4) as (_, port):
        peer = await connect(port)
        peer.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 900_000)
        assert (await peer.answer())[0] == 408


async def test_a_body_that_the_application_does_not_take_is_not_the_peers_fault(connect: Connect) -> None:
    async with opened(body_grace_s=0.2, body_bytes_per_s=10**9) as (app, port):
        peer = await connect(port)
        peer.writer.write(b"POST /waits HTTP/1.1\r\nContent-Length: 400000\r\n\r\n" + b"x" * 400_000)
        await asyncio.sleep(1.5)
        app.free.set()
        assert len((await peer.answer())[2]) == 400_000


async def test_who_does_not_take_its_answer_is_cut(connect: Connect) -> None:
    async with opened(answer_stall_s=0.3) as (app, port):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(GET % b"large")
        for _ in range(200):
            await asyncio.sleep(0.05)
            if app.scopes and not app.at_work:
                break
        assert not app.at_work
        sock.close()


# Who gets a place.


async def test_the_silent_keep_nobody_out(connect: Connect) -> None:
    async with opened(connections_max=30, connections_per_peer=20) as (_, port):
        silent = [await connect(port) for _ in range(60)]
        slow = [await connect(port) for _ in range(60)]
        for peer in slow:
            peer.writer.write(b"GET / HT")
        await asyncio.sleep(0.05)
        peer = await connect(port)
        assert (await peer.ask(GET % b"x"))[2] == b"/x"
        assert [await each.rest() for each in silent] == [b""] * 60


async def test_those_who_are_answered_keep_their_places(connect: Connect) -> None:
    async with opened(connections_per_peer=3) as (app, port):
        peers = [await connect(port) for _ in range(3)]
        for peer in peers:
            peer.writer.write(GET % b"waits")
        while app.at_work < 3:
            await asyncio.sleep(0.01)
        fourth = await connect(port)
        assert (await fourth.answer())[0] == 503
        app.free.set()
        assert [(await peer.answer())[2] for peer in peers] == [b"/waits"] * 3
        assert (await (await connect(port)).ask(GET % b"x"))[0] == 200


async def test_a_handshake_holds_a_place_no_longer_than_a_head(tmp_path: Path, connect: Connect) -> None:
    pair = self_signed(tmp_path)
    context = Certificates([Pair(*pair)], "modern").context
    async with opened(context, connections_per_peer=3, head_within_s=0.5) as (_, port):
        silent = [await connect(port) for _ in range(6)]
        peer = await connect(port, trusting(pair[0]))
        assert (await peer.ask(GET % b"x"))[2] == b"/x"
        assert (await peer.ask(b"nonsense\r\n\r\n"))[0] == 400
        assert [await each.rest() for each in silent] == [b""] * 6


async def test_a_door_that_closes_ends_what_is_under_way() -> None:
    app, listener = App(), socket.create_server(("127.0.0.1", 0))
    door = HttpDoor(app)
    port = listener.getsockname()[1]
    await door.start(listener)
    idle, busy, stuck = [Peer(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(3)]
    busy.writer.write(GET % b"waits")
    stuck.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
    while app.at_work < 2:
        await asyncio.sleep(0.01)
    ending = asyncio.create_task(door.stop(1.0))
    assert await idle.rest() == b""
    app.free.set()
    status, fields, _ = await busy.answer()
    assert (status, fields[b"connection"]) == (200, b"close")
    await ending
    assert await stuck.rest() == b""
    for peer in (idle, busy, stuck):
        peer.close()


class Guest:
    def __init__(self) -> None:
        self.is_out = False

    def make_room(self) -> None:
        self.is_out = True


async def test_places() -> None:
    places = Places(4, 3)
    one, two = [Guest() for _ in range(3)], Guest()
    assert all(places.take(guest, "10.0.0.1") for guest in one) and places.take(two, "10.0.0.2")
    places.busy(one[0])
    places.busy(one[1])
    places.silent(one[0])  # shorter silent than the third, and than the other peer
    assert places.take(Guest(), "10.0.0.1") and one[2].is_out and not two.is_out, "a peer makes room for itself"
    assert places.take(Guest(), "10.0.0.3") and two.is_out, "who is silent longest of all"
    assert len(places) == 4
    places.leave(one[2])
    places.leave(one[0])
    assert len(places) == 3


async def test_peers() -> None:
    assert peer_name("::ffff:10.0.0.1") == peer_name("10.0.0.1") != peer_name("10.0.0.2")
    assert peer_name("2001:db8::1") == peer_name("2001:db8::ffff:1") != peer_name("2001:db8:0:1::1")
    assert peer_name("fe80::1%eth0") == peer_name("fe80::2")
    assert peer_name("") == ""
