"""Tuya's management API by `@alicloud/pop-core`, which signs as Tuya's pages say; and the vendor's own connector for
Node, which asks for another API, the OpenAPI, and is told that it is not here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from acceptance import test_tuya as suite
from acceptance.client import Key, Recorder, Server, recording
from acceptance.tuya_client import Given, Told, TuyaClient, flattened, told
from clients.bridge import Bridge
from clients.comparing import differences

STORIES = {
    test.__name__: test
    for test in (
        suite.test_packages,
        suite.test_modules,
        suite.test_jobs_and_tasks,
        suite.test_a_verify_job_without_devices_waits_until_it_is_cancelled,
        suite.test_gray_and_group,
        suite.test_fleet,
    )
}
DEVICE = "/v2.0/cloud/thing/d1/firmware"
ASKED: dict[str, dict[str, Any]] = {
    "query": {"method": "GET", "path": DEVICE, "query": {"b": "ä ö", "a": "", "c": 1}},
    "query-in-the-path": {"method": "GET", "path": f"{DEVICE}?b=1&a=2"},
    "body": {"method": "POST", "path": f"{DEVICE}/0", "body": {"channel": "水"}},
    "headers": {"method": "PUT", "path": "/v1.1/iot-03/devices/d1", "headers": {"lang": "en"}},
    "delete": {"method": "DELETE", "path": "/v1.0/devices/d1"},
}


@dataclass(frozen=True, kw_only=True)
class PopClient(TuyaClient):
    """By pop-core, which holds what was sent."""

    bridge: Bridge
    wire: Recorder

    def ask(self, action: str, given: Given | None = None, **more: Any) -> Told:
        held = self.bridge.ask(
            action, given=flattened((given or {}) | more), client="pop", version="2022-01-01",
            endpoint=self.address, id=self.key.id, secret=self.key.secret,
        )["held"]  # fmt: skip
        sent = self.wire.last
        assert not list(differences(sent.json(), held)), action
        return told(sent.status, sent.headers["content-type"], sent.body)


@pytest.fixture(scope="module")
def key(server: Server) -> Key:
    return server.new_key("default", "admin", "tuya")


@pytest.fixture
def pop(server: Server, key: Key, bridges: dict[str, Bridge]) -> Iterator[PopClient]:
    with recording(server.http) as wire:
        yield PopClient(address=wire.address, key=key, bridge=bridges["node-alibaba"], wire=wire)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_by_pop_core(pop: PopClient, story: Any) -> None:
    story(pop)


def test_a_refusal_by_pop_core(pop: PopClient) -> None:
    answer = pop.ask("Nope")
    assert (answer.status, answer.code) == (400, "InvalidAction.NotFound")


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("given", ASKED.values(), ids=ASKED)
def test_the_connector_is_refused_in_its_form(
    server: Server, key: Key, bridges: dict[str, Bridge], given: dict[str, Any], version: str
) -> None:
    answer = bridges["node-tuya"].ask(
        "request", given=given, version=version, endpoint=f"http://{server.http}", id=key.id, secret=key.secret
    )
    assert re.match("GET_TOKEN_FAILED 1108, uri path invalid: .*Action=", answer["refused"]["message"]), answer
