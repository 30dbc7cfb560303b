"""Every field of Huawei's fleet at its bound and past it (huawei 1.10, 2.5, 4.1-4.6): what is taken, what is refused.

A row is the request, the field's path in it, a value that is taken and values that are not. `RAISED` are the codes of
those refusals that are not IOTDA.000006.
"""

from dataclasses import dataclass
from typing import Any

HAN = "灯"
LONG = "x" * 5000
TIMES = ("20260229T000000Z", "2026-01-01T00:00:00Z", "20260101T000000", "x")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One field of one request."""

    request: str
    field: str
    good: tuple[Any, ...] = ()
    bad: tuple[Any, ...] = ()
    code: str = "IOTDA.000006"
    names: str = ""  # what the message names, where that is not the field's path


def case(request: str, field: str, good: tuple[Any, ...], *bad: Any, **more: str) -> Case:
    return Case(request=request, field=field, good=good, bad=bad, **more)


def text(request: str, field: str, high: int, char: str = "a", *bad: Any, low: int = 1) -> Case:
    """A text of `low` to `high` characters."""
    short = (char * (low - 1),) if low else ()
    return case(request, field, (char * high, char * max(low, 1)), char * (high + 1), *short, 5, {}, "a\0b", *bad)


def service(name: str = "s", **more: Any) -> dict[str, Any]:
    return {"service_id": name, "service_type": "t", **more}


def prop(name: str = "p", **more: Any) -> dict[str, Any]:
    return {"property_name": name, "data_type": "int", "method": "R", **more}


def heavy(name: str) -> dict[str, Any]:
    return service(name, properties=[prop(f"p{n}", description=HAN * 128) for n in range(500)])


SERVICES = "service_capabilities"
ONE = f"{SERVICES}.0"
P, C, E = f"{ONE}.properties.0", f"{ONE}.commands.0", f"{ONE}.events.0"

PRODUCTS = [
    text("product", "name", 64, HAN, "a b", "a/b"),
    text("product", "device_type", 32, HAN, "a b"),
    case("product", "protocol_type", ("MQTT", "OPC-UA"), "mqtt", "", 1),
    case("product", "data_format", ("json", "binary"), "xml", "JSON"),
    text("product", "manufacturer_name", 32, HAN),
    text("product", "industry", 64, HAN),
    text("product", "description", 128, HAN, low=0),
    case("product", "app_id", (), "a" * 37, "a b", "", 7),
    case("product", "product_id", (), "a" * 37, "a b", "a.b", "", 7),
    case("product", SERVICES, ([], [service(f"s{n}") for n in range(500)]), {}, "x", [1], names=SERVICES),
    case("product", SERVICES, (), [service(f"s{n}") for n in range(501)], [heavy("a"), heavy("b"), heavy("c")]),
    case("product", SERVICES, (), [service("a"), service("a")]),
    text("product", f"{ONE}.service_id", 64, HAN),
    text("product", f"{ONE}.service_type", 64, HAN),
    text("product", f"{ONE}.description", 128, HAN, low=0),
    case("product", f"{ONE}.option", ("Master", "Mandatory", "Optional"), "optional"),
    case("product", f"{ONE}.properties", ([prop(f"p{n}") for n in range(500)],), [prop(f"p{n}") for n in range(501)]),
    case("product", f"{ONE}.properties", (), [prop("a"), prop("a")], {}),
    text("product", f"{P}.property_name", 64, HAN),
    case("product", f"{P}.data_type", ("string list", "jsonObject"), "float"),
    case("product", f"{P}.method", ("RWE", "E"), "EW", "r"),
    text("product", f"{P}.min", 16, "1"),
    text("product", f"{P}.max", 16, "1"),
    text("product", f"{P}.unit", 16, HAN, low=0),
    text("product", f"{P}.description", 128, HAN, low=0),
    case("product", f"{P}.required", (True, False), "false", 1),
    case("product", f"{P}.max_length", (0, 5), "5", 1.5, 2**64),
    case("product", f"{P}.step", (0.5, 2), "2", True),
    case("product", f"{P}.enum_list", (["a"],), [1], "a"),
    text("product", f"{C}.command_name", 64, HAN),
    case("product", f"{ONE}.commands", (), [{"command_name": "a"}, {"command_name": "a"}]),
    text("product", f"{C}.paras.0.para_name", 32, HAN),
    case("product", f"{C}.paras.0.data_type", ("int",), "float"),
    text("product", f"{C}.responses.0.response_name", 128, HAN),
    text("product", f"{E}.event_type", 32, HAN),
    case("product", f"{ONE}.events", (), [{"event_type": "a"}, {"event_type": "a"}]),
    text("product", f"{E}.paras.0.para_name", 32, HAN),
]

DEVICES = [
    case("device", "node_id", ("{unique:64}",), "a" * 65, "a b", "a/b", HAN, "", 5),
    case("device", "device_id", ("{unique:128}",), "a" * 129, "a b", "a.b", HAN, "", 5),
    case("device", "product_id", (), "a" * 37, "a b", "", 5),
    case("device", "app_id", (), "a" * 37, "", 5),
    case("device", "gateway_id", (), "a" * 129, "a b", "", 5),
    text("device", "device_name", 256, HAN, "a b"),
    text("device", "description", 2048, HAN, low=0),
    text("device", "auth_info.secret", 32, "a", "has blank", low=8),
    case("device", "auth_info.auth_type", ("SECRET",), "CERTIFICATES", "secret"),
    case("device", "auth_info.fingerprint", (), "a" * 39, "g" * 40),
    case("device", "auth_info.secure_access", (True, False), "true", 1),
    case("device", "auth_info.timeout", (0, 300), -1, "300", 2**40),
    case("device", "auth_info", (), "x", []),
    case("device", "extension_info", ({}, {"k": "a" * 1016}), {"k": "a" * 1017}, "x", [], {"k": "a\0b"}),
    case("device", "shadow", ([],), [{"service_id": "s", "desired": {}}], "x", names="shadow"),
    text("device change", "device_name", 256, HAN),
    text("device change", "description", 2048, HAN, low=0),
    case("device change", "extension_info", ({"k": "a" * 1016},), {"k": "a" * 1017}, "x"),
    case("device change", "auth_info.timeout", (5,), -1, "5"),
    text("secret", "secret", 32, "a", "has blank", low=8),
    case("secret", "secret_type", ("PRIMARY", "SECONDARY"), "primary", ""),
    case("secret", "force_disconnect", (True, False), "true", 1),
]

OTHERS = [
    text("app", "app_name", 64, HAN, "a/b"),
    case("group", "name", ("{han:64}",), HAN * 65, "", "a/b", 5),
    text("group", "description", 64, HAN, "a/b", low=0),
    case("group", "super_group_id", (), "a" * 37, "xyz", ""),
    case("group", "group_type", ("static", "Static", "STATIC"), "x", ""),
    case("group", "app_id", (), "a" * 37, ""),
    case("dynamic group", "dynamic_group_rule", ("status = 'ONLINE'" + " " * 383,), "status = 'ONLINE'" + " " * 384),
    case("dynamic group", "dynamic_group_rule", (), "", "status", "status = 'ONLINE' limit 5", "secret = 'x'", 5),
    case("dynamic group", "dynamic_group_rule", (), " or ".join(["status = 'ONLINE'"] * 6)),
    case("tags", "tags", ([{"tag_key": f"k{n}", "tag_value": "v"} for n in range(10)],), [], {}, "x"),
    case("tags", "tags", (), [{"tag_key": f"k{n}", "tag_value": "v"} for n in range(11)]),
    case("tags", "tags", (), [{"tag_key": "k", "tag_value": "v"}] * 2),
    text("tags", "tags.0.tag_key", 64, HAN, "a b", "a/b"),
    text("tags", "tags.0.tag_value", 128, HAN, "a b"),
    case("tags", "resource_type", ("device",), "product", "", 5),
    case("tags", "resource_id", (), "a" * 129, "a b", ""),
    case("untag", "tag_keys", (), [], ["k", "k"], [f"k{n}" for n in range(11)], ["k" * 65], "k"),
    case("tagged", "tags", ([{"tag_key": "k", "tag_value": "v"}],), [], [{"tag_key": "k"}]),
    case("module", "module_name", ("{unique:64}",), "a" * 65, "a b", HAN, "", "default", "software"),
    text("module", "alias_name", 64, HAN, "a b", low=0),
    text("module", "description", 1024, HAN, low=0),
    case("module", "app_id", (), "a" * 37, ""),
    case("module", "product_id", (), "a" * 37, ""),
    case("search", "sql", ("select * from device" + " " * 380,), "select * from device" + " " * 381, "", 5),
    case("search", "sql", (), "delete from device", "select * from product", "select secret from device"),
    case("search", "sql", (), "select * from device limit 51", "select * from device limit 501, 5"),
    case("search", "sql", (), "select * from device where device_name like 'abc%'", "select 1; select 2"),
]

IDS_30_001 = [f"d{n}" for n in range(30_001)]
EXT_512 = {"k": "a" * 504}  # 512 characters of JSON
FUTURE, FAR = "{in:518400}", "{in:608400}"  # seconds from now: six days, and seven days and an hour
PACKAGE_IDS = [f"{n:032x}" for n in range(21)]
BATCHES = [  # huawei 3.2, 3.4
    case("batch", "app_id", ("{app}",), "a" * 37, "a b", "", 5),
    text("batch", "task_name", 128, HAN, "a-b", "a b"),
    case("batch", "task_type", ("firmwareUpgrade",), "createDevices", "FirmwareUpgrade", "", 5),
    case("batch", "task_mode", ("GATEWAY",), "gateway", "", 5, True),
    case("batch", "need_confirm", (True, False), "true", 1),
    case("batch", "task_ext_info", ({}, EXT_512), EXT_512 | {"k": "a" * 505}, "x", [], {"k": "a\0b"}),
    case("batch", "targets", (["d" * 128, "A_-9"], IDS_30_001[:30_000]), IDS_30_001, "d", {}),
    case("batch", "targets", (), ["d" * 129], ["a b"], ["灯"], [""], [5], names="targets"),
    case("batch", "document", (), {}, {"package_ids": []}, "x", [], {"package_ids": 5}),
    case("batch", "document.package_ids", (["{package}"], "{package}"), ["a" * 37], ["a_b"], [""], [5], PACKAGE_IDS),
    case("batch", "document", ({"package_id": "{package}"}, {"package_id": ["{package}"]})),
    case("batch", "document", (), *({"package_id": bad} for bad in ("a" * 37, ["a_b"], [], 5)), names="package_id"),
    case("batch", "task_policy", ({},), "x", []),
    case("batch", "task_policy.schedule_time", (FUTURE,), *TIMES, code="IOTDA.000009"),
    case("batch", "task_policy.schedule_time", (), FAR, "20200101T000000Z", names="schedule"),
    case("batch", "task_policy.retry_count", (0, 5), -1, 6, "5", 1.5, 2**64),
    case("batch", "task_policy.retry_interval", (0, 1440), -1, 1441, "5", 1.5),
    case("group batch", "targets_filter", ({"group_ids": ["{group}"]},), {"group_ids": []}, "x", [], {"other": ["a"]}),
    case(
        "group batch",
        "targets_filter.group_ids",
        (["{group}"],),
        ["a" * 37],
        ["xyz"],
        [5],
        [""],
        "a",
        names="group_ids",
    ),
    case("group batch", "targets_filter.group_ids", (), [f"{n:x}" for n in range(101)]),
    case("module batch", "task_mode", (), "GATEWAY"),
    case("module batch", "task_ext_info", (), {"k": "v"}),
    case("named", "targets", ([f"d{n}" for n in range(100)], ["d" * 128]), [f"d{n}" for n in range(101)], [], "d", {}),
    case("named", "targets", (), ["d" * 129], ["a b"], [""], [5]),
]

LISTS = (
    "/products",
    "/devices",
    "/device-group",
    "/ota-upgrades/modules?app_id={app}",
    "/device-group/{group}/devices",
    "/batchtasks?task_type=firmwareUpgrade",
    "/batchtasks/{task}",
    "/ota-upgrades/packages?package_type=firmwarePackage",
)
PAGING = [
    Case(request=path, field=field, good=good, bad=bad, code=code)
    for path in LISTS
    for field, good, bad, code in (
        ("limit", ("1", "50"), ("0", "51", "-1", "x", "1.5", "99999999999999999999"), "IOTDA.000017"),
        ("marker", ("f" * 24, "0" * 24, "F" * 24), ("f" * 23, "f" * 25, "g" * 24), "IOTDA.000018"),
        ("offset", ("0", "500"), ("-1", "501", "x"), "IOTDA.000006"),
    )
]
QUERIES = [
    *PAGING,
    case("/devices", "product_id", ("a" * 36,), "a" * 37, "a b"),
    case("/devices", "gateway_id", ("a" * 128,), "a" * 129),
    case("/devices", "node_id", ("a" * 64,), "a" * 65),
    case("/devices", "device_name", (HAN * 256,), HAN * 257),
    case("/devices", "is_cascade_query", ("true", "False"), "maybe", "1"),
    case("/devices", "app_id", (), "a" * 37),
    case("/devices", "start_time", ("20260101T000000Z",), *TIMES, code="IOTDA.000009"),
    case("/devices", "end_time", ("20260101T000000Z",), *TIMES, code="IOTDA.000009"),
    case("/products", "product_name", (HAN * 64,), HAN * 65),
    case("/products", "app_id", (), "a" * 37),
    case("/device-group", "last_modified_time", ("20260101T000000Z",), *TIMES, code="IOTDA.000009"),
    case("/device-group", "group_type", ("static", "DYNAMIC", "Dynamic"), "x"),
    case("/device-group", "name", ("a" * 64,), "a" * 65),
    case("/apps", "default_app", ("true", "false"), "x", "1"),
    case("/batchtasks", "task_type", ("firmwareUpgrade", "softwareUpgrade", "moduleUpgrade"), "x", "createDevices"),
    case("/batchtasks?task_type=firmwareUpgrade", "app_id", (), "a" * 37, "a b"),
    case("/batchtasks?task_type=firmwareUpgrade", "status", ("Waitting", "PartialSuccess"), "Waiting", "waitting"),
    case("/batchtasks/{task}", "task_detail_status", ("FailWaitRetry", "Removed"), "Stopping", "fail"),
    case("/batchtasks/{task}", "target", ("d" * 128,), "d" * 129, "a b"),
]
