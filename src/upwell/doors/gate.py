"""Who asks at the REST doors: a request signed with an access key.

Holds: a key of another dialect is as unknown as one that does not exist. Refuses: to do anything before the proof
holds. The signature has no nonce, so nothing is kept of a request (dialects/huawei/signing.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from upwell.dialects.huawei import signing
from upwell.dialects.huawei.signing import SignedRequest, SigningError
from upwell.domain.errors import Invalid
from upwell.service import access
from upwell.service.access import Caller
from upwell.service.context import Context

DIALECT = "huawei"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Proves who asks."""

    ctx: Context
    now: Callable[[], datetime]

    async def caller(self, request: SignedRequest) -> Caller:
        """Who asks, proven. Raises SigningError."""
        claim = signing.claim(request)
        key = await access.find_key(self.ctx, claim.access_key_id)
        if key is None or key.dialect != DIALECT:
            raise SigningError("signature", "The access key does not exist.")
        signing.verify(request, claim, key.secret, self.now())
        return key.caller()


async def read(request: Request, body_size_max: int) -> SignedRequest:
    """A request exactly as it was received. Raises Invalid (body)."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > body_size_max:
            raise Invalid("body", f"at most {body_size_max} bytes")
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
