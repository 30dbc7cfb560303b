"""Where a server listens, and where its devices go: what `upwell doctor` sees of that.

Holds: no peer is waited for longer than WAIT_S.
"""

import asyncio
import ipaddress
import os
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx

from upwell.config import Settings
from upwell.config.addresses import HostPort
from upwell.wiring.finding import Finding

WAIT_S = 5.0
LISTENERS = ("http", "https", "mqtt", "mqtts", "mqtt_ws", "mqtt_wss", "download", "downloads", "metrics")


def at_hand(place: HostPort) -> HostPort:
    """Where this machine reaches a listener that listens everywhere."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # it is what is read here
    return HostPort(everywhere.get(place.host, place.host), place.port)


async def listeners(settings: Settings) -> AsyncIterator[Finding]:
    """Each that the settings have, and the server that runs, if one does."""
    given = {name: place for name in LISTENERS if (place := getattr(settings, name)) is not None}
    taken = {name: await _answers(at_hand(place)) for name, place in given.items() if place.port}
    ready = await _ready(settings) if taken.get("http") else None
    if ready is not None:
        yield ready
    for name, place in given.items():
        about = f"listener {name}"
        if not place.port:
            fact = "its port is any free one, and another after each start"
            yield Finding(about, "warning", fact, f"say --{name.replace('_', '-')} HOST:PORT")
        elif taken[name] and ready is None:
            yield Finding(about, "fault", f"something else listens on {place}", "end it, or choose another port")
        elif taken[name]:
            yield Finding(about, "ok", f"the server listens on {place}")
        elif ready is not None:
            yield Finding(about, "fault", f"nothing listens on {place}, though the server runs",
                          "start it anew with these settings")  # fmt: skip
        else:
            yield await asyncio.to_thread(_bindable, about, place)


def _bindable(about: str, place: HostPort) -> Finding:
    try:
        with socket.create_server(place, family=socket.AF_INET6 if ":" in place.host else socket.AF_INET):
            return Finding(about, "ok", f"{place} is free; no server runs")
    except OSError as exc:
        fact = f"{place} can't be listened on: {os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc}"
        return Finding(about, "fault", fact, "choose another address or port")


async def _answers(place: HostPort) -> bool:
    try:
        async with asyncio.timeout(WAIT_S):
            _, writer = await asyncio.open_connection(place.host, place.port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True


async def _ready(settings: Settings) -> Finding | None:
    """What the server says of itself; None where what listens there is none of ours."""
    try:
        async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as client:
            told = await client.get(f"http://{at_hand(settings.http)}/readyz")
    except httpx.HTTPError:
        return None
    if told.status_code == 200:
        return Finding("server", "ok", "it runs, and is ready")
    if told.status_code != 503:
        return None
    return Finding("server", "fault", f"it runs, and is not ready: {' '.join(told.text.split())[:500]}", "see its log")


async def public_urls(settings: Settings) -> AsyncIterator[Finding]:
    """As devices read them."""
    urls = {"public URL": settings.public_url_at(settings.download.port)}
    secure = settings.secure_url_at(settings.downloads.port if settings.downloads else None)
    urls |= {"public TLS URL": secure} if secure and secure not in urls.values() else {}
    for about, url in urls.items():
        parts = urlsplit(url)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, None, type=socket.SOCK_STREAM)
        except OSError:
            yield Finding(about, "fault", f"{parts.hostname} has no address here", "correct it, or the name server")
            continue
        addresses = sorted({str(each[4][0]).partition("%")[0] for each in found})
        found_at = [ipaddress.ip_address(each) for each in addresses]
        if any(each.is_unspecified or each.is_link_local or each.is_multicast for each in found_at):
            yield Finding(about, "fault", f"{url} is {', '.join(addresses)}, which is no server's address elsewhere",
                          "say --public-url as devices reach it")  # fmt: skip
        elif any(each.is_loopback for each in found_at):
            yield Finding(about, "warning", f"{url} is this machine alone: no device elsewhere can download",
                          "say --public-url as devices reach it")  # fmt: skip
        else:
            yield Finding(about, "ok", f"{url} is {', '.join(addresses)}")
        if parts.port not in (None, 80 if parts.scheme == "http" else 443):
            yield Finding(about, "warning", f"{url} has a port, which Alibaba's C SDKs can't read",
                          "serve downloads on 80 or 443 where such devices are in the fleet")  # fmt: skip
