"""The laws with two processes on one database: what one says holds in the other at once."""

import asyncio
from pathlib import Path
from random import Random

from platform_house import Device, House, house_on, until
from tests.job_commands import static_job
from tests.prove.laws import broken

from upwell.domain import commands as c
from upwell.service.manage import jobs, steering

DEVICES = 6  # of each node
PACE = 5  # offers a minute
QUIET_S = 1.0  # several rounds of pushing
CANCELS = 4


def offers(all_of: list[Device], job_version: str) -> int:
    """How many offers of that version they were sent."""
    return sum(
        job_version.encode() in payload for device in all_of for topic, payload in device.heard if "upgrade" in topic
    )


async def job_of(house: House, key: str, all_of: list[Device], version: str, **more: int) -> int:
    package = await house.package(key, b"x" * 100, version=version)
    names = tuple(device.known.name for device in all_of)
    cmd = static_job(
        package_id=package, product_key=key, selection="SPECIFIC", device_names=names, overwrite=True, **more
    )
    return (await jobs.create_job(house.ctx, house.caller, cmd)).job_id


async def test_what_one_process_says_holds_in_the_other(dsn: str, tmp_path: Path) -> None:
    """The devices are the other's, or of both: a cancel that returned lets no offer out (L5); a job's pace is one (L4);
    and a device that two jobs take at once has one open task (L1)."""
    dice = Random(3)
    async with house_on(dsn, tmp_path / "a") as a, house_on(dsn, tmp_path / "b") as b:
        key = (await a.product()).product_key
        there = [await b.connect(await a.device(key)) for _ in range(DEVICES)]
        here = [await a.connect(await a.device(key)) for _ in range(DEVICES)]
        for device in (*here, *there):
            await device.inform("1.0")

        for number in range(CANCELS):  # L5: from before the first offer until after the last
            version = f"3.{number}"
            job = await job_of(a, key, there, version)
            await asyncio.sleep(dice.uniform(0, 0.6))
            await steering.cancel_tasks(a.ctx, a.caller, c.CancelTasks(job_id=job))
            sent = offers(there, version)
            await asyncio.sleep(QUIET_S)
            assert offers(there, version) == sent

        paced = await job_of(a, key, here + there, "4.0", maximum_per_min=PACE)
        await until(lambda: offers(here + there, "4.0") == PACE, 30)
        await asyncio.sleep(QUIET_S)
        assert offers(here + there, "4.0") == PACE
        await steering.cancel_tasks(b.ctx, b.caller, c.CancelTasks(job_id=paced))

        made = await asyncio.gather(
            *(job_of(house, key, here + there, f"5.{n}") for n, house in enumerate((a, b, a, b)))
        )
        open_tasks = "select device_id from task where is_open(state) and job_id = any($1::bigint[])"
        rows = await a.rows(open_tasks, made)
        assert len(rows) == len({row["device_id"] for row in rows}) == 2 * DEVICES
        await until(lambda: sum(offers(here + there, f"5.{n}") for n in range(4)) >= 2 * DEVICES, 30)
    assert [law for law in await asyncio.to_thread(broken, dsn) if "act" not in law] == []
