"""Requests of every operation of Alibaba's management API with the command each becomes, written by hand.

Between them the requests of an operation give each of its parameters at least once; a test sees to that.
"""

from datetime import UTC, datetime

from tests.job_commands import dynamic_job, static_job, verify_job
from tests.unit.alibaba_fleet_requests import BY_ID, BY_NAME, FLEET, HOUR, KEY, PAGED, START, Given, P
from tests.unit.alibaba_views import FIRMWARE, GROUP, JOB, REF, TASK

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice

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
FW = {
    "FirmwareName": "fw-(1)", "DestVersion": "2.0.0", "ProductKey": "p", "SignMethod": "MD5", "FirmwareDesc": "what",
    "Type": "1", "SrcVersion": "1.0.0", "ModuleName": "mcu", "NeedToVerify": "false", "Udi": "u",
}  # fmt: skip
_FW = {
    "name": "fw-(1)", "version": "2.0.0", "product_key": "p", "description": "what", "is_delta": True,
    "source_version": "1.0.0", "module": "mcu", "verify": False, "note": "u",
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
_MCU = c.ModuleKey(product_key="p", name="mcu")
REQUESTS: dict[str, list[tuple[Given, c.Command]]] = FLEET | {
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
            {"FirmwareName": "固件", "DestVersion": "2", "FirmwareUrl": "http://h/k"}
            | {"SignMethod": "SHA256", "FirmwareSign": "AB" * 32},
            c.CreatePackage(name="固件", version="2", url="http://h/k", sign_method="SHA256", sha256="ab" * 32),
        ),
        (
            FW | {"FirmwareUrl": "http://h/k", "FirmwareSign": "AB" * 16, "FirmwareSize": "900"},
            c.CreatePackage(url="http://h/k", md5="ab" * 16, size=900, **_FW),
        ),
        (
            {"FirmwareName": "f", "DestVersion": "2", "SignMethod": "SHA256", "MultiFiles.1.Name": "boot"}
            | {"MultiFiles.1.Url": "u", "MultiFiles.1.FileMd5": "AB" * 16, "MultiFiles.1.SignValue": "CD" * 32},
            c.CreatePackage(
                name="f", version="2", sign_method="SHA256",
                files=(c.GivenFile(name="boot", url="u", md5="ab" * 16, sha256="cd" * 32),),
            ),
        ),
        (FW | FILES, c.CreatePackage(files=_FILES, **_FW)),
        (FW | {"FirmwareUrl": "http://h/k"}, c.CreatePackage(url="http://h/k", **_FW)),
    ],
    "ModifyOTAFirmware": [
        (P | {"FirmwareId": FIRMWARE}, c.UpdatePackage(package_id=7, product_key="p")),
        (
            P | {"FirmwareId": FIRMWARE, "FirmwareName": "n", "FirmwareDesc": "", "FirmwareUdi": "u"},
            c.UpdatePackage(package_id=7, product_key="p", name="n", description="", note="u"),
        ),
    ],
    "QueryOTAFirmware": [({"FirmwareId": FIRMWARE}, c.ShowPackage(package_id=7))],
    "ListOTAFirmware": [
        (PAGED, c.ListPackages(asked=Slice.of_page(3, 7))),
        (PAGED | P | {"DestVersion": "2"}, c.ListPackages(asked=Slice.of_page(3, 7), product_key="p", version="2")),
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
        (P | {"ModuleName": "mcu", "AliasName": "a"}, c.UpdateModule(module=_MCU, alias="a")),
        (P | {"ModuleName": "mcu", "Desc": ""}, c.UpdateModule(module=_MCU, description="")),
    ],
    "DeleteOTAModule": [(P | {"ModuleName": "mcu"}, c.DeleteModule(module=_MCU))],
    "ListOTAModuleByProduct": [(P, c.ListModules(product_key="p"))],
    "ListOTAModuleVersionsByDevice": [
        (KEY | PAGED, c.ListModuleVersions(device=BY_NAME, asked=Slice.of_page(3, 7))),
        (PAGED | {"IotId": "i"}, c.ListModuleVersions(device=BY_ID, asked=Slice.of_page(3, 7))),
    ],
    "CreateOTAVerifyJob": [
        (
            MANNER | {"TargetDeviceName.1": "d", "TargetDeviceName.2": "e"},
            verify_job(device_names=("d", "e"), **_MANNER),
        )
    ],
    "CreateOTAStaticUpgradeJob": [
        (
            P | {"FirmwareId": FIRMWARE, "TargetSelection": "ALL"},
            static_job(package_id=7, product_key="p", selection="ALL"),
        ),
        (
            UPGRADE | SOURCES | {"TargetSelection": "GRAY", "GrayPercent": "33.33"},
            static_job(selection="GRAY", gray_percent="33.33", source_versions=_SOURCES, **_UPGRADE),
        ),
        (
            UPGRADE | {"TargetSelection": "SPECIFIC", "TargetDeviceName.1": "d", "TargetDeviceName.2": "e"},
            static_job(selection="SPECIFIC", device_names=("d", "e"), **_UPGRADE),
        ),
        (
            UPGRADE | {"TargetSelection": "SPECIFIC", "DnListFileUrl": "http://h/l", "ScheduleTime": str(START)},
            static_job(
                selection="SPECIFIC",
                device_list_url="http://h/l",
                scheduled_at=datetime(2019, 12, 31, 16, tzinfo=UTC),
                **_UPGRADE,
            ),
        ),
        (
            UPGRADE | {"TargetSelection": "GROUP", "GroupId": GROUP, "GroupType": "LINK_PLATFORM"}
            | {"ScheduleTime": str(START), "ScheduleFinishTime": str(START + HOUR)},
            static_job(
                selection="GROUP",
                group_id=9,
                scheduled_at=datetime(2019, 12, 31, 16, tzinfo=UTC),
                finish_at=datetime(2019, 12, 31, 17, tzinfo=UTC),
                **_UPGRADE,
            ),
        ),
        (
            P | {"FirmwareId": FIRMWARE, "TargetSelection": "GROUP", "GroupId": GROUP, "OverwriteMode": "2"},
            static_job(package_id=7, product_key="p", selection="GROUP", group_id=9, overwrite=True),
        ),
    ],
    "CreateOTADynamicUpgradeJob": [
        (P | {"FirmwareId": FIRMWARE}, dynamic_job(package_id=7, product_key="p")),
        (
            UPGRADE | SOURCES | {"DynamicMode": "2"},
            dynamic_job(source_versions=_SOURCES, dynamic_mode=2, **_UPGRADE),
        ),
        (
            UPGRADE | {"GroupId": GROUP, "GroupType": "LINK_PLATFORM_DYNAMIC"},
            dynamic_job(group_id=9, **_UPGRADE),
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
        (PAGED | {"FirmwareId": FIRMWARE}, c.ListJobs(package_id=7, asked=Slice.of_page(3, 7)))
    ],
    "ListOTAJobByDevice": [
        (PAGED | KEY | {"FirmwareId": FIRMWARE}, c.ListJobs(package_id=7, device=BY_NAME, asked=Slice.of_page(3, 7)))
    ],
    "ListOTATaskByJob": [
        ({"JobId": JOB}, c.ListTasks(job_id=8, asked=Slice.of_page(1, 10))),
        (
            PAGED | {"JobId": JOB, "TaskStatus": "FAILED", "DeviceNames.1": "d"},
            c.ListTasks(job_id=8, asked=Slice.of_page(3, 7), states=frozenset({"FAILED"}), device_names=("d",)),
        ),
    ],
    "ListOTAUnfinishedTaskByDevice": [
        ({"IotId": "i"}, c.ListTasks(asked=Slice(take=1000), device=BY_ID, states=c.OPEN_STATES)),
        (
            KEY | {"ModuleName": "mcu", "TaskStatus": "QUEUED", "TaskStatusList.1": "CONFIRM"},
            c.ListTasks(asked=Slice(take=1000), device=BY_NAME, module="mcu", states=frozenset({"QUEUED", "CONFIRM"})),
        ),
    ],
    "CancelOTATaskByJob": [
        (
            {"JobId": JOB, "CancelQueuedTask": "true"},
            c.CancelTasks(job_id=8, states=frozenset({"QUEUED", "CONFIRM"})),
        ),
        (
            {"JobId": JOB, "CancelQueuedTask": "true", "CancelUnconfirmedTask": "false"},
            c.CancelTasks(job_id=8, states=frozenset({"QUEUED"})),
        ),
        (
            {"JobId": JOB, "CancelScheduledTask": "true", "CancelInProgressTask": "true"}
            | {"CancelNotifiedTask": "true"},
            c.CancelTasks(job_id=8, states=frozenset({"NOTIFIED", "IN_PROGRESS"}), scheduled=True),
        ),
    ],
    "CancelOTATaskByDevice": [
        (
            P | {"FirmwareId": FIRMWARE, "DeviceName.1": "d", "DeviceName.2": "e", "JobId": JOB},
            c.CancelTasks(package_id=7, product_key="p", device_names=("d", "e"), job_id=8),
        )
    ],
    "ConfirmOTATask": [({"TaskId.1": TASK}, c.ConfirmTasks(tasks=(REF,)))],
    "ReupgradeOTATask": [({"JobId": JOB, "TaskId.1": TASK}, c.RepeatTasks(job_id=8, tasks=(REF,)))],
}  # fmt: skip
