"""The acceptance checklist of the reference (alibaba 10), items 1 to 8 by number; 9 to 11 in test_checklist_devices.py.

Item 4 is also test_new_sdk.py, story by story in both signatures; here it is one walk, whose lists are item 5.
"""

import hashlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.request import CommonRequest

from acceptance.callers import Call, NewSdk, OldSdk, old_request
from acceptance.client import Key, Recorder, Server, ask, new_sdk, recording, signed, unique, upload
from acceptance.operations import EVERY
from acceptance.stories import STORIES, setting

TEXT = "阀门 * ~ / a b+&=%"
FORMATS = ["JSON", "XML"]


@pytest.fixture
def wire(server: Server) -> Iterator[Recorder]:
    with recording(server.http) as recorder:
        yield recorder


@pytest.fixture
def old(server: Server) -> OldSdk:
    return OldSdk(server.http, server.admin)


# --- 1: the new SDK's signatures --------------------------------------------------------------------------------------


def _client(address: str, key: Key, mode: str, token: str | None) -> Client:
    config = Config(access_key_id=key.id, access_key_secret=key.secret, endpoint=address, protocol="HTTP")
    config.security_token = token
    if mode == "v2":
        config.signature_algorithm = "v2"
    return Client(config)


@pytest.mark.parametrize("token", [None, "an-STS-token/*~ +="])
@pytest.mark.parametrize("mode", ["acs3", "v2"])
async def test_10_01_sync_and_async_with_odd_text_and_an_sts_token(
    wire: Recorder, server: Server, mode: str, token: str | None
) -> None:
    sdk = _client(wire.address, server.admin, mode, token)
    caller = NewSdk(wire, server.admin)
    for method in (sdk.create_product, sdk.create_product_async):
        request = m.CreateProductRequest(product_name=unique("prod"), node_type=0, description=TEXT)
        answered = method(request)
        made = caller.checked(await answered if method == sdk.create_product_async else answered)
        shown = caller.checked(sdk.query_product(m.QueryProductRequest(product_key=made["ProductKey"])))
        assert shown["Data"]["Description"] == TEXT


@pytest.mark.parametrize("mode", ["acs3", "v2"])
def test_10_01_a_form_body_is_signed(wire: Recorder, server: Server, mode: str) -> None:
    """alibaba 1.1: BatchCheckDeviceNames has its names in the body."""
    call = NewSdk(wire, server.admin, mode)
    names = [{"DeviceName": "valve_1", "DeviceNickname": TEXT}]
    checked = call("BatchCheckDeviceNames", ProductKey=setting.product(call), DeviceNameList=names)["Data"]
    assert "InvalidDetailList" not in checked  # issue 9, number 12: left out when empty, and both SDKs read it


# --- 2, 3: the old SDK ------------------------------------------------------------------------------------------------


def test_10_02_do_action_with_exception_and_do_action(old: OldSdk) -> None:
    made = old("CreateProduct", ProductName=unique("prod"), NodeType=0, Description=TEXT)
    request = old_request("QueryProduct", {"ProductKey": made["ProductKey"]}, old.address)
    with pytest.warns(DeprecationWarning, match="do_action"):
        root = ET.fromstring(old.acs.do_action(request))  # no format is set, which is sent as None
    assert (root.tag, root.findtext("Data/Description")) == ("QueryProductResponse", TEXT)
    assert old.xml("QueryProduct", {"ProductKey": made["ProductKey"]})["Data"]["Description"] == TEXT


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_10_02_common_request(old: OldSdk, method: str, format_: str) -> None:
    key = setting.product(old, Description=TEXT)
    request = CommonRequest(domain=old.address, version="2018-01-20", action_name="QueryProduct", product="Iot")
    request.set_protocol_type("http")
    request.set_method(method)
    request.set_accept_format(format_)
    (request.add_body_params if method == "POST" else request.add_query_param)("ProductKey", key)
    with pytest.warns(DeprecationWarning, match="do_action"):
        body = old.acs.do_action(request)
    if format_ == "JSON":
        assert json.loads(body)["Data"]["Description"] == TEXT
    else:
        assert ET.fromstring(body).findtext("Data/Description") == TEXT


@pytest.mark.parametrize("description", ["", "plain", TEXT, "a:b"])
def test_10_03_a_wrong_secret_is_reported_not_an_index_error(server: Server, description: str) -> None:
    # The SDK splits the message at its colons: without one it dies with an IndexError (alibaba 1.7).
    wrong = OldSdk(server.http, Key(id=server.admin.id, secret="not-the-secret"))
    with pytest.raises(ServerException) as told:
        wrong("CreateProduct", ProductName=unique("prod"), NodeType=0, Description=description)
    assert told.value.error_code in ("InvalidAccessKeySecret", "SignatureDoesNotMatch")
    assert told.value.http_status == 400


def test_10_03_the_sdk_itself_finds_the_secret_wrong(server: Server) -> None:
    # Our string to sign is its own, so the SDK itself concludes it.
    wrong = OldSdk(server.http, Key(id=server.admin.id, secret="not-the-secret"))
    with pytest.raises(ServerException) as told:
        wrong("QueryProduct", ProductKey="a1nothing00")
    assert told.value.error_code == "InvalidAccessKeySecret"


# --- 4, 5: every operation, every list --------------------------------------------------------------------------------


class Listening:
    """Passes every call on and keeps how long each list of the answers was."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.called: set[str] = set()
        self.lengths: dict[str, set[int]] = {}

    def __call__(self, action: str, /, *, success: bool = True, **given: Any) -> dict[str, Any]:
        answer = self.call(action, success=success, **given)
        self.called.add(action)
        if success:
            self._look(answer, getattr(m, f"{action}ResponseBody"), action)
        return answer

    def _look(self, value: Mapping[str, Any], model: type, where: str) -> None:
        hints = {name.replace("_", ""): hint for name, hint in get_type_hints(model.__init__).items()}
        for name, each in value.items():
            hint = hints[name.lower()]
            if get_origin(hint) is list:
                self.lengths.setdefault(f"{where}.{name}", set()).add(len(each))
                [hint] = get_args(hint)
            for one in each if isinstance(each, list) else [each]:
                if isinstance(one, dict):
                    self._look(one, hint, f"{where}.{name}")


def _lists(model: type, where: str) -> set[str]:
    """Where the SDK's model has lists, at any depth."""
    found = set()
    for name, hint in get_type_hints(model.__init__).items():
        is_list = get_origin(hint) is list
        inner = get_args(hint)[0] if is_list else hint
        wire_name = (
            next(iter(model(**{name: [] if is_list else inner()}).to_map()), name)
            if is_list or (inner not in (str, int, bool, float))
            else name
        )
        if is_list:
            found.add(f"{where}.{wire_name}")
        if inner not in (str, int, bool, float):
            found |= _lists(inner, f"{where}.{wire_name}")
    return found


NEVER_EMPTY = {
    "ListOTAModuleByProduct.Data",  # a product always has the module `default` (alibaba 2.6)
    "BatchCheckDeviceNames.Data.InvalidDetailList.InvalidDetailList",  # the Go SDK fails at it (alibaba 6.1)
}


@pytest.mark.parametrize("form", ["new", "XML", pytest.param("JSON", marks=pytest.mark.slow)])
def test_10_04_every_operation_and_10_05_every_list_empty_and_with_one_element(
    wire: Recorder, server: Server, form: str
) -> None:
    call = Listening(NewSdk(wire, server.admin) if form == "new" else OldSdk(server.http, server.admin, form))
    for told in STORIES.values():
        told.story(call, server)
    assert call.called == set(EVERY)
    lists = set().union(*(_lists(getattr(m, f"{action}ResponseBody"), action) for action in EVERY))
    assert set(call.lengths) == lists
    assert {where for where, seen in call.lengths.items() if 0 not in seen} == NEVER_EMPTY
    assert {where for where, seen in call.lengths.items() if 1 not in seen} == set()


# --- 6: how values are written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "status"), [("True", 0), ("true", 0), ("FALSE", -1), ("False", -1), ("", 0)])
def test_10_06_booleans_in_any_case_and_blank(server: Server, old: OldSdk, word: str, status: int) -> None:
    url = setting.uploaded(old, setting.IMAGE)
    given = {"FirmwareName": unique("fw"), "DestVersion": "1", "FirmwareUrl": url, "FirmwareDesc": "", "Udi": ""}
    asked = signed(server.admin, "CreateOTAFirmware", given | {"NeedToVerify": word, "SrcVersion": ""})
    _, made = ask(server.http, asked)
    shown = old("QueryOTAFirmware", FirmwareId=made["Data"]["FirmwareId"])["FirmwareInfo"]
    assert (shown["Status"], shown["FirmwareDesc"]) == (status, "")


def test_10_06_gaps_in_repeat_lists(old: OldSdk) -> None:
    """The old SDK leaves out a list's None and counts on."""
    key = setting.product(old)
    names = [setting.device(old, key)[0] for _ in range(2)]
    shown = old("BatchQueryDeviceDetail", ProductKey=key, DeviceName=[None, names[1], None, names[0]])
    assert [row["DeviceName"] for row in shown["Data"]["Data"]] == [names[1], names[0]]
    job = {"FirmwareId": setting.package(old, key), "ProductKey": key, "SrcVersion": ["1.0", None, "2.0"]}
    tags = [{"Key": "a", "Value": "1"}, {}, {"Key": "b", "Value": "2"}]
    made = old("CreateOTADynamicUpgradeJob", **job, Tag=tags)["Data"]["JobId"]
    data = old("QueryOTAJob", JobId=made)["Data"]
    assert data["SrcVersions"] == {"SrcVersion": ["1.0", "2.0"]}
    assert data["Tags"] == {"OtaTagDTO": [tags[0], tags[2]]}
    old("CancelOTAStrategyByJob", JobId=made)


# --- 7: the two envelopes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["acs3", "v2"])
def test_10_07_a_business_error_is_an_answer_and_a_gateway_error_an_exception(
    wire: Recorder, server: Server, mode: str
) -> None:
    call = NewSdk(wire, server.admin, mode)
    assert call("QueryProduct", ProductKey="a1nothing00", success=False)["Code"] == "iot.prod.NotExistedProduct"
    for given, code in (({}, "MissingProductKey"), ({"ProductKey": "a\0b"}, "InvalidProductKey")):
        with pytest.raises(ClientException) as told:
            call("QueryProduct", **given)
        assert (told.value.code, told.value.data["statusCode"]) == (code, 400)
        assert set(wire.last.json()) == {"RequestId", "HostId", "Code", "Message"}


@pytest.mark.parametrize("format_", FORMATS)
def test_10_07_the_same_by_the_old_sdk(server: Server, format_: str) -> None:
    call = OldSdk(server.http, server.admin, format_)
    assert call("QueryProduct", ProductKey="a1nothing00", success=False)["Code"] == "iot.prod.NotExistedProduct"
    with pytest.raises(ServerException) as told:
        call.json("QueryProduct", {})
    assert (told.value.http_status, told.value.error_code) == (400, "MissingProductKey")


# --- 8: the upload ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "answered"), [("200", 200), (None, 204)])
def test_10_08_a_file_part_without_a_filename_5_mb(server: Server, status: str | None, answered: int) -> None:
    image = hashlib.shake_128(b"upwell").digest(5_000_000)
    sdk = new_sdk(server.http, server.admin)
    ticket = sdk.generate_otaupload_url(m.GenerateOTAUploadURLRequest(file_suffix="bin")).body.data
    assert upload(ticket, image, status=status) == (answered, "")
    made = m.CreateOTAFirmwareRequest(
        firmware_name=unique("fw"), dest_version="1", firmware_url=ticket.firmware_url,
        firmware_sign=hashlib.md5(image).hexdigest().upper(), firmware_size=len(image),
    )  # fmt: skip
    firmware = sdk.create_otafirmware(made).body.data.firmware_id
    shown = sdk.query_otafirmware(m.QueryOTAFirmwareRequest(firmware_id=firmware)).body.firmware_info
    assert (shown.firmware_size, shown.firmware_sign) == (len(image), hashlib.md5(image).hexdigest())
