"""Huawei's package operations (huawei 2.1-2.4, and the seed): their members, their commands, their answers.

firmwarePackage is the module `default`, softwarePackage `software`; a modulePackage names its module.
"""

from dataclasses import dataclass
from typing import Any

from upwell.dialects.checks import OneOf, Text, shown
from upwell.dialects.huawei import names, render
from upwell.dialects.huawei.codes import STATUSES
from upwell.dialects.huawei.params import APP_ID, ID_36, PRODUCT_ID, WINDOW, asked
from upwell.dialects.operations import Operation, Param, Values, at
from upwell.domain import commands as c
from upwell.domain.errors import Invalid, Missing
from upwell.domain.modules import DEFAULT_MODULE, SOFTWARE_MODULE, STANDING, module_key

OBJECT_SIZE_MAX = 1024**3  # bytes; [seed] 1 GB
MODULE_PACKAGE = "modulePackage"
TYPES = ("softwarePackage", "firmwarePackage", MODULE_PACKAGE)  # [seed], the third by huawei 2.2
SUFFIXES = (  # [seed]
    ".bin", ".dav", ".tar", ".gz", ".zip", ".gzip", ".apk", ".tar.gz", ".tar.xz", ".pack", ".exe", ".bat", ".img",
)  # fmt: skip

_VERSION_CHARS, _VERSION_SAID = "A-Za-z0-9_.-", "letters, digits or _ - ."
MODULE_NAME = Text(64, _VERSION_CHARS, _VERSION_SAID)  # [seed]
VERSION = Text(256, _VERSION_CHARS, _VERSION_SAID)  # [seed]; huawei 2.2: source versions alike
PACKAGE_ID = Param("package_id", required=True, check=Text(36, "A-Za-z0-9-", "letters, digits or -"))
_MODULE_OF = {"firmwarePackage": DEFAULT_MODULE, "softwarePackage": SOFTWARE_MODULE}
_TYPE_OF = {module: kind for kind, module in _MODULE_OF.items()}


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """The name of an object with its folders, 1 to 1,024 characters, of a kind that may be installed [seed]."""

    text: str = "at most 1024 characters, ending in one of " + " ".join(SUFFIXES)

    def problem(self, value: str) -> str | None:
        if not 1 <= len(value) <= 1024:
            return f"the value has {len(value)} characters"
        return None if value.lower().endswith(SUFFIXES) else f"the value is {shown(value)}"


_OBS: tuple[Param, ...] = (
    Param("region_name", required=True, check=Text(256, "A-Za-z0-9-", "letters, digits or -")),
    Param("bucket_name", required=True, check=Text(63, "a-z0-9.-", "lowercase letters, digits or - .", low=3)),
    Param("object_key", required=True, check=ObjectKey()),
    Param("sign_method", check=OneOf(("SHA-256", "SHA256"))),  # huawei 0.1: the SDK's text has the second
    Param("sign", check=Text(64, "A-Za-z0-9", "letters and digits", low=64)),
)
_CREATE: tuple[Param, ...] = (
    Param("app_id", required=True, check=ID_36),
    Param("package_type", required=True, check=OneOf(TYPES)),
    Param("product_id", required=True, check=ID_36),
    Param("module_name", check=MODULE_NAME),
    Param("version", required=True, check=VERSION),
    Param("support_source_versions", "list", check=VERSION, most=20, default=(), unique=False),
    Param("description", check=Text(1024, low=0)),
    Param("custom_info", check=Text(4096, low=0)),
    # huawei 2.2: optional in the seed's schema, but there is nothing to download without it
    Param("file_location", "members", required=True, members=(
        Param("obs_location", "members", required=True, members=_OBS),
    )),
)  # fmt: skip


def _create(v: Values) -> c.CreatePackage:
    obs = v["file_location"]["obs_location"]
    return c.CreatePackage(
        space=v["app_id"],
        product_key=v["product_id"],
        module=_module(v),
        version=v["version"],
        source_versions=tuple(dict.fromkeys(v["support_source_versions"])),
        description=v["description"] or "",
        note=v["custom_info"],
        place=c.ObjectPlace(region=obs["region_name"], bucket=obs["bucket_name"], key=obs["object_key"]),
        standing=STANDING,
        is_delta=None,
        size_max=OBJECT_SIZE_MAX,
        sign=obs["sign"],
        sign_word=obs["sign_method"],
    )


def _module(v: Values) -> str:
    kind, name = v["package_type"], v["module_name"]
    if kind != MODULE_PACKAGE:
        if name is not None:  # [seed]: supported when package_type is modulePackage
            raise Invalid("module_name", f"only with package_type {MODULE_PACKAGE}", f"it is {kind}")
        return _MODULE_OF[kind]
    if name is None:
        raise Missing("module_name", f"package_type is {kind}")
    if module_key(name) in _TYPE_OF:
        raise Invalid("module_name", f"none of {', '.join(_TYPE_OF)}", f"{name} has a package_type of its own")
    return str(name)


def _list(v: Values) -> c.ListPackages:
    module = _MODULE_OF.get(v["package_type"])
    return c.ListPackages(
        asked=asked(v),
        in_space=True,
        module=module,
        without=() if module else STANDING,
        space=v["app_id"],
        product_key=v["product_id"],
        version=v["version"],
    )


def _listed(r: c.Package) -> dict[str, Any]:
    members = {
        "package_id": names.package_id(r.package_id),
        "app_id": r.space and r.space.key,
        "package_type": _TYPE_OF.get(r.module, MODULE_PACKAGE),
        "product_id": r.product_key,
        "product_name": r.product_name,
        "module_name": None if r.module in _TYPE_OF else r.module,
        "version": r.version,
        "support_source_versions": list(r.source_versions) or None,
        "description": r.description or None,
        "custom_info": r.note,
        "create_time": render.time(r.created_at),
    }
    return render.present(members)


def _package(r: c.Package) -> dict[str, Any]:
    if r.place is None:  # made of an uploaded file by another dialect
        return _listed(r)
    obs = {
        "region_name": r.place.region,
        "bucket_name": r.place.bucket,
        "object_key": r.place.key,
        "sign_method": r.sign_word,
        "sign": r.sign,
    }
    return _listed(r) | {"file_location": {"obs_location": render.present(obs)}}


_ONE = "/ota-upgrades/packages/{package_id}"

OPERATIONS: dict[str, Operation] = {
    "CreateOtaPackage": at(
        "POST", "/ota-upgrades/packages", "operator", _create, _package, status=201, body=_CREATE,
        refuses=STATUSES - {404},  # [seed]
        selects=True,  # support_source_versions
    ),
    "ListOtaPackageInfo": at(
        "GET", "/ota-upgrades/packages", "viewer", _list, render.paged("packages", _listed),
        query=(Param("package_type", required=True, check=OneOf(TYPES)), APP_ID, PRODUCT_ID,
               Param("version", check=VERSION), *WINDOW),
    ),
    "ShowOtaPackage": at(
        "GET", _ONE, "viewer",
        lambda v: c.ShowPackage(package_id=names.read_package_id(v["package_id"]), in_space=True), _package,
        ids=(PACKAGE_ID,),
    ),
    "DeleteOtaPackage": at(
        "DELETE", _ONE, "operator",
        lambda v: c.DeletePackage(package_id=names.read_package_id(v["package_id"])), status=204, ids=(PACKAGE_ID,),
    ),
}  # fmt: skip
