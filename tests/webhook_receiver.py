"""A receiver of webhooks on a real socket, which answers as it is told and checks what it takes with the library of
Standard Webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Heard:
    """One request."""

    headers: dict[str, str]
    body: bytes
    event: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.event = json.loads(self.body)

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`answers` says what is answered, and is given each request; None holds it until `released`."""

    answers: Callable[[Heard], bytes | None] = lambda heard: OK
    heard: list[Heard] = field(default_factory=list)
    taken: list[Heard] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            pairs = (line.partition(": ") for line in head.split("\r\n")[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            heard = Heard(headers, await reader.readexactly(int(headers["content-length"])))
            self.heard.append(heard)
            said = self.answers(heard)
            if said is None:
                await self.released.wait()
                said = OK
            if said.startswith(b"HTTP/1.1 2"):
                self.taken.append(heard)
            writer.write(said)
            await writer.drain()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    @property
    def ids(self) -> list[str]:
        """Of the events that it took, each once, in their order."""
        return list(dict.fromkeys(heard.event_id for heard in self.taken))

    def of(self, name: str) -> list[Any]:
        """That member of the data of what it took."""
        return [heard.event["data"].get(name) for heard in self.taken]


@asynccontextmanager
async def receiving(**more: Any) -> AsyncIterator[Receiver]:
    receiver = Receiver(**more)
    listener = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hook?token=in-the-url"
    try:
        yield receiver
    finally:
        receiver.released.set()
        listener.close()


def verified(heard: Heard, secrets: Sequence[str]) -> bool:
    """Whether the library takes it, by each of these secrets."""
    for secret in secrets:
        Webhook(secret).verify(heard.body, heard.headers)
    return True
