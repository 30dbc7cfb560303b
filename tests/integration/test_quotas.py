"""Quotas of accounts (ADR 0067)."""

import asyncio

import pytest
from test_imports import a_list, begun, made, shown, stored, worked
from test_jobs import a_filled_job, a_fleet, a_job, a_package, runs, say

from upwell.domain import commands as c
from upwell.domain.quotas import OverQuota
from upwell.service.context import Context
from upwell.service.manage import devices
from upwell.service.manage.access import Caller
from upwell.service.manage.quotas import list_quotas, set_quotas
from upwell.service.upgrade import endings, enrol

__all__ = ["stored"]  # a fixture
pytestmark = pytest.mark.asyncio


async def name_of(ctx: Context, caller: Caller) -> str:
    async with ctx.database.connection() as conn:
        return str(await conn.fetchval("select name from account where account_id = $1", caller.account_id))


async def create(ctx: Context, caller: Caller, key: str, name: str) -> bool:
    try:
        await devices.create_device(ctx, caller, c.CreateDevice(product_key=key, name=name))
    except OverQuota:
        return False
    return True


async def test_twenty_at_once_make_what_the_quota_allows(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    account = await name_of(ctx, caller)
    await set_quotas(ctx, account, {"devices": 10})
    got = await asyncio.gather(*(create(ctx, caller, flock.key, f"d-{n}") for n in range(20)))
    assert sum(got) == 9
    ((row, used),) = await list_quotas(ctx)
    assert (row["devices"], used["devices"]) == (10, 10)
    await set_quotas(ctx, account, {"devices": 3})
    assert not await create(ctx, caller, flock.key, "late")
    await set_quotas(ctx, account, {"devices": 10})
    await devices.delete_device(
        ctx, caller, c.DeleteDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[0]))
    )
    assert await create(ctx, caller, flock.key, "late")
    assert not await create(ctx, caller, flock.key, "later")
    await set_quotas(ctx, account, {"devices": None})
    assert await create(ctx, caller, flock.key, "later")
    assert await list_quotas(ctx) == []


async def test_packages_and_their_bytes_and_jobs(ctx: Context, caller: Caller) -> None:
    flock, account = await a_fleet(ctx, caller, 2), await name_of(ctx, caller)
    await set_quotas(ctx, account, {"packages": 2, "bytes": 9, "running_jobs": 1})
    package = await a_package(ctx, caller, flock.key)  # of 5 bytes
    with pytest.raises(OverQuota, match="quota is 9 bytes, and this would make it 10: delete packages"):
        await a_package(ctx, caller, flock.key, "second", version="3.0")
    await set_quotas(ctx, account, {"bytes": None})
    await a_package(ctx, caller, flock.key, "second", version="3.0")
    with pytest.raises(OverQuota, match="quota is 2 packages, and this would make it 3"):
        await a_package(ctx, caller, flock.key, "third", version="4.0")
    await a_filled_job(ctx, caller, package, flock)
    with pytest.raises(OverQuota, match="quota is 1 running jobs"):
        await a_job(ctx, caller, package, flock)
    await say(ctx, *((each, runs("2.0")) for each in flock.ids))
    assert await endings.end_finished(ctx) == 1
    await a_job(ctx, caller, package, flock)


async def test_an_import_refuses_the_rows_beyond_it(stored: Context, caller: Caller) -> None:
    flock = await a_fleet(stored, caller, 1)
    await set_quotas(stored, await name_of(stored, caller), {"devices": 4})
    import_id = await begun(stored, caller, flock.key, a_list("a", "b", "c", "d", "e"))
    await worked(stored, import_id)
    shown_one = await shown(stored, caller, import_id)
    assert (shown_one.status, shown_one.made, shown_one.refused) == ("done", 3, 2)
    assert await made(stored, caller, import_id) == ["a", "b", "c"]


async def test_a_device_that_registers_itself_is_refused(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    await set_quotas(ctx, await name_of(ctx, caller), {"devices": 2})
    assert await enrol.enrol(ctx, flock.key, "first", creates=True, rule="any")
    assert await enrol.enrol(ctx, flock.key, "second", creates=True, rule="any") is None
