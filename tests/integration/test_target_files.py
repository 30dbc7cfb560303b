"""Uploaded lists of batch targets: an hour of life, and nothing left behind."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.conftest import Clock
from tests.integration.space_house import ask

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Denied, NotFound, TooMany, Unavailable
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
