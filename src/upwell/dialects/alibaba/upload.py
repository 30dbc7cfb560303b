"""How Alibaba uploads a package: OSS PostObject (alibaba 5.1, 5.3).

A policy is a signed promise of what may be uploaded; `check` says whether a form keeps it, and what it claims.
It holds no key, no clock and no bytes: the door streams the file and enforces the claim's size limits.
A signature is verified before its policy is read. Form field names are case-insensitive.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from upwell.dialects.sizes import HOST_BYTES, bounded

UPLOAD_SIZE_MAX = 1_048_576_000
"""Bytes of one upload when its policy states no less. alibaba 5.1: 1000 MB."""

MALFORMED = "MalformedPOSTRequest"

_SIGNED = ("policy", "ossaccesskeyid", "signature")
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


class PostObjectError(Exception):
    """An upload refused, as OSS words it: `code`, HTTP `status`, `message`."""

    def __init__(self, code: str, status: int, message: str) -> None:
        self.code = code
        self.status = status
        self.message = message
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True, slots=True)
class UploadTicketClaim:
    """What a well-signed form may store: the key, `size_min` to `size_max` bytes, and the status to answer with."""

    key: str
    access_key_id: str
    size_min: int
    size_max: int
    success_status: int


def policy(key: str, expires: datetime, size_max: int) -> str:
    """The Base64 policy that allows one object of at most `size_max` bytes until `expires`. alibaba 5.3."""
    moment = expires.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    conditions = [["content-length-range", 0, size_max], ["eq", "$key", key]]
    text = json.dumps({"expiration": moment, "conditions": conditions}, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(text.encode()).decode()


def sign(policy_b64: str, secret: str) -> str:
    """Base64 of the HMAC-SHA1 of the policy's Base64 text. alibaba 5.3."""
    return base64.b64encode(hmac.new(secret.encode(), policy_b64.encode(), hashlib.sha1).digest()).decode()


def access_key_id(fields: Mapping[str, str]) -> str:
    """The id that signed the form. Raises `PostObjectError` unless policy, id and signature are all there."""
    given = _folded(fields)
    absent = [name for name in _SIGNED if not given.get(name)]
    if len(absent) == len(_SIGNED):
        raise PostObjectError("AccessDenied", 403, "Anonymous access is forbidden for this operation.")
    if absent:
        # alibaba 5.3: all or none.
        raise PostObjectError(MALFORMED, 400, f"The form must contain the field {absent[0]}.")
    return given["ossaccesskeyid"]


def check(fields: Mapping[str, str], secret_of: Callable[[str], str | None], now: datetime | None) -> UploadTicketClaim:
    """What the form claims. Raises `PostObjectError` when it is malformed, ill-signed, late or breaks its policy; `now`
    None lets it be late."""
    given = _folded(fields)
    key_id = access_key_id(fields)
    _check_signature(given, key_id, secret_of)
    expiration, conditions = _document(given["policy"])
    if now is not None and now >= expiration:
        raise _denied("Policy expired.")
    key = given.get("key", "")
    if not key:
        raise PostObjectError(MALFORMED, 400, "The form must contain the field key.")
    size_min, size_max = _check_conditions(conditions, given)
    status = {"200": 200, "201": 201}.get(given.get("success_action_status", ""), 204)
    return UploadTicketClaim(key, key_id, size_min, size_max, status)


def error_xml(error: PostObjectError, request_id: str, host_id: str) -> bytes:
    """The body of a refusal."""
    said = (("Code", error.code), ("Message", bounded(error.message)))
    parts = (*said, ("RequestId", request_id), ("HostId", bounded(host_id, HOST_BYTES)))
    return (_XML + "<Error>" + _elements(parts) + "</Error>").encode()


def success(claim: UploadTicketClaim, md5_hex: str, location: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an upload that is stored. alibaba 5.3: the ETag is the upper-case MD5."""
    etag = f'"{md5_hex.upper()}"'
    if claim.success_status != 201:
        return claim.success_status, {"ETag": etag}, b""
    parts = (("Bucket", "upwell"), ("Location", location), ("Key", claim.key), ("ETag", etag))
    body = (_XML + "<PostResponse>" + _elements(parts) + "</PostResponse>").encode()
    return 201, {"ETag": etag, "Content-Type": "application/xml"}, body


def _elements(parts: tuple[tuple[str, str], ...]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts)


def _folded(fields: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in fields.items()}


def _denied(why: str) -> PostObjectError:
    return PostObjectError("AccessDenied", 403, f"Invalid according to Policy: {why}")


def _invalid(why: str) -> PostObjectError:
    return PostObjectError("InvalidPolicyDocument", 400, f"Invalid Policy: {why}")


def _check_signature(given: Mapping[str, str], key_id: str, secret_of: Callable[[str], str | None]) -> None:
    secret = secret_of(key_id)
    if secret is None:
        raise PostObjectError(
            "InvalidAccessKeyId", 403, "The OSS Access Key Id you provided does not exist in our records."
        )
    if not hmac.compare_digest(sign(given["policy"], secret).encode(), given["signature"].encode()):
        raise PostObjectError(
            "SignatureDoesNotMatch",
            403,
            "The request signature we calculated does not match the signature you provided.",
        )


def _document(policy_b64: str) -> tuple[datetime, list[Any]]:
    """When the policy expires, and its conditions."""
    try:
        found = json.loads(base64.b64decode(policy_b64, validate=True))
        expiration = datetime.fromisoformat(found["expiration"])
        conditions = found["conditions"]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise _invalid("it is not Base64 of a JSON object with expiration and conditions.") from exc
    if expiration.tzinfo is None or not isinstance(conditions, list):
        raise _invalid("expiration must be a GMT time and conditions a list.")
    return expiration, conditions


def _check_conditions(conditions: list[Any], given: Mapping[str, str]) -> tuple[int, int]:
    """The narrowest size range of all conditions; every other condition must hold for its field."""
    size_min, size_max = 0, UPLOAD_SIZE_MAX
    for condition in conditions:
        match condition:
            case ["content-length-range", int(low), int(high)] if 0 <= low <= high:
                size_min, size_max = max(size_min, low), min(size_max, high)
            case [str(kind), str(name), str(value)] if kind in _HOLDS and name.startswith("$"):
                _hold(kind, name[1:], value, given, condition)
            case dict() if condition and all(isinstance(value, str) for value in condition.values()):
                for name, value in condition.items():
                    _hold("eq", name, value, given, condition)
            case _:
                raise _invalid("a condition is not one of eq, starts-with and content-length-range.")
    return size_min, size_max


_HOLDS: dict[str, Callable[[str, str], bool]] = {"eq": str.__eq__, "starts-with": str.startswith}


def _hold(kind: str, name: str, value: str, given: Mapping[str, str], condition: object) -> None:
    if not _HOLDS[kind](given.get(name.lower(), ""), value):
        raise _denied(f"Policy Condition failed: {json.dumps(condition)}")
