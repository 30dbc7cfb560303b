"""`aliyun-python-sdk-core` with `aliyun-python-sdk-iot` against the server (alibaba 1.6, 1.7): every operation
in JSON and in XML, which hold the same.
"""

import re
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException

from acceptance.callers import OldSdk
from acceptance.client import Key, Server
from acceptance.stories import STORIES, Story

FORMATS = ["JSON", "XML"]
# What differs between two equal requests: ids, times, made-up names, and what is signed.
VARYING = re.compile(r"\w*(Id|Key|Secret|Name|Url|Create|Host|Policy|Signature|Expression|ErrorMessage)")


@pytest.fixture
def old(server: Server) -> OldSdk:
    return OldSdk(server.http, server.admin)


# --- every operation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", STORIES.values(), ids=STORIES)
def test_story(server: Server, told: Story) -> None:
    """What reads is asked in both formats at once; what writes, in one walk through the story after the other."""
    written = []
    for format_ in FORMATS:
        call = OldSdk(server.http, server.admin, format_)
        told.story(call, server)
        assert call.called == set(told.OPERATIONS)
        written.append([(action, _fixed(answer)) for action, answer in call.written])
    assert written[0] == written[1]


def _fixed(value: Any, name: str = "") -> Any:
    """An answer with a word in place of each value that varies; a list or a struct keeps its form."""
    if isinstance(value, dict):
        return {member: _fixed(each, member) for member, each in value.items()}
    if isinstance(value, list):
        return [_fixed(each, name) for each in value]
    return type(value).__name__ if VARYING.fullmatch(name) else value


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_missing_parameter_is_an_exception(old: OldSdk) -> None:
    with pytest.raises(ServerException) as told:
        old("CreateOTAFirmware", DestVersion="2.0.0")
    assert (told.value.http_status, told.value.error_code) == (400, "MissingFirmwareName")


def test_an_unknown_key(server: Server) -> None:
    with pytest.raises(ServerException) as told:
        OldSdk(server.http, Key(id="nobody", secret="nothing"))("QueryProduct", ProductKey="a1")
    assert (told.value.http_status, told.value.error_code) == (404, "InvalidAccessKeyId.NotFound")
