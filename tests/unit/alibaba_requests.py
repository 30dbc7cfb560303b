"""Requests of every operation of Alibaba's management API with the command each becomes, written by hand.

Between them the requests of an operation give each of its parameters at least once; a test sees to that.
"""

from datetime import UTC, datetime

from tests.unit.alibaba_views import DEVICE_ID, FIRMWARE, GROUP, JOB, REF, TASK

from upwell.dialects.alibaba import names
from upwell.domain import commands as c
from upwell.domain.search import Both, Compare

Given = dict[str, str]

P = {"ProductKey": "p"}
KEY = P | {"DeviceName": "d"}
BY_NAME, BY_ID = c.DeviceKey(product_key="p", name="d"), c.DeviceKey(iot_id="i")
PAGED = {"CurrentPage": "3", "PageSize": "7"}
RULE = 'product_key = "a1***" and name LIKE "test%"'
START = 1_577_808_000_000  # 2020-01-01 00:00 in China
HOUR = 3_600_000

MANNER = {
    "FirmwareId": FIRMWARE,
    "ProductKey": "p",
    "TimeoutInMinutes": "1440",
    "NeedPush": "False",
    "NeedConfirm": "true",
    "DownloadProtocol": "mqtt",
    "Tag.1.Key": "k.1",
    "Tag.1.Value": "上海",
    "Tag.2.Key": "k2",
    "Tag.2.Value": "v2",
}
UPGRADE = MANNER | {
    "RetryInterval": "60",
    "RetryCount": "5",
    "MaximumPerMinute": "0",
    "OverwriteMode": "1",
    "MultiModuleMode": "true",
}
SOURCES = {"SrcVersion.1": "V1.0.1", "SrcVersion.3": "V1.0.2"}
_MANNER = {
    "package_id": 7, "product_key": "p", "timeout_min": 1440, "need_push": False, "need_confirm": True,
    "protocol": "MQTT", "tags": (("k.1", "上海"), ("k2", "v2")),
}  # fmt: skip
_UPGRADE = _MANNER | {"retry_interval_min": 60, "retry_count": 5, "maximum_per_min": 0, "multi_module": True}
_SOURCES = ("V1.0.1", "V1.0.2")
PRODUCT = {
    "ProductName": "pumps_1", "NodeType": "0", "ProtocolType": "ble", "AliyunCommodityCode": "iothub_senior",
    "DataFormat": "1", "NetType": "WIFI", "AuthType": "id2", "CategoryKey": "Lighting", "Description": "d",
    "ValidateType": "2", "PublishAuto": "false", "ResourceGroupId": "rg", "Id2": "True", "JoinPermissionId": "j",
}  # fmt: skip
_FACTS = {
    "NodeType": 0, "ProtocolType": "ble", "AliyunCommodityCode": "iothub_senior", "DataFormat": 1, "NetType": "WIFI",
    "AuthType": "id2", "CategoryKey": "Lighting", "Description": "d", "ValidateType": 2, "PublishAuto": False,
    "ResourceGroupId": "rg", "Id2": True, "JoinPermissionId": "j",
}  # fmt: skip
FW = {
    "FirmwareName": "fw-(1)", "DestVersion": "2.0.0", "ProductKey": "p", "SignMethod": "MD5", "FirmwareDesc": "what",
    "Type": "1", "SrcVersion": "1.0.0", "ModuleName": "mcu", "NeedToVerify": "false", "Udi": "u",
}  # fmt: skip
_FW = {
    "name": "fw-(1)", "version": "2.0.0", "product_key": "p", "description": "what", "is_delta": True,
    "source_version": "1.0.0", "module": "mcu", "verify": False, "udi": "u",
}  # fmt: skip
FILES = {
    "MultiFiles.1.Name": "boot", "MultiFiles.1.Url": "http://h/1", "MultiFiles.1.Size": "5",
    "MultiFiles.1.FileMd5": "AB" * 16, "MultiFiles.1.SignValue": "ab" * 16,
    "MultiFiles.2.Name": "app", "MultiFiles.2.Url": "http://h/2", "MultiFiles.2.SignValue": "cd" * 16,
}  # fmt: skip
_FILES = (
    c.GivenFile(name="boot", url="http://h/1", size=5, md5="ab" * 16),
    c.GivenFile(name="app", url="http://h/2", md5="cd" * 16),
)
MEMBERS = {
    "GroupId": GROUP, "Device.1.ProductKey": "p", "Device.1.DeviceName": "d1",
    "Device.2.ProductKey": "q", "Device.2.DeviceName": "d2", "Device.9.ProductKey": "p", "Device.9.DeviceName": "d1",
}  # fmt: skip
_MEMBERS = (c.DeviceKey(product_key="p", name="d1"), c.DeviceKey(product_key="q", name="d2"))

REQUESTS: dict[str, list[tuple[Given, c.Command]]] = {
    "CreateProduct": [
        (PRODUCT, c.CreateProduct(name="pumps_1", facts=_FACTS)),
        (
            {"ProductName": "pumps_1", "NodeType": "1"},
            c.CreateProduct(
                name="pumps_1",
                facts={"NodeType": 1, "AuthType": "secret", "ValidateType": 1, "PublishAuto": True, "DataFormat": 0},
            ),
        ),
    ],
    "QueryProduct": [(P, c.ShowProduct(product_key="p"))],
    "QueryProductList": [
        (PAGED, c.ListProducts(number=3, size=7)),
        (
            PAGED | {"AliyunCommodityCode": "iothub_senior", "ResourceGroupId": "rg"},
            c.ListProducts(
                number=3, size=7, facts={"AliyunCommodityCode": "iothub_senior", "ResourceGroupId": "rg"}
            ),
        ),
    ],
    "UpdateProduct": [
        (P | {"ProductName": "pumps"}, c.UpdateProduct(product_key="p", name="pumps")),
        (
            P | {"ProductName": "pumps", "Description": ""},
            c.UpdateProduct(product_key="p", name="pumps", facts={"Description": ""}),
        ),
    ],
    "DeleteProduct": [(P, c.DeleteProduct(product_key="p"))],
    "RegisterDevice": [
        (P, c.RegisterDevice(product_key="p")),
        (
            P | {"DeviceName": "d-1@x", "Nickname": "北京水泵"},
            c.RegisterDevice(product_key="p", name="d-1@x", nickname="北京水泵"),
        ),
    ],
    "BatchRegisterDevice": [(P | {"Count": "10000"}, c.RegisterDevices(product_key="p", count=10_000))],
    "BatchCheckDeviceNames": [
        (
            P | {"DeviceName.1": "good", "DeviceName.2": "/", "DeviceName.4": "good"},
            c.CheckDeviceNames(product_key="p", names=(("good", None), ("/", None), ("good", None))),
        ),
        (
            P | {"DeviceNameList.2.DeviceName": "b", "DeviceNameList.1.DeviceName": "a"}
            | {"DeviceNameList.2.DeviceNickname": "nick"},
            c.CheckDeviceNames(product_key="p", names=(("a", None), ("b", "nick"))),
        ),
    ],
    "BatchRegisterDeviceWithApplyId": [
        (P | {"ApplyId": str(2**62)}, c.RegisterChecked(product_key="p", apply_id=2**62))
    ],
    "QueryBatchRegisterDeviceStatus": [
        (P | {"ApplyId": str(2**62)}, c.ShowRegistration(product_key="p", apply_id=2**62))
    ],
    "QueryPageByApplyId": [
        ({"ApplyId": "5"}, c.ListRegistered(apply_id=5, number=1, size=10)),
        (PAGED | {"ApplyId": "5"}, c.ListRegistered(apply_id=5, number=3, size=7)),
    ],
    "QueryDevice": [
        (P, c.ListDevices(product_key="p", number=1, size=10)),
        (P | {"CurrentPage": "200", "PageSize": "50"}, c.ListDevices(product_key="p", number=200, size=50)),
        (
            P | {"CurrentPage": "201", "PageSize": "50", "NextToken": names.page_token(DEVICE_ID, 202)},
            c.ListDevices(product_key="p", number=202, size=50, after=DEVICE_ID),
        ),
    ],
    "QueryDeviceInfo": [(KEY, c.ShowDevice(device=BY_NAME)), (KEY | {"IotId": "i"}, c.ShowDevice(device=BY_ID))],
    "QueryDeviceDetail": [(KEY, c.ShowDevice(device=BY_NAME)), ({"IotId": "i"}, c.ShowDevice(device=BY_ID))],
    "BatchQueryDeviceDetail": [
        (
            P | {"DeviceName.2": "b", "DeviceName.1": "d"},
            c.ShowDevices(devices=(BY_NAME, c.DeviceKey(product_key="p", name="b"))),
        )
    ],
    "GetDeviceStatus": [(KEY, c.ShowDevice(device=BY_NAME)), ({"IotId": "i"}, c.ShowDevice(device=BY_ID))],
    "BatchGetDeviceState": [
        (P | {"DeviceName.1": "d"}, c.ShowDevices(devices=(BY_NAME,))),
        ({"IotId.1": "i"}, c.ShowDevices(devices=(BY_ID,))),
    ],
    "QueryDeviceByStatus": [
        ({"Status": "0"}, c.ListDevicesByStatus(status="UNACTIVE", number=1, size=10)),
        (PAGED | P | {"Status": "8"}, c.ListDevicesByStatus(status="DISABLED", number=3, size=7, product_key="p")),
    ],
    "QueryDeviceStatistics": [
        ({}, c.CountDevices()),
        (P | {"GroupId": GROUP}, c.CountDevices(product_key="p", group_id=9)),
    ],
    "DeleteDevice": [(KEY, c.DeleteDevice(device=BY_NAME)), ({"IotId": "i"}, c.DeleteDevice(device=BY_ID))],
    "DisableThing": [
        (KEY, c.SetDeviceEnabled(device=BY_NAME, enabled=False)),
        ({"IotId": "i"}, c.SetDeviceEnabled(device=BY_ID, enabled=False)),
    ],
    "EnableThing": [
        (KEY, c.SetDeviceEnabled(device=BY_NAME, enabled=True)),
        ({"IotId": "i"}, c.SetDeviceEnabled(device=BY_ID, enabled=True)),
    ],
    "ResetThing": [(KEY, c.ResetDevice(device=BY_NAME)), ({"IotId": "i"}, c.ResetDevice(device=BY_ID))],
    "BatchUpdateDeviceNickname": [
        (
            {"DeviceNicknameInfo.1.IotId": "i", "DeviceNicknameInfo.1.Nickname": "nick"}
            | {"DeviceNicknameInfo.3.ProductKey": "p", "DeviceNicknameInfo.3.DeviceName": "d"},
            c.SetNicknames(nicknames=((BY_ID, "nick"), (BY_NAME, ""))),
        )
    ],
    "SaveDeviceProp": [
        (
            KEY | {"Props": '{"color":"红","n":1.50,"on":true}'},
            c.SetDeviceTags(device=BY_NAME, tags={"color": "红", "n": "1.50", "on": "true"}),
        ),
        ({"IotId": "i", "Props": '{"a":"b"}'}, c.SetDeviceTags(device=BY_ID, tags={"a": "b"})),
    ],
    "QueryDeviceProp": [(KEY, c.ShowDeviceTags(device=BY_NAME)), ({"IotId": "i"}, c.ShowDeviceTags(device=BY_ID))],
    "DeleteDeviceProp": [
        (KEY | {"PropKey": "color"}, c.DeleteDeviceTag(device=BY_NAME, key="color")),
        ({"IotId": "i", "PropKey": "color"}, c.DeleteDeviceTag(device=BY_ID, key="color")),
    ],
    "QueryDeviceByTags": [
        (
            PAGED | {"Tag.1.TagKey": "color", "Tag.1.TagValue": "红", "Tag.2.TagKey": "n", "Tag.2.TagValue": "1"},
            c.ListDevicesByTags(tags=(("color", "红"), ("n", "1")), number=3, size=7),
        )
    ],
    "CreateDeviceGroup": [
        ({"GroupName": "north"}, c.CreateGroup(name="north")),
        (
            {"GroupName": "北方设备", "GroupDesc": "what", "SuperGroupId": GROUP},
            c.CreateGroup(name="北方设备", description="what", super_group_id=9),
        ),
    ],
    "CreateDeviceDynamicGroup": [
        (
            {"GroupName": "north", "GroupDesc": "what", "DynamicGroupExpression": RULE},
            c.CreateGroup(
                name="north",
                description="what",
                rule=Both((Compare("product_key", "=", ("a1***",)), Compare("name", "like", ("test%",)))),
                rule_text=RULE,
            ),
        )
    ],
    "UpdateDeviceGroup": [
        (
            {"GroupId": GROUP, "GroupDesc": "new", "GroupType": "LINK_PLATFORM"},
            c.UpdateGroup(group_id=9, description="new"),
        )
    ],
    "DeleteDeviceGroup": [({"GroupId": GROUP}, c.DeleteGroup(group_id=9, kind="static"))],
    "DeleteDeviceDynamicGroup": [({"GroupId": GROUP}, c.DeleteGroup(group_id=9, kind="dynamic"))],
    "QueryDeviceGroupList": [
        ({}, c.ListGroups(number=1, size=10)),
        (
            PAGED | {"GroupName": "n", "SuperGroupId": GROUP, "GroupTypes.1": "LINK_PLATFORM_DYNAMIC"},
            c.ListGroups(number=3, size=7, name="n", super_group_id=9, kinds=frozenset({"dynamic"})),
        ),
    ],
    "QueryDeviceGroupInfo": [
        ({"GroupId": GROUP, "GroupType": "LINK_PLATFORM_DYNAMIC"}, c.ShowGroup(group_id=9)),
    ],
    "QuerySuperDeviceGroup": [({"GroupId": GROUP}, c.ShowSuperGroup(group_id=9))],
    "QueryDeviceGroupByDevice": [(KEY, c.ListGroupsOfDevice(device=BY_NAME))],
    "QueryDeviceListByDeviceGroup": [
        ({"GroupId": GROUP}, c.ListDevicesOfGroup(group_id=9, number=1, size=10)),
        (PAGED | {"GroupId": GROUP}, c.ListDevicesOfGroup(group_id=9, number=3, size=7)),
    ],
    "BatchAddDeviceGroupRelations": [(MEMBERS, c.AddToGroup(group_id=9, devices=_MEMBERS))],
    "BatchDeleteDeviceGroupRelations": [(MEMBERS, c.RemoveFromGroup(group_id=9, devices=_MEMBERS))],
    "GenerateOTAUploadURL": [
        ({}, c.CreateUploadTicket()),
        ({"FileSuffix": "tar.gz"}, c.CreateUploadTicket(suffix="tar.gz")),
    ],
    "GenerateDeviceNameListURL": [({}, c.CreateUploadTicket(suffix="csv", purpose="devices"))],
    "CreateOTAFirmware": [
        (
            {"FirmwareName": "f", "DestVersion": "2", "FirmwareUrl": "http://h/k"},
            c.CreatePackage(name="f", version="2", url="http://h/k"),
        ),
        (
            FW | {"FirmwareUrl": "http://h/k", "FirmwareSign": "AB" * 16, "FirmwareSize": "900"},
            c.CreatePackage(url="http://h/k", md5="ab" * 16, size=900, **_FW),
        ),
        (FW | FILES, c.CreatePackage(files=_FILES, **_FW)),
    ],
    "ModifyOTAFirmware": [
        (P | {"FirmwareId": FIRMWARE}, c.ModifyPackage(package_id=7, product_key="p")),
        (
            P | {"FirmwareId": FIRMWARE, "FirmwareName": "n", "FirmwareDesc": "", "FirmwareUdi": "u"},
            c.ModifyPackage(package_id=7, product_key="p", name="n", description="", udi="u"),
        ),
    ],
    "QueryOTAFirmware": [({"FirmwareId": FIRMWARE}, c.ShowPackage(package_id=7))],
    "ListOTAFirmware": [
        (PAGED, c.ListPackages(number=3, size=7)),
        (PAGED | P | {"DestVersion": "2"}, c.ListPackages(number=3, size=7, product_key="p", version="2")),
    ],
    "DeleteOTAFirmware": [({"FirmwareId": FIRMWARE}, c.DeletePackage(package_id=7))],
    "CreateOTAModule": [
        (P | {"ModuleName": "mcu"}, c.CreateModule(product_key="p", name="mcu")),
        (
            P | {"ModuleName": "mcu", "AliasName": "a", "Desc": "what"},
            c.CreateModule(product_key="p", name="mcu", alias="a", description="what"),
        ),
    ],
    "UpdateOTAModule": [
        (P | {"ModuleName": "mcu", "AliasName": "a"}, c.UpdateModule(product_key="p", name="mcu", alias="a")),
        (P | {"ModuleName": "mcu", "Desc": ""}, c.UpdateModule(product_key="p", name="mcu", description="")),
    ],
    "DeleteOTAModule": [(P | {"ModuleName": "mcu"}, c.DeleteModule(product_key="p", name="mcu"))],
    "ListOTAModuleByProduct": [(P, c.ListModules(product_key="p"))],
    "ListOTAModuleVersionsByDevice": [
        (KEY | PAGED, c.ListModuleVersions(device=BY_NAME, number=3, size=7)),
        (PAGED | {"IotId": "i"}, c.ListModuleVersions(device=BY_ID, number=3, size=7)),
    ],
    "CreateOTAVerifyJob": [
        (
            MANNER | {"TargetDeviceName.1": "d", "TargetDeviceName.2": "e"},
            c.CreateVerifyJob(device_names=("d", "e"), **_MANNER),
        )
    ],
    "CreateOTAStaticUpgradeJob": [
        (
            P | {"FirmwareId": FIRMWARE, "TargetSelection": "ALL"},
            c.CreateStaticJob(package_id=7, product_key="p", selection="ALL"),
        ),
        (
            UPGRADE | SOURCES | {"TargetSelection": "GRAY", "GrayPercent": "33.33"},
            c.CreateStaticJob(selection="GRAY", gray_percent="33.33", source_versions=_SOURCES, **_UPGRADE),
        ),
        (
            UPGRADE | {"TargetSelection": "SPECIFIC", "TargetDeviceName.1": "d", "TargetDeviceName.2": "e"},
            c.CreateStaticJob(selection="SPECIFIC", device_names=("d", "e"), **_UPGRADE),
        ),
        (
            UPGRADE | {"TargetSelection": "SPECIFIC", "DnListFileUrl": "http://h/l", "ScheduleTime": str(START)},
            c.CreateStaticJob(
                selection="SPECIFIC",
                device_list_url="http://h/l",
                scheduled_at=datetime(2019, 12, 31, 16, tzinfo=UTC),
                **_UPGRADE,
            ),
        ),
        (
            UPGRADE | {"TargetSelection": "GROUP", "GroupId": GROUP, "GroupType": "LINK_PLATFORM"}
            | {"ScheduleTime": str(START), "ScheduleFinishTime": str(START + HOUR)},
            c.CreateStaticJob(
                selection="GROUP",
                group_id=9,
                scheduled_at=datetime(2019, 12, 31, 16, tzinfo=UTC),
                finish_at=datetime(2019, 12, 31, 17, tzinfo=UTC),
                **_UPGRADE,
            ),
        ),
        (
            P | {"FirmwareId": FIRMWARE, "TargetSelection": "GROUP", "GroupId": GROUP, "OverwriteMode": "2"},
            c.CreateStaticJob(package_id=7, product_key="p", selection="GROUP", group_id=9, overwrite=True),
        ),
    ],
    "CreateOTADynamicUpgradeJob": [
        (P | {"FirmwareId": FIRMWARE}, c.CreateDynamicJob(package_id=7, product_key="p")),
        (
            UPGRADE | SOURCES | {"DynamicMode": "2"},
            c.CreateDynamicJob(source_versions=_SOURCES, mode=2, **_UPGRADE),
        ),
        (
            UPGRADE | {"GroupId": GROUP, "GroupType": "LINK_PLATFORM_DYNAMIC"},
            c.CreateDynamicJob(group_id=9, **_UPGRADE),
        ),
    ],
    "UpdateOTAJob": [
        (
            {"JobId": JOB, "UpgradeType": "STATIC", "TargetSelection": "GRAY", "MaximumPerMinute": "10"},
            c.UpdateJob(job_id=8, kind="static", selection="GRAY", maximum_per_min=10),
        ),
        (
            {"JobId": JOB, "UpgradeType": "DYNAMIC", "TargetSelection": "ALL", "MaximumPerMinute": "1000"}
            | {"TimeoutInMinutes": "60", "SrcVersionList.1": "1.0.0", "Tags.1.Key": "k", "Tags.1.Value": "v"},
            c.UpdateJob(
                job_id=8,
                kind="dynamic",
                selection="ALL",
                maximum_per_min=1000,
                timeout_min=60,
                source_versions=("1.0.0",),
                tags=(("k", "v"),),
            ),
        ),
    ],
    "CancelOTAStrategyByJob": [({"JobId": JOB}, c.EndPolicy(job_id=8))],
    "QueryOTAJob": [({"JobId": JOB}, c.ShowJob(job_id=8))],
    "ListOTAJobByFirmware": [
        (PAGED | {"FirmwareId": FIRMWARE}, c.ListJobsOfPackage(package_id=7, number=3, size=7))
    ],
    "ListOTAJobByDevice": [
        (PAGED | KEY | {"FirmwareId": FIRMWARE}, c.ListJobsOfDevice(package_id=7, device=BY_NAME, number=3, size=7))
    ],
    "ListOTATaskByJob": [
        ({"JobId": JOB}, c.ListTasksOfJob(job_id=8, number=1, size=10)),
        (
            PAGED | {"JobId": JOB, "TaskStatus": "FAILED", "DeviceNames.1": "d"},
            c.ListTasksOfJob(job_id=8, number=3, size=7, state="FAILED", device_names=("d",)),
        ),
    ],
    "ListOTAUnfinishedTaskByDevice": [
        ({"IotId": "i"}, c.ListOpenTasksOfDevice(device=BY_ID)),
        (
            KEY | {"ModuleName": "mcu", "TaskStatus": "QUEUED", "TaskStatusList.1": "CONFIRM"},
            c.ListOpenTasksOfDevice(device=BY_NAME, module="mcu", states=frozenset({"QUEUED", "CONFIRM"})),
        ),
    ],
    "CancelOTATaskByJob": [
        (
            {"JobId": JOB, "CancelQueuedTask": "true"},
            c.CancelTasksOfJob(job_id=8, states=frozenset({"QUEUED", "CONFIRM"})),
        ),
        (
            {"JobId": JOB, "CancelQueuedTask": "true", "CancelUnconfirmedTask": "false"},
            c.CancelTasksOfJob(job_id=8, states=frozenset({"QUEUED"})),
        ),
        (
            {"JobId": JOB, "CancelScheduledTask": "true", "CancelInProgressTask": "true"}
            | {"CancelNotifiedTask": "true"},
            c.CancelTasksOfJob(job_id=8, states=frozenset({"NOTIFIED", "IN_PROGRESS"}), scheduled=True),
        ),
    ],
    "CancelOTATaskByDevice": [
        (
            P | {"FirmwareId": FIRMWARE, "DeviceName.1": "d", "DeviceName.2": "e", "JobId": JOB},
            c.CancelTasksOfDevices(package_id=7, product_key="p", device_names=("d", "e"), job_id=8),
        )
    ],
    "ConfirmOTATask": [({"TaskId.1": TASK}, c.ConfirmTasks(tasks=(REF,)))],
    "ReupgradeOTATask": [({"JobId": JOB, "TaskId.1": TASK}, c.RepeatTasks(job_id=8, tasks=(REF,)))],
}  # fmt: skip
