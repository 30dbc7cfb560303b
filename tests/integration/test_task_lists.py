"""Lists of a job's tasks: their totals from counters, their pages at any depth, pending halts seen as done."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from test_jobs import a_filled_job, a_fleet, a_package, ask, runs, say

from upwell.domain import commands as c
from upwell.domain.acts import Act, What
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.standings import Standing, standing
from upwell.domain.task import OPEN, State
from upwell.domain.ways import ways_of
from upwell.service.context import Context
from upwell.service.manage import job_views, task_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import fill

pytestmark = pytest.mark.asyncio
COUNT = 60


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks and remembered pages in short lists."""
    monkeypatch.setattr(fill, "CHUNK", 10)
    monkeypatch.setattr(fill, "MARK_EVERY", 10)
    monkeypatch.setattr(task_views, "REMEMBERED_FROM", 1)


async def listed(ctx: Context, caller: Caller, job: int, take: int, skip: int = 0, **which: object) -> Page[c.Task]:
    cmd = c.ListTasks(job_id=job, asked=Slice(take=take, skip=skip), **which)  # type: ignore[arg-type]
    return await task_views.list_tasks(ctx, caller, cmd)


def ids_of(page: Page[c.Task]) -> Sequence[object]:
    return [task.ref.device_id for task in page.items]


async def a_halt(ctx: Context, job: int, *states: State, reason: str = "cancelled") -> None:
    """Write one down that no task has followed yet."""
    await ask(
        ctx,
        "with j as (update job set acts = acts + 1 where job_id = $1 returning acts)"
        " insert into job_act (job_id, nth, what, states, reason, description, at)"
        " select $1, acts, 'halt', $2, $3, 'its owner said so', now() from j",
        job, [state.value for state in states], reason,
    )  # fmt: skip


@pytest.mark.parametrize("with_marks", [True, False])
@pytest.mark.parametrize("down", [False, True])
async def test_any_page_of_a_list_is_the_same_however_it_is_found(
    ctx: Context, caller: Caller, with_marks: bool, down: bool
) -> None:
    """In order, at random, from a mark or by passing over."""
    flock = await a_fleet(ctx, caller, COUNT)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    if not with_marks:
        await ask(ctx, "delete from job_mark")
    await ask(ctx, "update job set part = 'firmware' where job_id = $1", job)
    whole = sorted(flock.ids, reverse=down)
    for skip in (0, 7, 53, 21, 14, 59, 28, 35, 42, 60, 75):
        page = await listed(ctx, caller, job, 7, skip, asking=down)
        assert ids_of(page) == whole[skip : skip + 7] and page.total == COUNT
        again = await listed(ctx, caller, job, 7, skip + 7, asking=down)
        assert ids_of(again) == whole[skip + 7 : skip + 14]


@pytest.mark.parametrize("states", [frozenset(), frozenset({"QUEUED", "SUCCEEDED"})])
async def test_a_list_is_read_from_task_to_task(ctx: Context, caller: Caller, states: frozenset[str]) -> None:
    """Each once, though tasks that were listed move on meanwhile, and other tasks of their devices are made."""
    flock = await a_fleet(ctx, caller, COUNT)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock)
    seen, after = [], None
    while True:
        page = await listed(ctx, caller, job, 7, states=states, after=after, strays=True)
        seen += ids_of(page)
        if len(page.items) < 7:
            break
        await say(ctx, *((task.ref.device_id, runs("2.0")) for task in page.items[:3]))
        after = page.items[-1].ref
    assert seen == sorted(flock.ids)
    whole = c.DeviceKey(product_key=flock.key, name=flock.names[0])
    cmd = c.ListTasks(device=whole, asked=Slice(take=1))
    [only] = (await task_views.list_tasks(ctx, caller, cmd)).items
    assert not (await task_views.list_tasks(ctx, caller, replace(cmd, after=only.ref))).items


async def test_a_job_is_shown_with_the_counts_of_all_states(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, COUNT)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    await say(ctx, *((device, runs("2.0")) for device in flock.ids[:10]))
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=job, counted=True))
    assert shown.counts == {State.QUEUED: COUNT - 10, State.SUCCEEDED: 10}
    await a_halt(ctx, job, *OPEN)
    shown = await job_views.show_job(ctx, caller, c.ShowJob(job_id=job, counted=True))
    assert shown.counts == {State.CANCELED: COUNT - 10, State.SUCCEEDED: 10}, "though no task has followed yet"


async def test_pages_by_state_go_on_where_the_last_one_ended(ctx: Context, caller: Caller) -> None:
    """Though what was listed has left the state meanwhile, nothing is passed over."""
    flock = await a_fleet(ctx, caller, COUNT)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    queued = frozenset({"QUEUED"})
    first = await listed(ctx, caller, job, 10, states=queued)
    assert first.total == COUNT
    await say(ctx, *((device, runs("2.0")) for device in sorted(flock.ids)[:10]))
    second = await listed(ctx, caller, job, 10, 10, states=queued)
    assert ids_of(second) == sorted(flock.ids)[10:20] and second.total == COUNT - 10
    arrived = await listed(ctx, caller, job, 100, states=frozenset({"SUCCEEDED"}))
    assert ids_of(arrived) == sorted(flock.ids)[:10] and arrived.total == 10


async def test_a_pending_halt_is_seen_as_done(ctx: Context, caller: Caller) -> None:
    """In states, reasons, texts and totals, of the tasks that it covers and no others; L2 while it is followed."""
    flock = await a_fleet(ctx, caller, COUNT)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    ordered = sorted(flock.ids)
    await say(ctx, *((device, runs("2.0")) for device in ordered[:5]))
    await a_halt(ctx, job, *OPEN)
    everything = await listed(ctx, caller, job, 100)
    assert [task.state for task in everything.items] == ["SUCCEEDED"] * 5 + ["CANCELED"] * 55
    assert {(t.reason, t.description) for t in everything.items[5:]} == {("cancelled", "its owner said so")}
    assert {t.standing for t in everything.items[5:]} == {Standing.STOPPED}
    for states, wanted in ((("CANCELED",), ordered[5:]), (("QUEUED",), []), (("SUCCEEDED", "CANCELED"), ordered)):
        page = await listed(ctx, caller, job, 100, states=frozenset(states))
        assert ids_of(page) == wanted and page.total == len(wanted)
    for where, wanted in ((Standing.STOPPED, ordered[5:]), (Standing.WAITING, []), (Standing.REMOVED, [])):
        page = await listed(ctx, caller, job, 100, standing=where)
        assert ids_of(page) == wanted and page.total == len(wanted)
    one = await listed(
        ctx, caller, job, 10, device_names=(flock.names[0],), states=frozenset({"CANCELED", "SUCCEEDED"})
    )
    assert one.total == 1 and one.items[0].device_name == flock.names[0]


async def test_another_module_or_account_has_no_list(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 3)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    assert (await listed(ctx, caller, job, 9, module="Default")).total == 3
    other = await listed(ctx, caller, job, 9, module="camera")
    assert (other.total, other.items) == (0, ())


async def test_the_ways_to_stand_are_a_partition() -> None:
    """Each stored task is in the list of exactly the standing that it is told to have, whatever halts are pending."""
    acts = (
        Act(job_id=1, nth=2, what=What.HALT, states=frozenset({State.QUEUED})),
        Act(job_id=1, nth=3, what=What.HALT, states=frozenset(OPEN)),
        Act(job_id=1, nth=4, what=What.CONFIRM, states=frozenset({State.CONFIRM})),
    )
    by_standing = {wanted: ways_of((), wanted, acts) for wanted in Standing}
    flags = (False, True)
    for state, passed, asked, again, gone in product(State, range(5), flags, flags, flags):
        if gone and state is not State.CANCELED:
            continue
        bit = 1 << (4 * asked + 2 * again + gone)
        covered = state in OPEN and passed < 3
        stands = standing(State.CANCELED if covered else state, asked=asked, retry_waits=again, gone=gone)
        for wanted, ways in by_standing.items():
            among = [
                way for way in ways
                if way.state is state and way.low <= passed and (way.high is None or passed < way.high)
                and way.marks & bit
            ]  # fmt: skip
            assert len(among) == (wanted is stands), (state, passed, wanted)
