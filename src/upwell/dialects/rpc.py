"""The RPC style of request shared by Alibaba and Tuya: flat `name=value` parameters and their canonical form.

It holds what a request is and how its text is encoded for signing. It refuses to hold whose request it is, which
parameters exist, and any vendor's code: those are the dialects'. Where a name is given twice the first value counts
for who asks; what is asked for is refused then, unless the values are equal (flat_names).
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

Pair = tuple[str, str]

# alibaba 1.3, tuya 1.2: what every request may carry beside its own; `Api…` and `…Owner…` are older clients'.
COMMON = frozenset({
    "Action", "Version", "Format", "AccessKeyId", "SecurityToken", "BearerToken", "Signature", "SignatureMethod",
    "SignatureVersion", "SignatureNonce", "SignatureType", "Timestamp", "RegionId", "IotInstanceId", "AccountName",
    "ResourceOwnerAccount", "ResourceOwnerId", "OwnerAccount", "OwnerId", "ApiProduct", "ApiRevision",
})  # fmt: skip
_COMMON_FOLDED = frozenset(name.lower() for name in COMMON)


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcRequest:
    """One HTTP request as the signature sees it.

    `headers` have lower-case names, repeated ones joined by ','. `query` and `form` are decoded, in wire order,
    blank values kept. `body` is the raw bytes that `form` was read from."""

    method: str
    headers: Mapping[str, str]
    query: list[Pair]
    form: list[Pair]
    body: bytes
    merged: Mapping[str, str] = field(init=False, repr=False, compare=False)  # see `parameters`

    def __post_init__(self) -> None:
        merged: dict[str, str] = {}
        for name, value in (*self.query, *self.form):  # alibaba 1.1: the union of query and form
            merged.setdefault(name, value)
        object.__setattr__(self, "merged", merged)


# What a form is asked for before it is taken apart: for what, and whose key, in the spellings that pages have.
_FIRST_ASKED = ("Action", "AccessKeyId", "AccessKeyID")
_FIELD_BYTES = 256


def first_fields(form: bytes) -> list[Pair]:
    """Who asks for what, of a form that is not taken apart yet; each by its first field, as far as that is short."""
    found = (_field(form, name.encode() + b"=") for name in _FIRST_ASKED)
    return parse_qsl(b"&".join(filter(None, found)).decode("utf-8", "replace"), keep_blank_values=True)


def _field(form: bytes, begin: bytes) -> bytes:
    at = 0 if form.startswith(begin) else form.find(b"&" + begin) + 1
    if not at and not form.startswith(begin):
        return b""
    field, end, _ = form[at : at + _FIELD_BYTES].partition(b"&")
    return field if end or at + len(field) == len(form) else b""


def is_common(name: str) -> bool:
    """Whether every request may carry it."""
    return name.lower() in _COMMON_FOLDED


def parameters(request: RpcRequest) -> Mapping[str, str]:
    """Query and form as one mapping; names are case-sensitive and the first value of a name wins."""
    return request.merged


def pct(text: str) -> str:
    """Percent-encode UTF-8, leaving only the unreserved of RFC 3986 literal. Never raises."""
    return quote(text, safe="", errors="surrogatepass")  # alibaba 1.3 step 2: `~` literal, `*`, `/` and blank not


def canonical_query(pairs: Iterable[Pair]) -> str:
    """The pairs sorted by name in byte order and encoded. Equal names keep their order."""
    ordered = sorted(pairs, key=lambda pair: octets(pair[0]))  # alibaba 1.3 step 3
    return "&".join(f"{pct(name)}={pct(value)}" for name, value in ordered)


def string_to_sign(method: str, pairs: Iterable[Pair], *, omit: str = "Signature") -> str:
    """What the RPC signature covers: the method and every pair but the signature itself."""
    canonical = canonical_query(pair for pair in pairs if pair[0] != omit)
    return f"{method}&{pct('/')}&{pct(canonical)}"  # alibaba 1.3 step 4


def hmac_sha1(key: str, text: str) -> str:
    """The base64 signature of the RPC style; `key` is the access key's secret and whatever the vendor puts after it."""
    return b64encode(hmac.new(octets(key), octets(text), hashlib.sha1).digest()).decode("ascii")


def same(ours: str, theirs: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(octets(ours), octets(theirs))


def octets(text: str) -> bytes:
    """UTF-8 of any text, even one with lone surrogates that no client could have signed."""
    return text.encode("utf-8", "surrogatepass")
