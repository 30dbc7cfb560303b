"""The console as a tongue: requests of browsers, answered with pages.

It goes the one way of all requests (doors/management/ask): who asks is proven by the session in a cookie, is within the
limits, and what they change is in the audit. Holds: a page reads by `/v1` alone (asking), a form does an operation of
`/v1` alone (acts), and is of this session (headers).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.routing import Route as Path

from upwell.console import acts, assets, drawing, forms, headers, scripted, words
from upwell.console.asking import QUERY_CHARS_MAX, V1, File, Members, allowed
from upwell.console.entrance import Entrance
from upwell.console.live import Live
from upwell.console.pages import DOWNLOADS, PAGES, Download, Page
from upwell.dialects import rest
from upwell.dialects.rest import RestRequest, Route
from upwell.dialects.upwell import codes, management, names, render
from upwell.domain.commands import Command, Result
from upwell.domain.errors import Invalid, UnknownKey
from upwell.doors.identity import Provider
from upwell.doors.management.tongue import Answer, Asked, Call, House
from upwell.service.context import Context
from upwell.service.manage import access, sessions
from upwell.service.manage.access import AccessKey, Caller

DIALECT = "console"
FORM_BYTES_MAX = 128 * 1024  # a thousand names of 64 characters, each with a line's end
PART = "x-upwell-part"  # asks for what changes of a page alone
_SHOWN: dict[str, Page | Download] = {**PAGES, **DOWNLOADS}
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

    def __init__(self, provider: Provider | None = None) -> None:
        self._provider = provider

    def routes(self, house: House) -> Sequence[BaseRoute]:
        async def to_home(request: Request) -> Response:
            return RedirectResponse(f"{headers.ROOT}/", 307)

        return [
            Path(headers.ROOT, to_home),
            assets.route(),
            *Entrance(house, DIALECT, self._provider).routes(),
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
            fields = acts.fields_of(request.body)
            found = acts.act_at(request.path.removeprefix(_DO), fields.get(acts.METHOD_FIELD, ""))
            sent = forms.sent(request, found, fields)
            role = sent.operation.role
            return Call(
                operation=sent.name, role=role, own=sent, permits=lambda caller: access.require(caller, role),
                reads=sent.act.reads, limit_per_s=render.REQUESTS_PER_S, of_caller=True,
                keeps=partial(forms.promise, sent, _token(asked)), editions=partial(forms.editions, sent),
            )  # fmt: skip
        if scripted.is_scripted(request.path):
            return _scripted(asked)
        method = "GET" if request.method == "HEAD" else request.method
        page = rest.route(_SHOWN, headers.ROOT, method, request.path)
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
        if scripted.is_scripted(asked.request.path) and not call.reads:
            headers.require_own(asked.request.headers, token, "")
        if isinstance(call.own, forms.Sent):
            headers.require_own(asked.request.headers, token, call.own.fields.get(headers.CSRF_FIELD, ""))
            if allowed(caller.role, call.role):  # whoever is not is refused when they are known, and that is written
                await forms.read_page(call.own, V1(house.ctx, caller, asked.origin))
        return caller

    def command(self, asked: Asked[RestRequest], call: Call) -> Command:
        if scripted.is_scripted(asked.request.path):
            return scripted.command(call.own, asked.request)
        return acts.command(call.own.found, call.own.fields)

    def answer(self, asked: Asked[RestRequest], result: Result | Seen | File) -> Answer:
        """A page, or the part of it that changes; of what was done what is to be told."""
        if isinstance(result, File):
            named = f'attachment; filename="{result.name}"'
            told = {"content-type": f"{result.media}; charset=utf-8", "content-disposition": named}
            return Answer(200, result.pieces, {**headers.OF_PAGES, **told})
        if isinstance(result, Seen):
            return self._page(asked, result)
        if scripted.is_scripted(asked.request.path):
            return scripted.answer(asked, result)
        return self._done(asked, result)

    def _page(self, asked: Asked[RestRequest], seen: Seen) -> Answer:
        found: Route[Page] = asked.own
        page, request = found.operation, asked.request
        is_part = PART in request.headers and page.part
        given = {"name": found.name, "ids": found.ids, "query": query_of(request), "asked": seen.asked, "d": seen.told}
        body = drawing.draw(page.part if is_part else page.template, words_of(request),
                            **self._shell(asked, page, seen.caller), **given)  # fmt: skip
        return Answer(200, body, headers.OF_PAGES)

    def _shell(self, asked: Asked[RestRequest], page: Page, caller: Caller) -> dict[str, Any]:
        return {
            **looks(asked.request), "page": page, "me": caller, "host": asked.host, "origin": asked.origin,
            "csrf": headers.csrf_of(_token(asked)),
        }  # fmt: skip

    def _done(self, asked: Asked[RestRequest], result: Result) -> Answer:
        """The page that the form is of goes on; a browser without scripts is sent to it."""
        sent: forms.Sent = asked.own
        shown = management.members(sent.found, "", result) or {}
        if sent.name in acts.ENDS_SESSION:
            gone = headers.cookie(headers.SESSION, "", secure=asked.origin.startswith("https:"), life_s=0)
            where = f"{headers.ROOT}/sign-in" + ("?out=1" if self._provider else "")
            return Answer(303, b"", {**headers.OF_PAGES, "location": where, "set-cookie": gone})
        to = sent.leads_to(shown)
        if sent.act.secret:
            return self._told_once(asked, sent, shown)
        if not sent.is_scripted:
            if sent.shown is not None and not to:
                return self._form(asked, sent, 200, plan=shown)
            back = to or headers.back_of(sent.fields.get(acts.BACK_FIELD, ""))
            return Answer(303, b"", {**headers.OF_PAGES, "location": back})
        given = {
            "act": sent.act.word,
            "told": shown,
            "kind": "done",
            "fields": sent.fields,
            "meanwhile": sent.meanwhile,
        }
        body = drawing.draw(sent.act.told, words_of(asked.request), **given)
        then = {"hx-redirect": to} if to else {"hx-trigger": "upwell-done", **sent.retarget()}
        return Answer(200, body, {**headers.OF_PAGES, **then})

    def _told_once(self, asked: Asked[RestRequest], sent: forms.Sent, shown: Members) -> Answer:
        """What has a secret: on the page that asked, or without a script on one of its own."""
        back = headers.back_of(sent.fields.get(acts.BACK_FIELD, ""))
        given = {"act": sent.act.word, "told": shown, "back": back, "scripted": sent.is_scripted}
        page = "made.html" if sent.is_scripted else "made_page.html"
        body = drawing.draw(page, words_of(asked.request), **looks(asked.request), **given)
        return Answer(200, body, {**headers.OF_PAGES, "hx-trigger": "upwell-done", "hx-retarget": "#made"})

    def _form(self, asked: Asked[RestRequest], sent: forms.Sent, status: int, **more: Any) -> Answer:
        """The page of the form again, as it was filled."""
        page = PAGES[sent.act.page]
        given = {"name": sent.act.page, "ids": {}, "query": sent.fields, "asked": sent.asked}
        d = {**(sent.shown or {}), **more}
        body = drawing.draw(
            page.template, words_of(asked.request), **self._shell(asked, page, sent.who()), **given, d=d
        )
        return Answer(status, body, headers.OF_PAGES)

    def refuse(self, asked: Asked[RestRequest], error: Exception) -> Answer:
        """Who is not signed in is sent to where one does; others are told the problem, as `/v1` tells it."""
        request, sent = asked.request, asked.own
        if scripted.is_scripted(request.path):
            return scripted.refuse(asked, error)
        if isinstance(error, UnknownKey):
            return _to_entrance(request)
        told = codes.refusal(error, asked.request_id)
        given = {"problem": told.members, "code": told.code, "status": told.status}
        retry = {name.lower(): value for name, value in told.headers.items() if name == "Retry-After"}
        is_form = isinstance(sent, forms.Sent) and bool(sent.act.page)
        if is_form and sent.shown is not None:
            answer = self._form(asked, sent, told.status, problem=told.members, **sent.wrong(told.members, error))
            return replace(answer, headers={**answer.headers, **retry}, code=told.code)
        if is_form and _is_scripted(request):
            body = drawing.draw("form_refused.html", words_of(request), **given, **sent.wrong(told.members, error))
        elif _is_scripted(request):
            meanwhile = sent.meanwhile if isinstance(sent, forms.Sent) else []
            body = drawing.draw("told.html", words_of(request), kind="refused", meanwhile=meanwhile, **given)
        else:
            body = drawing.draw("problem.html", words_of(request), **looks(request), **given)
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


def _reading(asked: Asked[RestRequest], found: Route[Page | Download]) -> Any:
    async def use(ctx: Context, caller: Caller) -> Seen | File:
        v1 = V1(ctx, caller, asked.origin)
        if isinstance(found.operation, Download):
            return await found.operation.read(v1, query_of(asked.request))
        told = await found.operation.read(v1, found.ids, query_of(asked.request))
        return Seen(caller, v1.asked, told)

    return use


def _scripted(asked: Asked[RestRequest]) -> Call:
    found = scripted.route(asked.request.method, asked.request.path)
    role, reads = found.operation.role, found.operation.method == "GET"
    return Call(
        operation=found.name, role=role, own=found, permits=lambda caller: access.require(caller, role), reads=reads,
        limit_per_s=render.REQUESTS_PER_S, of_caller=True,
        keeps=partial(scripted.promised, asked.request, found, _token(asked)),
    )  # fmt: skip


def _token(asked: Asked[RestRequest]) -> str:
    return headers.cookies(asked.request.headers).get(headers.SESSION, "")


def _is_scripted(request: RestRequest) -> bool:
    """Whether a script of the page asks, which shows what is told in it."""
    return forms.is_scripted(request)


def _to_entrance(request: RestRequest) -> Answer:
    back = looks(request)["here"] if request.method in ("GET", "HEAD") else f"{headers.ROOT}/"
    to = f"{headers.ROOT}/sign-in?{urlencode({'to': back})}"
    if _is_scripted(request) or PART in request.headers:
        return Answer(401, b"", {**headers.OF_PAGES, "hx-redirect": to}, "not-authenticated")
    return Answer(303, b"", {**headers.OF_PAGES, "location": to}, "not-authenticated")
