"""The console as a tongue: requests of browsers, answered with pages.

It goes the one way of all requests (doors/management/ask): who asks is proven by the session in a cookie, is within the
limits, and what they change is in the audit. Holds: a page reads by `/v1` alone (asking), a form does an operation of
`/v1` alone (acts), and is of this session (headers).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.routing import Route as Path

from upwell.console import acts, assets, drawing, headers, scripted, words
from upwell.console.asking import QUERY_CHARS_MAX, V1, Members
from upwell.console.entrance import Entrance
from upwell.console.live import Live
from upwell.console.pages import PAGES, Page
from upwell.dialects import rest
from upwell.dialects.rest import RestRequest, Route
from upwell.dialects.upwell import codes, management, names, render
from upwell.dialects.upwell.rows import Row
from upwell.domain.commands import Command, Result
from upwell.domain.errors import Invalid, UnknownKey
from upwell.doors.management.tongue import Answer, Asked, Call, House
from upwell.service.context import Context
from upwell.service.manage import access, sessions
from upwell.service.manage.access import AccessKey, Caller

DIALECT = "console"
FORM_BYTES_MAX = 64 * 1024
PART = "x-upwell-part"  # asks for what changes of a page alone
_DO = f"{headers.ROOT}/do"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows, and to whom."""

    caller: Caller
    asked: Sequence[str]
    told: Members


class Console:
    """A `RestSpeaker`."""

    roots = (f"{headers.ROOT}/",)

    def routes(self, house: House) -> Sequence[BaseRoute]:
        async def to_home(request: Request) -> Response:
            return RedirectResponse(f"{headers.ROOT}/", 307)

        return [
            Path(headers.ROOT, to_home),
            assets.route(),
            *Entrance(house, DIALECT).routes(),
            Live(house, self, DIALECT).route(),
        ]

    def body_size_max(self, method: str, path: str) -> tuple[int, str]:
        return FORM_BYTES_MAX, "form"

    def claimed(self, asked: Asked[RestRequest]) -> tuple[str, str]:
        """No key: a session is shown. Of any request the method is known."""
        return "", asked.request.method

    def call(self, asked: Asked[RestRequest]) -> Call:
        request = asked.request
        if request.method == "POST" and request.path.startswith(f"{_DO}/"):
            asked_for = acts.fields_of(request.body).get(acts.METHOD_FIELD, "")
            act = acts.act_at(request.path.removeprefix(_DO), asked_for)
            role = act.operation.role
            return Call(operation=act.name, role=role, own=act, permits=lambda caller: access.require(caller, role),
                        reads=False, limit_per_s=render.REQUESTS_PER_S, of_caller=True)  # fmt: skip
        if scripted.is_scripted(request.path):
            return _scripted(asked)
        method = "GET" if request.method == "HEAD" else request.method
        page = rest.route(PAGES, headers.ROOT, method, request.path)
        return Call(
            operation=f"console {page.name}", role=page.operation.role, own=page, reads=True, use=_reading(asked, page),
            permits=lambda caller: access.require(caller, page.operation.role),
            limit_per_s=render.REQUESTS_PER_S, of_caller=True,
        )  # fmt: skip

    async def caller(self, house: House, asked: Asked[RestRequest], call: Call, key: AccessKey | None) -> Caller:
        token = _token(asked)
        if not token:
            raise UnknownKey
        caller = await sessions.caller_of_session(house.ctx, token, DIALECT, asked.peer)
        if scripted.is_scripted(asked.request.path):
            if not call.reads:
                headers.require_own(asked.request.headers, token, "")
        elif not isinstance(call.own.operation, Page):
            fields = acts.fields_of(asked.request.body)
            headers.require_own(asked.request.headers, token, fields.get(headers.CSRF_FIELD, ""))
        return caller

    def command(self, asked: Asked[RestRequest], call: Call) -> Command:
        if scripted.is_scripted(asked.request.path):
            return scripted.command(call.own, asked.request)
        return acts.command(call.own, acts.fields_of(asked.request.body))

    def answer(self, asked: Asked[RestRequest], result: Result | Seen) -> Answer:
        """A page, or the part of it that changes; of what was done what is to be told."""
        if isinstance(result, Seen):
            return self._page(asked, result)
        if scripted.is_scripted(asked.request.path):
            return scripted.answer(asked, result)
        return self._done(asked, result)

    def _page(self, asked: Asked[RestRequest], seen: Seen) -> Answer:
        found: Route[Page] = asked.own
        page, request = found.operation, asked.request
        is_part = PART in request.headers and page.part
        given = {
            **looks(request), "page": page, "name": found.name, "ids": found.ids, "query": query_of(request),
            "me": seen.caller, "asked": seen.asked, "host": asked.host, "origin": asked.origin,
            "csrf": headers.csrf_of(_token(asked)), "d": seen.told,
        }  # fmt: skip
        body = drawing.draw(page.part if is_part else page.template, words_of(request), **given)
        return Answer(200, body, headers.OF_PAGES)

    def _done(self, asked: Asked[RestRequest], result: Result) -> Answer:
        """The page that the form is of goes on; a browser without scripts is sent to it."""
        found: Route[Row] = asked.own
        shown = management.members(found, "", result) or {}
        fields = acts.fields_of(asked.request.body)
        if found.name in acts.ENDS_SESSION:
            gone = headers.cookie(headers.SESSION, "", secure=asked.origin.startswith("https:"), life_s=0)
            return Answer(303, b"", {**headers.OF_PAGES, "location": f"{headers.ROOT}/sign-in", "set-cookie": gone})
        act = acts.ACTS[found.name]
        back = headers.ROOT + act.goes_to if act.goes_to else headers.back_of(fields.get(acts.BACK_FIELD, ""))
        if not _is_scripted(asked.request):
            return Answer(303, b"", {**headers.OF_PAGES, "location": back})
        if act.goes_to:
            return Answer(200, b"", {**headers.OF_PAGES, "hx-redirect": back})
        body = drawing.draw("told.html", words_of(asked.request), act=act.word, told=shown, kind="done")
        return Answer(200, body, {**headers.OF_PAGES, "hx-trigger": "upwell-done"})

    def refuse(self, asked: Asked[RestRequest], error: Exception) -> Answer:
        """Who is not signed in is sent to where one does; others are told the problem, as `/v1` tells it."""
        request = asked.request
        if scripted.is_scripted(request.path):
            return scripted.refuse(asked, error)
        if isinstance(error, UnknownKey):
            return _to_entrance(request)
        told = codes.refusal(error, asked.request_id)
        given = {"problem": told.members, "code": told.code, "status": told.status}
        if _is_scripted(request):
            body = drawing.draw("told.html", words_of(request), kind="refused", **given)
        else:
            body = drawing.draw("problem.html", words_of(request), **looks(request), **given)
        retry = {name.lower(): value for name, value in told.headers.items() if name == "Retry-After"}
        return Answer(told.status, body, {**headers.OF_PAGES, **retry}, told.code)

    def job_name(self, job_id: int) -> str:
        return names.rollout_id(job_id)


def words_of(request: RestRequest) -> words.Words:
    """In the language of whoever asks."""
    kept = headers.cookies(request.headers)
    return words.chosen(kept.get(headers.LANGUAGE, ""), request.headers.get("accept-language", ""))


def looks(request: RestRequest) -> dict[str, Any]:
    """How pages look to whoever asks."""
    theme = headers.cookies(request.headers).get(headers.THEME, "")
    query = f"?{request.query}" if request.query else ""
    return {"theme": theme if theme in headers.THEMES else headers.THEMES[0], "here": f"{request.path}{query}"}


def query_of(request: RestRequest) -> dict[str, str]:
    """A page's parameters. Raises Invalid."""
    if len(request.query) > QUERY_CHARS_MAX:
        raise Invalid("query", f"at most {QUERY_CHARS_MAX} characters")
    return dict(parse_qsl(request.query, max_num_fields=100))


def _reading(asked: Asked[RestRequest], found: Route[Page]) -> Any:
    async def use(ctx: Context, caller: Caller) -> Seen:
        v1 = V1(ctx, caller, asked.origin)
        told = await found.operation.read(v1, found.ids, query_of(asked.request))
        return Seen(caller, v1.asked, told)

    return use


def _scripted(asked: Asked[RestRequest]) -> Call:
    found = scripted.route(asked.request.method, asked.request.path)
    role, reads = found.operation.role, found.operation.method == "GET"
    return Call(
        operation=found.name, role=role, own=found, permits=lambda caller: access.require(caller, role), reads=reads,
        limit_per_s=render.REQUESTS_PER_S, of_caller=True,
    )  # fmt: skip


def _token(asked: Asked[RestRequest]) -> str:
    return headers.cookies(asked.request.headers).get(headers.SESSION, "")


def _is_scripted(request: RestRequest) -> bool:
    """Whether a script of the page asks, which shows what is told in it."""
    return "hx-request" in request.headers


def _to_entrance(request: RestRequest) -> Answer:
    back = looks(request)["here"] if request.method in ("GET", "HEAD") else f"{headers.ROOT}/"
    to = f"{headers.ROOT}/sign-in?{urlencode({'to': back})}"
    if _is_scripted(request) or PART in request.headers:
        return Answer(401, b"", {**headers.OF_PAGES, "hx-redirect": to}, "not-authenticated")
    return Answer(303, b"", {**headers.OF_PAGES, "location": to}, "not-authenticated")
