"""What a package holds: uploaded files, or an object that lies in its owner's bucket.

Sizes and digests of uploads are the stored files', whatever the caller thinks they are. A package of a single file
keeps them itself; one of several keeps them in its list, and has none of its own but the size of all (alibaba 2.3).

An object must be there when its package is made; what it holds is found out afterwards
(service/upgrade/stored_objects.py), and until then nobody is offered it. It is the owner's: it is never written, nor
deleted with the package.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from upwell.domain import commands as c
from upwell.domain.errors import Invalid, NotFound
from upwell.objects.buckets import object_ref
from upwell.objects.port import Seen
from upwell.service.context import Context, objects_of
from upwell.service.manage.access import Caller, project_id
from upwell.service.manage.parts import file_of_upload
from upwell.service.manage.uploads import take_file
from upwell.storage.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Content:
    """What a package installs, as columns of its row: one file, `files` as JSON, or the object in a place."""

    object_key: str
    size: int
    url: str
    md5: str = ""
    sha256: str = ""
    files: str = "[]"
    object_state: str = "ok"
    object_tag: str | None = None
    looked_at: datetime | None = None
    region: str | None = None
    bucket: str | None = None
    bucket_key: str | None = None


async def single(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreatePackage, package_id: int) -> Content:
    """The one file, checked against what the caller thinks of it (alibaba 5.4). Raises Invalid (url, size, md5,
    sha256), NotFound (file, upload), Conflict file_used, upload_not_complete."""
    url = await _url_of(ctx, conn, caller, cmd)
    file = await take_file(ctx, conn, caller, url, "firmware", package_id)
    if file["size"] == 0:
        raise Invalid("url", "that of a file of at least 1 byte", "the uploaded file is empty; upload it again")
    if cmd.size is not None and cmd.size != file["size"]:
        raise Invalid("size", "the stored file's", f"it has {file['size']} bytes")
    if cmd.md5 is not None and cmd.md5 != file["md5"]:
        raise Invalid("md5", "the stored file's", f"its MD5 is {file['md5']}")
    if cmd.sha256 is not None and cmd.sha256 != file["sha256"]:
        raise Invalid("sha256", "the stored file's", f"its SHA-256 is {file['sha256']}")
    return Content(file["object_key"], file["size"], url, file["md5"], file["sha256"])


async def several(ctx: Context, conn: Connection, caller: Caller, cmd: c.CreatePackage, package_id: int) -> Content:
    """The files of several, each checked against what the caller thinks of it (alibaba 5.4). Raises Invalid (files,
    size), NotFound (file), Conflict file_used."""
    files = []
    for place, given in enumerate(cmd.files, 1):
        url = await _url_of(ctx, conn, caller, given)
        file = await take_file(ctx, conn, caller, url, "firmware", package_id)
        _check_file(given, file, f"file {place} ({given.name})")
        facts = {name: file[name] for name in ("object_key", "size", "md5", "sha256")}
        files.append({"name": given.name, "url": url} | facts)
    size = sum(int(file["size"]) for file in files)
    if cmd.size is not None and cmd.size != size:
        raise Invalid("size", "that of the stored files together", f"they have {size} bytes")
    return Content("", size, "", files=json.dumps(files))


async def _url_of(ctx: Context, conn: Connection, caller: Caller, given: c.CreatePackage | c.GivenFile) -> str:
    """What names the file: the URL of its ticket, or the key that an upload in parts gave it."""
    if given.upload_id is not None:
        return await file_of_upload(ctx, conn, caller, given.upload_id)
    return given.url or ""


def _check_file(given: c.GivenFile, file: Row, which: str) -> None:
    if file["size"] == 0:
        raise Invalid("files", "files of at least 1 byte", f"{which} is empty; upload it again")
    if given.size is not None and given.size != file["size"]:
        raise Invalid("files", "the size of the stored file", f"{which} has {file['size']} bytes")
    if given.md5 is not None and given.md5 != file["md5"]:
        raise Invalid("files", "the MD5 of the stored file", f"that of {which} is {file['md5']}")
    if given.sha256 is not None and given.sha256 != file["sha256"]:
        raise Invalid("files", "the SHA-256 of the stored file", f"that of {which} is {file['sha256']}")


async def object_of(ctx: Context, caller: Caller, cmd: c.CreatePackage) -> Content:
    """The object in the place, there but not read yet. Raises Invalid (bucket, object_key)."""
    place = cmd.place
    assert place is not None  # noqa: S101  # whoever calls has one
    ref = object_ref(project_id(caller.account_id), place.region, place.bucket, place.key)
    seen = await _seen(ctx, ref, cmd.size_max)
    return Content(
        ref,
        seen.size,
        f"{place.region}/{place.bucket}/{place.key}",
        object_state="checking",
        object_tag=seen.tag,
        looked_at=ctx.now(),
        region=place.region,
        bucket=place.bucket,
        bucket_key=place.key,
    )


async def _seen(ctx: Context, ref: str, size_max: int | None) -> Seen:
    try:
        seen = await objects_of(ctx).look(ref)
    except NotFound as exc:
        raise Invalid("object_key", "the key of an object in the bucket", "there is none") from exc
    if seen.size == 0:
        raise Invalid("object_key", "that of an object of at least 1 byte", "it is empty")
    if size_max is not None and seen.size > size_max:
        raise Invalid("object_key", f"that of an object of at most {size_max} bytes", f"it has {seen.size}")
    return seen
