"""The IAM door: `/v3/auth/tokens` and `/v3/projects`, where Huawei's users get a token and its SDK a project id.

Holds: few passwords are hashed at once, whoever asks. Refuses: every other path of IAM, by not being there.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.dialects.huawei import iam as dialect
from upwell.dialects.huawei import render
from upwell.dialects.huawei.signing import SigningError
from upwell.dialects.rest import pairs
from upwell.domain.errors import Busy, CallerError, Denied
from upwell.doors.management.huawei_callers import DIALECT, caller_of, key_named
from upwell.doors.management.tongue import Asked, House
from upwell.doors.requests import body_of, origin_of, peer_of, rest_request
from upwell.service.journal import tell
from upwell.service.manage import access, users

log = logging.getLogger(__name__)
BODY_SIZE_MAX = 16 * 1024  # bytes
PARAMETERS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Answers requests to `/v3/…`."""

    house: House
    signing_in: users.SigningIn = field(default_factory=users.SigningIn)

    def routes(self) -> list[Route]:
        return [
            Route(dialect.TOKENS_PATH, self.tokens, methods=["POST"]),
            Route(dialect.PROJECTS_PATH, self.projects, methods=["GET"]),
        ]

    async def tokens(self, request: Request) -> Response:
        """POST: a token for a password; never raises."""
        trace, user = uuid.uuid4().hex, ""
        try:
            asked = dialect.read_sign_in(await body_of(request, BODY_SIZE_MAX))
            user = f"{asked.domain}/{asked.user}"
            made = await self.signing_in.sign_in(
                self.house.ctx, asked.domain, asked.user, asked.password, tongue=DIALECT,
                scoped=asked.scope == "project", address=peer_of(request), request_id=trace,
            )  # fmt: skip
            who = _who(made.user)
            dialect.check_scope(asked, who)
            body = dialect.token(asked, who, made.issued_at, made.expires_at)
            return _answered(trace, 201, body, {dialect.TOKEN_HEADER: made.text})
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as exc:
            return self._refused(trace, exc, "sign in", peer_of(request), user=user)

    async def projects(self, request: Request) -> Response:
        """GET: the project of whoever signed, or whose token it is; never raises."""
        trace, key_id = uuid.uuid4().hex, ""
        try:
            asked = rest_request(request, await body_of(request, BODY_SIZE_MAX))
            key_id = key_named(asked)
            key = await self.house.gate.key(key_id) if key_id else None
            own = key if key and key.dialect == DIALECT else None
            caller = await caller_of(self.house, Asked(request=asked, request_id=trace), own, scoped=False)
            project_id, domain_id = access.project_id(caller.account_id), _domain_id(caller.account_id)
            body = dialect.projects(pairs(asked.query, PARAMETERS_MAX), project_id, domain_id, origin_of(request))
            return _answered(trace, 200, body)
        except ClientDisconnect:
            return Response(status_code=400)
        except SigningError as exc:
            return self._refused(trace, Denied(exc.problem), "list projects", peer_of(request), key=key_id)
        except Exception as exc:
            return self._refused(trace, exc, "list projects", peer_of(request), key=key_id)

    def _refused(self, trace: str, error: Exception, operation: str, peer: str, **who: str) -> Response:
        self.house.book.stranger(peer)
        status, body = dialect.failure(error)
        if isinstance(error, CallerError | Busy):
            tell(log, "request refused", **who, operation=operation, code=status, peer=peer, request_id=trace)
        else:
            tell(log, "request failed", logging.ERROR, error, **who, operation=operation, peer=peer, request_id=trace)
        return _answered(trace, status, body)


def _answered(trace: str, status: int, body: Mapping[str, Any], more: Mapping[str, str] | None = None) -> Response:
    headers = {"content-type": render.JSON_TYPE, render.REQUEST_ID_HEADER: trace, dialect.TRACE_HEADER: trace}
    return Response(render.json_bytes(body), status, {**headers, **(more or {})})


def _who(user: users.User) -> dialect.Who:
    return dialect.Who(
        domain_id=_domain_id(user.account_id),
        domain=user.account,
        project_id=access.project_id(user.account_id),
        user_id=sha256(f"upwell user {user.user_id}".encode()).hexdigest()[:32],
        user=user.name,
        role=user.role,
    )


def _domain_id(account_id: int) -> str:
    """The account as IAM's domain: 32 hexadecimal digits, stable."""
    return sha256(f"upwell domain {account_id}".encode()).hexdigest()[:32]
