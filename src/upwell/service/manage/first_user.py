"""The first user: made by whoever can read what the server prints, as long as there is none.

Holds: the leave is good for a day and for nothing once there is a user, in whichever account; of two who use it at once
one is made. It is made of a secret of the database, so that any process knows it, and nothing has to be kept.
"""

import base64
import hmac
import struct
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256

from upwell.domain.errors import Conflict, Denied
from upwell.service.context import Context
from upwell.service.manage import users
from upwell.service.manage.access import DEFAULT_ACCOUNT, known_as
from upwell.service.manage.audit import Asker, acted
from upwell.service.upgrade.downloads import server_secret
from upwell.storage.queries import sheet

_Q = sheet("people")
_SECRET = "first user"  # noqa: S105  # what it is for
_MAC_BYTES = 24
_ENDS = struct.Struct(">Q")
LIFE = timedelta(hours=24)


async def is_awaited(ctx: Context) -> bool:
    """Whether there is no user yet."""
    async with ctx.database.connection() as conn:
        return not await conn.fetchval(*_Q["any_user"]())


async def leave(ctx: Context) -> str:
    """Leave to make the first user, as text that an URL takes; none where there is one."""
    if not await is_awaited(ctx):
        return ""
    ends = _ENDS.pack(int((ctx.now() + LIFE).timestamp()))
    mac = _mac(await server_secret(ctx, _SECRET), ends)
    return base64.urlsafe_b64encode(ends + mac).decode().rstrip("=")


async def require(ctx: Context, token: str) -> None:
    """Raises Denied for what is no leave, or is over; Conflict first_user_made."""
    try:
        told = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        told = b""
    ends, mac = told[: _ENDS.size], told[_ENDS.size :]
    right = _mac(await server_secret(ctx, _SECRET), ends)
    if len(ends) < _ENDS.size or not hmac.compare_digest(mac, right) or _moment(ends) <= ctx.now():
        raise Denied("The link is not one of this server's, or is over. The server prints a new one when it starts.")
    if not await is_awaited(ctx):
        raise Conflict("first_user_made", "There is a user already; an admin makes others.")


async def create(
    ctx: Context, token: str, name: str, password: str, *, tongue: str, address: str, request_id: str
) -> str:
    """Make the first user, an admin of the first account, whose name is told. Raises Denied, Invalid, Conflict
    first_user_made."""
    await require(ctx, token)
    users.check_user(name, password, "admin")
    asker = Asker(
        who=known_as(name), tongue=tongue, address=address, operation="create_first_user", request_id=request_id
    )
    made = partial(users.create_user, account=DEFAULT_ACCOUNT, name=name, password=password, role="admin", alone=True)
    await acted(ctx, asker, {"user": name, "role": "admin"}, made)
    return DEFAULT_ACCOUNT


def _moment(ends: bytes) -> datetime:
    return datetime.fromtimestamp(min(_ENDS.unpack(ends)[0], 2**33), UTC)


def _mac(secret: bytes, ends: bytes) -> bytes:
    return hmac.digest(secret, ends, sha256)[:_MAC_BYTES]
