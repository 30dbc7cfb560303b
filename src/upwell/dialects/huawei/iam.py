"""How a user signs in at Huawei's IAM, and what it tells (huawei 1.8): a password for a token, and the one project that
an account has. Whose the password is, and what a token is, is decided elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal

from upwell.dialects.checks import Text, shown
from upwell.dialects.json_members import members, read
from upwell.dialects.operations import Param, Table
from upwell.dialects.sizes import bounded
from upwell.domain.errors import Busy, CallerError, Denied, Invalid, NotFound, Throttled, UnknownKey

TOKENS_PATH = "/v3/auth/tokens"
PROJECTS_PATH = "/v3/projects"
TOKEN_HEADER = "X-Subject-Token"  # noqa: S105  # the name of a header
TRACE_HEADER = "X-IAM-Trace-Id"
PROJECT_NAME = "upwell"  # of an account's project, to whoever does not ask by a name
METHODS_MAX = 8
_NAME = Text(64)
_PASSWORD = Text(128)
_SCOPED: Table = (Param("id", check=_NAME), Param("name", check=_NAME))
_USER: Table = (
    Param("name", required=True, check=_NAME),
    Param("password", required=True, check=_PASSWORD),
    Param("domain", "members", required=True, members=(Param("name", required=True, check=_NAME),)),
)
_IDENTITY: Table = (
    Param("methods", "list", required=True, most=METHODS_MAX, check=_NAME, unique=False),
    Param("password", "members", required=True, members=(Param("user", "members", required=True, members=_USER),)),
)
_AUTH: Table = (
    Param("identity", "members", required=True, members=_IDENTITY),
    Param("scope", "members", members=(
        Param("project", "members", members=_SCOPED), Param("domain", "members", members=_SCOPED),
    )),
)  # fmt: skip
_BODY: Table = (Param("auth", "members", required=True, members=_AUTH),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who signs in, and for what: the project or the whole account, by its `id` or any `name`; both may be None."""

    domain: str
    user: str
    password: str
    scope: Literal["project", "domain"]
    scope_id: str | None
    scope_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A user as answers tell of them; ids are texts."""

    domain_id: str
    domain: str
    project_id: str
    user_id: str
    user: str
    role: str


def read_sign_in(body: bytes) -> SignIn:
    """What the request asks. Raises Missing or Invalid."""
    auth = read(_BODY, members(body))["auth"]
    if auth["identity"]["methods"] != ("password",):
        raise Invalid("auth.identity.methods", 'exactly ["password"]', "no other method is offered by this server")
    user = auth["identity"]["password"]["user"]
    scope = {name: value for name, value in (auth["scope"] or {}).items() if value is not None}
    if len(scope) > 1:
        raise Invalid("auth.scope", "project or domain, one of them")
    kind: Literal["project", "domain"] = "project" if "project" in scope else "domain"
    of = scope.get(kind, {})
    return SignIn(
        domain=user["domain"]["name"],
        user=user["name"],
        password=user["password"],
        scope=kind,
        scope_id=of.get("id"),
        scope_name=of.get("name"),
    )


def check_scope(asked: SignIn, who: Who) -> None:
    """The scope is the user's own. Any name of a project is: the account has one, in whatever region it is asked for.
    Raises NotFound."""
    own = (who.project_id, None) if asked.scope == "project" else (who.domain_id, who.domain)
    if asked.scope_id not in (None, own[0]):
        raise NotFound(asked.scope, shown(asked.scope_id or ""))
    if own[1] is not None and asked.scope_name not in (None, own[1]):
        raise NotFound(asked.scope, shown(asked.scope_name or ""))


def token(asked: SignIn, who: Who, issued_at: datetime, expires_at: datetime) -> dict[str, Any]:
    """The body that goes with a token."""
    domain = {"id": who.domain_id, "name": who.domain}
    told: dict[str, Any] = {
        "expires_at": _time(expires_at),
        "issued_at": _time(issued_at),
        "methods": ["password"],
        "catalog": [],
        "roles": [{"id": "0", "name": who.role}],
        "user": {"domain": domain, "id": who.user_id, "name": who.user, "password_expires_at": ""},
    }
    if asked.scope == "project":
        told["project"] = {"domain": domain, "id": who.project_id, "name": asked.scope_name or PROJECT_NAME}
    else:
        told["domain"] = domain
    return {"token": told}


def projects(query: Sequence[tuple[str, str]], project_id: str, domain_id: str, origin: str) -> dict[str, Any]:
    """The account's one project, under whatever name it is asked for: the SDK asks by its region's."""
    name = next((value for key, value in query if key == "name" and value), PROJECT_NAME)
    one = {
        "id": project_id,
        "name": name,
        "domain_id": domain_id,
        "parent_id": domain_id,
        "description": "",
        "enabled": True,
        "is_domain": False,
        "links": {"self": f"{origin}{PROJECTS_PATH}/{project_id}"},
    }
    return {"links": {"self": f"{origin}{PROJECTS_PATH}", "next": None, "previous": None}, "projects": [one]}


def failure(error: Exception) -> tuple[int, Mapping[str, Any]]:
    """Status and body of a refusal. What is our own fault shows nothing of itself."""
    status, text = _STATUS.get(type(error), 400), str(error)
    if not isinstance(error, CallerError | Busy):
        status, text = 500, "Internal server error."
    return status, {"error": {"code": status, "message": bounded(text), "title": HTTPStatus(status).phrase}}


_STATUS: dict[type[Exception], int] = {Denied: 401, UnknownKey: 401, Throttled: 403, NotFound: 403, Busy: 503}


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
