"""What the management doors read of an HTTP request, whatever its tongue."""

from starlette.requests import Request

from upwell.doors.management.lingering import announced


class TooLong(Exception):
    """A body is longer than it may be. `announced_size` is what its header says; 0 when that is not what refused it."""

    def __init__(self, announced_size: int = 0) -> None:
        self.announced_size = announced_size
        super().__init__()


def peer_of(request: Request) -> str:
    """Where the request came from, for the log."""
    return request.client.host if request.client else ""


def origin_of(request: Request) -> str:
    """How the caller reached us: scheme and host."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def headers_of(request: Request) -> dict[str, str]:
    """The headers by their lower-case names, repeated ones joined by ','."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def body_of(request: Request, size_max: int) -> bytes:
    """The whole body. Raises TooLong, before any of it is read if its header says so; ClientDisconnect."""
    if announced(request) > size_max:
        raise TooLong(announced(request))
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > size_max:
            raise TooLong
    return bytes(body)
