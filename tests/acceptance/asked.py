"""Every operation with what it names, so that the same request can be made of things that exist, of things that don't
and of another account's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from acceptance.callers import Call
from acceptance.client import unique, until
from acceptance.stories import setting

PAGE = setting.PAGE
PRODUCT, DEVICE, BATCH = "iot.prod.NotExistedProduct", "iot.device.NotExistedDevice", "iot.device.DeviceApplyIsNotFound"
GROUP, MODULE = "iot.group.NotExistedGroup", "iot.ota.ModuleNotFound"
FIRMWARE, JOB, TASK = "iot.ota.FirmwareNotFound", "iot.ota.JobNotFound", "iot.ota.TaskNotFound"


@dataclass(frozen=True, kw_only=True)
class Things:
    """What the requests name. A default names nothing."""

    product: str = "a1nothing00"
    device: str = "nobody"
    iot_id: str = "0" * 32
    batch: int = 1
    group: str = "0" * 30
    rule: str = "0" * 30
    firmware: str = "0" * 30
    job: str = "0" * 32
    dynamic: str = "0" * 32
    task: str = "0" * 36

    @property
    def where(self) -> dict[str, Any]:
        return {"ProductKey": self.product, "DeviceName": self.device}

    @property
    def one(self) -> dict[str, Any]:
        return {"ProductKey": self.product, "DeviceName": [self.device]}

    @property
    def members(self) -> dict[str, Any]:
        return {"GroupId": self.group, "Device": [self.where]}

    @property
    def package(self) -> dict[str, Any]:
        return {"FirmwareId": self.firmware, "ProductKey": self.product}

    @property
    def module(self) -> dict[str, Any]:
        return {"ProductKey": self.product, "ModuleName": "MCU"}


def things(call: Call) -> Things:
    """A product with a device, a batch, groups, a package, a dynamic job, and a job whose task is unconfirmed."""
    key = setting.product(call)
    call("CreateOTAModule", ProductKey=key, ModuleName="MCU")
    made = call("RegisterDevice", ProductKey=key, DeviceName=unique("dev"))["Data"]
    batch = call("BatchCheckDeviceNames", ProductKey=key, DeviceName=[unique("dev")])["Data"]["ApplyId"]
    group = call("CreateDeviceGroup", GroupName=unique("hall"))["Data"]["GroupId"]
    call("BatchAddDeviceGroupRelations", GroupId=group, Device=[{"ProductKey": key, "DeviceName": made["DeviceName"]}])
    rule = call("CreateDeviceDynamicGroup", GroupName=unique("rule"), DynamicGroupExpression=f'product_key="{key}"')
    asked = {"FirmwareId": setting.package(call, key), "ProductKey": key}
    dynamic = call("CreateOTADynamicUpgradeJob", **asked, SrcVersion=["0.0.1"])["Data"]["JobId"]
    target = {"TargetSelection": "SPECIFIC", "TargetDeviceName": [made["DeviceName"]]}
    job = call("CreateOTAStaticUpgradeJob", **asked, **target, NeedConfirm=True)["Data"]["JobId"]
    [task] = until(lambda: setting.tasks(call, job), bool)
    return Things(
        product=key,
        device=made["DeviceName"],
        iot_id=made["IotId"],
        batch=batch,
        group=group,
        rule=rule["Data"]["GroupId"],
        firmware=asked["FirmwareId"],
        job=job,
        dynamic=dynamic,
        task=task["TaskId"],
    )


Given = Callable[[Things], dict[str, Any]]

# Where another thing of the request is looked for first: the code when all of them are another account's.
ANOTHERS = {"ListOTAJobByDevice": DEVICE}

# Operation -> the code when what it names is not there, and its parameters.
NAMING: dict[str, tuple[str, Given]] = {
    "UpdateProduct": (PRODUCT, lambda t: {"ProductKey": t.product, "ProductName": "stolen"}),
    "DeleteProduct": (PRODUCT, lambda t: {"ProductKey": t.product}),
    "QueryProduct": (PRODUCT, lambda t: {"ProductKey": t.product}),
    "RegisterDevice": (PRODUCT, lambda t: {"ProductKey": t.product}),
    "BatchRegisterDevice": (PRODUCT, lambda t: {"ProductKey": t.product, "Count": 1}),
    "BatchCheckDeviceNames": (PRODUCT, lambda t: {"ProductKey": t.product, "DeviceName": ["some"]}),
    "BatchRegisterDeviceWithApplyId": (PRODUCT, lambda t: {"ProductKey": t.product, "ApplyId": t.batch}),
    "QueryBatchRegisterDeviceStatus": (BATCH, lambda t: {"ProductKey": t.product, "ApplyId": t.batch}),
    "QueryPageByApplyId": (BATCH, lambda t: {"ApplyId": str(t.batch), **PAGE}),
    "QueryDevice": (PRODUCT, lambda t: {"ProductKey": t.product, **PAGE}),
    "QueryDeviceDetail": (DEVICE, lambda t: t.where),
    "QueryDeviceInfo": (DEVICE, lambda t: {"IotId": t.iot_id}),
    "DeleteDevice": (DEVICE, lambda t: t.where),
    "GetDeviceStatus": (DEVICE, lambda t: {"IotId": t.iot_id}),
    "QueryDeviceByStatus": (PRODUCT, lambda t: {"ProductKey": t.product, "Status": 0, **PAGE}),
    "QueryDeviceStatistics": (PRODUCT, lambda t: {"ProductKey": t.product}),
    "EnableThing": (DEVICE, lambda t: t.where),
    "DisableThing": (DEVICE, lambda t: {"IotId": t.iot_id}),
    "ResetThing": (DEVICE, lambda t: t.where),
    "SaveDeviceProp": (DEVICE, lambda t: {**t.where, "Props": '{"stolen":"yes"}'}),
    "QueryDeviceProp": (DEVICE, lambda t: t.where),
    "DeleteDeviceProp": (DEVICE, lambda t: {"IotId": t.iot_id, "PropKey": "site"}),
    "BatchUpdateDeviceNickname": (DEVICE, lambda t: {"DeviceNicknameInfo": [{**t.where, "Nickname": "stolen"}]}),
    "UpdateDeviceGroup": (GROUP, lambda t: {"GroupId": t.group, "GroupDesc": "stolen"}),
    "DeleteDeviceGroup": (GROUP, lambda t: {"GroupId": t.group}),
    "QueryDeviceGroupInfo": (GROUP, lambda t: {"GroupId": t.group}),
    "BatchAddDeviceGroupRelations": (GROUP, lambda t: t.members),
    "BatchDeleteDeviceGroupRelations": (GROUP, lambda t: t.members),
    "QueryDeviceListByDeviceGroup": (GROUP, lambda t: {"GroupId": t.group, **PAGE}),
    "QueryDeviceGroupByDevice": (DEVICE, lambda t: t.where),
    "QuerySuperDeviceGroup": (GROUP, lambda t: {"GroupId": t.group}),
    "DeleteDeviceDynamicGroup": (GROUP, lambda t: {"GroupId": t.rule}),
    "ModifyOTAFirmware": (FIRMWARE, lambda t: {**t.package, "FirmwareDesc": "stolen"}),
    "QueryOTAFirmware": (FIRMWARE, lambda t: {"FirmwareId": t.firmware}),
    "DeleteOTAFirmware": (FIRMWARE, lambda t: {"FirmwareId": t.firmware}),
    "CreateOTAVerifyJob": (FIRMWARE, lambda t: {**t.package, "TargetDeviceName": [t.device]}),
    "CreateOTAStaticUpgradeJob": (FIRMWARE, lambda t: {**t.package, "TargetSelection": "ALL"}),
    "CreateOTADynamicUpgradeJob": (FIRMWARE, lambda t: t.package),
    "UpdateOTAJob": (
        JOB,
        lambda t: {"JobId": t.dynamic, "UpgradeType": "DYNAMIC", "TargetSelection": "ALL", "MaximumPerMinute": 9},
    ),
    "QueryOTAJob": (JOB, lambda t: {"JobId": t.job}),
    "ListOTAJobByFirmware": (FIRMWARE, lambda t: {"FirmwareId": t.firmware, **PAGE}),
    "ListOTAJobByDevice": (FIRMWARE, lambda t: {"FirmwareId": t.firmware, **t.where, **PAGE}),
    "ListOTATaskByJob": (JOB, lambda t: {"JobId": t.job, **PAGE}),
    "ListOTAUnfinishedTaskByDevice": (DEVICE, lambda t: t.where),
    "CancelOTAStrategyByJob": (JOB, lambda t: {"JobId": t.dynamic}),
    "CancelOTATaskByJob": (JOB, lambda t: {"JobId": t.job, "CancelQueuedTask": True}),
    "CancelOTATaskByDevice": (FIRMWARE, lambda t: {"FirmwareId": t.firmware, **t.one}),
    "ConfirmOTATask": (TASK, lambda t: {"TaskId": [t.task]}),
    "ReupgradeOTATask": (JOB, lambda t: {"JobId": t.job, "TaskId": [t.task]}),
    "CreateOTAModule": (PRODUCT, lambda t: t.module),
    "UpdateOTAModule": (PRODUCT, lambda t: {**t.module, "Desc": "stolen"}),
    "DeleteOTAModule": (PRODUCT, lambda t: t.module),
    "ListOTAModuleByProduct": (PRODUCT, lambda t: {"ProductKey": t.product}),
    "ListOTAModuleVersionsByDevice": (DEVICE, lambda t: {**t.where, **PAGE}),
}
# Operations that pass over what is not there: the list that is empty then, and their parameters.
PASSING: dict[str, tuple[tuple[str, str], Given]] = {
    "BatchQueryDeviceDetail": (("Data", "Data"), lambda t: t.one),
    "BatchGetDeviceState": (("DeviceStatusList", "DeviceStatus"), lambda t: {"IotId": [t.iot_id]}),
}
# Operations whose things are all their own account's, or that only filter by what they name.
NAMELESS: dict[str, dict[str, Any]] = {
    "CreateProduct": {"ProductName": "viewers_own", "NodeType": 0},
    "QueryProductList": PAGE,
    "QueryDeviceByTags": {"Tag": [{"TagKey": "a", "TagValue": "b"}]},
    "CreateDeviceGroup": {"GroupName": "viewers_own"},
    "QueryDeviceGroupList": PAGE,
    "CreateDeviceDynamicGroup": {"GroupName": "viewers_own", "DynamicGroupExpression": 'name = "x"'},
    "GenerateOTAUploadURL": {},
    "GenerateDeviceNameListURL": {},
    "CreateOTAFirmware": {"FirmwareName": "own", "DestVersion": "1", "FirmwareUrl": "http://127.0.0.1/ota/nothing"},
    "ListOTAFirmware": PAGE,
}
