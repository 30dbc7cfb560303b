"""The byte server through TLS, on asyncio and on uvloop, with a client of the standard library."""

import asyncio
import contextlib
import hashlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import self_signed, server_context, trusting
from tests.loops import LOOPS

from upwell.domain.errors import NotFound
from upwell.doors.downloads.door import DownloadDoor
from upwell.doors.downloads.heads import Found

DATA = bytes(range(256)) * 4
BIG = 24 * 1024 * 1024 + 7


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    yield self_signed(tmp_path)


@asynccontextmanager
async def serving(folder: Path, certificate: tuple[Path, Path], **options: Any) -> AsyncIterator[tuple[Any, int]]:
    (folder / "small").write_bytes(DATA)
    (folder / "big").write_bytes(os.urandom(BIG))

    async def find(token: str) -> Found:
        match token:
            case "small" | "big":
                return Found(folder / token, token, (folder / token).stat().st_size, "tag")
            case "stream":
                return Found(None, token, len(DATA), "tag")
        raise NotFound("file", token)

    async def read(key: str, start: int, length: int) -> AsyncIterator[bytes]:
        yield DATA[start : start + length]

    door = DownloadDoor(find, read, **options)
    _, port = await door.start("127.0.0.1", 0, server_context(*certificate))
    try:
        yield door, port
    finally:
        await door.stop()


def request(target: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: h", *headers, "", ""]).encode()


async def test_files_and_streams(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    async with serving(tmp_path, certificate) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(certificate[0]))
        for target, extra, body in (
            ("/ota/small/up.bin?e=1", (), DATA),
            ("/ota/stream", (), DATA),
            ("/ota/-/up.bin", ("Authorization:Bearer small",), DATA),
            ("/ota/small", ("Range: bytes=5-9",), DATA[5:10]),
        ):
            writer.write(request(target, *extra))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 206 Partial Content\r\n"))
            assert f"\r\nContent-Length: {len(body)}\r\n".encode() in head
            assert await asyncio.wait_for(reader.readexactly(len(body)), 5) == body
        writer.write(request("/ota/nobody", "Connection: close"))
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 404 ")  # and a clean end
        writer.close()


async def test_a_large_file_comes_whole(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    def fetch(port: int) -> bytes:
        plain, taken = socket.create_connection(("127.0.0.1", port), 5), bytearray()
        with trusting(certificate[0]).wrap_socket(plain, server_hostname="localhost") as wrapped:
            wrapped.sendall(request("/ota/big", "Connection: close"))
            while data := wrapped.recv(1 << 20):
                taken += data
                time.sleep(0.0005)  # slower than the server
        return bytes(taken.split(b"\r\n\r\n", 1)[1])

    async with serving(tmp_path, certificate) as (door, port):
        taken = await asyncio.to_thread(fetch, port)
        assert door.bytes_served == BIG == len(taken)
        assert hashlib.sha256(taken).digest() == hashlib.sha256((tmp_path / "big").read_bytes()).digest()


async def test_the_whole_head_is_in_the_first_record(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """huawei 5.7: the C SDK reads once, at most 4,095 bytes, and looks for the end of the head there."""

    def read_once(port: int) -> bytes:
        plain = socket.create_connection(("127.0.0.1", port), 5)
        with trusting(certificate[0]).wrap_socket(plain, server_hostname="localhost") as wrapped:
            wrapped.sendall(b"GET /ota/big/up.bin?e=17 HTTP/1.1\nHost: h\n\r\n\r\n")
            return wrapped.recv(4095)

    async with serving(tmp_path, certificate) as (_, port):
        for _ in range(5):
            first = await asyncio.to_thread(read_once, port)
            assert first.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\n\r\n" in first


async def test_who_shakes_no_hand_is_cut(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    async with serving(tmp_path, certificate, head_timeout_s=0.3) as (door, port):
        for sent in (b"", b"GET /ota/small HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            with contextlib.suppress(ConnectionResetError):
                assert b"HTTP" not in await asyncio.wait_for(reader.read(), 5)
            writer.close()
        assert door.bytes_served == 0
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(certificate[0]))
        writer.write(request("/ota/small", "Connection: close"))
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(DATA)
        writer.close()


async def test_a_reader_that_stands_still_is_cut(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    async with serving(tmp_path, certificate, stall_timeout_s=0.3) as (door, port):
        context = trusting(certificate[0])
        plain = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port), 5)
        wrapped: ssl.SSLSocket = await asyncio.to_thread(context.wrap_socket, plain, server_hostname="localhost")
        with wrapped:
            wrapped.sendall(request("/ota/big"))
            async with asyncio.timeout(10):
                while door._connections:
                    await asyncio.sleep(0.05)
        assert door.bytes_served < BIG
