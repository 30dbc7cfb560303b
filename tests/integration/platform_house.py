"""A whole server in this process on a test's database, and devices that write their own bytes."""

import asyncio
import hashlib
import hmac
import json
import struct
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.job_commands import static_job
from tests.mqttwire import WireClient, puback, publish, subscribe

from upwell.config.loading import load
from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import access, devices, jobs, packages, products, uploads
from upwell.service.manage.access import Caller
from upwell.wiring.server import Server, running

SECONDS = 10.0


@dataclass(frozen=True)
class Known:
    """A registered device."""

    key: str
    name: str
    secret: str

    def login(self, client_id: str = "x") -> tuple[str, str, bytes]:
        """Client id, username and password of a plain login."""
        content = f"clientId{client_id}deviceName{self.name}productKey{self.key}"
        return f"{client_id}|signmethod=hmacsha256|", f"{self.name}&{self.key}", sign(self.secret, content).encode()


def sign(secret: str, content: str) -> str:
    return hmac.new(secret.encode(), content.encode(), hashlib.sha256).hexdigest()


class Device:
    """A logged-in connection; what comes in is kept and PUBACKed."""

    def __init__(self, client: WireClient, known: Known) -> None:
        self.client = client
        self.known = known
        self.heard: list[tuple[str, bytes]] = []
        self.pubacks: list[int] = []
        self.subacks: list[bytes] = []
        self.ended = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self._last = 0

    async def _read(self) -> None:
        try:
            while True:
                packet = await self.client.receive(3600)
                if packet.kind == 3:
                    self.heard.append((packet.topic, packet.payload))
                    if packet.qos:
                        await self.client.send(puback(packet.packet_id))
                elif packet.kind == 4:
                    self.pubacks.append(packet.packet_id)
                elif packet.kind == 9:
                    self.subacks.append(packet.body[2:])
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended.set()

    async def say(self, topic: str, body: Any) -> None:
        """Publish at QoS 1 and wait until it was taken."""
        self._last += 1
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.client.send(publish(topic, payload, self._last))
        number = self._last
        await until(lambda: number in self.pubacks or self.ended.is_set())

    async def said(self, topic: str, holds: Callable[[bytes], bool] = lambda _: True) -> bytes:
        """The first message on a topic, waited for and forgotten."""
        found: list[tuple[str, bytes]] = []

        def there() -> bool:
            found[:] = [(t, p) for t, p in self.heard if t == topic and holds(p)][:1]
            return bool(found)

        await until(there)
        self.heard.remove(found[0])
        return found[0][1]

    async def subscribe(self, topic_filter: str, qos: int = 0) -> bytes:
        before = len(self.subacks)
        await self.client.send(subscribe(9, (topic_filter, qos)))
        await until(lambda: len(self.subacks) > before)
        return self.subacks[-1]

    def sys(self, tail: str, who: Known | None = None) -> str:
        it = who or self.known
        return f"/sys/{it.key}/{it.name}/{tail}"

    def ota(self, what: str, who: Known | None = None) -> str:
        it = who or self.known
        return f"/ota/device/{what}/{it.key}/{it.name}"

    async def inform(self, version: str, who: Known | None = None) -> None:
        await self.say(self.ota("inform", who), {"id": 1, "params": {"version": version}})

    async def close(self) -> None:
        self._reader.cancel()
        await self.client.close()


class House:
    """A running server with an account."""

    def __init__(self, server: Server, mqtt: str | None, http: str, caller: Caller, stack: AsyncExitStack) -> None:
        self.server = server
        self.ctx: Context = server.ctx
        self.caller = caller
        self.http = http
        host, _, port = (mqtt or "").rpartition(":")
        self.mqtt = (host, int(port)) if mqtt else None
        self._stack = stack

    async def product(self, *, gateway: bool = False) -> c.Product:
        facts = {"NodeType": int(gateway)}
        name = f"p{time.monotonic_ns()}"
        return await products.create_product(self.ctx, self.caller, c.CreateProduct(name=name, facts=facts))

    async def device(self, product_key: str, name: str | None = None) -> Known:
        made = await devices.create_device(self.ctx, self.caller, c.CreateDevice(product_key=product_key, name=name))
        return Known(product_key, made.name, made.secret)

    async def client(self) -> WireClient:
        """A connection that nothing was said on, closed at the end."""
        assert self.mqtt is not None
        client = await WireClient.open(*self.mqtt)
        self._stack.push_async_callback(client.close)
        return client

    async def connect(self, known: Known) -> Device:
        client = await self.client()
        assert await client.login(*known.login()) == 0
        device = Device(client, known)
        self._stack.push_async_callback(device.close)
        return device

    async def code(self, client_id: str, username: str, password: bytes) -> int:
        """What a login is answered."""
        client = await self.client()
        return await client.login(client_id, username, password)

    async def package(self, key: str, image: bytes, **more: Any) -> int:
        """A package whose bytes are in the store."""
        ticket = await uploads.create_upload_ticket(self.ctx, self.caller, c.CreateUploadTicket(), "http://h")
        await uploads.begin_upload(self.ctx, ticket.object_key)
        writer = await self.server.objects.create(ticket.object_key)
        await writer.write(image)
        stored = await writer.commit()
        await uploads.finish_upload(self.ctx, ticket.object_key, stored.size, stored.md5, stored.sha256)
        facts = {"version": "2.0", "verify": False} | more
        cmd = c.CreatePackage(name=f"f{time.monotonic_ns()}", url=ticket.url, product_key=key, **facts)
        return (await packages.create_package(self.ctx, self.caller, cmd)).package_id

    async def job(self, package: int, known: Known, **more: Any) -> int:
        which = {"device_names": (known.name,)} | more
        cmd = static_job(package_id=package, product_key=known.key, selection="SPECIFIC", **which)
        job = (await jobs.create_job(self.ctx, self.caller, cmd)).job_id
        self.server.engine.wake("fill", "push")
        return job

    async def rows(self, text: str, *arguments: Any) -> list[dict[str, Any]]:
        async with self.ctx.database.connection() as conn:
            return [dict(row.items()) for row in await conn.fetch(text, *arguments)]

    async def state(self, job: int) -> str:
        return str((await self.rows("select state from task where job_id = $1", job))[0]["state"])

    async def until_state(self, job: int, state: str) -> None:
        deadline = time.monotonic() + SECONDS
        while await self.state(job) != state:
            assert time.monotonic() < deadline, await self.state(job)
            await asyncio.sleep(0.02)

    async def online(self, known: Known) -> bool:
        found = await self.rows(
            "select 1 from presence join device d using (device_id) where d.name = $1 and node_id is not null",
            known.name,
        )
        return bool(found)

    async def until_online(self, known: Known, wanted: bool = True) -> None:
        deadline = time.monotonic() + SECONDS
        while await self.online(known) is not wanted:
            assert time.monotonic() < deadline, f"{known.name} online: {not wanted}"
            await asyncio.sleep(0.02)


@asynccontextmanager
async def house_on(
    dsn: str, folder: Path, more: Mapping[str, Any] | None = None, **options: str
) -> AsyncIterator[House]:
    """A server on that database, with `more` rows than its own; `options` are settings."""
    any_port = {"http": "127.0.0.1:0", "mqtt": "127.0.0.1:0", "download": "127.0.0.1:0"}
    store = {"data_dir": str(folder), "objects_url": f"file://{folder}/objects", "database_url": dsn}
    settings = load({**any_port, **store, **options}, {}, None)
    async with running(settings, **(more or {})) as (server, at), AsyncExitStack() as stack:
        key = await access.create_key(server.ctx, "acme", "admin", "alibaba")
        caller = Caller(key.account_id, key.role, key.key_id, key.dialect)
        yield House(server, at.mqtt, at.http, caller, stack)


def block_of(payload: bytes) -> tuple[dict[str, Any], bytes, int]:
    """A binary reply taken apart: its JSON, the block, the CRC as sent."""
    (size,) = struct.unpack_from(">H", payload)
    return json.loads(payload[2 : 2 + size]), payload[2 + size : -2], struct.unpack("<H", payload[-2:])[0]


async def until(holds: Callable[[], object], seconds: float = SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)
