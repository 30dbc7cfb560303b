"""One server per test process, while it has tests of this folder; every test makes its own products, so no test sees
another's. A server that nobody asks takes a twentieth of a core all the same."""

from collections.abc import Iterator

import pytest
from alibabacloud_iot20180120.client import Client

from acceptance.client import Key, Server, new_sdk, serve
from acceptance.leaks import leaked


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """A running `upwell serve`. At its end its log has none of the secrets that were used in it
    (issue 9, number 35)."""
    with serve() as running:
        yield running
        assert leaked(running.data_dir) == []


@pytest.fixture
def sdk(server: Server) -> Client:
    """The new SDK with the admin's key and its default signature."""
    return new_sdk(server.http, server.admin)


@pytest.fixture(scope="package")
def viewer(server: Server) -> Key:
    """A key of the admin's account that may only look."""
    return server.new_key("default", "viewer")


@pytest.fixture(scope="package")
def stranger(server: Server) -> Key:
    """An admin of another account."""
    return server.new_key("other", "admin")
