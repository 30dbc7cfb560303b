"""The byte server over real sockets, with bytes written by hand, on asyncio and on uvloop."""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.loops import LOOPS

from upwell.domain.errors import Denied, NotFound, Unavailable
from upwell.doors.downloads.door import DownloadDoor
from upwell.doors.downloads.flows import Flows
from upwell.doors.downloads.heads import Found, parse_range
from upwell.doors.downloads.wire import Wire

HEADER_LINE_MAX = 128  # alibaba 6.7: C4's line limit, with the line's end
DATA = bytes(range(256)) * 4
MD5 = "0123456789abcdef0123456789abcdef"
BIG = 200 * 1024 * 1024


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.fixture
def find(tmp_path: Path) -> Callable[[str], Awaitable[Found]]:
    small, big = tmp_path / "small", tmp_path / "big"
    small.write_bytes(DATA)
    with big.open("wb") as file:
        file.truncate(BIG)

    async def found(token: str) -> Found:
        match token:
            case "small":
                return Found(small, "small", len(DATA), MD5)
            case "big":
                return Found(big, "big", BIG, MD5)
            case "stream":
                return Found(None, "stream", len(DATA), "e" * 200)
            case "shrunk":
                return Found(small, "small", len(DATA) + 1, MD5)
            case "missing":
                return Found(tmp_path / "missing", "missing", 1, MD5)
            case "denied":
                raise Denied("expired\r\nX-Evil: 1" + "x" * 500)
            case "down":
                raise Unavailable()
            case "defect":
                raise RuntimeError(token)
        raise NotFound("file", token)

    return found


async def read(key: str, start: int, length: int) -> AsyncIterator[bytes]:
    for at in range(start, start + length, 100):
        yield DATA[at : min(at + 100, start + length)]


@asynccontextmanager
async def serving(find: Any, *, reads: Any = None, **options: Any) -> AsyncIterator[tuple[DownloadDoor, str, int]]:
    door = DownloadDoor(find, reads or read, **options)
    host, port = await door.start("127.0.0.1", 0)
    try:
        yield door, host, port
    finally:
        await door.stop()


async def exchange(host: str, port: int, sent: bytes) -> bytes:
    """All bytes the door answers until it closes; the last request must ask for that."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sent)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def request(target: str, *headers: str, method: str = "GET", close: bool = True) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: h", *headers]
    return "\r\n".join([*lines, "Connection: close"] if close else lines).encode() + b"\r\n\r\n"


async def test_exact_header_bytes(find: Any) -> None:
    async with serving(find) as (door, host, port):
        answer = await exchange(host, port, request("/ota/small?x=1", "Accept-Encoding: gzip, deflate"))
        assert answer == (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 1024\r\n"
            b'Accept-Ranges: bytes\r\nETag: "' + MD5.encode() + b'"\r\nConnection: close\r\n\r\n' + DATA
        )
        assert door.bytes_served == len(DATA)
        head = await exchange(host, port, request("/ota/small", method="HEAD"))
        assert head == answer[: -len(DATA)]
        assert door.bytes_served == len(DATA)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("small/up.bin", "up.bin"),
        ("small/up.bin?e=17&AccessKeyId=x", "up.bin"),
        ("small/%E5%8D%87.bin", "___.bin"),
        ("small/a%22%0d%0aX-Evil:1.bin", "a___X-Evil_1.bin"),
        ("small/" + "n" * 255, "n" * 64),
        ("small/", ""),
        ("small", ""),
    ],
)
async def test_name_in_the_link_is_told_in_the_head(find: Any, path: str, name: str) -> None:
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, request(f"/ota/{path}"))
    head, body = answer.split(b"\r\n\r\n", 1)
    said = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition")]
    assert said == ([f"Content-Disposition: attachment;filename={name}".encode()] if name else [])
    assert all(len(line) + 2 < HEADER_LINE_MAX for line in head.split(b"\r\n"))
    assert body == DATA


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Authorization: Bearer small", 200),
        ("Authorization:Bearer small", 200),
        ("authorization:  bearer  small", 200),
        ("Authorization: Bearer nobody", 404),
        ("Authorization: Basic small", 403),
        ("Authorization: Bearer small x", 403),
        ("Authorization: small", 403),
        ("X-Other: 1", 403),
    ],
)
async def test_token_in_a_header(find: Any, header: str, status: int) -> None:
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, request("/ota/-/up.bin?e=17", header))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.endswith(b"\r\n\r\n" + DATA) == (status == 200)


# huawei 5.7: the C SDK's requests, byte by byte. The second leaves a stray line end behind its head.
C_V1 = b"GET /ota/-/up.bin?e=17 HTTP/1.1\nHost: h\nContent-Type: application/json\nAuthorization:Bearer small\r\n\r\n"
C_V2 = b"GET /ota/small/up.bin?e=17 HTTP/1.1\nHost: h\n\r\n\r\n"


@pytest.mark.parametrize("sent", [C_V1, C_V2])
async def test_bare_line_feeds(find: Any, sent: bytes) -> None:
    async with serving(find) as (_, host, port):
        reader, writer = await asyncio.open_connection(host, port)
        for _ in range(2):
            writer.write(sent)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nContent-Length: 1024\r\n" in head
            assert await asyncio.wait_for(reader.readexactly(len(DATA)), 5) == DATA
        writer.close()


@pytest.mark.parametrize("target", ["/ota/small", "/ota/stream"])
@pytest.mark.parametrize(
    ("value", "first", "last"),
    [("0-", 0, 1023), ("5-", 5, 1023), ("5-9", 5, 9), ("5-99999", 5, 1023), ("-4", 1020, 1023), ("-9999", 0, 1023)],
)
async def test_single_ranges(find: Any, target: str, value: str, first: int, last: int) -> None:
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, request(target, f"Range: bytes={value}"))
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 206 Partial Content\r\n")
    assert f"\r\nContent-Range: bytes {first}-{last}/1024\r\n".encode() in head
    assert f"\r\nContent-Length: {last - first + 1}\r\n".encode() in head
    assert all(len(line) + 2 < HEADER_LINE_MAX for line in head.split(b"\r\n"))
    assert body == DATA[first : last + 1]


@pytest.mark.parametrize(
    "header", ["Range: bytes=0-1,3-4", "Range: bytes=-", "Range: bytes=9-5", "Range: lines=0-1", "Range: bytes=x-"]
)
async def test_other_ranges_are_ignored(find: Any, header: str) -> None:
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, request("/ota/small", header))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\n" + DATA)


async def test_if_range(find: Any) -> None:
    async with serving(find) as (_, host, port):
        same = await exchange(host, port, request("/ota/small", "Range: bytes=0-0", f'If-Range: "{MD5}"'))
        other = await exchange(host, port, request("/ota/small", "Range: bytes=0-0", 'If-Range: "other"'))
    assert same.startswith(b"HTTP/1.1 206 ") and other.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("value", ["1024-", "1024-2000", "-0"])
async def test_unsatisfiable_range(find: Any, value: str) -> None:
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, request("/ota/small", f"Range: bytes={value}"))
    assert answer.startswith(b"HTTP/1.1 416 ")
    assert b"\r\nContent-Range: bytes */1024\r\n" in answer


def test_ranges_of_an_empty_file() -> None:
    with pytest.raises(ValueError, match="satisfiable"):
        parse_range(b"bytes=0-", 0)
    assert parse_range(b"bytes=" + b"9" * 30 + b"-", 10) is None


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request("/ota/unknown"), 404),
        (request("/"), 404),
        (request("/ota/"), 404),
        (request("/ota/../small"), 404),
        (request("/ota/small/a/b"), 404),
        (request("/ota/missing"), 404),
        (request("/ota/small", method="POST"), 405),
        (request("/ota/small", "Content-Length: 5", method="PUT") + b"12345", 405),
        (request("/ota/down"), 503),
        (request("/ota/defect"), 500),
        (request("/ota/shrunk"), 500),
        (b"nonsense\r\n\r\n", 400),
        (request("/ota/small", "X: " + "x" * 9000), 431),
        (b"GET /" + b"x" * 20000, 431),
    ],
)
async def test_refusals(find: Any, sent: bytes, status: int, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(find) as (door, host, port):
        answer = await exchange(host, port, sent)
        assert door.bytes_served == 0
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nContent-Length: " in answer and b"Location" not in answer
    assert not any(secret in caplog.text for secret in ("small", "defect", "unknown"))


async def test_denied_is_short_and_clean(find: Any) -> None:
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, request("/ota/denied"))
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n")
    assert len(body) == 100 and b"\n" not in body and b"X-Evil" not in head


async def test_requests_share_a_connection_in_order(find: Any) -> None:
    async with serving(find) as (_, host, port):
        reader, writer = await asyncio.open_connection(host, port)
        for start in (0, 100):
            writer.write(request("/ota/small", f"Range: bytes={start}-{start + 9}", close=False))
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"Connection: keep-alive\r\n" in head
            assert await reader.readexactly(10) == DATA[start : start + 10]
        writer.write(request("/ota/no", close=False) + request("/ota/small", "Range: bytes=0-3", close=False))
        writer.write(b"\r\n" + request("/ota/small", "Range: bytes=4-7"))
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert [part.split(b" ")[0] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"404", b"206", b"206"]
    assert answer.index(DATA[:4]) < answer.index(DATA[4:8])


async def test_lines_that_end_in_a_bare_line_feed(find: Any) -> None:
    """The request of Huawei's C SDK: line feeds, then a head's end and one empty line too many (huawei 5.7)."""
    async with serving(find) as (_, host, port):
        one = b"GET /ota/small?name=a HTTP/1.1\nHost: h\n\r\n\r\n"
        two = b"GET /ota/small HTTP/1.1\nHost: h\nAuthorization:Bearer x\nRange: bytes=0-3\nConnection: close\r\n\r\n"
        answer = await exchange(host, port, one + two)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    second = answer.partition(DATA)[2]
    assert second.startswith(b"HTTP/1.1 206 ") and second.endswith(b"\r\n\r\n" + DATA[:4])


H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)


async def test_an_offer_of_another_protocol_is_ignored(find: Any) -> None:
    """The request of the JDK's default client, and its next one on the same connection."""
    async with serving(find) as (_, host, port):
        first = request("/ota/small", *H2C, "User-Agent: Java-http-client/17", close=False)
        answer = await exchange(host, port, first + request("/ota/small", "Range: bytes=0-3"))
        websocket = request("/ota/small", "Connection: Upgrade", "Upgrade: websocket", close=False)
        also = await exchange(host, port, websocket + request("/ota/small", "Range: bytes=0-3"))
    for given in (answer, also):
        head, _, rest = given.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"pgrade" not in head
        assert rest.startswith(DATA + b"HTTP/1.1 206 ") and rest.endswith(b"\r\n\r\n" + DATA[:4])


@pytest.mark.parametrize("framing", ["Content-Length: 60", "Transfer-Encoding: chunked"])
async def test_a_body_is_no_next_request_whatever_is_offered(find: Any, framing: str) -> None:
    """A request hidden in a body is not answered."""
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, request("/ota/small", *H2C, framing, close=False) + request("/ota/small"))
    assert answer.count(b"HTTP/1.1 ") == 1 and b"\r\nConnection: close\r\n" in answer


async def test_a_tunnel_is_not_made(find: Any) -> None:
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n" + request("/ota/small"))
    assert answer.startswith(b"HTTP/1.1 405 ") and answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("error", "status"), [(Unavailable(), 503), (NotFound("file", "x"), 404), (OSError(), 500)])
async def test_a_store_that_is_away_is_told_before_any_head(
    find: Any, error: Exception, status: int, method: str
) -> None:
    async def away(key: str, start: int, length: int) -> AsyncIterator[bytes]:
        raise error
        yield b""

    for token in ("stream", "missing"):  # read through the store; a file, of which the store knows whether it is gone
        async with serving(find, reads=away) as (door, host, port):
            answer = await exchange(host, port, request(f"/ota/{token}", method=method))
            assert door.bytes_served == 0
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()) and answer.count(b"HTTP/1.1 ") == 1
        assert answer.endswith(b"\r\n\r\n") is (method == "HEAD")


async def test_a_file_that_is_there_but_can_not_be_opened(find: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the process has no descriptor left: the device comes again."""
    opened = os.open

    def refused(path: Any, *more: Any, **and_more: Any) -> int:
        if str(path).endswith("small"):
            raise OSError(errno.EMFILE, "Too many open files")
        return opened(path, *more, **and_more)

    async with serving(find) as (_, host, port):
        monkeypatch.setattr(os, "open", refused)
        answer = await exchange(host, port, request("/ota/small"))
    assert answer.startswith(b"HTTP/1.1 503 ")


async def test_an_object_that_ends_early_is_cut(find: Any) -> None:
    async def short(key: str, start: int, length: int) -> AsyncIterator[bytes]:
        yield DATA[:100]

    async with serving(find, reads=short) as (_, host, port):
        answer = await exchange(host, port, request("/ota/stream"))
    assert answer.endswith(b"\r\n\r\n" + DATA[:100])


@pytest.mark.parametrize("token", ["small", "stream"])
async def test_a_limit_of_the_process_slows_files_and_streams(find: Any, token: str) -> None:
    async with serving(find, flows=Flows(2000), stall_timeout_s=0.1) as (door, host, port):
        whole = asyncio.ensure_future(exchange(host, port, request(f"/ota/{token}")))
        await asyncio.sleep(0.2)
        assert not whole.done(), "1 kB take half a second, and longer than a stalled reader has"
        assert (await whole).endswith(b"\r\n\r\n" + DATA) and door.bytes_served == len(DATA)


async def test_the_end_of_a_file_leaves_at_once(find: Any) -> None:
    """What is gathered into full segments would wait 0.2 s for the next bytes, of which there are none."""
    async with serving(find) as (_, host, port):
        reader, writer = await asyncio.open_connection(host, port)
        loop, slowest = asyncio.get_running_loop(), []
        for _ in range(20):
            began = loop.time()
            writer.write(request("/ota/small", close=False))
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert await asyncio.wait_for(reader.readexactly(len(DATA)), 5) == DATA
            slowest.append(loop.time() - began)
        writer.close()
    assert sorted(slowest)[10] < 0.1, slowest


@pytest.mark.parametrize(("flows", "gathered"), [(None, [True, False]), (Flows(1_000_000), [False, False])])
async def test_only_what_no_limit_slows_is_gathered(
    find: Any, monkeypatch: pytest.MonkeyPatch, flows: Flows | None, gathered: list[bool]
) -> None:
    plain, told = Wire.gather, list[bool]()

    def gather(wire: Wire, on: bool) -> None:
        told.append(on)
        plain(wire, on)

    monkeypatch.setattr(Wire, "gather", gather)
    async with serving(find, flows=flows) as (_, host, port):
        assert (await exchange(host, port, request("/ota/small"))).endswith(DATA)
    assert told == gathered


async def test_http_1_0_closes(find: Any) -> None:
    async with serving(find) as (_, host, port):
        answer = await exchange(host, port, b"GET /ota/small HTTP/1.0\r\n\r\n")
    assert b"Connection: close\r\n" in answer and answer.endswith(DATA)


async def test_a_late_head_ends_the_connection(find: Any) -> None:
    async with serving(find, head_timeout_s=0.2) as (_, host, port):
        assert await exchange(host, port, b"GET /ota/small HTTP/1.1\r\nHost:") == b""
        assert await exchange(host, port, b"") == b""


async def test_connections_are_bounded(find: Any) -> None:
    async with serving(find, connections_max=1) as (_, host, port):
        reader, writer = await asyncio.open_connection(host, port)
        await asyncio.sleep(0.05)
        assert (await exchange(host, port, b"")).startswith(b"HTTP/1.1 503 ")
        writer.write(request("/ota/small"))
        assert (await reader.read()).endswith(DATA)
        writer.close()


def small_window_socket(host: str, port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((host, port))
    sock.setblocking(False)
    return sock


async def test_a_reader_that_stalls_is_cut(find: Any) -> None:
    async with serving(find, stall_timeout_s=0.3) as (door, host, port):
        with small_window_socket(host, port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, request("/ota/big"))
            await asyncio.sleep(0.2)
            assert len(door._connections) == 1
            await asyncio.sleep(1.5)
            assert not door._connections
        assert door.bytes_served < 8 * 1024 * 1024


async def test_a_slow_reader_is_kept_and_others_are_served(find: Any) -> None:
    async with serving(find, stall_timeout_s=0.4) as (door, host, port):
        with small_window_socket(host, port) as sock:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(sock, request("/ota/big"))
            for _ in range(30):
                assert await loop.sock_recv(sock, 4096)
                await asyncio.sleep(0.05)
            assert len(door._connections) == 1
            assert (await exchange(host, port, request("/ota/small"))).endswith(DATA)


async def test_memory_is_flat(find: Any) -> None:
    async with serving(find) as (door, host, port):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await asyncio.gather(*(drain(host, port) for _ in range(3)))
        assert door.bytes_served == 3 * BIG
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 20 * 1024


async def drain(host: str, port: int) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request("/ota/big"))
    await reader.readuntil(b"\r\n\r\n")
    size = 0
    while data := await reader.read(1 << 18):
        size += len(data)
    writer.close()
    assert size == BIG


async def test_stop_cuts_and_leaks_no_descriptor(find: Any) -> None:
    async with serving(find) as (_, host, port):
        before = len(os.listdir("/proc/self/fd"))
        with small_window_socket(host, port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, request("/ota/big"))
            await asyncio.sleep(0.1)
    assert len(os.listdir("/proc/self/fd")) <= before
