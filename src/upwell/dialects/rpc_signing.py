"""What both RPC dialects ask of a signed request: its parts, its time, and the HMAC-SHA1 over its parameters.

A refusal carries the gateway's code, HTTP status and text. It refuses to hold which parts a vendor demands, which
keys exist and which nonces were used.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from upwell.dialects import rpc
from upwell.dialects.rpc import RpcRequest
from upwell.domain.errors import CallerError

CLOCK_SKEW_MAX = timedelta(minutes=15)  # alibaba 1.3, tuya 7.14: Timestamp at most 15 min off
MISMATCH = "Specified signature is not matched with our calculation. "

# alibaba 4.1: code -> HTTP status, message.
REFUSALS: dict[str, tuple[int, str]] = {
    "IncompleteSignature": (400, "The request signature does not conform to Aliyun standards."),
    "InvalidSignatureMethod": (400, "Specified signature method is not valid."),
    "InvalidSignatureVersion": (400, 'The specified value of "SignatureVersion" is not valid.'),
    "InvalidTimeStamp.Format": (400, "Specified time stamp or date value is not well formatted."),
    "InvalidTimeStamp.Expired": (400, "Specified time stamp or date value is expired."),
    "InvalidVersion": (400, "Specified parameter Version is not valid."),
    "UnsupportedHTTPMethod": (400, "This http method is not supported."),
    "InvalidParameter.Format": (400, 'The specified value of "Format" is not valid.'),
    "InvalidAccessKeyId.NotFound": (404, "Specified access key is not found."),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already."),
}

_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class SigningError(CallerError):
    """The request is not properly signed. `code`, `status` and `message` are the gateway's (alibaba 4.1)."""

    def __init__(self, code: str, status: int, message: str) -> None:
        self.code = code
        self.status = status
        self.message = message
        super().__init__(f"{code}: {message}")


def refusal(code: str) -> SigningError:
    """The refusal of that code, one of REFUSALS."""
    status, message = REFUSALS[code]
    return SigningError(code, status, message)


def need(values: Mapping[str, str], name: str, parameter: str = "") -> str:
    """The value of `name`, or Missing{Param} when it is absent or blank."""
    value = values.get(name, "").strip()
    if not value:
        parameter = parameter or name
        raise SigningError(f"Missing{parameter}", 400, f"{parameter} is mandatory for this action.")
    return value


def need_method(values: Mapping[str, str]) -> None:
    """SignatureMethod is given, and is the only one there is."""
    if need(values, "SignatureMethod").upper() != "HMAC-SHA1":
        raise refusal("InvalidSignatureMethod")


def check_time(text: str, now: datetime) -> None:
    """The client's time is well formed and at most CLOCK_SKEW_MAX from `now`, either way."""
    if not _TIMESTAMP.fullmatch(text):
        raise refusal("InvalidTimeStamp.Format")
    try:
        theirs = datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
    except ValueError as exc:
        raise refusal("InvalidTimeStamp.Format") from exc
    if abs(now - theirs) > CLOCK_SKEW_MAX:
        raise refusal("InvalidTimeStamp.Expired")


def check_signature(request: RpcRequest, signature: str, *keys: str, omit: str = "Signature") -> None:
    """The signature over the parameters is made with one of `keys`, the HMAC keys as they are."""
    text = rpc.string_to_sign(request.method, (*request.query, *request.form), omit=omit)
    if not any(rpc.same(rpc.hmac_sha1(key, text), signature) for key in keys):
        # alibaba 1.7: the old SDK compares what follows the colon with its own string to sign.
        raise SigningError("SignatureDoesNotMatch", 400, f"{MISMATCH}server string to sign is:{text}")
