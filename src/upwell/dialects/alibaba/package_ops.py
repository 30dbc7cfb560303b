"""Alibaba's package operations (alibaba 2.3, 5.1): their parameters, their commands, their answers."""

from collections.abc import Mapping
from typing import Any

from upwell.dialects.alibaba import names, render
from upwell.dialects.alibaba.params import (
    Length,
    OneOf,
    Operation,
    Param,
    Pattern,
    Range,
    Unsupported,
    page_params,
    shown,
)
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing
from upwell.domain.talk import DEFAULT_MODULE

FIRMWARE_SIZE_MAX = 1000 * 1024 * 1024  # bytes; alibaba 2.2, 5.3: 1000 MB is 1048576000 in the upload policy
UDI_CHARS_MAX = 4096  # alibaba 2.2
SUFFIXES = ("bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip")  # alibaba 2.1

FIRMWARE_NAME = Pattern(r"[A-Za-z0-9\-_()]{1,40}", "1-40 letters, digits or - _ ( )")  # alibaba 2.2
VERSION = Pattern(r"[A-Za-z0-9.\-_]{1,64}", "1-64 letters, digits or . - _")  # alibaba 2.2, module names too
FIRMWARE_ID = Param("FirmwareId", required=True)

_STATUS = {"exempt": -1, "unverified": 0, "verified": 1, "verifying": 2, "failed": 3}  # alibaba 2.1

_CREATE = (
    Param("FirmwareName", required=True, rule=FIRMWARE_NAME),
    Param("DestVersion", required=True, rule=VERSION),
    Param("MultiFiles", "structs", rule=Unsupported()),
    Param("FirmwareUrl", required=True, rule=Length(1, 1024)),
    Param("ProductKey"),
    Param("SignMethod", rule=OneOf(("MD5",))),
    Param("FirmwareSign", rule=Pattern(r"[0-9A-Fa-f]{32}", "an MD5 in 32 hexadecimal digits")),
    Param("FirmwareSize", "long", rule=Range(1, FIRMWARE_SIZE_MAX)),
    Param("FirmwareDesc", rule=Length(0, 100), default=""),
    Param("Type", "int", rule=OneOf((0, 1)), default=0),
    Param("SrcVersion", rule=VERSION),
    Param("ModuleName", rule=VERSION, default=DEFAULT_MODULE),
    Param("NeedToVerify", "bool", default=True),
    Param("Udi", rule=Length(1, UDI_CHARS_MAX)),
)


def _create(p: Mapping[str, Any]) -> c.CreatePackage:
    is_delta = p["Type"] == 1
    if is_delta and not p["SrcVersion"]:
        raise Missing("SrcVersion")
    if is_delta and p["SrcVersion"] == p["DestVersion"]:  # alibaba 2.3
        raise Invalid("SrcVersion", "other than DestVersion", f"both are {shown(p['DestVersion'])}")
    return c.CreatePackage(
        name=p["FirmwareName"],
        version=p["DestVersion"],
        url=p["FirmwareUrl"],
        product_key=p["ProductKey"],
        description=p["FirmwareDesc"],
        module=p["ModuleName"],
        source_version=p["SrcVersion"],
        is_delta=is_delta,
        size=p["FirmwareSize"],
        md5=p["FirmwareSign"].lower() if p["FirmwareSign"] else None,
        verify=p["NeedToVerify"],
        udi=p["Udi"],
    )


def _list(p: Mapping[str, Any]) -> c.ListPackages:
    return c.ListPackages(
        number=p["CurrentPage"], size=p["PageSize"], product_key=p["ProductKey"], version=p["DestVersion"]
    )


def _simple(r: c.Package) -> dict[str, Any]:
    return {
        "FirmwareId": names.firmware_id(r.package_id),
        "FirmwareName": r.name,
        "FirmwareDesc": r.description,
        "FirmwareSign": r.md5,
        "FirmwareSize": r.size,
        "SignMethod": "MD5",
        "Type": int(r.is_delta),
        "Status": _STATUS[r.status],
        "DestVersion": r.version,
        "SrcVersion": r.source_version,
        "ModuleName": r.module,
        "ProductKey": r.product_key,
        "ProductName": r.product_name,
        "UtcCreate": render.utc(r.created_at),
        "UtcModified": render.utc(r.modified_at),
    }


def _full(r: c.Package) -> dict[str, Any]:
    # An empty MultiFiles is what the SDK's own model writes for a single file, so the answer survives it unchanged.
    more: dict[str, Any] = {"FirmwareUrl": r.url, "MultiFiles": [], "Udi": r.udi, "VerifyProgress": r.verify_progress}
    return {"FirmwareInfo": _simple(r) | more}


def _page(r: c.Page[c.Package]) -> dict[str, Any]:
    infos = [_simple(item) for item in r.items]
    return render.paging(r, "CurrentPage") | {"FirmwareInfo": {"SimpleFirmwareInfo": infos}}


def _created(r: c.PackageCreated) -> dict[str, Any]:
    return {"Data": {"FirmwareId": names.firmware_id(r.package_id), "UtcCreate": render.utc(r.created_at)}}


def _ticket(r: c.UploadTicket) -> dict[str, Any]:
    data = {
        "FirmwareUrl": r.url,
        "Host": r.host,
        "Key": r.object_key,
        "OSSAccessKeyId": r.access_key_id,
        "ObjectStorage": "OSS",
        "Policy": r.policy,
        "Signature": r.signature,
        "UtcCreate": render.utc(r.created_at),
    }
    return {"Data": data}


OPERATIONS: dict[str, Operation] = {
    "GenerateOTAUploadURL": Operation(
        "operator",
        (Param("FileSuffix", rule=OneOf(SUFFIXES), default="bin"),),
        lambda p: c.CreateUploadTicket(suffix=p["FileSuffix"]),
        _ticket,
    ),
    "CreateOTAFirmware": Operation("operator", _CREATE, _create, _created),
    "QueryOTAFirmware": Operation(
        "viewer",
        (FIRMWARE_ID,),
        lambda p: c.ShowPackage(package_id=names.read_firmware_id(p["FirmwareId"])),
        _full,
    ),
    "ListOTAFirmware": Operation(
        "viewer", (*page_params(100), Param("ProductKey"), Param("DestVersion", rule=VERSION)), _list, _page
    ),
    "DeleteOTAFirmware": Operation(
        "operator",
        (FIRMWARE_ID,),
        lambda p: c.DeletePackage(package_id=names.read_firmware_id(p["FirmwareId"])),
    ),
}
