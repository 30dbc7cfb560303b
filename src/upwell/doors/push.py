"""Posts news to the URLs that users gave, and to nothing but what they may name.

A name is looked up once and the connection goes to an address that was looked at, so what a name turns into later does
not matter; one address that is not public refuses them all, and so does one that the connection turns out to go to.
TLS certificates are verified for the URL's host. No redirect is followed, of the answer's body the beginning is
read at most, and a try ends within its time whatever the other side does.
URLs and tokens are secrets: they are never logged.
"""

import asyncio
import contextlib
import hmac
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httptools

from upwell.domain.addresses import Target, is_public, read_url
from upwell.domain.errors import Invalid
from upwell.service.upgrade.news import Parcel

log = logging.getLogger(__name__)
TRY_S = 15.0  # look-up, connection, request and answer together; the vendor waits as long
BODY_BYTES_MAX = 64 * 1024  # of a request; news has some hundred
ANSWER_BYTES_MAX = 16 * 1024  # of an answer's head
BODY_WITHIN_S = 1.0  # for the beginning of an answer's body, where it is shown
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
        headers = {"Content-Type": "application/json"}
        if parcel.token is not None:
            headers[SIGNATURE_HEADER] = signature(parcel.token, int(parcel.at.timestamp()), parcel.body)
        answer = await self.send(parcel.url, parcel.body, headers, server_name=parcel.server_name)
        return answer.problem or ("" if 200 <= answer.status < 300 else f"the answer was {answer.status}")

    async def send(
        self, url: str, body: bytes, headers: Mapping[str, str], *, server_name: str | None = None, shown: int = 0
    ) -> "Answer":  # fmt: skip
        """Post these bytes; what came back, with so many bytes of its body, or why nothing did, in words that give no
        secret away."""
        try:
            async with asyncio.timeout(self._try_s):
                return await self._post(url, body, headers, server_name, shown)
        except _Refused as exc:
            problem = str(exc)
        except Invalid as exc:
            problem = exc.problem
        except TimeoutError:
            problem = f"no answer within {self._try_s:g} s"
        except ssl.SSLCertVerificationError as exc:
            problem = f"the server's certificate is not valid: {exc.verify_message}"
        except OSError as exc:
            problem = f"no connection: {type(exc).__name__}"
        return Answer(problem=problem)

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str], server_name: str | None, shown: int
    ) -> "Answer":  # fmt: skip
        target = read_url(url, private=self._private)
        if len(body) > BODY_BYTES_MAX:
            raise _Refused(f"it has more than {BODY_BYTES_MAX} bytes")
        reader, writer = await self._connected(target, server_name)
        try:
            self._check(str(writer.get_extra_info("peername")[0]))
            writer.write(_head(target, headers, len(body)) + body)
            await writer.drain()
            answer = await _answer(reader)
            await _read_body(reader, answer, shown)
        finally:
            writer.transport.abort()
        return Answer(answer.status, answer.retry_after, bytes(answer.body[:shown]))

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
        for address in addresses:
            self._check(address)
        return addresses

    def _check(self, address: str) -> None:
        if not self._private and not is_public(address):
            raise _Refused("the host is not of the public internet")


def _head(target: Target, headers: Mapping[str, str], size: int) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {size}",
        "User-Agent: upwell",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def signature(token: str, at: int, body: bytes) -> str:
    """`t=<unix second>,v1=<hex>`: HMAC-SHA256 under the token of the second in decimal, a dot and the body."""
    return f"t={at},v1={hmac.new(token.encode(), f'{at}.'.encode() + body, 'sha256').hexdigest()}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, when to come back if it was said so, the beginning of the body; or the problem."""

    status: int = 0
    retry_after: str = ""
    body: bytes = b""
    problem: str = ""


class _Answer:
    """An answer as it is read."""

    def __init__(self) -> None:
        self.status = 0
        self.retry_after = ""
        self.body = bytearray()
        self.is_whole = False
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_whole = self.status >= 200


async def _answer(reader: asyncio.StreamReader) -> _Answer:
    """The answer, at least its head; interim ones are passed over (RFC 9110 15.2)."""
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
    return answer


async def _read_body(reader: asyncio.StreamReader, answer: _Answer, wanted: int) -> None:
    """The beginning of the body, as far as it comes soon: what was said by the status counts in any case."""
    with contextlib.suppress(TimeoutError, OSError, httptools.HttpParserError, httptools.HttpParserUpgrade):
        async with asyncio.timeout(BODY_WITHIN_S):
            while len(answer.body) < wanted and not answer.is_whole:
                data = await reader.read(4096)
                if not data:
                    return
                answer.parser.feed_data(data)
