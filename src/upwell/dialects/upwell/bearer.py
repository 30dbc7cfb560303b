"""The token that a request of ours shows (RFC 6750): its key's id and what nobody guesses, in one text.

Holds: nothing is proven here; the core compares the token with what it keeps of the key.
"""

import re
from collections.abc import Mapping

SCHEME = "Bearer"
_TOKEN = re.compile(r"(?i:bearer) +((up[ws]_[A-Za-z0-9]{1,64})_[A-Za-z0-9]{1,128})")


def token_of(headers: Mapping[str, str]) -> str:
    """The token that is shown; empty where none is, or what is shown is none of ours."""
    found = _TOKEN.fullmatch(headers.get("authorization", "").strip())
    return found[1] if found else ""


def is_session(token: str) -> bool:
    """Whether it stands for somebody who signed in."""
    return token.startswith("ups_")


def key_of(headers: Mapping[str, str]) -> str:
    """The id of the key that is named, unproven; empty where none is."""
    found = _TOKEN.fullmatch(headers.get("authorization", "").strip())
    return found[2] if found else ""
