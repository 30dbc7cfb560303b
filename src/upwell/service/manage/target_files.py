"""Uploaded lists of a job's targets: spreadsheets, kept for an hour.

A list is told of once its object is stored whole. What is in it is only counted here, in bounded memory: a workbook
that unpacks to more than anyone could fill is refused.
"""

import asyncio
import io
import struct
import uuid
import zipfile
import zlib
from collections.abc import Sequence
from datetime import timedelta

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Invalid, NotFound, TooMany, Unavailable
from upwell.service.context import Context
from upwell.service.manage.access import Caller, project_id, require
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

SQL = sheet("target_files")
FILES_MAX = 10  # of an account at once (huawei 3.10)
FILE_KEPT = timedelta(hours=1)  # huawei 3.10
FILE_SIZE_MAX = 10 * 1024 * 1024  # bytes; no source says how many
ROWS_MAX = 30_000  # of a list (huawei 3.10)
NAME_SIZE_MAX = 128  # characters of a file's name; no source says how many
SHEETS_SIZE_MAX = 100 * 1024 * 1024  # bytes of all sheets unpacked: 30,000 rows of 3 kB
ENTRIES_MAX = 2_000  # files in a workbook: some beside its sheets, and one a picture
_CHUNK = 256 * 1024
_ENTRY = b"PK\x01\x02"  # begins each entry of a zip file's directory
_UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what spreadsheets are packed by; unpacked piece by piece
_UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_XLSX, _XLS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


async def create_target_file(ctx: Context, caller: Caller, name: str, content: bytes) -> c.TargetFile:
    """The list is stored. Raises Invalid (file, file_size), Conflict target_file_name_taken, TooMany target files."""
    require(caller, "operator")
    await asyncio.to_thread(_check, name, content)
    file_id, now, account = str(uuid.uuid4()), ctx.now(), caller.account_id
    key = f"batch/{project_id(account)}/{file_id}"

    async def begin(conn: Connection) -> None:
        await conn.execute(*SQL["lock_account"](account_id=account))
        rows = await conn.fetch(*SQL["live_names"](account_id=account, since=now - FILE_KEPT))
        taken = [row["name"] for row in rows]
        if name in taken:
            raise Conflict("target_file_name_taken", f"There is a file named {name}.")
        if len(taken) >= FILES_MAX:
            raise TooMany("target files", FILES_MAX)
        made = {"file_id": file_id, "account_id": account, "name": name, "object_key": key}
        await conn.execute(*SQL["make_file"](**made, now=now))

    async def end(conn: Connection) -> c.TargetFile:
        await conn.execute(*SQL["file_stored"](file_id=file_id))
        return c.TargetFile(file_id=file_id, name=name, uploaded_at=now)

    await ctx.database.unwitnessed.transact(begin)
    await _store(ctx, file_id, key, content)
    return await ctx.database.transact(end)


async def list_target_files(ctx: Context, caller: Caller, cmd: c.ListTargetFiles) -> tuple[c.TargetFile, ...]:
    """The account's lists, newest first."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["list_files"](account_id=caller.account_id, since=ctx.now() - FILE_KEPT))
    return tuple(filled(c.TargetFile, row) for row in rows)


async def delete_target_file(ctx: Context, caller: Caller, cmd: c.DeleteTargetFile) -> c.Done:
    """Delete a list. Raises NotFound (target file)."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Done:
        now, which = ctx.now(), {"file_id": cmd.file_id, "account_id": caller.account_id}
        if await conn.fetchval(*SQL["delete_file"](**which, since=now - FILE_KEPT, now=now)) is None:
            raise NotFound("target file", cmd.file_id)
        return c.Done()

    return await ctx.database.transact(body)


async def stale_files(ctx: Context) -> list[tuple[str, str]]:
    """(id, object key) of lists that nobody can use any more; delete each object, then `forget_file` it."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*SQL["stale_files"](before=ctx.now() - FILE_KEPT))
    return [(row["file_id"], row["object_key"]) for row in rows]


async def forget_file(ctx: Context, file_id: str) -> None:
    """The object is deleted."""
    async with ctx.database.connection() as conn:
        await conn.execute(*SQL["forget_file"](file_id=file_id))


async def _store(ctx: Context, file_id: str, key: str, content: bytes) -> None:
    if ctx.objects is None:
        raise Unavailable("There is no object store.")
    try:
        writer = await ctx.objects.create(key)
        try:
            await writer.write(content)
            await writer.commit()
        except BaseException:
            await writer.abort()
            raise
    except BaseException:
        async with ctx.database.connection() as conn:
            await conn.execute(*SQL["drop_file"](file_id=file_id, now=ctx.now()))
        raise


# --- what is in it ---


def _check(name: str, content: bytes) -> None:
    if not 1 <= len(name) <= NAME_SIZE_MAX or not name.isprintable() or "/" in name or "\\" in name:
        raise Invalid("file", f"a name of 1 to {NAME_SIZE_MAX} characters without folders")
    if len(content) > FILE_SIZE_MAX:
        raise Invalid("file_size", f"at most {FILE_SIZE_MAX} bytes", f"it has {len(content)}")
    head = _XLSX if name.lower().endswith(".xlsx") else _XLS
    if not name.lower().endswith((".xlsx", ".xls")) or not content.startswith(head):
        raise Invalid("file", "an xlsx or xls file", f"{name} is none")
    if head == _XLSX and _rows(content) > ROWS_MAX:
        raise Invalid("file", f"at most {ROWS_MAX} rows")


def _rows(content: bytes) -> int:
    """The rows of the fullest sheet of a workbook. What it would unpack to is bounded before any of it is: however many
    sheets say to be how long, and whether they share their bytes. Raises Invalid (file, file_size)."""
    if content.count(_ENTRY) > ENTRIES_MAX:
        raise Invalid("file", f"a workbook of at most {ENTRIES_MAX} parts")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            sheets = [info for info in book.infolist() if info.filename.startswith("xl/worksheets/sheet")]
            _check_sheets(sheets)
            return max([_rows_of(book, info) for info in sheets], default=0)
    except _UNREADABLE as exc:
        raise Invalid("file", "an xlsx or xls file", "it can't be read") from exc


def _check_sheets(sheets: Sequence[zipfile.ZipInfo]) -> None:
    if sum(info.file_size for info in sheets) > SHEETS_SIZE_MAX:  # no more than this is ever unpacked of each
        raise Invalid("file_size", f"at most {SHEETS_SIZE_MAX} bytes of all sheets unpacked")
    if any(info.compress_type not in _UNPACKED for info in sheets):
        raise Invalid("file", "an xlsx or xls file", "a sheet is packed in a way that spreadsheets are not")


def _rows_of(book: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    rows, tail = 0, b""
    with book.open(info) as unpacked:
        while part := unpacked.read(_CHUNK):
            text = tail + part
            # A mark that the cut falls into is counted with the next part, and none is counted twice.
            rows += text.count(b"<row ") + text.count(b"<row>")
            tail = text[-4:]
    return rows
