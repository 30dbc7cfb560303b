"""The body of a device's request, bounded."""

from starlette.requests import Request

from upwell.domain.errors import DeviceError, Invalid
from upwell.doors import requests


async def body_of(request: Request, size_max: int, what: str = "body") -> bytes:
    """The body, which is at most `size_max` bytes. Raises DeviceError for a longer one, and ClientDisconnect."""
    try:
        return await requests.body_of(request, size_max)
    except Invalid as exc:
        raise DeviceError(f"The {what} is longer than {size_max} bytes.") from exc
