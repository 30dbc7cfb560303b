"""The client that awaits, as it is called."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import BinaryIO, Literal, cast

from upwell.client.asking import Retries
from upwell.client.async_operations import AsyncOperations
from upwell.client.following import Following, Forgotten, Lost
from upwell.client.problems import ClientError
from upwell.client.sending import PATIENCE_S, Progress, importing, part, uploading
from upwell.client.shapes import Event, Import, Upload, UploadPart


class AsyncClient(AsyncOperations):
    """Asks and awaits the answer; for any number of tasks of one event loop."""

    async def put_upload_part(self, upload_id: str, number: int, data: bytes) -> UploadPart:
        """Send a part of an upload, with its digest. Needs the role operator. `PUT
        /v1/uploads/{upload_id}/parts/{number}`"""
        return await self._one(replace(part(upload_id, number, data), again=True), UploadPart)

    async def create_import(
        self, *, product_id: str, file: BinaryIO, format: Literal["csv", "ndjson"] = "csv",
        idempotency_key: str | None = None, progress: Progress | None = None,
    ) -> Import:  # fmt: skip
        """Send a list of devices to be made: a file that can be read from its beginning again. Needs the role operator.
        `POST /v1/imports`"""
        flow = importing(product_id, file, format, self.retries, idempotency_key, progress)
        return cast(Import, await self.run(flow))

    async def upload(
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
        return cast(Upload, await self.run(flow))

    async def follow_events(
        self, *, type: str | None = None, product_id: str | None = None, rollout_id: str | None = None,
        after: str | None = None, patience_s: float = PATIENCE_S, lost: Lost | None = None,
        forgotten: Forgotten | None = None,
    ) -> AsyncIterator[Event]:  # fmt: skip
        """Events as they happen, from now on or after `after`, without an end: whatever breaks off is asked for again
        from the last one on, for `patience_s` of pauses. `lost` is told why nothing comes and how long is waited;
        `forgotten` after which id events are kept, where the place is not any more. Raises what keeps the server from
        being reached at first, or for too long, and refusals. `GET /v1/events`"""
        query = {"type": type, "product_id": product_id, "rollout_id": rollout_id}
        following = Following(query, after, self.retries, patience_s, lost, forgotten)
        while True:
            failed: ClientError | None = None
            try:
                async for piece in self._stream(following.ask(), Retries(count=0)):
                    for event in following.read(piece):
                        yield event
            except ClientError as exc:
                failed = exc
            await asyncio.sleep(following.pause_s(failed))
