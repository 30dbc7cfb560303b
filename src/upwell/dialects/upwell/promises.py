"""Headers whose sender relies on something: that a request which comes again is done once, or that it is done to an
unchanged thing alone. Where one is kept it is read here; where it is not it is refused by name, never ignored.
"""

import re
from collections.abc import Mapping
from hashlib import sha256

from upwell.dialects.upwell.rows import Row
from upwell.domain.editions import CHARS
from upwell.domain.errors import Invalid

IDEMPOTENCY_KEY = "Idempotency-Key"
KEY_CHECK = "1 to 255 printable characters of ASCII, bare or as a string in double quotes"
KEY_PATTERN = r"[!#-~]([ -~]{0,253}[!-~])?"  # a bare one
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,510})"')  # a string as RFC 9651 has it
_KEY_CHARS_MAX = 255
_TAG = re.compile(r'(?P<weak>W/)?"(?P<text>[!#-~\x80-\xff]*)"')
_OUR_TAG = re.compile(f"[0-9a-f]{{{2 * CHARS}}}")
TAGS_CHECK = '* or entity tags: "…" of an earlier answer, with commas between them'


def idempotency_key(row: Row, headers: Mapping[str, str]) -> str | None:
    """The key under which the request may come again; None where it has none. Raises Invalid."""
    given = headers.get(IDEMPOTENCY_KEY.lower())
    if given is None or not row.repeats:
        return None
    if re.fullmatch(KEY_PATTERN, given):
        return given
    found = _QUOTED.fullmatch(given)
    key = re.sub(r"\\(.)", r"\1", found[1]) if found else ""
    if not 0 < len(key) <= _KEY_CHARS_MAX:
        raise Invalid(IDEMPOTENCY_KEY, KEY_CHECK)
    return key


def refuse_others(row: Row, headers: Mapping[str, str], *, is_conditional: bool) -> None:
    """Raises Invalid for what this operation does not keep."""
    if IDEMPOTENCY_KEY.lower() in headers and not row.repeats:
        raise Invalid(IDEMPOTENCY_KEY, "absent: it is for POST, and this may be asked again as it is", "leave it out")
    reads = row.method == "GET"
    kept = {"If-Match": is_conditional, "If-None-Match": reads, "If-Unmodified-Since": False}
    for name, is_kept in kept.items():
        if name.lower() in headers and not is_kept:
            raise Invalid(name, "absent: this operation does not keep what it asks for", "leave it out")


def tag(edition: str | None, body: bytes) -> str | None:
    """The entity tag of a representation: the edition of its thing, and a digest of all that it shows. It is strong: it
    is another one whenever a byte is. None of what nobody edits."""
    return None if edition is None else f'"{edition}{sha256(body).hexdigest()[:CHARS]}"'


def is_known(tag: str | None, headers: Mapping[str, str]) -> bool:
    """Whether whoever asks has this representation."""
    given = headers.get("if-none-match")
    if given is None or tag is None:
        return False
    return given.strip() == "*" or any(found["text"] == tag[1:-1] for found in _TAG.finditer(given))


def editions(headers: Mapping[str, str]) -> frozenset[str] | None:
    """The editions to one of which something is to be done; None for any. What moves by itself is no part of an
    edition, so a tag is good as long as nobody edited its thing. A weak tag names none. Raises Invalid."""
    given = headers.get("if-match", "*").strip()
    if given == "*":
        return None
    parts = [_TAG.fullmatch(part.strip()) for part in given.split(",")]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        raise Invalid("If-Match", TAGS_CHECK)
    return frozenset(part["text"][:CHARS] for part in found if not part["weak"] and _OUR_TAG.fullmatch(part["text"]))
