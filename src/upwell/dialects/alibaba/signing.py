"""Who asks, and did they really: the two request signatures of the Alibaba management API.

`claim` reads what a request says of itself; the caller finds the key's secret; `verify` proves the claim.
Both accept v1 (HMAC-SHA1 over all parameters) and ACS3-HMAC-SHA256 (headers). The refusals carry the gateway's
code, HTTP status and text. It refuses to hold which keys exist and which nonces were used: those are storage's.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from upwell.dialects import rpc
from upwell.dialects.rpc import COMMON, RpcRequest
from upwell.dialects.rpc_signing import (
    MISMATCH,
    SigningError,
    check_signature,
    check_time,
    need,
    need_method,
    refusal,
)

Scheme = Literal["v1", "acs3"]
Format = Literal["JSON", "XML"]

API_VERSION = "2018-01-20"
ACS3_ALGORITHM = "ACS3-HMAC-SHA256"

# alibaba 1.4: without these under the signature a captured request could be pointed at another operation.
ACS3_MUST_SIGN = (
    "host",
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-content-sha256",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says of itself, unproven until `verify` returns. `signed` is the list of headers that an ACS3
    signature covers, as it was written; empty for v1."""

    access_key_id: str
    scheme: Scheme
    action: str
    nonce: str
    signature: str
    signed: str = ""


def claim(request: RpcRequest) -> Claim:
    """What the request says of itself. Raises SigningError when a part of the signature is absent or foreign."""
    if _uses_bearer(request):
        raise refusal("InvalidSignatureMethod")  # alibaba 1.4: variants not needed
    if _scheme(request) == "acs3":
        return _claim_acs3(request)
    return _claim_v1(request)


def verify(request: RpcRequest, claim: Claim, secret: str, now: datetime) -> None:
    """Proves the claim with the key's secret at `now` (aware). Raises SigningError; returns nothing when it holds."""
    if claim.scheme == "acs3":
        check_time(request.headers.get("x-acs-date", ""), now)
        _verify_acs3(request, claim, secret)
    else:
        given = rpc.parameters(request)
        check_time(given.get("Timestamp", ""), now)
        check_signature(request, claim.signature, f"{secret}&")
        _refuse_two_values(request, given)


def answer_format(request: RpcRequest) -> Format:
    """How to answer, for any request, even one that `claim` refuses. Never raises."""
    if _scheme(request) == "acs3":
        return "JSON"  # alibaba 1.7: errors of ACS3 requests are always JSON
    asked = rpc.parameters(request).get("Format", "").upper()
    return _FORMATS.get(asked) or _accepted(request.headers.get("accept", ""))


# alibaba 1.3: the old SDK writes the literal `None` when no format is set, and reads XML.
_FORMATS: dict[str, Format] = {"JSON": "JSON", "XML": "XML", "NONE": "XML"}
_MEDIA: dict[str, Format] = {
    "application/json": "JSON",
    "text/json": "JSON",
    "application/xml": "XML",
    "text/xml": "XML",
}


def _accepted(accept: str) -> Format:
    kinds = (part.partition(";")[0].strip().lower() for part in accept.split(","))
    return next((_MEDIA[kind] for kind in kinds if kind in _MEDIA), "XML")  # alibaba 1.6: default XML


def _scheme(request: RpcRequest) -> Scheme:
    # alibaba 1.2: the Authorization header decides, whatever the query carries beside it.
    return "acs3" if request.headers.get("authorization", "").startswith("ACS3-") else "v1"


def _uses_bearer(request: RpcRequest) -> bool:
    given, headers = rpc.parameters(request), request.headers
    kinds = (given.get("SignatureType", ""), headers.get("x-acs-signature-type", ""))
    named = "BearerToken" in given or "x-acs-bearer-token" in headers
    return named or any(kind.strip().upper() == "BEARERTOKEN" for kind in kinds)


def _claim_v1(request: RpcRequest) -> Claim:
    given = rpc.parameters(request)
    key = need(given, "AccessKeyId")
    if not given.get("Signature"):
        raise refusal("IncompleteSignature")
    need_method(given)
    if need(given, "SignatureVersion") != "1.0":
        raise refusal("InvalidSignatureVersion")
    nonce = need(given, "SignatureNonce")
    need(given, "Timestamp")
    action = need(given, "Action")
    _check_version(need(given, "Version"))
    if given.get("Format") and given["Format"].upper() not in _FORMATS:
        raise refusal("InvalidParameter.Format")
    return Claim(access_key_id=key, scheme="v1", action=action, nonce=nonce, signature=given["Signature"])


def _refuse_two_values(request: RpcRequest, given: Mapping[str, str]) -> None:
    """The signature covers every value of a name, and says of none that it is the one that counts."""
    for name, value in (*request.query, *request.form):
        if name in COMMON and given[name] != value:
            message = f'The specified value of "{name}" is not valid. It is given twice, and not with one value.'
            raise SigningError("InvalidParameter", 400, message)


def _claim_acs3(request: RpcRequest) -> Claim:
    authorization, headers = _authorization(request), request.headers
    signed = authorization["SignedHeaders"].lower().split(";")
    action = need(headers, "x-acs-action", "Action")
    _check_version(need(headers, "x-acs-version", "Version"))
    need(headers, "x-acs-date", "Timestamp")
    nonce = need(headers, "x-acs-signature-nonce", "SignatureNonce")
    if any(name not in signed or not headers.get(name) for name in ACS3_MUST_SIGN):
        raise refusal("IncompleteSignature")
    return Claim(
        access_key_id=authorization["Credential"].strip(),
        scheme="acs3",
        action=action,
        nonce=nonce,
        signature=authorization["Signature"],
        signed=authorization["SignedHeaders"],
    )


def _authorization(request: RpcRequest) -> dict[str, str]:
    """The parts of `ACS3-HMAC-SHA256 Credential=<id>,SignedHeaders=<a;b>,Signature=<hex>` (alibaba 1.4)."""
    algorithm, _, rest = request.headers.get("authorization", "").partition(" ")
    if algorithm != ACS3_ALGORITHM:
        raise refusal("InvalidSignatureMethod")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        if name in parts:
            raise refusal("IncompleteSignature")
        parts[name] = value
    need(parts, "Credential", "AccessKeyId")
    if not parts.get("SignedHeaders") or not parts.get("Signature"):
        raise refusal("IncompleteSignature")
    return parts


def _verify_acs3(request: RpcRequest, claim: Claim, secret: str) -> None:
    received = hashlib.sha256(request.body).hexdigest()
    if not rpc.same(received, _trimmed(request, "x-acs-content-sha256").lower()):
        text = f"{MISMATCH}server content sha256 is:{received}"
        raise SigningError("SignatureDoesNotMatch", 400, text)
    canonical = _canonical_request(request, claim.signed)
    text = f"{ACS3_ALGORITHM}\n{hashlib.sha256(rpc.octets(canonical)).hexdigest()}"
    ours = hmac.new(rpc.octets(secret), rpc.octets(text), hashlib.sha256).hexdigest()
    if not rpc.same(ours, claim.signature):
        text = f"{MISMATCH}server string to sign is:{text}, server canonical request is:{canonical}"
        raise SigningError("SignatureDoesNotMatch", 400, text)


def _canonical_request(request: RpcRequest, signed: str) -> str:
    # alibaba 1.4: the client's list, never a fixed one; form parameters are covered by the body's hash instead.
    headers = "".join(f"{name.lower()}:{_trimmed(request, name.lower())}\n" for name in signed.split(";"))
    query = rpc.canonical_query(request.query)
    return "\n".join((request.method, "/", query, headers, signed, _trimmed(request, "x-acs-content-sha256")))


def _trimmed(request: RpcRequest, name: str) -> str:
    return request.headers.get(name, "").strip()


def _check_version(text: str) -> None:
    if text != API_VERSION:
        raise refusal("InvalidVersion")
