"""Who asks at the REST doors: a request signed with an access key, or one with a user's token (huawei 1.8).

Holds: a key of another dialect is as unknown as one that does not exist. Refuses: to do anything before the proof
holds. The signature has no nonce, so nothing is kept of a request (dialects/huawei/signing.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from upwell.dialects.huawei import signing
from upwell.dialects.huawei.signing import SignedRequest, SigningError
from upwell.domain.errors import Denied, Invalid
from upwell.doors.management.lingering import announced
from upwell.service.context import Context
from upwell.service.manage import access, users
from upwell.service.manage.access import Caller

DIALECT = "huawei"
TOKEN_HEADER = "x-auth-token"  # noqa: S105  # the name of a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Proves who asks."""

    ctx: Context
    now: Callable[[], datetime]

    async def caller(self, request: SignedRequest, *, scoped: bool = True) -> Caller:
        """Who asks, proven; a token must be scoped to a project, unless `scoped` is False. Raises SigningError."""
        told = request.headers
        if TOKEN_HEADER in told and not {"authorization", "x-security-token"} & told.keys():
            return await self._of_token(told[TOKEN_HEADER], scoped)
        claim = signing.claim(request)
        key = await access.find_key(self.ctx, claim.access_key_id)
        if key is None or key.dialect != DIALECT:
            raise SigningError("signature", "The access key does not exist.")
        signing.verify(request, claim, key.secret, self.now())
        return key.caller()

    async def _of_token(self, token: str, scoped: bool) -> Caller:
        try:
            return await users.caller_of_token(self.ctx, token.strip(), scoped=scoped)
        except Denied as exc:
            raise SigningError("token", exc.problem) from exc


def peer_of(request: Request) -> str:
    """Where the request came from, for the log."""
    return request.client.host if request.client else ""


def key_named(request: SignedRequest) -> str:
    """The key that a request says it is signed with, unproven, for the log; empty for one with a token."""
    try:
        return signing.claim(request).access_key_id
    except SigningError:
        return ""


async def read(request: Request, body_size_max: int, field: str = "body") -> SignedRequest:
    """A request exactly as it was received. Raises Invalid naming `field` when its body is longer, before any of it is
    read if its header says so."""
    body, rule = bytearray(), f"at most {body_size_max} bytes"
    if announced(request) > body_size_max:
        raise Invalid(field, rule, f"{announced(request)} are announced")
    async for part in request.stream():
        body += part
        if len(body) > body_size_max:
            raise Invalid(field, rule)
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return SignedRequest(
        method=request.method,
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=headers,
        body=bytes(body),
    )
