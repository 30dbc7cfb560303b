"""Every address that a server listens on: HTTP by one uvicorn server for each, devices by the doors."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette

from upwell.config import Settings
from upwell.domain.errors import Unavailable
from upwell.doors.downloads import DownloadDoor
from upwell.doors.mqtt.server import MqttDoor
from upwell.doors.tls import Certificates

DRAIN_S = 3  # for what is under way when the server is told to end


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a started server listens; None where it does not."""

    http: str
    mqtt: str
    download: str
    https: str | None = None
    mqtts: str | None = None
    mqtt_ws: str | None = None
    mqtt_wss: str | None = None
    downloads: str | None = None

    def __str__(self) -> str:
        return " ".join(f"{name}={at}" for name, at in asdict(self).items() if at is not None)


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the command that runs the server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Capture none."""
        yield


@contextlib.contextmanager
def saying(what: str, host: str, port: int) -> Iterator[None]:
    """Within it, an address that can't be listened on raises Unavailable with its name and the system's reason."""
    try:
        yield
    except OSError as exc:
        reason = os.strerror(exc.errno) if isinstance(exc.errno, int) and exc.errno > 0 else str(exc)
        raise Unavailable(f"{what} can't listen on {host}:{port}: {reason}.") from exc


async def open_downloads(
    door: DownloadDoor, settings: Settings, tls: Certificates | None
) -> tuple[tuple[str, int], tuple[str, int] | None]:
    """Where devices download from now, in the clear and by TLS. Raises Unavailable."""
    with saying("The download door", *settings.download):
        plain = await door.start(*settings.download)
    if settings.downloads is None or tls is None:
        return plain, None
    with saying("The download door", *settings.downloads):
        return plain, await door.start(*settings.downloads, tls.context)


async def open_mqtt(door: MqttDoor, settings: Settings, tls: Certificates | None) -> dict[str, str]:
    """The addresses by setting where devices connect now. Raises Unavailable."""
    secure = None if tls is None else tls.context
    opened: dict[str, str] = {}
    for setting, place, context, websocket in (
        ("mqtt", settings.mqtt, None, False),
        ("mqtts", settings.mqtts, secure, False),
        ("mqtt_ws", settings.mqtt_ws, None, True),
        ("mqtt_wss", settings.mqtt_wss, secure, True),
    ):
        if place is not None:
            with saying("MQTT", *place):
                host, port = await door.start(*place, context, websocket=websocket)
            opened[setting] = f"{host}:{port}"
    return opened


async def listen(
    app: Starlette, host: str, port: int, tls: ssl.SSLContext | None = None
) -> tuple[str, Callable[[], Awaitable[None]]]:
    """Where `app` now answers, and what ends it. Raises Unavailable."""
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=DRAIN_S, h11_max_incomplete_event_size=128 * 1024, ws="none",
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )  # fmt: skip
    with saying("HTTP", host, port):
        family, _, _, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(at, family=family, backlog=config.backlog)
    server = _QuietServer(config)
    task = asyncio.get_running_loop().create_task(server.serve([listener]))
    while not server.started:
        if task.done():
            await task
            raise Unavailable(f"HTTP does not start on {host}:{port}")
        await asyncio.sleep(0.01)

    async def end() -> None:
        server.should_exit = True
        await task

    return f"{host}:{listener.getsockname()[1]}", end
