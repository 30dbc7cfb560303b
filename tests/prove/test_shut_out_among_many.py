"""A device that another process shut out leaves soon, however many are connected, and what looking after them costs
each of them does not grow with their number."""

import asyncio
import contextlib
import resource
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from bench import wire
from bench.crowds import Device, addresses, crowd
from bench.machine import cpu_s
from tests.prove.platform import postgres
from tests.prove.rollout import Process

from upwell.domain import commands as c
from upwell.service.context import Context
from upwell.service.manage import access, devices, products, registration
from upwell.service.manage.access import Caller
from upwell.storage.database import Database
from upwell.wiring.open_files import room_of_this_process

LEAVES_WITHIN_S = 5.0
FEW, MANY = 2_000, 20_000
SPARE = 100  # places of a node, for what is no connection of the crowd's
FILES = 65_536  # of a process, where the system lets us; a node has fewer places where it does not
AT_ONCE = 10_000
IDLE_S = 20.0
TRIES = 5


async def registered(ctx: Context, caller: Caller, count: int) -> list[Device]:
    key = (await products.create_product(ctx, caller, c.CreateProduct(name=f"crowd of {count}"))).product_key
    for begin in range(0, count, AT_ONCE):
        cmd = c.RegisterDevices(product_key=key, count=min(AT_ONCE, count - begin))
        await registration.register_devices(ctx, caller, cmd)
    async with ctx.database.connection() as conn:
        asked = "select d.name, d.secret from device d join product p using (product_id) where p.product_key = $1"
        return [(key, row["name"], row["secret"]) for row in await conn.fetch(asked, key)]


async def leaves_after_s(ctx: Context, caller: Caller, port: int, device: Device, place: str) -> float:
    """Seconds from the end of the call that disables a device, made in this process, to the end of its connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(place, 0))
    writer.write(wire.login(*device))
    assert (await reader.readexactly(4))[3] == 0
    await asyncio.sleep(1)
    change = c.DeviceChange(device=c.DeviceKey(product_key=device[0], name=device[1]), enabled=False)
    await devices.update_devices(ctx, caller, c.UpdateDevices(changes=(change,)))
    began = time.monotonic()
    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()
    return time.monotonic() - began


async def measured(node: Process, ctx: Context, caller: Caller, count: int) -> tuple[float, float]:
    """With so many connected and silent: the longest that a device took to leave; the node's share of a processor."""
    known = await registered(ctx, caller, count + TRIES)
    places = addresses(7, 250)
    with ExitStack() as stack:
        half = count // 2
        for some in (known[:half], known[half:count]):
            await asyncio.to_thread(stack.enter_context, crowd(node.mqtt, some, places))
        assert node.process is not None
        before = sum(cpu_s(node.process.pid))
        await asyncio.sleep(IDLE_S)
        share = (sum(cpu_s(node.process.pid)) - before) / IDLE_S
        longest = max([await leaves_after_s(ctx, caller, node.mqtt, each, places[0]) for each in known[count:]])
    each = share / count * 1e6
    print(f"connected={count} left_after_s={longest:.2f} processor={share:.3f} each={each:.1f} us/s", flush=True)
    return longest, share


@pytest.mark.prove
@pytest.mark.timeout(1800)
async def test_a_device_that_another_process_shut_out_leaves_soon_among_many() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(FILES, hard), max(FILES, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    many = min(MANY, room_of_this_process().mqtt - SPARE)
    async with postgres() as (dsn, folder):
        database = Database(dsn)
        await database.open()
        node = a_node(dsn, folder)
        try:
            await asyncio.to_thread(node.start)
            ctx = Context(database)
            key = await access.create_key(ctx, "acme", "admin", "alibaba")
            caller = Caller(key.account_id, key.role, key.key_id, key.dialect)
            found = {count: await measured(node, ctx, caller, count) for count in (FEW, many)}
        finally:
            node.kill()  # twenty thousand have just left: what it has to write of that is nobody's concern here
            node.stop()
            await database.close()
            with contextlib.suppress(ValueError, OSError):  # of a hard limit that was raised
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert max(longest for longest, _ in found.values()) < LEAVES_WITHIN_S
    assert found[many][1] / many <= found[FEW][1] / FEW


def a_node(dsn: str, folder: Path) -> Process:
    return Process("--database-url", dsn, "--objects-url", f"file://{folder}/objects")
