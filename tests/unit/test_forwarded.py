"""What proxies say of who asks: believed of those that are trusted, and of nobody else."""

from ipaddress import ip_network
from typing import Any

import pytest

from upwell.doors.http.forwarded import Forwarded

TRUSTED = tuple(map(ip_network, ("127.0.0.1", "::1", "10.0.0.0/8")))


async def told(peer: str, *fields: tuple[str, str]) -> tuple[str, str]:
    """The client and the scheme that the application is told."""
    seen: dict[str, Any] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    headers = [(name.lower().encode(), value.encode()) for name, value in fields]
    scope = {"type": "http", "client": (peer, 4711), "scheme": "http", "headers": headers}

    async def never(*_: Any) -> Any:
        raise AssertionError("nothing is read or sent")

    await Forwarded(application, TRUSTED)(scope, never, never)
    return seen["client"][0], seen["scheme"]


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::1", "2001:db8::9", "2001:db8::9"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),  # what stands before was the stranger's own word
        ("127.0.0.1", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "203.0.113.9, unknown", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("203.0.113.7", "203.0.113.9", "203.0.113.7"),
    ],
)
async def test_the_client_is_whom_a_trusted_proxy_names(peer: str, said: str, client: str) -> None:
    assert (await told(peer, ("X-Forwarded-For", said)))[0] == client


async def test_fields_that_are_repeated_are_one_list() -> None:
    both = ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "10.0.0.1")
    assert (await told("127.0.0.1", *both))[0] == "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("127.0.0.1", "https", "https"),
        ("127.0.0.1", "HTTPS", "https"),
        ("127.0.0.1", "gopher", "http"),
        ("203.0.113.7", "https", "http"),
    ],
)
async def test_the_scheme_is_what_a_trusted_proxy_says(peer: str, said: str, scheme: str) -> None:
    assert (await told(peer, ("X-Forwarded-Proto", said)))[1] == scheme


async def test_without_fields_all_is_as_it_came() -> None:
    assert await told("127.0.0.1") == ("127.0.0.1", "http")
