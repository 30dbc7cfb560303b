"""The listener that Prometheus asks: `/metrics` and nothing else, on an address of its own."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.config import Settings
from upwell.doors.http.limits import Limits
from upwell.meters.reading import Reading
from upwell.meters.text import CONTENT_TYPE, told
from upwell.wiring.listeners import listen

CONNECTIONS_MAX = 32  # Prometheus servers and a person or two


async def open_metrics(
    settings: Settings, read: Callable[[], Awaitable[Reading]], *, shared: bool = False
) -> tuple[str, Callable[[], Awaitable[None]]] | None:
    """Where metrics are told now, and what ends it; None without the setting. Raises Unavailable."""
    if settings.metrics is None:
        return None

    async def metrics(request: Request) -> Response:
        return Response(told(await read()), headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    app = Starlette(routes=[Route("/metrics", metrics)])
    limits = Limits(connections_max=CONNECTIONS_MAX, connections_per_peer=CONNECTIONS_MAX)
    host, port = settings.metrics
    return await listen(app, host, port, name=settings.named("metrics"), limits=limits, shared=shared)
