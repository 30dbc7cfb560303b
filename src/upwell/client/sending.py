"""What is sent as it is: the bytes of a part, a list of devices; and an upload in parts, from the first to the last.

Holds: an upload goes on wherever it broke off. A part whose answer was lost is asked for before it is sent again; a
server that restarts, or a connection that is cut, costs the part that was under way and nothing else. What the server
put together has the digest of what was read here.
"""

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import sha256
from typing import Any, BinaryIO, cast

import httpx

from upwell.client.asking import CHUNK_BYTES, Answer, Ask, Bytes, Flow, Pause, Read, Retries, ask, one, path
from upwell.client.problems import (
    ClientError,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ServerFailed,
    TooManyRequests,
    Unreachable,
    Unreadable,
    UploadFailed,
)

PATIENCE_S = 600.0  # of pauses, that a server which is gone is waited for within one part
CHECK_FIRST_S, CHECK_MOST_S = 0.1, 2.0  # between two looks at what is put together
MEDIA = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
Progress = Callable[[int, int], None]  # bytes that are there, of all


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A file from its first byte on, however often it is sent; it needs a place to go back to."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None] | None = None) -> None:
        self._file, self._told = file, told

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(CHUNK_BYTES):
            yield piece
            if self._told is not None:
                self._told(len(piece))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        import asyncio

        await asyncio.to_thread(self._file.seek, 0)
        while piece := await asyncio.to_thread(self._file.read, CHUNK_BYTES):
            yield piece
            if self._told is not None:
                self._told(len(piece))


def size_of(file: BinaryIO) -> int:
    """Its bytes. Raises UploadFailed for what is read once only, such as a pipe."""
    try:
        return file.seek(0, 2)
    except (OSError, ValueError) as exc:
        raise UploadFailed("the file can't be read from its beginning again; copy it to disk first") from exc


def part(upload_id: str, number: int, data: bytes, told: Callable[[int], None] | None = None) -> Ask:
    """The request that sends a part, with its digest."""
    digest = base64.b64encode(sha256(data).digest()).decode()
    asked = ask("PUT", path("/uploads/{}/parts/{}", upload_id, str(number)))
    headers = {"Content-Length": str(len(data)), "Content-Digest": f"sha-256=:{digest}:"}
    return Ask(
        method="PUT", path=asked.path, headers=headers | {"Content-Type": "application/octet-stream"},
        stream=Bytes(data, told),
    )  # fmt: skip


def importing(
    product_id: str, file: BinaryIO, form: str, retries: Retries, key: str | None, progress: Progress | None
) -> Flow[Answer]:
    """Send a list of devices; what comes of it is asked for by its id."""
    size, counted = size_of(file), _Counted(0, progress)
    counted.total = size
    asked = ask("POST", "/imports", query={"product_id": product_id, "format": form}, idempotency_key=key)
    headers = {"Content-Length": str(size), "Content-Type": MEDIA[form]}
    stream = Pieces(file, counted.add)
    request = Ask(
        method="POST", path=asked.path, query=asked.query, headers={**asked.headers, **headers}, stream=stream,
        again=asked.again,
    )  # fmt: skip
    return (yield from one(request, retries))


class _Counted:
    """Bytes that are there; those of a part that breaks off are taken back."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total, self._progress = total, progress
        self._done = self._part = 0

    def add(self, count: int) -> None:
        self._part += count
        self._tell()

    def keep(self, count: int) -> None:
        """So many of the part under way are there."""
        self._done, self._part = self._done + count, 0
        self._tell()

    def lose(self) -> None:
        """The part under way has to come again."""
        self._part = 0
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(min(self._done + self._part, self.total), self.total)


def uploading(
    file: BinaryIO, retries: Retries, *, name: str | None, part_size: int | None, upload_id: str | None,
    progress: Progress | None, began: Callable[[str], None] | None, patience_s: float = PATIENCE_S,
) -> Flow[Answer]:  # fmt: skip
    """Send a file in parts, or the parts that an upload lacks; what was put together. Raises UploadFailed."""
    size = size_of(file)
    if not size:
        raise UploadFailed("the file is empty")
    upload = yield from _begun(size, retries, name, part_size, upload_id)
    if began is not None:
        began(upload["id"])
    there = {each["number"]: each["sha256"] for each in upload["received"]}
    whole, counted, step = sha256(), _Counted(size, progress), upload["part_size"]
    for number in range(1, upload["parts_total"] + 1):
        at = (number - 1) * step
        data = cast(bytes, (yield Read(file, at, min(step, size - at))))
        if len(data) < min(step, size - at):
            raise UploadFailed("the file has become shorter while it was sent")
        whole.update(data)
        if there.get(number) != sha256(data).hexdigest():
            yield from _sent(upload["id"], number, data, retries, counted, patience_s)
        counted.keep(len(data))
    return (yield from _completed(upload["id"], whole.hexdigest(), retries, patience_s))


def _begun(size: int, retries: Retries, name: str | None, part_size: int | None, upload_id: str | None) -> Flow[Answer]:
    if upload_id is None:
        body = {"size": size, "name": name, "part_size": part_size}
        return (yield from one(ask("POST", "/uploads", body=body), retries))
    upload = yield from _shown(upload_id, retries)
    if upload["size"] != size:
        raise UploadFailed(f"the upload {upload_id} is of a file of {upload['size']} bytes, and this one has {size}")
    return upload


def _shown(upload_id: str, retries: Retries) -> Flow[Answer]:
    return one(ask("GET", path("/uploads/{}", upload_id)), retries)


def _sent(
    upload_id: str, number: int, data: bytes, retries: Retries, counted: _Counted, patience_s: float
) -> Flow[None]:
    """Send a part until it is there. Raises what keeps it from being there for too long."""
    once, digest = Retries(count=0), sha256(data).hexdigest()
    for pause in _pauses(retries, patience_s):
        try:
            yield from one(part(upload_id, number, data, counted.add), once)
            return
        except (Unreachable, Unreadable, ServerFailed, TooManyRequests) as exc:
            counted.lose()
            failed: ClientError = exc
        yield Pause(pause)
        try:
            upload = yield from _shown(upload_id, once)
        except (NotFound, NotAllowed, NotAuthenticated):
            raise
        except ClientError:
            continue
        if any(each["number"] == number and each["sha256"] == digest for each in upload["received"]):
            return
    raise failed


def _pauses(retries: Retries, patience_s: float) -> Iterator[float]:
    """The pauses between tries, as long as there is patience."""
    waited, turn = 0.0, 0
    while waited <= patience_s:
        pause = retries.pause_s(turn)
        yield pause
        waited, turn = waited + pause, turn + 1


def _completed(upload_id: str, digest: str, retries: Retries, patience_s: float) -> Flow[Answer]:
    """Have it put together, and wait for that. Raises UploadFailed where it is not what was read."""
    asked = ask("POST", path("/uploads/{}/complete", upload_id), body={"sha256": digest})
    patient = Retries(count=int(patience_s / retries.most_s) + retries.count, first_s=retries.first_s)
    upload: Any = yield from one(asked, patient)
    pause = CHECK_FIRST_S
    while upload["status"] == "checking":
        yield Pause(pause)
        pause = min(2 * pause, CHECK_MOST_S)
        upload = yield from _shown(upload_id, patient)
    if upload["status"] != "complete":
        raise UploadFailed(
            f"the upload {upload_id} is {upload['status']}: {upload.get('problem', 'no reason is told')}"
        )
    if upload.get("sha256") != digest:
        raise UploadFailed(f"the server has another file than was sent: SHA-256 {upload.get('sha256')}, not {digest}")
    return cast(Answer, upload)
