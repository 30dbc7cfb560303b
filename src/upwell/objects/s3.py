"""Objects in an S3 bucket, through obstore.

A writer feeds one multipart upload through a queue of a few parts: the caller waits when S3 is slow, so memory is
bounded by PART_BYTES times the parts in flight. The object appears when the upload completes; an aborted writer
makes the upload fail, and obstore then aborts the multipart upload on the server.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import obstore
from obstore.exceptions import BaseError as StoreError
from obstore.exceptions import NotFoundError, PermissionDeniedError
from obstore.store import S3Store

from upwell.domain.errors import Invalid, NotFound, Unavailable
from upwell.objects.port import CHECK_KEY, Digests, Seen, Stored, Writer, any_key, checked_key

PART_BYTES = 8 * 1024 * 1024
"""One part of a multipart upload; S3's least is 5 MB, and 10,000 parts of 8 MB are 80 GB."""

PARTS_IN_FLIGHT = 2
"""Parts sent at once per upload: enough to hide the round trip, 16 MB of memory."""

READ_BYTES = 1024 * 1024
"""One ranged GET: a round trip costs more than a MB does."""

ABORT_WITHIN_S = 5.0
"""How long S3 is waited for to forget an upload; then its parts stay there until a rule of the bucket removes them."""

KEY_BYTES_MAX = 1024
"""Longest key of S3 and OBS, in bytes of UTF-8."""

STREAM_BYTES = 256 * 1024
"""What `whole` yields at least, but for the end: whoever waits for it gets it soon, and a thread's hop is cheap."""

_OPTIONS = {"endpoint", "region"}
_CODE = re.compile(r"(?:<Code>|\(code: )([A-Za-z]{1,64})(?:</Code>|\))")
_STATUS = re.compile(r"status code: (\d{3} [A-Z][A-Za-z ]{1,40})")
_NO_BUCKET = "NoSuchBucket"
_UNADDRESSABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ENDPOINT = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[!-~]*)?")
_WORDS = (  # what the client's text has, and what it means; the first that fits
    ("169.254.169.254", "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),  # asks a cloud's
    ("Connection refused", "the connection is refused"),
    ("ConnectionRefused", "the connection is refused"),
    ("ConnectionReset", "the connection is cut"),
    ("IncompleteMessage", "the connection is cut"),
    ("dns error", "its host has no address"),
    ("InvalidContentType", "it does not speak TLS"),
    ("invalid peer certificate", "its certificate is not valid here"),
    ("InvalidCertificate", "its certificate is not valid here"),
    ("TimedOut", "no answer in time"),
    ("kind: Timeout", "no answer in time"),
    ("kind: Connect", "there is no connection"),
)
_WORDS_MEANT = frozenset(meant for _, meant in _WORDS)


def _kind(exc: Exception) -> str:
    """S3's own word for what is wrong, else ours for why it could not be asked, else the status, else the client's. The
    text around it may hold URLs and is not told."""
    text = str(exc)
    if code := _CODE.search(text):
        return code[1]
    if known := next((meant for word, meant in _WORDS if word in text), None):
        return known
    status = _STATUS.search(text)
    return status[1] if status else type(exc).__name__


def _unavailable(exc: Exception) -> Unavailable:
    kind, status = _kind(exc), _STATUS.search(str(exc))
    was_asked = kind not in _WORDS_MEANT
    refuses = was_asked and (status[1].startswith("4") if status else _CODE.search(str(exc)) is not None)
    does = "refuses it" if refuses else "does not answer"
    return Unavailable(f"The object store {does}: {kind}")


class _Aborted(Exception):
    """The writer was told to forget its bytes."""


@contextmanager
def _translated(key: str = "") -> Iterator[None]:
    """The one door for obstore's errors. Their text may hold URLs, so only their kind is told. Without a key nothing
    that is asked for can be absent but the bucket."""
    try:
        yield
    except (FileNotFoundError, NotFoundError) as exc:
        if key and _kind(exc) != _NO_BUCKET:
            raise NotFound("file", key) from exc
        raise _unavailable(exc) from exc
    except (StoreError, OSError) as exc:
        raise _unavailable(exc) from exc


_WORDLESS = (FileNotFoundError, NotFoundError, PermissionDeniedError)
"""What a HEAD is refused with has no body, so not a word of what is not there or not allowed."""

_ANSWERS = (  # of a bucket that is there, to who asks for a key that is not; the last two where no code is told
    "NoSuchKey", "AccessDenied", "404 Not Found", "403 Forbidden",
)  # fmt: skip


class S3Writer:
    """One upload that runs beside its caller."""

    def __init__(self, store: S3Store, key: str) -> None:
        self._key = key
        self._digests = Digests()
        self._gathered = bytearray()
        self._parts: asyncio.Queue[bytes | _Aborted | None] = asyncio.Queue(1)
        self._upload: asyncio.Task[Any] = asyncio.create_task(self._run(store))
        self._over = False

    async def _run(self, store: S3Store) -> None:
        await obstore.put_async(
            store, self._key, self._feed(), chunk_size=PART_BYTES, max_concurrency=PARTS_IN_FLIGHT, use_multipart=True
        )

    async def _feed(self) -> AsyncIterator[bytes]:
        while (part := await self._parts.get()) is not None:
            if isinstance(part, _Aborted):
                raise part
            yield part

    async def write(self, data: bytes, /) -> None:
        if self._over:
            raise RuntimeError("the writer has ended")
        self._gathered += data
        if len(self._gathered) >= PART_BYTES:
            await self._flush()

    async def commit(self) -> Stored:
        if self._over:
            raise RuntimeError("the writer has ended")
        if self._gathered:
            await self._flush()
        self._over = True
        await self._put(None)
        with _translated():
            await self._upload
        return self._digests.stored()

    async def abort(self) -> None:
        if self._over:
            return
        self._over = True
        with suppress(TimeoutError):
            async with asyncio.timeout(ABORT_WITHIN_S):
                await self._put(_Aborted())
                # The upload fails because it was told to; how it words that is of no interest.
                await asyncio.wait([self._upload])
        self._upload.cancel()
        await asyncio.wait([self._upload])
        if not self._upload.cancelled():
            self._upload.exception()

    async def _flush(self) -> None:
        part = bytes(self._gathered)
        self._gathered.clear()
        await asyncio.to_thread(self._digests.update, part)
        await self._put(part)
        if self._upload.done():
            with _translated():
                await self._upload

    async def _put(self, part: bytes | _Aborted | None) -> None:
        """Hand over a part, or return at once when the upload has ended and nobody will take it."""
        putting = asyncio.ensure_future(self._parts.put(part))
        try:
            await asyncio.wait([putting, self._upload], return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()


class S3Objects:
    """The `Objects` port on one bucket and prefix."""

    def __init__(self, bucket: str, prefix: str, query: str, checked: Callable[[str], str] = checked_key) -> None:
        """Raises `Invalid` for an unknown option, or an endpoint that is no URL. An `http://` endpoint is allowed only
        because it is written."""
        options = dict(parse_qsl(query))
        if unknown := options.keys() - _OPTIONS:
            raise Invalid("objects", "an S3 URL takes endpoint and region", ", ".join(sorted(unknown)))
        config: dict[str, Any] = dict(options)
        if "endpoint" in options and not _ENDPOINT.fullmatch(options["endpoint"]):
            raise Invalid("objects", "an endpoint is http://HOST[:PORT] or https://HOST[:PORT]")
        if options.get("endpoint", "").startswith("http://"):
            config["client_options"] = {"allow_http": True}
        self._store = S3Store(bucket, prefix=prefix or None, **config)
        self._checked = checked

    async def check(self, *, writes: bool = True) -> None:
        """Reads the check object and, where it can't be read, writes it: so neither the right to list is needed nor a
        write each time. In a bucket that is only looked at, no such key and no right to it are both answers."""
        try:
            await obstore.get_range_async(self._store, CHECK_KEY, start=0, end=1)
        except (StoreError, OSError) as exc:
            if _kind(exc) not in _ANSWERS:
                raise Unavailable(f"The object store can't be used: {_kind(exc)}") from exc
            if writes:
                await self._try_writing()

    async def _try_writing(self) -> None:
        try:
            await obstore.put_async(self._store, CHECK_KEY, b"check", use_multipart=False)
        except (StoreError, OSError) as exc:
            raise Unavailable(f"The object store can't be written: {_kind(exc)}") from exc

    async def create(self, key: str) -> Writer:
        return S3Writer(self._store, self._checked(key))

    async def delete(self, key: str) -> None:
        self._checked(key)
        try:
            with _translated(key):
                await obstore.delete_async(self._store, key)
        except NotFound:
            return  # Removed already, which is what was asked.

    async def exists(self, key: str) -> bool:
        try:
            await self.look(key)
        except NotFound:
            return False
        return True

    async def look(self, key: str) -> Seen:
        self._checked(key)
        with _translated(key):
            try:
                found = await obstore.head_async(self._store, key)
            except (StoreError, OSError) as exc:
                if isinstance(exc, _WORDLESS):
                    await obstore.get_range_async(self._store, key, start=0, end=1)  # raises, with S3's word for it
                raise
        # A store without entity tags still says when an object was written.
        return Seen(int(found["size"]), found["e_tag"] or f"{found['last_modified']:%Y%m%dT%H%M%S.%f}")

    async def listed(self) -> AsyncIterator[tuple[str, int]]:
        with _translated():
            async for page in obstore.list(self._store):
                for found in page:
                    yield found["path"], int(found["size"])

    def local_path(self, key: str) -> Path | None:
        self._checked(key)
        return None

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        end = min(start + length, (await self.look(key)).size)
        while start < end:
            with _translated(key):
                found = await obstore.get_range_async(self._store, key, start=start, end=min(end, start + READ_BYTES))
            data = found.to_bytes()
            if not data:
                return
            yield data
            start += len(data)

    async def whole(self, key: str, size: int) -> AsyncIterator[bytes]:
        """One GET, and one more for the rest each time that it breaks off after some bytes, as the client's own time
        limit (30 s for a whole answer) makes it do."""
        self._checked(key)
        start, before = 0, -1
        while before < start < size:
            before = start
            try:
                with _translated(key):
                    async for data in await self._from(key, start, size):
                        yield data
                        start += len(data)
            except Unavailable:
                if start == before:
                    raise

    async def _from(self, key: str, start: int, size: int) -> AsyncIterator[bytes]:
        found = await obstore.get_async(self._store, key, options={"range": (start, size)} if start else None)
        return found.stream(min_chunk_size=STREAM_BYTES)

    async def presign(self, key: str, seconds: int) -> str | None:
        self._checked(key)
        with _translated(key):
            return await obstore.sign_async(self._store, "GET", key, timedelta(seconds=seconds))


def addressable_key(key: str) -> str:
    """The key itself, if the client can name it as it is: S3 has other keys, but an empty or dotted segment or a
    control character does not pass through a URL unchanged. Raises `Invalid` (object_key)."""
    if len(any_key(key).encode()) > KEY_BYTES_MAX:
        raise Invalid("object_key", f"at most {KEY_BYTES_MAX} bytes in UTF-8 in an S3 store")
    if _UNADDRESSABLE.search(key) or any(segment in ("", ".", "..") for segment in key.split("/")):
        raise Invalid("object_key", "no empty, '.' or '..' folder and no control character in an S3 store")
    return key
