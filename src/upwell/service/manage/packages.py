"""Packages: versions of modules, each for one module of a product, ready to install.

What a package holds, and whether that is what the caller thinks, is found out in package_contents. A package of no
product is for whole devices, and every product's.
"""

from dataclasses import asdict
from typing import Any

import asyncpg

from upwell.domain import commands as c
from upwell.domain.commands.lists import Page
from upwell.domain.errors import Conflict, Invalid, Missing, NotFound, TooMany
from upwell.domain.modules import module_key
from upwell.service.context import Context
from upwell.service.manage.access import Caller, require
from upwell.service.manage.package_contents import object_of, several, single
from upwell.service.manage.pages import page, sliced
from upwell.service.manage.products import find_product
from upwell.service.manage.spaces import space_number
from upwell.service.manage.stepping import refuse_circle
from upwell.service.upgrade import quotas
from upwell.storage.database import Connection, Row
from upwell.storage.orders import PACKAGES
from upwell.storage.queries import sheet
from upwell.storage.views import package_of

SQL = sheet("packages")
PACKAGES_MAX = 500  # live packages of one account (alibaba 2.2)
STORED_MAX = 10_000  # live packages of objects in an account; no source has a limit, so that none is met by accident
FILES_MAX = 20  # of one package (alibaba 2.2)


async def create_package(ctx: Context, caller: Caller, cmd: c.CreatePackage) -> c.Package:
    """A package of uploaded files or of an object. Raises Missing (url), Invalid (url, files, size, md5, sha256,
    source_version; bucket, object_key), NotFound (file, space, product, module), Conflict package_name_taken,
    stepping_circle or file_used, TooMany packages or files."""
    require(caller, "operator")
    _check(cmd)
    found = await object_of(ctx, caller, cmd) if cmd.place else None
    package_id = ctx.new_id()
    name = cmd.name or f"object-{package_id}"  # names are unique in the account; an object's tongue gives none

    async def body(conn: Connection) -> c.Package:
        await conn.execute(*SQL["lock_account"](account_id=caller.account_id))
        await _check_room(conn, caller, cmd)
        product_id = await _product_id(conn, caller, cmd.product_key, cmd.space)
        module = await _hold_module(conn, product_id, cmd)
        if cmd.leads:
            follows = [cmd.source_version or ""] if cmd.is_delta else cmd.source_versions
            await refuse_circle(conn, product_id, module, cmd.version, follows)
        content = found or await (several if cmd.files else single)(ctx, conn, caller, cmd, package_id)
        row = {"package_id": package_id, "account_id": caller.account_id, "product_id": product_id, "name": name}
        columns = row | _said(cmd) | asdict(content)
        if await conn.fetchval(*SQL["make_package"](**columns, module=module, now=ctx.now())) is None:
            raise _name_taken(name)
        await quotas.check(conn, caller.account_id, "packages", "bytes")
        return (await _views(conn, caller, [package_id]))[0]

    return await ctx.database.transact(body)


async def update_package(ctx: Context, caller: Caller, cmd: c.UpdatePackage) -> c.Package:
    """Give a package another name, description or note. A package of no product is every product's. Raises NotFound
    (package, product), Conflict package_name_taken or package_of_other_product."""
    require(caller, "operator")
    change = {"name": cmd.name, "description": cmd.description, "note": cmd.note}

    async def body(conn: Connection) -> c.Package:
        which = {"package_id": cmd.package_id, "account_id": caller.account_id}
        row = await conn.fetchrow(*SQL["package_for_change"](**which))
        if row is None:
            raise NotFound("package", str(cmd.package_id))
        product_id = await _product_id(conn, caller, cmd.product_key)
        if product_id is not None and row["product_id"] not in (None, product_id):
            raise Conflict("package_of_other_product", f"The package does not belong to product {cmd.product_key}.")
        try:
            await conn.execute(*SQL["update_package"](package_id=cmd.package_id, now=ctx.now(), **change))
        except asyncpg.UniqueViolationError as exc:
            raise _name_taken(cmd.name or "") from exc
        return (await _views(conn, caller, [cmd.package_id]))[0]

    return await ctx.database.transact(body)


async def show_package(ctx: Context, caller: Caller, cmd: c.ShowPackage) -> c.Package:
    """The package. Raises NotFound."""
    async with ctx.database.connection() as conn:
        found = await _views(conn, caller, [cmd.package_id])
    if not found or (cmd.in_space and found[0].space is None):
        raise NotFound("package", str(cmd.package_id))
    return found[0]


async def list_packages(ctx: Context, caller: Caller, cmd: c.ListPackages) -> Page[c.Package]:
    """The account's packages in a slice, newest first. Raises NotFound (space)."""
    asked: dict[str, Any] = {"product_key": cmd.product_key, "module": cmd.module, "without": list(cmd.without)}
    asked |= {"account_id": caller.account_id, "version": cmd.version, "in_space": cmd.in_space}
    async with ctx.database.connection() as conn:
        asked["space_id"] = await space_number(conn, caller, cmd.space)
        total = await conn.fetchval(*SQL["count_packages"](**asked)) if cmd.counted else None
        found = await conn.fetch(*sliced(SQL["list_packages"], PACKAGES, cmd.asked, **asked))
        rows = await _rows(conn, caller, [row["package_id"] for row in found])
    return page(rows, cmd.asked, package_of, lambda row: int(row["package_id"]), total)


async def delete_package(ctx: Context, caller: Caller, cmd: c.DeletePackage) -> c.Done:
    """Delete a package that no job is bringing out. Raises NotFound, Conflict package_has_running_job."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        which = {"package_id": cmd.package_id, "account_id": caller.account_id}
        if await conn.fetchval(*SQL["lock_package"](**which)) is None:
            raise NotFound("package", str(cmd.package_id))
        if await conn.fetchval(*SQL["has_running_job"](package_id=cmd.package_id)):
            raise Conflict(
                "package_has_running_job", "A job of the package is planned or in progress; cancel it first."
            )
        await conn.execute(*SQL["delete_package"](package_id=cmd.package_id, now=ctx.now()))
        return c.Done()

    return await ctx.database.transact(body)


async def held(conn: Connection, caller: Caller, package_id: int) -> c.Package:
    """The package, held until the transaction ends as its deletion holds it. Raises NotFound."""
    if await conn.fetchval(*SQL["lock_package"](package_id=package_id, account_id=caller.account_id)) is None:
        raise NotFound("package", str(package_id))
    return (await _views(conn, caller, [package_id]))[0]


def _check(cmd: c.CreatePackage) -> None:
    if cmd.is_delta and not cmd.source_version:
        raise Invalid("source_version", "given for a delta package")
    if cmd.is_delta and cmd.source_version == cmd.version:
        raise Invalid("source_version", "differs from the destination version")
    if cmd.leads and not cmd.is_delta and not cmd.source_versions:
        raise Missing("source_versions")
    if not cmd.files and not cmd.url and not cmd.place and cmd.upload_id is None:
        raise Missing("url")
    if cmd.files:
        _check_files(cmd)


def _check_files(cmd: c.CreatePackage) -> None:
    """A package of several files has no file of its own (alibaba 2.3)."""
    own = (("url", cmd.url), ("upload_id", cmd.upload_id), ("md5", cmd.md5), ("sha256", cmd.sha256))
    for field, given in own:
        if given:
            raise Invalid(field, "not given beside several files")
    if len(cmd.files) > FILES_MAX:
        raise TooMany("files", FILES_MAX)
    names = [file.name for file in cmd.files]
    for place, name in enumerate(names, 1):
        if name in names[: place - 1]:
            raise Invalid("files", "every name once", f"file {place} is the second named {name}")


async def _check_room(conn: Connection, caller: Caller, cmd: c.CreatePackage) -> None:
    """Objects take no room of the account, and so have a limit of their own."""
    most = STORED_MAX if cmd.place else PACKAGES_MAX
    counting = "count_stored" if cmd.place else "count_live"
    if await conn.fetchval(*SQL[counting](account_id=caller.account_id)) >= most:
        raise TooMany("packages", most)


async def _product_id(
    conn: Connection, caller: Caller, product_key: str | None, space: str | None = None
) -> int | None:
    return None if product_key is None else await find_product(conn, caller, product_key, space, "share_product")


async def _hold_module(conn: Connection, product_id: int | None, cmd: c.CreatePackage) -> str:
    """The module's own name; it exists until the package does (alibaba 5.4). A package of no product is for whole
    devices."""
    if module_key(cmd.module) in cmd.standing:
        return module_key(cmd.module)
    name = product_id and await conn.fetchval(*SQL["share_module"](product_id=product_id, module=cmd.module))
    if not name:
        raise NotFound("module", cmd.module)
    return str(name)


def _said(cmd: c.CreatePackage) -> dict[str, Any]:
    """What the caller says of a package, as columns."""
    return {
        "description": cmd.description,
        "version": cmd.version,
        "source_version": cmd.source_version or None,
        "source_versions": list(cmd.source_versions),
        "leads": cmd.leads,
        "is_delta": bool(cmd.is_delta),
        "status": "unverified" if cmd.verify and not cmd.place else "exempt",
        "note": cmd.note,
        "sign_method": "SHA256" if cmd.place else cmd.sign_method,
        "sign": cmd.sign,
        "sign_word": cmd.sign_word,
    }


async def _rows(conn: Connection, caller: Caller, package_ids: list[int]) -> list[Row]:
    return list(await conn.fetch(*SQL["show_packages"](account_id=caller.account_id, package_ids=package_ids)))


async def _views(conn: Connection, caller: Caller, package_ids: list[int]) -> list[c.Package]:
    return [package_of(row) for row in await _rows(conn, caller, package_ids)]


def _name_taken(name: str) -> Conflict:
    return Conflict("package_name_taken", f"The account has a package named {name}.")
