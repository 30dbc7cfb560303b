"""The console's doors: signing in, the first user, and how pages look.

Holds: guesses are counted and passwords hashed as at `/v1` (service.manage.users); a session is one of `/v1`, kept by
the browser in a cookie that no script reads; what is typed is kept in the form, but for passwords. A form of another
site is refused.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.console import drawing, headers, words
from upwell.console.acts import fields_of
from upwell.console.headers import ROOT
from upwell.console.outside import Outside
from upwell.dialects.upwell import codes
from upwell.domain import commands as c
from upwell.domain.errors import CallerError, Denied, Invalid, UpwellError
from upwell.doors.identity import Provider
from upwell.doors.management.tongue import House
from upwell.doors.requests import body_of, peer_of, rest_request
from upwell.service.journal import tell
from upwell.service.manage import first_user, sessions, users

log = logging.getLogger(__name__)
FORM_BYTES_MAX = 16 * 1024
Fields = dict[str, str]
Handler = Callable[[Request, Fields], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Entrance:
    """Answers to who is not signed in, and keeps how they want pages to look."""

    house: House
    dialect: str
    provider: Provider | None = None
    signing_in: users.SigningIn = field(default_factory=users.SigningIn)

    def routes(self) -> list[Route]:
        return [
            Route(f"{ROOT}/sign-in", self._show_sign_in, methods=["GET"]),
            Route(f"{ROOT}/sign-in", self._form("sign-in.html", self._sign_in), methods=["POST"]),
            Route(f"{ROOT}/first", self._show_first, methods=["GET"]),
            Route(f"{ROOT}/first", self._form("first.html", self._first), methods=["POST"]),
            Route(f"{ROOT}/look", self._form("problem.html", self._look), methods=["POST"]),
            *(self._outside.routes() if self._outside else ()),
        ]

    @property
    def _outside(self) -> Outside | None:
        """Signing in elsewhere, where that is set."""
        if self.provider is None:
            return None
        return Outside(self.house, self.provider, refuse=self._refused_outside, send=_sent_with)

    def _refused_outside(self, request: Request, error: Exception) -> Response:
        return self._refused(request, "sign-in.html", {}, error)

    def _called(self, request: Request) -> dict[str, Any]:
        """What the page where one signs in says of the provider; `out` is for whoever has just signed out."""
        outside = self._outside
        return {"outside": outside.called if outside else "", "out": "out" in request.query_params}

    # --- pages ------------------------------------------------------------------------------------------------------

    async def _show_sign_in(self, request: Request) -> Response:
        said = {"account": "default", "name": "", "to": request.query_params.get("to", "")}
        is_first = await first_user.is_awaited(self.house.ctx)
        return _shown(request, "sign-in.html", said=said, is_first=is_first, **self._called(request))

    async def _show_first(self, request: Request) -> Response:
        said = {"token": request.query_params.get("token", ""), "name": ""}
        problem = None
        try:
            await first_user.require(self.house.ctx, said["token"])
        except UpwellError as exc:
            problem = exc
        return _shown(request, "first.html", problem, said=said)

    # --- forms ------------------------------------------------------------------------------------------------------

    def _form(self, template: str, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            fields: Fields = {}
            try:
                async with self.house.working.asked():
                    headers.require_same_origin(request.headers)
                    fields = fields_of(await body_of(request, FORM_BYTES_MAX, "form"))
                    return await handle(request, fields)
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as exc:
                return self._refused(request, template, fields, exc)

        return answer

    async def _sign_in(self, request: Request, fields: Fields) -> Response:
        try:
            to = headers.back_of(fields.get("to", ""))
            return await self._opened(request, fields.get("account", "").strip(), fields, to)
        except Denied:
            raise codes.WrongPassword from None

    async def _opened(self, request: Request, account: str, fields: Fields, to: str) -> Response:
        given = c.SignIn(account=account, name=fields.get("name", "").strip(), password=fields.get("password", ""))
        made = await sessions.sign_in(
            self.house.ctx, self.signing_in, given, tongue=self.dialect, operation="create_session",
            address=peer_of(request), request_id=uuid.uuid4().hex,
        )  # fmt: skip
        life_s = int(sessions.LIFE.total_seconds())
        return _sent(to, headers.cookie(headers.SESSION, made.token, secure=_is_secure(request), life_s=life_s))

    async def _first(self, request: Request, fields: Fields) -> Response:
        if fields.get("password") != fields.get("again"):
            raise Invalid("again", "the same password once more", "it is another")
        account = await first_user.create(
            self.house.ctx, fields.get("token", ""), fields.get("name", "").strip(), fields.get("password", ""),
            tongue=self.dialect, address=peer_of(request), request_id=uuid.uuid4().hex,
        )  # fmt: skip
        return await self._opened(request, account, fields, f"{ROOT}/")

    async def _look(self, request: Request, fields: Fields) -> Response:
        """A cookie for what was chosen; where nothing that is known was, nothing is."""
        known = {"theme": headers.THEMES, "language": words.languages()}
        response = _sent(headers.back_of(fields.get("back", "")))
        for name, cookie in (("theme", headers.THEME), ("language", headers.LANGUAGE)):
            if fields.get(name) in known[name]:
                response.headers.append("set-cookie", headers.cookie(cookie, fields[name], secure=_is_secure(request)))
        return response

    def _refused(self, request: Request, template: str, fields: Fields, error: Exception) -> Response:
        trace, peer = uuid.uuid4().hex, peer_of(request)
        if isinstance(error, UpwellError):
            if isinstance(error, CallerError):
                self.house.book.stranger(peer)
            user, code = f"{fields.get('account', '')}/{fields.get('name', '')}", codes.refusal(error, trace).code
            told = {"user": user, "operation": request.url.path, "code": code, "peer": peer}
            tell(log, "request refused", **told, request_id=trace)
        else:
            tell(log, "request failed", logging.ERROR, error, operation=request.url.path, peer=peer, request_id=trace)
        said = {"account": "default", "name": "", "to": "", "token": ""} | fields
        return _shown(request, template, error, said=said, is_first=False, trace=trace, **self._called(request))


def _shown(
    request: Request, template: str, error: Exception | None = None, *, trace: str = "", **given: Any
) -> Response:
    kept = headers.cookies(rest_request(request, b"").headers)
    theme = kept.get(headers.THEME, "")
    language = words.chosen(kept.get(headers.LANGUAGE, ""), request.headers.get("accept-language", ""))
    told = None if error is None else codes.refusal(error, trace)
    query = f"?{urlencode(list(request.query_params.multi_items()))}" if request.query_params else ""
    is_own = request.url.path in (f"{ROOT}/sign-in", f"{ROOT}/first")  # the way back from elsewhere has a code in it
    looks = {
        "theme": theme if theme in headers.THEMES else headers.THEMES[0],
        "here": f"{request.url.path}{query}" if request.method == "GET" and is_own else f"{ROOT}/sign-in",
        "problem": None if told is None else told.members, "code": None if told is None else told.code,
        "status": 200 if told is None else told.status,
    }  # fmt: skip
    body = drawing.draw(template, language, **looks, **given)
    retry = {} if told is None else {name: value for name, value in told.headers.items() if name == "Retry-After"}
    return Response(body, 200 if told is None else told.status, {**headers.OF_PAGES, **retry})


def _sent(to: str, cookie: str = "") -> Response:
    sent = Response(status_code=303, headers={**headers.OF_PAGES, "location": to})
    if cookie:
        sent.headers.append("set-cookie", cookie)
    return sent


def _sent_with(request: Request, to: str, cookies: Mapping[str, tuple[str, int]]) -> Response:
    """To that place with these cookies, each with its life in seconds."""
    sent = _sent(to)
    for name, (value, life_s) in cookies.items():
        sent.headers.append("set-cookie", headers.cookie(name, value, secure=_is_secure(request), life_s=life_s))
    return sent


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"
