"""Alibaba's package operations (alibaba 2.3, 5.1): their parameters, their commands, their answers."""

from typing import Any

from upwell.dialects.alibaba import names
from upwell.dialects.alibaba.render import page
from upwell.dialects.checks import Length, OneOf, Pattern, Range, shown
from upwell.dialects.flat import Struct
from upwell.dialects.operations import Operation, Param, Values, refuse_repeats
from upwell.dialects.rpc_answers import utc
from upwell.dialects.rpc_checks import PACKAGE_STATUS, SIGN_METHODS, SUFFIXES, VERSION, asked, digest, page_params
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing
from upwell.domain.letters import LETTERS
from upwell.domain.talk import DEFAULT_MODULE

FIRMWARE_SIZE_MAX = 1000 * 1024 * 1024  # bytes; alibaba 2.2, 5.3: 1000 MB is 1048576000 in the upload policy
UDI_CHARS_MAX = 4096  # alibaba 2.2

FIRMWARE_NAME = Pattern(  # alibaba 2.2; [seed]: any of them may be first
    rf"[{LETTERS}0-9\-_()]{{1,40}}", "1-40 English, Chinese or Japanese letters, digits or - _ ( )"
)
FIRMWARE_ID = Param("FirmwareId", required=True)
FILES_MAX = 20  # alibaba 2.2: files of a package

_URL = Length(1, 1024)
_MD5 = Pattern(r"[0-9A-Fa-f]{32}", "an MD5 in 32 hexadecimal digits")
_SIZE = Range(1, FIRMWARE_SIZE_MAX)
_DESC = Length(0, 100)  # alibaba 2.2
_CREATE = (
    Param("FirmwareName", required=True, check=FIRMWARE_NAME),
    Param("DestVersion", required=True, check=VERSION),
    Param("FirmwareUrl", check=_URL),
    Param("ProductKey"),
    Param("SignMethod", check=OneOf(SIGN_METHODS), default="MD5"),
    Param("FirmwareSign"),
    Param("FirmwareSize", "long", check=_SIZE),
    Param("FirmwareDesc", check=_DESC, default=""),
    Param("Type", "int", check=OneOf((0, 1)), default=0),
    Param("SrcVersion", check=VERSION),
    Param("ModuleName", check=VERSION, default=DEFAULT_MODULE),
    Param("NeedToVerify", "bool", default=True),
    Param("Udi", check=Length(1, UDI_CHARS_MAX)),
    Param(
        "MultiFiles",
        "list",
        most=FILES_MAX,
        members=(
            Param("Name", required=True, check=Length(1, 32)),  # alibaba 2.2
            Param("Url", required=True, check=_URL),
            Param("Size", "long", check=_SIZE),
            Param("FileMd5", check=_MD5),
            Param("SignValue"),
        ),
    ),
)
_UPDATE = (
    FIRMWARE_ID,
    Param("ProductKey", required=True),
    Param("FirmwareName", check=FIRMWARE_NAME),
    Param("FirmwareDesc", check=_DESC, keep_empty=True),
    Param("FirmwareUdi", check=Length(0, UDI_CHARS_MAX), keep_empty=True),
)


def _create(p: Values) -> c.CreatePackage:
    is_delta = p["Type"] == 1
    if is_delta and not p["SrcVersion"]:
        raise Missing("SrcVersion", "Type is 1")
    if is_delta and p["SrcVersion"] == p["DestVersion"]:  # alibaba 2.3
        raise Invalid("SrcVersion", "other than DestVersion", f"both are {shown(p['DestVersion'])}")
    files, method = _files(p), p["SignMethod"]
    sign = digest("FirmwareSign", method, p["FirmwareSign"])
    return c.CreatePackage(
        name=p["FirmwareName"],
        version=p["DestVersion"],
        url=p["FirmwareUrl"],
        files=files,
        product_key=p["ProductKey"],
        description=p["FirmwareDesc"],
        module=p["ModuleName"],
        source_version=p["SrcVersion"],
        is_delta=is_delta,
        size=p["FirmwareSize"],
        sign_method=method,
        md5=sign if method == "MD5" else None,
        sha256=sign if method == "SHA256" else None,
        verify=p["NeedToVerify"],
        note=p["Udi"],
    )


def _files(p: Values) -> tuple[c.GivenFile, ...]:
    """alibaba 2.3: one file by FirmwareUrl or several by MultiFiles, which say size and sign of their own."""
    structs = p["MultiFiles"]
    if not structs:
        if not p["FirmwareUrl"]:
            raise Missing("FirmwareUrl", "MultiFiles is absent")
        return ()
    for name in ("FirmwareUrl", "FirmwareSign", "FirmwareSize"):
        if p[name] is not None:
            raise Invalid(name, "not together with MultiFiles", "both are given")
    refuse_repeats("MultiFiles", [each["Name"] for each in structs])
    refuse_repeats("MultiFiles", [each["Url"] for each in structs])  # alibaba 2.3: one upload ticket per file
    return tuple(_file(each, p["SignMethod"]) for each in structs)


def _file(each: Struct, method: str) -> c.GivenFile:
    """One of several files; its SignValue is of the package's SignMethod."""
    md5 = each["FileMd5"] and each["FileMd5"].lower()
    sign = digest(f"{each.where}SignValue", method, each["SignValue"])
    if method == "MD5" and md5 and sign and md5 != sign:
        raise Invalid("MultiFiles", "SignValue equals FileMd5", f"they differ for {shown(each['Name'])}")
    given = {"name": each["Name"], "url": each["Url"], "size": each["Size"]}
    if method == "MD5":
        return c.GivenFile(md5=md5 or sign, **given)
    return c.GivenFile(md5=md5, sha256=sign, **given)


def _update(p: Values) -> c.UpdatePackage:
    return c.UpdatePackage(
        package_id=names.read_firmware_id(p["FirmwareId"]),
        product_key=p["ProductKey"],
        name=p["FirmwareName"],
        description=p["FirmwareDesc"],
        note=p["FirmwareUdi"],
    )


def _list(p: Values) -> c.ListPackages:
    return c.ListPackages(asked=asked(p), product_key=p["ProductKey"], version=p["DestVersion"])


def _sign(r: c.Package | c.PackageFile, method: str) -> str:
    """What the vendor calls the sign: the digest of the package's SignMethod."""
    return r.sha256 if method == "SHA256" else r.md5


def _simple(r: c.Package) -> dict[str, Any]:
    single = not r.files  # alibaba 2.3: size and sign only of a package of one file
    return {
        "FirmwareId": names.firmware_id(r.package_id),
        "FirmwareName": r.name,
        "FirmwareDesc": r.description,
        "FirmwareSign": _sign(r, r.sign_method) if single else None,
        "FirmwareSize": r.size if single else None,
        "SignMethod": r.sign_method,
        "Type": int(r.is_delta),
        "Status": PACKAGE_STATUS[r.status],
        "DestVersion": r.version,
        "SrcVersion": r.source_version,
        "ModuleName": r.module,
        "ProductKey": r.product_key,
        "ProductName": r.product_name,
        "UtcCreate": utc(r.created_at),
        "UtcModified": utc(r.modified_at),
    }


def _full(r: c.Package) -> dict[str, Any]:
    more: dict[str, Any] = {
        "FirmwareUrl": None if r.files else r.url,
        # An empty list is what the SDK's own model writes for a single file, so the answer survives it unchanged.
        "MultiFiles": [
            {"Name": file.name, "Url": file.url, "Size": file.size, "FileMd5": file.md5}
            | {"SignValue": _sign(file, r.sign_method)}
            for file in r.files
        ],
        "Udi": r.note or None,
        "VerifyProgress": r.verify_progress,
    }
    return {"FirmwareInfo": _simple(r) | more}


def _created(r: c.Package) -> dict[str, Any]:
    return {"Data": {"FirmwareId": names.firmware_id(r.package_id), "UtcCreate": utc(r.created_at)}}


def _ticket(r: c.UploadTicket, url_name: str, key_name: str) -> dict[str, Any]:
    data = {
        url_name: r.url,
        "Host": r.host,
        "Key": r.object_key,
        key_name: r.access_key_id,
        "ObjectStorage": "OSS",
        "Policy": r.policy,
        "Signature": r.signature,
        "UtcCreate": utc(r.created_at),
    }
    return {"Data": data}


OPERATIONS: dict[str, Operation] = {
    "GenerateOTAUploadURL": Operation(
        "operator",
        (Param("FileSuffix", check=OneOf(SUFFIXES), default="bin"),),
        lambda p: c.CreateUploadTicket(suffix=p["FileSuffix"]),
        lambda r: _ticket(r, "FirmwareUrl", "OSSAccessKeyId"),
        limit_per_s=10,
    ),
    "GenerateDeviceNameListURL": Operation(
        "operator",
        (),
        lambda _: c.CreateUploadTicket(suffix="csv", purpose="devices"),
        lambda r: _ticket(r, "FileUrl", "AccessKeyId"),  # alibaba 5.2: other names here
        limit_per_s=10,
    ),
    "CreateOTAFirmware": Operation("operator", _CREATE, _create, _created, limit_per_s=10),
    "ModifyOTAFirmware": Operation("operator", _UPDATE, _update, limit_per_s=10),
    "QueryOTAFirmware": Operation(
        "viewer",
        (FIRMWARE_ID,),
        lambda p: c.ShowPackage(package_id=names.read_firmware_id(p["FirmwareId"])),
        _full,
        limit_per_s=20,
    ),
    "ListOTAFirmware": Operation(
        "viewer",
        (*page_params(100), Param("ProductKey"), Param("DestVersion", check=VERSION)),
        _list,
        page(_simple, "SimpleFirmwareInfo", "FirmwareInfo"),
        limit_per_s=10,
    ),
    "DeleteOTAFirmware": Operation(
        "operator",
        (FIRMWARE_ID,),
        lambda p: c.DeletePackage(package_id=names.read_firmware_id(p["FirmwareId"])),
        limit_per_s=10,
    ),
}
