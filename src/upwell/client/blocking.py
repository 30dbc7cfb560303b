"""The client that waits."""

import time
from collections.abc import Iterator, Mapping
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
from upwell.client.http import TIMEOUT_S, Pages, Verify, options, request_of
from upwell.client.problems import Unreachable

T = TypeVar("T")


class Blocking:
    """Does what flows ask for, on connections that are kept; one thread at a time. `transport` is for whoever has a
    way of their own to the server."""

    def __init__(
        self, url: str, token: str | None = None, *, timeout_s: float = TIMEOUT_S, retries: Retries | None = None,
        verify: Verify = True, transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        """Connects to nothing yet. Raises ValueError for a URL that is none."""
        self.retries = Retries() if retries is None else retries
        self._http = httpx.Client(**options(url, token, timeout_s, verify), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def run(self, flow: Flow[T]) -> T:
        """What a flow comes to."""
        try:
            step = next(flow)
            while True:
                try:
                    came = self._do(step)
                except (httpx.TransportError, OSError) as exc:
                    step = flow.throw(exc)
                else:
                    step = flow.send(came)
        except StopIteration as end:
            return cast(T, end.value)

    def _do(self, step: Step) -> Any:
        match step:
            case Ask():
                response = self._http.send(request_of(self._http, step), stream=step.keeps)
                if step.keeps and response.status_code >= 400:
                    response.read()
                return response
            case Pause():
                return time.sleep(step.seconds)
            case Read():
                step.file.seek(step.at)
                return step.file.read(step.size)

    def request(
        self, method: str, where: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Answer:
        """What an operation tells that has no method here, one of a newer server: `where` is its path below `/v1`."""
        return self.run(one(ask(method, where, query=query, body=body), self.retries))

    def _one(self, request: Ask, kind: type[T]) -> T:
        return cast(T, self.run(one(request, self.retries)))

    def _none(self, request: Ask) -> None:
        self.run(none(request, self.retries))

    def _stream(self, request: Ask, retries: Retries | None = None) -> Iterator[bytes]:
        """An answer piece by piece, as it comes."""
        response = self.run(asked(replace(request, keeps=True), self.retries if retries is None else retries))
        try:
            yield from response.iter_bytes()
        except httpx.TransportError as exc:
            raise Unreachable(f"the answer broke off: {exc}") from exc
        finally:
            response.close()

    def _many(self, request: Ask, kind: type[T]) -> list[T]:
        return self.run(many(request, self.retries))

    def _pages(self, request: Ask, kind: type[T]) -> Pages[T]:
        return Pages(lambda cursor: self.run(page(behind(request, cursor), self.retries)))
