"""The upload door's desk: tickets from the service, bytes to the object store."""

from datetime import datetime

from upwell.dialects.alibaba.upload import PostObjectError
from upwell.domain.errors import CallerError
from upwell.doors.uploads import ObjectWriter, StoredObject
from upwell.objects import Objects
from upwell.service import uploads
from upwell.service.context import Context


class Uploads:
    """The upload door's desk: tickets from the service, bytes to the object store."""

    def __init__(self, ctx: Context, objects: Objects) -> None:
        self._ctx = ctx
        self._objects = objects

    async def secret(self, access_key_id: str, /) -> str | None:
        """The key that signs upload forms; there is one."""
        if access_key_id != uploads.UPLOAD_KEY_ID:
            return None
        return (await uploads.upload_secret(self._ctx)).decode("ascii")

    async def begin(self, key: str, now: datetime, /) -> ObjectWriter:
        """Take the ticket and open the object."""
        try:
            await uploads.begin_upload(self._ctx, key)
        except CallerError as exc:
            raise PostObjectError("AccessDenied", 403, exc.problem) from exc
        try:
            return await self._objects.create(key)
        except BaseException:
            await self.abandon(key)
            raise

    async def abandon(self, key: str, /) -> None:
        """Give the ticket back."""
        await uploads.abandon_upload(self._ctx, key)

    async def finish(self, key: str, stored: StoredObject, /) -> None:
        """Record what was stored."""
        await uploads.finish_upload(self._ctx, key, stored.size, stored.md5, stored.sha256)
