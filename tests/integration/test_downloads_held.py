"""The byte server with objects that lie in files of a cache: as with files of the store, and when such a file fails."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from test_downloads import DATA, MD5, exchange, read, request, serving

from upwell.domain.errors import Unavailable
from upwell.doors.downloads import wire
from upwell.doors.downloads.flows import Flows
from upwell.doors.downloads.heads import Found, Served

FOUND = Found(None, "object", len(DATA), MD5, sha256="0" * 64)


class File:
    """Holds so much of the data, and then ends as it is told to."""

    def __init__(self, path: Path, has: int = len(DATA), error: Exception | None = None) -> None:
        path.write_bytes(DATA)
        self.fd = os.open(path, os.O_RDONLY)
        self._has, self._error = has, error
        self.closed = False

    async def ready(self, start: int) -> int:
        if start >= self._has and self._error is not None:
            raise self._error
        return max(0, self._has - start)

    def close(self) -> None:
        os.close(self.fd)
        self.closed = True


async def find(token: str) -> Found:
    return FOUND


def holding(file: File | None) -> Any:
    async def hold(found: Found, start: int, fetch: bool) -> File | None:
        assert found == FOUND
        return file

    return hold


async def away(key: str, start: int, length: int) -> AsyncIterator[bytes]:
    raise Unavailable
    yield b""


@pytest.mark.parametrize(("header", "first", "last"), [("5-", 5, 1023), ("5-9", 5, 9), ("-4", 1020, 1023)])
async def test_ranges_of_what_is_held_ask_no_store(tmp_path: Path, header: str, first: int, last: int) -> None:
    file, notes = File(tmp_path / "f"), list[Served]()
    async with serving(find, reads=away, hold=holding(file), note=notes.append) as (_, host, port):
        answer = await exchange(host, port, request("/ota/x", f"Range: bytes={header}"))
    head, body = answer.split(b"\r\n\r\n", 1)
    assert body == DATA[first : last + 1] and f"bytes {first}-{last}/1024\r\n".encode() in head
    assert [(each.start, each.wanted, each.sent) for each in notes] == [(first, last + 1 - first, last + 1 - first)]
    assert file.closed


async def test_a_head_alone(tmp_path: Path) -> None:
    file = File(tmp_path / "f")
    async with serving(find, reads=away, hold=holding(file)) as (door, host, port):
        answer = await exchange(host, port, request("/ota/x", method="HEAD"))
        assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n") and door.bytes_served == 0
    assert file.closed


async def test_what_is_not_held_comes_from_the_store() -> None:
    async with serving(find, hold=holding(None)) as (_, host, port):
        assert (await exchange(host, port, request("/ota/x"))).endswith(b"\r\n\r\n" + DATA)


@pytest.mark.parametrize("has", [0, 1, 700])
async def test_what_a_file_does_not_have_comes_from_the_store(tmp_path: Path, has: int) -> None:
    file, notes = File(tmp_path / "f", has), list[Served]()
    async with serving(find, hold=holding(file), note=notes.append) as (door, host, port):
        answer = await exchange(host, port, request("/ota/x", "Range: bytes=0-"))
        assert answer.endswith(b"\r\n\r\n" + DATA) and door.bytes_served == len(DATA)
    assert [(each.outcome, each.sent) for each in notes] == [("done", len(DATA))] and file.closed


async def test_when_the_store_is_away_then_it_is_cut_without_another_head(tmp_path: Path) -> None:
    async with serving(find, reads=away, hold=holding(File(tmp_path / "f", 700))) as (_, host, port):
        answer = await exchange(host, port, request("/ota/x"))
    assert answer.endswith(b"\r\n\r\n" + DATA[:700]) and answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
async def test_a_disk_that_fails_while_it_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    plain = os.sendfile

    def failing(to: int, fd: int, start: int, size: int) -> int:
        if start >= 512:
            raise OSError(number, os.strerror(number))
        return plain(to, fd, start, min(size, 512 - start))

    monkeypatch.setattr(wire.os, "sendfile", failing)
    async with serving(find, hold=holding(File(tmp_path / "f"))) as (_, host, port):
        assert (await exchange(host, port, request("/ota/x"))).endswith(b"\r\n\r\n" + DATA)


async def test_a_file_that_was_cut_while_it_is_sent(tmp_path: Path) -> None:
    file = File(tmp_path / "f")
    os.truncate(tmp_path / "f", 100)
    async with serving(find, hold=holding(file)) as (_, host, port):
        assert (await exchange(host, port, request("/ota/x"))).endswith(b"\r\n\r\n" + DATA)


async def test_what_turns_out_to_be_wrong_is_cut_and_not_had_from_the_store(tmp_path: Path) -> None:
    file = File(tmp_path / "f", 700, Unavailable("not what it should be"))
    async with serving(find, hold=holding(file)) as (_, host, port):
        answer = await exchange(host, port, request("/ota/x"))
    assert answer.endswith(b"\r\n\r\n" + DATA[:700]) and file.closed


async def test_what_is_known_to_be_wrong_is_refused(tmp_path: Path) -> None:
    async def hold(found: Found, start: int, fetch: bool) -> None:
        raise Unavailable("not what it should be")

    async with serving(find, hold=hold) as (door, host, port):
        assert (await exchange(host, port, request("/ota/x"))).startswith(b"HTTP/1.1 503 ")
        assert dict(door.refused.found) == {("503",): 1}


async def test_a_limit_slows_what_is_held(tmp_path: Path) -> None:
    options = {"flows": Flows(2000), "stall_timeout_s": 0.1, "hold": holding(File(tmp_path / "f"))}
    async with serving(find, reads=read, **options) as (_, host, port):
        whole = asyncio.ensure_future(exchange(host, port, request("/ota/x")))
        await asyncio.sleep(0.2)
        assert not whole.done(), "1 kB take half a second"
        assert (await whole).endswith(b"\r\n\r\n" + DATA)
