"""The client of `/v1`: `Client` waits, `AsyncClient` awaits; both have a method for each operation of the API, by its
operationId. It needs httpx and nothing else of Upwell.

    with Client("http://127.0.0.1:8686", token) as upwell:
        product = upwell.create_product(name="lamp")
        for device in upwell.list_devices(product_id=product["id"]):
            print(device["name"])
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from upwell.client.asking import Answer, Page, Retries, etag_of
from upwell.client.following import Following, Forgotten, Lost
from upwell.client.http import AsyncPages, Pages
from upwell.client.operations import Operations
from upwell.client.problems import (
    BadRequest,
    Changed,
    ClientError,
    Conflict,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Problem,
    ServerFailed,
    TooManyRequests,
    Unreachable,
    Unreadable,
    UploadFailed,
)
from upwell.client.sending import PATIENCE_S, Progress, importing, part, uploading
from upwell.client.shapes import Event, Import, Upload, UploadPart

__all__ = [
    "Answer", "AsyncClient", "AsyncPages", "BadRequest", "Changed", "Client", "ClientError", "Conflict", "NotAllowed",
    "NotAuthenticated", "NotFound", "Page", "Pages", "Problem", "Progress", "Retries", "ServerFailed",
    "TooManyRequests", "Unreachable", "Unreadable", "UploadFailed", "etag_of",
]  # fmt: skip


class Client(Operations):
    """Asks and waits for the answer; for one thread at a time."""

    def put_upload_part(self, upload_id: str, number: int, data: bytes) -> UploadPart:
        """Send a part of an upload, with its digest. Needs the role operator. `PUT
        /v1/uploads/{upload_id}/parts/{number}`"""
        return self._one(replace(part(upload_id, number, data), again=True), UploadPart)

    def create_import(
        self, *, product_id: str, file: BinaryIO, format: Literal["csv", "ndjson"] = "csv",
        idempotency_key: str | None = None, progress: Progress | None = None,
    ) -> Import:  # fmt: skip
        """Send a list of devices to be made: a file that can be read from its beginning again. Needs the role operator.
        `POST /v1/imports`"""
        flow = importing(product_id, file, format, self.retries, idempotency_key, progress)
        return cast(Import, self.run(flow))

    def upload(
        self, file: BinaryIO, *, name: str | None = None, part_size: int | None = None, upload_id: str | None = None,
        progress: Progress | None = None, began: Callable[[str], None] | None = None, patience_s: float = PATIENCE_S,
    ) -> Upload:  # fmt: skip
        """Upload a file in parts; its `id` is a package's `upload_id`. Whatever breaks off is asked for and goes on;
        `upload_id` goes on with an upload that another run began, whose id `began` was told. `progress` is told how
        many bytes are there, of how many. Raises UploadFailed where the file changed or is another, and what kept a
        part from the server for `patience_s` of pauses."""
        flow = uploading(
            file, self.retries, name=name, part_size=part_size, upload_id=upload_id, progress=progress, began=began,
            patience_s=patience_s,
        )  # fmt: skip
        return cast(Upload, self.run(flow))

    def follow_events(
        self, *, type: str | None = None, product_id: str | None = None, rollout_id: str | None = None,
        after: str | None = None, patience_s: float = PATIENCE_S, lost: Lost | None = None,
        forgotten: Forgotten | None = None,
    ) -> Iterator[Event]:  # fmt: skip
        """Events as they happen, from now on or after `after`, without an end: whatever breaks off is asked for again
        from the last one on, for `patience_s` of pauses. `lost` is told why nothing comes and how long is waited;
        `forgotten` after which id events are kept, where the place is not any more. Raises what keeps the server from
        being reached at first, or for too long, and refusals. `GET /v1/events`"""
        query = {"type": type, "product_id": product_id, "rollout_id": rollout_id}
        following = Following(query, after, self.retries, patience_s, lost, forgotten)
        while True:
            failed: ClientError | None = None
            try:
                for piece in self._stream(following.ask(), Retries(count=0)):
                    yield from following.read(piece)
            except ClientError as exc:
                failed = exc
            time.sleep(following.pause_s(failed))


if TYPE_CHECKING:
    from upwell.client.async_client import AsyncClient


def __getattr__(name: str) -> Any:
    """The other client, loaded when it is asked for: whoever waits needs no event loop."""
    if name == "AsyncClient":
        from upwell.client.async_client import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__} has no attribute {name}")
