"""The heads of downloads, without a socket: what a request asks for, and the exact bytes that come before a file.

Devices parse HTTP by hand (alibaba 6.7), so a response is few short lines in exact case: never chunked, never
compressed, never a redirect.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

import httptools

from upwell.domain.links import HEADER_TOKEN, plain_name
from upwell.domain.talk import TaskRef
from upwell.domain.timeline import Kind, Line

HEAD_BYTES_MAX = 8 * 1024
"""Largest request head; devices send some hundred bytes."""

REASON_CHARS_MAX = 100
"""A refusal's text; devices print it or drop it."""

# The token decides; a name after it and any query are for the device alone (huawei 5.7).
_TARGET = re.compile(rb"(?:https?://[^/?#]*)?/ota/([A-Za-z0-9._~=-]{1,1024})(?:/([^/?#]{0,255}))?(?:\?.*)?")
_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~=-]{1,1024})", re.IGNORECASE)
_RANGE = re.compile(rb"\s*bytes\s*=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)
_ETAG = re.compile(r"[\x21\x23-\x7e]{1,64}")


@dataclass(frozen=True, slots=True)
class Found:
    """An object to serve: `path` when it is a file, else `key` for the door's `read`. `etag` without quotes; `task` is
    whose download it is, if that is known; `limits` are those of bytes per second that may be over it, by name;
    `sha256` is that of the whole, if that is known."""

    path: Path | None
    key: str
    size: int
    etag: str
    task: TaskRef | None = None
    limits: tuple[tuple[str, int | None], ...] = ()
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """One answered request for an object: from which byte on, how many were asked for and how many left, to whom."""

    found: Found
    start: int
    wanted: int
    sent: int
    peer: str

    @property
    def outcome(self) -> str:
        """`cut` before all that was asked for was sent, else `done` at the file's end, and `part` before it."""
        return "cut" if self.sent < self.wanted else "done" if self.start + self.sent == self.found.size else "part"

    @property
    def line(self) -> Line | None:
        """What the timeline of its device tells of it: ranges of one download are one line a minute."""
        if self.found.task is None or not self.wanted:
            return None
        end = self.start + self.sent
        return Line(
            device_id=self.found.task.device_id, kind=Kind.DOWNLOAD, what=self.outcome, job_id=self.found.task.job_id,
            address=self.peer, size=self.sent, resumed=int(self.start > 0),
            detail=f"to byte {end} of {self.found.size}",
        )  # fmt: skip


class Refusal(Exception):
    """A response without a file. `last` ends the connection after it."""

    def __init__(self, status: HTTPStatus, reason: str = "", *, last: bool = False, header: str = "") -> None:
        self.status = status
        self.reason = reason or status.phrase
        self.last = last
        self.header = header
        super().__init__(self.reason)


def parse_range(value: bytes, size: int) -> tuple[int, int] | None:
    """(start, length) of a single satisfiable range, or None when the header must be ignored.

    Malformed and multiple ranges are ignored (RFC 9110 14.2). Raises `ValueError` when it can't be satisfied.
    """
    match = _RANGE.fullmatch(value)
    if match is None or match.group(1) == match.group(2) == b"":
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        if last and int(last) < start:
            return None
        length = (min(int(last) + 1, size) if last else size) - start
    if length <= 0:
        raise ValueError("range not satisfiable")
    return start, length


class Request:
    """One request head, parsed by httptools. `under` are the paths of public URLs, which a proxy in front may keep or
    strip: both are the same request."""

    def __init__(self, head: bytes, under: Sequence[str] = ()) -> None:
        self.target = b""
        self.ranges: list[bytes] = []
        self.if_range = b""
        self.bearer = b""
        self._wants_more = self._complete = self._has_body = False
        self._parser: httptools.HttpRequestParser | None
        self._parser = parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(re.sub(rb"\r?\n", b"\r\n", head))
        except httptools.HttpParserUpgrade:
            # RFC 9110 7.8: who does not speak what is offered answers as if it were not; the JDK's client offers h2c.
            self._complete = not self._has_body and parser.get_method() != b"CONNECT"
        except httptools.HttpParserError as exc:
            raise Refusal(HTTPStatus.BAD_REQUEST, last=True) from exc
        self.method = parser.get_method()
        self.target = _without_path(self.target, under)
        # A body is never expected: its bytes would be taken for the next head, so the connection ends after it.
        self.keep_alive = self._complete and self._wants_more
        self._parser = None  # The two hold each other; cut, so that no head waits for the collector.

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"range":
                self.ranges.append(value)
            case b"if-range":
                self.if_range = value.strip()
            case b"authorization":
                self.bearer = value.strip()
            case b"content-length":
                self._has_body = self._has_body or value.strip() != b"0"
            case b"transfer-encoding":
                self._has_body = True

    def on_headers_complete(self) -> None:
        # Asked here because the parser forgets it when the message is complete.
        self._wants_more = self._parser is not None and self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self._complete = True

    def token(self) -> str:
        """What opens the file: the link's, or, where the link leaves it out, that of the Authorization header. Raises
        `Refusal` for another method, another path and no token."""
        if self.method not in (b"GET", b"HEAD"):
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, header="Allow: GET, HEAD\r\n")
        match = _TARGET.fullmatch(self.target)
        if match is None:
            raise Refusal(HTTPStatus.NOT_FOUND)
        if match[1] != HEADER_TOKEN.encode():
            return match[1].decode()
        bearer = _BEARER.fullmatch(self.bearer)
        if bearer is None:
            raise Refusal(HTTPStatus.FORBIDDEN, "no token")
        return bearer[1].decode()

    @property
    def name(self) -> str:
        """The name that the link gives the file; "" for none."""
        match = _TARGET.fullmatch(self.target)
        given = match[2] if match else None
        return plain_name(unquote(given.decode("latin-1"), "latin-1")) if given else ""

    def part(self, found: Found) -> tuple[int, int] | None:
        """The range to serve, None for the whole file. Only GET has ranges (RFC 9110 14.2)."""
        stale = self.if_range and self.if_range != f'"{found.etag}"'.encode()
        if self.method != b"GET" or len(self.ranges) != 1 or stale:
            return None
        try:
            return parse_range(self.ranges[0], found.size)
        except ValueError as exc:
            header = f"Content-Range: bytes */{found.size}\r\n"
            raise Refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, header=header) from exc


def _without_path(target: bytes, under: Sequence[str]) -> bytes:
    """The target without the first of these paths that it begins with, and without a proxy's host before it."""
    bare = re.sub(rb"^https?://[^/?#]*", b"", target)
    for path in (each.encode() for each in under):
        if bare.startswith(path + b"/ota/"):
            return bare[len(path) :]
    return target


def file_head(found: Found, part: tuple[int, int] | None, keep_alive: bool, name: str = "") -> bytes:
    """The exact header bytes of 200 and 206. alibaba 6.7: `Content-Length: ` in this case, with one blank. huawei 5.7:
    where the link has a name, it is told without quotes."""
    start, length = part or (0, found.size)
    lines = [
        "HTTP/1.1 206 Partial Content" if part else "HTTP/1.1 200 OK",
        "Content-Type: application/octet-stream",
        f"Content-Length: {length}",
        "Accept-Ranges: bytes",
    ]
    if part:
        lines.append(f"Content-Range: bytes {start}-{start + length - 1}/{found.size}")
    if _ETAG.fullmatch(found.etag):
        lines.append(f'ETag: "{found.etag}"')
    if name:
        lines.append(f"Content-Disposition: attachment;filename={name}")
    lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    return "\r\n".join([*lines, "", ""]).encode()


def refusal_head(refusal: Refusal, keep_alive: bool, with_body: bool) -> bytes:
    reason = refusal.reason.encode("ascii", "replace").replace(b"\r", b" ").replace(b"\n", b" ")[:REASON_CHARS_MAX]
    head = (
        f"HTTP/1.1 {refusal.status.value} {refusal.status.phrase}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(reason)}\r\n{refusal.header}"
        f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    )
    return head.encode() + (reason if with_body else b"")
