"""Signing in at IAM: what is read of a request, and what is told (huawei 1.8)."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from upwell.dialects.huawei import iam
from upwell.dialects.huawei.iam import SignIn, Who
from upwell.domain.errors import Busy, Denied, Invalid, Missing, NotFound, Throttled, Unavailable

USER = {"name": "ann", "password": "secret-words", "domain": {"name": "acme"}}
BODY = {"auth": {"identity": {"methods": ["password"], "password": {"user": USER}}}}
WHO = Who(domain_id="d" * 32, domain="acme", project_id="p" * 32, user_id="u" * 32, user="ann", role="viewer")
NOW = datetime(2026, 6, 29, 9, 30, 15, 123456, UTC)


def body(path: str = "", value: Any = None) -> bytes:
    """The good body, with one member changed; None takes it out."""
    whole: dict[str, Any] = copy.deepcopy(BODY)
    if path:
        part: Any = whole
        *above, last = path.split(".")
        for name in above:
            part = part.setdefault(name, {})
        part[last] = value
    return json.dumps(whole).encode()


def scoped(**scope: Any) -> SignIn:
    return iam.read_sign_in(body("auth.scope", scope))


def test_a_sign_in_is_read() -> None:
    asked = iam.read_sign_in(body())
    assert (asked.domain, asked.user, asked.password) == ("acme", "ann", "secret-words")
    assert (asked.scope, asked.scope_id, asked.scope_name) == ("domain", None, None)
    assert scoped(project={"name": "cn-north-4"}).scope_name == "cn-north-4"
    assert (scoped(project={"id": "x"}).scope, scoped(project={"id": "x"}).scope_id) == ("project", "x")
    assert scoped(domain={"name": "acme"}).scope == "domain"


USER_PATH = "auth.identity.password.user"


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("auth", None, Missing),
        ("auth.identity", None, Missing),
        ("auth.identity.methods", None, Missing),
        ("auth.identity.methods", ["token"], Invalid),
        ("auth.identity.methods", ["password", "totp"], Invalid),
        ("auth.identity.methods", [], Invalid),
        ("auth.identity.methods", "password", Invalid),
        (f"{USER_PATH}.name", None, Missing),
        (f"{USER_PATH}.name", "a" * 65, Invalid),
        (f"{USER_PATH}.name", "", Invalid),
        (f"{USER_PATH}.password", None, Missing),
        (f"{USER_PATH}.password", "x" * 129, Invalid),
        (f"{USER_PATH}.domain", None, Missing),
        (f"{USER_PATH}.domain.name", "a" * 65, Invalid),
        (f"{USER_PATH}.domain.name", 5, Invalid),
        ("auth.scope", {"project": {"id": "x"}, "domain": {"id": "y"}}, Invalid),
        ("auth.scope", [], Invalid),
        ("auth.scope.project", {"name": "a" * 65}, Invalid),
    ],
)
def test_a_bad_sign_in_is_refused_by_name(path: str, value: Any, error: type[Invalid | Missing]) -> None:
    with pytest.raises(error) as caught:
        iam.read_sign_in(body(path, value))
    assert caught.value.field.startswith(path)


def test_a_scope_is_the_users_own() -> None:
    for good in (
        {"project": {"name": "any"}},
        {"project": {"id": WHO.project_id}},
        {"domain": {"name": "acme"}},
        {"domain": {"id": WHO.domain_id}},
        {},
    ):
        iam.check_scope(scoped(**good), WHO)
    for bad in ({"project": {"id": "other"}}, {"domain": {"name": "other"}}, {"domain": {"id": "other"}}):
        with pytest.raises(NotFound):
            iam.check_scope(scoped(**bad), WHO)


def test_a_token_is_told_with_its_scope() -> None:
    told = iam.token(scoped(project={"name": "here"}), WHO, NOW, NOW + timedelta(hours=24))["token"]
    assert (told["issued_at"], told["expires_at"]) == ("2026-06-29T09:30:15.123456Z", "2026-06-30T09:30:15.123456Z")
    assert told["project"] == {"domain": {"id": WHO.domain_id, "name": "acme"}, "id": WHO.project_id, "name": "here"}
    assert "domain" not in told and told["roles"] == [{"id": "0", "name": "viewer"}]
    whole = iam.token(scoped(), WHO, NOW, NOW)["token"]
    assert whole["domain"] == {"id": WHO.domain_id, "name": "acme"} and "project" not in whole


def test_an_account_has_one_project_under_any_name() -> None:
    for query, name in (([("name", "cn-north-4")], "cn-north-4"), ([], "upwell"), ([("name", "")], "upwell")):
        [one] = iam.projects(query, "p", "d", "http://h")["projects"]
        assert (one["id"], one["name"], one["domain_id"], one["enabled"]) == ("p", name, "d", True)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Denied("wrong"), 401),
        (Throttled("later"), 403),
        (NotFound("project", "x"), 403),
        (Missing("auth"), 400),
        (Unavailable("down"), 500),
        (Busy(), 503),
        (RuntimeError("inner"), 500),
    ],
)
def test_refusals_have_iams_shape(error: Exception, status: int) -> None:
    told, members = iam.failure(error)
    assert told == members["error"]["code"] == status and members["error"]["title"]
    assert ("inner" in members["error"]["message"]) is False
