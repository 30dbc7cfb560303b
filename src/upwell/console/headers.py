"""Headers of the console's requests and answers: its cookies, and what a browser may do with a page.

Holds: no script or style but our own files, no third party, no frame; a session's cookie no script can read and no
other site's form is sent with. A form counts that has the word bound to its session, from our own origin.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from upwell.domain.errors import Denied

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
OF_PAGES: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": CSP,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "vary": "Cookie, Accept-Language, HX-Request",
}
ROOT = "/console"
SESSION, THEME, LANGUAGE = "upwell_session", "upwell_theme", "upwell_language"
CSRF_FIELD, CSRF_HEADER = "csrf", "x-upwell-csrf"
THEMES = ("auto", "light", "dark")
_CSRF_CHARS = 43
_YEAR_S = 365 * 24 * 3600
_SITES = ("same-origin", "none")


def cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """By name; of two with one name the first, which is of the longer path."""
    found: dict[str, str] = {}
    for part in headers.get("cookie", "").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value.strip('"'))
    return found


def cookie(name: str, value: str, *, secure: bool, life_s: int = _YEAR_S) -> str:
    """A cookie of the console alone; one without a life is over at once."""
    parts = [f"{name}={value}", f"Path={ROOT}", f"Max-Age={life_s}", "HttpOnly", "SameSite=Lax"]
    return "; ".join([*parts, "Secure"] if secure else parts)


def csrf_of(token: str) -> str:
    """The word that forms of a session have; it tells nothing of the session's token."""
    return sha256(f"upwell console form {token}".encode("utf-8", "surrogatepass")).hexdigest()[:_CSRF_CHARS]


def require_own(headers: Mapping[str, str], token: str, given: str) -> None:
    """Raises Denied for a form that is not of a page of ours, opened in this session."""
    require_same_origin(headers)
    if not hmac.compare_digest(csrf_of(token).encode(), (given or headers.get(CSRF_HEADER, "")).encode()):
        raise Denied("The form is not of this session. Open the page again, and repeat it there.")


def require_same_origin(headers: Mapping[str, str]) -> None:
    """Raises Denied for what a page of somebody else sends."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if (origin is not None and urlsplit(origin).netloc != headers.get("host", "")) or site not in _SITES:
        raise Denied("The form comes from another site, and is not done.")


def back_of(path: str) -> str:
    """A place in the console to go to; its first page for anything else."""
    is_ours = path.startswith(f"{ROOT}/") and "\\" not in path and path.isprintable() and path.isascii()
    return path if is_ours else f"{ROOT}/"
