"""What devices of each kind are sent in a whole upgrade: pushed, asked for, and answered. After the last report each
asks once more, so that whatever else had been sent would stand before the answer."""

from collections.abc import Mapping
from typing import Any

from tests.golden.book import Chapter, Step

IMAGE = "the image of a firmware, of some bytes"


class Tale:
    """Steps in their order, numbered where one comes again."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._times: dict[str, int] = {}

    def add(self, name: str, ask: dict[str, Any], until: Mapping[str, Any] | None = None) -> str:
        times = self._times[name] = self._times.get(name, 0) + 1
        name = name if times == 1 else f"{name} {times}"
        self.steps.append(Step(name=name, ask=ask, until=dict(until or {})))
        return name

    def rpc(self, api: str, action: str, given: Mapping[str, Any], name: str = "") -> None:
        self.add(name or action, {"api": api, "do": action, "with": dict(given)})

    def rest(self, name: str, line: str, until: Mapping[str, Any] | None = None, **more: Any) -> None:
        self.add(name, {"api": "huawei", "ask": line} | more, until)

    def says(self, topic: str, body: Any, qos: int = 1) -> None:
        self.add(f"says {topic.rpartition('}}')[2]}", {"device": "d", "publish": topic, "json": body, "qos": qos})

    def hears(self, what: str) -> str:
        return self.add(f"hears {what}", {"device": "d", "hears": 1})


def chapters() -> list[Chapter]:
    """One for each kind of device."""
    return [
        Chapter(name="alibaba", steps=_alibaba().steps),
        Chapter(name="tuyalink", steps=_tuyalink().steps),
        Chapter(name="huawei", steps=_huawei().steps),
    ]


def _package(s: Tale, api: str, data: str, product: Mapping[str, str], names: Mapping[str, str]) -> None:
    """An uploaded file and the package of it, by the RPC operations."""
    s.rpc(api, "GenerateOTAUploadURL", {"FileSuffix": "bin"}, "ticket")
    s.add("upload", {"api": api, "upload": f"{{{{ticket|{data}}}}}", "image": IMAGE})
    url = f"{{{{ticket|{data}.{names['url']}}}}}"
    s.rpc(
        api,
        "CreateOTAFirmware",
        {
            "FirmwareName": "fw",
            "DestVersion": "2.0.0",
            "NeedToVerify": False,
            "FirmwareDesc": "d",
            "FirmwareUrl": url,
            **names["more"],
            **product,
        },
        "package",
    )


def _alibaba() -> Tale:
    s, api = Tale(), "alibaba"
    product = {"ProductKey": "{{product|ProductKey}}"}
    s.rpc(api, "CreateProduct", {"ProductName": "pumps", "NodeType": 0}, "product")
    s.rpc(api, "RegisterDevice", {**product, "DeviceName": "pump_1"}, "made")
    s.rpc(api, "QueryProduct", product, "the product")
    asked = {"register": "pump_1", "product": product["ProductKey"]}
    s.add("asks for its secret", asked | {"secret": "{{the product|Data.ProductSecret}}"})
    s.add("asks by another secret", asked | {"secret": "wrong"})
    udi = {"Udi": '{"a":"b"}', "SignMethod": "SHA256"}
    _package(s, api, "Data", product, {"url": "FirmwareUrl", "more": udi})
    path = f"{product['ProductKey']}/pump_1"
    s.add("connect", {"device": "d", "connect": api, "id": "pump_1", "product": product["ProductKey"],
                      "secret": "{{made|Data.DeviceSecret}}"})  # fmt: skip
    inform, get = f"/ota/device/inform/{path}", f"/sys/{path}/thing/ota/firmware/get"
    s.add("subscribes", {"device": "d", "subscribe": f"/ota/device/upgrade/{path}"})
    s.says(inform, {"id": "1", "params": {"version": "1.0.0"}})
    s.says(get, {"id": "2", "version": "1.0", "params": {}, "method": "thing.ota.firmware.get"})
    s.hears("nothing to install")
    s.rpc(api, "CreateOTAStaticUpgradeJob", {"FirmwareId": "{{package|Data.FirmwareId}}", **product,
          "TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_1"]}, "job")  # fmt: skip
    s.hears("the offer")
    s.says(get, {"id": "3", "version": "1.0", "params": {}, "method": "thing.ota.firmware.get"})
    s.hears("the offer that it asked for")
    for step in ("10", "100"):
        s.says(f"/ota/device/progress/{path}", {"id": "4", "params": {"step": step, "desc": ""}})
    s.says(inform, {"id": "5", "params": {"version": "2.0.0"}})
    s.says(get, {"id": "6", "version": "1.0", "params": {}, "method": "thing.ota.firmware.get"})
    s.hears("nothing more")
    return s


def _tuyalink() -> Tale:
    s, api = Tale(), "tuya"
    product = {"ProductKey": "{{product|productKey}}"}
    s.rpc(api, "CreateProduct", {"ProductName": "pumps", "NodeType": 0}, "product")
    s.rpc(api, "RegisterDevice", {**product, "DeviceName": "pump_1"}, "made")
    _package(s, api, "data", product, {"url": "firmwareUrl", "more": {}})
    s.add("connect", {"device": "d", "connect": "tuyalink", "id": "pump_1", "secret": "{{made|data.deviceSecret}}"})
    up = "tylink/pump_1"
    s.add("subscribes", {"device": "d", "subscribe": f"{up}/channel/downlink/auto_subscribe"})
    init = {"bizType": "INIT", "otaChannel": [{"channel": 0, "version": "1.0.0"}]}
    s.says(f"{up}/ota/firmware/report", {"msgId": "1", "time": 1_700_000_000, "data": init})
    s.says(f"{up}/ota/get", {"msgId": "2", "time": 1_700_000_000, "data": {}})
    s.hears("nothing to install")
    s.rpc(api, "CreateOTAStaticUpgradeJob", {"FirmwareId": "{{package|data.firmwareId}}", **product,
          "TargetSelection": "SPECIFIC", "TargetDeviceName": ["pump_1"]}, "job")  # fmt: skip
    s.hears("the offer")
    s.says(f"{up}/ota/get", {"msgId": "3", "time": 1_700_000_000, "data": {}})
    s.hears("the offer that it asked for")
    for progress in (10, 100):
        told = {"channel": 0, "progress": progress}
        s.says(f"{up}/ota/progress/report", {"msgId": "4", "time": 1_700_000_000, "data": told})
    after = {"bizType": "UPDATE", "otaChannel": [{"channel": 0, "version": "2.0.0"}]}
    s.says(f"{up}/ota/firmware/report", {"msgId": "5", "time": 1_700_000_000, "data": after})
    s.says(f"{up}/ota/get", {"msgId": "6", "time": 1_700_000_000, "data": {}})
    s.hears("nothing more")
    return s


def _huawei() -> Tale:
    s = Tale()
    app = "{{spaces|applications.0.app_id}}"
    s.rest("spaces", "GET ~/apps")
    s.rest("product", "POST ~/products", json={"product_id": "prod-1", "name": "lamp", "device_type": "Lamp",
           "protocol_type": "MQTT", "data_format": "json", "service_capabilities": []})  # fmt: skip
    for name, more in (("d-1", {}), ("d-2", {"gateway_id": "d-1"})):
        auth = {"auth_info": {"secret": "secret-of-d-1"}}
        s.rest(name, "POST ~/devices", json={"device_id": name, "node_id": name, "product_id": "prod-1"} | auth | more)
    s.rest("module", "POST ~/ota-upgrades/modules", json={"app_id": app, "product_id": "prod-1",
                                                          "module_name": "radio"})  # fmt: skip
    s.add("object", {"api": "huawei", "put": "fw/two.bin", "text": IMAGE})
    s.add("connect", {"device": "d", "connect": "huawei", "id": "d-1", "secret": "secret-of-d-1"})
    _clock(s)
    kinds = (("firmware", "V2.0"), ("software", "S2.0"), ("module", "R2.0"))
    for kind, version in kinds:
        _huawei_package(s, app, kind, version)
    s.add("objects are read", {"api": "huawei", "read": "all"})
    for kind, version in kinds:
        _huawei_upgrade(s, kind, version)
    _gateway(s)
    return s


def _event(s: Tale, kind: str, paras: Any, service: str = "$ota") -> None:
    event = {"service_id": service, "event_type": kind, "event_time": "20260101T000000Z", "event_id": "e-1",
             "paras": paras}  # fmt: skip
    s.says("$oc/devices/d-1/sys/events/up", {"object_device_id": "d-1", "services": [event]})


def _clock(s: Tale) -> None:
    _event(s, "time_sync_request", {"device_send_time": 1_700_000_000_000}, "$time_sync")
    s.hears("the time")


def _huawei_package(s: Tale, app: str, kind: str, version: str) -> None:
    obs = {"region_name": "cn-north-4", "bucket_name": "abc", "object_key": "fw/two.bin"}
    named = {"module_name": "radio"} if kind == "module" else {}
    s.rest(f"{kind} package", "POST ~/ota-upgrades/packages", json={
        "app_id": app, "package_type": f"{kind}Package", "product_id": "prod-1", "version": version,
        "custom_info": "info", "file_location": {"obs_location": obs}} | named)  # fmt: skip


def _huawei_upgrade(s: Tale, kind: str, version: str) -> None:
    """Asked for its version, offered, done; then the clock, which would come after whatever else is sent."""
    ext: dict[str, Any] = {} if kind == "module" else {"task_ext_info": {"a": 1}}
    s.rest(f"{kind} task", "POST ~/batchtasks", json={
        "task_name": kind, "task_type": f"{kind}Upgrade", "targets": ["d-1"],
        "document": {"package_ids": [f"{{{{{kind} package|package_id}}}}"]}} | ext)  # fmt: skip
    s.hears(f"the question for {kind}")
    _event(s, "version_report", {"fw_version": "V1.0", "sw_version": "S1.0",
                                 "modules": [{"module_name": "radio", "module_version": "R1.0"}]})  # fmt: skip
    s.hears(f"the offer of {kind}")
    for progress in (10, 100):
        done = {"result_code": 0, "progress": progress, "version": version, "description": ""}
        _event(s, "upgrade_progress_report", done)
    s.rest(f"{kind} done", f"GET ~/batchtasks/{{{{{kind} task|task_id}}}}", {"body.batchtask.status": "Success"})
    _clock(s)


def _gateway(s: Tale) -> None:
    manager = "$sub_device_manager"
    _event(s, "sub_device_sync_request", {"version": 0}, manager)
    s.hears("its sub-devices")
    statuses = [{"device_id": "d-2", "status": "OFFLINE"}, {"device_id": "unknown", "status": "ONLINE"}]
    _event(s, "sub_device_update_status", {"device_statuses": statuses}, manager)
    s.hears("their statuses")
    _event(s, "delete_sub_device_request", {"devices": ["d-2"]}, manager)
    s.hears("that none is deleted")
    _event(s, "add_sub_device_request", {"devices": [{"node_id": "x", "product_id": "prod-1"}]}, manager)
    s.hears("that none is added")
