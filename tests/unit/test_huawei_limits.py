"""Each field of Huawei's requests at and above its bounds, by the whole operation: what passes, what is refused how."""

import json
from typing import Any

import pytest
from tests.unit.huawei_samples import GROUP_ID, MODULE_ID, PACKAGE_ID, SIGN, TASK_ID

from upwell.dialects import json_members
from upwell.dialects.huawei import management
from upwell.dialects.huawei.codes import refusal
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import CallerError, Missing

ID = "A_z-9" + "a" * 31  # 36 characters of every kind
OBS: dict[str, Any] = {"region_name": "cn-north-4", "bucket_name": "abc", "object_key": "bbb/upgrade.bin"}
PACKAGE: dict[str, Any] = {
    "app_id": "a",
    "package_type": "firmwarePackage",
    "product_id": "p",
    "version": "V2.0",
    "file_location": {"obs_location": OBS},
}
BATCH: dict[str, Any] = {
    "task_name": "t",
    "task_type": "firmwareUpgrade",
    "targets": ["d1"],
    "document": {"package_ids": [PACKAGE_ID]},
}
MODULE: dict[str, Any] = {"app_id": "a", "product_id": "p", "module_name": "radio"}
PRODUCT: dict[str, Any] = {
    "name": "n",
    "device_type": "t",
    "protocol_type": "MQTT",
    "data_format": "json",
    "service_capabilities": [],
}
DEVICE: dict[str, Any] = {"node_id": "n", "product_id": "p"}
TAGS: dict[str, Any] = {"resource_type": "device", "resource_id": "d", "tags": [{"tag_key": "k", "tag_value": "v"}]}
BASES = {
    "CreateOtaPackage": PACKAGE,
    "CreateBatchTask": BATCH,
    "CreateOtaModule": MODULE,
    "CreateProduct": PRODUCT,
    "AddDevice": DEVICE,
    "TagDevice": TAGS,
    "AddApplication": {"app_name": "n"},
    "AddDeviceGroup": {"name": "n"},
    "UpdateOtaModule": {},
    "ResetDeviceSecret": {},
    "StopBatchTask": {},
    "UntagDevice": {"resource_type": "device", "resource_id": "d", "tag_keys": ["k"]},
}
IDS = {
    "module_id": MODULE_ID,
    "task_id": TASK_ID,
    "group_id": GROUP_ID,
    "package_id": PACKAGE_ID,
    "device_id": "d",
    "app_id": "a",
    "product_id": "p",
    "file_id": "f",
}


def decode(name: str, body: Any = None, query: tuple[tuple[str, str], ...] = (), **ids: str) -> c.Command:
    operation = management.OPERATIONS[name]
    wanted = {field.name: {**IDS, **ids}[field.name] for field in operation.ids}
    return json_members.command(operation, wanted, query, b"" if body is None else json.dumps(body).encode())


def placed(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The body with the member at `path` set; `...` takes it out."""
    head, _, rest = path.partition(".")
    changed = dict(base)
    if rest:
        changed[head] = placed(base.get(head, {}), rest, value)
    elif value is ...:
        changed.pop(head, None)
    else:
        changed[head] = value
    return changed


def refused(name: str, body: Any = None, query: tuple[tuple[str, str], ...] = (), **ids: str) -> CallerError:
    with pytest.raises(CallerError) as caught:
        decode(name, body, query, **ids)
    told = refusal(caught.value, management.OPERATIONS[name].refuses)
    assert told.status == 400
    assert told.code in ("IOTDA.000006", "IOTDA.000009", "IOTDA.000017", "IOTDA.000018")
    assert getattr(caught.value, "field", "") in told.message
    return caught.value


def key_of(size: int) -> str:
    return "d/" * ((size - 4) // 2) + "k" * ((size - 4) % 2) + ".bin"


OK, BAD = True, False
# operation, member, value, whether it passes
VALUES: list[tuple[str, str, Any, bool]] = [
    # the seed, field by field
    ("CreateOtaPackage", "app_id", ID, OK),
    ("CreateOtaPackage", "app_id", ID + "a", BAD),
    ("CreateOtaPackage", "app_id", "a.b", BAD),
    ("CreateOtaPackage", "app_id", "", BAD),
    ("CreateOtaPackage", "app_id", "a\n", BAD),
    ("CreateOtaPackage", "package_type", "softwarePackage", OK),
    ("CreateOtaPackage", "package_type", "FirmwarePackage", BAD),
    ("CreateOtaPackage", "product_id", ID, OK),
    ("CreateOtaPackage", "product_id", ID + "a", BAD),
    ("CreateOtaPackage", "product_id", "a b", BAD),
    ("CreateOtaPackage", "module_name", "radio", BAD),  # only with modulePackage
    ("CreateOtaPackage", "module_name", None, OK),
    ("CreateOtaPackage", "version", "V_1-2.3" + "0" * 249, OK),
    ("CreateOtaPackage", "version", "0" * 257, BAD),
    ("CreateOtaPackage", "version", "V1+2", BAD),
    ("CreateOtaPackage", "support_source_versions", [f"V{n}" for n in range(20)], OK),
    ("CreateOtaPackage", "support_source_versions", [f"V{n}" for n in range(21)], BAD),
    ("CreateOtaPackage", "support_source_versions", [], OK),
    ("CreateOtaPackage", "support_source_versions", ["0" * 256], OK),
    ("CreateOtaPackage", "support_source_versions", ["0" * 257], BAD),
    ("CreateOtaPackage", "support_source_versions", ["V 1"], BAD),
    ("CreateOtaPackage", "support_source_versions", [""], BAD),
    ("CreateOtaPackage", "support_source_versions", [1], BAD),
    ("CreateOtaPackage", "support_source_versions", [None], BAD),
    ("CreateOtaPackage", "support_source_versions", "V1", BAD),
    ("CreateOtaPackage", "description", "中" * 1024, OK),
    ("CreateOtaPackage", "description", "d" * 1025, BAD),
    ("CreateOtaPackage", "description", "", OK),
    ("CreateOtaPackage", "custom_info", "中" * 4096, OK),
    ("CreateOtaPackage", "custom_info", "d" * 4097, BAD),
    ("CreateOtaPackage", "custom_info", "a\0", BAD),
    ("CreateOtaPackage", "custom_info", {"a": 1}, BAD),
    ("CreateOtaPackage", "file_location", {}, BAD),
    ("CreateOtaPackage", "file_location", [], BAD),
    ("CreateOtaPackage", "file_location.obs_location", "x", BAD),
    ("CreateOtaPackage", "file_location.obs_location.region_name", "a-9" + "A" * 253, OK),
    ("CreateOtaPackage", "file_location.obs_location.region_name", "a" * 257, BAD),
    ("CreateOtaPackage", "file_location.obs_location.region_name", "cn_north", BAD),
    ("CreateOtaPackage", "file_location.obs_location.bucket_name", "a.b-9" + "c" * 58, OK),
    ("CreateOtaPackage", "file_location.obs_location.bucket_name", "c" * 64, BAD),
    ("CreateOtaPackage", "file_location.obs_location.bucket_name", "ab", BAD),
    ("CreateOtaPackage", "file_location.obs_location.bucket_name", "Abc", BAD),
    ("CreateOtaPackage", "file_location.obs_location.object_key", key_of(1024), OK),
    ("CreateOtaPackage", "file_location.obs_location.object_key", key_of(1025), BAD),
    ("CreateOtaPackage", "file_location.obs_location.object_key", "固件/x.tar.xz", OK),
    ("CreateOtaPackage", "file_location.obs_location.object_key", "x.BIN", OK),
    ("CreateOtaPackage", "file_location.obs_location.object_key", "x.txt", BAD),
    ("CreateOtaPackage", "file_location.obs_location.object_key", "bin", BAD),
    ("CreateOtaPackage", "file_location.obs_location.object_key", 5, BAD),
    ("CreateOtaPackage", "file_location.obs_location.sign_method", "SHA-256", OK),
    ("CreateOtaPackage", "file_location.obs_location.sign_method", "SHA256", OK),
    ("CreateOtaPackage", "file_location.obs_location.sign_method", "MD5", BAD),
    ("CreateOtaPackage", "file_location.obs_location.sign", SIGN, OK),
    ("CreateOtaPackage", "file_location.obs_location.sign", "Zz" + SIGN[2:], OK),
    ("CreateOtaPackage", "file_location.obs_location.sign", SIGN[1:], BAD),
    ("CreateOtaPackage", "file_location.obs_location.sign", SIGN + "0", BAD),
    ("CreateOtaPackage", "file_location.obs_location.sign", "-" + SIGN[1:], BAD),
    *[("CreateOtaPackage", "file_location.obs_location.object_key", f"x{end}", OK) for end in (
        [".bin", ".dav", ".tar", ".gz", ".zip", ".gzip", ".apk", ".tar.gz", ".tar.xz", ".pack", ".exe", ".bat", ".img"]
    )],
    # batch tasks
    ("CreateBatchTask", "app_id", ID + "a", BAD),
    ("CreateBatchTask", "task_name", "固_件9" + "a" * 124, OK),
    ("CreateBatchTask", "task_name", "a" * 129, BAD),
    ("CreateBatchTask", "task_name", "a-b", BAD),
    ("CreateBatchTask", "task_name", "a b", BAD),
    ("CreateBatchTask", "task_type", "softwareUpgrade", OK),
    ("CreateBatchTask", "task_type", "moduleUpgrade", OK),
    ("CreateBatchTask", "task_type", "createDevices", BAD),
    ("CreateBatchTask", "task_mode", "GATEWAY", OK),
    ("CreateBatchTask", "task_mode", "DEVICE", BAD),
    ("CreateBatchTask", "need_confirm", True, OK),
    ("CreateBatchTask", "need_confirm", "true", BAD),
    ("CreateBatchTask", "need_confirm", 1, BAD),
    ("CreateBatchTask", "task_ext_info", {"k": "中" * 504}, OK),  # 512 characters with {"k":""}
    ("CreateBatchTask", "task_ext_info", {"k": "v" * 505}, BAD),
    ("CreateBatchTask", "task_ext_info", "text", BAD),
    ("CreateBatchTask", "targets", [f"d{n}" for n in range(30_000)], OK),
    ("CreateBatchTask", "targets", [f"d{n}" for n in range(30_001)], BAD),
    ("CreateBatchTask", "targets", ["a" * 128], OK),
    ("CreateBatchTask", "targets", ["a" * 129], BAD),
    ("CreateBatchTask", "targets", ["a:b"], BAD),
    ("CreateBatchTask", "targets", "d1", BAD),
    ("CreateBatchTask", "targets", [], BAD),
    ("CreateBatchTask", "targets_filter", [], BAD),
    ("CreateBatchTask", "document", {"package_id": PACKAGE_ID}, OK),
    ("CreateBatchTask", "document", {"package_id": [PACKAGE_ID]}, OK),
    ("CreateBatchTask", "document", {"package_ids": PACKAGE_ID}, OK),
    ("CreateBatchTask", "document", {"package_ids": []}, BAD),
    ("CreateBatchTask", "document", {"package_ids": [PACKAGE_ID] * 21}, BAD),
    ("CreateBatchTask", "document", {"package_ids": ["a" * 37]}, BAD),
    ("CreateBatchTask", "document", {"package_ids": [7]}, BAD),
    ("CreateBatchTask", "document", {}, BAD),
    ("CreateBatchTask", "task_policy", {}, OK),
    ("CreateBatchTask", "task_policy.schedule_time", "20260701T020000Z", OK),
    ("CreateBatchTask", "task_policy.schedule_time", "2026-07-01T02:00:00Z", BAD),
    ("CreateBatchTask", "task_policy.schedule_time", "20260231T020000Z", BAD),
    ("CreateBatchTask", "task_policy", {"retry_count": 5, "retry_interval": 1440}, OK),
    ("CreateBatchTask", "task_policy", {"retry_count": 0, "retry_interval": 0}, OK),
    ("CreateBatchTask", "task_policy", {"retry_count": 6, "retry_interval": 1}, BAD),
    ("CreateBatchTask", "task_policy", {"retry_count": -1, "retry_interval": 1}, BAD),
    ("CreateBatchTask", "task_policy", {"retry_count": 1, "retry_interval": 1441}, BAD),
    ("CreateBatchTask", "task_policy", {"retry_count": 1}, BAD),
    ("CreateBatchTask", "task_policy", {"retry_interval": 1}, BAD),
    ("CreateBatchTask", "task_policy", {"retry_count": "1", "retry_interval": 1}, BAD),
    ("CreateBatchTask", "task_policy", {"retry_count": True, "retry_interval": 1}, BAD),
    ("CreateBatchTask", "task_policy", {"retry_count": 1.0, "retry_interval": 1}, BAD),
    ("CreateBatchTask", "task_policy", {"retry_count": 10**30, "retry_interval": 1}, BAD),
    ("StopBatchTask", "targets", [f"d{n}" for n in range(100)], OK),
    ("StopBatchTask", "targets", [f"d{n}" for n in range(101)], BAD),
    # modules, spaces, products
    ("CreateOtaModule", "module_name", "a_b-c.9" + "d" * 57, OK),
    ("CreateOtaModule", "module_name", "d" * 65, BAD),
    ("CreateOtaModule", "module_name", "无", BAD),
    ("CreateOtaModule", "module_name", "software", BAD),
    ("CreateOtaModule", "module_name", "Software", BAD),  # issue 9, number 21
    ("CreateOtaModule", "module_name", "default", BAD),
    ("CreateOtaModule", "alias_name", "无_-." + "a" * 60, OK),
    ("CreateOtaModule", "alias_name", "a" * 65, BAD),
    ("CreateOtaModule", "alias_name", "a b", BAD),
    ("CreateOtaModule", "description", "d" * 1024, OK),
    ("UpdateOtaModule", "description", "d" * 1025, BAD),
    ("UpdateOtaModule", "module_name", 5, OK),  # huawei 2.5: not a member of the change, so ignored
    ("AddApplication", "app_name", "家" * 64, OK),
    ("AddApplication", "app_name", "a" * 65, BAD),
    ("AddApplication", "app_name", None, BAD),
    ("CreateProduct", "product_id", ID, OK),
    ("CreateProduct", "product_id", ID + "a", BAD),
    ("CreateProduct", "name", "_?'#().,&%@!-" + "表" * 51, OK),
    ("CreateProduct", "name", "n" * 65, BAD),
    ("CreateProduct", "name", "a/b", BAD),
    ("CreateProduct", "device_type", "t" * 32, OK),
    ("CreateProduct", "device_type", "t" * 33, BAD),
    ("CreateProduct", "protocol_type", "OPC-UA", OK),
    ("CreateProduct", "protocol_type", "mqtt", BAD),
    ("CreateProduct", "data_format", "xml", BAD),
    ("CreateProduct", "manufacturer_name", "m" * 33, BAD),
    ("CreateProduct", "industry", "i" * 64, OK),
    ("CreateProduct", "industry", "i" * 65, BAD),
    ("CreateProduct", "description", "用 途；/" + "d" * 123, OK),
    ("CreateProduct", "description", "d" * 129, BAD),
    ("CreateProduct", "service_capabilities", [{"service_id": f"s{n}", "service_type": "t"} for n in range(500)], OK),
    ("CreateProduct", "service_capabilities", [{"service_id": f"s{n}", "service_type": "t"} for n in range(501)], BAD),
    ("CreateProduct", "service_capabilities", [{"service_id": "s", "service_type": "t"}] * 2, BAD),
    ("CreateProduct", "service_capabilities", [{"service_id": "s"}], BAD),
    # devices
    ("AddDevice", "device_id", "d" * 128, OK),
    ("AddDevice", "device_id", "d" * 129, BAD),
    ("AddDevice", "device_id", "d.e", BAD),
    ("AddDevice", "node_id", "n" * 64, OK),
    ("AddDevice", "node_id", "n" * 65, BAD),
    ("AddDevice", "device_name", "名" * 256, OK),
    ("AddDevice", "device_name", "n" * 257, BAD),
    ("AddDevice", "description", "d" * 2048, OK),
    ("AddDevice", "description", "d" * 2049, BAD),
    ("AddDevice", "gateway_id", "g" * 129, BAD),
    ("AddDevice", "auth_info", {"auth_type": "SECRET", "secret": "a" * 8}, OK),
    ("AddDevice", "auth_info", {"secret": "a_-9" * 8}, OK),
    ("AddDevice", "auth_info", {"secret": "a" * 7}, BAD),
    ("AddDevice", "auth_info", {"secret": "a" * 33}, BAD),
    ("AddDevice", "auth_info", {"secret": "a" * 7 + "."}, BAD),
    ("AddDevice", "auth_info", {"auth_type": "CERTIFICATES"}, BAD),
    ("AddDevice", "auth_info", {"fingerprint": "a" * 40}, BAD),
    ("AddDevice", "auth_info", {"timeout": 0, "secure_access": False}, OK),
    ("AddDevice", "auth_info", {"timeout": -1}, BAD),
    ("AddDevice", "extension_info", {"a": "b" * 1016}, OK),
    ("AddDevice", "extension_info", {"a": "b" * 1017}, BAD),
    ("AddDevice", "shadow", [{"service_id": "s", "desired": {}}], BAD),
    ("AddDevice", "shadow", [], OK),
    ("ResetDeviceSecret", "secret", "a" * 32, OK),
    ("ResetDeviceSecret", "secret", "a" * 33, BAD),
    ("ResetDeviceSecret", "secret_type", "THIRD", BAD),
    ("ResetDeviceSecret", "force_disconnect", "false", BAD),
    # groups and tags
    ("AddDeviceGroup", "name", "北 区" + "a" * 61, OK),
    ("AddDeviceGroup", "name", "a" * 65, BAD),
    ("AddDeviceGroup", "name", None, BAD),
    ("AddDeviceGroup", "description", "d" * 65, BAD),
    ("AddDeviceGroup", "super_group_id", "x", BAD),
    ("AddDeviceGroup", "group_type", "dynamic", BAD),  # without a rule
    ("AddDeviceGroup", "dynamic_group_rule", "app_id = 'a'", BAD),  # of a static one
    ("TagDevice", "tags", [{"tag_key": f"k{n}", "tag_value": "v"} for n in range(10)], OK),
    ("TagDevice", "tags", [{"tag_key": f"k{n}", "tag_value": "v"} for n in range(11)], BAD),
    ("TagDevice", "tags", [{"tag_key": "k", "tag_value": "v"}] * 2, BAD),
    ("TagDevice", "tags", [{"tag_key": "k" * 64, "tag_value": "值" * 128}], OK),
    ("TagDevice", "tags", [{"tag_key": "k" * 65, "tag_value": "v"}], BAD),
    ("TagDevice", "tags", [{"tag_key": "k", "tag_value": "v" * 129}], BAD),
    ("TagDevice", "tags", [{"tag_key": "k"}], BAD),
    ("TagDevice", "tags", [], BAD),
    ("TagDevice", "resource_type", "product", BAD),
    ("UntagDevice", "tag_keys", ["a", "a"], BAD),
    ("UntagDevice", "tag_keys", [], BAD),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "value", "passes"), VALUES)
def test_bounds(name: str, path: str, value: Any, passes: bool) -> None:
    body, query = placed(BASES[name], path, value), (("action_id", "resetSecret"),)
    if passes:
        decode(name, body, query)
        return
    error = refused(name, body, query)
    named = getattr(error, "field", "")
    assert named.startswith((path, path.partition(".")[0], "auth_info", "dynamic_group_rule", "document"))


def test_refusals_name_the_member_by_its_path() -> None:
    for name, path in (("CreateOtaPackage", "file_location.obs_location.object_key"), ("AddDevice", "node_id")):
        error = refused(name, placed(BASES[name], path, 5))
        assert str(error) == f"{path}: a string; it is 5"
        error = refused(name, placed(BASES[name], path, ...))
        assert isinstance(error, Missing)
        assert error.field == path
    first = {"tag_key": "k", "tag_value": "v"}
    for tags, path in (
        ([{"tag_key": 1}], "tags[0].tag_key"),
        ([first, {"tag_key": "k", "tag_value": "v v"}], "tags[1].tag_value"),
        ([first, 7], "tags[1]"),
    ):
        assert getattr(refused("TagDevice", {**TAGS, "tags": tags}), "field", "") == path


MANDATORY = {
    "CreateOtaPackage": [
        "app_id", "package_type", "product_id", "version", "file_location", "file_location.obs_location",
        "file_location.obs_location.region_name", "file_location.obs_location.bucket_name",
        "file_location.obs_location.object_key",
    ],
    "CreateBatchTask": ["task_name", "task_type", "targets", "document"],
    "CreateOtaModule": ["app_id", "product_id", "module_name"],
    "CreateProduct": ["name", "device_type", "protocol_type", "data_format", "service_capabilities"],
    "AddDevice": ["node_id", "product_id"],
    "TagDevice": ["resource_type", "resource_id", "tags"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in MANDATORY.items() for path in paths])
def test_a_null_is_as_good_as_none(name: str, path: str) -> None:
    for value in (None, ...):
        assert isinstance(refused(name, placed(BASES[name], path, value)), Missing)


QUERIES: list[tuple[str, tuple[tuple[str, str], ...], str, str]] = [
    ("ListOtaPackageInfo", (), "package_type", "IOTDA.000006"),
    ("ListOtaPackageInfo", (("package_type", "x"),), "package_type", "IOTDA.000006"),
    ("ListBatchTasks", (), "task_type", "IOTDA.000006"),
    ("ListBatchTasks", (("task_type", "firmwareUpgrade"), ("status", "Waiting")), "status", "IOTDA.000006"),
    ("ListOtaModules", (), "app_id", "IOTDA.000006"),
    ("ListProducts", (("limit", "0"),), "limit", "IOTDA.000017"),
    ("ListProducts", (("limit", "51"),), "limit", "IOTDA.000017"),
    ("ListProducts", (("limit", "x"),), "limit", "IOTDA.000017"),
    ("ListProducts", (("limit", "1" * 30),), "limit", "IOTDA.000017"),
    ("ListProducts", (("marker", "f" * 23),), "marker", "IOTDA.000018"),
    ("ListProducts", (("marker", "g" * 24),), "marker", "IOTDA.000018"),
    ("ListProducts", (("offset", "501"),), "offset", "IOTDA.000006"),
    ("ListProducts", (("offset", "-1"),), "offset", "IOTDA.000006"),
    ("ShowApplications", (("default_app", "yes"),), "default_app", "IOTDA.000006"),
    ("ListDevices", (("start_time", "2023-01-01"),), "start_time", "IOTDA.000009"),
    ("ListDevices", (("end_time", "20230101T250000Z"),), "end_time", "IOTDA.000009"),
    (
        "ListDevices",
        (("start_time", "20230101T000000Z"), ("end_time", "20230101T000000Z")),
        "start_time",
        "IOTDA.000010",
    ),
    ("ResetDeviceSecret", (), "action_id", "IOTDA.000006"),
    ("ResetDeviceSecret", (("action_id", "x"),), "action_id", "IOTDA.000006"),
    ("CreateOrDeleteDeviceInGroup", (("action_id", "addDevice"),), "device_id", "IOTDA.000006"),
]


@pytest.mark.parametrize(("name", "query", "field", "code"), QUERIES)
def test_queries(name: str, query: tuple[tuple[str, str], ...], field: str, code: str) -> None:
    with pytest.raises(CallerError) as caught:
        decode(name, None, query)
    assert getattr(caught.value, "field", "") == field
    told = refusal(caught.value)
    assert (told.status, told.code) == (400, code)
    assert field in told.message


def test_paging_at_its_bounds() -> None:
    query = (("limit", "50"), ("marker", "F" * 24), ("offset", "500"), ("limit", "99"), ("unknown", "1"))
    assert decode("ListProducts", None, query) == c.ListProducts(asked=Slice(take=50, skip=500))
    query = (("limit", "1"), ("marker", "0" * 24), ("offset", ""))
    assert decode("ListProducts", None, query) == c.ListProducts(asked=Slice(take=1, below=0))


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"more":{}}'])
@pytest.mark.parametrize("name", ["StopBatchTask", "RetryBatchTask", "ConfirmBatchTask"])
def test_an_empty_body_is_an_empty_object(name: str, body: bytes) -> None:
    command = json_members.command(management.OPERATIONS[name], {"task_id": TASK_ID}, (), body)
    assert getattr(command, "targets", None) == ()


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"1", b"null", b'"x"', b"\xff\xfe", b'{"a":"\xff"}', b"[" * 100_000, b"a=b"]
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(CallerError) as caught:
        json_members.command(management.OPERATIONS["AddDevice"], {}, (), body)
    told = refusal(caught.value)
    assert (told.status, told.code) == (400, "IOTDA.000008")


def test_what_can_not_be_stored_is_refused_wherever_it_stands() -> None:
    for ext in ({"a": "\0"}, {"\0": 1}, {"a": [{"b": "\0"}]}):
        error = refused("AddDevice", {**DEVICE, "extension_info": ext})
        assert "NUL" in str(error)
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    assert "nested at most" in str(refused("AddDevice", {**DEVICE, "extension_info": deep}))


def test_module_packages() -> None:
    body = {**PACKAGE, "package_type": "modulePackage"}
    assert isinstance(refused("CreateOtaPackage", body), Missing)
    command = decode("CreateOtaPackage", {**body, "module_name": "a_b-c.9" + "d" * 57})
    assert isinstance(command, c.CreatePackage)
    assert command.module == "a_b-c.9" + "d" * 57
    for name in ("d" * 65, "a b", "default", "software"):
        assert getattr(refused("CreateOtaPackage", {**body, "module_name": name}), "field", "") == "module_name"


def test_module_upgrades_take_neither_mode_nor_ext_info() -> None:
    body = {**BATCH, "task_type": "moduleUpgrade"}
    for name, value in (("task_mode", "GATEWAY"), ("task_ext_info", {})):
        assert getattr(refused("CreateBatchTask", {**body, name: value}), "field", "") == name


def test_who_is_meant_by_a_task() -> None:
    """huawei 3.2: targets, then targets_filter, then document_source; never none."""
    none = {name: value for name, value in BATCH.items() if name != "targets"}
    assert isinstance(refused("CreateBatchTask", none), Missing)
    assert getattr(refused("CreateBatchTask", {**none, "document_source": "f"}), "field", "") == "document_source"
    assert isinstance(refused("CreateBatchTask", {**none, "targets_filter": {}}), Missing)
    for groups in ([], "g", [1], [GROUP_ID] * 101):
        error = refused("CreateBatchTask", {**none, "targets_filter": {"group_ids": groups}})
        assert getattr(error, "field", "").startswith("targets_filter.group_ids")
    command = decode("CreateBatchTask", {**BATCH, "targets_filter": {"group_ids": "wrong"}, "document_source": "f"})
    assert isinstance(command, c.CreateJob)
    assert (command.targets, command.group_ids) == (("d1",), ())
