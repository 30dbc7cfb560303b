"""Posting news over real sockets: what is sent, what counts as taken, and where nothing is ever sent to."""

import asyncio
import hashlib
import hmac
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from certificates import self_signed, server_context, trusting
from tests.loops import LOOPS

from upwell.doors.push import Poster
from upwell.service.upgrade.news import Parcel

AT = datetime(2026, 6, 29, 9, 30, 15, tzinfo=UTC)
BODY = '{"a":"升"}'.encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> Any:
    return request.param()


class Server:
    """Answers with these bytes and keeps what came."""

    def __init__(self, answer: bytes, pause_s: float = 0) -> None:
        self.answer = answer
        self.pause_s = pause_s
        self.port = 0
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
            self.heard.append(head + await reader.readexactly(size))
            await asyncio.sleep(self.pause_s)
            writer.write(self.answer)
            await writer.drain()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def listening(answer: bytes = OK, tls: ssl.SSLContext | None = None, **more: Any) -> AsyncIterator[Server]:
    server = Server(answer, **more)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def parcel(url: str, **more: Any) -> Parcel:
    return Parcel(**{"url": url, "body": BODY, "at": AT, "token": None, "server_name": None} | more)


async def test_exact_bytes_and_a_signature() -> None:
    async with listening() as server:
        url = f"http://127.0.0.1:{server.port}/path?x=1"
        assert await Poster(private=True).post(parcel(url)) == ""
        assert await Poster(private=True).post(parcel(url, token="Token1")) == ""
    assert (
        server.heard[0]
        == (
            f"POST /path?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\nUser-Agent: upwell\r\nConnection: close\r\n\r\n"
        ).encode()
        + BODY
    )
    second = int(AT.timestamp())
    mac = hmac.new(b"Token1", f"{second}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert f"\r\nX-Upwell-Signature: t={second},v1={mac}\r\n".encode() in server.heard[1]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (OK, ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.0 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "the answer was 301"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "the answer was 404"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 9999999\r\n\r\n", "the answer was 503"),
        (b"SSH-2.0-x\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, "the answer's head is too large"),
    ],
)
async def test_what_counts_as_taken(answer: bytes, problem: str) -> None:
    async with listening(answer) as server:
        assert await Poster(private=True).post(parcel(f"http://127.0.0.1:{server.port}/")) == problem
    assert len(server.heard) == 1


async def test_who_answers_late_or_never() -> None:
    async with listening(pause_s=5) as server:
        told = await Poster(private=True, try_s=0.2).post(parcel(f"http://127.0.0.1:{server.port}/"))
        assert told == "no answer within 0.2 s"
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    assert (
        await Poster(private=True).post(parcel(f"http://127.0.0.1:{port}/")) == "no connection: ConnectionRefusedError"
    )


async def test_certificates_are_verified(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, "push.example")
    async with listening(tls=server_context(cert, key)) as server:
        url = f"https://127.0.0.1:{server.port}/"
        assert await Poster(private=True, trusted=trusting(cert)).post(parcel(url)) == ""
        by_name = parcel(url, server_name="push.example")
        assert await Poster(private=True, trusted=trusting(cert)).post(by_name) == ""
        other_name = parcel(url, server_name="other.example")
        told = await Poster(private=True, trusted=trusting(cert)).post(other_name)
        assert told.startswith("the server's certificate is not valid")
        unknown = await Poster(private=True).post(parcel(url))
        assert unknown.startswith("the server's certificate is not valid")
    assert len(server.heard) == 2


PRIVATE = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::1]", "[::]", "localhost."]


@pytest.mark.parametrize("host", PRIVATE)
async def test_this_machine_is_never_called(host: str) -> None:
    async with listening() as server:
        told = await Poster().post(parcel(f"http://{host}:{server.port}/"))
        assert "public internet" in told or told.startswith("no connection: gaierror"), told
        await asyncio.sleep(0.05)
    assert server.heard == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1"])
@pytest.mark.parametrize("private", [False, True])
async def test_odd_spellings_are_no_hosts(host: str, private: bool) -> None:
    async with listening() as server:
        assert (await Poster(private=private).post(parcel(f"http://{host}:{server.port}/"))).startswith("url: ")
    assert server.heard == []


class Resolver:
    """Stands where the system's name service is, which a test can't fill: answers what it is told, in turn."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.answers.pop(0)]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["169.254.169.254"], ["::ffff:7f00:1"], ["fe80::1%lo"], ["224.0.0.1"]],
)
async def test_a_name_that_leads_inside_is_refused(addresses: list[str]) -> None:
    resolver = Resolver(addresses)
    async with listening() as server:
        told = await Poster(resolve=resolver).post(parcel(f"http://inside.example:{server.port}/"))
    assert told == "the host is not of the public internet"
    assert server.heard == [] and resolver.asked == 1


async def test_the_next_address_is_tried() -> None:
    async with listening() as server:
        poster = Poster(private=True, resolve=Resolver(["127.0.0.2", "127.0.0.1"]))  # nobody listens on the first
        assert await poster.post(parcel(f"http://two.example:{server.port}/")) == ""
    assert server.heard[0].split(b"\r\n")[1] == f"Host: two.example:{server.port}".encode()


async def test_a_name_is_looked_up_once() -> None:
    """A name that leads elsewhere at the second look leads nowhere: the connection goes to the first look's address."""
    resolver = Resolver(["127.0.0.2"], ["127.0.0.1"])
    async with listening() as server:
        poster = Poster(private=True, resolve=resolver)
        told = await poster.post(parcel(f"http://twice.example:{server.port}/"))
    assert told == "no connection: ConnectionRefusedError" and server.heard == [] and resolver.asked == 1


async def test_where_the_connection_went_is_looked_at_before_a_byte_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever sends the connection elsewhere than to the address that was looked at (here a test does)."""
    connect = asyncio.open_connection
    async with listening() as server:

        async def astray(address: str, port: int, **more: Any) -> Any:
            return await connect("127.0.0.1", port, **more)

        monkeypatch.setattr(asyncio, "open_connection", astray)
        told = await Poster(resolve=Resolver(["8.8.8.8"])).post(parcel(f"http://public.example:{server.port}/"))
        await asyncio.sleep(0.05)
    assert told == "the host is not of the public internet" and server.heard == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    async with listening() as inner:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{inner.port}/\r\nContent-Length: 0\r\n\r\n"
        async with listening(moved.encode()) as outer:
            told = await Poster(private=True).post(parcel(f"http://127.0.0.1:{outer.port}/"))
        await asyncio.sleep(0.05)
    assert told == f"the answer was {status}" and inner.heard == [] and len(outer.heard) == 1
