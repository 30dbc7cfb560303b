"""Views of every kind for the tests of Alibaba's dialect: filled in to the last member, and emptied."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.job_commands import job_view

from upwell.dialects.alibaba import names
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.standings import Standing
from upwell.domain.talk import TaskRef

AT = datetime(2018, 8, 6, 2, 48, 41, 607_900, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
DEVICE_ID = UUID("0f" * 16)
REF = TaskRef(device_id=DEVICE_ID, job_id=2**62 + 5, nth=3)
FIRMWARE, JOB, TASK, GROUP = names.firmware_id(7), names.job_id(8), names.task_id(REF), names.group_id(9)

SPACE = c.Space(key="s", name="home", is_default=True, created_at=AT)
PRODUCT = c.Product(
    product_key="a1AbCdEfGhI",
    product_secret="s",
    name="lamps",
    space=SPACE,
    facts={"NodeType": 0, "NetType": "ETHERNET", "Description": "d", "AliyunCommodityCode": "iothub_senior"}
    | {"DataFormat": 1, "CategoryKey": "Lighting", "Id2": False, "AuthType": "secret", "ProtocolType": "ble"},
    device_count=3,
    created_at=AT,
)
DEVICE = c.Device(
    device_id=DEVICE_ID,
    product_key="a1AbCdEfGhI",
    product_name="lamps",
    product_facts={"NodeType": 1},
    name="d1",
    secret="x",
    iot_id="iot1",
    nickname="nick",
    status="DISABLED",
    firmware_version="1.0.0",
    address="1.2.3.4",
    created_at=AT,
    modified_at=AT,
    activated_at=AT,
    online_at=AT,
    offline_at=AT,
    space=SPACE,
    public_id="a1AbCdEfGhI_d1",
    gateway_id=None,
    description=None,
    secondary_secret=None,
    sdk_version=None,
    versions={"default": "1.0.0"},
    tags=(("color", "红"), ("n", "1")),
    status_at=AT,
    facts={},
    record=1,
)
REGISTRATION = c.Registration(
    apply_id=2**53 - 1, status="CREATE_SUCCESS", asked=2, names=("a", "b"), created_at=AT, refused=("c",)
)
NAMES_CHECKED = c.Registration(
    apply_id=2**53 - 1,
    status="CHECK_SUCCESS",
    asked=5,
    names=("good",),
    created_at=AT,
    refused=("x/", "d1", "d2"),
    invalid_names=("x/",),
    invalid_nicknames=("y",),
    repeated_names=("d1", "d2"),
)
GROUP_VIEW = c.Group(
    group_id=9,
    name="north",
    description="what",
    kind="dynamic",
    rule_text='name LIKE "n%"',
    super_group_id=1,
    created_at=AT,
    devices=3,
    active=2,
    online=1,
)
PACKAGE = c.Package(
    space=SPACE,
    source_versions=(),
    package_id=7,
    product_key="a1AbCdEfGhI",
    product_name="lamps",
    name="fw",
    description="what",
    module="default",
    version="2.0.0",
    source_version="1.0.0",
    is_delta=True,
    status="exempt",
    verify_progress=100,
    size=5,
    md5="ab" * 16,
    sha256="cd" * 32,
    url="http://h/k",
    note="u",
    created_at=AT,
    modified_at=AT,
)
FILE = c.PackageFile(name="boot", url="http://h/f", size=3, md5="ef" * 16, sha256="01" * 32)
MULTI = dataclasses.replace(PACKAGE, md5="", sha256="", url="", size=3, files=(FILE,))
MODULE = c.Module(
    module_id=5,
    product_key="a1AbCdEfGhI",
    product_name="lamp",
    space=SPACE,
    name="mcu",
    alias="MCU",
    description="what",
    created_at=AT,
    modified_at=AT,
)
MODULE_VERSION = c.ModuleVersion(
    module="mcu", version="1.0.0", product_key="a1AbCdEfGhI", device_name="d1", iot_id="iot1"
)
JOB_VIEW = job_view(
    job_id=8,
    package_id=7,
    package_name="fw",
    product_key="a1AbCdEfGhI",
    dest_version="2.0.0",
    kind="static",
    selection="GRAY",
    status="IN_PROGRESS",
    source_versions=("1.0.0",),
    gray_percent="50",
    retry_interval_min=0,
    retry_count=2,
    timeout_min=60,
    maximum_per_min=1000,
    overwrite=True,
    need_push=True,
    need_confirm=False,
    protocol="HTTPS",
    tags=(("k1", "v1"),),
    created_at=AT,
    modified_at=AT,
    started_at=AT,
    ended_at=AT,
    multi_module=True,
    dynamic_mode=2,
    group_ids=(9,),
    group_name="north",
    scheduled_at=AT,
    finish_at=LATER,
)
TASK_VIEW = c.Task(
    ref=REF,
    package_id=7,
    product_key="a1AbCdEfGhI",
    product_name="lamps",
    device_name="d1",
    iot_id="iot1",
    public_id="a1AbCdEfGhI_d1",
    module="default",
    source_version="1.0.0",
    dest_version="2.0.0",
    state="FAILED",
    standing=Standing.FAILED,
    reason="",
    code=None,
    description="report version is not conform",
    progress=7,
    timeout_min=60,
    created_at=AT,
    modified_at=AT,
)
TICKET = c.UploadTicket(
    host="http://h", object_key="ota/k", access_key_id="a", policy="p", signature="s", url="http://h/k", created_at=AT
)
JOB_CREATED = job_view(job_id=8, created_at=AT)
ENROLLED = c.Enrolled(valid=6, done=3, already=2, over=1)


def told(*items: Any) -> Page[Any]:
    """A page of a list that is asked for by a slice."""
    return Page(items=items, asked=Slice.of_page(1, 10), total=21)


def page(*items: Any, total: int = 21, number: int = 1, size: int = 10) -> c.Page[Any]:
    return c.Page(items=items, total=total, number=number, size=size)


# Each operation's result, filled in; the first of each is in the golden file.
RESULTS: dict[str, list[Any]] = {
    "CreateProduct": [PRODUCT],
    "QueryProduct": [PRODUCT],
    "QueryProductList": [page(PRODUCT)],
    "UpdateProduct": [c.Done()],
    "DeleteProduct": [c.Done()],
    "RegisterDevice": [DEVICE],
    "BatchRegisterDevice": [REGISTRATION],
    "BatchCheckDeviceNames": [NAMES_CHECKED],
    "BatchRegisterDeviceWithApplyId": [REGISTRATION],
    "QueryBatchRegisterDeviceStatus": [REGISTRATION],
    "QueryPageByApplyId": [page(DEVICE)],
    "QueryDevice": [page(DEVICE, size=1)],
    "QueryDeviceInfo": [DEVICE],
    "QueryDeviceDetail": [DEVICE],
    "BatchQueryDeviceDetail": [(DEVICE, DEVICE)],
    "GetDeviceStatus": [DEVICE],
    "BatchGetDeviceState": [(DEVICE,)],
    "QueryDeviceByStatus": [page(DEVICE)],
    "QueryDeviceStatistics": [c.DeviceCounts(devices=3, active=2, online=1)],
    "DeleteDevice": [c.Done()],
    "DisableThing": [c.Done()],
    "EnableThing": [c.Done()],
    "ResetThing": [c.Done()],
    "BatchUpdateDeviceNickname": [c.Done()],
    "SaveDeviceProp": [c.Done()],
    "QueryDeviceProp": [DEVICE],
    "DeleteDeviceProp": [c.Done()],
    "QueryDeviceByTags": [page(DEVICE)],
    "CreateDeviceGroup": [dataclasses.replace(GROUP_VIEW, kind="static", rule_text=None)],
    "CreateDeviceDynamicGroup": [GROUP_VIEW],
    "UpdateDeviceGroup": [c.Done()],
    "DeleteDeviceGroup": [c.Done()],
    "DeleteDeviceDynamicGroup": [c.Done()],
    "QueryDeviceGroupList": [page(GROUP_VIEW, dataclasses.replace(GROUP_VIEW, kind="static"))],
    "QueryDeviceGroupInfo": [GROUP_VIEW],
    "QuerySuperDeviceGroup": [GROUP_VIEW, None],
    "QueryDeviceGroupByDevice": [(GROUP_VIEW,)],
    "QueryDeviceListByDeviceGroup": [page(DEVICE)],
    "BatchAddDeviceGroupRelations": [ENROLLED],
    "BatchDeleteDeviceGroupRelations": [ENROLLED],
    "GenerateOTAUploadURL": [TICKET],
    "GenerateDeviceNameListURL": [TICKET],
    "CreateOTAFirmware": [PACKAGE],
    "ModifyOTAFirmware": [c.Done()],
    "QueryOTAFirmware": [PACKAGE, MULTI],
    "ListOTAFirmware": [page(PACKAGE, MULTI)],
    "DeleteOTAFirmware": [c.Done()],
    "CreateOTAModule": [c.Done()],
    "UpdateOTAModule": [c.Done()],
    "DeleteOTAModule": [c.Done()],
    "ListOTAModuleByProduct": [page(MODULE)],
    "ListOTAModuleVersionsByDevice": [page(MODULE_VERSION)],
    "CreateOTAVerifyJob": [JOB_CREATED],
    "CreateOTAStaticUpgradeJob": [JOB_CREATED],
    "CreateOTADynamicUpgradeJob": [JOB_CREATED],
    "UpdateOTAJob": [c.Done()],
    "CancelOTAStrategyByJob": [c.Done()],
    "QueryOTAJob": [JOB_VIEW, *(dataclasses.replace(JOB_VIEW, kind=kind) for kind in ("dynamic", "verify"))],
    "ListOTAJobByFirmware": [told(JOB_VIEW)],
    "ListOTAJobByDevice": [told(JOB_VIEW)],
    "ListOTATaskByJob": [told(TASK_VIEW)],
    "ListOTAUnfinishedTaskByDevice": [told(TASK_VIEW)],
    "CancelOTATaskByJob": [c.Done()],
    "CancelOTATaskByDevice": [c.Done()],
    "ConfirmOTATask": [c.Done()],
    "ReupgradeOTATask": [c.Done()],
}  # fmt: skip


def emptied(view: Any) -> Any:
    """The same view with None, empty tuples and empty mappings wherever its type allows them."""
    if isinstance(view, tuple):
        return ()
    if isinstance(view, Mapping):
        return {}
    if not dataclasses.is_dataclass(view):
        return view
    hints = typing.get_type_hints(type(view))
    changes = {name: _least(hint) for name, hint in hints.items() if _least(hint) is not ...}
    if isinstance(view, c.Job):
        changes["manner"] = emptied(view.manner)
    return dataclasses.replace(view, **changes)


def _least(hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType) and type(None) in typing.get_args(hint):
        return None
    if origin is tuple:
        return ()
    return {} if origin is not None and issubclass(origin, Mapping) else ...


def thinned(result: Any) -> Any:
    """The same lists, of emptied views."""
    if isinstance(result, c.Page | Page):
        return dataclasses.replace(result, items=tuple(map(emptied, result.items)))
    return tuple(map(emptied, result)) if isinstance(result, tuple) else emptied(result)
