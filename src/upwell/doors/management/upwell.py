"""Our own management API as the REST door asks for it: below `/v1/`, each answer with an X-Request-Id. Its document and
the pages made of it are for everybody.
"""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as Path

from upwell import __version__
from upwell.dialects.rest import RestRequest, Route
from upwell.dialects.upwell import bearer, codes, management, names, openapi, promises, reference, render
from upwell.dialects.upwell.rows import Row
from upwell.domain.commands import Command, Result
from upwell.domain.commands.lists import Flow
from upwell.doors.management.event_streams import EventStreams
from upwell.doors.management.tongue import BODY_SIZE_MAX, Answer, Asked, Call, House, Promise
from upwell.doors.management.upwell_sign_in import SignInDoor
from upwell.service.manage import access, sessions
from upwell.service.manage.access import AccessKey, Caller

DIALECT = "upwell"
_OF_BODY = ("content-length", "content-type")  # what is known of one that is taken as it comes
_NAMED = 'attachment; filename="%s.%s"'


class Upwell:
    """A `RestSpeaker`."""

    roots = ("/v1/",)

    def routes(self, house: House) -> Sequence[BaseRoute]:
        document = openapi.document(__version__)
        shown = {
            reference.DOCUMENT: (render.json_bytes(document), render.JSON_TYPE, {}),
            reference.ROOT: (reference.page(document).encode(), reference.HTML_TYPE, reference.HEADERS),
            codes.DOCS: (reference.problems().encode(), reference.HTML_TYPE, reference.HEADERS),
        }

        async def show(request: Request) -> Response:
            body, media, headers = shown[request.url.path]
            return Response(body, media_type=media, headers=headers)

        sign_in = SignInDoor(house=house, dialect=DIALECT, answer=self.answer, refuse=self.refuse)
        events = EventStreams(house, self, DIALECT)
        return [*(Path(path, show) for path in shown), *sign_in.routes(), events.route()]

    def body_size_max(self, method: str, path: str) -> tuple[int, str]:
        return BODY_SIZE_MAX, "body"

    def claimed(self, asked: Asked[RestRequest]) -> tuple[str, str]:
        """The key whose token is shown; of any request the method is known."""
        return bearer.key_of(asked.request.headers), asked.request.method

    def call(self, asked: Asked[RestRequest]) -> Call:
        found = management.route(asked.request.method, asked.request.path)
        role, reads = found.operation.role, found.operation.method == "GET"
        return Call(
            operation=found.name, role=role, own=found, permits=partial(_permit, role), reads=reads,
            limit_per_s=render.REQUESTS_PER_S, of_caller=True, told_limit=render.rate_headers,
            keeps=partial(promise, asked.request, found, bearer.token_of(asked.request.headers)),
            editions=partial(promises.editions, asked.request.headers),
        )  # fmt: skip

    async def caller(self, house: House, asked: Asked[RestRequest], call: Call, key: AccessKey | None) -> Caller:
        token = bearer.token_of(asked.request.headers)
        if bearer.is_session(token):
            return await sessions.caller_of_session(house.ctx, token, DIALECT, asked.peer)
        return await access.caller_of_token(house.ctx, key, token)

    def command(self, asked: Asked[RestRequest], call: Call) -> Command:
        row = call.own.operation
        promises.refuse_others(row, asked.request.headers, is_conditional=management.is_conditional(row))
        return management.command(call.own, asked.request.query, asked.request.body, asked.request.headers)

    def answer(self, asked: Asked[RestRequest], result: Result) -> Answer:
        """In JSON; without a body where there is nothing to tell, or nothing new."""
        found, row, request = asked.own, asked.own.operation, asked.request
        if isinstance(result, Flow):
            media, pieces = management.pieces(found, result)
            told = {
                "content-type": f"{media}; charset=utf-8",
                "content-disposition": _NAMED % (found.name, result.form),
            }
            return Answer(row.status, pieces, {render.REQUEST_ID_HEADER: asked.request_id, **told})
        members = management.members(found, request.query, result)
        body = render.json_bytes(members)
        headers = {render.REQUEST_ID_HEADER: asked.request_id}
        tag = management.tag(row, result, body)
        if tag is not None:
            headers["etag"] = tag
        if row.method == "GET" and promises.is_known(tag, request.headers):
            return Answer(304, b"", headers)
        if members is not None:
            headers["content-type"] = render.JSON_TYPE
        return Answer(row.status, body, headers)

    def refuse(self, asked: Asked[RestRequest], error: Exception) -> Answer:
        """As a problem (RFC 9457)."""
        told = codes.refusal(error, asked.request_id)
        headers = {render.REQUEST_ID_HEADER: asked.request_id, "content-type": render.PROBLEM_TYPE, **told.headers}
        return Answer(told.status, render.json_bytes(told.members), headers, told.code)

    def job_name(self, job_id: int) -> str:
        return names.rollout_id(job_id)


def promise(request: RestRequest, found: Route[Row], token: str) -> Promise | None:
    """What a request with an Idempotency-Key relies on, of whoever shows the token. Raises Invalid."""
    key = promises.idempotency_key(found.operation, request.headers)
    if key is None:
        return None
    name = "\0".join((found.name, *(f"{name}={value}" for name, value in sorted(found.ids.items()))))
    said = "\0".join(request.headers.get(name, "") for name in _OF_BODY) if found.operation.takes else ""
    asked = b"\0".join((request.query.encode("latin-1"), sha256(request.body).digest(), said.encode("latin-1")))
    return Promise(key=key, name=name, asked=asked, token=token)


def _permit(role: str, caller: Caller) -> None:
    """By role, before anything is read of a body."""
    access.require(caller, role)
