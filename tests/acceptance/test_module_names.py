"""Issue 9, number 21: a module is the same one in any case of letters, from its making to its device's success."""

from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client

from acceptance.client import Server, new_device, new_package, new_product, until
from acceptance.device import online
from acceptance.tuya_client import TuyaClient

IMAGE = b"scanner firmware"


@pytest.mark.parametrize(("declared", "packaged", "spoken"), [("scanner", "SCANNER", "Scanner"), ("MCU", "mcu", "Mcu")])
def test_a_module_is_updated_by_whatever_spelling(
    server: Server, sdk: Client, declared: str, packaged: str, spoken: str
) -> None:
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    assert sdk.create_otamodule(m.CreateOTAModuleRequest(product_key=key, module_name=declared)).body.success
    for other in (packaged, spoken):
        again = sdk.create_otamodule(m.CreateOTAModuleRequest(product_key=key, module_name=other)).body
        assert (again.success, again.code) == (False, "iot.ota.ModuleExisted")
    alias = m.UpdateOTAModuleRequest(product_key=key, module_name=packaged, alias_name="条码扫描仪")
    assert sdk.update_otamodule(alias).body.success
    with online(server.mqtt, key, name, secret) as device:
        device.inform("1.0.0", spoken)
        firmware = new_package(sdk, key, IMAGE, module_name=packaged, need_to_verify=False)
        shown = sdk.query_otafirmware(m.QueryOTAFirmwareRequest(firmware_id=firmware)).body.firmware_info
        assert shown.module_name == declared
        asked = m.CreateOTAStaticUpgradeJobRequest(
            firmware_id=firmware, product_key=key, target_selection="ALL", src_version=["1.0.0"]
        )
        job = sdk.create_otastatic_upgrade_job(asked).body.data.job_id
        assert device.offered()["module"] == declared
        for spelling in (spoken, packaged):  # the acknowledgement of the push may hold the task for a moment
            told = until(lambda spelling=spelling: device.ask(spelling), bool)
            assert (told["module"], told["version"]) == (declared, "2.0.0")
        unfinished = m.ListOTAUnfinishedTaskByDeviceRequest(product_key=key, device_name=name, module_name=packaged)
        [open_task] = sdk.list_otaunfinished_task_by_device(unfinished).body.data.simple_otatask_info
        assert open_task.module_name == declared
        device.progress(50, packaged)
        device.inform("2.0.0", spoken)
        listed = m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=10)

        def task() -> Any:
            return sdk.list_otatask_by_job(listed).body.data.simple_otatask_info[0]

        assert until(task, lambda t: t.task_status == "SUCCEEDED").task_status == "SUCCEEDED"
    ask = m.ListOTAModuleVersionsByDeviceRequest(product_key=key, device_name=name, current_page=1, page_size=10)
    rows = sdk.list_otamodule_versions_by_device(ask).body.data.simple_otamodule_info
    assert [(row.module_name, row.module_version) for row in rows] == [(declared, "2.0.0")]
    gone = m.DeleteOTAModuleRequest(product_key=key, module_name=spoken)
    assert sdk.delete_otamodule(gone).body.code == "iot.ota.ModuleInUse"


def test_the_same_by_tuya(server: Server) -> None:
    tuya = TuyaClient(address=server.http, key=server.new_key("modules", "admin", "tuya"))
    product = tuya.do("CreateProduct", ProductName="module_names", NodeType=0)["productKey"]
    tuya.do("CreateOTAModule", ProductKey=product, ModuleName="mcu")
    assert tuya.ask("CreateOTAModule", ProductKey=product, ModuleName="MCU").code == "iot.ota.ModuleExisted"
    tuya.do("UpdateOTAModule", ProductKey=product, ModuleName="Mcu", AliasName="主控")
    firmware = tuya.new_package(product, IMAGE, ModuleName="MCU")
    told = tuya.do("QueryOTAFirmware", FirmwareId=firmware)["firmwareInfo"]
    assert told["moduleName"] == "mcu"
    assert tuya.ask("DeleteOTAModule", ProductKey=product, ModuleName="MCU").code == "iot.ota.ModuleInUse"
    tuya.do("DeleteOTAFirmware", FirmwareId=firmware)
    tuya.do("DeleteOTAModule", ProductKey=product, ModuleName="MCU")
