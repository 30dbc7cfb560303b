"""Tuya's package and module operations (tuya 2.4, 2.5): their parameters, their commands, their answers."""

from collections.abc import Callable
from typing import Any

from upwell.dialects.checks import Length, OneOf, Pattern, Range
from upwell.dialects.operations import Operation, Param, Values
from upwell.dialects.rpc_answers import utc
from upwell.dialects.rpc_checks import ALIAS, DEVICE_KEY, PACKAGE_STATUS, SUFFIXES, VERSION, digest
from upwell.dialects.tuya import names
from upwell.dialects.tuya.render import Table, page, struct
from upwell.dialects.tuya.tables import PRODUCT, ask, data, of_device, operation, paged, sliced
from upwell.domain import commands as c
from upwell.domain.letters import LETTERS

FILE_SIZE_MAX = 1_048_576_000  # bytes; tuya 2.4: the sample policy's content-length-range
DIGESTS = {"MD5": "md5", "SHA256": "sha256"}  # SignMethod -> field of the command

FIRMWARE_NAME = Pattern(
    rf"[{LETTERS}0-9][{LETTERS}0-9\-_()]{{0,39}}",
    "1-40 Chinese, English or Japanese letters, digits or - _ ( ), a letter or digit first",
)
DESCRIPTION = Length(0, 100)
UDI = ask("note", "Udi", check=Length(1, 4096))
PACKAGE_ID = ask("package_id", "FirmwareId", read=names.read_firmware_id, required=True)
NAME = ask("name", "FirmwareName", required=True, check=FIRMWARE_NAME)


def _digest(given: Values) -> dict[str, Any]:
    """The field that the given digest is checked by: FirmwareSign is of SignMethod's kind."""
    method = given["SignMethod"]
    sign = digest("FirmwareSign", method, given["FirmwareSign"])
    return {} if sign is None else {DIGESTS[method]: sign}


def _of_module(command: Callable[..., c.Command]) -> Callable[..., c.Command]:
    """The command about one module, from the rows of `_MODULE`."""
    return lambda product_key, name, **more: command(module=c.ModuleKey(product_key=product_key, name=name), **more)


PACKAGE: Table = {
    "destVersion": "version",
    "firmwareDesc": "description",
    "firmwareId": lambda r: names.public(r.package_id),
    "firmwareName": "name",
    "firmwareSign": lambda r: r.sha256 if r.sign_method == "SHA256" else r.md5,
    "firmwareSize": "size",
    "moduleName": "module",
    "productKey": "product_key",
    "productName": "product_name",
    "signMethod": "sign_method",
    "srcVersion": "source_version",
    "status": lambda r: PACKAGE_STATUS[r.status],
    "type": lambda r: int(r.is_delta),
    "utcCreate": lambda r: utc(r.created_at),
    "utcModified": lambda r: utc(r.modified_at),
}
WHOLE_PACKAGE: Table = {**PACKAGE, "firmwareUrl": "url", "udi": "note", "verifyProgress": "verify_progress"}
CREATED: Table = {
    "firmwareId": lambda r: names.public(r.package_id),
    "utcCreate": lambda r: utc(r.created_at),
}
TICKET: Table = {
    "firmwareUrl": "url",
    "host": "host",
    "key": "object_key",
    "objectStorage": lambda _: "OSS",
    "ossAccessKeyId": "access_key_id",
    "policy": "policy",
    "signature": "signature",
    "utcCreate": lambda r: utc(r.created_at),
}
MODULE: Table = {
    "aliasName": "alias",
    "desc": "description",
    "gmtCreate": lambda r: utc(r.created_at),  # tuya 1.4: the ms format unless a client objects
    "gmtModified": lambda r: utc(r.modified_at),
    "moduleName": "name",
    "productKey": "product_key",
}
MODULE_VERSION: Table = {
    "deviceName": "device_name",
    "iotId": "iot_id",
    "moduleName": "module",
    "moduleVersion": "version",
    "productKey": "product_key",
}

_MODULE = (PRODUCT, ask("name", "ModuleName", required=True, check=VERSION))
_TOLD_OF_MODULE = (
    ask("alias", "AliasName", check=ALIAS),
    ask("description", "Desc", check=DESCRIPTION),
)

OPERATIONS: dict[str, Operation] = {
    "GenerateOTAUploadURL": operation(
        "operator",
        c.CreateUploadTicket,
        (ask("suffix", "FileSuffix", check=OneOf(SUFFIXES)),),
        data(lambda r: struct(TICKET, r)),
    ),
    "CreateOTAFirmware": operation(
        "operator",
        c.CreatePackage,
        (
            NAME,
            ask("version", "DestVersion", required=True, check=VERSION),
            # tuya 2.4 calls it optional; without several files, which Tuya does not offer, there is no other.
            ask("url", "FirmwareUrl", required=True, check=Length(1, 1024)),
            ask("sign_method", "SignMethod", check=OneOf(tuple(DIGESTS)), default="MD5"),
            ask("size", "FirmwareSize", "long", check=Range(1, FILE_SIZE_MAX)),
            ask("product_key", "ProductKey"),
            ask("description", "FirmwareDesc", check=DESCRIPTION),
            ask("is_delta", "Type", "int", bool, check=OneOf((0,))),  # tuya 2.4: differential is not offered
            ask("source_version", "SrcVersion", check=VERSION),
            ask("module", "ModuleName", check=VERSION),
            ask("verify", "NeedToVerify", "bool"),
            UDI,
        ),
        data(lambda r: struct(CREATED, r)),
        more=(Param("FirmwareSign"),),
        further=_digest,
    ),
    # tuya 1.6: the vendor's page on deleting sends this Action with FirmwareId alone. It is refused for want of
    # FirmwareName, and never deletes.
    "ModifyOTAFirmware": operation(
        "operator",
        c.UpdatePackage,
        (
            PACKAGE_ID,
            NAME,
            ask("product_key", "ProductKey"),
            ask("description", "FirmwareDesc", check=DESCRIPTION),
            UDI,
        ),
    ),
    "DeleteOTAFirmware": operation("operator", c.DeletePackage, (PACKAGE_ID,)),
    "QueryOTAFirmware": operation(
        "viewer", c.ShowPackage, (PACKAGE_ID,), lambda r: {"firmwareInfo": struct(WHOLE_PACKAGE, r)}
    ),
    "ListOTAFirmware": operation(
        "viewer",
        sliced(c.ListPackages),
        (*paged(100), ask("product_key", "ProductKey"), ask("version", "DestVersion", check=VERSION)),
        page(PACKAGE, "simpleFirmwareInfo", "firmwareInfo"),
    ),
    "CreateOTAModule": operation("operator", c.CreateModule, (*_MODULE, *_TOLD_OF_MODULE)),
    "UpdateOTAModule": operation("operator", _of_module(c.UpdateModule), (*_MODULE, *_TOLD_OF_MODULE)),
    "DeleteOTAModule": operation("operator", _of_module(c.DeleteModule), _MODULE),
    # tuya 2.4: this list is plain at Alibaba too.
    "ListOTAModuleByProduct": operation(
        "viewer",
        c.ListModules,
        (PRODUCT,),
        data(lambda r: [struct(MODULE, each) for each in r.items]),
    ),
    "ListOTAModuleVersionsByDevice": operation(
        "viewer",
        sliced(c.ListModuleVersions),
        paged(200),
        page(MODULE_VERSION, "simpleOTAModuleInfo"),
        more=DEVICE_KEY,
        further=of_device,
    ),
}
