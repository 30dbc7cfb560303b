"""PostObject forms as hand-written bytes to a real server, into a real directory."""

import asyncio
import hashlib
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.dialects.alibaba.upload import UPLOAD_SIZE_MAX, PostObjectError, policy, sign
from upwell.doors.http.server import HttpDoor
from upwell.doors.lingering import Lingering
from upwell.doors.management.uploads import FRAME_BYTES_MAX, ObjectWriter, Sender, StoredObject, post_object
from upwell.objects import open_objects
from upwell.objects.port import Stored
from upwell.service.clock import utc_now
from upwell.wiring.upload_desk import Comparison

KEY = "ota/0123456789abcdef0123456789abcdef/x.bin"
SECRET = "testsecret"
BOUNDARY = b"----b0undary"


class Desk:
    """One ticket per key, as the service gives them out."""

    def __init__(self, root: Path) -> None:
        self.objects = open_objects(str(root))
        self.root = root
        self.tickets = {KEY, "../../evil.bin"}
        self.finished: dict[str, StoredObject] = {}

    async def secret(self, access_key_id: str, /) -> str | None:
        return SECRET if access_key_id == "id" else None

    async def begin(self, key: str, now: datetime, /) -> ObjectWriter:
        if key not in self.tickets:
            raise PostObjectError("AccessDenied", 403, "The upload ticket is unknown or used.")
        self.tickets.remove(key)
        return await self.objects.create(key)

    async def again(self, key: str, /) -> ObjectWriter | None:
        first = self.finished.get(key)
        return None if first is None else Comparison(Stored(first.size, first.md5, first.sha256))

    async def abandon(self, key: str, /) -> None:
        assert not self.files()  # the bytes are gone before the ticket is back
        self.tickets.add(key)

    async def finish(self, key: str, stored: StoredObject, sender: Sender, /) -> None:
        self.finished[key] = stored

    def refused(self, sender: Sender, /) -> None: ...

    def files(self) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "store")


@pytest.fixture
async def port(desk: Desk) -> AsyncIterator[int]:
    async def handle(request: Request) -> Response:
        return await post_object(request, desk, utc_now)

    sock = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/", handle, methods=["POST"])], middleware=[Middleware(Lingering)])
    door = HttpDoor(app)
    await door.start(sock)
    yield sock.getsockname()[1]
    await door.stop()


def fields(key: str = KEY, size_max: int = 10_000_000, lifetime_s: int = 3600, **changes: str) -> dict[str, str]:
    text = policy(key, datetime.now(UTC) + timedelta(seconds=lifetime_s), size_max)
    signed = {"key": key, "policy": text, "OSSAccessKeyId": "id", "signature": sign(text, SECRET)}
    return signed | {"success_action_status": "200"} | changes


def part(name: str, value: bytes, extra: bytes = b"") -> bytes:
    head = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + extra
    return head + b"\r\n\r\n" + value + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"


def form(given: dict[str, str], file: bytes | None, extra: bytes = b"") -> bytes:
    parts = b"".join(part(name, value.encode()) for name, value in given.items())
    return parts + (part("file", file, extra) if file is not None else b"") + END


async def post(port: int, body: Iterable[bytes], size: int, kind: bytes | None = None) -> tuple[int, bytes, bytes]:
    """(status, head, body). The writing half closes after the body, so a short one is seen as truncated."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    kind = kind or b"multipart/form-data; boundary=" + BOUNDARY
    writer.write(b"POST / HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\nContent-Type: " + kind)
    writer.write(f"\r\nContent-Length: {size}\r\n\r\n".encode())
    for data in body:
        writer.write(data)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head, rest


async def send(port: int, body: bytes) -> tuple[int, bytes, bytes]:
    return await post(port, [body], len(body))


def nothing_stored(desk: Desk) -> bool:
    return not desk.files() and not desk.finished


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        b'; filename="x.bin"\r\nContent-Type: application/octet-stream',
        b"\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit",
    ],
)
async def test_a_binary_file_is_stored_whatever_its_headers(port: int, desk: Desk, extra: bytes) -> None:
    data = os.urandom(5 * 1024 * 1024) + b"\r\n--" + BOUNDARY[:-1] + b"\r\n\r\n--"
    status, head, body = await send(port, form(fields(), data, extra))
    md5 = hashlib.md5(data).hexdigest()
    assert (status, body) == (200, b"")
    assert f'\netag: "{md5.upper()}"\r'.encode() in head.replace(b"ETag", b"etag")
    assert b"\nx-oss-request-id: " in head
    assert desk.files() == [desk.root / KEY] and desk.files()[0].read_bytes() == data
    stored = desk.finished[KEY]
    assert (stored.size, stored.md5, stored.sha256) == (len(data), md5, hashlib.sha256(data).hexdigest())


async def test_201_has_xml_and_none_is_204(port: int, desk: Desk) -> None:
    status, _, body = await send(port, form(fields(success_action_status="201"), b"abc"))
    assert status == 201 and f"<Location>http://h:1/{KEY}</Location>".encode() in body
    desk.tickets.add(KEY)
    status, _, body = await send(port, form(fields(success_action_status=""), b"abc"))
    assert (status, body) == (204, b"")


async def test_a_ticket_serves_once(port: int, desk: Desk) -> None:
    assert (await send(port, form(fields(), b"first")))[0] == 200
    status, _, body = await send(port, form(fields(), b"second"))
    assert status == 403 and b"<Code>AccessDenied</Code>" in body
    assert desk.files()[0].read_bytes() == b"first"


REFUSED = {
    "wrong signature": (form(fields(signature="AAAA"), b"x"), 403, "SignatureDoesNotMatch"),
    "unknown key id": (form(fields(OSSAccessKeyId="no"), b"x"), 403, "InvalidAccessKeyId"),
    "expired": (form(fields(lifetime_s=-1), b"x"), 403, "AccessDenied"),
    "anonymous": (form({"key": KEY}, b"x"), 403, "AccessDenied"),
    "key of another ticket": (form(fields(key="ota/other.bin"), b"x"), 403, "AccessDenied"),
    "key not of the policy": (form(fields() | {"key": "ota/other.bin"}, b"x"), 403, "AccessDenied"),
    "traversal": (form(fields(key="../../evil.bin"), b"x"), 400, "InvalidArgument"),
    "no file": (form(fields(), None), 400, "IncorrectNumberOfFilesInPOSTRequest"),
    "two files": (form(fields(), b"x")[: -len(END)] + part("file", b"y") + END, 400, "IncorrectNumberOfFiles"),
    "field after file": (form(fields(), b"x")[: -len(END)] + part("a", b"y") + END, 400, "MalformedPOSTRequest"),
    "field twice": (part("KEY", b"z") + form(fields(), b"x"), 400, "MalformedPOSTRequest"),
    "long field": (form(fields(a="x" * 8193), b"x"), 400, "FieldItemTooLong"),
    "many fields": (form({f"f{n}": "" for n in range(33)}, b"x"), 400, "MalformedPOSTRequest"),
    "oversize": (form(fields(size_max=100_000), bytes(100_001)), 400, "EntityTooLarge"),
    "nonsense": (b"nonsense", 400, "MalformedPOSTRequest"),
    "no last boundary": (form(fields(), b"x" * 100_000)[: -len(END)], 400, "MalformedPOSTRequest"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_refused_and_nothing_stored(port: int, desk: Desk, case: str) -> None:
    body, expected, code = REFUSED[case]
    status, head, answer = await send(port, body)
    assert status == expected
    assert f"<Error><Code>{code}".encode() in answer and b"</HostId></Error>" in answer
    assert b"application/xml" in head
    assert nothing_stored(desk) and not (desk.root.parent.parent / "evil.bin").exists()


async def test_wrong_content_type(port: int, desk: Desk) -> None:
    for kind in (b"application/json", b"multipart/form-data", b"multipart/form-data; boundary=" + b"b" * 300):
        status, _, body = await post(port, [b"{}"], 2, kind)
        assert status == 400 and b"MalformedPOSTRequest" in body


async def test_exactly_the_size_limit_is_allowed(port: int, desk: Desk) -> None:
    assert (await send(port, form(fields(size_max=100_000), bytes(100_000))))[0] == 200


async def test_a_truncated_body_stores_nothing(port: int, desk: Desk) -> None:
    body = form(fields(), os.urandom(3_000_000))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=" + BOUNDARY
    writer.write(head + f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:2_000_000])
    await writer.drain()
    await asyncio.sleep(0.3)
    assert KEY not in desk.tickets and len(desk.files()) == 1
    writer.close()
    for _ in range(50):
        await asyncio.sleep(0.05)
        if KEY in desk.tickets:
            break
    assert nothing_stored(desk) and KEY in desk.tickets
    assert (await send(port, body))[0] == 200  # the ticket was given back
    assert desk.finished[KEY].size == 3_000_000 and KEY not in desk.tickets


async def test_a_refused_upload_gives_its_ticket_back(port: int, desk: Desk) -> None:
    status, _, _ = await send(port, form(fields(size_max=100_000), bytes(100_001)))
    assert status == 400 and nothing_stored(desk) and KEY in desk.tickets
    assert (await send(port, form(fields(), b"x")))[0] == 200


async def test_a_commit_that_broke_off_keeps_its_ticket(port: int, desk: Desk) -> None:
    """Whether its object appears yet can't be known, and a second one must not meet it."""
    (desk.root / "ota").write_bytes(b"")  # where the object's folder should be
    status, _, body = await send(port, form(fields(), b"x"))
    assert status == 500 and b"InternalError" in body
    assert KEY not in desk.tickets and not desk.finished
    assert (await send(port, form(fields(), b"x")))[0] == 403


# --- announced too large, and sent again (issue 9, number 30) --------------------------------------------------------


async def ask(port: int, size: int, *more: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The head of an upload, and nothing of its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = ["POST / HTTP/1.1", "Host: h", f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}"]
    writer.write("\r\n".join([*head, f"Content-Length: {size}", *more, "", ""]).encode())
    await writer.drain()
    return reader, writer


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """Status, head and body of the next answer, read by its length and not by the end of the connection."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(head.split(b" ")[1]), head, await asyncio.wait_for(reader.readexactly(length), 10)


TOO_LARGE = UPLOAD_SIZE_MAX + FRAME_BYTES_MAX + 1


@pytest.mark.parametrize("more", [(), ("Expect: 100-continue",)])
async def test_what_is_announced_too_large_is_refused_from_its_header(port: int, desk: Desk, more: tuple[str]) -> None:
    """Issue 9, number 30: before a byte of the body; who expects `100 Continue` gets the refusal in its place."""
    reader, writer = await ask(port, TOO_LARGE, *more)
    status, head, body = await answer_of(reader)
    assert (status, b"<Code>EntityTooLarge</Code>" in body) == (400, True)
    assert b"\nconnection: close\r" in head.lower()
    writer.close()
    assert nothing_stored(desk) and KEY in desk.tickets


async def test_what_is_announced_larger_than_its_policy_is_refused_when_that_is_read(port: int, desk: Desk) -> None:
    """Issue 9, number 30: a list of devices may have less than a package, and its ticket is not used up."""
    head = form(fields(size_max=100_000), b"@").partition(b"@")[0]
    reader, writer = await ask(port, 100_000_000)
    writer.write(head)
    status, _, body = await answer_of(reader)
    assert (status, b"<Code>EntityTooLarge</Code>" in body) == (400, True)
    writer.close()
    assert nothing_stored(desk) and KEY in desk.tickets


async def test_who_does_not_read_while_it_sends_gets_its_refusal_all_the_same(port: int, desk: Desk) -> None:
    """Issue 9, number 30: what it still sends is thrown away, and no reset takes the answer from it."""
    reader, writer = await ask(port, TOO_LARGE)
    for _ in range(300):
        writer.write(bytes(100_000))
        await writer.drain()
    status, _, body = await answer_of(reader)
    assert (status, b"<Code>EntityTooLarge</Code>" in body) == (400, True)
    assert await asyncio.wait_for(reader.read(), 20) == b""  # and the connection ends
    writer.close()


async def test_an_upload_that_expects_to_be_told_to_continue_is(port: int, desk: Desk) -> None:
    body = form(fields(), b"firmware")
    reader, writer = await ask(port, len(body), "Expect: 100-continue")
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await answer_of(reader))[0] == 200
    writer.close()


@pytest.mark.parametrize("status", ["200", "201", ""])
async def test_an_upload_that_comes_again_gets_the_answer_of_the_first(port: int, desk: Desk, status: str) -> None:
    """Issue 9, number 30: with the same ticket and the same bytes, also when the ticket's minute is over."""
    data = os.urandom(300_000)
    once = form(fields(success_action_status=status, lifetime_s=3), data)
    first = await send(port, once)
    assert first[0] == int(status or "204")
    again = await send(port, once)
    late = await send(port, form(fields(success_action_status=status, lifetime_s=-1), data))
    for answer in (again, late):
        assert (answer[0], answer[2]) == (first[0], first[2])
        assert etag(answer[1]) == etag(first[1]) != b""
    assert desk.files() == [desk.root / KEY] and desk.files()[0].read_bytes() == data


def etag(head: bytes) -> bytes:
    return next((line for line in head.lower().split(b"\r\n") if line.startswith(b"etag:")), b"")


@pytest.mark.parametrize("other", [b"Firmware", b"firmwar", b"firmware!", b"", bytes(1_000_000)])
async def test_other_bytes_under_a_used_ticket_are_refused(port: int, desk: Desk, other: bytes) -> None:
    """Issue 9, number 30."""
    assert (await send(port, form(fields(), b"firmware")))[0] == 200
    status, _, body = await send(port, form(fields(), other))
    assert (status, b"used for other bytes" in body) == (403, True)
    assert desk.files()[0].read_bytes() == b"firmware"
    assert (await send(port, form(fields(), b"firmware")))[0] == 200  # the first is what it was


async def test_bytes_one_by_one(port: int, desk: Desk) -> None:
    body = form(fields(), b"\r\n--\r\n" + BOUNDARY)
    status, _, _ = await post(port, (body[i : i + 1] for i in range(len(body))), len(body))
    assert status == 200 and desk.files()[0].read_bytes() == b"\r\n--\r\n" + BOUNDARY


async def test_memory_is_flat(port: int, desk: Desk) -> None:
    head, tail = form(fields(size_max=200_000_000), b"@").split(b"@")
    chunk, count = os.urandom(1_000_000), 100
    size = len(head) + len(chunk) * count + len(tail)
    tracemalloc.start()
    try:
        status, _, _ = await post(port, (head, *[chunk] * count, tail), size)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert status == 200 and desk.finished[KEY].size == len(chunk) * count
    assert peak < 20_000_000
