"""What the doors read of an HTTP request, whatever its tongue."""

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from upwell.dialects.rest import RestRequest
from upwell.domain.errors import BrokenOff, Invalid
from upwell.doors.lingering import announced
from upwell.service.manage.parts import Incoming


def is_form(content_type: str) -> bool:
    """Whether a request is a form that may hold files, by its type."""
    return content_type.lower().startswith("multipart/form-data")


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


async def body_of(request: Request, size_max: int, field: str = "body") -> bytes:
    """The whole body. Raises Invalid naming `field` when it is longer, before any of it is read if its header says so;
    ClientDisconnect."""
    limit, size = f"at most {size_max} bytes", announced(request.headers)
    if size > size_max:
        raise Invalid(field, limit, f"{size} are announced")
    parts, taken = list[bytes](), 0
    async for part in request.stream():
        parts.append(part)
        taken += len(part)
        if taken > size_max:
            raise Invalid(field, limit)
    return b"".join(parts)


def incoming_of(request: Request) -> Incoming:
    """The body as it comes. It raises Invalid when the connection ends before it does."""
    size = announced(request.headers) if "content-length" in request.headers else None
    return Incoming(_pieces(request), size)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            if piece:
                yield piece
    except ClientDisconnect as exc:
        raise BrokenOff from exc


def rest_request(request: Request, body: bytes) -> RestRequest:
    """A request exactly as it was received."""
    return RestRequest(
        method=request.method,
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=headers_of(request),
        body=body,
    )
