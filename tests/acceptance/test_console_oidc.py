"""Signing in at a provider of OpenID Connect: a real one (Authlib's), told the truth and lies."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from acceptance.client import Server, serve, unique
from acceptance.console import PASSWORD, Browser, Page
from acceptance.provider import Provider, back, knows, provider, sent_there, signed_in
from acceptance.upwell_client import Api, api

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the provider's own parts
GROUPS = "ota-admins=admin,ota-ops=operator,everyone=viewer"


@pytest.fixture(scope="module")
def there() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("oidc") / "secret"
    file.write_text("a-Secret-of-the-client\n")
    return file


@contextmanager
def serving(at: Provider, secret: Path, account: str = "outside") -> Iterator[Server]:
    with serve("--oidc-issuer", at.issuer, "--oidc-client-id", "upwell", "--oidc-groups", GROUPS,
               "--oidc-client-secret-file", str(secret), "--oidc-account", account) as running:  # fmt: skip
        yield running


@pytest.fixture(scope="module")
def here(there: Provider, secret: Path) -> Iterator[Server]:
    with serving(there, secret) as running:
        yield running


@pytest.fixture(scope="module")
def v1(here: Server) -> Api:
    return api(here, "outside")


@pytest.fixture(autouse=True)
def _truth(there: Provider) -> Iterator[None]:
    yield
    there.changes = lambda path, body: body


def person(there: Provider, *groups: str, **claims: Any) -> str:
    subject = unique("s")
    knows(there, subject, groups=list(groups), preferred_username=subject + "@x.example", **claims)
    return subject


def test_whom_a_group_lets_in_is_made_and_their_role_is_renewed(here: Server, v1: Api, there: Provider) -> None:
    ann, browser = person(there, "everyone", "ota-ops"), Browser(address=here.http)
    page = browser.get("/sign-in?to=/console/devices")
    assert "Sign in with localhost" in page.text and "/console/oidc?to=/console/devices" in page.links()
    got = signed_in(browser, ann, "/console/devices?status=online")
    assert got.status_code == 303, Page(got).text
    assert got.headers["location"] == "/console/devices?status=online"
    assert f"{ann}@x.example" in browser.get("/account").text and "Operator" in browser.get("/account").text
    [user] = [each for each in v1.do("list_users")["items"] if each["name"] == f"{ann}@x.example"]
    [session] = v1.do("list_sessions", user_id=user["id"])["items"]
    assert session["tongue"] == "oidc" and session["address"] == "127.0.0.1"
    [entry] = v1.do("list_audit", who=f"user {ann}@x.example", operation="sign in at the provider")["items"]
    assert (entry["tongue"], entry["result"]) == ("oidc", "done")
    knows(there, ann, groups=["ota-admins"], preferred_username="another-name")
    assert signed_in(browser, ann).status_code == 303
    assert "Admin" in browser.get("/account").text and f"{ann}@x.example" in browser.get("/account").text
    assert len([each for each in v1.do("list_users")["items"] if ann in each["name"]]) == 1
    knows(there, ann, groups=["strangers"], preferred_username=ann)
    refused = signed_in(Browser(address=here.http), ann)
    assert refused.status_code == 403 and "No group of yours is let in" in Page(refused).text
    assert browser.ask("GET", "/").status_code == 303, "what they had has ended"


def test_what_is_asked_is_as_the_standards_have_it(here: Server, there: Provider) -> None:
    browser = Browser(address=here.http)
    place = sent_there(browser)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
    assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", "upwell", "S256")
    assert asked["redirect_uri"] == f"http://{here.http}/console/oidc/back" and "openid" in asked["scope"].split()
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert browser.ask("GET", back(browser, place, person(there, "everyone"))).status_code == 303
    sent = there.sent_to("/oauth2/token")
    assert create_s256_code_challenge(sent["code_verifier"]) == asked["code_challenge"]
    assert (sent["grant_type"], sent["redirect_uri"]) == ("authorization_code", asked["redirect_uri"])
    assert "a-Secret-of-the-client" not in place


def test_nobody_comes_back_who_was_not_sent(here: Server, there: Provider) -> None:
    victim, other = Browser(address=here.http), Browser(address=here.http)
    home = back(other, sent_there(other), person(there, "ota-admins"))
    assert victim.ask("GET", home).status_code == 403, "another's way back, without a cookie"
    sent_there(victim)
    assert victim.ask("GET", home).status_code == 403, "another's way back, with one's own"
    for path in (
        "/oidc/back",
        "/oidc/back?state=&code=x",
        home.replace("code=", "c="),
        home + "&iss=https://evil.example",
    ):
        assert other.ask("GET", path).status_code == 403, path
    assert other.ask("GET", home).status_code == 303
    assert other.ask("GET", home).status_code == 403, "a way back is gone once"
    state = parse_qs(urlsplit(sent_there(victim)).query)["state"][0]
    page = Page(victim.ask("GET", f"/oidc/back?error=access_denied&state={state}"))
    assert page.status == 403 and "did not let you in" in page.text and state not in page.html
    assert "upwell_session" not in victim.cookies


def test_where_it_leads_is_ours_and_a_code_is_in_no_page(here: Server, there: Provider) -> None:
    for to in ("https://evil.example/", "//evil.example", "/v1/me"):
        got = signed_in(Browser(address=here.http), person(there, "everyone"), to)
        assert got.headers["location"] == "/console/"
    browser = Browser(address=here.http)
    sent_there(browser)
    got = browser.ask("GET", "/oidc/back?state=s3cretstate&code=s3cretcode")
    assert "s3cret" not in got.text


def test_a_name_of_somebody_else_is_not_taken_over(here: Server, v1: Api, there: Provider) -> None:
    local = unique("local")
    v1.do("create_user", name=local, password=PASSWORD, role="admin")
    subject = unique("s")
    knows(there, subject, groups=["ota-admins"], preferred_username=local)
    got = signed_in(Browser(address=here.http), subject)
    assert got.status_code == 409 and "set-cookie" not in got.headers
    knows(there, subject, groups=["everyone"], preferred_username="Ann <script>/Öl")
    browser = Browser(address=here.http)
    assert signed_in(browser, subject).status_code == 303 and "Ann-script-" in browser.get("/account").text


def test_who_is_disabled_here_stays_out_and_has_no_password(here: Server, v1: Api, there: Provider) -> None:
    ann, browser = person(there, "ota-ops"), Browser(address=here.http)
    assert signed_in(browser, ann).status_code == 303
    [user] = [each["id"] for each in v1.do("list_users")["items"] if ann in each["name"]]
    assert Browser(address=here.http).sign_in(f"{ann}@x.example", "outside", "").status_code in (400, 401)
    v1.do("update_user", user_id=user, enabled=False)
    assert browser.ask("GET", "/").status_code == 303
    assert signed_in(browser, ann).status_code == 403
    v1.do("delete_user", user_id=user)
    assert signed_in(browser, ann).status_code == 303, "made anew"


def test_one_signs_out_here_and_there(here: Server, there: Provider) -> None:
    browser = Browser(address=here.http)
    signed_in(browser, person(there, "everyone"))
    out = browser.do("/sessions/current")
    assert out.headers["location"] == "/console/sign-in?out=1"
    assert "/console/oidc/out" in browser.get("/sign-in?out=1").links()
    got = browser.ask("GET", "/oidc/out")
    assert got.status_code == 303 and got.headers["location"].startswith(f"{there.issuer}/oauth2/end_session?")
    assert httpx.get(got.headers["location"]).status_code < 500


# --- a provider that lies -------------------------------------------------------------------------------------------


def parts(token: str) -> list[dict[str, Any]]:
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def b64(told: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


FOREIGN = RSAKey.generate_key(2048, {"kid": "foreign"})


def unsigned(head: dict[str, Any], claims: dict[str, Any], token: str) -> str:
    return f"{b64({'alg': 'none'})}.{b64(claims)}."


def changed(head: dict[str, Any], claims: dict[str, Any], token: str) -> str:
    return f"{b64(head)}.{b64(claims | {'groups': ['ota-admins']})}.{token.rpartition('.')[2]}"


def of_another_key(head: dict[str, Any], claims: dict[str, Any], token: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": head.get("kid", "x")}, claims, FOREIGN)


def symmetric(head: dict[str, Any], claims: dict[str, Any], token: str) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("a-Secret-of-the-client"))


@pytest.mark.parametrize("lie", [unsigned, changed, of_another_key, symmetric], ids=lambda lie: lie.__name__)
def test_a_token_that_is_not_signed_by_the_provider_lets_nobody_in(here: Server, there: Provider, lie: Any) -> None:
    def changes(path: str, body: bytes) -> bytes:
        if path != "/oauth2/token":
            return body
        told = json.loads(body)
        return json.dumps(told | {"id_token": lie(*parts(told["id_token"]), told["id_token"])}).encode()

    there.changes = changes
    got = signed_in(Browser(address=here.http), person(there, "everyone"))
    assert got.status_code == 403 and "upwell_session" not in got.headers.get("set-cookie", "")


@pytest.fixture(scope="module")
def liar() -> Iterator[Provider]:
    """One whose tokens the test signs."""
    with provider() as made:
        made.signs_by = RSAKey.generate_key(2048, {"kid": "known", "use": "sig"})
        yield made


@pytest.fixture(scope="module")
def hearer(liar: Provider, secret: Path) -> Iterator[Server]:
    with serving(liar, secret) as running:
        yield running


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({}, 303), ({"nonce": "another"}, 403), ({"aud": "another"}, 403), ({"iss": "https://evil.example"}, 403),
        ({"exp": 1}, 403), ({"sub": ""}, 403), ({"azp": "another"}, 403), ({"iat": 4102444800}, 403),
        ({"nonce": None}, 403), ({"exp": None}, 403), ({"groups": {"ota-admins": 1}}, 403),
        ({"groups": "everyone"}, 303),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_token_says_must_be_for_us_now_and_for_this_browser(
    liar: Provider, hearer: Server, wrong: dict[str, Any], status: int
) -> None:
    def changes(path: str, body: bytes) -> bytes:
        if path != "/oauth2/token":
            return body
        told = json.loads(body)
        claims = {name: value for name, value in (parts(told["id_token"])[1] | wrong).items() if value is not None}
        token = jwt.encode({"alg": "RS256", "kid": "known"}, claims, liar.signs_by)
        return json.dumps(told | {"id_token": token}).encode()

    liar.changes = changes
    got = signed_in(Browser(address=hearer.http), person(liar, "everyone"))
    assert got.status_code == status, Page(got).text


@pytest.mark.slow
def test_what_it_can_not_say_is_told_and_a_password_still_lets_in(liar: Provider, secret: Path) -> None:
    with serving(liar, secret) as fresh:
        browser = Browser(address=fresh.http)
        for says in (b"", b"[]", b"{", b"x" * 300_000, json.dumps({"issuer": "https://evil.example"}).encode()):
            liar.changes = lambda path, body, says=says: says  # type: ignore[misc]
            before = len(liar.asked)
            got = browser.ask("GET", "/oidc")
            assert len(liar.asked) == before + 1, Page(got).text
            assert got.status_code == 503 and "location" not in got.headers, says[:20]
            asked = len(liar.asked)
            assert browser.ask("GET", "/oidc").status_code == 503 and len(liar.asked) == asked, "not at once again"
            time.sleep(1.1)
        liar.changes = lambda path, body: body
        assert browser.ask("GET", "/oidc").status_code == 303
        api(fresh, "outside").do("create_user", name="ann", password=PASSWORD, role="viewer")
        assert browser.sign_in("ann", "outside").status_code == 303
