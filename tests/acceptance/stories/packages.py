"""Modules of a product and packages for them: whole, differential, of several files; and the versions that a device
reports by module."""

import hashlib
from typing import Any

from acceptance.callers import Call
from acceptance.client import Server, unique, until
from acceptance.device import online
from acceptance.stories import setting
from acceptance.stories.setting import IMAGE, PAGE

OPERATIONS = (
    "CreateProduct",
    "RegisterDevice",
    "CreateOTAModule",
    "UpdateOTAModule",
    "DeleteOTAModule",
    "ListOTAModuleByProduct",
    "ListOTAModuleVersionsByDevice",
    "GenerateOTAUploadURL",
    "CreateOTAFirmware",
    "ModifyOTAFirmware",
    "QueryOTAFirmware",
    "ListOTAFirmware",
    "DeleteOTAFirmware",
)
TEXT = "第一版 * ~ / <100%> & \"'"
MD5 = hashlib.md5(IMAGE).hexdigest()


def story(call: Call, server: Server) -> None:
    key = setting.product(call)
    _modules(call, key)
    ids = _packages(call, key)
    _shown(call, key, ids)
    _reported(call, server, key)
    assert call("DeleteOTAModule", ProductKey=key, ModuleName="MCU", success=False)["Code"] == "iot.ota.ModuleInUse"
    for each in ids:
        call("DeleteOTAFirmware", FirmwareId=each)
    assert call("ListOTAFirmware", ProductKey=key, **PAGE)["FirmwareInfo"] == {"SimpleFirmwareInfo": []}
    call("DeleteOTAModule", ProductKey=key, ModuleName="MCU")


def _modules(call: Call, key: str) -> None:
    assert [row["ModuleName"] for row in call("ListOTAModuleByProduct", ProductKey=key)["Data"]] == ["default"]
    call("CreateOTAModule", ProductKey=key, ModuleName="MCU", AliasName="mcu-1", Desc="主控 *~/")
    call("CreateOTAModule", ProductKey=key, ModuleName="wifi")
    call("UpdateOTAModule", ProductKey=key, ModuleName="wifi", AliasName="radio", Desc=TEXT)
    rows = {row["ModuleName"]: row for row in call("ListOTAModuleByProduct", ProductKey=key)["Data"]}
    assert set(rows) == {"default", "MCU", "wifi"}
    assert (rows["MCU"]["AliasName"], rows["MCU"]["Desc"]) == ("mcu-1", "主控 *~/")
    assert (rows["wifi"]["AliasName"], rows["wifi"]["Desc"]) == ("radio", TEXT)
    call("DeleteOTAModule", ProductKey=key, ModuleName="wifi")
    assert len(call("ListOTAModuleByProduct", ProductKey=key)["Data"]) == 2


def _packages(call: Call, key: str) -> list[str]:
    kinds: tuple[dict[str, Any], ...] = (
        {"SignMethod": "MD5", "FirmwareSign": MD5.upper(), "FirmwareSize": len(IMAGE), "FirmwareDesc": TEXT},
        {"Type": 1, "SrcVersion": "1.9.0", "ModuleName": "MCU", "Udi": '{"键":"a b*~/<"}', "NeedToVerify": True},
    )
    ids = []
    for count, more in enumerate(kinds):
        assert call("ListOTAFirmware", ProductKey=key, **PAGE)["Total"] == count
        ids.append(setting.package(call, key, **more))
    files = [_file(call, n) for n in range(3)]
    given = {"ProductKey": key, "DestVersion": "3.0.0", "NeedToVerify": False}
    for those in (files[:2], files[2:]):
        made = call("CreateOTAFirmware", FirmwareName=unique("several"), **given, MultiFiles=those)
        ids.append(made["Data"]["FirmwareId"])
    return ids


def _file(call: Call, n: int) -> dict[str, Any]:
    content = IMAGE[n:]
    digest = hashlib.md5(content).hexdigest()
    said = ({"FileMd5": digest}, {"SignValue": digest}, {})[n]  # what is not said is the stored file's
    return {"Name": f"file {n}", "Url": setting.uploaded(call, content, "tar.gz"), "Size": len(content), **said}


def _shown(call: Call, key: str, ids: list[str]) -> None:
    single, delta, several, lone = (call("QueryOTAFirmware", FirmwareId=each)["FirmwareInfo"] for each in ids)
    assert (single["FirmwareDesc"], single["FirmwareSize"], single["Status"]) == (TEXT, len(IMAGE), -1)
    assert (single["FirmwareSign"], single["ModuleName"], single["MultiFiles"]) == (MD5, "default", [])
    assert (delta["Udi"], delta["Type"], delta["SrcVersion"], delta["Status"]) == ('{"键":"a b*~/<"}', 1, "1.9.0", 0)
    assert (delta["ModuleName"], delta["VerifyProgress"]) == ("MCU", 0)
    assert [(file["Name"], file["Size"]) for file in several["MultiFiles"]] == [
        ("file 0", len(IMAGE)),
        ("file 1", len(IMAGE) - 1),
    ]
    assert [file["FileMd5"] for file in several["MultiFiles"]] == [MD5, hashlib.md5(IMAGE[1:]).hexdigest()]
    assert "FirmwareUrl" not in several
    assert [file["Name"] for file in lone["MultiFiles"]] == ["file 2"]
    renamed = unique("renamed")
    call("ModifyOTAFirmware", FirmwareId=ids[0], ProductKey=key, FirmwareName=renamed, FirmwareUdi="<u/>")
    shown = call("QueryOTAFirmware", FirmwareId=ids[0])["FirmwareInfo"]
    assert (shown["FirmwareName"], shown["FirmwareDesc"], shown["Udi"]) == (renamed, TEXT, "<u/>")
    for version, expected in (("3.0.0", ids[2:]), ("2.0.0", ids[:2]), ("9.9.9", [])):
        rows = call("ListOTAFirmware", ProductKey=key, DestVersion=version, **PAGE)["FirmwareInfo"]
        assert sorted(row["FirmwareId"] for row in rows["SimpleFirmwareInfo"]) == sorted(expected)


def _reported(call: Call, server: Server, key: str) -> None:
    name, secret = setting.device(call, key)
    target = {"ProductKey": key, "DeviceName": name}

    def versions() -> dict[str, str]:
        rows = call("ListOTAModuleVersionsByDevice", **target, **PAGE)["Data"]["SimpleOTAModuleInfo"]
        return {row["ModuleName"]: row["ModuleVersion"] for row in rows}

    assert versions() == {}
    with online(server.mqtt, key, name, secret, "1.0.0") as device:
        assert until(versions, bool) == {"default": "1.0.0"}
        device.inform("0.9", "MCU")
        assert until(versions, lambda now: len(now) == 2) == {"default": "1.0.0", "MCU": "0.9"}
