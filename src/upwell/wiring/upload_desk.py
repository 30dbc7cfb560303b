"""The upload door's desk: tickets from the service, bytes to the object store."""

import asyncio
from datetime import datetime

from upwell.dialects.alibaba.upload import PostObjectError
from upwell.domain.errors import CallerError
from upwell.doors.management.uploads import ObjectWriter, Sender, StoredObject
from upwell.objects.port import Digests, Objects, Stored
from upwell.service.context import Context
from upwell.service.manage import uploads
from upwell.service.manage.audit import Asker, acted
from upwell.service.manage.audit_book import Book


class Comparison:
    """Takes the bytes of an upload that comes again, and keeps none of them."""

    def __init__(self, first: Stored) -> None:
        self._first, self._digests, self._size = first, Digests(), 0

    async def write(self, data: bytes, /) -> None:
        """Refuses as soon as there are more bytes than the first time."""
        self._size += len(data)
        if self._size > self._first.size:
            raise _differs()
        await asyncio.to_thread(self._digests.update, data)

    async def commit(self) -> StoredObject:
        """What the first upload stored."""
        stored = self._digests.stored()
        if (stored.size, stored.sha256) != (self._first.size, self._first.sha256):
            raise _differs()
        return self._first

    async def abort(self) -> None: ...


def _differs() -> PostObjectError:
    return PostObjectError("AccessDenied", 403, "The upload ticket has been used for other bytes.")


class Uploads:
    """The upload door's desk: tickets from the service, bytes to the object store."""

    def __init__(self, ctx: Context, objects: Objects, book: Book) -> None:
        self._ctx = ctx
        self._objects = objects
        self._book = book

    async def secret(self, access_key_id: str, /) -> str | None:
        """The key that signs upload forms; there is one."""
        if access_key_id != uploads.UPLOAD_KEY_ID:
            return None
        return (await uploads.upload_secret(self._ctx)).decode("ascii")

    async def begin(self, key: str, now: datetime, /) -> ObjectWriter:
        try:
            await uploads.begin_upload(self._ctx, key)
        except CallerError as exc:
            raise PostObjectError("AccessDenied", 403, exc.problem) from exc
        try:
            return await self._objects.create(key)
        except BaseException:
            await self.abandon(key)
            raise

    async def again(self, key: str, /) -> ObjectWriter | None:
        first = await uploads.stored_upload(self._ctx, key)
        return None if first is None else Comparison(first)

    async def abandon(self, key: str, /) -> None:
        await uploads.abandon_upload(self._ctx, key)

    async def finish(self, key: str, stored: StoredObject, sender: Sender, /) -> None:
        asker = Asker(
            who="upload ticket", tongue="upload", address=sender.address, operation="upload",
            request_id=sender.request_id,
        )  # fmt: skip
        facts = stored.size, stored.md5, stored.sha256
        await acted(self._ctx, asker, None, lambda ctx: uploads.finish_upload(ctx, key, *facts))

    def refused(self, sender: Sender, /) -> None:
        self._book.stranger(sender.address)
