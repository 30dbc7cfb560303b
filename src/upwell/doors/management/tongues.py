"""The tongues that the RPC door speaks: one row for each dialect, with everything the door needs of it.

Holds: what a dialect's own modules say, joined into one shape. Refuses: to know HTTP beyond status and type, and
which row a request belongs to; that is the door's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from upwell.dialects.alibaba import codes as alibaba_codes
from upwell.dialects.alibaba import management as alibaba_management
from upwell.dialects.alibaba import names as alibaba_names
from upwell.dialects.alibaba import render as alibaba_render
from upwell.dialects.alibaba import signing as alibaba_signing
from upwell.dialects.alibaba.limits import QPS
from upwell.dialects.rpc import RpcRequest, parameters
from upwell.dialects.rpc_answers import JSON_TYPE
from upwell.dialects.rpc_names import known_elsewhere, refuse_known
from upwell.dialects.rpc_signing import SigningError
from upwell.dialects.tuya import codes as tuya_codes
from upwell.dialects.tuya import management as tuya_management
from upwell.dialects.tuya import names as tuya_names
from upwell.dialects.tuya import render as tuya_render
from upwell.dialects.tuya import signing as tuya_signing
from upwell.domain.commands import Command, Result

# Siblings are strangers, so what one's table has and the other's lacks is found here, where both are seen.
_ALIBABA_LACKS = known_elsewhere(alibaba_management.OPERATIONS, tuya_management.OPERATIONS)
_TUYA_LACKS = known_elsewhere(tuya_management.OPERATIONS, alibaba_management.OPERATIONS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    content_type: str
    body: bytes
    code: str = ""  # of a refusal, for the log


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who asks for what, unproven. `prove` (secret, now) raises SigningError when the signature does not hold."""

    access_key_id: str
    action: str
    nonce: str
    prove: Callable[[str, datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as answers need it: `host` is where it was sent, `action` is empty until it is known."""

    request: RpcRequest
    request_id: str
    host: str
    action: str = ""
    peer: str = ""  # for the log


class Tongue(Protocol):
    """One dialect of the RPC kind. Nothing here raises anything but UpwellError."""

    def key_id(self, request: RpcRequest) -> str:
        """The access key that any request names; empty when it names none. Never raises."""

    def job_name(self, job_id: int) -> str:
        """What its owners call the job, for the log."""

    def claim(self, request: RpcRequest) -> Claim:
        """Who asks for what."""

    def limit(self, action: str) -> int | None:
        """How many requests of this a second the keys of an account may make together; None is no limit."""

    def command(self, action: str, request: RpcRequest) -> tuple[str, Command]:
        """The least role that may ask this, and what is asked."""

    def answer(self, asked: Asked, result: Result) -> Answer:
        """It was done."""

    def refuse(self, asked: Asked, error: Exception) -> Answer:
        """It was not. Never raises."""


class Alibaba:
    """Alibaba's management API, 2018-01-20."""

    def key_id(self, request: RpcRequest) -> str:
        """From the ACS3 header, or the parameter."""
        try:
            return alibaba_signing.claim(request).access_key_id
        except SigningError:
            return parameters(request).get("AccessKeyId", "")

    def job_name(self, job_id: int) -> str:
        """Its JobId."""
        return alibaba_names.job_id(job_id)

    def claim(self, request: RpcRequest) -> Claim:
        """Of either signature."""
        claim = alibaba_signing.claim(request)
        return Claim(
            access_key_id=claim.access_key_id,
            action=claim.action,
            nonce=claim.nonce,
            prove=lambda secret, now: alibaba_signing.verify(request, claim, secret, now),
        )

    def limit(self, action: str) -> int | None:
        """Alibaba's own (alibaba 2.0, 3)."""
        return QPS.get(action)

    def command(self, action: str, request: RpcRequest) -> tuple[str, Command]:
        """By the table; what the sister's table has more is refused."""
        operation = alibaba_management.operation(action)
        pairs = (*request.query, *request.form)
        refuse_known(_ALIBABA_LACKS[action], operation.params, pairs)
        return operation.role, operation.parse(pairs)

    def answer(self, asked: Asked, result: Result) -> Answer:
        """In JSON or XML, as asked."""
        members = alibaba_management.encode(asked.action, result, asked.request_id)
        return Answer(200, *self._written(asked, members, f"{asked.action}Response"))

    def refuse(self, asked: Asked, error: Exception) -> Answer:
        """In the gateway's envelope or the business one."""
        told = alibaba_codes.refusal(error, asked.action)
        if told.envelope == "gateway":
            members = alibaba_render.gateway_error(asked.request_id, asked.host, told.code, told.message)
            return Answer(told.status, *self._written(asked, members, "Error"), told.code)
        members = alibaba_render.business_error(asked.request_id, told.code, told.message)
        return Answer(told.status, *self._written(asked, members, f"{asked.action}Response"), told.code)

    def _written(self, asked: Asked, members: Mapping[str, object], root: str) -> tuple[str, bytes]:
        xml = alibaba_signing.answer_format(asked.request) == "XML"
        return alibaba_render.to_bytes(members, root, xml=xml)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuya:
    """Tuya's management API. `bare_secret` and `wrapped_lists` are what no source decides (tuya 7.4, 7.6)."""

    bare_secret: bool = False
    wrapped_lists: bool = False

    def key_id(self, request: RpcRequest) -> str:
        """The parameter, in any spelling."""
        return tuya_signing.key_id(request)

    def job_name(self, job_id: int) -> str:
        """Its jobId."""
        return tuya_names.public(job_id)

    def claim(self, request: RpcRequest) -> Claim:
        """Of its one signature."""
        claim = tuya_signing.claim(request)
        return Claim(
            access_key_id=claim.access_key_id,
            action=claim.action,
            nonce=claim.nonce,
            prove=lambda secret, now: tuya_signing.verify(request, claim, secret, now, bare_secret=self.bare_secret),
        )

    def limit(self, action: str) -> int | None:
        """None: Tuya's pages name no limit."""
        return None

    def command(self, action: str, request: RpcRequest) -> tuple[str, Command]:
        """By the table, in any of the spellings of tuya 1.6; what the sister's table has more is refused."""
        operation = tuya_management.operation(action)
        pairs = (*request.query, *request.form)
        refuse_known(_TUYA_LACKS[action], operation.params, pairs)
        return operation.role, tuya_management.decode(action, pairs)

    def answer(self, asked: Asked, result: Result) -> Answer:
        """In JSON."""
        members = tuya_management.encode(asked.action, result)
        body = tuya_render.success(asked.request_id, members, wrapped=self.wrapped_lists)
        return Answer(200, JSON_TYPE, body)

    def refuse(self, asked: Asked, error: Exception) -> Answer:
        """In the one envelope, with the gateway's status or 200 (tuya 1.4)."""
        told = tuya_codes.refusal(error, asked.action)
        body = tuya_render.failure(asked.request_id, told.code, told.message)
        return Answer(told.status, JSON_TYPE, body, str(told.code))
