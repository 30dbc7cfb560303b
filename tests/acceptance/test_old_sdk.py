"""`aliyun-python-sdk-core` with `aliyun-python-sdk-iot` against the server (alibaba 1.7, 10.2, 10.3)."""

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from alibabacloud_iot20180120.client import Client
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from aliyunsdkiot.request.v20180120 import (
    BatchQueryDeviceDetailRequest,
    CreateOTAFirmwareRequest,
    CreateProductRequest,
    GenerateOTAUploadURLRequest,
    ListOTAFirmwareRequest,
    QueryDeviceRequest,
    QueryProductListRequest,
    QueryProductRequest,
)

from acceptance.client import Key, Server, new_device, new_product, unique

# The SDK calls its own do_action deprecated; it is the only way to its default, XML.
pytestmark = pytest.mark.filterwarnings(r"ignore:do_action\(\) method is deprecated:DeprecationWarning")

DESCRIPTION = "旧 SDK * ~ / a b +&=%"


class Old:
    """The old SDK's client, its requests sent to our server."""

    def __init__(self, server: Server, key: Key) -> None:
        self.address = server.http
        self.acs = AcsClient(key.id, key.secret, "cn-shanghai")

    def json(self, request: Any, **given: Any) -> Any:
        """do_action_with_exception, which asks for JSON."""
        request.set_accept_format("json")
        return json.loads(self.acs.do_action_with_exception(self._made(request, given)))

    def xml(self, request: Any, **given: Any) -> ET.Element:
        """do_action as it comes: no format is set, the answer is XML."""
        body = self.acs.do_action(self._made(request, given))
        assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
        return ET.fromstring(body)

    def _made(self, request: Any, given: dict[str, Any]) -> Any:
        request.set_endpoint(self.address)
        for name, value in given.items():
            getattr(request, f"set_{name}")(value)
        return request


@pytest.fixture
def old(server: Server) -> Old:
    return Old(server, server.admin)


def _create() -> Any:
    return CreateProductRequest.CreateProductRequest()


def _common(server: Server, method: str, format_: str, **given: str) -> Any:
    request = CommonRequest(domain=server.http, version="2018-01-20", action_name="QueryProduct", product="Iot")
    request.set_protocol_type("http")
    request.set_method(method)
    request.set_accept_format(format_)
    for name, value in given.items():
        (request.add_body_params if method == "POST" else request.add_query_param)(name, value)
    return request


def test_json_answers(old: Old) -> None:
    made = old.json(_create(), ProductName=unique("prod"), NodeType=0, Description=DESCRIPTION)
    assert made["Success"] is True
    shown = old.json(QueryProductRequest.QueryProductRequest(), ProductKey=made["ProductKey"])
    assert shown["Data"]["Description"] == DESCRIPTION


def test_xml_answers_are_the_default(old: Old) -> None:
    made = old.xml(_create(), ProductName=unique("prod"), NodeType=0, Description=DESCRIPTION)
    assert (made.tag, made.findtext("Success")) == ("CreateProductResponse", "true")
    shown = old.xml(QueryProductRequest.QueryProductRequest(), ProductKey=made.findtext("ProductKey"))
    assert (shown.tag, shown.findtext("Data/Description")) == ("QueryProductResponse", DESCRIPTION)
    listed = old.xml(QueryProductListRequest.QueryProductListRequest(), CurrentPage=1, PageSize=1)
    assert len(listed.findall("Data/List/ProductInfo")) == 1


def test_lists_in_xml_empty_and_with_one_element(old: Old, sdk: Client) -> None:
    key = new_product(sdk)
    asked = {"ProductKey": key, "CurrentPage": 1, "PageSize": 10}
    empty = old.xml(QueryDeviceRequest.QueryDeviceRequest(), **asked)
    assert (empty.findtext("Total"), empty.findall("Data/DeviceInfo")) == ("0", [])
    assert old.xml(ListOTAFirmwareRequest.ListOTAFirmwareRequest(), **asked).findtext("Total") == "0"
    name, _ = new_device(sdk, key)
    one = old.xml(QueryDeviceRequest.QueryDeviceRequest(), **asked)
    assert [item.findtext("DeviceName") for item in one.findall("Data/DeviceInfo")] == [name]


def test_repeated_parameters(old: Old, sdk: Client) -> None:
    key = new_product(sdk)
    names = [new_device(sdk, key)[0] for _ in range(2)]
    request = BatchQueryDeviceDetailRequest.BatchQueryDeviceDetailRequest()
    shown = old.json(request, ProductKey=key, DeviceNames=names)
    assert [item["DeviceName"] for item in shown["Data"]["Data"]] == names


def test_an_upload_ticket(old: Old) -> None:
    ticket = old.json(GenerateOTAUploadURLRequest.GenerateOTAUploadURLRequest(), FileSuffix="bin")["Data"]
    assert ticket["ObjectStorage"] == "OSS"
    assert ticket["Key"] in ticket["FirmwareUrl"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_common_request(old: Old, server: Server, sdk: Client, method: str) -> None:
    key = new_product(sdk)
    body = json.loads(old.acs.do_action_with_exception(_common(server, method, "JSON", ProductKey=key)))
    assert body["Data"]["ProductKey"] == key
    root = ET.fromstring(old.acs.do_action(_common(server, method, "XML", ProductKey=key)))
    assert root.findtext("Data/ProductKey") == key


def test_a_business_error_is_no_exception(old: Old) -> None:
    told = old.json(QueryProductRequest.QueryProductRequest(), ProductKey="a1nothing00")
    assert (told["Success"], told["Code"]) == (False, "iot.prod.NotExistedProduct")
    told_xml = old.xml(QueryProductRequest.QueryProductRequest(), ProductKey="a1nothing00")
    assert (told_xml.tag, told_xml.findtext("Success")) == ("QueryProductResponse", "false")
    assert told_xml.findtext("Code") == "iot.prod.NotExistedProduct"


def test_a_missing_parameter_is_an_exception(old: Old) -> None:
    with pytest.raises(ServerException) as told:
        old.json(CreateOTAFirmwareRequest.CreateOTAFirmwareRequest(), DestVersion="2.0.0")
    assert (told.value.http_status, told.value.error_code) == (400, "MissingFirmwareName")


@pytest.mark.parametrize("description", ["", "plain", DESCRIPTION, "a:b"])
def test_a_wrong_secret_is_told_as_such(server: Server, description: str) -> None:
    # The SDK splits the message at its colons: without one it dies with an IndexError (alibaba 1.7).
    wrong = Old(server, Key(id=server.admin.id, secret="not-the-secret"))
    with pytest.raises(ServerException) as told:
        wrong.json(_create(), ProductName=unique("prod"), NodeType=0, Description=description)
    assert told.value.error_code in ("InvalidAccessKeySecret", "SignatureDoesNotMatch")
    assert told.value.http_status == 400


def test_a_wrong_secret_of_a_plain_request_is_found_out(server: Server) -> None:
    # Our string to sign is its own, so the SDK itself concludes that the secret is wrong.
    wrong = Old(server, Key(id=server.admin.id, secret="not-the-secret"))
    with pytest.raises(ServerException) as told:
        wrong.json(QueryProductRequest.QueryProductRequest(), ProductKey="a1nothing00")
    assert told.value.error_code == "InvalidAccessKeySecret"


def test_an_unknown_key(server: Server) -> None:
    with pytest.raises(ServerException) as told:
        Old(server, Key(id="nobody", secret="nothing")).json(QueryProductRequest.QueryProductRequest(), ProductKey="a1")
    assert (told.value.http_status, told.value.error_code) == (404, "InvalidAccessKeyId.NotFound")
