"""Huawei's spaces, products, devices, groups, tags and searches (huawei 4): every success, every kind of page, and what
the state of things refuses."""

from typing import Any

from tests.golden.huawei_script import Script, of

MODEL = [
    {
        "service_id": "Lamp", "service_type": "Lamp", "description": "A lamp.", "option": "Master",
        "properties": [{"property_name": "on", "data_type": "enum", "required": True, "enum_list": ["a", "b"],
                        "min": "0", "max": "1", "max_length": 3, "step": 0.5, "unit": "lx", "method": "RW",
                        "description": "light", "default_value": {"x": [1, None]}}],
        "commands": [{"command_name": "blink",
                      "paras": [{"para_name": "times", "data_type": "int", "min": "1", "max": "9", "step": 1}],
                      "responses": [{"response_name": "done",
                                     "paras": [{"para_name": "ok", "data_type": "boolean"}]}]}],
        "events": [{"event_type": "broke", "paras": [{"para_name": "why", "data_type": "string", "max_length": 9}]}],
    }
]  # fmt: skip
PRODUCT = {"device_type": "Lamp", "protocol_type": "MQTT", "data_format": "json", "service_capabilities": []}
NONE = "0" * 23 + "1"  # an id of the right form, of nothing


def fleet() -> Script:
    s = Script()
    _spaces(s)
    _products(s)
    _devices(s)
    _tags(s)
    _groups(s)
    _shown(s)
    _search(s)
    _changed(s)
    _gone(s)
    return s


def _spaces(s: Script) -> None:
    s.call("ShowApplications", "no other", shows="empty", query={"default_app": "false"})
    s.full("ShowApplications", "one")
    made = s.full("AddApplication", json={"app_name": "灯 1 (two)!"})
    s.full("ShowApplications")
    s.call("ShowApplications", "the default one", query={"default_app": "true"})
    s.full("ShowApplication", ids={"app_id": of(made, "app_id")})
    s.full("UpdateApplication", ids={"app_id": of(made, "app_id")}, json={"app_name": "second"})
    for name, more in (("ShowApplication", {}), ("UpdateApplication", {"json": {"app_name": "a"}}),
                       ("DeleteApplication", {})):  # fmt: skip
        s.refused(name, "an unknown one", ids={"app_id": "unknown"}, **more)
        s.refused(name, "of another account", ids={"app_id": of(made, "app_id")}, by="other/admin", **more)
    default = of("ShowApplications: one", "applications.0.app_id")
    s.refused("DeleteApplication", "the default one", ids={"app_id": default})


SECOND = of("AddApplication: full", "app_id")


def _products(s: Script) -> None:
    s.call("ListProducts", "none yet", shows="empty")
    whole = PRODUCT | {"product_id": "prod-1", "name": "lamp", "service_capabilities": MODEL, "description": "d",
                       "manufacturer_name": "Maker", "industry": "light"}  # fmt: skip
    s.full("CreateProduct", json=whole | {"app_id": SECOND})
    s.full("CreateProduct", "with the least", json=PRODUCT | {"product_id": "prod-2", "name": "second"})
    s.full("CreateProduct", "without an id", json=PRODUCT | {"name": "third"})
    s.refused("CreateProduct", "a taken id", json=whole)
    s.refused("CreateProduct", "an id of another account", json=whole, by="other/admin")
    s.refused("CreateProduct", "an unknown space", json=whole | {"app_id": "unknown", "product_id": "p"})
    s.refused("CreateProduct", "a service twice", json=whole | {"service_capabilities": MODEL * 2})
    twice = [MODEL[0] | {"properties": MODEL[0]["properties"] * 2}]
    s.refused("CreateProduct", "a property twice", json=whole | {"service_capabilities": twice})
    large = {"property_name": "p", "data_type": "enum", "method": "R", "default_value": {"$text": ["x", 2000]}}
    many = {"$list": [{"service_id": "s#", "service_type": "t", "properties": [large]}, 300]}
    s.refused("CreateProduct", "too large a model", json=whole | {"service_capabilities": many})
    s.pages("ListProducts", {})
    s.full("ListProducts", "of a space and a name", query={"app_id": SECOND, "product_name": "lamp"})
    s.call("ListProducts", "of another name", shows="empty", query={"product_name": "other"})
    s.refused("ListProducts", "of an unknown space", query={"app_id": "unknown"})
    s.full("ShowProduct", ids={"product_id": "prod-1"})
    s.full("ShowProduct", "in its space", ids={"product_id": "prod-1"}, query={"app_id": SECOND})
    s.full("UpdateProduct", ids={"product_id": "prod-1"}, json={"name": "lamp 2".replace(" ", "_"), "industry": "x"})
    s.full("UpdateProduct", "the model", ids={"product_id": "prod-2"}, json={"service_capabilities": MODEL})
    for name, more in (("ShowProduct", {}), ("UpdateProduct", {"json": {"name": "a"}}), ("DeleteProduct", {})):
        s.refused(name, "an unknown one", ids={"product_id": "unknown"}, **more)
        s.refused(name, "of another account", ids={"product_id": "prod-1"}, by="other/admin", **more)
    s.refused("ShowProduct", "in another space", ids={"product_id": "prod-2"}, query={"app_id": SECOND})
    s.refused("DeleteProduct", "in an unknown space", ids={"product_id": "prod-2"}, query={"app_id": "unknown"})


def _devices(s: Script) -> None:
    s.call("ListDevices", "none yet", shows="empty")
    whole = {"device_id": "dev-1", "node_id": "node-1", "product_id": "prod-1", "app_id": SECOND,
             "device_name": "lamp#1", "description": "a lamp", "extension_info": {"x": {"y": None}},
             "auth_info": {"auth_type": "SECRET", "secret": "secret-of-dev-1", "secure_access": True,
                           "timeout": 7}}  # fmt: skip
    s.full("AddDevice", json=whole)
    s.full("AddDevice", "with the least", json={"node_id": "node-2", "product_id": "prod-1"})
    s.full("AddDevice", "behind another", json={"device_id": "dev-3", "node_id": "node-3", "product_id": "prod-2",
                                                "gateway_id": "dev-1"})  # fmt: skip
    for words, more in (
        ("a taken id", {"node_id": "n"}),
        ("a taken name", {"device_id": "dev-9"}),
        ("an unknown product", {"device_id": "d", "node_id": "n", "product_id": "unknown", "app_id": None}),
        ("an unknown space", {"device_id": "d", "node_id": "n", "app_id": "unknown"}),
        ("behind an unknown one", {"device_id": "d", "node_id": "n", "gateway_id": "unknown"}),
        ("behind itself", {"device_id": "d", "node_id": "n", "gateway_id": "d"}),
        ("with a shadow", {"shadow": [{"service_id": "s", "desired": {}}]}),
        ("with a certificate", {"auth_info": {"auth_type": "CERTIFICATES"}}),
        ("with a fingerprint", {"auth_info": {"fingerprint": "a" * 40}}),
        ("a product of another space", {"device_id": "d", "node_id": "n", "product_id": "prod-2"}),
    ):
        s.refused("AddDevice", words, json=whole | more)
    s.refused("AddDevice", "a product of another account", json={"node_id": "n", "product_id": "prod-1"},
              by="other/admin")  # fmt: skip
    s.call("AddDevice", "behind one that is behind", json={"device_id": "dev-4", "node_id": "node-4",
                                                           "product_id": "prod-2", "gateway_id": "dev-3"})  # fmt: skip
    s.refused("AddDevice", "behind too many", json={"node_id": "node-5", "product_id": "prod-2",
                                                    "gateway_id": "dev-4"})  # fmt: skip
    s.full("DeleteDevice", ids={"device_id": "dev-4"})
    s.pages("ListDevices", {})
    every = {"product_id": "prod-1", "node_id": "node-1", "device_name": "lamp#1", "app_id": SECOND,
             "start_time": "{{now|basic-3600}}", "end_time": "{{now|basic+3600}}"}  # fmt: skip
    s.full("ListDevices", "by every filter", query=every)
    s.full("ListDevices", "behind one", query={"gateway_id": "dev-1", "is_cascade_query": "true"})
    s.call("ListDevices", "before they were", shows="empty", query={"end_time": "20200101T000000Z"})
    s.refused("ListDevices", "to an end before the start", query={"start_time": "20200102T000000Z",
                                                                  "end_time": "20200101T000000Z"})  # fmt: skip
    s.refused("ListDevices", "of an unknown space", query={"app_id": "unknown"})
    s.refused("DeleteDevice", "with one behind it", ids={"device_id": "dev-1"})
    s.refused("DeleteProduct", "with devices", ids={"product_id": "prod-1"})


def _tags(s: Script) -> None:
    def tags(*pairs: str) -> Any:
        return [{"tag_key": key, "tag_value": value} for key, _, value in (pair.partition("=") for pair in pairs)]

    whom = {"resource_type": "device", "resource_id": "dev-1"}
    find = {"resource_type": "device", "tags": tags("所在=厅")}
    s.call("ListResourcesByTags", "none yet", shows="empty", json=find)
    s.full("TagDevice", json=whom | {"tags": tags("所在=厅", "b.c=d", "gone=1")})
    for device in ("prod-1_node-2", "dev-3"):
        s.call("TagDevice", device, json=whom | {"resource_id": device, "tags": tags("所在=厅")})
    s.pages("ListResourcesByTags", {}, json=find)
    s.full("ListResourcesByTags", "with two tags", json=find | {"tags": tags("所在=厅", "b.c=d")})
    s.refused("TagDevice", "a key twice", json=whom | {"tags": tags("a=1", "a=2")})
    s.refused("TagDevice", "none", json=whom | {"tags": []})
    s.refused("ListResourcesByTags", "none", json=find | {"tags": []})
    s.refused("TagDevice", "too many in all", json=whom | {"tags": tags(*(f"k{n}=v" for n in range(9)))})
    s.full("UntagDevice", json=whom | {"tag_keys": ["gone"]})
    s.refused("UntagDevice", "an unknown tag", json=whom | {"tag_keys": ["gone", "b.c"]})
    s.refused("UntagDevice", "a key twice", json=whom | {"tag_keys": ["a", "a"]})
    s.refused("UntagDevice", "none", json=whom | {"tag_keys": []})
    for name, more in (("TagDevice", {"tags": tags("a=1")}), ("UntagDevice", {"tag_keys": ["b.c"]})):
        s.refused(name, "an unknown device", json=whom | {"resource_id": "unknown"} | more)
        s.refused(name, "a device of another account", json=whom | more, by="other/admin")


def _groups(s: Script) -> None:
    s.call("ListDeviceGroups", "none yet", shows="empty")
    s.call("ListDeviceGroupsByDevice", "none yet", shows="empty", ids={"device_id": "dev-1"})
    made = s.full("AddDeviceGroup", json={"name": "全部", "description": "all", "app_id": SECOND,
                                          "group_type": "static"})  # fmt: skip
    group = {"group_id": of(made, "group_id")}
    under = s.full("AddDeviceGroup", "under another", json={"name": "under", "super_group_id": group["group_id"]})
    dynamic = s.full("AddDeviceGroup", "dynamic", json={"name": "lamps", "group_type": "DYNAMIC",
                     "dynamic_group_rule": "node_id like 'node-%' and product_id = 'prod-1'"})  # fmt: skip
    for words, more in (
        ("a taken name", {"name": "全部", "app_id": SECOND}),
        ("without a name", {}),
        ("dynamic without a condition", {"name": "g", "group_type": "DYNAMIC"}),
        ("static with a condition", {"name": "g", "dynamic_group_rule": "node_id = 'a'"}),
        ("dynamic under another", {"name": "g", "group_type": "DYNAMIC", "dynamic_group_rule": "node_id = 'a'",
                                   "super_group_id": group["group_id"]}),
        ("no condition", {"name": "g", "group_type": "DYNAMIC", "dynamic_group_rule": "node_id"}),
        ("a condition with an order", {"name": "g", "group_type": "DYNAMIC",
                                       "dynamic_group_rule": "node_id = 'a' order by marker"}),
        ("under an unknown one", {"name": "g", "super_group_id": NONE}),
        ("under a foreign id", {"name": "g", "super_group_id": "abc"}),
        ("under a dynamic one", {"name": "g", "super_group_id": of(dynamic, "group_id")}),
        ("in an unknown space", {"name": "g", "app_id": "unknown"}),
    ):  # fmt: skip
        s.refused("AddDeviceGroup", words, json=more)
    s.pages("ListDeviceGroups", {})
    s.full("ListDeviceGroups", "by every filter", query={"last_modified_time": "{{now|basic-3600}}", "app_id": SECOND,
                                                         "group_type": "STATIC", "name": "全部"})  # fmt: skip
    s.refused("ListDeviceGroups", "of an unknown space", query={"app_id": "unknown"})
    s.full("ShowDeviceGroup", ids=group)
    s.full("ShowDeviceGroup", "under another", ids={"group_id": of(under, "group_id")})
    s.full("ShowDeviceGroup", "dynamic", ids={"group_id": of(dynamic, "group_id")})
    s.full("UpdateDeviceGroup", ids=group, json={"name": "every", "description": "each"})
    s.refused("UpdateDeviceGroup", "a taken name", ids={"group_id": of(dynamic, "group_id")}, json={"name": "under"})
    s.call("ShowDevicesInGroup", "none yet", shows="empty", ids=group)
    add = "CreateOrDeleteDeviceInGroup"
    for device in ("dev-1", "prod-1_node-2", "dev-3"):
        s.full(add, f"adds {device}", ids=group, query={"action_id": "addDevice", "device_id": device})
    s.pages("ShowDevicesInGroup", {}, ids=group)
    s.full("ShowDevicesInGroup", "of a dynamic one", ids={"group_id": of(dynamic, "group_id")})
    s.full("ListDeviceGroupsByDevice", ids={"device_id": "dev-1"})
    s.call(add, "adds it again", ids=group, query={"action_id": "addDevice", "device_id": "dev-3"})
    s.full(add, "removes one", ids=group, query={"action_id": "removeDevice", "device_id": "dev-3"})
    s.call(add, "removes it again", ids=group, query={"action_id": "removeDevice", "device_id": "dev-3"})
    which = {"action_id": "addDevice", "device_id": "dev-3"}
    s.refused(add, "to a dynamic one", ids={"group_id": of(dynamic, "group_id")}, query=which)
    s.refused(add, "an unknown device", ids=group, query=which | {"device_id": "unknown"})
    s.refused("DeleteDeviceGroup", "with one under it", ids=group)
    s.full("DeleteDeviceGroup", ids={"group_id": of(under, "group_id")})
    s.refused("DeleteDeviceGroup", "with devices", ids=group)
    for name, more in (("ShowDeviceGroup", {}), ("UpdateDeviceGroup", {"json": {"name": "a"}}),
                       ("DeleteDeviceGroup", {}), ("ShowDevicesInGroup", {}), (add, {"query": which})):  # fmt: skip
        s.refused(name, "an unknown one", ids={"group_id": NONE}, **more)
        s.refused(name, "a foreign id", ids={"group_id": "abc"}, **more)
        s.refused(name, "of another account", ids=group, by="other/admin", **more)
    s.refused("ListDeviceGroupsByDevice", "an unknown one", ids={"device_id": "unknown"})
    s.refused("ListDeviceGroupsByDevice", "of another account", ids={"device_id": "dev-1"}, by="other/admin")


def _shown(s: Script) -> None:
    """A device that has said all of itself."""
    s.full("ShowDevice", "before its first login", ids={"device_id": "prod-1_node-2"})
    s.logs_in("dev-1", "secret-of-dev-1")
    s.says("dev-1", "version_report", {"fw_version": "V1.0", "sw_version": "S1.0",
                                       "modules": [{"module_name": "radio", "module_version": "R1"}]})  # fmt: skip
    s.says("dev-1", "sdk_info_report", {"device_sdk_version": "C_v1.2.0"}, service="$sdk_info")
    told = {"body.status": "ONLINE", "body.fw_version": "V1.0", "body.device_sdk_version": "C_v1.2.0"}
    s.full("ShowDevice", ids={"device_id": "dev-1"}, until=told)
    s.full("ShowDevice", "behind another", ids={"device_id": "dev-3"}, until={"body.status": "ONLINE"})
    s.full("ListDevices", "one that has said all", query={"node_id": "node-1"})


def _search(s: Script) -> None:
    one, marker = "select * from device where ", of("SearchDevices: all", "devices.1.marker")
    s.full("SearchDevices", "all", json={"sql": "select * from device order by marker desc"})
    for words, sql in (
        ("counted", "select count(*) from device"),
        ("some fields", "select device_id, tags, fw_version from device where device_id = 'dev-1'"),
        ("a first page", "select device_id from device order by marker asc limit 2"),
        ("by a tag", one + "tag_key = '所在' and tag_value = '厅' order by marker"),
        ("by a version", one + "fw_version in ('V1.0', 'V2.0')"),
        ("by another version", one + "sw_version != 'S1.0' order by marker"),
        ("by status", one + "status = 'ONLINE' order by marker"),
        ("by the type of node", one + "node_type = 'ENDPOINT'"),
        ("by gateway", one + "gateway_id = 'dev-1' order by marker"),
        ("by group", one + f"group_id = '{of('AddDeviceGroup: full', 'group_id')}' order by marker"),
        ("by space and name", one + f"app_id = '{SECOND}' and device_name like 'lamp%' or node_id not in ('node-1')"),
        ("by time", one + "create_time > '2020-01-01T00:00:00.000Z' and product_id = 'prod-2'"),
        ("by marker", one + f"marker < '{marker}' order by marker desc"),
    ):
        s.full("SearchDevices", words, json={"sql": sql})
    s.call("SearchDevices", "last page by offset", shows="last page",
           json={"sql": "select device_id from device order by marker asc limit 2, 2"})  # fmt: skip
    last = f"select * from device where marker > '{marker}' order by marker asc limit 2"
    s.call("SearchDevices", "last page by marker", shows="last page", json={"sql": last})
    for words, sql in (("none", "status = 'ABNORMAL'"), ("none of a foreign group", "group_id = 'abc'")):
        s.call("SearchDevices", words, shows="empty", json={"sql": one + sql})
    for words, sql in (
        ("no SQL", "select (("), ("no select", "delete from device"), ("two", "select * from device; select 1"),
        ("from elsewhere", "select * from devices"), ("a join", "select * from device, device"),
        ("grouped", "select * from device group by status"), ("an unknown field", "select secret from device"),
        ("an order by another", "select * from device order by status"),
        ("too many rows", "select * from device limit 51"), ("too far", "select * from device limit 501, 1"),
        ("rows that are no number", "select * from device limit 'a'"),
        ("too many conditions", one + " and ".join(["node_id = 'a'"] * 6)),
        ("a condition on nothing", one + "1 = 1"), ("an unknown condition", one + "secret = 'a'"),
        ("a foreign operator", one + "status > 'ONLINE'"), ("no text", one + "node_id = 1"),
        ("an empty text", one + "node_id = ''"), ("too short a prefix", one + "node_id like 'no%'"),
        ("no time", one + "create_time > '2020'"), ("no marker", one + "marker > 'x'"),
        ("no status", one + "status = 'AWAY'"), ("no type of node", one + "node_type = 'X'"),
        ("no group", one + "group_id = 'x'"),
    ):  # fmt: skip
        s.refused("SearchDevices", words, json={"sql": sql})


def _changed(s: Script) -> None:
    device = {"device_id": "dev-1"}
    s.full("UpdateDevice", ids=device, json={"device_name": "lamp-2", "description": "two",
           "extension_info": {"z": 1}, "auth_info": {"secure_access": False, "timeout": 8}})  # fmt: skip
    s.call("UpdateDevice", "nothing", ids={"device_id": "dev-3"}, json={})
    reset = {"action_id": "resetSecret"}
    s.full("ResetDeviceSecret", ids=device, query=reset, json={"secret": "another-secret", "force_disconnect": False,
                                                               "secret_type": "SECONDARY"})  # fmt: skip
    s.call("ShowDevice", "with two secrets", ids=device)
    s.full("ResetDeviceSecret", "a new one", ids=device, query=reset, json={"force_disconnect": True})
    s.full("FreezeDevice", ids=device)
    s.call("ShowDevice", "frozen", ids=device, until={"body.status": "FROZEN"})
    s.call("FreezeDevice", "again", ids=device)
    s.full("UnfreezeDevice", ids=device)
    s.call("ShowDevice", "away", ids=device, until={"body.status": "OFFLINE"})
    for name, more in (("ShowDevice", {}), ("UpdateDevice", {"json": {}}), ("DeleteDevice", {}), ("FreezeDevice", {}),
                       ("ResetDeviceSecret", {"query": reset, "json": {}}), ("UnfreezeDevice", {})):  # fmt: skip
        s.refused(name, "an unknown one", ids={"device_id": "unknown"}, **more)
        s.refused(name, "of another account", ids=device, by="other/admin", **more)


def _gone(s: Script) -> None:
    s.full("DeleteProduct", ids={"product_id": of("CreateProduct: without an id", "product_id")})
    s.call("AddDeviceGroup", "in the default space", json={"name": "elsewhere",
           "super_group_id": of("AddDeviceGroup: full", "group_id")})  # fmt: skip
    s.refused("DeleteApplication", "with another's group under its own", ids={"app_id": SECOND})
    s.call("DeleteDeviceGroup", "elsewhere", ids={"group_id": of("AddDeviceGroup: in the default space", "group_id")})
    s.full("DeleteApplication", ids={"app_id": SECOND})
    s.call("ListDevices", "of the spaces that are left")


def quantities() -> Script:
    """One more than there may be."""
    s = Script()
    for n in range(10):
        step = s.refused if n == 9 else s.call
        step("AddApplication", f"number {n + 2}", json={"app_name": f"a{n}"})
    s.call("CreateProduct", "one", json=PRODUCT | {"product_id": "prod-1", "name": "lamp"})
    s.call("AddDevice", "one", json={"device_id": "dev-1", "node_id": "n", "product_id": "prod-1"})
    for n in range(11):
        made = s.call("AddDeviceGroup", f"number {n + 1}", json={"name": f"g{n}"})
        step = s.refused if n == 10 else s.call
        step("CreateOrDeleteDeviceInGroup", f"group {n + 1}", ids={"group_id": of(made, "group_id")},
             query={"action_id": "addDevice", "device_id": "dev-1"})  # fmt: skip
    above = made
    for n in range(5):
        step = s.refused if n == 4 else s.call
        above = step(
            "AddDeviceGroup", f"level {n + 2}", json={"name": f"l{n}", "super_group_id": of(above, "group_id")}
        )
    app = of("AddApplication: number 2", "app_id")
    default = s.call("ShowApplications", "the default", query={"default_app": "true"})
    for n in range(11):
        step = s.refused if n == 10 else s.call
        step("CreateOtaModule", f"number {n + 1}", json={"app_id": of(default, "applications.0.app_id"),
                                                         "product_id": "prod-1", "module_name": f"m{n}"})  # fmt: skip
    for n in range(11):
        step = s.refused if n == 10 else s.call
        step("UploadBatchTaskFile", f"number {n + 1}", form={"name": "file", "file": f"{n}.xlsx", "rows": 1})
    subject = {"subject": {"resource": "batchtask", "event": "update"}}
    for n in range(101):
        step = s.refused if n == 100 else s.call
        step("CreateRoutingRule", f"number {n + 1}", json=subject | {"app_type": "APP", "app_id": app})
    http = {"channel": "HTTP_FORWARDING", "channel_detail": {"http_forwarding": {"url": "https://push.example/"}}}
    for n in range(11):
        step = s.refused if n == 10 else s.call
        step(
            "CreateRuleAction", f"number {n + 1}", json=http | {"rule_id": of("CreateRoutingRule: number 1", "rule_id")}
        )
    return s
