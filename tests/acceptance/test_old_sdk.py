"""`aliyun-python-sdk-core` with `aliyun-python-sdk-iot` against the server (alibaba 1.7, 10.2, 10.3): every operation
in JSON and in XML, which hold the same.
"""

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from alibabacloud_iot20180120.client import Client
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.request import CommonRequest

from acceptance.callers import OldSdk, old_request
from acceptance.client import Key, Server, new_product, unique
from acceptance.stories import STORIES, Story

# The SDK calls its own do_action deprecated; it is the only way to its default, XML.
pytestmark = pytest.mark.filterwarnings(r"ignore:do_action\(\) method is deprecated:DeprecationWarning")

FORMATS = ["JSON", "XML"]
DESCRIPTION = "旧 SDK * ~ / a b +&=%"
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


# --- the SDK's own ways ---------------------------------------------------------------------------------------------


def test_without_a_format_it_is_xml(old: OldSdk) -> None:
    request = old_request("CreateProduct", {"ProductName": unique("prod"), "NodeType": 0}, old.address)
    made = ET.fromstring(old.acs.do_action(request))
    assert (made.tag, made.findtext("Success")) == ("CreateProductResponse", "true")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_common_request(old: OldSdk, server: Server, sdk: Client, method: str) -> None:
    key = new_product(sdk)
    body = json.loads(old.acs.do_action_with_exception(_common(server, method, "JSON", ProductKey=key)))
    assert body["Data"]["ProductKey"] == key
    root = ET.fromstring(old.acs.do_action(_common(server, method, "XML", ProductKey=key)))
    assert root.findtext("Data/ProductKey") == key


def _common(server: Server, method: str, format_: str, **given: str) -> Any:
    request = CommonRequest(domain=server.http, version="2018-01-20", action_name="QueryProduct", product="Iot")
    request.set_protocol_type("http")
    request.set_method(method)
    request.set_accept_format(format_)
    for name, value in given.items():
        (request.add_body_params if method == "POST" else request.add_query_param)(name, value)
    return request


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_a_business_error_is_no_exception(server: Server, format_: str) -> None:
    told = OldSdk(server.http, server.admin, format_)("QueryProduct", ProductKey="a1nothing00", success=False)
    assert (told["Success"], told["Code"]) == (False, "iot.prod.NotExistedProduct")
    assert told["ErrorMessage"]


def test_a_missing_parameter_is_an_exception(old: OldSdk) -> None:
    with pytest.raises(ServerException) as told:
        old("CreateOTAFirmware", DestVersion="2.0.0")
    assert (told.value.http_status, told.value.error_code) == (400, "MissingFirmwareName")


@pytest.mark.parametrize("description", ["", "plain", DESCRIPTION, "a:b"])
def test_a_wrong_secret_is_told_as_such(server: Server, description: str) -> None:
    # The SDK splits the message at its colons: without one it dies with an IndexError (alibaba 1.7).
    wrong = OldSdk(server.http, Key(id=server.admin.id, secret="not-the-secret"))
    with pytest.raises(ServerException) as told:
        wrong("CreateProduct", ProductName=unique("prod"), NodeType=0, Description=description)
    assert told.value.error_code in ("InvalidAccessKeySecret", "SignatureDoesNotMatch")
    assert told.value.http_status == 400


def test_a_wrong_secret_of_a_plain_request_is_found_out(server: Server) -> None:
    # Our string to sign is its own, so the SDK itself concludes that the secret is wrong.
    wrong = OldSdk(server.http, Key(id=server.admin.id, secret="not-the-secret"))
    with pytest.raises(ServerException) as told:
        wrong("QueryProduct", ProductKey="a1nothing00")
    assert told.value.error_code == "InvalidAccessKeySecret"


def test_an_unknown_key(server: Server) -> None:
    with pytest.raises(ServerException) as told:
        OldSdk(server.http, Key(id="nobody", secret="nothing"))("QueryProduct", ProductKey="a1")
    assert (told.value.http_status, told.value.error_code) == (404, "InvalidAccessKeyId.NotFound")
