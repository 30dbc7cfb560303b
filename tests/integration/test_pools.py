"""Each kind of work has database connections of its own, and none waits for another's."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from upwell.domain.errors import Held
from upwell.service.context import Context
from upwell.storage.database import DEVICES, LOOKUPS, MANAGEMENT, UPKEEP, Database
from upwell.storage.queries import sheet

pytestmark = pytest.mark.asyncio


async def test_a_context_of_one_database_uses_it_for_all(ctx: Context) -> None:
    assert ctx.devices is ctx.upkeep is ctx.lookups is ctx.database


async def test_devices_have_connections_when_management_has_none_left(ctx: Context) -> None:
    devices = await ctx.database.beside(DEVICES)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(devices.close)
        for _ in range(MANAGEMENT.size):
            await stack.enter_async_context(ctx.database.connection())
        async with asyncio.timeout(5), devices.connection() as conn:
            assert await conn.fetchval("select 1") == 1


async def test_devices_do_not_wait_for_what_somebody_holds(ctx: Context) -> None:
    devices = await ctx.database.beside(DEVICES)
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("lock table node in access exclusive mode")
        with pytest.raises(Held):
            async with devices.connection() as other:
                await other.fetch("select from node")
    await devices.close()


@pytest.mark.parametrize("pool", [MANAGEMENT, DEVICES, UPKEEP, LOOKUPS])
async def test_no_kind_compiles_statements_or_asks_when_it_gives_back(ctx: Context, pool: object) -> None:
    kind: Database = await ctx.database.beside(pool)  # type: ignore[arg-type]
    async with kind.connection() as conn:
        assert await conn.fetchval("show jit") == "off"
        pid = await conn.fetchval("select pg_backend_pid()")
    async with ctx.database.connection() as conn:
        last = await conn.fetchval("select query from pg_stat_activity where pid = $1", pid)
    assert last == "select pg_backend_pid()"
    await kind.close()


async def test_a_transaction_that_was_left_is_rolled_back_when_its_connection_is_given_back(ctx: Context) -> None:
    async with ctx.database.connection() as conn:
        await conn.execute("begin")
        await conn.execute("insert into secret values ('left', '')")
    async with ctx.database.connection() as conn:
        assert not await conn.fetchval("select exists (select from secret where name = 'left')")


async def test_a_look_up_is_planned_for_tables_of_any_size_while_they_are_empty(ctx: Context) -> None:
    """It is planned once, and a plan for an empty table would read all of it when a million devices are in it."""
    lookups = await ctx.database.beside(LOOKUPS)
    nobody = {"account_id": 1, "device_ids": [uuid4()], "now": ctx.now()}
    asked = (
        sheet("devices")["show_devices"](**nobody),
        sheet("access")["find_keys"](key_ids=["nobody"], now=ctx.now()),
        sheet("access")["count_requests"](account_ids=[1], actions=["none"], counts=[1], limits_per_s=[1]),
    )
    async with lookups.connection() as conn:
        for text, *values in asked:
            plan = "\n".join(row[0] for row in await conn.fetch(f"explain {text}", *values))
            assert "Index" in plan and "Seq Scan" not in plan and "Hash Join" not in plan, plan
    await lookups.close()
