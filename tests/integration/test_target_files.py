"""Uploaded lists of batch targets: an hour of life, and nothing left behind."""

import io
import struct
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.conftest import Clock
from tests.integration.space_house import ask

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Denied, Invalid, NotFound, TooMany, Unavailable
from upwell.objects import open_objects
from upwell.service.context import Context
from upwell.service.manage import target_files
from upwell.service.manage.access import Caller

XLS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 rows"


@pytest_asyncio.fixture
async def stored(ctx: Context, tmp_path: Path) -> AsyncIterator[Context]:
    """A context with a store of objects."""
    yield replace(ctx, objects=open_objects(f"file://{tmp_path}"))


async def create(ctx: Context, caller: Caller, name: str = "a.xls") -> c.TargetFile:
    return await target_files.create_target_file(ctx, caller, name, XLS)


async def names(ctx: Context, caller: Caller) -> list[str]:
    return [file.name for file in await target_files.list_target_files(ctx, caller, c.ListTargetFiles())]


async def sweep(ctx: Context) -> int:
    """As the server does."""
    assert ctx.objects is not None
    stale = await target_files.stale_files(ctx)
    for file_id, key in stale:
        await ctx.objects.delete(key)
        await target_files.forget_file(ctx, file_id)
    return len(stale)


async def test_a_list_is_kept_for_an_hour(stored: Context, caller: Caller, clock: Clock, tmp_path: Path) -> None:
    made = await create(stored, caller)
    [kept] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept.read_bytes() == XLS and made.file_id in str(kept)
    with pytest.raises(Conflict):
        await create(stored, caller)
    clock.move(minutes=59)
    assert await names(stored, caller) == ["a.xls"] and await sweep(stored) == 0
    clock.move(minutes=2)
    assert await names(stored, caller) == []
    with pytest.raises(NotFound):
        await target_files.delete_target_file(stored, caller, c.DeleteTargetFile(file_id=made.file_id))
    await create(stored, caller)
    assert await sweep(stored) == 1
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


async def test_lists_are_an_accounts_own(stored: Context, caller: Caller, stranger: Caller) -> None:
    made = await create(stored, caller)
    await create(stored, stranger)
    with pytest.raises(NotFound):
        await target_files.delete_target_file(stored, stranger, c.DeleteTargetFile(file_id=made.file_id))
    viewer = Caller(caller.account_id, "viewer", "k", "huawei")
    with pytest.raises(Denied):
        await create(stored, viewer, "b.xls")
    for n in range(9):
        await create(stored, caller, f"{n}.xls")
    with pytest.raises(TooMany):
        await create(stored, caller, "b.xls")
    await target_files.delete_target_file(stored, caller, c.DeleteTargetFile(file_id=made.file_id))
    await create(stored, caller, "b.xls")
    assert len(await names(stored, caller)) == 10


async def test_a_list_that_could_not_be_stored_is_none(ctx: Context, caller: Caller, stored: Context) -> None:
    class Full:
        async def create(self, key: str) -> None:
            raise Unavailable("no space")

    with pytest.raises(Unavailable):
        await create(replace(ctx, objects=Full()), caller)  # type: ignore[arg-type]
    assert await names(stored, caller) == []
    await create(stored, caller)
    assert len(await ask(ctx, "select 1 from target_file where deleted_at is null")) == 1


def workbook(*sheets: bytes, packed: int = zipfile.ZIP_DEFLATED, more: int = 0) -> bytes:
    """A workbook of these sheets, and of `more` other parts."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", packed) as book:
        for nth, sheet in enumerate(sheets, 1):
            book.writestr(f"xl/worksheets/sheet{nth}.xml", sheet)
        for nth in range(more):
            book.writestr(f"xl/media/ä{nth}", b"")
    return content.getvalue()


def overlapping(sheets: int, content: bytes) -> bytes:
    """A workbook all of whose sheets are the same bytes, said in its directory so many times."""
    one = workbook(content)
    at = one.index(b"PK\x01\x02")
    end = one.rindex(b"PK\x05\x06")
    entry = one[at:end]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, sheets, sheets, sheets * len(entry), at, 0)
    return one[:at] + entry * sheets + tail


ROW = b'<row r="1"><c><v>device-1</v></c></row>'
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "one long sheet": (lambda: workbook(b"x" * (100 << 20) + b"x"), "file_size"),
    "many sheets that are long together": (lambda: workbook(*[b"x" * (26 << 20)] * 4), "file_size"),
    "sheets that share their bytes": (lambda: overlapping(50, b"x" * (3 << 20)), "file_size"),
    "a directory that fills the file": (lambda: overlapping(60_000, b"<row>"), "file"),
    "many parts": (lambda: workbook(ROW, more=2000), "file"),
    "a sheet packed as spreadsheets are not": (lambda: workbook(b"x" * 1000, packed=zipfile.ZIP_BZIP2), "file"),
    "a sheet that says to be shorter": (
        lambda: workbook(ROW * 40_000).replace(struct.pack("<L", len(ROW) * 40_000), struct.pack("<L", 1000)), "file"
    ),
    "a name that is no text": (lambda: workbook(ROW, more=1).replace("ä".encode(), b"\xff\xff"), "file"),
    "too many rows": (lambda: workbook(ROW, ROW * 30_001), "file"),
    "half a file": (lambda: workbook(ROW * 1000)[:-30], "file"),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_workbook_is_bounded_before_it_is_unpacked(
    stored: Context, caller: Caller, bomb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, field = BOMBS[bomb]
    content = made()
    assert len(content) < target_files.FILE_SIZE_MAX
    unpacked, read = [0], zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        data = read(self, n)
        unpacked[0] += len(data)
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with pytest.raises(Invalid) as refused:
        await target_files.create_target_file(stored, caller, "a.xlsx", content)
    assert refused.value.field == field
    assert field == "file" or not unpacked[0]
    assert await names(stored, caller) == []


async def test_an_honest_workbook_is_kept(stored: Context, caller: Caller) -> None:
    content = workbook(ROW * 30_000, ROW * 30_000, b"x" * (20 << 20), more=100)
    await target_files.create_target_file(stored, caller, "a.xlsx", content)
    assert await names(stored, caller) == ["a.xlsx"]
