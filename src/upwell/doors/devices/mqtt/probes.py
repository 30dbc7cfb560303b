"""Is the device's host still there? The kernel asks it, where a device itself may be silent for long."""

import asyncio
import socket

HOST_PROBES = {  # a host that answers none for six minutes is gone: seconds before the first, between two, and how many
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5))
    if hasattr(socket, name)  # not every system names all of them
}


def probe(transport: asyncio.Transport) -> None:
    """From now on, end the connection when its host is gone."""
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in HOST_PROBES.items():
        raw.setsockopt(socket.IPPROTO_TCP, option, value)
