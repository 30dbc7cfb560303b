"""kill -9 in the middle of a halt, again and again: what an owner reads does not move, and each task follows once."""

import asyncio
import random
import sys
from pathlib import Path

import pytest
from test_acts import cancel, counted
from test_jobs import a_filled_job, a_fleet, a_package, ask, say

from upwell.domain.talk import ProgressReport
from upwell.domain.task import State
from upwell.service.context import Context
from upwell.service.manage.access import Caller
from upwell.service.upgrade import following

pytestmark = pytest.mark.asyncio
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("cycles", "count"),
    [
        pytest.param(3, 300, id="short"),
        pytest.param(100, 20_000, id="long", marks=[pytest.mark.prove, pytest.mark.timeout(1800)]),
    ],
)
async def test_each_task_follows_once_however_often_who_leads_is_killed(
    ctx: Context, caller: Caller, dsn: str, monkeypatch: pytest.MonkeyPatch, cycles: int, count: int
) -> None:
    monkeypatch.setattr(following, "AT_ONCE", 0)
    flock = await a_fleet(ctx, caller, count)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert await cancel(ctx, caller, job) == count
    dice, killed, met = random.Random(5), 0, 0
    for _ in range(cycles):
        leader = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.following_process", dsn, str(job), str(max(1, count // (16 * cycles))),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert leader.stdout is not None and await leader.stdout.readline() == b"ready\n"
        device = dice.choice(flock.ids)
        await asyncio.sleep(dice.uniform(0, 0.04))
        await say(ctx, (device, ProgressReport(module="default", step=5, desc="", ref="")))
        if leader.returncode is None:
            leader.kill()
            killed += 1
        await leader.wait()
        assert await counted(ctx, job) == {State.CANCELED: count}
        [row] = await ask(ctx, "select count(*) as n from task where state = 'QUEUED'")
        met += 0 < row["n"] < count
    print(f"killed {killed} times, {met} times in the middle")
    assert killed == cycles and met > 0
    open_acts = "select count(*) as n from job_act where job_id = $1 and done_at is null"
    while (await ask(ctx, open_acts, job))[0]["n"]:
        if not (await following.follow_one(ctx, job)).moved:
            await asyncio.sleep(0.05)  # PostgreSQL has not noticed yet that who had it was killed
    [row] = await ask(ctx, "select count(*) as n from task where state = 'CANCELED' and reason = 'cancelled'")
    [told] = await ask(ctx, "select count(*) as n, count(distinct device_id) as devices from task_change")
    assert (row["n"], told["n"], told["devices"]) == (count, count, count)
