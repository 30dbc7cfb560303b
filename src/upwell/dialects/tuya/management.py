"""Tuya's management API (tuya 2): from an Action and its parameters to a command of the core, and from the core's
result to the members of the answer. Bytes, signatures and HTTP are elsewhere.
"""

from typing import Any

from upwell.dialects import flat
from upwell.dialects.operations import Operation, Pairs
from upwell.dialects.tuya import fleet_ops, job_ops, package_ops
from upwell.dialects.tuya.spelling import mended
from upwell.domain.commands import Command, Result
from upwell.domain.errors import NotFound

VERSION = "2022-01-01"  # tuya 1.2: its own, beside the one that it shares with Alibaba

OPERATIONS: dict[str, Operation] = {**package_ops.OPERATIONS, **job_ops.OPERATIONS, **fleet_ops.OPERATIONS}


def operation(action: str) -> Operation:
    """What the Action is. Raises NotFound("action") for one that this server does not have."""
    if action not in OPERATIONS:
        raise NotFound("action", action[:64])
    return OPERATIONS[action]


def decode(action: str, pairs: Pairs) -> Command:
    """The command that a request asks for, in any of the spellings of tuya 1.6. Raises NotFound, Missing or Invalid,
    which `codes` words."""
    asked = operation(action)
    return flat.command(asked, mended(asked.params, pairs))


def encode(action: str, result: Result) -> dict[str, Any]:
    """The members of a successful answer besides the envelope's."""
    return operation(action).members(result) or {}
