"""Requests of packages, modules and batch tasks: request, command, result of the core, answer."""

import dataclasses
from datetime import UTC, datetime

import huaweicloudsdkiotda.v5 as sdk
from tests.job_commands import asking_job, show_asking
from tests.unit import huawei_samples as s
from tests.unit.huawei_samples import (
    APP,
    GROUP_ID,
    MODULE_ID,
    PACKAGE_ID,
    PAGE,
    PAGING,
    SLICE,
    TASK_ID,
    TIME,
    Case,
)

from upwell.dialects.huawei import codes
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.modules import STANDING
from upwell.domain.standings import Progress, Standing

OBS = {"region_name": "cn-north-4", "bucket_name": "abc", "object_key": "bbb/upgrade.bin", "sign": s.SIGN}
PACKAGE = {
    "package_id": PACKAGE_ID,
    "app_id": APP,
    "package_type": "firmwarePackage",
    "product_id": s.PRODUCT_KEY,
    "product_name": "Meter",
    "version": "V2.0",
    "support_source_versions": ["V1.0", "V1.1"],
    "description": "package for version V1.0 and V1.1",
    "custom_info": "Updated the XX function and fixed the XXXX issue.",
    "create_time": TIME,
}
FULL_PACKAGE = PACKAGE | {"file_location": {"obs_location": OBS}}
MODULE = {
    "module_id": MODULE_ID,
    "app_id": APP,
    "product_id": s.PRODUCT_KEY,
    "product_name": "Meter",
    "module_name": "radio",
    "alias_name": "Radio",
    "description": "LTE",
    "create_time": TIME,
}
TASK = {
    "task_id": TASK_ID,
    "task_name": "fw_2_0",
    "task_type": "firmwareUpgrade",
    "task_mode": "GATEWAY",
    "need_confirm": False,
    "task_ext_info": {"k": None},
    "targets": ["p1_node1", "p1_node2"],
    "document": {"package_ids": ["0f"]},
    "task_policy": {"schedule_time": TIME, "retry_count": 2, "retry_interval": 5},
    "status": "Processing",
    "task_progress": {
        "total": 28,
        "processing": 1,
        "success": 2,
        "fail": 3,
        "waitting": 4,
        "fail_wait_retry": 5,
        "stopped": 6,
        "removed": 7,
    },
    "create_time": TIME,
}
TARGETS = {
    "targets": [
        {"target": "p1_node2", "status": "success"},
        {
            "target": "p1_node1",
            "status": "failure",
            "error_code": "IOTDA.014219",
            "error_msg": codes.TABLE["IOTDA.014219"][1],
        },
    ]
}
TARGET_RESULTS = c.Steered(
    changed=1,
    targets=(
        c.TargetResult(public_id="p1_node2"),
        c.TargetResult(public_id="p1_node1", reason="task_not_in_state"),
    ),
)

PACKAGES: list[Case] = [
    (
        "create_ota_package",
        sdk.CreateOtaPackageRequest(
            instance_id="i",
            body=sdk.CreateOtaPackage(
                app_id=APP,
                package_type="firmwarePackage",
                product_id=s.PRODUCT_KEY,
                version="V2.0",
                support_source_versions=["V1.0", "V1.1", "V1.0"],
                description="d",
                custom_info="n",
                file_location=sdk.FileLocation(
                    obs_location=sdk.ObsLocation(
                        region_name="cn-north-4",
                        bucket_name="abc",
                        object_key="bbb/upgrade.bin",
                        sign_method="SHA256",
                        sign=s.SIGN,
                    )
                ),
            ),
        ),
        c.CreatePackage(
            standing=STANDING,
            is_delta=None,
            product_key=s.PRODUCT_KEY,
            space=APP,
            version="V2.0",
            place=s.PACKAGE.place,
            size_max=1024**3,
            source_versions=("V1.0", "V1.1"),
            description="d",
            note="n",
            sign=s.SIGN,
            sign_word="SHA256",
        ),
        s.PACKAGE,
        FULL_PACKAGE,
    ),
    (
        "list_ota_package_info",
        sdk.ListOtaPackageInfoRequest(package_type="modulePackage", app_id=APP, product_id="p", version="V1", **PAGING),
        c.ListPackages(asked=SLICE, in_space=True, without=STANDING, space=APP, product_key="p", version="V1"),
        s.scanned(s.PACKAGE),
        {"packages": [PACKAGE], "page": PAGE},
    ),
    (
        "list_ota_package_info",
        sdk.ListOtaPackageInfoRequest(package_type="softwarePackage"),
        c.ListPackages(asked=Slice(take=10), in_space=True, module="software"),
        s.scanned(),
        {"packages": [], "page": {"count": 9}},
    ),
    (
        "show_ota_package",
        sdk.ShowOtaPackageRequest(package_id=PACKAGE_ID),
        c.ShowPackage(package_id=77, in_space=True),
        s.PACKAGE,
        FULL_PACKAGE,
    ),
    (
        "delete_ota_package",
        sdk.DeleteOtaPackageRequest(package_id=PACKAGE_ID),
        c.DeletePackage(package_id=77),
        c.Done(),
        None,
    ),
    (
        "create_ota_module",
        sdk.CreateOtaModuleRequest(
            body=sdk.CreateOtaModule(
                app_id=APP, product_id="p", module_name="radio", alias_name="无线", description="LTE"
            )
        ),
        c.CreateModule(
            product_key="p", name="radio", most=10, standing=STANDING, space=APP, alias="无线", description="LTE"
        ),
        s.MODULE,
        MODULE,
    ),
    (
        "list_ota_modules",
        sdk.ListOtaModulesRequest(app_id=APP, product_id="p", **PAGING),
        c.ListModules(asked=SLICE, space=APP, product_key="p"),
        s.scanned(s.MODULE),
        {"modules": [MODULE], "page": PAGE},
    ),
    (
        "show_ota_module",
        sdk.ShowOtaModuleRequest(module_id=MODULE_ID),
        c.ShowModule(module=c.ModuleKey(module_id=5)),
        s.MODULE,
        MODULE,
    ),
    (
        "update_ota_module",
        sdk.UpdateOtaModuleRequest(module_id=MODULE_ID, body=sdk.UpdateOtaModule(alias_name="", description="x")),
        c.UpdateModule(module=c.ModuleKey(module_id=5), alias="", description="x"),
        s.MODULE,
        MODULE,
    ),
    (
        "delete_ota_module",
        sdk.DeleteOtaModuleRequest(module_id=MODULE_ID),
        c.DeleteModule(module=c.ModuleKey(module_id=5)),
        c.Done(),
        None,
    ),
]

BATCHES: list[Case] = [
    (
        "create_batch_task",
        sdk.CreateBatchTaskRequest(
            body=sdk.CreateBatchTask(
                app_id=APP,
                task_name="fw_2_0",
                task_type="firmwareUpgrade",
                task_mode="GATEWAY",
                need_confirm=True,
                task_ext_info={"k": 1},
                targets=["p1_node1", "p1_node2", "p1_node1"],
                targets_filter={"group_ids": ["left out"]},
                document={"package_ids": [PACKAGE_ID]},
                task_policy=sdk.TaskPolicy(schedule_time=TIME, retry_count=5, retry_interval=1440),
            )
        ),
        asking_job(
            name="fw_2_0",
            part="firmware",
            package_ids=(77,),
            space=APP,
            targets=("p1_node1", "p1_node2"),
            need_confirm=True,
            by_gateway=True,
            ext_info={"k": 1},
            scheduled_at=datetime(2023, 2, 11, 12, 12, 12, tzinfo=UTC),
            retry_count=5,
            retry_interval_min=1440,
            facts={"document": {"package_ids": [PACKAGE_ID]}, "need_confirm": True},
        ),
        s.JOB,
        TASK,
    ),
    (
        "create_batch_task",
        sdk.CreateBatchTaskRequest(
            body=sdk.CreateBatchTask(
                task_name="模块_1",
                task_type="moduleUpgrade",
                targets_filter={"group_ids": [GROUP_ID], "else": None},
                document={"package_id": PACKAGE_ID},
                document_source="f-1",
            )
        ),
        asking_job(
            name="模块_1",
            part="module",
            package_ids=(77,),
            group_ids=(11,),
            facts={
                "document": {"package_id": PACKAGE_ID},
                "targets_filter": {"group_ids": [GROUP_ID], "else": None},
            },
        ),
        s.JOB,
        TASK,
    ),
    (
        "list_batch_tasks",
        sdk.ListBatchTasksRequest(task_type="softwareUpgrade", app_id=APP, status="Waitting", **PAGING),
        c.ListJobs(asking=True, asked=SLICE, part="software", space=APP, progress=Progress.WAITING),
        s.told(s.JOB),
        {"batchtasks": [TASK], "page": PAGE},
    ),
    (
        "show_batch_task",
        sdk.ShowBatchTaskRequest(task_id=TASK_ID, task_detail_status="FailWaitRetry", target="p1_node1", **PAGING),
        show_asking(0x6690AA, SLICE, standing=Standing.WAIT_RETRY, targets=("p1_node1",)),
        dataclasses.replace(s.JOB, tasks=s.told(*s.TASKS)),
        {
            "batchtask": TASK,
            "task_details": [
                {"target": "p1_node2", "status": "Processing", "output": ""},
                {
                    "target": "p1_node1",
                    "status": "Fail",
                    "output": "flat",
                    "error": {
                        "error_code": "IOTDA.014862",
                        "error_msg": "The battery of the device is low (result_code 4): flat",
                    },
                },
            ],
            "page": PAGE,
        },
    ),
    (
        "stop_batch_task",
        sdk.StopBatchTaskRequest(task_id=TASK_ID),
        c.CancelTasks(asking=True, job_id=0x6690AA),
        TARGET_RESULTS,
        TARGETS,
    ),
    (
        "retry_batch_task",
        sdk.RetryBatchTaskRequest(task_id=TASK_ID, body=sdk.BatchTargets(targets=["p1_node1"])),
        c.RepeatTasks(asking=True, job_id=0x6690AA, targets=("p1_node1",)),
        TARGET_RESULTS,
        TARGETS,
    ),
    (
        "confirm_batch_task",
        sdk.ConfirmBatchTaskRequest(task_id=TASK_ID, body=sdk.BatchTargets()),
        c.ConfirmTasks(asking=True, job_id=0x6690AA),
        TARGET_RESULTS,
        TARGETS,
    ),
    (
        "delete_batch_task",
        sdk.DeleteBatchTaskRequest(task_id=TASK_ID),
        c.DeleteJob(job_id=0x6690AA),
        c.Done(),
        None,
    ),
    (
        "list_batch_task_files",
        sdk.ListBatchTaskFilesRequest(),
        c.ListTargetFiles(),
        (s.FILE,),
        {"files": [{"file_id": "f-1", "file_name": "devices.xlsx", "upload_time": TIME}]},
    ),
    (
        "delete_batch_task_file",
        sdk.DeleteBatchTaskFileRequest(file_id="f-1"),
        c.DeleteTargetFile(file_id="f-1"),
        c.Done(),
        None,
    ),
]
