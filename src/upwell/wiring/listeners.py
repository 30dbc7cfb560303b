"""Every address that a server listens on: HTTP by one door for each, devices by theirs."""

import contextlib
import os
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from starlette.types import ASGIApp

from upwell.config import Settings
from upwell.config.addresses import HostPort
from upwell.config.loading import LISTENERS, TLS_LISTENERS
from upwell.domain.errors import Unavailable
from upwell.doors.http.limits import Limits
from upwell.doors.http.places import Places
from upwell.doors.http.server import BACKLOG, HttpDoor
from upwell.doors.proxied import Proxied
from upwell.meters.counting import Tally

_OF_ALL = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}  # noqa: S104  # looked up, not bound


class Start(Protocol):
    """What has a door listen."""

    def __call__(
        self, host: str, port: int, tls: ssl.SSLContext | None, /, *, proxied: Proxied | None
    ) -> Awaitable[tuple[str, int]]: ...


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
    metrics: str | None = None
    public_url: str = ""
    secure_url: str | None = None

    @property
    def console(self) -> str:
        """Where a browser on this machine finds the console."""
        scheme, place = ("https", self.https) if self.https else ("http", self.http)
        host, _, port = place.rpartition(":")
        return f"{scheme}://{_OF_ALL.get(host, host)}:{port}/console"

    def told(self) -> dict[str, str]:
        """Every listener that is there by the name of its setting, and what devices are told."""
        return {name.replace("_", "-"): place for name, place in asdict(self).items() if place}


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


def reserved(settings: Settings) -> tuple[Settings, list[socket.socket]]:
    """The settings with a port where any was to be had, and what holds each of their ports for processes of ours while
    the sockets are open; nothing is taken on them. Raises Unavailable."""
    held: list[socket.socket] = []
    found: dict[str, Any] = {}
    try:
        for setting in LISTENERS:
            place: HostPort | None = getattr(settings, setting)
            if place is not None:
                with saying(settings.named(setting), *place):
                    held.append(_held(*place))
                found[setting] = HostPort(place.host, held[-1].getsockname()[1])
    except BaseException:
        for each in held:
            each.close()
        raise
    return replace(settings, **found), held


def _held(host: str, port: int) -> socket.socket:
    """A socket with that port, which others of ours may share."""
    family, _, _, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.create_server(at, family=family) as alone:  # refused where anybody listens, another server of ours too
        bound = alone.getsockname()
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        held.bind(bound)
    except OSError:  # connections of a server that did not share wait for their end there; then nobody is kept out
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(bound)
    return held


async def open_doors(
    settings: Settings, tls: ssl.SSLContext | None, starts: Mapping[str, Start], refused: Tally
) -> dict[str, HostPort]:
    """The addresses where devices are answered now, by setting, of those that are on; `refused` counts what proxies
    hand on amiss. Raises Unavailable."""
    opened: dict[str, HostPort] = {}
    for setting, start in starts.items():
        place: HostPort | None = getattr(settings, setting)
        if place is not None:
            with saying(settings.named(setting), *place):
                context = tls if setting in TLS_LISTENERS else None
                opened[setting] = HostPort(
                    *await start(*place, context, proxied=proxied_by(settings, setting, refused))
                )
    return opened


def proxied_by(settings: Settings, setting: str, refused: Tally) -> Proxied | None:
    """The proxies that hand on what comes to that listener, whose refusals are counted by `refused`; None where it is
    said of no proxy."""
    if setting not in settings.proxy_protocol:
        return None
    return Proxied(settings.trusted_proxies, setting.replace("_", "-"), refused=refused)


async def listen(
    app: ASGIApp,
    host: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    *,
    name: str = "HTTP",
    limits: Limits | None = None,
    places: Places | None = None,
    shared: bool = False,
    proxied: Proxied | None = None,
) -> tuple[str, Callable[[], Awaitable[None]]]:
    """Where `app` now answers, and what ends it; `name` is what a refusal calls the listener, `places` what it shares
    with others of this process, `proxied` the proxies that hand on what comes, if there are. The address may be
    `shared` with other processes of ours. Raises Unavailable."""
    door = HttpDoor(app, limits, places)
    with saying(name, host, port):
        family, _, _, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(at, family=family, backlog=BACKLOG, reuse_port=shared)
    address = f"{host}:{listener.getsockname()[1]}"
    await door.start(listener, tls, proxied)
    return address, door.stop
