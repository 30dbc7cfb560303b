"""Alibaba's management API, 2018-01-20 (alibaba 2, 3): from an Action and its parameters to a command of the core, and
from the core's result to the members of the answer. Bytes, signatures and HTTP are elsewhere.
"""

from typing import Any

from upwell.dialects import flat
from upwell.dialects.alibaba import (
    device_ops,
    group_ops,
    job_ops,
    module_ops,
    names,
    package_ops,
    product_ops,
    registration_ops,
    tag_ops,
    task_ops,
)
from upwell.dialects.operations import Operation, Pairs
from upwell.dialects.rpc_answers import without_none
from upwell.domain.commands import Command, Result
from upwell.domain.errors import NotFound

OPERATIONS: dict[str, Operation] = {
    **product_ops.OPERATIONS,
    **registration_ops.OPERATIONS,
    **device_ops.OPERATIONS,
    **tag_ops.OPERATIONS,
    **group_ops.OPERATIONS,
    **package_ops.OPERATIONS,
    **module_ops.OPERATIONS,
    **job_ops.OPERATIONS,
    **task_ops.OPERATIONS,
}


def operation(action: str) -> Operation:
    """What the Action is. Raises NotFound("action") for one that this server does not have."""
    found = OPERATIONS.get(action)
    if found is None:
        raise NotFound("action", action[:64])
    return found


def decode(action: str, params: Pairs) -> Command:
    """The command that a request asks for. Raises NotFound, Missing or Invalid, which `codes` words."""
    return flat.command(operation(action), params)


def encode(action: str, result: Result, request_id: str) -> dict[str, Any]:
    """The members of a successful answer in their order, without None (alibaba 1.6)."""
    asked = operation(action)
    members: dict[str, Any] = without_none(asked.members(result) or {})
    if asked.ticket:
        members[asked.ticket] = names.ticket_id(request_id)
    return {"RequestId": request_id, "Success": True, **members}
