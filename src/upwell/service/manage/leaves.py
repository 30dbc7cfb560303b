"""What a browser carries from here to a provider of sign-in and back: sealed, so that it is ours, nobody's to read, and
over soon. Any process opens what another sealed."""

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upwell.domain.errors import Denied
from upwell.service.context import Context
from upwell.service.upgrade.downloads import server_secret

LIFE = timedelta(minutes=10)
SIZE_MAX = 4096  # characters
_SECRET = "sign in outside"  # noqa: S105  # what it is for
_NONCE_BYTES = 12


async def sealed(ctx: Context, told: Mapping[str, str]) -> str:
    """As a text that a cookie takes, good for LIFE."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    text = json.dumps({**told, "ends": (ctx.now() + LIFE).timestamp()}).encode()
    key = AESGCM(await server_secret(ctx, _SECRET))
    return base64.urlsafe_b64encode(nonce + key.encrypt(nonce, text, None)).decode().rstrip("=")


async def opened(ctx: Context, text: str) -> dict[str, str]:
    """What was sealed. Raises Denied for what was not, or is over."""
    try:
        whole = base64.urlsafe_b64decode(text[:SIZE_MAX] + "=" * (-len(text[:SIZE_MAX]) % 4))
        key = AESGCM(await server_secret(ctx, _SECRET))
        told = json.loads(key.decrypt(whole[:_NONCE_BYTES], whole[_NONCE_BYTES:], None))
    except (ValueError, InvalidTag) as exc:
        raise _over() from exc
    if told.pop("ends") < ctx.now().timestamp():
        raise _over()
    return {name: str(value) for name, value in told.items()}


def _over() -> Denied:
    return Denied("This sign-in was not begun in this browser, or too long ago. Begin again.")
