"""How an event is sent to a hook: structured CloudEvents JSON, in the headers of Standard Webhooks 1.0.0.

The body is signed whole, with type and subject in it (rollouts 4.2). Several secrets sign where one replaces another,
and a receiver passes on any match.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256

from upwell.dialects.upwell import names
from upwell.dialects.upwell.cloud_events import MEDIA_TYPE, cloud_event
from upwell.dialects.upwell.render import json_bytes
from upwell.domain import commands as c

SECRET_HEAD = "whsec_"  # noqa: S105  # what a secret is written with, and no part of the key


def body_of(event: c.Event) -> str:
    """What is sent of the event, the same at every try."""
    return json_bytes(cloud_event(event)).decode()


def headers_of(position: int, at: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of a try in that second of Unix time. The id is the event's, the same at every try."""
    event_id = names.event_id(position)
    return {
        "Content-Type": MEDIA_TYPE,
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signature(secret, event_id, at, body) for secret in secrets),
    }


def signature(secret: str, event_id: str, at: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` in Base64."""
    key = b64decode(secret.removeprefix(SECRET_HEAD))
    return "v1," + b64encode(hmac.digest(key, f"{event_id}.{at}.".encode() + body, sha256)).decode()
