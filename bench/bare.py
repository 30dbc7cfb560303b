"""The yardstick of the device doors: a bare MQTT edge with group commit, and nothing else.

It logs a device in by its signature, reads the version that the device reports out of its JSON, and writes it down: one
statement and one commit for all that came meanwhile, and only then their PUBACKs. No tasks, no bounds, no order beyond
the socket's, no faces. Whatever does more on the same machine is measured against it, in the same run and with the same
load.

`python -m bench.bare` reads a line of JSON (`dsn`, `secrets` by name, `key`) and answers with its port.
"""

import asyncio
import json
import sys
from typing import Any

import asyncpg
import uvloop

from bench import wire

TABLE = "create table if not exists bare_version (device text primary key, version text not null, at timestamptz)"
SAVE = (
    "insert into bare_version select n.device, n.version, now()"
    " from unnest($1::text[], $2::text[]) as n(device, version)"
    " on conflict (device) do update set version = excluded.version, at = excluded.at"
)
_HEAD = 10  # bytes of a CONNECT before the client id


class Edge:
    """What its connections share."""

    def __init__(self, key: str, secrets: dict[str, str]) -> None:
        self.key, self.secrets = key, secrets
        self.waiting: list[tuple[Peer, bytes, str, str]] = []
        self.some = asyncio.Event()

    async def run(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Commit for ever."""
        save = await conn.prepare(SAVE)
        while True:
            await self.some.wait()
            self.some.clear()
            batch, self.waiting = self.waiting, []
            newest = {device: version for _, _, device, version in batch}
            await save.fetch(list(newest), list(newest.values()))
            acks: dict[Peer, bytearray] = {}
            for peer, number, _, _ in batch:
                acks.setdefault(peer, bytearray()).extend(b"\x40\x02" + number)
            for peer, answer in acks.items():
                peer.answer(answer)


class Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.cutter = wire.Cutter()
        self.name = ""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's do not inherit from asyncio's

    def answer(self, data: bytes | bytearray) -> None:
        """Write, if it is still there."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Whatever came."""
        for kind, flags, body in self.cutter.feed(data):
            if kind == wire.PUBLISH:
                self._said(flags, body)
            elif kind == 1:
                self._hello(body)
            elif kind == 12:
                self.answer(b"\xd0\x00")

    def _hello(self, body: bytes) -> None:
        after = _HEAD + 2 + int.from_bytes(body[_HEAD : _HEAD + 2])
        username = body[after + 2 : after + 2 + int.from_bytes(body[after : after + 2])].decode()
        name = username.partition("&")[0]
        right = wire.login(self.edge.key, name, self.edge.secrets.get(name, ""))
        if right.endswith(body):
            self.name = name
        self.answer(b"\x20\x02\x00\x00" if self.name else b"\x20\x02\x00\x05")

    def _said(self, flags: int, body: bytes) -> None:
        topic, number, payload = wire.published(flags, body)
        if topic.rpartition("/")[2] != self.name:
            return
        version = str(json.loads(payload)["params"]["version"])
        self.edge.waiting.append((self, number.to_bytes(2), self.name, version))
        self.edge.some.set()


async def main() -> None:
    """Until the input ends."""
    loop = asyncio.get_running_loop()
    given: dict[str, Any] = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    edge = Edge(given["key"], given["secrets"])
    conn = await asyncpg.connect(given["dsn"])
    await conn.execute(TABLE)
    server = await loop.create_server(lambda: Peer(edge), "127.0.0.1", 0, backlog=4096)
    work = loop.create_task(edge.run(conn))
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    work.cancel()
    await conn.close()


if __name__ == "__main__":
    uvloop.run(main())
