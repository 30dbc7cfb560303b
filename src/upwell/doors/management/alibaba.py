"""Alibaba's management API, 2018-01-20, as the RPC door asks for it."""

from collections.abc import Mapping

from upwell.dialects.alibaba import codes, management, names, render, signing
from upwell.dialects.rpc import RpcRequest, parameters
from upwell.dialects.rpc_sisters import known_elsewhere, refuse_known
from upwell.dialects.sizes import HOST_BYTES, bounded, form_bytes_max, form_fields_max
from upwell.dialects.tuya.management import OPERATIONS as TUYA
from upwell.domain.commands import Command, Result
from upwell.domain.errors import UpwellError
from upwell.doors.management.ask import signed
from upwell.doors.management.tongue import Answer, Asked, Call, House
from upwell.service.manage.access import AccessKey, Caller

# Siblings are strangers, so what one's table has and the other's lacks is found here, where both are seen.
_LACKS = known_elsewhere(management.OPERATIONS, TUYA)


class Alibaba:
    """An `RpcSpeaker`."""

    def speaks(self, request: RpcRequest) -> bool:
        """Alibaba's clients always send a version."""
        version = parameters(request).get("Version")
        return version == signing.API_VERSION or (version is None and "x-acs-version" in request.headers)

    def form_max(self, action: str) -> tuple[int, int]:
        return form_bytes_max(management.OPERATIONS, action), form_fields_max(management.OPERATIONS, action)

    def claimed(self, asked: Asked[RpcRequest]) -> tuple[str, str]:
        given = parameters(asked.request)
        operation = given.get("Action", asked.request.headers.get("x-acs-action", ""))
        try:
            return signing.claim(asked.request).access_key_id, operation
        except UpwellError:
            return given.get("AccessKeyId", ""), operation

    def call(self, asked: Asked[RpcRequest]) -> Call:
        """Of either signature, at Alibaba's own limits (alibaba 2.0, 3)."""
        claim = signing.claim(asked.request)
        found = management.OPERATIONS.get(claim.action)
        return Call(
            operation=claim.action,
            role=found.role if found else "viewer",
            exists=found is not None,
            nonce=claim.nonce,
            own=claim,
            limit_per_s=found.limit_per_s if found else None,
        )

    async def caller(self, house: House, asked: Asked[RpcRequest], call: Call, key: AccessKey | None) -> Caller:
        claim = call.own
        return await signed(
            house,
            asked,
            key,
            claim.access_key_id,
            lambda secret, now: signing.verify(asked.request, claim, secret, now),
        )

    def command(self, asked: Asked[RpcRequest], call: Call) -> Command:
        """By the table; what the sister's table has more is refused."""
        operation = management.operation(call.operation)
        pairs = (*asked.request.query, *asked.request.form)
        refuse_known(_LACKS[call.operation], operation.params, pairs)
        return management.decode(call.operation, pairs)

    def answer(self, asked: Asked[RpcRequest], result: Result) -> Answer:
        members = management.encode(asked.operation, result, asked.request_id)
        return _written(asked, 200, members, f"{asked.operation}Response")

    def refuse(self, asked: Asked[RpcRequest], error: Exception) -> Answer:
        """In the gateway's envelope or the business one."""
        told = codes.refusal(error, asked.operation)
        message = bounded(told.message)
        if told.envelope == "gateway":
            members = render.gateway_error(asked.request_id, bounded(asked.host, HOST_BYTES), told.code, message)
            return _written(asked, told.status, members, "Error", told.code)
        members = render.business_error(asked.request_id, told.code, message)
        return _written(asked, told.status, members, f"{asked.operation}Response", told.code)

    def job_name(self, job_id: int) -> str:
        return names.job_id(job_id)


def _written(asked: Asked[RpcRequest], status: int, members: Mapping[str, object], root: str, code: str = "") -> Answer:
    xml = signing.answer_format(asked.request) == "XML"
    kind, body = render.to_bytes(members, root, xml=xml)
    return Answer(status, body, {"content-type": kind}, code)
