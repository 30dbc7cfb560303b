"""What Alibaba's dialect calls each refusal of the core, and how often an account may call."""

import re
from pathlib import Path

import pytest

from upwell.dialects.alibaba import codes
from upwell.dialects.alibaba.limits import UNNAMED
from upwell.dialects.alibaba.management import OPERATIONS, decode
from upwell.domain.errors import (
    CallerError,
    Conflict,
    Denied,
    Invalid,
    Missing,
    NotFound,
    Throttled,
    TooMany,
    Unavailable,
)

SOURCES = Path(__file__).parents[2] / "src" / "upwell"


def test_an_unknown_action_is_the_gateways() -> None:
    with pytest.raises(NotFound) as caught:
        decode("Nope", [])
    said = codes.refusal(caught.value)
    assert (said.code, said.status, said.envelope) == ("InvalidAction.NotFound", 404, "gateway")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Invalid("md5", "the stored file's", "x"), "iot.ota.FirmwareSignMismatch", 200),
        (Invalid("size", "the stored file's", "x"), "iot.ota.FirmwareSizeMismatch", 200),
        (Missing("ProductKey"), "MissingProductKey", 400),
        (CallerError("odd"), "iot.system.IllegalRequest", 200),
        (Denied(), "NoPermission", 403),
        (Unavailable(), "ServiceUnavailable", 503),
        (RuntimeError("secret"), "InternalError", 500),
    ],
)
def test_codes(error: Exception, code: str, status: int) -> None:
    said = codes.refusal(error)
    assert (said.code, said.status, said.envelope == "business") == (code, status, status == 200)
    assert "secret" not in said.message


CONFLICTS = {
    "product_name_taken": "iot.prod.AlreadyExistedProductName",
    "product_has_devices": "iot.prod.ProductHasDevices",
    "device_name_taken": "iot.device.AlreadyExistedDeviceName",
    "group_name_taken": "iot.group.AlreadyExistedGroupName",
    "group_kind_mismatch": "iot.group.GroupTypeMismatch",
    "group_is_dynamic": "iot.group.GroupIsDynamic",
    "group_has_sub_groups": "iot.group.GroupHasSubGroups",
    "package_name_taken": "iot.ota.FirmwareNameExisted",
    "package_not_verified": "iot.ota.FirmwareNotVerified",
    "package_is_verifying": "iot.ota.FirmwareIsVerifying",
    "package_is_verified": "iot.ota.FirmwareHasVerified",
    "package_is_deleted": "iot.ota.FirmwareIsDeleted",
    "package_has_running_job": "iot.ota.FirmwareHasRunningJob",
    "package_of_other_product": "iot.ota.FirmwareProductMismatch",
    "package_too_large_for_mqtt": "iot.ota.FirmwareTooLargeForMqtt",
    "package_of_several_files_for_mqtt": "iot.ota.MultiFilesNotSupportedByMqtt",
    "source_version_not_the_deltas": "iot.ota.InvalidSrcVersion",
    "file_used": "iot.ota.FirmwareFileUsed",
    "ticket_used": "iot.ota.UploadTicketUsed",
    "module_name_taken": "iot.ota.ModuleExisted",
    "module_in_use": "iot.ota.ModuleInUse",
    "module_is_default": "iot.ota.ModuleIsDefault",
    "dynamic_job_is_running": "iot.ota.DynamicJobIsRunning",
    "job_not_dynamic": "iot.ota.JobNotDynamic",
    "job_kind_mismatch": "iot.ota.UpgradeTypeMismatch",
    "job_selection_mismatch": "iot.ota.TargetSelectionMismatch",
    "job_ended": "iot.ota.JobEnded",
    "group_modes_differ": "iot.ota.GroupJobModesDiffer",
    "task_not_waiting": "iot.ota.TaskStatusNotAllowed",
    "task_not_repeatable": "iot.ota.TaskStatusNotAllowed",
    "device_busy": "iot.ota.DeviceHasOpenTask",
    "some_new_reason": "iot.ota.SomeNewReason",
}


def test_every_conflict_that_is_worded_is_one_of_the_services() -> None:
    """A row that nobody raises would hide that the one which is raised has none."""
    files = (file for room in ("service", "domain") for file in (SOURCES / room).rglob("*.py"))
    sources = "".join(file.read_text("utf-8") for file in files)
    reasons = set(re.findall(r'Conflict\(\s*"(\w+)"', sources))
    assert set(CONFLICTS) - {"some_new_reason"} <= reasons


@pytest.mark.parametrize(("reason", "code"), CONFLICTS.items())
def test_conflicts(reason: str, code: str) -> None:
    said = codes.refusal(Conflict(reason, "It can't be."))
    assert (said.code, said.status, said.envelope, said.message) == (code, 200, "business", "It can't be.")


@pytest.mark.parametrize(
    ("kind", "action", "code"),
    [
        ("product", "", "iot.prod.NotExistedProduct"),
        ("device", "", "iot.device.NotExistedDevice"),
        ("batch", "QueryPageByApplyId", "iot.device.DeviceApplyIsNotFound"),
        ("package", "", "iot.ota.FirmwareNotFound"),
        ("file", "CreateOTAFirmware", "iot.ota.FirmwareFileNotFound"),
        ("file", "CreateOTAStaticUpgradeJob", "iot.ota.DnListFileNotFound"),
        ("job", "", "iot.ota.JobNotFound"),
        ("task", "", "iot.ota.TaskNotFound"),
        ("module", "", "iot.ota.ModuleNotFound"),
        ("group", "", "iot.group.NotExistedGroup"),
    ],
)
def test_what_is_not_there(kind: str, action: str, code: str) -> None:
    said = codes.refusal(NotFound(kind, "12345"), action)
    assert (said.code, said.status, said.envelope) == (code, 200, "business")
    if kind not in ("product", "device", "module"):  # whose names are the caller's own
        assert "12345" not in said.message


def test_a_file_that_is_not_there_is_named_by_its_parameter() -> None:
    assert "FirmwareUrl" in codes.refusal(NotFound("file", "k"), "CreateOTAFirmware").message
    assert "DnListFileUrl" in codes.refusal(NotFound("file", "k"), "CreateOTAStaticUpgradeJob").message


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("packages", "iot.ota.FirmwareCountExceedMax"),
        ("modules", "iot.ota.ModuleCountExceedMax"),
        ("products", "iot.prod.ProductCountExceedMax"),
        ("devices", "iot.device.DeviceCountExceeded"),
        ("groups", "iot.group.GroupCountExceedMax"),
        ("tags", "iot.device.TooManyDevicePropertiesPerTime"),
        ("things", "iot.check.ParameterIsNotLessThanMax"),
    ],
)
def test_too_many(what: str, code: str) -> None:
    said = codes.refusal(TooMany(what, 10))
    assert (said.code, said.status, said.message) == (code, 200, f"At most 10 {what} are allowed.")


@pytest.mark.parametrize(
    ("field", "action", "parameter", "code"),
    [
        ("scheduled_at", "CreateOTAStaticUpgradeJob", "ScheduleTime", "iot.ota.InvalidScheduleTime"),
        ("finish_at", "CreateOTAStaticUpgradeJob", "ScheduleFinishTime", "iot.ota.InvalidScheduleTime"),
        ("device_list_url", "CreateOTAStaticUpgradeJob", "DnListFileUrl", "iot.ota.InvalidDnListFileUrl"),
        ("device_names", "CreateOTAStaticUpgradeJob", "TargetDeviceName", "iot.ota.InvalidTargetDeviceName"),
        ("device_names", "CancelOTATaskByDevice", "DeviceName", "iot.device.InvalidFormattedDeviceName"),
        ("group_id", "CreateOTADynamicUpgradeJob", "GroupId", "iot.group.InvalidGroupId"),
        ("super_group_id", "CreateDeviceGroup", "SuperGroupId", "iot.group.InvalidSuperGroupId"),
        ("condition", "CreateDeviceDynamicGroup", "DynamicGroupExpression", "iot.group.InvalidDynamicGroupExpression"),
        ("files", "CreateOTAFirmware", "MultiFiles", "iot.ota.InvalidMultiFiles"),
        ("names", "BatchCheckDeviceNames", "DeviceName", "iot.device.InvalidFormattedDeviceName"),
        ("changes", "BatchUpdateDeviceNickname", "DeviceNicknameInfo", "iot.device.InvalidDeviceNicknameInfo"),
        ("source_versions", "CreateOTAStaticUpgradeJob", "SrcVersion", "iot.ota.InvalidSrcVersion"),
        ("source_versions", "UpdateOTAJob", "SrcVersionList", "iot.ota.InvalidSrcVersion"),
        ("timeout_min", "UpdateOTAJob", "TimeoutInMinutes", "iot.ota.InvalidTimeoutInMinutes"),
        ("maximum_per_min", "UpdateOTAJob", "MaximumPerMinute", "iot.ota.InvalidMaximumPerMinute"),
        ("tags", "UpdateOTAJob", "Tags", "iot.ota.InvalidTag"),
        ("tags", "CreateOTAStaticUpgradeJob", "Tag", "iot.ota.InvalidTag"),
        ("tags", "QueryDeviceByTags", "Tag", "iot.device.InvalidTag"),
        ("tags", "SaveDeviceProp", "Props", "iot.device.InvalidFormattedDevicePropertiesString"),
        ("note", "ModifyOTAFirmware", "FirmwareUdi", "iot.ota.InvalidFirmwareUdi"),
        ("name", "CreateDeviceGroup", "GroupName", "iot.group.InvalidGroupName"),
    ],
)
def test_fields_of_the_core_are_said_as_parameters(field: str, action: str, parameter: str, code: str) -> None:
    said = codes.refusal(Invalid(field, "so and so", "it is not"), action)
    assert (said.code, said.status, said.envelope) == (code, 200, "business")
    assert said.message == f'The specified value of "{parameter}" is not valid. {parameter}: so and so; it is not'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x", "iot.device.InvalidFormattedDevicePropertiesString"),
        ("{}", "iot.device.NoneDeviceProperties"),
        ('{"a b":"v"}', "iot.device.InvalidFormattedDevicePropertyKey"),
        ('{"a":"' + "v" * 5120 + '"}', "iot.device.LongDevicePropertiesString"),
        ("{" + ",".join(f'"k{n}":"v"' for n in range(101)) + "}", "iot.device.TooManyDevicePropertiesPerTime"),
        ('{"a":"\\u0000"}', "InvalidProps"),
        ('{"a":"\\ud800"}', "InvalidProps"),
    ],
)
def test_each_fault_of_device_tags_has_its_documented_code(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode("SaveDeviceProp", [("IotId", "i"), ("Props", text)])
    assert codes.refusal(caught.value, "SaveDeviceProp").code == code


def test_a_hundred_device_tags_and_5_kb_are_allowed() -> None:
    text = "{" + ",".join(f'"k{n}":"v"' for n in range(100)) + "}"
    decode("SaveDeviceProp", [("IotId", "i"), ("Props", text + " " * (5120 - len(text)))])


def test_throttled() -> None:
    said = codes.refusal(Throttled("too many"))
    assert (said.code, said.status, said.envelope) == ("Throttling.User", 429, "gateway")
    assert said.message == "Request was denied due to user flow control."


def test_every_operation_has_a_limit_of_requests() -> None:
    assert UNNAMED == 50 and all((operation.limit_per_s or 0) > 0 for operation in OPERATIONS.values())


@pytest.mark.parametrize(
    ("action", "limit"),
    [
        ("CreateOTADynamicUpgradeJob", 20),  # by the seed
        ("CreateOTAFirmware", 10),  # by the seed
        ("CancelOTATaskByJob", 5),
        ("QueryDeviceListByDeviceGroup", 5),
        ("QueryDeviceGroupInfo", 30),
        ("DeleteProduct", 500),
        ("RegisterDevice", 30),
        ("ResetThing", 50),
    ],
)
def test_limits_that_the_reference_names(action: str, limit: int) -> None:
    assert OPERATIONS[action].limit_per_s == limit
