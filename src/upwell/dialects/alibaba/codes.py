"""Alibaba's refusals (alibaba 4): the words of both RPC dialects, with Alibaba's own of each parameter."""

from upwell.dialects import rpc_codes
from upwell.dialects.alibaba import field_codes
from upwell.dialects.rpc_codes import Refusal


def refusal(error: Exception, action: str = "") -> Refusal:
    """How Alibaba says this error to a caller of `action`. What is no CallerError is our own fault and shows nothing of
    itself."""
    return rpc_codes.refusal(error, action, field_codes)
