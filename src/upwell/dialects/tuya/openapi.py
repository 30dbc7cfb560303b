"""Tuya's other management API, the OpenAPI of its public platform, which is not spoken here (tuya 6): how its requests
look, and how its callers are told so.

The vendor's connectors read a refusal only from an answer of status 200: of any other the Python ones raise an
AttributeError of their own. Code 1010 is never used, for it sends them back for a token, which is refused as well.
"""

import re
from collections.abc import Mapping
from typing import Any

from upwell.dialects.rpc_answers import json_bytes

STATUS = 200
CODE = 1108
MESSAGE = (
    "uri path invalid: the OpenAPI is not offered here, of Tuya's APIs only the one with Action=... at /,"
    " see docs/moving/tuya.md"
)
_VERSION = re.compile(r"/v\d{1,2}\.\d{1,2}(/|\Z)")  # an endpoint may end with / or have a path of its own


def is_asked(path: str, headers: Mapping[str, str]) -> bool:
    """Whether a request is for it: a version such as /v1.0/ in its path, and who asks in the header of that name."""
    return "client_id" in headers and _VERSION.search(path) is not None


def refusal(t: int, tid: str) -> bytes:
    """In the form of its answers; `t` in milliseconds."""
    members: dict[str, Any] = {"code": CODE, "msg": MESSAGE, "success": False, "t": t, "tid": tid}
    return json_bytes(members)
