"""The REST door: `/v5/iot/{project_id}/…`, Huawei's management API.

A method and a raw path become an operation, the operation a command, and the service's result the answer, each with an
X-Request-Id (huawei 1.9). Nothing is done before the signature holds and the project is the caller's. No traceback
leaves here.
"""

import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upwell.dialects.huawei import codes, job_ops, management, names, render
from upwell.dialects.huawei.signing import SignedRequest
from upwell.domain import commands as c
from upwell.domain.errors import Denied, Invalid, TooMany, UpwellError
from upwell.doors.management.huawei_callers import Gate, key_named, peer_of, read
from upwell.doors.management.huawei_target_files import FRAME_SIZE_MAX, read_form
from upwell.service.context import Context
from upwell.service.manage import access, deeds, target_files, uses
from upwell.service.manage.access import Caller

log = logging.getLogger(__name__)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # the route's, so that all are refused here
BODY_SIZE_MAX = 8 * 1024 * 1024  # bytes: 30,000 targets of 128 characters are half of it
PARAMETERS_MAX = 1000  # of a query


@dataclass(frozen=True, slots=True, kw_only=True)
class RestDoor:
    """Answers requests to `/v5/…`."""

    ctx: Context
    gate: Gate
    limited: bool = True  # whether the vendor's limits on requests a second hold
    changed: Callable[[c.Command], None]  # told after each command: it may have made work for the engine

    async def __call__(self, request: Request) -> Response:
        """One request, whatever it is; never raises."""
        request_id, statuses = uuid.uuid4().hex, codes.STATUSES
        key = operation = ""
        try:
            if management.upload_project(request.method, _path(request)) is not None:
                operation = "upload a file of targets"
                form = await read(request, target_files.FILE_SIZE_MAX + FRAME_SIZE_MAX, "file_size")
                key = key_named(form)
                return answered(request_id, 201, await self._upload(form))
            read_request = await read(request, BODY_SIZE_MAX)
            key = key_named(read_request)
            route = management.route(read_request.method, read_request.path)
            statuses, operation = route.operation.refuses, route.name
            origin = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
            caller = await self.gate.caller(read_request)
            key = caller.key_id
            result = await self._perform(caller, read_request, route, origin, peer_of(request))
            return answered(request_id, route.operation.status, management.encode(route.name, result))
        except ClientDisconnect:
            return Response(status_code=400)
        except UpwellError as exc:
            code = codes.refusal(exc, statuses).code
            deeds.tell_refusal(key, operation or request.method, code, exc, peer_of(request), request_id)
            return refused(request_id, exc, statuses)
        except Exception as exc:
            log.exception("request %s (%s) failed", request_id, request.method)
            return refused(request_id, exc, statuses)

    async def _perform(
        self, caller: Caller, request: SignedRequest, route: management.Route, origin: str, peer: str
    ) -> c.Result:
        check_project(caller, route.project_id)
        access.require(caller, route.operation.role)
        await self._admit(caller, route)
        command = route.decode(_pairs(request.query), request.body)
        result = await uses.perform(self.ctx, caller, command, route.operation.role, origin)
        deeds.tell_deed(caller, command, result, route.name, names.task_id, peer)
        self.changed(command)
        return result

    async def _upload(self, form: SignedRequest) -> dict[str, object]:
        caller = await self.gate.caller(form)
        check_project(caller, management.upload_project(form.method, form.path) or "")
        access.require(caller, "operator")
        name, content = await read_form(form)
        return job_ops.file_members(await target_files.create_target_file(self.ctx, caller, name, content))

    async def _admit(self, caller: Caller, route: management.Route) -> None:
        limit = route.operation.limit_per_s if self.limited else None
        if limit is not None and not await access.within_rate(self.ctx, caller.account_id, route.name, limit):
            raise TooMany("requests", limit)


def everything(door: RestDoor) -> Route:
    """Every path below `/v5/` leads to the door, even with a newline in an id: Starlette's own pattern stops there."""
    route = Route("/v5/{rest:path}", door.__call__, methods=METHODS)
    route.path_regex = re.compile(r"/v5/(?P<rest>.*)\Z", re.DOTALL)
    return route


def check_project(caller: Caller, project_id: str) -> None:
    """The path's project is the caller's account. Raises Denied."""
    if project_id != access.project_id(caller.account_id):
        raise Denied("The project_id of the path is not the project of the access key.")


def answered(request_id: str, status: int, members: dict[str, object] | None) -> Response:
    """An answer; without members it has no body."""
    kind = {} if members is None else {"content-type": render.JSON_TYPE}
    return Response(render.json_bytes(members), status, {render.REQUEST_ID_HEADER: request_id, **kind})


def refused(request_id: str, error: Exception, statuses: frozenset[int] = codes.STATUSES) -> Response:
    """A refusal to an operation that answers these statuses."""
    told = codes.refusal(error, statuses)
    return answered(request_id, told.status, {**render.failure(told.code, told.message)})


def _path(request: Request) -> str:
    return str(request.scope["raw_path"].decode("latin-1"))


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX)
    except ValueError as exc:
        raise Invalid("query", f"at most {PARAMETERS_MAX} parameters") from exc
