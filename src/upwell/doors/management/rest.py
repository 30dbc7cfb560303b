"""The REST door: the roots of every tongue of the REST kind, each with all that is below it."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.dialects.rest import RestRequest
from upwell.domain.errors import Invalid
from upwell.doors.management.ask import ask
from upwell.doors.management.pieces import Pieces
from upwell.doors.management.tongue import Asked, House, RestSpeaker
from upwell.doors.requests import body_of, incoming_of, origin_of, peer_of, rest_request

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # the route's, so that all are refused here


@dataclass(frozen=True, slots=True, kw_only=True)
class RestDoor:
    """Answers requests in the tongue of that dialect."""

    house: House
    dialect: str
    tongue: RestSpeaker
    streams: Callable[[str, str], bool] = lambda method, path: False

    async def __call__(self, request: Request) -> Response:
        """One request, whatever it is; never raises."""
        try:
            asked = await self._asked(request)
        except ClientDisconnect:
            return Response(status_code=400)
        answer = await ask(self.house, {self.dialect: self.tongue}, self.tongue, asked)
        if isinstance(answer.body, bytes):
            return Response(answer.body, answer.status, answer.headers)
        return Pieces(answer, request.method)

    async def _asked(self, request: Request) -> Asked[RestRequest]:
        problem = incoming = None
        try:
            path = request.scope["raw_path"].decode("latin-1")
            if self.streams(request.method, path):
                incoming, body = incoming_of(request), b""
            else:
                body = await body_of(request, *self.tongue.body_size_max(request.method, path))
            read = rest_request(request, body)
        except Invalid as exc:  # nothing of it counts
            read, problem = RestRequest(method=request.method, path="", query="", headers={}, body=b""), exc
        return Asked(
            request=read,
            request_id=uuid.uuid4().hex,
            host=request.headers.get("host", ""),
            origin=origin_of(request),
            peer=peer_of(request),
            problem=problem,
            incoming=incoming,
        )

    def everything(self) -> list[Route]:
        """Every path below the roots leads to the door, even with a newline in an id: Starlette's own pattern stops
        there."""
        routes = []
        for root in self.tongue.roots:
            route = Route(root + "{rest:path}", self.__call__, methods=METHODS)
            route.path_regex = re.compile(re.escape(root) + r"(?P<rest>.*)\Z", re.DOTALL)
            routes.append(route)
        return routes
