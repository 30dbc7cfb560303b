"""The upload door: an OSS PostObject form goes straight into an object writer.

The part named `file` is binary whatever its headers, and is the last part (alibaba 5.3). Nothing is stored
unless the whole form arrived, its policy holds and the desk knows its ticket. Memory is one network chunk.
A refusal is OSS's XML; it gives the ticket back when nothing was stored. When `finish` fails the object stays
without a package; the sweep of unused uploads removes it.
"""

import logging
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from upwell.dialects.alibaba.upload import (
    MALFORMED,
    UPLOAD_SIZE_MAX,
    PostObjectError,
    UploadTicketClaim,
    access_key_id,
    check,
    error_xml,
    success,
)
from upwell.domain.errors import CallerError, ServerError
from upwell.doors.lingering import announced
from upwell.doors.requests import is_form, peer_of
from upwell.service.journal import tell

FIELD_BYTES_MAX = 8 * 1024
"""One form field; OSS's own limit is 8 KB for small fields."""

FIELDS_MAX = 32
"""Form fields of one upload; Alibaba's client sends five."""

FRAME_BYTES_MAX = FIELDS_MAX * (FIELD_BYTES_MAX + 1024)
"""Bytes of a form beside its file, the heads of its parts included."""

PARSE_BYTES = 64 * 1024
"""Bytes parsed at once, so that a large ASGI chunk is not copied whole."""

_log = logging.getLogger(__name__)


class StoredObject(Protocol):
    """What a writer committed."""

    @property
    def size(self) -> int: ...
    @property
    def md5(self) -> str: ...
    @property
    def sha256(self) -> str: ...


class ObjectWriter(Protocol):
    """Takes bytes; shows nothing before `commit`."""

    async def write(self, data: bytes, /) -> None: ...
    async def commit(self) -> StoredObject: ...
    async def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Sender:
    """Where an upload comes from, and what its request is called."""

    address: str
    request_id: str


class UploadDesk(Protocol):
    """What the door asks of the service."""

    async def secret(self, access_key_id: str, /) -> str | None:
        """The secret of the key that signs uploads; None when there is no such key."""

    async def begin(self, key: str, now: datetime, /) -> ObjectWriter:
        """Take the ticket of `key`. Raises `PostObjectError` AccessDenied when it is unknown or used."""

    async def again(self, key: str, /) -> ObjectWriter | None:
        """What compares bytes with those that the upload under this ticket has stored whole, and keeps none; None when
        it has not. Its `commit` raises `PostObjectError` AccessDenied when they differ."""

    async def abandon(self, key: str, /) -> None:
        """The upload that began stores nothing: its ticket may begin again."""

    async def finish(self, key: str, stored: StoredObject, sender: Sender, /) -> None:
        """The object is durable: record its size and digests, and who sent it."""

    def refused(self, sender: Sender, /) -> None:
        """Nothing was stored; a ticket does not say who holds it."""


def streams_to_store(scope: Scope) -> bool:
    """Whether a request at the door of uploads is one: its body is never kept."""
    return scope["path"] == "/" and is_form(Headers(scope=scope).get("content-type", ""))


async def post_object(request: Request, desk: UploadDesk, now: Callable[[], datetime]) -> Response:
    """Answer one PostObject request. Never raises for what a client did."""
    request_id = secrets.token_hex(12).upper()
    sender = Sender(peer_of(request), request_id)
    try:
        response = await _stored(request, desk, now, sender)
    except PostObjectError as error:
        tell(_log, "upload refused", code=error.code, peer=sender.address, request_id=request_id)
        desk.refused(sender)
        body = error_xml(error, request_id, request.headers.get("host", ""))
        response = Response(body, error.status, media_type="application/xml")
    response.headers["x-oss-request-id"] = request_id
    return response


async def _stored(request: Request, desk: UploadDesk, now: Callable[[], datetime], sender: Sender) -> Response:
    """Store the file; every foreign refusal becomes a `PostObjectError`."""
    if announced(request.headers) > UPLOAD_SIZE_MAX + FRAME_BYTES_MAX:
        raise _too_large()
    upload = _Upload(desk, now, announced(request.headers), sender)
    try:
        form = _Form(_boundary(request))
        async for event in form.events(request):
            await upload.take(event)
        claim, stored = await upload.end()
        location = f"{request.url.scheme}://{request.url.netloc}/{claim.key}"
        status, headers, body = success(claim, stored.md5, location)
        return Response(body, status, headers)
    except CallerError as exc:
        raise PostObjectError("InvalidArgument", 400, exc.problem) from exc
    except ServerError as exc:
        _log.warning("upload failed: %s", exc.problem)
        raise PostObjectError("InternalError", 500, "The object could not be stored; try again.") from exc
    finally:
        await upload.abandon()


def _too_large() -> PostObjectError:
    return PostObjectError("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size.")


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise PostObjectError(MALFORMED, 400, "The body of your POST request is not well-formed multipart/form-data.")
    return boundary


class _Upload:
    """One form as it arrives: fields first, then the file into a writer. A form that comes again, since its answer was
    lost, is compared with what it stored the first time and answered alike."""

    def __init__(self, desk: UploadDesk, now: Callable[[], datetime], announced_size: int, sender: Sender) -> None:
        self._desk = desk
        self._sender = sender
        self._now = now
        self._announced_size = announced_size
        self._comes_again = False
        self._fields: dict[str, str] = {}
        self._name = ""
        self._value = bytearray()
        self._claim: UploadTicketClaim | None = None
        self._writer: ObjectWriter | None = None
        self._size = 0
        self._committing = False

    async def take(self, event: "_Event") -> None:
        kind, data = event
        if kind == "part":
            await self._begin_part(data.decode("utf-8", "replace"))
        elif self._claim is not None and self._writer is not None:
            if kind == "data":
                self._size += len(data)
                if self._size > self._claim.size_max:
                    raise _too_large()
                await self._writer.write(data)
        elif kind == "data":
            self._value += data
            if len(self._value) > FIELD_BYTES_MAX:
                raise PostObjectError("FieldItemTooLong", 400, f"The form field {self._name} is too long.")
        else:
            self._fields[self._name] = self._value.decode("utf-8", "replace")

    async def end(self) -> tuple[UploadTicketClaim, StoredObject]:
        if self._claim is None or self._writer is None:
            raise PostObjectError("IncorrectNumberOfFilesInPOSTRequest", 400, "POST requires exactly one file.")
        if self._size < self._claim.size_min:
            raise PostObjectError("EntityTooSmall", 400, "Your proposed upload is smaller than the minimum size.")
        self._committing = True
        stored = await self._writer.commit()
        self._writer = None
        if not self._comes_again:
            await self._desk.finish(self._claim.key, stored, self._sender)
        return self._claim, stored

    async def abandon(self) -> None:
        """Forget unfinished bytes and give the ticket back; does nothing when there are none. A ticket whose object
        may appear yet, since its commit broke off, is kept: two uploads never share one."""
        if self._writer is None or self._claim is None:
            return
        writer, self._writer = self._writer, None
        try:
            await writer.abort()
            if not self._committing and not self._comes_again:
                await self._desk.abandon(self._claim.key)
        except ServerError as exc:
            _log.warning("an unfinished upload was not cleared: %s", exc.problem)

    async def _begin_part(self, name: str) -> None:
        if self._claim is not None and name.lower() == "file":
            raise PostObjectError("IncorrectNumberOfFilesInPOSTRequest", 400, "POST requires exactly one file.")
        if self._claim is not None:
            raise PostObjectError(MALFORMED, 400, "The file must be the last field of the form.")
        if name.lower() == "file":
            await self._begin_file()
            return
        if name.lower() in (known.lower() for known in self._fields):
            raise PostObjectError(MALFORMED, 400, "A form field is given twice.")
        if len(self._fields) >= FIELDS_MAX:
            raise PostObjectError(MALFORMED, 400, f"A form has at most {FIELDS_MAX} fields.")
        self._name = name
        self._value.clear()

    async def _begin_file(self) -> None:
        """All fields are known now, so the policy is judged before a byte of the file is taken. alibaba 5.1."""
        now = self._now()
        secret = await self._desk.secret(access_key_id(self._fields))
        claim = check(self._fields, lambda _: secret, None)
        if self._announced_size > claim.size_max + FRAME_BYTES_MAX:
            raise _too_large()
        self._writer = await self._desk.again(claim.key)
        self._comes_again = self._writer is not None
        if self._writer is None:
            check(self._fields, lambda _: secret, now)  # a ticket that has stored nothing ends with its minute
            self._writer = await self._desk.begin(claim.key, now)
        self._claim = claim


_Event = tuple[str, bytes]


class _Form:
    """multipart/form-data as events: ("part", name), ("data", bytes)…, ("end", b"")."""

    def __init__(self, boundary: bytes) -> None:
        self._pending: list[_Event] = []
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as exc:
            raise PostObjectError(MALFORMED, 400, "The multipart boundary is too long.") from exc

    async def events(self, request: Request) -> AsyncIterator[_Event]:
        """Yield the form's events. Raises `PostObjectError` when the body is malformed or ends too early."""
        try:
            async for chunk in request.stream():
                for start in range(0, len(chunk), PARSE_BYTES):
                    self._parser.write(chunk[start : start + PARSE_BYTES])
                    events, self._pending = self._pending, []
                    for event in events:
                        yield event
                    if self._complete:
                        return
        except ClientDisconnect as exc:
            raise PostObjectError(MALFORMED, 400, "The body ended before its last boundary.") from exc
        except FormParserError as exc:
            raise PostObjectError(MALFORMED, 400, "The body is not well-formed multipart/form-data.") from exc
        raise PostObjectError(MALFORMED, 400, "The body ended before its last boundary.")

    def _on_part_begin(self) -> None:
        self._disposition = b""
        self._header.clear()
        self._value.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._pending.append(("part", options.get(b"name", b"")))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._pending.append(("data", data[start:end]))

    def _on_part_end(self) -> None:
        self._pending.append(("end", b""))

    def _on_end(self) -> None:
        self._complete = True
