"""Firmware packages and the tickets under which their files are uploaded.

A ticket begins one upload within a minute; the stored file becomes at most one package within an hour of its
end (alibaba 5.1). A package's size and digests are the stored file's, whatever the caller thinks they are.
"""

import base64
import json
import re
from datetime import timedelta

from upwell.domain import commands
from upwell.domain.errors import Conflict, Denied, Invalid, NotFound, TooMany
from upwell.domain.talk import DEFAULT_MODULE
from upwell.service.access import Caller, dice, project_id, require
from upwell.service.context import Context
from upwell.service.secrets import policy_signature, server_secret
from upwell.storage.database import Connection, Row, values
from upwell.storage.queries import sheet

_Q = sheet("packages")
UPLOAD_SECRET = "upload"  # noqa: S105  # only the name of the server secret that signs upload forms
UPLOAD_KEY_ID = "UpwellUpload"  # the key id in an upload form: not an access key, only names who signed
UPLOAD_START_MAX = timedelta(seconds=60)  # from ticket to the first byte (alibaba 5.1)
UPLOAD_KEPT = timedelta(minutes=60)  # from the last byte to the package (alibaba 5.1)
UNUSED_KEPT = timedelta(hours=2)  # an upload may take an hour, then it may wait UPLOAD_KEPT
DELETED_KEPT = timedelta(hours=25)  # download links live 24 h
IMAGE_SIZE_MAX = 1000 * 1024 * 1024  # bytes of one file (alibaba 2.2: 1000 MB)
PACKAGES_MAX = 500  # live packages of one account (alibaba 2.2)
_OBJECT_KEY = re.compile(r"ota/[0-9a-f]{32}/[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*\Z")
_SUFFIX = re.compile(r"[0-9A-Za-z]{1,10}(?:\.[0-9A-Za-z]{1,10})?\Z")


async def upload_secret(ctx: Context) -> bytes:
    """What signs upload forms, as printable bytes: the key is told to the upload door as text."""
    return (await server_secret(ctx, UPLOAD_SECRET)).hex().encode("ascii")


async def create_upload_ticket(
    ctx: Context, caller: Caller, cmd: commands.CreateUploadTicket, host: str
) -> commands.UploadTicket:
    """Leave to upload one file to `host` (an origin without a path). Raises Invalid."""
    require(caller, "operator")
    if not _SUFFIX.match(cmd.suffix):
        raise Invalid("suffix", "letters and digits, with at most one dot inside")
    now = ctx.now()
    object_key = f"ota/{project_id(caller.account_id)}/{dice(24)}.{cmd.suffix}"
    until = f"{now + UPLOAD_START_MAX:%Y-%m-%dT%H:%M:%S}.000Z"
    rules = {
        "expiration": until,
        "conditions": [["content-length-range", 0, IMAGE_SIZE_MAX], ["eq", "$key", object_key]],
    }
    policy = base64.b64encode(json.dumps(rules, separators=(",", ":")).encode()).decode()
    signature = policy_signature(await upload_secret(ctx), policy)

    async def body(conn: Connection) -> None:
        await conn.execute(_Q["make_ticket"], object_key, caller.account_id, now)

    await ctx.database.transact(body)
    return commands.UploadTicket(
        host=host,
        object_key=object_key,
        access_key_id=UPLOAD_KEY_ID,
        policy=policy,
        signature=signature,
        url=f"{host}/{object_key}",
        created_at=now,
    )


async def begin_upload(ctx: Context, object_key: str) -> None:
    """The upload under a ticket begins; its first byte was seen. Raises NotFound (file), Conflict ticket_used,
    Denied when the ticket's minute is over."""

    async def body(conn: Connection) -> None:
        now = ctx.now()
        if await conn.fetchval(_Q["begin_upload"], object_key, now, now - UPLOAD_START_MAX) is not None:
            return
        row = await conn.fetchrow(_Q["find_ticket"], object_key)
        if row is None:
            raise NotFound("file", object_key)
        if row["begun_at"] is not None:
            raise Conflict("ticket_used", "The upload ticket has been used.")
        raise Denied("The upload ticket has expired.")

    await ctx.database.transact(body)


async def finish_upload(ctx: Context, object_key: str, size: int, md5: str, sha256: str) -> None:
    """The file is stored whole: bytes and lower-case hex digests. Raises NotFound when no upload is under way."""

    async def body(conn: Connection) -> None:
        if await conn.fetchval(_Q["finish_upload"], object_key, ctx.now(), size, md5, sha256) is None:
            raise NotFound("file", object_key)

    await ctx.database.transact(body)


async def stale_files(ctx: Context) -> list[str]:
    """Object keys whose files nobody can use any more; delete each, then `forget_file` it."""
    now = ctx.now()
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(_Q["stale_files"], now - UNUSED_KEPT, now - DELETED_KEPT)
    return [row["object_key"] for row in rows]


async def forget_file(ctx: Context, object_key: str) -> None:
    """The file is deleted."""
    async with ctx.database.connection() as conn:
        await conn.execute(_Q["forget_file"], object_key)


async def create_package(ctx: Context, caller: Caller, cmd: commands.CreatePackage) -> commands.PackageCreated:
    """A package of an uploaded file. Raises Invalid (size, md5, source_version), NotFound (file, product, module),
    Conflict package_name_taken or file_used, TooMany packages."""
    require(caller, "operator")
    _check(cmd)
    package_id, now = ctx.new_id(), ctx.now()

    async def body(conn: Connection) -> commands.PackageCreated:
        await conn.execute(_Q["lock_account"], caller.account_id)
        if await conn.fetchval(_Q["count_live"], caller.account_id) >= PACKAGES_MAX:
            raise TooMany("packages", PACKAGES_MAX)
        product_id = await _product_id(conn, caller, cmd.product_key)
        file = await _take_file(ctx, conn, caller, cmd)
        head = (package_id, caller.account_id, product_id, cmd.name, cmd.description, cmd.module, cmd.version)
        kind = (cmd.source_version or None, cmd.is_delta, "unverified" if cmd.verify else "exempt")
        stored = (file["object_key"], file["size"], file["md5"], file["sha256"], cmd.url, cmd.udi, now)
        if await conn.fetchval(_Q["make_package"], *head, *kind, *stored) is None:
            raise Conflict("package_name_taken", f"The account has a package named {cmd.name}.")
        return commands.PackageCreated(package_id=package_id, created_at=now)

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
            raise Conflict("package_has_running_job", "A job of the package is planned or in progress.")
        await conn.execute(_Q["delete_package"], cmd.package_id, ctx.now())
        return commands.Done()

    return await ctx.database.transact(body)


def _check(cmd: commands.CreatePackage) -> None:
    if cmd.module != DEFAULT_MODULE:
        raise NotFound("module", cmd.module)
    if cmd.is_delta and not cmd.source_version:
        raise Invalid("source_version", "given for a delta package")
    if cmd.is_delta and cmd.source_version == cmd.version:
        raise Invalid("source_version", "differs from the destination version")


async def _product_id(conn: Connection, caller: Caller, product_key: str | None) -> int | None:
    if product_key is None:
        return None
    product_id = await conn.fetchval(_Q["product_of_account"], caller.account_id, product_key)
    if product_id is None:
        raise NotFound("product", product_key)
    return int(product_id)


async def _take_file(ctx: Context, conn: Connection, caller: Caller, cmd: commands.CreatePackage) -> Row:
    """The stored file behind the given URL, now used up; checked against what the caller thinks of it."""
    key = _OBJECT_KEY.search(cmd.url or "")
    row = key and await conn.fetchrow(_Q["take_ticket"], key[0], caller.account_id, ctx.now() - UPLOAD_KEPT)
    if not row:
        raise NotFound("file", cmd.url or "")
    if row["used"]:
        raise Conflict("file_used", "The uploaded file belongs to a package already.")
    if cmd.size is not None and cmd.size != row["size"]:
        raise Invalid("size", "the stored file's", f"it has {row['size']} bytes")
    if cmd.md5 is not None and cmd.md5 != row["md5"]:
        raise Invalid("md5", "the stored file's", f"its MD5 is {row['md5']}")
    await conn.execute(_Q["use_ticket"], row["object_key"])
    return row


async def _show_packages(conn: Connection, caller: Caller, package_ids: list[int]) -> list[commands.Package]:
    rows = await conn.fetch(_Q["show_packages"], caller.account_id, package_ids)
    return [commands.Package(**values(row)) for row in rows]
