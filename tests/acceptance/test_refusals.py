"""What the rules of the API forbid, in the vendor's business envelope and by both SDKs: a code of its own, a message
that names what is wrong, and nothing half done (law 10)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from acceptance.asked import Things, things
from acceptance.callers import Call, NewSdk, OldSdk
from acceptance.client import Server, ask, recording, signed, unique
from acceptance.stories import setting

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
PACKAGES_MAX = 500  # alibaba 2.2
MODULES_MAX = 10  # alibaba 2.2


@pytest.fixture(params=["new", "old"], scope="module")
def call(request: pytest.FixtureRequest, server: Server) -> Iterator[Call]:
    with recording(server.http) as wire:
        yield NewSdk(wire, server.admin) if request.param == "new" else OldSdk(server.http, server.admin, "XML")


@pytest.fixture(scope="module")
def own(call: Call) -> Things:
    """A product with a device, groups, a package, a running dynamic job, and a job whose task is unconfirmed."""
    return things(call)


def refused(call: Call, code: str, action: str, /, **given: Any) -> str:
    """The message of a refusal that has this code."""
    told = call(action, success=False, **given)
    assert told["Code"] == code, told
    assert set(told) == {"RequestId", "Success", "Code", "ErrorMessage"}
    return str(told["ErrorMessage"])


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_a_second_dynamic_job_on_one_package(call: Call, own: Things) -> None:
    assert refused(call, "iot.ota.DynamicJobIsRunning", "CreateOTADynamicUpgradeJob", **own.package)
    jobs = call("ListOTAJobByFirmware", FirmwareId=own.firmware, **setting.PAGE)["Data"]["SimpleOTAJobInfo"]
    assert [row["JobId"] for row in jobs if row["SelectionType"] == "DYNAMIC"] == [own.dynamic]


def test_two_dynamic_jobs_at_once(server: Server, call: Call) -> None:
    """One of them is, whoever comes first."""
    key = setting.product(call)
    given = {"FirmwareId": setting.package(call, key), "ProductKey": key}
    with ThreadPoolExecutor(4) as pool:
        asks = [OldSdk(server.http, server.admin) for _ in range(4)]
        told = list(pool.map(lambda ask: ask.json("CreateOTADynamicUpgradeJob", given), asks))
    lost = [answer for answer in told if not answer["Success"]]
    assert [answer["Code"] for answer in lost] == ["iot.ota.DynamicJobIsRunning"] * 3


def test_only_a_dynamic_job_has_a_policy(call: Call, own: Things) -> None:
    assert refused(call, "iot.ota.JobNotDynamic", "CancelOTAStrategyByJob", JobId=own.job)


def test_a_job_is_updated_as_what_it_is(call: Call, own: Things) -> None:
    given: dict[str, Any] = {"JobId": own.job, "TargetSelection": "SPECIFIC", "MaximumPerMinute": 9}
    assert refused(call, "iot.ota.UpgradeTypeMismatch", "UpdateOTAJob", **given, UpgradeType="DYNAMIC")
    given["UpgradeType"] = "STATIC"
    wrong = given | {"TargetSelection": "ALL"}
    assert refused(call, "iot.ota.TargetSelectionMismatch", "UpdateOTAJob", **wrong)
    late = refused(call, "iot.ota.InvalidTimeoutInMinutes", "UpdateOTAJob", **given, TimeoutInMinutes=5)
    assert "UpgradeType" in late
    assert call("QueryOTAJob", JobId=own.job)["Data"]["MaximumPerMinute"] == 1000


def test_a_task_moves_only_from_where_it_may(call: Call, own: Things) -> None:
    assert refused(call, "iot.ota.TaskStatusNotAllowed", "ReupgradeOTATask", JobId=own.job, TaskId=[own.task])
    assert refused(call, "iot.ota.TaskNotFound", "ReupgradeOTATask", JobId=own.dynamic, TaskId=[own.task])
    assert refused(call, "iot.ota.TaskNotFound", "ConfirmOTATask", TaskId=[own.task, "0" * 36])
    [task] = setting.tasks(call, own.job)
    assert task["TaskStatus"] == "CONFIRM"


@pytest.mark.parametrize(
    ("start", "finish"),
    [
        (4 * MINUTE_MS, None),  # alibaba 2.2: five minutes at least
        (-HOUR_MS, None),
        (8 * DAY_MS, None),  # seven days at most
        (HOUR_MS, HOUR_MS),  # and an hour at least
        (HOUR_MS, 32 * DAY_MS),  # thirty days at most
        (None, HOUR_MS),
    ],
)
def test_a_window_that_is_none(call: Call, own: Things, start: int | None, finish: int | None) -> None:
    now = int(time.time() * 1000)
    window = {"ScheduleTime": start, "ScheduleFinishTime": finish}
    given = {name: now + ms for name, ms in window.items() if ms is not None}
    asked = {**own.package, "TargetSelection": "ALL", **given}
    message = refused(call, "iot.ota.InvalidScheduleTime", "CreateOTAStaticUpgradeJob", **asked)
    assert ("ScheduleFinishTime" if finish else "ScheduleTime") in message


def _listed(call: Call, own: Things, content: bytes) -> dict[str, Any]:
    url = setting.sent(setting.Ticket(call("GenerateDeviceNameListURL")["Data"]), content)
    return {**own.package, "TargetSelection": "SPECIFIC", "DnListFileUrl": url}


def test_lists_of_devices_with_faults(call: Call, own: Things) -> None:
    code = "iot.ota.InvalidDnListFileUrl"
    for content in (b"\n\n", b"caf\xe9-1\n", b"a" * 100):
        assert refused(call, code, "CreateOTAStaticUpgradeJob", **_listed(call, own, content))
    unknown = _listed(call, own, f"{own.device}\nnobody\n".encode())
    assert "nobody" in refused(call, "iot.device.NotExistedDevice", "CreateOTAStaticUpgradeJob", **unknown)
    twice = unknown | {"TargetDeviceName": [own.device]}
    assert refused(call, code, "CreateOTAStaticUpgradeJob", **twice)
    ticket = setting.Ticket(call("GenerateDeviceNameListURL")["Data"])  # and nothing is uploaded
    never = unknown | {"DnListFileUrl": ticket.url}
    assert "DnListFileUrl" in refused(call, "iot.ota.DnListFileNotFound", "CreateOTAStaticUpgradeJob", **never)


def test_a_list_serves_one_job_and_no_package(call: Call, own: Things) -> None:
    given = _listed(call, own, own.device.encode())
    job = call("CreateOTAStaticUpgradeJob", **given)["Data"]["JobId"]
    told = call("CreateOTAStaticUpgradeJob", success=False, **given)
    assert told["Code"].startswith("iot.ota.")
    call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True)
    wrong = {"FirmwareName": unique("fw"), "DestVersion": "9", "FirmwareUrl": given["DnListFileUrl"]}
    assert refused(call, "iot.ota.FirmwareFileNotFound", "CreateOTAFirmware", **wrong)


def test_groups_of_the_other_kind(call: Call, own: Things) -> None:
    static = {**own.package, "TargetSelection": "GROUP"}
    assert refused(call, "iot.group.GroupTypeMismatch", "CreateOTAStaticUpgradeJob", **static, GroupId=own.rule)
    firmware = setting.package(call, own.product)
    dynamic = {"FirmwareId": firmware, "ProductKey": own.product, "GroupType": "LINK_PLATFORM_DYNAMIC"}
    assert refused(call, "iot.group.GroupTypeMismatch", "CreateOTADynamicUpgradeJob", **dynamic, GroupId=own.group)
    assert refused(call, "iot.group.InvalidGroupType", "CreateOTAStaticUpgradeJob", **static, GroupId=own.group,
                   GroupType="LINK_PLATFORM_DYNAMIC")  # fmt: skip
    assert refused(call, "iot.group.NotExistedGroup", "DeleteDeviceGroup", GroupId=own.rule)
    assert refused(call, "iot.group.GroupIsDynamic", "BatchAddDeviceGroupRelations", GroupId=own.rule,
                   Device=[own.where])  # fmt: skip


def test_jobs_of_one_group_agree_on_their_modes(call: Call, own: Things) -> None:
    where = {"ProductKey": own.product, "GroupId": own.rule, "GroupType": "LINK_PLATFORM_DYNAMIC"}
    job = call("CreateOTADynamicUpgradeJob", FirmwareId=setting.package(call, own.product), **where)["Data"]["JobId"]
    other = setting.package(call, own.product)
    for mode in ({"OverwriteMode": 2}, {"MultiModuleMode": True}):
        code = "iot.ota.GroupJobModesDiffer"
        assert refused(call, code, "CreateOTADynamicUpgradeJob", FirmwareId=other, **where, **mode)
    call("CancelOTAStrategyByJob", JobId=job)
    assert refused(call, "iot.ota.JobEnded", "CancelOTAStrategyByJob", JobId=job)


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("InvalidRetryCount", {"RetryCount": 1}),
        ("InvalidRetryInterval", {"RetryInterval": 7, "RetryCount": 1}),
        ("InvalidMaximumPerMinute", {"MaximumPerMinute": 1001}),
        ("InvalidTimeoutInMinutes", {"TimeoutInMinutes": 1441}),
        ("InvalidOverwriteMode", {"OverwriteMode": 2, "MultiModuleMode": True}),
        ("SrcVersionsRepeated", {"SrcVersion": ["1", "2", "1"]}),
        ("SrcVersionsExceedMax", {"SrcVersion": [str(n) for n in range(11)]}),
        ("InvalidTag", {"Tag": [{"Key": "a-b", "Value": "c"}]}),
        ("InvalidGrayPercent", {"GrayPercent": "50"}),
        ("InvalidTargetDeviceName", {"TargetDeviceName": ["some"]}),
    ],
)
def test_parameters_of_a_static_job(call: Call, own: Things, code: str, given: dict[str, Any]) -> None:
    asked = {**own.package, "TargetSelection": "ALL", **given}
    message = refused(call, f"iot.ota.{code}", "CreateOTAStaticUpgradeJob", **asked)
    assert any(name in message for name in given)


# --- packages and modules -------------------------------------------------------------------------------------------


def test_a_package_and_its_files(call: Call, own: Things) -> None:
    shown = call("QueryOTAFirmware", FirmwareId=own.firmware)["FirmwareInfo"]
    new = {"DestVersion": "3", "ProductKey": own.product}
    taken = new | {"FirmwareName": shown["FirmwareName"], "FirmwareUrl": setting.uploaded(call, setting.IMAGE)}
    assert refused(call, "iot.ota.FirmwareNameExisted", "CreateOTAFirmware", **taken)
    call("CreateOTAFirmware", **(taken | {"FirmwareName": unique("fw")}))  # the refusal used nothing up
    again = taken | {"FirmwareName": unique("fw")}
    assert refused(call, "iot.ota.FirmwareFileUsed", "CreateOTAFirmware", **again)
    delta = {"FirmwareName": unique("fw"), "FirmwareUrl": setting.uploaded(call, setting.IMAGE), "Type": 1}
    same = refused(call, "iot.ota.InvalidSrcVersion", "CreateOTAFirmware", **new, **delta, SrcVersion="3")
    assert "DestVersion" in same
    assert refused(call, "iot.ota.FirmwareHasRunningJob", "DeleteOTAFirmware", FirmwareId=own.firmware)
    assert refused(call, "iot.ota.FirmwareHasVerified", "CreateOTAVerifyJob", **own.package,
                   TargetDeviceName=[own.device])  # fmt: skip
    other = setting.product(call)
    wrong = {"FirmwareId": own.firmware, "ProductKey": other, "TargetSelection": "ALL"}
    assert refused(call, "iot.ota.FirmwareProductMismatch", "CreateOTAStaticUpgradeJob", **wrong)


def test_a_package_of_several_files(call: Call, own: Things) -> None:
    one, two = (setting.uploaded(call, setting.IMAGE) for _ in range(2))
    new = {"FirmwareName": unique("fw"), "DestVersion": "3", "ProductKey": own.product, "NeedToVerify": False}
    for files in (
        [{"Name": "a", "Url": one}, {"Name": "a", "Url": two}],
        [{"Name": "a", "Url": one}, {"Name": "b", "Url": one}],
        [{"Name": "a", "Url": one, "FileMd5": "0" * 32, "SignValue": "1" * 32}],
    ):
        assert refused(call, "iot.ota.InvalidMultiFiles", "CreateOTAFirmware", **new, MultiFiles=files)
    both = refused(call, "iot.ota.InvalidFirmwareUrl", "CreateOTAFirmware", **new, FirmwareUrl=one,
                   MultiFiles=[{"Name": "a", "Url": two}])  # fmt: skip
    assert "MultiFiles" in both
    made = call("CreateOTAFirmware", **new, MultiFiles=[{"Name": "a", "Url": one}, {"Name": "b", "Url": two}])
    several = {"FirmwareId": made["Data"]["FirmwareId"], "ProductKey": own.product, "TargetSelection": "ALL"}
    code = "iot.ota.MultiFilesNotSupportedByMqtt"
    assert refused(call, code, "CreateOTAStaticUpgradeJob", **several, DownloadProtocol="MQTT")


def test_modules(call: Call) -> None:
    key = setting.product(call)
    for n in range(MODULES_MAX):
        call("CreateOTAModule", ProductKey=key, ModuleName=f"m{n}")
    code = "iot.ota.ModuleCountExceedMax"
    assert str(MODULES_MAX) in refused(call, code, "CreateOTAModule", ProductKey=key, ModuleName="m10")
    call("DeleteOTAModule", ProductKey=key, ModuleName="m9")
    for code, taken in (("ModuleExisted", "M0"), ("ModuleIsDefault", "Default")):  # alibaba 2.2: whatever their case
        assert refused(call, f"iot.ota.{code}", "CreateOTAModule", ProductKey=key, ModuleName=taken)
    assert refused(call, "iot.ota.ModuleIsDefault", "DeleteOTAModule", ProductKey=key, ModuleName="default")
    assert refused(call, "iot.ota.ModuleNotFound", "UpdateOTAModule", ProductKey=key, ModuleName="m9", Desc="x")
    assert refused(call, "iot.ota.ModuleNotFound", "DeleteOTAModule", ProductKey=key, ModuleName="m9")
    assert refused(call, "iot.ota.InvalidModuleName", "CreateOTAModule", ProductKey=key, ModuleName="a b")
    setting.package(call, key, ModuleName="m0")
    assert refused(call, "iot.ota.ModuleInUse", "DeleteOTAModule", ProductKey=key, ModuleName="m0")
    made = {"FirmwareName": unique("fw"), "DestVersion": "1", "ProductKey": key, "ModuleName": "m9"}
    url = setting.uploaded(call, setting.IMAGE)
    assert refused(call, "iot.ota.ModuleNotFound", "CreateOTAFirmware", **made, FirmwareUrl=url)


# --- devices and groups ---------------------------------------------------------------------------------------------

Given = Callable[[Things], dict[str, Any]]
FLEET: list[tuple[str, str, Given]] = [
    ("iot.device.AlreadyExistedDeviceName", "RegisterDevice", lambda t: t.where),
    ("iot.device.InvalidFormattedDeviceName", "RegisterDevice", lambda t: {"ProductKey": t.product, "DeviceName": "a"}),
    ("iot.device.InvalidFormattedDevicePropertiesString", "SaveDeviceProp", lambda t: {**t.where, "Props": "x"}),
    ("iot.device.NoneDeviceProperties", "SaveDeviceProp", lambda t: {**t.where, "Props": "{}"}),
    ("iot.device.InvalidDeviceNicknameInfo", "BatchUpdateDeviceNickname",
     lambda t: {"DeviceNicknameInfo": [{**t.where, "Nickname": "a"}]}),
    ("iot.device.InvalidStatus", "QueryDeviceByStatus", lambda t: {"Status": 2}),
    ("iot.prod.ProductHasDevices", "DeleteProduct", lambda t: {"ProductKey": t.product}),
    ("iot.group.InvalidDynamicGroupExpression", "CreateDeviceDynamicGroup",
     lambda t: {"GroupName": unique("rule"), "DynamicGroupExpression": "1; drop table device"}),
    ("iot.group.InvalidGroupName", "CreateDeviceGroup", lambda t: {"GroupName": "a-b"}),
    ("iot.common.InvalidPageParams", "QueryDeviceListByDeviceGroup", lambda t: {"GroupId": t.group, "PageSize": 51}),
    ("iot.ota.DeviceNamesRepeated", "CancelOTATaskByDevice",
     lambda t: {**t.package, "DeviceName": [t.device, t.device]}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "action", "given"), FLEET, ids=[f"{action}-{code}" for code, action, _ in FLEET])
def test_devices_and_groups(call: Call, own: Things, code: str, action: str, given: Given) -> None:
    assert refused(call, code, action, **given(own))


def test_group_names_are_their_accounts(call: Call) -> None:
    name = unique("hall")
    call("CreateDeviceGroup", GroupName=name)
    assert refused(call, "iot.group.AlreadyExistedGroupName", "CreateDeviceGroup", GroupName=name)


# --- the account's quota ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_500_packages_and_no_more(server: Server) -> None:
    key = server.new_key("full-of-packages", "admin")

    def made(n: int) -> Any:
        ticket = ask(server.http, signed(key, "GenerateOTAUploadURL"))[1]["Data"]
        url = setting.sent(setting.Ticket(ticket), b"%d" % n)
        given = {"FirmwareName": f"fw{n}", "DestVersion": "1", "FirmwareUrl": url}
        return ask(server.http, signed(key, "CreateOTAFirmware", given))[1]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(made, range(PACKAGES_MAX + 4)))
    codes = [answer["Code"] for answer in answers if not answer["Success"]]
    assert codes == ["iot.ota.FirmwareCountExceedMax"] * 4  # those at once, too
    assert OldSdk(server.http, key)("ListOTAFirmware", **setting.PAGE)["Total"] == PACKAGES_MAX
    with recording(server.http) as wire:
        new = NewSdk(wire, key)
        url = setting.uploaded(new, b"one more")
        given = {"FirmwareName": "over", "DestVersion": "1", "FirmwareUrl": url}
        assert "500" in refused(new, "iot.ota.FirmwareCountExceedMax", "CreateOTAFirmware", **given)
        first = new("ListOTAFirmware", **setting.PAGE)["FirmwareInfo"]["SimpleFirmwareInfo"][0]
        new("DeleteOTAFirmware", FirmwareId=first["FirmwareId"])
        new("CreateOTAFirmware", **given)
