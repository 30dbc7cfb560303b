"""Packages of uploaded firmware files, each for one module of a product.

A package's sizes and digests are the stored files', whatever the caller thinks they are. One of a single file keeps
them itself; one of several keeps them in its list, and has none of its own but the size of all (alibaba 2.3).
"""

import json
from dataclasses import dataclass

import asyncpg

from upwell.domain import commands
from upwell.domain.errors import Conflict, Invalid, Missing, NotFound, TooMany
from upwell.domain.modules import module_key
from upwell.domain.talk import DEFAULT_MODULE
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.uploads import take_file
from upwell.storage.database import Connection, Row, values
from upwell.storage.queries import sheet

_Q = sheet("packages")
PACKAGES_MAX = 500  # live packages of one account (alibaba 2.2)
FILES_MAX = 20  # of one package (alibaba 2.2)


@dataclass(frozen=True, slots=True)
class _Content:
    """What a package installs: one file, or `files` as JSON."""

    object_key: str
    size: int
    md5: str
    sha256: str
    url: str
    files: str = "[]"


async def create_package(ctx: Context, caller: Caller, cmd: commands.CreatePackage) -> commands.PackageCreated:
    """A package of uploaded files. Raises Missing (url), Invalid (url, files, size, md5, sha256, source_version),
    NotFound (file, product, module), Conflict package_name_taken or file_used, TooMany packages or files."""
    require(caller, "operator")
    _check(cmd)
    package_id, now = ctx.new_id(), ctx.now()

    async def body(conn: Connection) -> commands.PackageCreated:
        await conn.execute(_Q["lock_account"], caller.account_id)
        if await conn.fetchval(_Q["count_live"], caller.account_id) >= PACKAGES_MAX:
            raise TooMany("packages", PACKAGES_MAX)
        product_id = await _product_id(conn, caller, cmd.product_key)
        module = await _hold_module(conn, product_id, cmd.module)
        content = await (_several if cmd.files else _single)(ctx, conn, caller, cmd, package_id)
        head = (package_id, caller.account_id, product_id, cmd.name, cmd.description, module, cmd.version)
        kind = (cmd.source_version or None, cmd.is_delta, "unverified" if cmd.verify else "exempt")
        more = (cmd.udi, cmd.sign_method)
        stored = (content.object_key, content.size, content.md5, content.sha256, content.url, content.files)
        if await conn.fetchval(_Q["make_package"], *head, *kind, *more, *stored, now) is None:
            raise _name_taken(cmd.name)
        return commands.PackageCreated(package_id=package_id, created_at=now)

    return await ctx.database.transact(body)


async def modify_package(ctx: Context, caller: Caller, cmd: commands.ModifyPackage) -> commands.Done:
    """Give a package another name, description or udi. A package of no product is every product's. Raises NotFound
    (package, product), Conflict package_name_taken or package_of_other_product."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        row = await conn.fetchrow(_Q["package_for_change"], cmd.package_id, caller.account_id)
        if row is None:
            raise NotFound("package", str(cmd.package_id))
        product_id = await _product_id(conn, caller, cmd.product_key)
        if product_id is not None and row["product_id"] not in (None, product_id):
            raise Conflict("package_of_other_product", f"The package does not belong to product {cmd.product_key}.")
        try:
            await conn.execute(_Q["modify_package"], cmd.package_id, cmd.name, cmd.description, cmd.udi, ctx.now())
        except asyncpg.UniqueViolationError as exc:
            raise _name_taken(cmd.name or "") from exc
        return commands.Done()

    return await ctx.database.transact(body)


async def show_package(ctx: Context, caller: Caller, cmd: commands.ShowPackage) -> commands.Package:
    """The package. Raises NotFound."""
    async with ctx.database.connection() as conn:
        found = await _show_packages(conn, caller, [cmd.package_id])
    if not found:
        raise NotFound("package", str(cmd.package_id))
    return found[0]


async def list_packages(ctx: Context, caller: Caller, cmd: commands.ListPackages) -> commands.Page[commands.Package]:
    """A page of the account's packages, newest first."""
    which = caller.account_id, cmd.product_key, cmd.version
    async with ctx.database.connection() as conn:
        total = await conn.fetchval(_Q["count_packages"], *which)
        rows = await conn.fetch(_Q["page_of_packages"], *which, cmd.size, (cmd.number - 1) * cmd.size)
        items = await _show_packages(conn, caller, [row["package_id"] for row in rows])
    return commands.Page(items=tuple(items), total=total, number=cmd.number, size=cmd.size)


async def delete_package(ctx: Context, caller: Caller, cmd: commands.DeletePackage) -> commands.Done:
    """Delete a package that no job is bringing out. Raises NotFound, Conflict package_has_running_job."""
    require(caller, "operator")

    async def body(conn: Connection) -> commands.Done:
        if await conn.fetchval(_Q["lock_package"], cmd.package_id, caller.account_id) is None:
            raise NotFound("package", str(cmd.package_id))
        if await conn.fetchval(_Q["has_running_job"], cmd.package_id):
            raise Conflict(
                "package_has_running_job", "A job of the package is planned or in progress; cancel it first."
            )
        await conn.execute(_Q["delete_package"], cmd.package_id, ctx.now())
        return commands.Done()

    return await ctx.database.transact(body)


def _check(cmd: commands.CreatePackage) -> None:
    if cmd.is_delta and not cmd.source_version:
        raise Invalid("source_version", "given for a delta package")
    if cmd.is_delta and cmd.source_version == cmd.version:
        raise Invalid("source_version", "differs from the destination version")
    if not cmd.files and not cmd.url:
        raise Missing("url")
    if cmd.files:
        _check_files(cmd)


def _check_files(cmd: commands.CreatePackage) -> None:
    """A package of several files has no file of its own (alibaba 2.3)."""
    for field, given in (("url", cmd.url), ("md5", cmd.md5), ("sha256", cmd.sha256)):
        if given:
            raise Invalid(field, "not given beside several files")
    if len(cmd.files) > FILES_MAX:
        raise TooMany("files", FILES_MAX)
    names = [file.name for file in cmd.files]
    for place, name in enumerate(names, 1):
        if name in names[: place - 1]:
            raise Invalid("files", "every name once", f"file {place} is the second named {name}")


async def _product_id(conn: Connection, caller: Caller, product_key: str | None) -> int | None:
    if product_key is None:
        return None
    product_id = await conn.fetchval(_Q["product_of_account"], caller.account_id, product_key)
    if product_id is None:
        raise NotFound("product", product_key)
    return int(product_id)


async def _hold_module(conn: Connection, product_id: int | None, module: str) -> str:
    """The module's own name; it exists until the package does (alibaba 5.4). A package of no product is for whole
    devices."""
    if module_key(module) == DEFAULT_MODULE:
        return DEFAULT_MODULE
    name = product_id and await conn.fetchval(_Q["share_module"], product_id, module)
    if not name:
        raise NotFound("module", module)
    return str(name)


async def _single(
    ctx: Context, conn: Connection, caller: Caller, cmd: commands.CreatePackage, package_id: int
) -> _Content:
    """The one file, checked against what the caller thinks of it (alibaba 5.4)."""
    url = cmd.url or ""
    file = await take_file(ctx, conn, caller, url, "firmware", package_id)
    if file["size"] == 0:
        raise Invalid("url", "that of a file of at least 1 byte", "the uploaded file is empty; upload it again")
    if cmd.size is not None and cmd.size != file["size"]:
        raise Invalid("size", "the stored file's", f"it has {file['size']} bytes")
    if cmd.md5 is not None and cmd.md5 != file["md5"]:
        raise Invalid("md5", "the stored file's", f"its MD5 is {file['md5']}")
    if cmd.sha256 is not None and cmd.sha256 != file["sha256"]:
        raise Invalid("sha256", "the stored file's", f"its SHA-256 is {file['sha256']}")
    return _Content(file["object_key"], file["size"], file["md5"], file["sha256"], url)


async def _several(
    ctx: Context, conn: Connection, caller: Caller, cmd: commands.CreatePackage, package_id: int
) -> _Content:
    """The files of several, each checked against what the caller thinks of it (alibaba 5.4)."""
    files = []
    for place, given in enumerate(cmd.files, 1):
        file = await take_file(ctx, conn, caller, given.url, "firmware", package_id)
        which = f"file {place} ({given.name})"
        if file["size"] == 0:
            raise Invalid("files", "files of at least 1 byte", f"{which} is empty; upload it again")
        if given.size is not None and given.size != file["size"]:
            raise Invalid("files", "the size of the stored file", f"{which} has {file['size']} bytes")
        if given.md5 is not None and given.md5 != file["md5"]:
            raise Invalid("files", "the MD5 of the stored file", f"that of {which} is {file['md5']}")
        if given.sha256 is not None and given.sha256 != file["sha256"]:
            raise Invalid("files", "the SHA-256 of the stored file", f"that of {which} is {file['sha256']}")
        facts = {name: file[name] for name in ("object_key", "size", "md5", "sha256")}
        files.append({"name": given.name, "url": given.url} | facts)
    size = sum(int(file["size"]) for file in files)
    if cmd.size is not None and cmd.size != size:
        raise Invalid("size", "that of the stored files together", f"they have {size} bytes")
    return _Content("", size, "", "", "", json.dumps(files))


async def _show_packages(conn: Connection, caller: Caller, package_ids: list[int]) -> list[commands.Package]:
    rows = await conn.fetch(_Q["show_packages"], caller.account_id, package_ids)
    return [commands.Package(**values(row) | {"files": _files(row)}) for row in rows]


def _files(row: Row) -> tuple[commands.PackageFile, ...]:
    files = [{name: value for name, value in file.items() if name != "object_key"} for file in json.loads(row["files"])]
    return tuple(commands.PackageFile(**file) for file in files)


def _name_taken(name: str) -> Conflict:
    return Conflict("package_name_taken", f"The account has a package named {name}.")
