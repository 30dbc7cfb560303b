"""Imports below the wire: chunks in turn, who is first among several, what is forgotten when."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from conftest import Clock
from test_registration import a_device, a_product
from test_retention import count, forgotten

from upwell.dialects.upwell.lists_of_devices import Lists
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Invalid, NotFound, TooMany
from upwell.objects import open_objects
from upwell.service.context import Context, objects_of
from upwell.service.manage import devices, importing, imports, products
from upwell.service.manage.access import Caller
from upwell.service.manage.parts import Incoming
from upwell.service.upgrade import retention


@pytest_asyncio.fixture
async def stored(ctx: Context, tmp_path: Path) -> AsyncIterator[Context]:
    """A context that reads lists, with a store of objects."""
    yield replace(ctx, objects=open_objects(f"file://{tmp_path}"), rows=Lists())


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "CHUNK_ROWS", 3)
    monkeypatch.setattr(retention, "RESTS", 0)


async def begun(ctx: Context, caller: Caller, key: str, text: str, form: str = "csv") -> int:
    async def body() -> AsyncIterator[bytes]:
        for place in range(0, len(text), 7):
            yield text[place : place + 7].encode()

    cmd = c.CreateImport(product_key=key, form=form)
    return (await imports.create_import(ctx, caller, cmd, Incoming(body(), None))).import_id


async def shown(ctx: Context, caller: Caller, import_id: int) -> c.Import:
    return await imports.show_import(ctx, caller, c.ShowImport(import_id=import_id))


async def worked(ctx: Context, import_id: int) -> None:
    while (await importing.work_one(ctx, import_id)).more:
        pass


async def made(ctx: Context, caller: Caller, import_id: int) -> list[str]:
    flow = await imports.list_devices(ctx, caller, c.ListImportDevices(import_id=import_id, form="csv"))
    return [each.name for each in flow.first] + [each.name async for some in flow.rest for each in some]


def a_list(*names: str) -> str:
    return "name\n" + "".join(f"{name}\n" for name in names)


async def test_each_chunk_counts_at_once_and_is_made_once_by_several(stored: Context, caller: Caller) -> None:
    key = await a_product(stored, caller)
    names = [f"n{number}" for number in range(10)]
    import_id = await begun(stored, caller, key, a_list(*names, "n1", "wrong name"))
    assert (await importing.work_one(stored, import_id)).more
    first = await shown(stored, caller, import_id)
    assert (first.status, first.rows_read, first.made) == ("running", 4, 3)
    assert await made(stored, caller, import_id) == names[:3]

    async def worker() -> None:
        while (await shown(stored, caller, import_id)).status == "running":
            await importing.work_one(stored, import_id)

    await asyncio.gather(*(worker() for _ in range(4)))
    done = await shown(stored, caller, import_id)
    assert (done.status, done.rows_read, done.made, done.existing, done.refused) == ("done", 13, 10, 0, 2)
    assert await made(stored, caller, import_id) == names
    assert [(each.row, each.parameter) for each in done.problems] == [(12, "name"), (13, "name")]
    assert "row 3 " in done.problems[0].problem
    assert [key async for key, _ in objects_of(stored).listed()] == []


async def test_what_fails_in_a_chunk_leaves_nothing_of_it(
    stored: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await a_product(stored, caller)
    import_id = await begun(stored, caller, key, a_list("a", "b", "c", "d"))

    async def broken(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(importing._Work, "_note_problems", broken)
    with pytest.raises(RuntimeError):
        await importing.work_one(stored, import_id)
    monkeypatch.undo()
    monkeypatch.setattr(importing, "CHUNK_ROWS", 3)
    assert (await shown(stored, caller, import_id)).rows_read == 1 and await count(stored, "device") == 0
    await importing.tell_trouble(stored, import_id, is_over=False)
    assert (await shown(stored, caller, import_id)).problem == importing.TROUBLE_TEXT
    await importing.tell_trouble(stored, import_id, is_over=True)
    await worked(stored, import_id)
    assert await made(stored, caller, import_id) == ["a", "b", "c", "d"]


async def test_a_product_that_goes_ends_its_import(stored: Context, caller: Caller) -> None:
    key = await a_product(stored, caller)
    import_id = await begun(stored, caller, key, a_list("a", "b", "c", "d"))
    await products.delete_product(stored, caller, c.DeleteProduct(product_key=key))
    await worked(stored, import_id)
    done = await shown(stored, caller, import_id)
    assert (done.status, done.made) == ("failed", 0) and done.problem == "Its product is gone."
    await imports.sweep(stored)
    assert [key async for key, _ in objects_of(stored).listed()] == []


async def test_a_line_without_end_ends_the_import(
    stored: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK_BYTES", 40)
    key = await a_product(stored, caller)
    import_id = await begun(stored, caller, key, a_list("a", "b" * 50, "c"))
    await worked(stored, import_id)
    done = await shown(stored, caller, import_id)
    assert done.status == "failed" and "row 3 " in str(done.problem) and await made(stored, caller, import_id) == ["a"]


async def test_what_breaks_off_before_it_is_whole_is_no_import(stored: Context, caller: Caller, clock: Clock) -> None:
    key = await a_product(stored, caller)

    async def cut() -> AsyncIterator[bytes]:
        yield b"name\n" * 2
        raise Invalid("body", "whole")

    with pytest.raises(Invalid):
        await imports.create_import(stored, caller, c.CreateImport(product_key=key, form="csv"), Incoming(cut(), None))
    assert await count(stored, "device_import") == 0
    waiting = [await begun(stored, caller, key, a_list("a")) for _ in range(10)]
    with pytest.raises(TooMany):
        await begun(stored, caller, key, a_list("a"))
    assert [each.job_id for each in await importing.waiting(stored)] == waiting


async def test_a_device_that_was_made_again_is_no_longer_the_imports(stored: Context, caller: Caller) -> None:
    key = await a_product(stored, caller)
    import_id = await begun(stored, caller, key, a_list("a", "b"))
    await worked(stored, import_id)
    for name in ("a", "b"):
        which = c.DeviceKey(product_key=key, name=name)
        await devices.delete_device(stored, caller, c.DeleteDevice(device=which))
    await a_device(stored, caller, key, "a")
    assert await made(stored, caller, import_id) == []
    again = await begun(stored, caller, key, a_list("a", "b"))
    await worked(stored, again)
    assert await made(stored, caller, again) == ["b"]


async def test_imports_are_forgotten_in_time(stored: Context, caller: Caller, clock: Clock) -> None:
    key = await a_product(stored, caller)
    import_id = await begun(stored, caller, key, a_list("a", "b", "no no"))
    await worked(stored, import_id)
    clock.move(days=364)
    await forgotten(stored)
    assert (await shown(stored, caller, import_id)).made == 2
    clock.move(days=2)
    await forgotten(stored)
    with pytest.raises(NotFound):
        await shown(stored, caller, import_id)
    for table in ("device_import", "imported", "import_problem"):
        assert await count(stored, table) == 0
    listed = await imports.list_imports(stored, caller, c.ListImports(asked=Slice(take=5)))
    assert listed.items == () and await count(stored, "device") == 2


async def test_a_chunk_reads_no_more_when_the_fleet_has_grown(
    stored: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No statement of it passes through devices; each is found by an index."""
    monkeypatch.setattr(importing, "CHUNK_ROWS", 500)
    read: list[int] = []
    note = importing._Work._note_problems

    async def counted(self: importing._Work) -> None:
        passed = "select seq_tup_read from pg_stat_xact_user_tables where relname = 'device'"
        read.append(await self.conn.fetchval(passed))
        await note(self)

    monkeypatch.setattr(importing._Work, "_note_problems", counted)
    key = await a_product(stored, caller)
    await a_device(stored, caller, key, "gateway")
    rows = [f"n{n},mine-{n},{f'{key}_gateway' if n % 2 else ''}\n" for n in range(4000)]
    import_id = await begun(stored, caller, key, "name,id,gateway_id\n" + "".join(rows))
    await worked(stored, import_id)
    done = await shown(stored, caller, import_id)
    assert (done.made, done.refused, len(read)) == (4000, 0, 8)
    assert max(read[2:]) == 0, read


async def test_devices_behind_gateways_are_judged_each(
    stored: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK_ROWS", 20)
    monkeypatch.setattr(devices, "BEHIND_MAX", 2)
    key = await a_product(stored, caller)
    rows = [
        ("top", ""), ("a", "top"), ("below", "a"), ("deeper", "below"), ("b", "top"), ("c", "top"), ("own", "own"),
        ("early", "late"), ("late", ""), ("lost", "nobody"), ("behind-own", "own"),
    ]  # fmt: skip
    text = "name,gateway_id\n" + "".join(f"{name},{f'{key}_{gateway}' if gateway else ''}\n" for name, gateway in rows)
    import_id = await begun(stored, caller, key, text)
    await worked(stored, import_id)
    done = await shown(stored, caller, import_id)
    assert sorted(await made(stored, caller, import_id)) == ["a", "b", "below", "late", "top"]
    said = {each.row: each.problem for each in done.problems}
    assert sorted(said) == [5, 7, 8, 9, 11, 12]
    assert "levels of gateways" in said[5] and "devices behind a gateway" in said[7]
    assert all("device" in said[row] for row in (8, 9, 11, 12))
    shown_below = await devices.show_device(
        stored, caller, c.ShowDevice(device=c.DeviceKey(product_key=key, name="below"))
    )
    assert shown_below.gateway_id == f"{key}_a"
