"""Who asks, and did they really: the two request signatures of the Huawei management API.

`claim` reads what a request says of itself; the caller finds the key's secret; `verify` proves the claim. Both
SDK-HMAC-SHA256 and V11-HMAC-SHA256 (derived key) are verified from the request exactly as it was received: the headers
that SignedHeaders lists, User-Agent included. Which they are is the client's to choose, but one is the time: there is
no nonce in these signatures, and what guards against replays is the window of 15 minutes. A signature holds for one
spelling of a path and one order of equal parameters, those that the clients send. It refuses temporary credentials,
and it holds no key.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

from upwell.dialects.rest import RestRequest
from upwell.domain.errors import CallerError

CLOCK_SKEW_MAX = timedelta(minutes=15)  # huawei 1.7
SDK_HMAC = "SDK-HMAC-SHA256"
V11_HMAC = "V11-HMAC-SHA256"
SERVICE = "iotdm"  # huawei 1.5: fixed in the client
UNSIGNED = "UNSIGNED-PAYLOAD"
ALWAYS_HASHED = ("application/json", "application/bson")  # huawei 1.2; and what says no type, which is read as JSON
# huawei 1.3: without it a captured request could be sent at any time. The Go SDK signs neither host nor content-type.
MUST_SIGN = ("x-sdk-date",)
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

Fault = Literal["signature", "token"]


class SigningError(CallerError):
    """The request is not properly signed. `fault` says which of the dialect's codes it is (`codes`)."""

    def __init__(self, fault: Fault, problem: str) -> None:
        self.fault = fault
        super().__init__(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says of itself, unproven until `verify` returns. `scope` is `date/region/service` of a derived
    key and empty otherwise."""

    access_key_id: str
    algorithm: str
    scope: str
    signed: tuple[str, ...]
    signature: str


def claim(request: RestRequest) -> Claim:
    """What the request says of itself. Raises SigningError when a part of the signature is absent or foreign."""
    headers = request.headers
    if "x-security-token" in headers:
        raise _refused("Temporary credentials (X-Security-Token) are not accepted; sign with a permanent access key.")
    if "authorization" not in headers:
        raise _refused("The request has no Authorization header.")
    algorithm, _, rest = headers["authorization"].strip().partition(" ")
    if algorithm not in (SDK_HMAC, V11_HMAC):
        raise _refused(f"The algorithm must be {SDK_HMAC} or {V11_HMAC}.")
    return _claim(algorithm, _parts(rest), headers)


def verify(request: RestRequest, claim: Claim, secret: str, now: datetime) -> None:
    """Proves the claim with the key's secret at `now` (aware). Raises SigningError; returns nothing when it holds."""
    date = request.headers["x-sdk-date"].strip()
    _check_time(date, now)
    hashed = hashlib.sha256(_canonical_request(request, claim)).hexdigest()
    if claim.algorithm == SDK_HMAC:
        key, text = _octets(secret), f"{SDK_HMAC}\n{date}\n{hashed}"
    else:
        key, text = _derived_key(claim, secret), f"{V11_HMAC}\n{date}\n{claim.scope}\n{hashed}"
    ours = _hmac(key, text.encode()).hex()
    if not hmac.compare_digest(ours.encode(), _octets(claim.signature)):
        raise _refused(f"The signature does not match; the server's canonical request has the hash {hashed}.")


# --- the claim ----------------------------------------------------------------------------------------------------


def _parts(text: str) -> dict[str, str]:
    """`Access={AK}, SignedHeaders={list}, Signature={hex}` (huawei 1.4, 1.5)."""
    parts: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name in parts:
            raise _refused(f"The Authorization header has {name[:32]!r} twice.")
        parts[name] = value
    return parts


def _claim(algorithm: str, parts: Mapping[str, str], headers: Mapping[str, str]) -> Claim:
    holder = "Access" if algorithm == SDK_HMAC else "Credential"
    for name in (holder, "SignedHeaders", "Signature"):
        if not parts.get(name):
            raise _refused(f"The Authorization header lacks {name}.")
    signed = tuple(parts["SignedHeaders"].lower().split(";"))
    for name in MUST_SIGN:
        if name not in signed:
            raise _refused(f"SignedHeaders must list {name}.")
    for name in signed:
        if name not in headers:
            raise _refused(f"The signed header {name[:64]!r} is absent.")
    key, scope = parts[holder], ""
    if algorithm == V11_HMAC:
        key, _, scope = key.partition("/")
        _check_scope(scope, headers["x-sdk-date"].strip())
    return Claim(access_key_id=key, algorithm=algorithm, scope=scope, signed=signed, signature=parts["Signature"])


def _check_scope(scope: str, date: str) -> None:
    # huawei 1.5: the region is free text chosen by the client
    day, region, service, *more = [*scope.split("/"), "", ""]
    if more != ["", ""] or not region:
        raise _refused("Credential must be {AK}/{yyyyMMdd}/{region}/{service}.")
    if day != date[:8]:
        raise _refused("The date of Credential must be the day of X-Sdk-Date.")
    if service != SERVICE:
        raise _refused(f"The service of Credential must be {SERVICE}.")


_TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")


def _check_time(text: str, now: datetime) -> None:
    """The client's time is well formed and at most CLOCK_SKEW_MAX from `now`, either way."""
    if not _TIME.fullmatch(text):
        raise _refused("X-Sdk-Date must be UTC time in the form yyyyMMdd'T'HHmmss'Z'.")
    try:
        theirs = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as exc:
        raise _refused("X-Sdk-Date is no time that exists.") from exc
    if abs(now - theirs) > CLOCK_SKEW_MAX:
        minutes = CLOCK_SKEW_MAX // timedelta(minutes=1)
        raise _refused(f"X-Sdk-Date is more than {minutes} minutes away from the server's time.")


# --- the canonical request (huawei 1.3) ---------------------------------------------------------------------------


def _canonical_request(request: RestRequest, claim: Claim) -> bytes:
    headers = b"".join(f"{name}:".encode() + _value(request.headers[name]) + b"\n" for name in claim.signed)
    names = ";".join(claim.signed).encode()
    lines = (request.method.upper().encode(), _uri(request.path), _query(request.query), headers, names)
    return b"\n".join(lines) + b"\n" + _payload(request, claim).encode()


# An escape of what needs none, or in small letters, is no client's spelling: the canonical form would hide it.
_NEEDLESS = re.compile(r"%(?:2[DEde]|3\d|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee]|[0-9A-F]?[a-f]|[a-f][0-9A-Fa-f])")


def _uri(path: str) -> bytes:
    """Decoded as a whole before it is split, so that %2F in an id counts as a slash; a slash ends it."""
    needless = _NEEDLESS.search(path)
    if needless is not None:
        raise _refused(f"The path has {needless[0]}, which is no spelling that signatures hold for.")
    segments = unquote_to_bytes(path).split(b"/")
    uri = "/".join(_pct(segment) for segment in segments)
    return (uri if uri.endswith("/") else uri + "/").encode()


def _query(query: str) -> bytes:
    pairs = []
    for pair in query.split("&") if query else []:
        name, _, value = pair.partition("=")
        pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    # The client sorts equal names by value and sends them so: another order of them, of which the first counts, is not
    # what it signed.
    return "&".join(f"{_pct(name)}={_pct(value)}" for name, value in sorted(pairs, key=lambda pair: pair[0])).encode()


def _payload(request: RestRequest, claim: Claim) -> str:
    """The hash that stands for the body. A header that names one must be true: unsigned, it could hide another body."""
    if not request.body:
        return EMPTY_SHA256
    received = hashlib.sha256(request.body).hexdigest()
    told = request.headers.get("x-sdk-content-sha256", received).strip()
    if told == UNSIGNED:
        kind = request.headers.get("content-type", "").strip().lower()
        if "x-sdk-content-sha256" not in claim.signed or not kind or kind.startswith(ALWAYS_HASHED):
            raise _refused(f"{UNSIGNED} is only for uploads, and X-Sdk-Content-Sha256 must be signed.")
    elif not hmac.compare_digest(received.encode(), _octets(told.lower())):
        raise _refused("X-Sdk-Content-Sha256 is not the hash of the body.")
    return told


def _derived_key(claim: Claim, secret: str) -> bytes:
    """huawei 1.5: one block of HKDF; the key is the text of its hexadecimal digits."""
    prk = _hmac(_octets(claim.access_key_id), _octets(secret))
    return _hmac(prk, _octets(claim.scope) + b"\x01").hex().encode()


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _pct(part: bytes) -> str:
    return quote_from_bytes(part, safe="~")


def _value(text: str) -> bytes:
    # The client signs UTF-8 and sends its bytes, which here are characters: one may look like a blank and be none.
    return text.strip(" \t").encode("latin-1", "replace")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _refused(problem: str) -> SigningError:
    return SigningError("signature", problem)
