"""What a provider of sign-in may be asked at, and how its settings are read."""

import asyncio
from typing import Any

import pytest

from upwell.config.identity import groups, hosts, issuer
from upwell.config.sources import SettingError
from upwell.domain.errors import Unavailable
from upwell.doors.identity import Provider, Terms

ISSUER = "https://id.example/realm"


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://id.example/token", True), ("https://tokens.example/x", True), ("https://id.example:8443/x", False),
        ("http://id.example/token", False), ("https://169.254.169.254/latest", False),
        ("https://evil.example/", False),
        ("https://id.example@evil.example/", False), ("https://ann:pw@id.example/", False),
        ("file:///etc/passwd", False),
        ("http://localhost/x", False), ("https://id.example.evil.example/", False), ("", False),
        ("https://[::1", False),
    ],
)  # fmt: skip
def test_only_the_issuers_own_hosts_are_asked(url: str, may: bool) -> None:
    provider = Provider(Terms(issuer=ISSUER, client_id="x", hosts=frozenset({"tokens.example"})))

    async def told(method: str, place: str, **more: Any) -> tuple[int, dict[str, Any]]:
        return 200, {"issuer": ISSUER, "jwks_uri": url}

    provider._ask = told  # type: ignore[method-assign]  # nothing leaves this machine
    if may:
        assert asyncio.run(provider._place("jwks_uri")) == url
    else:
        with pytest.raises(Unavailable):
            asyncio.run(provider._place("jwks_uri"))


def test_settings_say_the_rule_that_they_break() -> None:
    assert issuer("oidc_issuer", ISSUER) == ISSUER and issuer("oidc_issuer", "http://localhost:8080")
    for wrong in ("http://id.example", "id.example", "https://", "https://id.example?x=1", "https://a:b@id.example",
                  "https://id.example/#x", "https://id.example:99999", "ftp://id.example"):  # fmt: skip
        with pytest.raises(SettingError, match="https://HOST"):
            issuer("oidc_issuer", wrong)
    assert groups("oidc_groups", "a=admin, b c = viewer,x=y=operator") == {
        "a": "admin", "b c": "viewer", "x=y": "operator",
    }  # fmt: skip
    for wrong in ("a", "a=king", "=admin", "a=admin,a=viewer"):
        with pytest.raises(SettingError):
            groups("oidc_groups", wrong)
    assert hosts("oidc_hosts", "A.example, b.example") == ("a.example", "b.example")
    with pytest.raises(SettingError):
        hosts("oidc_hosts", "https://a.example")
