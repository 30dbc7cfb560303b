"""Tuya's management API, as the RPC door asks for it."""

from dataclasses import dataclass
from datetime import datetime

from upwell.dialects.alibaba.management import OPERATIONS as ALIBABA
from upwell.dialects.rpc import RpcRequest, parameters
from upwell.dialects.rpc_answers import JSON_TYPE
from upwell.dialects.rpc_sisters import known_elsewhere, refuse_known
from upwell.dialects.sizes import bounded, form_bytes_max, form_fields_max
from upwell.dialects.tuya import codes, management, names, render, signing
from upwell.domain.commands import Command, Result
from upwell.doors.management.ask import signed
from upwell.doors.management.tongue import Answer, Asked, Call, House
from upwell.service.manage.access import AccessKey, Caller

# Siblings are strangers, so what one's table has and the other's lacks is found here, where both are seen.
_LACKS = known_elsewhere(management.OPERATIONS, ALIBABA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuya:
    """An `RpcSpeaker`. Its fields are what no source decides (tuya 7.4, 7.6), and the server's owner does."""

    bare_secret: bool = False
    wrapped_lists: bool = False

    def speaks(self, request: RpcRequest) -> bool:
        """A request without a version, or with its own (tuya 1.2)."""
        return parameters(request).get("Version", management.VERSION) == management.VERSION

    def form_max(self, action: str) -> tuple[int, int]:
        return form_bytes_max(management.OPERATIONS, action), form_fields_max(management.OPERATIONS, action)

    def claimed(self, asked: Asked[RpcRequest]) -> tuple[str, str]:
        """The parameters, the key's in any spelling."""
        return signing.key_id(asked.request), parameters(asked.request).get("Action", "")

    def call(self, asked: Asked[RpcRequest]) -> Call:
        """Of its one signature; its pages name no limit."""
        claim = signing.claim(asked.request)
        found = management.OPERATIONS.get(claim.action)
        role, exists = found.role if found else "viewer", found is not None
        return Call(operation=claim.action, role=role, exists=exists, nonce=claim.nonce, own=claim)

    async def caller(self, house: House, asked: Asked[RpcRequest], call: Call, key: AccessKey | None) -> Caller:
        claim = call.own

        def prove(secret: str, now: datetime) -> None:
            signing.verify(asked.request, claim, secret, now, bare_secret=self.bare_secret)

        return await signed(house, asked, key, claim.access_key_id, prove)

    def command(self, asked: Asked[RpcRequest], call: Call) -> Command:
        """By the table, in any of the spellings of tuya 1.6; what the sister's table has more is refused."""
        operation = management.operation(call.operation)
        pairs = (*asked.request.query, *asked.request.form)
        refuse_known(_LACKS[call.operation], operation.params, pairs)
        return management.decode(call.operation, pairs)

    def answer(self, asked: Asked[RpcRequest], result: Result) -> Answer:
        members = management.encode(asked.operation, result)
        return _written(200, render.success(asked.request_id, members, wrapped=self.wrapped_lists))

    def refuse(self, asked: Asked[RpcRequest], error: Exception) -> Answer:
        """In the one envelope, with the gateway's status or 200 (tuya 1.4)."""
        told = codes.refusal(error, asked.operation)
        body = render.failure(asked.request_id, told.code, bounded(told.message))
        return _written(told.status, body, str(told.code))

    def job_name(self, job_id: int) -> str:
        return names.public(job_id)


def _written(status: int, body: bytes, code: str = "") -> Answer:
    return Answer(status, body, {"content-type": JSON_TYPE}, code)
