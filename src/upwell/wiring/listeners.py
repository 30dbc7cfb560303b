"""What answers HTTP, over TCP or TLS: one uvicorn server for each address."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from upwell.domain.errors import Unavailable

DRAIN_S = 3  # for what is under way when the server is told to end


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
        reason = os.strerror(number) if isinstance(number, int) and number > 0 else str(exc)
        raise Unavailable(f"{what} can't listen on {host}:{port}: {reason}.") from exc


async def listen(
    app: Starlette, host: str, port: int, tls: tuple[Path | None, Path | None] = (None, None), *, name: str = "HTTP"
) -> tuple[str, Callable[[], Awaitable[None]]]:
    """Where `app` now answers, and what ends it. `tls` is a certificate and its key; `name` is what a refusal calls the
    listener. Raises Unavailable."""
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=DRAIN_S, h11_max_incomplete_event_size=128 * 1024, ssl_certfile=tls[0],
        ssl_keyfile=tls[1],
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
