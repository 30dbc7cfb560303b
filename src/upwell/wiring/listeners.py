"""Every address that a server listens on: HTTP by one uvicorn server for each, devices by the doors."""

import asyncio
import contextlib
import os
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette

from upwell.config import Settings
from upwell.config.addresses import HostPort
from upwell.config.loading import TLS_LISTENERS
from upwell.domain.errors import Unavailable

Start = Callable[[str, int, ssl.SSLContext | None], Awaitable[tuple[str, int]]]
DRAIN_S = 3  # for what is under way when the server is told to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a started server listens; None where it does not. `public_url` is what devices are told of the downloads,
    `secure_url` what those are told that download by TLS."""

    http: str
    mqtt: str | None = None
    download: str
    downloads: str | None = None
    https: str | None = None
    mqtts: str | None = None
    mqtt_ws: str | None = None
    mqtt_wss: str | None = None
    public_url: str = ""
    secure_url: str | None = None

    def told(self) -> dict[str, str]:
        """Every listener that is there by the name of its setting, and what devices are told."""
        return {name.replace("_", "-"): place for name, place in asdict(self).items() if place}


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the command that runs the server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Capture none."""
        yield


@contextlib.contextmanager
def saying(what: str, host: str, port: int) -> Iterator[None]:
    """Within it, an address that can't be listened on raises Unavailable with the name of its setting and the system's
    reason."""
    try:
        yield
    except (OSError, UnicodeError) as exc:  # the latter of a host that is no host's name
        number = getattr(exc, "errno", None)
        reason = os.strerror(number) if isinstance(number, int) and number > 0 else _unknown_host(exc)
        raise Unavailable(f"{what} can't listen on {HostPort(host, port)}: {reason}.") from exc


def _unknown_host(exc: Exception) -> str:
    """The resolver's own words, without what the event loop writes around them."""
    return re.sub(r"^\[Errno [^]]*\] | \(while attempting .*$", "", str(exc))


async def open_doors(
    settings: Settings, tls: ssl.SSLContext | None, starts: Mapping[str, Start]
) -> dict[str, HostPort]:
    """The addresses where devices are answered now, by setting, of those that are on. Raises Unavailable."""
    opened: dict[str, HostPort] = {}
    for setting, start in starts.items():
        place: HostPort | None = getattr(settings, setting)
        if place is not None:
            with saying(settings.named(setting), *place):
                opened[setting] = HostPort(*await start(*place, tls if setting in TLS_LISTENERS else None))
    return opened


async def listen(
    app: Starlette, host: str, port: int, tls: ssl.SSLContext | None = None, *, name: str = "HTTP"
) -> tuple[str, Callable[[], Awaitable[None]]]:
    """Where `app` now answers, and what ends it; `name` is what a refusal calls the listener. Raises Unavailable."""
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=DRAIN_S, h11_max_incomplete_event_size=128 * 1024, ws="none",
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )  # fmt: skip
    with saying(name, host, port):
        family, _, _, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(at, family=family, backlog=config.backlog)
    server = _QuietServer(config)
    task = asyncio.get_running_loop().create_task(server.serve([listener]))
    while not server.started:
        if task.done():
            await task
            raise Unavailable(f"{name} does not start on {host}:{port}")
        await asyncio.sleep(0.01)

    async def end() -> None:
        server.should_exit = True
        await task

    return f"{host}:{listener.getsockname()[1]}", end
