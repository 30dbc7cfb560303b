"""The client that awaits."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx

from upwell.client.asking import (
    Answer,
    Ask,
    Flow,
    Pause,
    Read,
    Retries,
    Step,
    ask,
    asked,
    behind,
    many,
    none,
    one,
    page,
)
from upwell.client.http import TIMEOUT_S, AsyncPages, Verify, options, request_of
from upwell.client.problems import Unreachable

T = TypeVar("T")


class Awaiting:
    """Does what flows ask for, on connections that are kept; any number at a time. `transport` is for whoever has a way
    of their own to the server."""

    def __init__(
        self, url: str, token: str | None = None, *, timeout_s: float = TIMEOUT_S, retries: Retries | None = None,
        verify: Verify = True, transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        """Connects to nothing yet. Raises ValueError for a URL that is none."""
        self.retries = Retries() if retries is None else retries
        self._http = httpx.AsyncClient(**options(url, token, timeout_s, verify), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def run(self, flow: Flow[T]) -> T:
        """What a flow comes to."""
        try:
            step = next(flow)
            while True:
                try:
                    came = await self._do(step)
                except (httpx.TransportError, OSError) as exc:
                    step = flow.throw(exc)
                else:
                    step = flow.send(came)
        except StopIteration as end:
            return cast(T, end.value)

    async def _do(self, step: Step) -> Any:
        match step:
            case Ask():
                response = await self._http.send(request_of(self._http, step), stream=step.keeps)
                if step.keeps and response.status_code >= 400:
                    await response.aread()
                return response
            case Pause():
                return await asyncio.sleep(step.seconds)
            case Read():
                return await asyncio.to_thread(_read, step)

    async def request(
        self, method: str, where: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Answer:
        """What an operation tells that has no method here, one of a newer server: `where` is its path below `/v1`."""
        return await self.run(one(ask(method, where, query=query, body=body), self.retries))

    async def _one(self, request: Ask, kind: type[T]) -> T:
        return cast(T, await self.run(one(request, self.retries)))

    async def _none(self, request: Ask) -> None:
        await self.run(none(request, self.retries))

    async def _stream(self, request: Ask, retries: Retries | None = None) -> AsyncIterator[bytes]:
        """An answer piece by piece, as it comes."""
        response = await self.run(asked(replace(request, keeps=True), self.retries if retries is None else retries))
        try:
            async for piece in response.aiter_bytes():
                yield piece
        except httpx.TransportError as exc:
            raise Unreachable(f"the answer broke off: {exc}") from exc
        finally:
            await response.aclose()

    async def _many(self, request: Ask, kind: type[T]) -> list[T]:
        return await self.run(many(request, self.retries))

    def _pages(self, request: Ask, kind: type[T]) -> AsyncPages[T]:
        return AsyncPages(lambda cursor: self.run(page(behind(request, cursor), self.retries)))


def _read(step: Read) -> bytes:
    step.file.seek(step.at)
    return step.file.read(step.size)
