"""Which file a device fetches in blocks: that of one of its own open tasks, named as its offer named it (L8)."""

from uuid import UUID

from upwell.domain.connected import Stream
from upwell.domain.talk import TaskRef, stream_of
from upwell.service.context import Context
from upwell.storage.queries import sheet

_Q = sheet("streams")


async def find_stream(ctx: Context, device_id: UUID, stream: int) -> Stream | None:
    """The file of the device's task that was offered under this number; None when there is no such open task."""
    async with ctx.devices.connection() as conn:
        rows = await conn.fetch(*_Q["streams_of_device"](device_id=device_id))
    for row in rows:
        if row["offered"] and stream_of(TaskRef(device_id=device_id, job_id=row["job_id"], nth=row["nth"])) == stream:
            return Stream(row["object_key"], row["size"])
    return None
