"""The RPC door: `/` of the management API, shared by every tongue of the RPC kind, and by the forms of uploads.

The access key decides which tongue a request is answered in (L10); before a key is known the first that speaks like
it. Another method than GET and POST, and a body that is no form, are refused and never ignored: a caller believes that
what is there counts.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.dialects import rpc_signing
from upwell.dialects.rpc import RpcRequest, first_fields
from upwell.dialects.sizes import FORM_BYTES
from upwell.domain.errors import CallerError, Invalid
from upwell.doors.management.ask import ask
from upwell.doors.management.tongue import BODY_SIZE_MAX, Answer, Asked, House, RpcSpeaker
from upwell.doors.requests import body_of, headers_of, is_form, origin_of, peer_of

QUERY_SIZE_MAX = 64 * 1024
FIELDS_MAX = 25_000  # parameters; BatchCheckDeviceNames alone may carry 10,000 names with 10,000 nicknames
FORM = "application/x-www-form-urlencoded"
METHODS = ("GET", "POST")  # alibaba 1.1, tuya 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcDoor:
    """Answers requests to `/`. `tongues` are by the dialect of access keys, one at least; `forms` takes uploads."""

    house: House
    tongues: Mapping[str, RpcSpeaker]
    forms: Callable[[Request], Awaitable[Response]]

    async def __call__(self, request: Request) -> Response:
        """One request, whatever it is; never raises."""
        if request.method in METHODS and is_form(request.headers.get("content-type", "")):
            return await self.forms(request)
        try:
            read = await self._read(request)
            asked = _asked(request, read, _unread(read))
            return _sent(await ask(self.house, self.tongues, self._first(read), asked))
        except ClientDisconnect:
            return Response(status_code=400)
        except ValueError as exc:
            asked = _asked(request, _NOTHING, rpc_signing.SigningError("InvalidParameter", 400, str(exc)))
            return _sent(await ask(self.house, self.tongues, self._first(_head(request)), asked))

    async def _read(self, request: Request) -> RpcRequest:
        """Raises ValueError for what is too long."""
        if len(request.url.query) > QUERY_SIZE_MAX:
            raise ValueError(f"The query is longer than {QUERY_SIZE_MAX} bytes.")
        try:
            body = await body_of(request, BODY_SIZE_MAX)
        except Invalid as exc:
            raise ValueError(f"The body is longer than {BODY_SIZE_MAX} bytes.") from exc
        head = RpcRequest(
            method=request.method, headers=headers_of(request), query=_pairs(request.url.query), form=[], body=body
        )
        return replace(head, form=await self._form(request, head)) if _has_form(head.headers) else head

    async def _form(self, request: Request, head: RpcRequest) -> list[tuple[str, str]]:
        """The fields of its body. A large one is not taken apart for nobody's key, nor beyond what its operation can
        take. Raises ValueError."""
        size_max, fields_max = FORM_BYTES, FIELDS_MAX
        if len(head.body) > FORM_BYTES:
            first = await self.house.beside.done(len(head.body), lambda: first_fields(head.body))
            asked = _asked(request, replace(head, form=first), None)
            tongue = await self._of_a_key(asked)
            if tongue is not None:
                size_max, fields_max = tongue.form_max(tongue.claimed(asked)[1])
        if len(head.body) > size_max:
            raise ValueError(f"The body is longer than {size_max} bytes, which is more than such a request takes.")
        text = head.body.decode("utf-8", "replace")
        return await self.house.beside.done(len(head.body), lambda: _pairs(text, fields_max))

    async def _of_a_key(self, asked: Asked[RpcRequest]) -> RpcSpeaker | None:
        """Whose tongue the live key is of that a request names."""
        for name in dict.fromkeys(tongue.claimed(asked)[0] for tongue in self.tongues.values()):
            key = await self.house.gate.key(name)
            if key is not None:
                return self.tongues.get(key.dialect)
        return None

    def _first(self, request: RpcRequest) -> RpcSpeaker:
        """Whose tongue a request is answered in while no key is known."""
        every = list(self.tongues.values())
        return next((tongue for tongue in every if tongue.speaks(request)), every[0])


def everything(door: RpcDoor) -> Route:
    """`/` leads to the door by any method, so that all are refused in the caller's tongue."""
    route = Route("/", door.__call__)
    route.methods = None
    return route


# What a request that is too long to be read is answered as: nothing of it counts, and the answer is JSON.
_NOTHING = RpcRequest(method="POST", headers={}, query=[("Format", "JSON")], form=[], body=b"")


def _asked(request: Request, read: RpcRequest, problem: CallerError | None) -> Asked[RpcRequest]:
    return Asked(
        request=read,
        request_id=str(uuid.uuid4()).upper(),
        host=request.headers.get("host", ""),
        origin=origin_of(request),
        peer=peer_of(request),
        problem=problem,
    )


def _unread(request: RpcRequest) -> CallerError | None:
    """What the door does not read is refused, not passed over."""
    if request.method not in METHODS:
        return rpc_signing.refusal("UnsupportedHTTPMethod")
    if request.body and not _has_form(request.headers):
        message = f"Parameters are read from the query and from a body of type {FORM}, and not from any other body."
        return rpc_signing.SigningError("InvalidParameter", 400, message)
    return None


def _has_form(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith(FORM)


def _sent(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)


def _head(request: Request) -> RpcRequest:
    """What can be read of any request: its headers and the beginning of its query."""
    query = parse_qsl(request.url.query[:QUERY_SIZE_MAX], keep_blank_values=True)
    return RpcRequest(method=request.method, headers=headers_of(request), query=query, form=[], body=b"")


def _pairs(text: str, most: int = FIELDS_MAX) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, max_num_fields=most)
