"""Who asks at Huawei's doors: a request signed with an access key, or one with a user's token (huawei 1.8).

Holds: a key of another dialect is as unknown as one that does not exist. Refuses: to do anything before the proof
holds. The signature has no nonce, so nothing is kept of a request (dialects/huawei/signing.py).
"""

from upwell.dialects.huawei import signing
from upwell.dialects.huawei.signing import SigningError
from upwell.dialects.rest import RestRequest
from upwell.domain.errors import Denied
from upwell.doors.management.ask import signed
from upwell.doors.management.tongue import Asked, House
from upwell.service.manage import users
from upwell.service.manage.access import AccessKey, Caller

DIALECT = "huawei"
TOKEN_HEADER = "x-auth-token"  # noqa: S105  # the name of a header


def key_named(request: RestRequest) -> str:
    """The key that a request says it is signed with, unproven; empty for one with a token."""
    try:
        return signing.claim(request).access_key_id
    except SigningError:
        return ""


async def caller_of(house: House, asked: Asked[RestRequest], key: AccessKey | None, *, scoped: bool = True) -> Caller:
    """Who asks, proven; `key` is the live one of this dialect that the request names. A token must be scoped to a
    project, unless `scoped` is False. Raises SigningError, UnknownKey."""
    request, told = asked.request, asked.request.headers
    if TOKEN_HEADER in told and not {"authorization", "x-security-token"} & told.keys():
        try:
            return await users.caller_of_token(house.ctx, told[TOKEN_HEADER].strip(), DIALECT, scoped=scoped)
        except Denied as exc:
            raise SigningError("token", exc.problem) from exc
    claim = signing.claim(request)
    return await signed(
        house, asked, key, claim.access_key_id, lambda secret, now: signing.verify(request, claim, secret, now)
    )
