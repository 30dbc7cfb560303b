"""Where Tuya's connectors ask, for an API that is not spoken here: they are told so in its form (L10).

Holds: nothing is read of a body, looked up or done. Refuses: all of it.
"""

import logging
import time
import uuid
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from upwell.dialects.rpc_answers import JSON_TYPE
from upwell.dialects.tuya import openapi as dialect
from upwell.doors.management.tongue import House
from upwell.doors.requests import peer_of
from upwell.service.journal import tell

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApi:
    """Answers requests that are for it, by any method."""

    house: House

    def routes(self) -> list[Route]:
        route = _Asked("/", self.__call__)
        route.methods = None
        return [route]

    async def __call__(self, request: Request) -> Response:
        began_s, trace, peer = time.perf_counter(), uuid.uuid4().hex, peer_of(request)
        code = str(dialect.CODE)
        self.house.book.stranger(peer)
        tell(log, "request refused", tongue="tuya", operation="OpenAPI", code=code, peer=peer, request_id=trace)
        self.house.requests.add("tuya", "", dialect.STATUS, code, time.perf_counter() - began_s)
        body = dialect.refusal(int(self.house.now().timestamp() * 1000), trace)
        return Response(body, dialect.STATUS, {"content-type": JSON_TYPE})


class _Asked(Route):
    """Any path that its callers ask for."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and dialect.is_asked(scope["path"], Headers(scope=scope)):
            return Match.FULL, {"endpoint": self.endpoint, "path_params": {}}
        return Match.NONE, {}
