"""What both clients have in common: where the server is, who asks, how long is waited; and the pages of a list.

Holds: the token goes to this server alone, for no redirect is followed.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any, Generic, TypeVar

import httpx

from upwell import __version__
from upwell.client.asking import Ask, Page

T = TypeVar("T")
TIMEOUT_S = 30.0  # for a connection, and between two pieces of an answer or a request
_LABEL = rb"[A-Za-z0-9_-]{1,63}"  # a name with longer or empty ones can't be looked up
_HOST = re.compile(rb"[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*|%b(?:\.%b)*\.?" % (_LABEL, _LABEL))
Verify = bool | str | SSLContext


def address(url: str) -> str:
    """The server's address as it is used. Raises ValueError for what is none."""
    try:
        found = httpx.URL(url)
        _ = found.host  # it is decoded here
    except (httpx.InvalidURL, TypeError, ValueError) as exc:
        raise ValueError(f"{url!r} is no URL: {exc}") from exc
    if found.scheme not in ("http", "https") or not _HOST.fullmatch(found.raw_host) or (found.port or 1) > 65535:
        raise ValueError(f"{url!r} is no URL of a server: write http://HOST:PORT or https://HOST:PORT")
    if found.userinfo or found.query or found.fragment:
        raise ValueError(f"{found.copy_with(userinfo=None)!s} has more than a host, a port and a path")
    return str(found).rstrip("/").removesuffix("/v1")


def headers_of(token: str | None) -> dict[str, str]:
    """What each request carries."""
    told = {"User-Agent": f"upwell/{__version__}", "Accept": "application/json"}
    return told if token is None else told | {"Authorization": f"Bearer {token}"}


def request_of(http: httpx.Client | httpx.AsyncClient, asked: Ask) -> httpx.Request:
    """The request as httpx sends it."""
    request = http.build_request(
        asked.method, asked.path, params=asked.query or None, json=asked.body, headers=asked.headers
    )
    if asked.stream is not None:
        request.stream = asked.stream
    return request


@dataclass(frozen=True, slots=True)
class Pages(Generic[T]):
    """A list, asked for page by page while it is read: `for thing in pages`. Nothing is asked before."""

    fetch: Callable[[str | None], Page[T]]

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[T]]:
        """The pages, each with what leads to the next."""
        page = self.fetch(None)
        yield page
        while page.next_cursor is not None:
            page = self.fetch(page.next_cursor)
            yield page

    def page(self) -> Page[T]:
        """The first page alone."""
        return self.fetch(None)


@dataclass(frozen=True, slots=True)
class AsyncPages(Generic[T]):
    """A list, asked for page by page while it is read: `async for thing in pages`. Nothing is asked before."""

    fetch: Callable[[str | None], Awaitable[Page[T]]]

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """The pages, each with what leads to the next."""
        page = await self.fetch(None)
        yield page
        while page.next_cursor is not None:
            page = await self.fetch(page.next_cursor)
            yield page

    async def page(self) -> Page[T]:
        """The first page alone."""
        return await self.fetch(None)


def options(url: str, token: str | None, timeout_s: float, verify: Verify) -> dict[str, Any]:
    """What an httpx client is made with."""
    where = address(url)
    if verify is True and where.startswith("http:"):  # no TLS is spoken, so no certificates need be loaded
        verify = SSLContext(PROTOCOL_TLS_CLIENT)
    return {
        "base_url": where, "headers": headers_of(token), "timeout": timeout_s, "verify": verify,
        "follow_redirects": False,
    }  # fmt: skip
