"""Who else is about a fleet: people of several roles, keys of several tongues, and hooks; one takes nothing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from upwell.client import AsyncClient

Role = Literal["viewer", "operator", "approver", "admin"]
Dialect = Literal["upwell", "alibaba", "tuya", "huawei"]
PEOPLE: tuple[tuple[str, Role], ...] = (
    ("Bo.Reviews", "approver"),
    ("chen.wei", "operator"),
    ("dashboard", "viewer"),
    ("eve.left", "operator"),
)
KEYS: tuple[tuple[Dialect, Role, int | None], ...] = (
    ("upwell", "operator", 90), ("alibaba", "admin", None), ("tuya", "operator", 30), ("huawei", "viewer", None),
)  # fmt: skip
LOOK_S, LOOKS = 0.3, 40


@asynccontextmanager
async def neighbours(upwell: AsyncClient) -> AsyncIterator[None]:
    """They are there, and the hooks' receivers answer, until the end of the `with`."""
    receivers = await asyncio.start_server(_hear, "127.0.0.1", 0)
    at = f"http://127.0.0.1:{receivers.sockets[0].getsockname()[1]}"
    try:
        await _people(upwell)
        await _hooks(upwell, at)
        yield
    finally:
        receivers.close()


async def _hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What comes to /down is not taken."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        is_down = head.startswith(b"POST /down")
        said = b"the queue is full" if is_down else b'{"kept": true}'
        status = b"503 Service Unavailable" if is_down else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(said), said))
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def _people(upwell: AsyncClient) -> None:
    made = {}
    for name, role in PEOPLE:
        word = secrets.token_urlsafe()
        made[name] = (await upwell.create_user(name=name, role=role, password=word))["id"]
        if name != "eve.left":
            await upwell.create_session(name=name, password=word, account="default")
    await upwell.update_user(made["eve.left"], enabled=False)
    for dialect, role, days in KEYS:
        await upwell.create_key(role=role, dialect=dialect, days=days)


async def _hooks(upwell: AsyncClient, at: str) -> None:
    chat = await upwell.create_hook(
        target_url=f"{at}/chat", name="chat of the firmware team",
        types=["upwell.rollout.halted", "upwell.rollout.ended", "upwell.package.lost"],
    )  # fmt: skip
    down = await upwell.create_hook(target_url=f"{at}/down", name="warehouse", product_id="lamps")
    await upwell.create_hook(target_url=f"{at}/builds", types=["upwell.package.verified"])
    paused = await upwell.create_hook(target_url=f"{at}/old", name="the old dashboard")
    await upwell.update_hook(paused["id"], enabled=False)
    for hook in (chat, chat, down):
        await upwell.ping_hook(hook["id"])
    for _ in range(LOOKS):
        if "failing_since" in await upwell.show_hook(down["id"]):
            break
        await asyncio.sleep(LOOK_S)
