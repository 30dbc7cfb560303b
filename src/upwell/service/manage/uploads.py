"""Uploaded files and the tickets under which they are uploaded.

A ticket begins one upload at a time and within its minute; an upload that broke off gives it back. The stored file
serves once, within an hour of its end (alibaba 5.1): firmware in a package, a list of device names in a job.
"""

import base64
import json
import re
from dataclasses import dataclass
from datetime import timedelta

from upwell.domain import commands
from upwell.domain.errors import Conflict, Denied, Invalid, NotFound
from upwell.objects.port import Stored
from upwell.service.context import Context
from upwell.service.dice import dice
from upwell.service.manage.access import Caller, project_id, require
from upwell.service.upgrade.downloads import policy_signature, server_secret
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

SQL = sheet("uploads")
UPLOAD_SECRET = "upload"  # noqa: S105  # only the name of the server secret that signs upload forms
UPLOAD_KEY_ID = "UpwellUpload"  # the key id in an upload form: not an access key, only names who signed
UPLOAD_START_MAX = timedelta(seconds=60)  # from ticket to the first byte (alibaba 5.1)
UPLOAD_KEPT = timedelta(minutes=60)  # from the last byte to the package (alibaba 5.1)
UNUSED_KEPT = timedelta(hours=2)  # an upload may take an hour, then it may wait UPLOAD_KEPT
DELETED_KEPT = timedelta(hours=25)  # download links live 24 h
IMAGE_SIZE_MAX = 1000 * 1024 * 1024  # bytes of one firmware file (alibaba 2.2: 1000 MB)
LIST_SIZE_MAX = 40 * 1024 * 1024  # bytes of a list: 1,000,000 names of 32 characters and line ends (alibaba 2.2)
_SIZE_MAX = {"firmware": IMAGE_SIZE_MAX, "devices": LIST_SIZE_MAX}
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
    if cmd.purpose not in _SIZE_MAX:
        raise Invalid("purpose", "one of " + ", ".join(_SIZE_MAX))
    now = ctx.now()
    object_key = f"ota/{project_id(caller.account_id)}/{dice(24)}.{cmd.suffix}"
    until = f"{now + UPLOAD_START_MAX:%Y-%m-%dT%H:%M:%S}.000Z"
    rules = {
        "expiration": until,
        "conditions": [["content-length-range", 0, _SIZE_MAX[cmd.purpose]], ["eq", "$key", object_key]],
    }
    policy = base64.b64encode(json.dumps(rules, separators=(",", ":")).encode()).decode()
    signature = policy_signature(await upload_secret(ctx), policy)
    row = {"object_key": object_key, "account_id": caller.account_id, "purpose": cmd.purpose}
    made = commands.UploadTicket(
        host=host,
        object_key=object_key,
        access_key_id=UPLOAD_KEY_ID,
        policy=policy,
        signature=signature,
        url=f"{host}/{object_key}",
        created_at=now,
    )

    async def body(conn: Connection) -> commands.UploadTicket:
        await conn.execute(*SQL["make_ticket"](**row, now=now))
        return made

    return await ctx.database.transact(body)


async def begin_upload(ctx: Context, object_key: str) -> None:
    """The upload under a ticket begins; its first byte was seen. Raises NotFound (file), Conflict ticket_used,
    Denied when the ticket's minute is over."""

    async def body(conn: Connection) -> None:
        now = ctx.now()
        which = {"object_key": object_key, "now": now, "made_after": now - UPLOAD_START_MAX}
        if await conn.fetchval(*SQL["begin_upload"](**which)) is not None:
            return
        row = await conn.fetchrow(*SQL["find_ticket"](object_key=object_key))
        if row is None:
            raise NotFound("file", object_key)
        if row["begun_at"] is not None:
            raise Conflict("ticket_used", "The upload ticket has been used.")
        raise Denied("The upload ticket has expired.")

    await ctx.database.transact(body)


async def abandon_upload(ctx: Context, object_key: str) -> None:
    """Whoever began the upload gives it up, and stores nothing any more: the ticket may begin again in its minute."""
    await ctx.database.transact(lambda conn: conn.execute(*SQL["abandon_upload"](object_key=object_key)))


async def stored_upload(ctx: Context, object_key: str) -> Stored | None:
    """What the upload under this ticket has stored whole; None when there is none, or it is not over."""
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*SQL["find_ticket"](object_key=object_key))
    if row is None or row["finished_at"] is None:
        return None
    return filled(Stored, row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What came under a ticket of that account."""

    account_id: int
    size: int
    sha256: str


async def finish_upload(ctx: Context, object_key: str, size: int, md5: str, sha256: str) -> Finished:
    """The file is stored whole: bytes and lower-case hex digests. Raises NotFound when no upload is under way."""

    async def body(conn: Connection) -> Finished:
        facts = {"size": size, "md5": md5, "sha256": sha256}
        row = await conn.fetchrow(*SQL["finish_upload"](object_key=object_key, now=ctx.now(), **facts))
        if row is None:
            raise NotFound("file", object_key)
        return filled(Finished, row)

    return await ctx.database.transact(body)


async def stale_files(ctx: Context) -> list[str]:
    """Object keys whose files nobody can use any more; delete each, then `forget_file` it."""
    now = ctx.now()
    before = {"unused_before": now - UNUSED_KEPT, "deleted_before": now - DELETED_KEPT}
    async with ctx.database.connection() as conn:
        return [row["object_key"] for row in await conn.fetch(*SQL["stale_files"](**before))]


async def forget_file(ctx: Context, object_key: str) -> None:
    """The file is deleted."""
    async with ctx.database.connection() as conn:
        await conn.execute(*SQL["forget_file"](object_key=object_key))


async def take_file(
    ctx: Context, conn: Connection, caller: Caller, url: str, purpose: str, package_id: int | None = None
) -> Row:
    """The stored file behind a ticket's URL (object_key, size, md5, sha256); it is used from now on, unless the
    transaction fails. Raises NotFound (file) for one that is unknown, unfinished, too old or of another purpose,
    Conflict file_used."""
    key = _OBJECT_KEY.search(url)
    which = {"account_id": caller.account_id, "finished_after": ctx.now() - UPLOAD_KEPT, "purpose": purpose}
    row = key and await conn.fetchrow(*SQL["take_ticket"](object_key=key[0], **which))
    if not row:
        raise NotFound("file", url)
    if row["used"]:
        raise Conflict("file_used", "The uploaded file is used already; upload it again.")
    await conn.execute(*SQL["use_ticket"](object_key=row["object_key"], package_id=package_id))
    return row


async def take_device_list(ctx: Context, conn: Connection, caller: Caller, url: str) -> str:
    """The object key of an uploaded list of device names, to be read in this transaction: after it the list is used
    up and swept away. Raises NotFound (file), Conflict file_used."""
    return str((await take_file(ctx, conn, caller, url, "devices"))["object_key"])
