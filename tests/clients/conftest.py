"""One server for the clients of other languages, and one program for each SDK."""

from collections.abc import Iterator

import pytest

from acceptance.client import Server, serve
from clients.bridge import Bridge


class Begun(dict[str, Bridge]):
    """A program begins when it is first asked for."""

    def __missing__(self, name: str) -> Bridge:
        self[name] = Bridge(name)
        return self[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/clients/" in item.path.as_posix():
            item.add_marker(pytest.mark.clients)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running `upwell serve`."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def bridges() -> Iterator[dict[str, Bridge]]:
    """The programs, by name."""
    running = Begun()
    try:
        yield running
    finally:
        for bridge in running.values():
            bridge.close()
