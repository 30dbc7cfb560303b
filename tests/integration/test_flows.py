"""Limits of bytes per second, from the API's uses to the bytes that devices receive, by a whole server (ADR 0055)."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from platform_house import House, house_on

from upwell.domain import commands as c
from upwell.domain.fleet import device_id
from upwell.domain.pace import Pace
from upwell.domain.talk import TaskRef
from upwell.service.manage import limiting
from upwell.service.upgrade.downloads import find_download

pytestmark = pytest.mark.asyncio
DATA = os.urandom(1_500_000)
RATE = 200_000


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as it:
        yield it


async def some_tasks(house: House, devices: int, pace: Pace | None = None) -> tuple[str, list[TaskRef]]:
    """A product, and the tasks of one job of it."""
    product = (await house.product()).product_key
    known = [await house.device(product) for _ in range(devices)]
    package = await house.package(product, DATA)
    job = await house.job(
        package,
        known[0],
        device_names=tuple(each.name for each in known),
        care=None if pace is None else c.Care(pace=pace),
    )
    refs = [TaskRef(device_id=device_id(product, each.name), job_id=job) for each in known]
    for ref in refs:
        await there(house, ref)
    return product, refs


async def there(house: House, task: TaskRef) -> None:
    """Once its task is made."""
    which = "select 1 from task where device_id = $1 and job_id = $2"
    while not await house.rows(which, task.device_id, task.job_id):
        await asyncio.sleep(0.02)


async def fetch(house: House, task: TaskRef, *, seconds: float = 30.0, start: int = 0, end: int | None = None) -> bytes:
    """What a device has of the body when so much time is over, or it is whole."""
    host, port = house.server.links.origin.removeprefix("http://").split(":")
    path = house.server.links.make(task, 0).removeprefix(house.server.links.origin)
    reader, writer = await asyncio.open_connection(host, int(port))
    span = f"Range: bytes={start}-{'' if end is None else end - 1}\r\n" if start or end else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n{span}Connection: close\r\n\r\n".encode())
    got = bytearray()
    try:
        async with asyncio.timeout(seconds):
            await reader.readuntil(b"\r\n\r\n")
            while data := await reader.read(65_536):
                got += data
    except TimeoutError:
        pass
    writer.close()
    return bytes(got)


async def limit(house: House, product_key: str | None = None, **said: int) -> c.Limits:
    return await limiting.set_limits(house.server.ctx, house.caller, c.SetLimits(product_key=product_key, **said))


@pytest.mark.parametrize("whose", ["job", "product", "account"])
async def test_two_share_a_limit_and_a_stranger_is_not_slowed(house: House, whose: str) -> None:
    product, tasks = await some_tasks(house, 2, Pace(bytes_per_s=RATE) if whose == "job" else None)
    _, [stranger] = await some_tasks(house, 1)
    if whose != "job":
        shown = await limit(house, product if whose == "product" else None, bytes_per_s=RATE)
        assert shown.bytes_per_s == RATE and shown.maximum_per_min is None
    began = time.monotonic()
    first, second, other = await asyncio.gather(*(fetch(house, task, seconds=3) for task in (*tasks, stranger)))
    took = time.monotonic() - began
    slowed = [first, second] if whose != "account" else [first, second, other]
    both = sum(map(len, slowed))
    assert 0.4 * RATE * 3 < both <= 1.3 * RATE * took + len(slowed) * RATE * 0.1, (both, took)
    assert all(0.6 < len(each) * len(slowed) / both < 1.6 for each in slowed), [len(each) for each in slowed]
    assert all(DATA.startswith(each) for each in slowed)
    if whose != "account":
        assert other == DATA, "it has no limit"


async def test_ranges_of_a_slowed_download_make_the_whole(house: House) -> None:
    _, [task] = await some_tasks(house, 1, Pace(bytes_per_s=1_000_000))
    head = await fetch(house, task, seconds=0.5)
    assert 0 < len(head) < len(DATA)
    middle, rest = await asyncio.gather(
        fetch(house, task, start=len(head), end=1_000_000), fetch(house, task, start=1_000_000)
    )
    assert hashlib.sha256(head + middle + rest).digest() == hashlib.sha256(DATA).digest()


async def test_a_limit_that_goes_lets_what_is_under_way_go(house: House) -> None:
    product, [task] = await some_tasks(house, 1)
    await limit(house, product, bytes_per_s=1000)
    whole = asyncio.ensure_future(fetch(house, task))
    await asyncio.sleep(1)
    assert not whole.done()
    await limit(house, product)
    assert await whole == DATA


async def test_nodes_that_live_share_a_limit(house: House) -> None:
    product, [task] = await some_tasks(house, 1)
    ctx = house.server.ctx

    async def rates() -> list[int | None]:
        return [rate for _, rate in (await find_download(ctx, task)).limits]

    assert await rates() == [None, None, None]
    await limit(house, product, bytes_per_s=9000, at_once=3)
    await limit(house, bytes_per_s=90_000)
    assert await rates() == [None, 9000, 90_000]
    for lease_s in (60, 60, -60):
        await house.rows(
            "insert into node values (gen_random_uuid(), clock_timestamp() + make_interval(secs => $1))", lease_s
        )
    assert await rates() == [None, 3000, 30_000], "one is dead"
    assert (await limit(house, product, at_once=3)).bytes_per_s == 9000, "what is not said stays"
    assert (await limit(house, product)).bytes_per_s is None
    assert await rates() == [None, None, 30_000]
