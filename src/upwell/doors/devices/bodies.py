"""The body of a device's request, bounded."""

from starlette.requests import Request

from upwell.domain.errors import DeviceError
from upwell.doors.management.lingering import announced


async def body_of(request: Request, size_max: int, what: str = "body") -> bytes:
    """The body, which is at most `size_max` bytes. Raises DeviceError for a longer one, before any of it is read if its
    header says so, and ClientDisconnect."""
    body, too_long = bytearray(), f"The {what} is longer than {size_max} bytes."
    if announced(request) > size_max:
        raise DeviceError(too_long)
    async for part in request.stream():
        body += part
        if len(body) > size_max:
            raise DeviceError(too_long)
    return bytes(body)
