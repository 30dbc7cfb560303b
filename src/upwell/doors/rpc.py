"""The RPC door: `/` of the management API, and the uploads that share its address.

Bytes become a command of the caller's dialect, the service does it, and the answer goes back in the same tongue.
Nothing is done before the signature holds, the key is live and its nonce is new. No traceback leaves here.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from upwell.dialects.alibaba import codes, management, render, signing
from upwell.dialects.rpc import RpcRequest, parameters
from upwell.dialects.tuya import render as tuya
from upwell.domain import commands as c
from upwell.domain.errors import UpwellError
from upwell.doors.uploads import UploadDesk, post_object
from upwell.service import access, uses
from upwell.service.context import Context

log = logging.getLogger(__name__)
BODY_SIZE_MAX = 1024 * 1024  # bytes of a management request; the largest form of section 2 is far below
QUERY_SIZE_MAX = 64 * 1024
FIELDS_MAX = 20_000  # parameters; BatchCheckDeviceNames alone may carry 10,000
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcDoor:
    """Answers requests to `/`."""

    ctx: Context
    desk: UploadDesk
    now: Callable[[], datetime]
    changed: Callable[[c.Command], None]  # told after each command: it may have made work for the engine

    async def __call__(self, request: Request) -> Response:
        """One request, whatever it is; never raises."""
        if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            return await post_object(request, self.desk, self.now)
        request_id = str(uuid.uuid4()).upper()
        try:
            asked = await _read(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except ValueError as exc:
            refusal = signing.SigningError("InvalidParameter", 400, str(exc))
            return _refused(refusal, request_id, request, "", xml=False)
        return await self._answer(asked, request, request_id)

    async def _answer(self, asked: RpcRequest, request: Request, request_id: str) -> Response:
        xml, action = signing.answer_format(asked) == "XML", ""
        try:
            if await self._is_tuya(asked):
                return _refused_as_tuya(request_id)
            caller, action = await self._caller(asked)
            result = await self._perform(caller, action, asked, request)
            members = management.encode(action, result, request_id)
            kind, body = render.to_bytes(members, f"{action}Response", xml=xml)
            return Response(body, 200, {"content-type": kind})
        except UpwellError as exc:
            return _refused(exc, request_id, request, action, xml=xml)
        except Exception as exc:
            log.exception("request %s (%s) failed", request_id, action or "unsigned")
            return _refused(exc, request_id, request, action, xml=xml)

    async def _is_tuya(self, asked: RpcRequest) -> bool:
        """Whether to answer as Tuya: its key says so, or before a key is known, a request without Version."""
        given = parameters(asked)
        if "Version" in given or "x-acs-version" in asked.headers:
            return False
        key = await access.find_key(self.ctx, given.get("AccessKeyId", ""))
        return key is None or key.dialect == "tuya"

    async def _caller(self, asked: RpcRequest) -> tuple[access.Caller, str]:
        claim = signing.claim(asked)
        key = await access.find_key(self.ctx, claim.access_key_id)
        if key is None or key.dialect != "alibaba":
            raise signing.SigningError("InvalidAccessKeyId.NotFound", 404, "Specified access key is not found.")
        signing.verify(asked, claim, key.secret, self.now())
        if not await access.use_nonce(self.ctx, key.key_id, claim.nonce):
            raise signing.SigningError("SignatureNonceUsed", 400, "Specified signature nonce was used already.")
        return key.caller(), claim.action

    async def _perform(self, caller: access.Caller, action: str, asked: RpcRequest, request: Request) -> c.Result:
        operation = management.operation(action)
        command = operation.parse(list(parameters(asked).items()))
        origin = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        result = await uses.perform(self.ctx, caller, command, operation.role, origin)
        self.changed(command)
        return result


async def _read(request: Request) -> RpcRequest:
    if len(request.url.query) > QUERY_SIZE_MAX:
        raise ValueError(f"The query is longer than {QUERY_SIZE_MAX} bytes.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_SIZE_MAX:
            raise ValueError(f"The body is longer than {BODY_SIZE_MAX} bytes.")
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    is_form = headers.get("content-type", "").lower().startswith(FORM)
    form = _pairs(body.decode("utf-8", "replace")) if is_form else []
    query = _pairs(request.url.query)
    return RpcRequest(method=request.method, headers=headers, query=query, form=form, body=bytes(body))


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)


def _refused(exc: Exception, request_id: str, request: Request, action: str, *, xml: bool) -> Response:
    told = _told(exc, action)
    if told.envelope == "gateway":
        members = render.gateway_error(request_id, request.headers.get("host", ""), told.code, told.message)
        kind, body = render.to_bytes(members, "Error", xml=xml)
    else:
        members = render.business_error(request_id, told.code, told.message)
        kind, body = render.to_bytes(members, f"{action}Response", xml=xml)
    return Response(body, told.status, {"content-type": kind})


def _refused_as_tuya(request_id: str) -> Response:
    # No operation of Tuya's is served yet, so no key of its dialect opens anything.
    body = tuya.failure(request_id, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    return Response(body, 404, {"content-type": tuya.JSON_TYPE})


def _told(exc: Exception, action: str) -> codes.Refusal:
    if isinstance(exc, signing.SigningError):
        return codes.Refusal(code=exc.code, status=exc.status, message=exc.message, envelope="gateway")
    return codes.refusal(exc, action)
