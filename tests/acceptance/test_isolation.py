"""Who reaches what: a key only what is its account's (law 8), a viewer's key only to look. By both SDKs."""

from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_tea_openapi.exceptions import ClientException
from aliyunsdkcore.acs_exception.exceptions import ServerException

from acceptance.asked import ANOTHERS, NAMELESS, NAMING, PASSING, Things, things
from acceptance.callers import Call, NewSdk, OldSdk
from acceptance.client import Key, Server, create_package, new_product, new_sdk, recording, upload
from acceptance.operations import EVERY, READS, WRITES
from acceptance.stories import setting

SDKS = ["new", "old"]
PAGE = setting.PAGE


class Keys:
    """Callers by SDK and whose key it is."""

    def __init__(self, server: Server, wire: Any, **keys: Key) -> None:
        self.callers: dict[tuple[str, str], Call] = {}
        for whose, key in keys.items():
            self.callers["new", whose] = NewSdk(wire, key)
            self.callers["old", whose] = OldSdk(server.http, key)

    def __call__(self, sdk: str, whose: str) -> Call:
        return self.callers[sdk, whose]


@pytest.fixture(scope="module")
def keys(server: Server, viewer: Key, stranger: Key) -> Iterator[Keys]:
    with recording(server.http) as wire:
        yield Keys(server, wire, owner=server.admin, viewer=viewer, stranger=stranger)


@pytest.fixture(scope="module")
def owned(keys: Keys) -> Things:
    """The owner's, whom nobody of the tests here may touch."""
    return things(keys("new", "owner"))


def test_every_operation_is_asked() -> None:
    assert {*NAMING, *PASSING, *NAMELESS} == set(EVERY)


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("action", NAMING)
def test_nothing_of_that_name(keys: Keys, sdk: str, action: str) -> None:
    code, given = NAMING[action]
    told = keys(sdk, "owner")(action, success=False, **given(Things()))
    assert (told["Code"], bool(told["ErrorMessage"])) == (code, True)


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("action", NAMING)
def test_another_accounts_thing_is_as_unknown(keys: Keys, owned: Things, sdk: str, action: str) -> None:
    code, given = NAMING[action]
    told = keys(sdk, "stranger")(action, success=False, **given(owned))
    assert (told["Code"], bool(told["ErrorMessage"])) == (ANOTHERS.get(action, code), True)


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("action", PASSING)
def test_what_is_not_ones_own_is_passed_over(keys: Keys, owned: Things, sdk: str, action: str) -> None:
    (outer, inner), given = PASSING[action]
    assert keys(sdk, "owner")(action, **given(Things()))[outer] == {inner: []}
    assert keys(sdk, "stranger")(action, **given(owned))[outer] == {inner: []}
    assert len(keys(sdk, "owner")(action, **given(owned))[outer][inner]) == 1


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("action", sorted(READS))
def test_a_viewer_looks(keys: Keys, owned: Things, sdk: str, action: str) -> None:
    keys(sdk, "viewer")(action, **_given(action, owned))


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("action", sorted(WRITES))
def test_a_viewer_changes_nothing(keys: Keys, owned: Things, sdk: str, action: str) -> None:
    raised = ClientException if sdk == "new" else ServerException
    with pytest.raises(raised) as told:
        keys(sdk, "viewer")(action, **_given(action, owned))
    if sdk == "new":
        assert (told.value.code, told.value.data["statusCode"]) == ("NoPermission", 403)
    else:
        assert (told.value.error_code, told.value.http_status) == ("NoPermission", 403)


def _given(action: str, owned: Things) -> dict[str, Any]:
    return NAMELESS[action] if action in NAMELESS else (NAMING | PASSING)[action][1](owned)


def test_nothing_was_touched(keys: Keys, owned: Things) -> None:
    """After all of the above, in the order of this file."""
    call = keys("new", "owner")
    assert call("QueryProduct", ProductKey=owned.product)["Data"]["DeviceCount"] == 1
    assert call("QueryDeviceProp", **owned.where)["Props"] == "{}"
    assert call("GetDeviceStatus", **owned.where)["Data"]["Status"] == "UNACTIVE"
    assert call("QueryDeviceGroupInfo", GroupId=owned.group)["Data"]["DeviceCount"] == 1
    assert call("QueryOTAJob", JobId=owned.dynamic)["Data"]["MaximumPerMinute"] == 1000
    [task] = setting.tasks(call, owned.job)
    assert task["TaskStatus"] == "CONFIRM"
    modules = call("ListOTAModuleByProduct", ProductKey=owned.product)["Data"]
    assert [row.get("Desc") for row in modules if row["ModuleName"] == "MCU"] == [None]


def test_another_account_sees_none_of_it_in_lists(keys: Keys, owned: Things) -> None:
    call = keys("new", "stranger")
    products = call("QueryProductList", CurrentPage=1, PageSize=200)["Data"]["List"]["ProductInfo"]
    assert owned.product not in {row["ProductKey"] for row in products}
    packages = call("ListOTAFirmware", CurrentPage=1, PageSize=100)["FirmwareInfo"]["SimpleFirmwareInfo"]
    assert owned.firmware not in {row["FirmwareId"] for row in packages}
    assert call("QueryDeviceGroupList", CurrentPage=1, PageSize=200)["Data"] == {"GroupInfo": []}
    for more in ({}, {"ProductKey": owned.product}):
        devices = call("QueryDeviceByStatus", Status=0, **PAGE, success=not more, **more).get("Data", {})
        names = {row["DeviceName"] for row in devices.get("SimpleDeviceInfo", [])}
        assert owned.device not in names


def test_another_accounts_groups_devices_and_tasks_beside_ones_own(keys: Keys, owned: Things) -> None:
    """What a request names second is looked for in the same account."""
    call = keys("new", "stranger")
    mine = things(call)
    told = call("BatchAddDeviceGroupRelations", GroupId=mine.group, Device=[owned.where])
    assert (told["ValidDeviceCount"], told["SuccessAddedDeviceCount"]) == (0, 0)
    firmware = {"FirmwareId": setting.package(call, mine.product)}
    target = {"ProductKey": mine.product, "TargetSelection": "GROUP", "GroupId": owned.group}
    refused = call("CreateOTAStaticUpgradeJob", **firmware, **target, success=False)
    assert refused["Code"] == "iot.group.NotExistedGroup"
    for where in ({"ProductKey": owned.product}, {"ProductKey": mine.product}):
        given = {**firmware, **where, "TargetSelection": "SPECIFIC", "TargetDeviceName": [owned.device]}
        code = "iot.prod.NotExistedProduct" if where["ProductKey"] == owned.product else "iot.device.NotExistedDevice"
        assert call("CreateOTAStaticUpgradeJob", **given, success=False)["Code"] == code
    refused = call("ConfirmOTATask", TaskId=[mine.task, owned.task], success=False)
    assert refused["Code"] == "iot.ota.TaskNotFound"
    [task] = setting.tasks(call, mine.job)
    assert task["TaskStatus"] == "CONFIRM"  # law 10: nothing half done
    refused = call("CreateDeviceGroup", GroupName="stolen", SuperGroupId=owned.group, success=False)
    assert refused["Code"] == "iot.group.NotExistedGroup"


def test_another_accounts_upload_makes_no_package(server: Server, stranger: Key, keys: Keys) -> None:
    ticket = setting.Ticket(keys("new", "owner")("GenerateOTAUploadURL")["Data"])
    assert upload(ticket, setting.IMAGE)[0] == 200
    theirs = new_sdk(server.http, stranger)
    body = create_package(theirs, new_product(theirs), ticket.url, setting.IMAGE)
    assert (body.success, body.code) == (False, "iot.ota.FirmwareFileNotFound")


def test_another_accounts_list_targets_nothing(keys: Keys, owned: Things) -> None:
    url = setting.sent(setting.Ticket(keys("new", "owner")("GenerateDeviceNameListURL")["Data"]), b"dev_1")
    call = keys("new", "stranger")
    key = setting.product(call)
    given = {"FirmwareId": setting.package(call, key), "ProductKey": key, "TargetSelection": "SPECIFIC"}
    refused = call("CreateOTAStaticUpgradeJob", **given, DnListFileUrl=url, success=False)
    assert refused["Code"] == "iot.ota.DnListFileNotFound"
