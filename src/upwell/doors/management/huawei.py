"""Huawei's management API, version 5, as the REST door asks for it: below `/v5/`, each answer with an
X-Request-Id (huawei 1.9). The project of the path is the caller's. Beside the operations it takes forms with a file of
targets, and users sign in below `/v3/`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from starlette.routing import BaseRoute

from upwell.dialects import json_members
from upwell.dialects.huawei import codes, job_ops, management, names, render
from upwell.dialects.rest import RestRequest, pairs
from upwell.dialects.sizes import bounded
from upwell.domain.commands import Command, Result, TargetFile
from upwell.domain.errors import Denied
from upwell.doors.management.huawei_callers import caller_of, key_named
from upwell.doors.management.huawei_sign_in import SignIn
from upwell.doors.management.huawei_target_files import FRAME_SIZE_MAX, read_form
from upwell.doors.management.tongue import BODY_SIZE_MAX, Answer, Asked, Call, House
from upwell.service.context import Context
from upwell.service.manage import access, target_files
from upwell.service.manage.access import AccessKey, Caller

UPLOAD = "upload a file of targets"


class Huawei:
    """A `RestSpeaker`."""

    roots = ("/v5/",)

    def routes(self, house: House) -> Sequence[BaseRoute]:
        return SignIn(house=house).routes()

    def body_size_max(self, method: str, path: str) -> tuple[int, str]:
        """A form with a file may be as long as its file."""
        if management.upload_project(method, path) is None:
            return BODY_SIZE_MAX, "body"
        return target_files.FILE_SIZE_MAX + FRAME_SIZE_MAX, "file_size"

    def claimed(self, asked: Asked[RestRequest]) -> tuple[str, str]:
        """The key of a signature, none with a token; of any request the method is known."""
        return key_named(asked.request), asked.request.method

    def call(self, asked: Asked[RestRequest]) -> Call:
        request = asked.request
        project = management.upload_project(request.method, request.path)
        if project is not None:
            permits = partial(_permit, project, "operator")
            return Call(operation=UPLOAD, role="operator", own=project, use=partial(_upload, request), permits=permits)
        route = management.route(request.method, request.path)
        operation = route.operation
        permits = partial(_permit, route.ids["project_id"], operation.role)
        return Call(
            operation=route.name, role=operation.role, limit_per_s=operation.limit_per_s, own=route, permits=permits
        )

    async def caller(self, house: House, asked: Asked[RestRequest], call: Call, key: AccessKey | None) -> Caller:
        """By signature or token."""
        return await caller_of(house, asked, key)

    def command(self, asked: Asked[RestRequest], call: Call) -> Command:
        return json_members.command(call.own.operation, call.own.ids, pairs(asked.request.query), asked.request.body)

    def answer(self, asked: Asked[RestRequest], result: Result) -> Answer:
        """In JSON; without a body where there is nothing to tell."""
        if asked.operation == UPLOAD:
            return _written(asked, 201, job_ops.file_members(cast(TargetFile, result)))
        operation = management.OPERATIONS[asked.operation]
        return _written(asked, operation.status, operation.members(result))

    def refuse(self, asked: Asked[RestRequest], error: Exception) -> Answer:
        """In the one envelope, with a status that the operation answers."""
        operation = management.OPERATIONS.get(asked.operation)
        told = codes.refusal(error, operation.refuses if operation else None)
        return _written(asked, told.status, render.failure(told.code, bounded(told.message)), told.code)

    def job_name(self, job_id: int) -> str:
        return names.task_id(job_id)


def _permit(project: str, role: str, caller: Caller) -> None:
    """Within the own project, and by role: before anything is read of a body."""
    if project != access.project_id(caller.account_id):
        raise Denied("The project_id of the path is not the project of the access key.")
    access.require(caller, role)


async def _upload(request: RestRequest, ctx: Context, caller: Caller) -> TargetFile:
    return await target_files.create_target_file(ctx, caller, *await read_form(request))


def _written(asked: Asked[RestRequest], status: int, members: Mapping[str, Any] | None, code: str = "") -> Answer:
    kind = {} if members is None else {"content-type": render.JSON_TYPE}
    return Answer(status, render.json_bytes(members), {render.REQUEST_ID_HEADER: asked.request_id, **kind}, code)
