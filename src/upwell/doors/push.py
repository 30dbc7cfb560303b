"""Posts news to the URLs that users gave, and to nothing but what they may name.

A name is looked up once and the connection goes to an address that was looked at, so what a name turns into later does
not matter; one address that is not public refuses them all. TLS certificates are verified for the URL's host. No
redirect is followed, the answer's body is not read, and a try ends within its time whatever the other side does.
URLs and tokens are secrets: they are never logged.
"""

import asyncio
import hmac
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httptools

from upwell.domain.addresses import Target, is_public, read_url
from upwell.domain.errors import Invalid
from upwell.service.upgrade.news import Parcel

log = logging.getLogger(__name__)
TRY_S = 15.0  # look-up, connection, request and answer together; the vendor waits as long
BODY_BYTES_MAX = 64 * 1024  # of a request; news has some hundred
ANSWER_BYTES_MAX = 16 * 1024  # of an answer's head
SIGNATURE_HEADER = "X-Upwell-Signature"

Resolve = Callable[..., Awaitable[Sequence[Any]]]  # as `getaddrinfo` of an event loop


class _Refused(Exception):
    """Why it is not sent, or was not taken."""


class Poster:
    """Posts parcels. `private` allows addresses that are not of the public internet; `trusted` are the certificate
    authorities and `resolve` looks names up, each the system's own when it is None."""

    def __init__(
        self,
        *,
        private: bool = False,
        trusted: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        try_s: float = TRY_S,
    ) -> None:
        self._private = private
        self._tls = trusted or ssl.create_default_context()
        self._resolve = resolve
        self._try_s = try_s

    async def post(self, parcel: Parcel) -> str:
        """Post it; "" when it was taken (2xx), else why not, in words that give no secret away."""
        try:
            async with asyncio.timeout(self._try_s):
                return await self._post(parcel)
        except _Refused as exc:
            return str(exc)
        except Invalid as exc:
            return exc.problem
        except TimeoutError:
            return f"no answer within {self._try_s:g} s"
        except ssl.SSLCertVerificationError as exc:
            return f"the server's certificate is not valid: {exc.verify_message}"
        except OSError as exc:
            return f"no connection: {type(exc).__name__}"

    async def _post(self, parcel: Parcel) -> str:
        target = read_url(parcel.url, private=self._private)
        if len(parcel.body) > BODY_BYTES_MAX:
            raise _Refused(f"it has more than {BODY_BYTES_MAX} bytes")
        reader, writer = await self._connected(target, parcel.server_name)
        try:
            writer.write(_head(target, parcel) + parcel.body)
            await writer.drain()
            status = await _status(reader)
        finally:
            writer.transport.abort()
        return "" if 200 <= status < 300 else f"the answer was {status}"

    async def _connected(
        self, target: Target, server_name: str | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first of the host's addresses that takes one. Raises OSError, _Refused."""
        tls: dict[str, Any] = {"ssl": self._tls, "server_hostname": server_name or target.host} if target.secure else {}
        *others, last = await self._addresses(target)
        for address in others:
            try:
                return await asyncio.open_connection(address, target.port, limit=ANSWER_BYTES_MAX, **tls)
            except ssl.SSLError:
                raise
            except OSError as exc:
                log.debug("an address takes no connection: %s", type(exc).__name__)
        return await asyncio.open_connection(last, target.port, limit=ANSWER_BYTES_MAX, **tls)

    async def _addresses(self, target: Target) -> list[str]:
        """The addresses of the host, at least one. Raises _Refused for a name that may lead to one not public."""
        resolve = self._resolve or asyncio.get_running_loop().getaddrinfo
        found = await resolve(target.host, target.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not addresses:
            raise _Refused("the host has no address")
        if not self._private and not all(is_public(address) for address in addresses):
            raise _Refused("the host is not of the public internet")
        return addresses


def _head(target: Target, parcel: Parcel) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "Content-Type: application/json",
        f"Content-Length: {len(parcel.body)}",
        "User-Agent: upwell",
        "Connection: close",
    ]
    if parcel.token is not None:
        lines.append(f"{SIGNATURE_HEADER}: {signature(parcel.token, int(parcel.at.timestamp()), parcel.body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def signature(token: str, at: int, body: bytes) -> str:
    """`t=<unix second>,v1=<hex>`: HMAC-SHA256 under the token of the second in decimal, a dot and the body."""
    return f"t={at},v1={hmac.new(token.encode(), f'{at}.'.encode() + body, 'sha256').hexdigest()}"


class _Answer:
    """The head of an answer."""

    def __init__(self) -> None:
        self.status = 0
        self.parser = httptools.HttpResponseParser(self)

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the answer; interim ones are passed over (RFC 9110 15.2)."""
    answer, size = _Answer(), 0
    while answer.status < 200:
        data = await reader.read(4096)
        size += len(data)
        if not data or size > ANSWER_BYTES_MAX:
            raise _Refused("the connection ended before an answer" if not data else "the answer's head is too large")
        try:
            answer.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            raise _Refused("the answer is not HTTP") from exc
    return answer.status
