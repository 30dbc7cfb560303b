"""Imports as their owners see them: lists stored as they come, shown, cancelled, and what was made told again.

A list is stored whole before anything of it counts; then the engine makes its devices (importing.py). Secrets are told
to operators alone.
"""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from upwell.domain import commands as c
from upwell.domain.commands.lists import Flow, Page
from upwell.domain.errors import Conflict, Invalid, NotFound, ServerError, TooMany, Unavailable
from upwell.objects.port import Writer
from upwell.service.context import Context, objects_of
from upwell.service.dice import dice
from upwell.service.manage.access import Caller, Scope, project_id, require
from upwell.service.manage.pages import page, sliced
from upwell.service.manage.parts import Incoming
from upwell.service.manage.products import find_product
from upwell.service.rows import RowReader
from upwell.storage.database import Connection, Row, filled, seals_of
from upwell.storage.orders import IMPORTS
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

log = logging.getLogger(__name__)
SQL = sheet("imports")
SIZE_MAX = 256 * 1024 * 1024  # bytes of a list: a million rows of 256
LINES_MAX = 1_000_001  # a million devices and a header
HEAD_MAX = 64 * 1024  # bytes within which the first row ends
RUNNING_MAX = 10  # imports of an account under way
FIRST_PROBLEMS = 10  # told with the import itself
FLOW = 500  # devices read at once
BROKEN_KEPT = timedelta(hours=6)  # the door lets a body take four
SWEPT_AT_ONCE = 100


def reader_of(ctx: Context) -> RowReader:
    """What reads lists. Raises Unavailable when this process has none."""
    if ctx.rows is None:
        raise Unavailable("This process reads no lists.")
    return ctx.rows


async def create_import(ctx: Context, caller: Caller, cmd: c.CreateImport, incoming: Incoming) -> c.Import:
    """The list is stored, and its devices are made from now on. Raises NotFound (product), TooMany imports, Invalid
    (body, and the columns of its head)."""
    require(caller, "operator")
    if incoming.size is not None and incoming.size > SIZE_MAX:
        raise _too_large(incoming.size)
    import_id, account = ctx.new_id(), caller.account_id
    key = f"imports/{project_id(account)}/{import_id:016x}-{dice(12)}"
    of = caller.scope or Scope()
    row = {"import_id": import_id, "account_id": account, "product_key": cmd.product_key, "who": caller.key_id}
    row |= {"space_id": of.space_id, "product_id": of.product_id}

    async def begin(conn: Connection) -> None:
        await conn.execute(*SQL["lock_account"](account_id=account))
        await find_product(conn, caller, cmd.product_key)
        if await conn.fetchval(*SQL["count_running"](account_id=account)) >= RUNNING_MAX:
            raise TooMany("imports under way", RUNNING_MAX)
        await conn.execute(*SQL["make_import"](**row, form=cmd.form, object_key=key, now=ctx.now()))

    async def end(conn: Connection) -> c.Import:
        place = {"columns": list(head.columns), "place": head.size, "rows_read": head.rows}
        if await conn.fetchval(*SQL["begin_import"](import_id=import_id, size=size, **place)) is None:
            raise NotFound("import", str(import_id))
        return await _shown(conn, caller, import_id)

    await ctx.database.unwitnessed.transact(begin)
    try:
        head, size = await _store(ctx, key, cmd.form, incoming)
        return await ctx.database.transact(end)
    except BaseException:
        await _drop(ctx, import_id, key)
        raise


async def show_import(ctx: Context, caller: Caller, cmd: c.ShowImport) -> c.Import:
    """The import and its first problems. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _shown(conn, caller, cmd.import_id)


async def list_imports(ctx: Context, caller: Caller, cmd: c.ListImports) -> Page[c.Import]:
    """The account's imports in a slice, newest first."""
    asked = {"account_id": caller.account_id, "product_key": cmd.product_key, "space": cmd.space}
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*sliced(SQL["list_imports"], IMPORTS, cmd.asked, **asked))
    return page(rows, cmd.asked, lambda row: filled(c.Import, row), lambda row: int(row["import_id"]))


async def list_problems(ctx: Context, caller: Caller, cmd: c.ListImportProblems) -> Page[c.RowProblem]:
    """The rows that were refused, as far as they are kept, in their order. Raises NotFound."""
    async with ctx.database.connection() as conn:
        await _shown(conn, caller, cmd.import_id)
        found = await _problems(conn, cmd.import_id, cmd.asked.below or 0, cmd.asked.take)
    return Page(items=found, asked=cmd.asked, last=found[-1].row if found else None)


async def list_devices(ctx: Context, caller: Caller, cmd: c.ListImportDevices) -> Flow[c.ImportedDevice]:
    """The devices that were made, with their secrets, piece by piece. Raises NotFound."""
    require(caller, "operator")
    await show_import(ctx, caller, c.ShowImport(import_id=cmd.import_id))

    async def some(after: int) -> tuple[c.ImportedDevice, ...]:
        async with ctx.database.connection() as conn:
            rows = await conn.fetch(*SQL["list_imported"](import_id=cmd.import_id, after=after, take=FLOW))
            return tuple(_imported(conn, row) for row in rows)

    async def rest() -> AsyncIterator[tuple[c.ImportedDevice, ...]]:
        last = first
        while len(last) == FLOW:
            last = await some(last[-1].row)
            yield last

    first = await some(0)
    return Flow(form=cmd.form, first=first, rest=rest())


def _imported(conn: Connection, row: Row) -> c.ImportedDevice:
    secret = seals_of(conn).open(Kept.DEVICE, row["device_id"], row["secret"])
    return filled(c.ImportedDevice, row, secret=secret)


async def cancel_import(ctx: Context, caller: Caller, cmd: c.CancelImport) -> c.Import:
    """No more is made; what was made stays. Raises NotFound, Conflict import_is_over."""
    require(caller, "operator")

    async def body(conn: Connection) -> c.Import:
        which = {"import_id": cmd.import_id, "account_id": caller.account_id}
        gone = await conn.fetchval(*SQL["cancel_import"](**which, now=ctx.now()))
        shown = await _shown(conn, caller, cmd.import_id)
        if gone is None:
            raise Conflict("import_is_over", f"The import is {shown.status}.")
        return shown

    return await ctx.database.transact(body)


async def sweep(ctx: Context) -> None:
    """Take away some of the lists that nobody reads any more."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["left_objects"](before=ctx.now() - BROKEN_KEPT, at_most=SWEPT_AT_ONCE))
    for row in rows:
        await clear(ctx, row["import_id"], row["object_key"])
        if row["is_broken"]:
            async with ctx.upkeep.connection() as conn:
                await conn.execute(*SQL["drop_import"](import_id=row["import_id"]))


async def clear(ctx: Context, import_id: int, object_key: str) -> None:
    """The list is needed no more."""
    await objects_of(ctx).delete(object_key)
    async with ctx.upkeep.connection() as conn:
        await conn.execute(*SQL["object_gone"](import_id=import_id))


# --- parts ---


async def _shown(conn: Connection, caller: Caller, import_id: int) -> c.Import:
    row = await conn.fetchrow(*SQL["show_import"](import_id=import_id, account_id=caller.account_id))
    if row is None:
        raise NotFound("import", str(import_id))
    found = filled(c.Import, row)
    return replace(found, problems=await _problems(conn, import_id, 0, FIRST_PROBLEMS)) if found.refused else found


async def _problems(conn: Connection, import_id: int, after: int, take: int) -> tuple[c.RowProblem, ...]:
    after = min(after, 2**31 - 1)
    rows = await conn.fetch(*SQL["list_problems"](import_id=import_id, after=after, take=take))
    return tuple(filled(c.RowProblem, row) for row in rows)


async def _store(ctx: Context, key: str, form: str, incoming: Incoming) -> tuple[c.ListHead, int]:
    """The head of the list, judged before any of it is kept, and how many bytes it has."""
    pieces = aiter(incoming.body)
    head, begun = await _head(reader_of(ctx), form, pieces)
    writer = await objects_of(ctx).create(key)
    try:
        size = await _write(writer, begun, pieces)
        await writer.commit()
    except BaseException:
        await writer.abort()
        raise
    return head, size


async def _head(reader: RowReader, form: str, pieces: AsyncIterator[bytes]) -> tuple[c.ListHead, bytes]:
    """The head, and all that was read by then."""
    begun, whole = b"", False
    while True:
        found = reader.head(form, begun, whole=whole)
        if found is not None:
            return found, begun
        if len(begun) > HEAD_MAX:
            raise Invalid("body", f"a list whose first row has at most {HEAD_MAX} bytes")
        piece = await anext(pieces, None)
        begun, whole = begun + (piece or b""), piece is None


async def _write(writer: Writer, begun: bytes, pieces: AsyncIterator[bytes]) -> int:
    size, lines = 0, 0
    piece: bytes | None = begun
    while piece is not None:
        size, lines = size + len(piece), lines + piece.count(b"\n")
        if size > SIZE_MAX:
            raise _too_large(size)
        if lines > LINES_MAX:
            raise Invalid("body", f"at most {LINES_MAX} lines", "there are more; send the rest as another import")
        await writer.write(piece)
        piece = await anext(pieces, None)
    return size


def _too_large(size: int) -> Invalid:
    return Invalid("body", f"at most {SIZE_MAX} bytes", "there are more; send the rest as another import")


async def _drop(ctx: Context, import_id: int, key: str) -> None:
    """Nothing came of it; what can't be taken away now is swept away later."""
    try:
        await objects_of(ctx).delete(key)
        async with ctx.database.connection() as conn:
            await conn.execute(*SQL["drop_import"](import_id=import_id))
    except ServerError as exc:
        log.warning("an import that broke off was not cleared: %s", exc.problem)
