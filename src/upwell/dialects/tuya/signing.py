"""Who asks, and did they really: the signature of Tuya's management API (tuya 1.2, 1.3).

`claim` reads what a request says of itself; the caller finds the key's secret; `verify` proves the claim. Only the six
parameters that the seeds carry are demanded; every other one is covered by the signature and else ignored.
"""

from dataclasses import dataclass
from datetime import datetime

from upwell.dialects.rpc import RpcRequest
from upwell.dialects.rpc_signing import check_signature, check_time, need_method, refusal
from upwell.dialects.tuya.spelling import common
from upwell.domain.errors import Missing

# tuya 1.2: the first six rows.
COMMON = ("Action", "AccessKeyId", "Signature", "SignatureMethod", "SignatureNonce", "Timestamp")
# tuya 1.2: JSON is the default, and XML may be refused; Alibaba's old SDK writes the literal None when none is set.
FORMATS = ("", "JSON", "NONE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says of itself, unproven until `verify` returns. `signed_as` is how it spells Signature."""

    access_key_id: str
    action: str
    nonce: str
    timestamp: str
    signature: str
    signed_as: str


def key_id(request: RpcRequest) -> str:
    """The access key that the request names, for any request; empty when it names none. Never raises."""
    pairs = (*request.query, *request.form)
    return next((value for name, value in pairs if name.lower() == "accesskeyid"), "")


def claim(request: RpcRequest) -> Claim:
    """What the request says of itself. Raises Missing, Invalid (two spellings), or SigningError."""
    pairs = (*request.query, *request.form)
    given = common((*COMMON, "Format"), pairs)
    for name in COMMON:
        if not given.get(name, "").strip():
            raise Missing(name)
    need_method(given)
    if given.get("Format", "").upper() not in FORMATS:
        raise refusal("InvalidParameter.Format")
    return Claim(
        access_key_id=given["AccessKeyId"],
        action=given["Action"],
        nonce=given["SignatureNonce"],
        timestamp=given["Timestamp"],
        signature=given["Signature"],
        signed_as=next(name for name, _ in pairs if name.lower() == "signature"),
    )


def verify(request: RpcRequest, claim: Claim, secret: str, now: datetime, *, bare_secret: bool = False) -> None:
    """Proves the claim with the key's secret at `now` (aware). Raises SigningError; returns nothing when it holds.
    tuya 1.3 step 6: the key is the secret and a `&`; `bare_secret` lets the secret alone pass too."""
    check_time(claim.timestamp, now)
    keys = (f"{secret}&", secret) if bare_secret else (f"{secret}&",)
    check_signature(request, claim.signature, *keys, omit=claim.signed_as)
