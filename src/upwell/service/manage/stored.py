"""Packages by space, and those made from an object that lies in its owner's bucket.

The object must be there when its package is made; what it holds is found out afterwards
(service/upgrade/stored_objects.py), and until then nobody is offered it. It is the owner's: it is never written, nor
deleted with the package.
"""

from collections.abc import Sequence

from upwell.domain import commands as c
from upwell.domain.errors import Invalid, NotFound, TooMany
from upwell.domain.modules import STANDING, module_key
from upwell.objects import Seen, object_ref
from upwell.service.context import Context, objects_of
from upwell.service.manage.access import Caller, project_id, require
from upwell.service.manage.products import find_product
from upwell.service.manage.spaces import space_number
from upwell.service.manage.windows import scanned, span
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet
from upwell.storage.views import space_of

_Q = sheet("stored") | {name: sheet("packages")[name] for name in ("lock_account", "share_module")}
STORED_MAX = 10_000  # live packages of objects in an account; no source has a limit, so that none is met by accident


async def create_stored_package(ctx: Context, caller: Caller, cmd: c.CreateStoredPackage) -> c.StoredPackage:
    """A package of an object in a bucket. Raises Invalid (bucket, object_key), NotFound (space, product, module),
    TooMany packages."""
    require(caller, "operator")
    place = cmd.place
    ref = object_ref(project_id(caller.account_id), place.region, place.bucket, place.key)
    seen = await _seen(ctx, ref, cmd.size_max)
    package_id, now = ctx.new_id(), ctx.now()

    async def body(conn: Connection) -> c.StoredPackage:
        await conn.execute(_Q["lock_account"], caller.account_id)
        if await conn.fetchval(_Q["count_stored"], caller.account_id) >= STORED_MAX:
            raise TooMany("packages", STORED_MAX)
        product_id = await find_product(conn, caller, cmd.product_key, cmd.space, "share_product")
        module = await _hold_module(conn, product_id, cmd.module)
        # Elsewhere packages have names that are unique in the account; here nobody gives one.
        head = (package_id, caller.account_id, product_id, f"object-{package_id}", cmd.description or "")
        what = (module, cmd.version, list(cmd.source_versions), cmd.note)
        where = (ref, seen.size, f"{place.region}/{place.bucket}/{place.key}", seen.tag, now)
        given = (place.region, place.bucket, place.key, cmd.sign, cmd.sign_method)
        await conn.execute(_Q["make_stored"], *head, *what, *where, *given)
        return (await _views(conn, caller, [package_id]))[0]

    return await ctx.database.transact(body)


async def show_stored_package(ctx: Context, caller: Caller, cmd: c.ShowStoredPackage) -> c.StoredPackage:
    """The package. Raises NotFound."""
    async with ctx.database.connection() as conn:
        found = await _views(conn, caller, [cmd.package_id])
    if not found:
        raise NotFound("package", str(cmd.package_id))
    return found[0]


async def scan_packages(ctx: Context, caller: Caller, cmd: c.ScanPackages) -> c.Scanned[c.StoredPackage]:
    """A window of the account's packages, newest first. Raises NotFound (space)."""
    async with ctx.database.connection() as conn:
        space_id = await space_number(conn, caller, cmd.space)
        which = (caller.account_id, cmd.module, list(STANDING), space_id, cmd.product_key, cmd.version)
        total = await conn.fetchval(_Q["count_scanned"], *which)
        ids = [row["package_id"] for row in await conn.fetch(_Q["scan_packages"], *which, *span(cmd.window))]
        rows = await conn.fetch(_Q["show_stored"], caller.account_id, ids)
    return scanned(rows, total, _view, lambda row: int(row["package_id"]))


async def _seen(ctx: Context, ref: str, size_max: int) -> Seen:
    try:
        seen = await objects_of(ctx).look(ref)
    except NotFound as exc:
        raise Invalid("object_key", "the key of an object in the bucket", "there is none") from exc
    if seen.size == 0:
        raise Invalid("object_key", "that of an object of at least 1 byte", "it is empty")
    if seen.size > size_max:
        raise Invalid("object_key", f"that of an object of at most {size_max} bytes", f"it has {seen.size}")
    return seen


async def _hold_module(conn: Connection, product_id: int, module: str) -> str:
    """The module's own name; it exists until the package does."""
    if module_key(module) in STANDING:
        return module_key(module)
    name = await conn.fetchval(_Q["share_module"], product_id, module)
    if name is None:
        raise NotFound("module", module)
    return str(name)


async def _views(conn: Connection, caller: Caller, package_ids: Sequence[int]) -> list[c.StoredPackage]:
    return [_view(row) for row in await conn.fetch(_Q["show_stored"], caller.account_id, list(package_ids))]


def _view(row: Row) -> c.StoredPackage:
    place = None
    if row["region"] is not None:
        place = c.ObjectPlace(region=row["region"], bucket=row["bucket"], key=row["bucket_key"])
    return c.StoredPackage(
        package_id=row["package_id"],
        product_key=row["product_key"],
        product_name=row["product_name"],
        space=space_of(row),
        module=row["module"],
        version=row["version"],
        source_versions=tuple(row["source_versions"]),
        description=row["description"],
        note=row["note"],
        place=place,
        sign=row["sign"],
        sign_method=row["sign_word"],
        created_at=row["created_at"],
        object_state=row["object_state"],
    )
