"""What systemd is told of a service (sd_notify): that it is ready, that it lives, that it stops. Nothing where nobody
listens."""

import asyncio
import os
import socket

PINGS = 3  # in the time after which systemd takes us for dead


def tell_systemd(text: str) -> None:
    """Send one word of the protocol. What can't be sent is lost: systemd then acts as the unit says."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            sock.connect("\0" + place[1:] if place[0] == "@" else place)
            sock.send(text.encode())
    except OSError:
        return


def watchdog_s() -> float | None:
    """After how many seconds of silence systemd takes this process for dead; None where it does not watch it."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    micros = os.environ.get("WATCHDOG_USEC", "")
    return int(micros) / 1e6 if micros.isdecimal() and int(micros) else None


async def stay_alive() -> None:
    """Say that the event loop turns, until cancelled. A part that we need may be away all the same: to start anew would
    not bring it back."""
    within_s = watchdog_s()
    while within_s is not None:
        tell_systemd("WATCHDOG=1")
        await asyncio.sleep(within_s / PINGS)
