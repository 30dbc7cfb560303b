"""Where people sign in to `/v1`: the one operation of it that nobody is proven for yet.

Holds: guesses are counted by user and address in PostgreSQL, few passwords are hashed at once, and none waits on the
loop (service.manage.tries, service.hashing). Refuses to tell a wrong name from a wrong password.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.dialects.rest import Route as Found
from upwell.dialects.upwell import codes, management, promises
from upwell.dialects.upwell.rows import Row
from upwell.domain.commands import SignIn
from upwell.domain.errors import Denied, ServerError, UpwellError
from upwell.doors.management.tongue import Answer, Asked, House
from upwell.doors.requests import body_of, peer_of, rest_request
from upwell.service.journal import tell
from upwell.service.manage import sessions, users

log = logging.getLogger(__name__)
BODY_SIZE_MAX = 16 * 1024  # bytes
OPERATION = "create_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInDoor:
    """Answers POST requests to `/v1/sessions`; `answer` and `refuse` are the tongue's."""

    house: House
    dialect: str
    answer: Callable[..., Answer]
    refuse: Callable[..., Answer]
    signing_in: users.SigningIn = field(default_factory=users.SigningIn)

    def routes(self) -> list[Route]:
        path = management.ROOT + management.OPERATIONS[OPERATION].path
        return [Route(each, self.__call__, methods=["POST"]) for each in (path, path + "/")]

    async def __call__(self, request: Request) -> Response:
        """A session for a password; never raises."""
        found: Found[Row] = Found(OPERATION, management.OPERATIONS[OPERATION], {})
        trace, peer = uuid.uuid4().hex, peer_of(request)
        asked = Asked(request=rest_request(request, b""), request_id=trace, peer=peer, operation=OPERATION, own=found)
        user = ""
        try:
            async with self.house.working.asked():
                promises.refuse_others(found.operation, asked.request.headers, is_conditional=False)
                body = await body_of(request, BODY_SIZE_MAX)
                request_line = asked.request.query, body, asked.request.headers
                given = cast(SignIn, management.command(found, *request_line))
                user = f"{given.account}/{given.name}"
                made = await sessions.sign_in(
                    self.house.ctx, self.signing_in, given, tongue=self.dialect, operation=OPERATION, address=peer,
                    request_id=trace,
                )  # fmt: skip
            answer = self.answer(asked, made)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as exc:
            answer = self._refused(asked, exc, user)
        return Response(answer.body, answer.status, answer.headers)

    def _refused(self, asked: Asked[Any], error: Exception, user: str) -> Answer:
        if isinstance(error, Denied):
            error = codes.WrongPassword()
        answer = self.refuse(asked, error)
        if not isinstance(error, ServerError):
            self.house.book.stranger(asked.peer)
        if isinstance(error, UpwellError):
            told = {"user": user, "operation": OPERATION, "code": answer.code, "peer": asked.peer}
            tell(log, "request refused", **told, **asked.told)
        else:
            tell(log, "request failed", logging.ERROR, error, operation=OPERATION, peer=asked.peer, **asked.told)
        return answer
