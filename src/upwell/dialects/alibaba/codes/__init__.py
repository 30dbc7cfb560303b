"""Alibaba's refusals (alibaba 4): the words of both RPC dialects, unchanged."""

from upwell.dialects.rpc_codes import Refusal, refusal

__all__ = ["Refusal", "refusal"]
