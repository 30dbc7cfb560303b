"""Answers as bytes, and the form of times inside them (RFC 3339)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from upwell.dialects.payloads import compact

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
REQUEST_ID_HEADER = "X-Request-Id"
POLICY_HEADER, RATE_HEADER = "RateLimit-Policy", "RateLimit"
REQUESTS_PER_S = 100  # of a key, or of a user's sessions together: a script waits for nothing, a mad one for itself


def json_bytes(members: Mapping[str, Any] | None) -> bytes:
    """The members as compact UTF-8 JSON; nothing at all for an answer without a body."""
    return b"" if members is None else compact(members)


def rate_headers(limit_per_s: int, more: int) -> dict[str, str]:
    """How often one may ask, and how often more until the second is over (draft-ietf-httpapi-ratelimit-headers-10)."""
    return {POLICY_HEADER: f'"caller";q={limit_per_s};w=1', RATE_HEADER: f'"caller";r={more};t=1'}


def time(at: datetime | None) -> str | None:
    """`2026-06-29T09:30:15.123Z`."""
    if at is None:
        return None
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
