"""Issue 9, number 38: every operation of Alibaba's by the vendor's Go SDK, in JSON and in XML, by its Node SDKs, in
both signatures of the typed one, and by its Java SDKs, the older one in JSON and in XML. The stories are those that the
Python SDKs are told.
"""

from collections.abc import Iterator

import pytest

from acceptance.client import Key, Recorder, Server, recording
from acceptance.operations import EVERY
from acceptance.stories import STORIES, Story
from clients.alibaba import NODE_LACKS, Caller, GoJson, GoXml, Java, Node, Refused
from clients.bridge import Bridge

MANNERS = {
    "go-json": ("go-alibaba", GoJson, {"format": "JSON"}),
    "go-xml": ("go-alibaba", GoXml, {"format": "XML"}),
    "java": ("java-alibaba", Java, {"client": "tea"}),
    "java-core-json": ("java-alibaba", Java, {"client": "core", "format": "JSON"}),
    "java-core-xml": ("java-alibaba", Java, {"client": "core", "format": "XML"}),
    "node": ("node-alibaba", Node, {"client": "tea"}),
    "node-v2": ("node-alibaba", Node, {"client": "tea-v2"}),
    "node-pop": ("node-alibaba", Caller, {"client": "pop"}),
}


@pytest.fixture(params=MANNERS)
def manner(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def call(manner: str, server: Server, bridges: dict[str, Bridge]) -> Iterator[Caller]:
    with recording(server.http) as wire:
        yield caller(manner, wire, server.admin, bridges)


def caller(manner: str, wire: Recorder, key: Key, bridges: dict[str, Bridge]) -> Caller:
    name, kind, given = MANNERS[manner]
    return kind(bridges[name], wire, key, **given)


@pytest.mark.parametrize("told", STORIES.values(), ids=STORIES)
def test_story(call: Caller, server: Server, told: Story) -> None:
    told.story(call, server)
    assert call.called == set(told.OPERATIONS)


def test_no_program_forgets_an_operation(bridges: dict[str, Bridge]) -> None:
    """The stories call every operation (test_new_sdk.py); the Go SDK has each, the typed Node and Java SDKs not those
    that are named."""
    assert bridges["go-alibaba"].operations() == set(EVERY)
    lacking = {name for name, lacks in NODE_LACKS.items() if not lacks}
    for program in ("node-alibaba", "java-alibaba"):
        known = bridges[program].operations()
        assert {name for name in EVERY if name.lower() not in known} == lacking


def test_a_missing_parameter_is_the_sdks_error(call: Caller) -> None:
    with pytest.raises(Refused) as told:
        call("CreateOTAFirmware", DestVersion="2.0.0")
    assert (told.value.status, told.value.code) == (400, "MissingFirmwareName")
    assert "FirmwareName" in told.value.message


def test_a_wrong_secret_is_the_sdks_error(manner: str, server: Server, bridges: dict[str, Bridge]) -> None:
    with recording(server.http) as wire, pytest.raises(Refused) as told:
        caller(manner, wire, Key(id=server.admin.id, secret="another"), bridges)("QueryProduct", ProductKey="a1")
    assert (told.value.status, told.value.code) == (400, "SignatureDoesNotMatch")
