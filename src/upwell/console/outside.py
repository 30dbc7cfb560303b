"""Signing in at a provider of OpenID Connect: the way there, and the way back.

Holds: a browser comes back with what it was sent with, which only it has (state, nonce, PKCE's verifier, sealed in a
cookie), once; nothing of a code or a token is in a page, a URL of ours, the log or the audit.
"""

import base64
import hmac
import logging
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.console import headers
from upwell.console.headers import ROOT
from upwell.domain.errors import Denied
from upwell.doors.identity import CODE_CHARS_MAX, Proven, Provider
from upwell.doors.management.tongue import House
from upwell.doors.requests import origin_of, peer_of, rest_request
from upwell.service.manage import leaves, outsiders, sessions
from upwell.service.manage.access import ROLES
from upwell.service.manage.outsiders import Outsider

log = logging.getLogger(__name__)
COOKIE = "upwell_outside"
BACK = f"{ROOT}/oidc/back"
DICE_BYTES = 32
Refuse = Callable[[Request, Exception], Response]
Send = Callable[..., Response]


@dataclass(frozen=True, slots=True)
class Outside:
    """Sends browsers to the provider and takes them back; `refuse` shows what is wrong where one signs in, `send` goes
    on to a place of ours with cookies."""

    house: House
    provider: Provider
    refuse: Refuse
    send: Send

    @property
    def called(self) -> str:
        """What people are shown of it."""
        return urlsplit(self.provider.terms.issuer).hostname or ""

    def routes(self) -> list[Route]:
        return [
            Route(f"{ROOT}/oidc", self._start, methods=["GET"]),
            Route(BACK, self._back, methods=["GET"]),
            Route(f"{ROOT}/oidc/out", self._out, methods=["GET"]),
        ]

    async def _start(self, request: Request) -> Response:
        try:
            async with self.house.working.asked():
                kept = {name: secrets.token_urlsafe(DICE_BYTES) for name in ("state", "nonce", "verifier")}
                kept["to"] = headers.back_of(request.query_params.get("to", ""))
                challenge = base64.urlsafe_b64encode(sha256(kept["verifier"].encode()).digest()).decode().rstrip("=")
                there = await self.provider.start(
                    back=origin_of(request) + BACK, state=kept["state"], nonce=kept["nonce"], challenge=challenge
                )
                sealed = await leaves.sealed(self.house.ctx, kept)
        except Exception as exc:
            return self.refuse(request, exc)
        return self.send(request, there, {COOKIE: (sealed, int(leaves.LIFE.total_seconds()))})

    async def _back(self, request: Request) -> Response:
        try:
            async with self.house.working.asked():
                kept = await self._kept(request)
                proven = await self._proven(request, kept)
                who = Outsider(
                    issuer=self.provider.terms.issuer, subject=proven.subject, name=proven.name,
                    role=self._role(proven), account=self.provider.terms.account,
                )  # fmt: skip
                made = await outsiders.sign_in(
                    self.house.ctx, who, address=peer_of(request), request_id=uuid.uuid4().hex
                )
        except Exception as exc:
            return self.refuse(request, exc)
        session = (made.token, int(sessions.LIFE.total_seconds()))
        return self.send(request, kept["to"], {headers.SESSION: session, COOKIE: ("", 0)})

    async def _kept(self, request: Request) -> dict[str, str]:
        """What this browser was sent with. Raises Denied."""
        kept = await leaves.opened(self.house.ctx, headers.cookies(rest_request(request, b"").headers).get(COOKIE, ""))
        state = request.query_params.get("state", "")
        if not hmac.compare_digest(state.encode(), kept["state"].encode()):
            raise Denied("This sign-in was not begun in this browser. Begin again.")
        if request.query_params.get("iss", self.provider.terms.issuer) != self.provider.terms.issuer:  # RFC 9207
            raise Denied("Another provider answers than was asked. Begin again.")
        return kept

    async def _proven(self, request: Request, kept: dict[str, str]) -> Proven:
        code = request.query_params.get("code", "")
        if not 0 < len(code) <= CODE_CHARS_MAX:
            raise Denied("The provider did not let you in.")
        return await self.provider.proven(
            code=code, back=origin_of(request) + BACK, verifier=kept["verifier"], nonce=kept["nonce"]
        )

    def _role(self, proven: Proven) -> str | None:
        """The highest that a group of theirs has."""
        groups = self.provider.terms.groups
        return max((groups[each] for each in proven.groups & set(groups)), key=ROLES.index, default=None)

    async def _out(self, request: Request) -> Response:
        """To where one signs out at the provider too; where it has no such place, to where one signs in."""
        try:
            there = await self.provider.leave(f"{origin_of(request)}{ROOT}/sign-in")
        except Exception as exc:
            return self.refuse(request, exc)
        return self.send(request, there or f"{ROOT}/sign-in", {})
