"""The RPC style of request shared by Alibaba and Tuya: flat `name=value` parameters and their canonical form.

It holds what a request is, how its text is encoded for signing, and how `Name.N` parameters become lists.
It refuses to hold whose request it is, which parameters exist, and any vendor's code: those are the dialects'.
Where a name is given twice the first value counts, for everybody, because everybody reads `parameters`.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

Pair = tuple[str, str]


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


def parameters(request: RpcRequest) -> dict[str, str]:
    """Query and form as one mapping; names are case-sensitive and the first value of a name wins."""
    merged: dict[str, str] = {}
    for name, value in (*request.query, *request.form):  # alibaba 1.1: the union of query and form
        merged.setdefault(name, value)
    return merged


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


# alibaba 1.5: `Name.N`, 1-based on the wire; nine digits are more than any list and cost nothing to parse.
_NUMBER = r"(0|[1-9][0-9]{0,8})"


def repeat_list(values: Mapping[str, str], name: str) -> list[str]:
    """The values of `name.1`, `name.2`, … in order of their number; gaps are closed."""
    pattern = re.compile(rf"{re.escape(name)}\.{_NUMBER}")
    found = {int(hit[1]): value for key, value in values.items() if (hit := pattern.fullmatch(key))}
    return [found[number] for number in sorted(found)]


def repeat_structs(values: Mapping[str, str], name: str) -> list[dict[str, str]]:
    """The structs `name.1.Sub`, `name.2.Sub`, … in order of their number; gaps are closed."""
    return list(numbered_structs(values, name).values())


def numbered_structs(values: Mapping[str, str], name: str) -> dict[int, dict[str, str]]:
    """The same under the numbers that the caller gave, in their order, for a refusal to name."""
    pattern = re.compile(rf"{re.escape(name)}\.{_NUMBER}\.(.+)", re.DOTALL)
    found: dict[int, dict[str, str]] = {}
    for key, value in values.items():
        if hit := pattern.fullmatch(key):
            found.setdefault(int(hit[1]), {})[hit[2]] = value
    return {number: found[number] for number in sorted(found)}
