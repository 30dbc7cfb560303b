"""Our own operations on packages: members, commands, answers."""

from typing import Any

from upwell.dialects.checks import Pattern, Range, Text
from upwell.dialects.operations import Param, Table, Values, refuse_repeats
from upwell.dialects.upwell import names, pages
from upwell.dialects.upwell.module_ops import MODULE_NAME
from upwell.dialects.upwell.params import (
    DESCRIPTION,
    NAME,
    PRODUCT_ID,
    SPACE_ID,
    VERSION,
    ExactlyOne,
    label,
    path_id,
    prose,
    sort,
)  # fmt: skip
from upwell.dialects.upwell.rows import Row, listed, row
from upwell.dialects.upwell.shapes import Shape, at, free, members, number, switch, text, texts
from upwell.dialects.upwell.upload_ops import SIZE_MAX
from upwell.dialects.upwell.upload_ops import number_of as upload_of
from upwell.domain import commands as c
from upwell.domain.errors import Invalid
from upwell.domain.modules import DEFAULT_MODULE, STANDING

OBJECT_SIZE_MAX = 1000 * 1024 * 1024  # bytes of an object in a bucket
SOURCES_MAX = 20
FILES_MAX = 20  # of a package
STATUSES = ("unverified", "verifying", "verified", "failed", "exempt")

_FILE = members(
    text("name", lambda r: r.name), number("size", lambda r: r.size), text("md5", lambda r: r.md5),
    text("sha256", lambda r: r.sha256),
)  # fmt: skip
PACKAGE = Shape("Package", "A version of a module, ready to install.", (
    text("id", lambda r: names.package_id(r.package_id)),
    text("name", lambda r: r.name),
    text("description", lambda r: r.description),
    text("product_id", lambda r: r.product_key, "absent of one that is every product's", always=False),
    text("space_id", lambda r: r.space and r.space.key, always=False),
    text("module", lambda r: r.module),
    text("version", lambda r: r.version),
    switch("is_delta", lambda r: r.is_delta, "it is installed over source_version alone"),
    text("source_version", lambda r: r.source_version, always=False),
    texts("source_versions", lambda r: r.source_versions or None, "those that it may follow; absent: any",
          always=False),
    texts("after", lambda r: r.source_versions if r.leads else None,
          "devices of other versions are led to one of these first", always=False),
    text("status", lambda r: r.status, "exempt: it needs no verification; more may come", enum=list(STATUSES)),
    number("verify_progress", lambda r: r.verify_progress, "percent"),
    number("size", lambda r: r.size, "bytes"),
    text("md5", lambda r: r.md5 or None, always=False),
    text("sha256", lambda r: r.sha256 or None, always=False),
    free("files", {"type": "array", "items": _FILE},
         lambda r: [_shown_file(file) for file in r.files] or None, "of a package of several", always=False),
    free("object", members(*(text(name, lambda r: None) for name in ("region", "bucket", "key"))),
         lambda r: r.place and {"region": r.place.region, "bucket": r.place.bucket, "key": r.place.key},
         "of one that was made of an object in a bucket", always=False),
    text("object_state", lambda r: r.object_state, "ok, or why it is not offered: checking, missing, differs"),
    text("note", lambda r: r.note, "goes to the device with the offer", always=False),
    at("created_at", lambda r: r.created_at),
    at("modified_at", lambda r: r.modified_at),
))  # fmt: skip

PACKAGE_PATH = path_id("package_id", label(64))
_NOTE = Param("note", check=prose(4096))
_DESCRIPTION = Param("description", check=DESCRIPTION)
_MD5 = Param("md5", check=Pattern("[0-9A-Fa-f]{32}", "an MD5 in 32 hexadecimal digits"))
_SHA256 = Param("sha256", check=Pattern("[0-9A-Fa-f]{64}", "a SHA-256 in 64 hexadecimal digits"))
_SIZE = Param("size", "int", check=Range(1, SIZE_MAX))
_URL = label(1024)
_UPLOAD_ID = Param("upload_id", check=label(64))
_OBJECT: Table = (
    Param("bucket", required=True, check=Text(63, "a-z0-9.-", "lowercase letters, digits or - .", low=3)),
    Param("key", required=True, check=label(1024)),
    Param("region", check=Text(256, "A-Za-z0-9-", "letters, digits or -"), default="any"),
    _SHA256,
)
_FILES: Table = (
    Param("name", required=True, check=label(32)), Param("upload_url", check=_URL), _UPLOAD_ID, _SIZE, _MD5, _SHA256,
)  # fmt: skip
_SAID_OF_ONE = ("size", "md5", "sha256")  # of one uploaded file; several files and objects say it of their own
_CREATE = (
    Param("name", required=True, check=NAME),
    Param("version", required=True, check=VERSION),
    Param("upload_url", check=_URL),
    _UPLOAD_ID,
    Param("files", "list", check=ExactlyOne(("upload_url", "upload_id")), most=FILES_MAX, members=_FILES, closed=True),
    Param("object", "members", members=_OBJECT, closed=True),
    PRODUCT_ID,
    Param("module", check=MODULE_NAME, default=DEFAULT_MODULE),
    Param("delta_from", check=VERSION),
    Param("source_versions", "list", check=VERSION, most=SOURCES_MAX),
    Param("after", "list", check=VERSION, most=SOURCES_MAX),
    _SIZE,
    _MD5,
    _SHA256,
    Param("verify", "bool"),
    _DESCRIPTION,
    _NOTE,
)


def _shown_file(file: Any) -> dict[str, Any]:
    return {"name": file.name, "size": file.size, "md5": file.md5, "sha256": file.sha256}


def _create(v: Values) -> c.CreatePackage:
    for name in ("source_versions", "files", "after"):
        if v[name] == ():
            raise Invalid(name, "at least one", "leave it out")
    after = v["after"] or ()
    if after and v["delta_from"] is not None and tuple(after) != (v["delta_from"],):
        raise Invalid("after", "delta_from alone, of a differential package")
    return c.CreatePackage(
        name=v["name"], version=v["version"], product_key=v["product_id"], module=v["module"],
        source_version=v["delta_from"], is_delta=v["delta_from"] is not None,
        source_versions=v["source_versions"] or (() if v["delta_from"] else after), leads=bool(after),
        description=v["description"] or "", note=v["note"],
        standing=STANDING, verify=v["verify"] is not False, **_content(v),
    )  # fmt: skip


def _content(v: Values) -> dict[str, Any]:
    """Where the bytes of the package are, and what is said of them."""
    if v["upload_url"] is not None or v["upload_id"] is not None:
        method = "SHA256" if v["sha256"] else "MD5"
        return {"url": v["upload_url"], "upload_id": _upload(v), "sign_method": method} | _said(v)
    for name in _SAID_OF_ONE:
        if v[name] is not None:
            raise Invalid(name, "only with upload_url or upload_id", "say it of each file, or of the object")
    if v["files"] is not None:
        refuse_repeats("files", [file["name"] for file in v["files"]])
        return {"files": tuple(map(_given_file, v["files"]))}
    if v["verify"] is not None:
        raise Invalid("verify", "not with object", "a package of an object is never verified by a rollout")
    at = v["object"]
    place = c.ObjectPlace(region=at["region"], bucket=at["bucket"], key=at["key"])
    return {"place": place, "size_max": OBJECT_SIZE_MAX, "sign": at["sha256"], "sign_word": at["sha256"] and "SHA-256"}


def _given_file(file: Values) -> c.GivenFile:
    return c.GivenFile(name=file["name"], url=file["upload_url"] or "", upload_id=_upload(file), **_said(file))


def _upload(v: Values) -> int | None:
    return None if v["upload_id"] is None else upload_of(v)


def _said(file: Values) -> dict[str, Any]:
    """Size and digests, as far as they are given."""
    lower = {name: file[name] and file[name].lower() for name in ("md5", "sha256")}
    return {"size": file["size"], **lower}


def _list(v: Values) -> c.ListPackages:
    return c.ListPackages(
        asked=pages.asked(v), space=v["space_id"], product_key=v["product_id"], module=v["module"],
        version=v["version"], counted=False,
    )  # fmt: skip


def number_of(v: Values) -> int:
    """The package that package_id names."""
    return names.read_package_id(v["package_id"])


_ONE = "/packages/{package_id}"

OPERATIONS: dict[str, Row] = {
    "create_package": row(
        "POST", "/packages", "operator", "Make a package of uploaded files or of an object in a bucket.",
        _create, PACKAGE, status=201,
        body=_CREATE, selects=True, apart=(("delta_from", "source_versions"), ("after", "source_versions")),
        one=("upload_url", "upload_id", "files", "object"), gives="package_id",
        notes="Size and digests are compared with the file's where they are given. With `delta_from` the file is a"
              " difference from that version. With `after` it is offered to devices that run one of these versions, and"
              " others are led to one of them first, by other packages of the module. With `verify` false it may be"
              " rolled out at once. An object is read first, and needs no verification."
    ),
    "list_packages": listed(
        "/packages", "viewer", "Packages, newest first.", _list, PACKAGE,
        query=(SPACE_ID, PRODUCT_ID, Param("module", check=MODULE_NAME), Param("version", check=VERSION),
               sort("name", "created_at", "modified_at", "size")),
    ),
    "show_package": row(
        "GET", _ONE, "viewer", "A package.", lambda v: c.ShowPackage(package_id=number_of(v)), PACKAGE,
        ids=PACKAGE_PATH, tagged=True,
    ),
    "update_package": row(
        "PATCH", _ONE, "operator", "Change what is said of a package.",
        lambda v: c.UpdatePackage(
            package_id=number_of(v), name=v["name"], description=v["description"], note=v["note"]
        ),
        PACKAGE, ids=PACKAGE_PATH, body=(Param("name", check=NAME), _DESCRIPTION, _NOTE),
    ),
    "delete_package": row(
        "DELETE", _ONE, "operator", "Delete a package that no rollout is bringing out.",
        lambda v: c.DeletePackage(package_id=number_of(v)), ids=PACKAGE_PATH,
    ),
}  # fmt: skip
