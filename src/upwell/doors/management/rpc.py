"""The RPC door: `/` of the management API, and the uploads that share its address.

Bytes become a command of the caller's dialect, the service does it, and the answer goes back in the same tongue. The
access key decides which tongue that is (L10); before a key is known a request without Version, or with Tuya's, is
taken for Tuya's. Nothing is done before the signature holds, the key is live and its nonce is new. Another method than
GET and POST, and a body that is no form, are refused and never ignored: a caller believes that what is there counts.
No traceback leaves here.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.dialects import rpc_signing
from upwell.dialects.rpc import RpcRequest, parameters
from upwell.domain import commands as c
from upwell.domain.errors import Throttled, UpwellError
from upwell.doors.management.huawei_callers import peer_of
from upwell.doors.management.lingering import announced
from upwell.doors.management.tongues import Answer, Asked, Claim, Tongue
from upwell.doors.management.uploads import UploadDesk, is_form, post_object
from upwell.service.context import Context
from upwell.service.manage import access, deeds, uses

log = logging.getLogger(__name__)
BODY_SIZE_MAX = 8 * 1024 * 1024  # bytes of a management request: 10,000 device names with nicknames, percent-encoded
QUERY_SIZE_MAX = 64 * 1024
FIELDS_MAX = 25_000  # parameters; BatchCheckDeviceNames alone may carry 10,000 names with 10,000 nicknames
FORM = "application/x-www-form-urlencoded"
METHODS = ("GET", "POST")  # alibaba 1.1, tuya 1.1
TUYA_VERSION = "2022-01-01"  # tuya 1.2: its own, beside the one that it shares with Alibaba


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcDoor:
    """Answers requests to `/`. `tongues` are by the dialect of access keys: `alibaba` and `tuya` at least."""

    ctx: Context
    desk: UploadDesk
    tongues: Mapping[str, Tongue]
    now: Callable[[], datetime]
    limited: bool = True  # whether a vendor's limits on requests a second hold
    changed: Callable[[c.Command], None]  # told after each command: it may have made work for the engine

    async def __call__(self, request: Request) -> Response:
        """One request, whatever it is; never raises."""
        if request.method in METHODS and is_form(request.headers.get("content-type", "")):
            return await post_object(request, self.desk, self.now)
        request_id, host = str(uuid.uuid4()).upper(), request.headers.get("host", "")
        try:
            read = await _read(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except ValueError as exc:
            unread = RpcRequest(method=request.method, headers={}, query=[("Format", "JSON")], form=[], body=b"")
            refusal = rpc_signing.SigningError("InvalidParameter", 400, str(exc))
            asked = Asked(request=unread, request_id=request_id, host=host, peer=peer_of(request))
            return _sent(_refused(self.tongues[_guessed_unread(request)], asked, refusal))
        asked = Asked(request=read, request_id=request_id, host=host, peer=peer_of(request))
        origin = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        return _sent(await self._answer(asked, origin))

    async def _answer(self, asked: Asked, origin: str) -> Answer:
        tongue = self.tongues[_guessed(asked.request)]
        try:
            key = await self._key(asked.request)
            if key is not None:
                tongue = self.tongues[key.dialect]
            _refuse_unread(asked.request)
            caller, action = await self._caller(tongue, key, asked.request)
            asked = replace(asked, action=action)
            return tongue.answer(asked, await self._perform(tongue, caller, asked, origin))
        except UpwellError as exc:
            return _refused(tongue, asked, exc)
        except Exception as exc:
            log.exception("request %s (%s) failed", asked.request_id, asked.action or "unsigned")
            return tongue.refuse(asked, exc)

    async def _key(self, request: RpcRequest) -> access.AccessKey | None:
        """The live key that the request names, if it is of one of our tongues and named as that tongue names keys."""
        for name in dict.fromkeys(tongue.key_id(request) for tongue in self.tongues.values()):
            key = await access.find_key(self.ctx, name) if name else None
            if key and key.dialect in self.tongues and self.tongues[key.dialect].key_id(request) == name:
                return key
        return None

    async def _caller(
        self, tongue: Tongue, key: access.AccessKey | None, request: RpcRequest
    ) -> tuple[access.Caller, str]:
        claim = tongue.claim(request)
        if key is None or key.key_id != claim.access_key_id:
            raise rpc_signing.refusal("InvalidAccessKeyId.NotFound")
        claim.prove(key.secret, self.now())
        await self._admit(tongue, key.caller(), claim)
        return key.caller(), claim.action

    async def _admit(self, tongue: Tongue, caller: access.Caller, claim: Claim) -> None:
        """The nonce is new, and the account is within its rate (seed: keys share the quota of their account)."""
        limit = tongue.limit(claim.action) if self.limited else None
        if limit is not None:
            admission = await access.admit(self.ctx, caller, claim.nonce, claim.action, limit)
        else:
            admission = "admitted" if await access.use_nonce(self.ctx, caller.key_id, claim.nonce) else "replayed"
        if admission == "replayed":
            raise rpc_signing.refusal("SignatureNonceUsed")
        if admission == "too fast":
            raise Throttled

    async def _perform(self, tongue: Tongue, caller: access.Caller, asked: Asked, origin: str) -> c.Result:
        role, command = tongue.command(asked.action, asked.request)
        result = await uses.perform(self.ctx, caller, command, role, origin)
        deeds.tell_deed(caller, command, result, asked.action, tongue.job_name, asked.peer)
        self.changed(command)
        return result


def _refused(tongue: Tongue, asked: Asked, error: UpwellError) -> Answer:
    """The refusal in the caller's tongue; who was refused what is told in the log."""
    answer = tongue.refuse(asked, error)
    action = asked.action or parameters(asked.request).get("Action", asked.request.headers.get("x-acs-action", ""))
    deeds.tell_refusal(tongue.key_id(asked.request), action, answer.code, error, asked.peer, asked.request_id)
    return answer


def everything(door: RpcDoor) -> Route:
    """`/` leads to the door by any method, so that all are refused in the caller's tongue."""
    route = Route("/", door.__call__)
    route.methods = None
    return route


def _refuse_unread(request: RpcRequest) -> None:
    """What the door does not read is refused, not passed over. Raises SigningError."""
    if request.method not in METHODS:
        raise rpc_signing.refusal("UnsupportedHTTPMethod")
    if request.body and not _has_form(request.headers):
        message = f"Parameters are read from the query and from a body of type {FORM}, and not from any other body."
        raise rpc_signing.SigningError("InvalidParameter", 400, message)


def _guessed(request: RpcRequest) -> str:
    """Whose tongue a request is answered in while no key is known: Alibaba's clients always send a version."""
    version = parameters(request).get("Version", request.headers.get("x-acs-version", TUYA_VERSION))
    return "tuya" if version == TUYA_VERSION else "alibaba"


def _guessed_unread(request: Request) -> str:
    """The same of a request that is too long to be read."""
    query = request.url.query
    versioned = "Version=" in query and f"Version={TUYA_VERSION}" not in query
    return "alibaba" if versioned or "x-acs-version" in request.headers else "tuya"


def _has_form(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith(FORM)


def _headers(request: Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _sent(answer: Answer) -> Response:
    return Response(answer.body, answer.status, {"content-type": answer.content_type})


async def _read(request: Request) -> RpcRequest:
    if len(request.url.query) > QUERY_SIZE_MAX:
        raise ValueError(f"The query is longer than {QUERY_SIZE_MAX} bytes.")
    body, too_long = bytearray(), f"The body is longer than {BODY_SIZE_MAX} bytes."
    if announced(request) > BODY_SIZE_MAX:
        raise ValueError(too_long)
    async for part in request.stream():
        body += part
        if len(body) > BODY_SIZE_MAX:
            raise ValueError(too_long)
    headers = _headers(request)
    form = _pairs(body.decode("utf-8", "replace")) if _has_form(headers) else []
    query = _pairs(request.url.query)
    return RpcRequest(method=request.method, headers=headers, query=query, form=form, body=bytes(body))


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
