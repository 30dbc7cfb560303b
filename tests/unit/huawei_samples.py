"""What the core might tell: one of each view, for the answers of Huawei's operations."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.job_commands import job_view

from upwell.dialects.huawei import names
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.standings import Progress, Standing, Tally
from upwell.domain.talk import TaskRef

AT = datetime(2023, 2, 11, 12, 12, 12, 345678, tzinfo=UTC)
SIGN = "595124473f866b033dfa1f7e831c8c99a12f6143f392dfa996a819010842c99d"
PRODUCT_KEY = "5ba24f5ebbe8f56f5a14f605"

SPACE = c.Space(key="61f7e74d036aca5be29e1ed4", name="home", is_default=True, created_at=AT)
PACKAGE = c.Package(
    package_id=77,
    product_key=PRODUCT_KEY,
    product_name="Meter",
    space=SPACE,
    module="default",
    version="V2.0",
    source_versions=("V1.0", "V1.1"),
    description="package for version V1.0 and V1.1",
    note="Updated the XX function and fixed the XXXX issue.",
    place=c.ObjectPlace(region="cn-north-4", bucket="abc", key="bbb/upgrade.bin"),
    sign=SIGN,
    sign_word=None,
    created_at=AT,
    modified_at=AT,
    name="object-77",
    source_version=None,
    is_delta=False,
    status="exempt",
    verify_progress=0,
    size=9,
    md5="",
    sha256="",
    url="cn-north-4/abc/bbb/upgrade.bin",
    sign_method="SHA256",
)
MODULE = c.Module(
    module_id=5,
    product_key=PRODUCT_KEY,
    product_name="Meter",
    space=SPACE,
    name="radio",
    alias="Radio",
    description="LTE",
    created_at=AT,
    modified_at=AT,
)
SERVICES = [
    {
        "service_id": "$meter",
        "service_type": "meter",
        "properties": [{"property_name": "load", "data_type": "int", "method": "R", "default_value": {"a": None}}],
        "option": "Master",
    }
]
PRODUCT = c.Product(
    product_key=PRODUCT_KEY,
    product_secret="s",
    name="Meter",
    space=SPACE,
    facts={
        "device_type": "meter",
        "protocol_type": "MQTT",
        "data_format": "binary",
        "industry": "water",
        "service_capabilities": SERVICES,
    },
    device_count=1,
    created_at=AT,
)
DEVICE = c.Device(
    device_id=UUID(int=9),
    product_key=PRODUCT_KEY,
    product_name="Meter",
    product_facts={},
    name="node1",
    secret="12345678",
    iot_id="x",
    nickname="Cellar",
    status="UNACTIVE",
    firmware_version="V1.0",
    address=None,
    created_at=AT,
    modified_at=AT,
    activated_at=AT,
    online_at=None,
    offline_at=None,
    space=SPACE,
    public_id="p1_node1",
    gateway_id=None,
    description="by the door",
    secondary_secret="87654321",
    sdk_version="Python_v1",
    versions={"default": "V1.0", "software": "S1", "radio": "R1"},
    tags=(("room", "cellar"),),
    status_at=AT,
    facts={"extension_info": {"a": None}, "secure_access": True, "timeout": 0},
    record=255,
)
GROUP = c.Group(
    group_id=11,
    name="north",
    description="all of it",
    kind="dynamic",
    rule_text="device_name like 'abcd%'",
    super_group_id=10,
    created_at=AT,
)
JOB = job_view(
    job_id=0x6690AA,
    asks_version=True,
    name="fw_2_0",
    part="firmware",
    package_ids=(77,),
    targets=("p1_node1", "p1_node2"),
    need_confirm=False,
    by_gateway=True,
    ext_info={"k": None},
    scheduled_at=AT,
    retry_count=2,
    retry_interval_min=5,
    facts={"document": {"package_ids": ["0f"]}, "need_confirm": False},
    progress=Progress.RUNNING,
    tally=Tally(running=1, succeeded=2, failed=3, waiting=4, wait_retry=5, stopped=6, removed=7),
    created_at=AT,
)


def _task(public_id: str, standing: Standing, description: str, reason: str, code: int | None) -> c.Task:
    return c.Task(
        ref=TaskRef(device_id=UUID(int=1), job_id=0x6690AA), package_id=77, product_key="p1", product_name="",
        device_name="d", iot_id="i", public_id=public_id, module="default", source_version=None, dest_version="2",
        state="", standing=standing, description=description, reason=reason, code=code, progress=0, timeout_min=None,
        created_at=AT, modified_at=AT,
    )  # fmt: skip


TASKS = (
    _task("p1_node2", Standing.RUNNING, "", "", None),
    _task("p1_node1", Standing.FAILED, "flat", "low_battery", 4),
)
FILE = c.TargetFile(file_id="f-1", name="devices.xlsx", uploaded_at=AT)


def told(*items: Any) -> Page[Any]:
    """A slice of these, the last of them record 255, out of 9."""
    return Page(items=items, asked=SLICE, total=9, last=255 if items else None)


def scanned(*items: object) -> c.Scanned[object]:
    """A page of these, the last of them record 255, out of 9."""
    return c.Scanned(items=items, total=9, last=255 if items else None)


# what requests and answers have in common
PAGE = {"count": 9, "marker": "0" * 22 + "ff"}
WINDOW = c.Window(take=20, below=16, skip=3)
SLICE = Slice(take=20, below=16, skip=3)
PAGING: dict[str, Any] = {"limit": 20, "marker": "0" * 22 + "10", "offset": 3}
KEY = c.DeviceKey(public_id="p1_node1")
APP = SPACE.key
PACKAGE_ID, MODULE_ID = names.package_id(77), names.module_id(5)
TASK_ID, GROUP_ID = "0" * 18 + "6690aa", "0" * 23 + "b"
TIME = "20230211T121212Z"
Case = tuple[str, Any, c.Command, Any, dict[str, Any] | None]
