"""What can go wrong between a client and its server.

ClientError
├── Unreachable          no answer: no connection, or it broke, or the time was over
├── Unreadable           an answer that is none of Upwell's
├── UploadFailed         the file or the upload is not what it was
└── Problem              the server refused, and says why (RFC 9457)
    ├── BadRequest           400, 422
    ├── NotAuthenticated     401
    ├── NotAllowed           403
    ├── NotFound             404
    ├── Conflict             409
    ├── Changed              412: somebody else changed it meanwhile
    ├── TooManyRequests      429
    └── ServerFailed         5xx
"""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Anything that this client raises by itself."""


class Unreachable(ClientError):
    """No answer came. Whether a request that changes something was done is not known, unless it says so."""


class Unreadable(ClientError):
    """The answer is none of Upwell's: another server, or a proxy's page."""


class UploadFailed(ClientError):
    """The file changed while it was sent, or the server has another than was sent."""


class Problem(ClientError):
    """A refusal. `code` is stable; `title`, `detail` and `advice` (the problem's `try`) are for people; `errors` name
    the values that were refused; `request_id` finds it in the server's log."""

    def __init__(self, status: int, told: Mapping[str, Any], request_id: str = "") -> None:
        self.status = status
        self.type = _text(told, "type")
        self.code = self.type.rpartition("#")[2]
        self.title = _text(told, "title")
        self.detail = _text(told, "detail") or self.title
        self.advice = _text(told, "try")
        errors = told.get("errors")
        self.errors: list[dict[str, str]] = errors if isinstance(errors, list) else []
        self.request_id = _text(told, "request_id") or request_id
        self.told = told
        super().__init__(self.detail)


class BadRequest(Problem):
    """A value is not what it must be."""


class NotAuthenticated(Problem):
    """No live token was shown."""


class NotAllowed(Problem):
    """The caller may not do this."""


class NotFound(Problem):
    """There is no such thing in this account."""


class Conflict(Problem):
    """The present state of things forbids it."""


class Changed(Problem):
    """It is not what `if_match` says any more."""


class TooManyRequests(Problem):
    """Too much was asked at once."""


class ServerFailed(Problem):
    """The server could not do it."""


_KINDS: Mapping[int, type[Problem]] = {
    400: BadRequest, 422: BadRequest, 401: NotAuthenticated, 403: NotAllowed, 404: NotFound, 409: Conflict,
    412: Changed, 429: TooManyRequests,
}  # fmt: skip


def problem_of(status: int, told: Mapping[str, Any], request_id: str) -> Problem:
    """The refusal as an exception of its kind."""
    kind = _KINDS.get(status, ServerFailed if status >= 500 else BadRequest)
    return kind(status, told, request_id)


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
