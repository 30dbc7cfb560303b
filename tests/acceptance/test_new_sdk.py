"""Every operation by `alibabacloud_iot20180120`, in both signatures: what the SDK's models hold is what was sent."""

from collections.abc import Iterator

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_tea_openapi.exceptions import ClientException

from acceptance.callers import METHODS, NewSdk, new_request
from acceptance.client import Server, recording
from acceptance.operations import EVERY
from acceptance.stories import STORIES, Story

SIGNATURES = ["acs3", "v2"]


@pytest.fixture(params=SIGNATURES)
def call(request: pytest.FixtureRequest, server: Server) -> Iterator[NewSdk]:
    with recording(server.http) as wire:
        yield NewSdk(wire, server.admin, request.param)


def test_the_stories_tell_of_every_operation() -> None:
    assert {action for told in STORIES.values() for action in told.OPERATIONS} == set(EVERY)
    assert len(EVERY) == len(set(EVERY)) == 66


@pytest.mark.parametrize("told", STORIES.values(), ids=STORIES)
def test_story(call: NewSdk, server: Server, told: Story) -> None:
    told.story(call, server)
    assert call.called == set(told.OPERATIONS)


def test_of_the_vendors_operations_the_server_has_those_and_no_others(server: Server) -> None:
    """Each is asked without any parameter: what the server has is refused for that, or answered."""
    with recording(server.http) as wire:
        caller = NewSdk(wire, server.admin)
        asked = sorted(name for name in vars(m) if name.endswith("Request") and name[:-7].lower() in METHODS)
        assert len(asked) > 400
        served = {name[:-7] for name in asked if _has(caller, name[:-7])}
    assert served == set(EVERY)


def _has(caller: NewSdk, action: str) -> bool:
    try:
        getattr(caller.sdk, METHODS[action.lower()])(new_request(action, {}))
    except ClientException:
        return bool(caller.wire.last.json()["Code"] != "InvalidAction.NotFound")
    return True
