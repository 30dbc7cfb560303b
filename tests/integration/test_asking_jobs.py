"""Jobs that negotiate, on the real database: asked, answered, offered, told the result; steered and counted."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from counting import recount
from test_jobs import (
    HOST,
    Fleet,
    a_filled_job,
    a_fleet,
    a_job,
    a_package,
    ask,
    filled,
    link,
    online,
    progress,
    runs,
    say,
    states,
    tasks,
)
from tests.job_commands import asking_job, show_asking

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Invalid, NotFound
from upwell.domain.standings import Progress, Standing
from upwell.domain.talk import Inquiry, Offer, ResultReport, TaskRef, VersionReport
from upwell.service.context import Context
from upwell.service.manage import devices, group_members, groups, job_views, jobs, packages, steering
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, fill, presence, reports
from upwell.service.upgrade.dispatch import Addressed, Sent, Unasked, Untellable

pytestmark = pytest.mark.asyncio
SLICE = Slice(take=50)


def result(code: int = 0, progress: int | None = 100, version: str = "2.0", desc: str = "") -> ResultReport:
    outcome: Any = {0: "fine", 3: "already"}.get(code, "failed")
    reason = "" if code == 0 else "upgrade_failed"
    return ResultReport(outcome=outcome, code=code, reason=reason, progress=progress, version=version, desc=desc)


class Line:
    """The connections of a fleet that can be asked: what was sent to whom."""

    def __init__(self, answer: Callable[[Addressed], Sent] | None = None) -> None:
        self.asked: list[Inquiry] = []
        self.offered: list[Offer] = []
        self.connections: dict[UUID, UUID] = {}
        self._answer = answer

    def __call__(self, addressed: Addressed) -> Sent:
        if self._answer is not None:
            return self._answer(addressed)
        said = addressed.offer
        if isinstance(said, Inquiry):
            self.asked.append(said)
        else:
            self.offered.append(said)
        return self.connections.setdefault(said.task.device_id, uuid4())


class Stage:
    """A fleet that is connected, a batch over it, and what happens on the wire."""

    def __init__(self, ctx: Context, caller: Caller, clock: Clock, flock: Fleet) -> None:
        self.ctx, self.caller, self.clock, self.flock, self.line = ctx, caller, clock, flock, Line()
        self.node = uuid4()
        self.job = 0

    async def create(self, packages_: tuple[int, ...], **more: Any) -> int:
        targets = tuple(f"{self.flock.key}_{name}" for name in self.flock.names)
        facts: dict[str, Any] = {"name": "b", "part": "firmware", "package_ids": packages_, "targets": targets, **more}
        self.job = (await jobs.create_job(self.ctx, self.caller, asking_job(**facts))).job_id
        await filled(self.ctx, self.job)
        return self.job

    async def connect(self) -> None:
        self.node = await online(self.ctx, self.clock, self.flock)

    async def push(self) -> None:
        due = await dispatch.due(self.ctx, self.node, 1000)
        await dispatch.offer(self.ctx, due, link, self.line, due_by=self.ctx.now())

    async def say(self, *said: tuple[UUID, Any]) -> None:
        for device, what in said:
            connection = self.line.connections.get(device, UUID(int=1))
            await reports.apply(self.ctx, [reports.Incoming(device, connection, what)])

    async def offer_all(self) -> None:
        await self.push()
        await self.say(*((d, runs("1.0")) for d in self.flock.ids))
        await self.push()
        await self.say(*((d, reports.Delivered(TaskRef(device_id=d, job_id=self.job))) for d in self.flock.ids))

    async def shown(self, **more: Any) -> c.Job:
        if "target" in more:
            more["targets"] = (more.pop("target"),)
        cmd = show_asking(self.job, more.pop("asked", SLICE), **more)
        return await job_views.show_job(self.ctx, self.caller, cmd)

    async def stands(self) -> dict[str, str]:
        return {task.public_id: str(task.standing) for task in (await self.shown()).tasks.items}

    async def progress(self) -> Progress:
        return (await self.shown()).progress

    async def state(self, device: UUID) -> dict[str, Any]:
        return (await tasks(self.ctx, self.job))[device]


@pytest.fixture
async def stage(ctx: Context, caller: Caller, clock: Clock) -> Stage:
    return Stage(ctx, caller, clock, await a_fleet(ctx, caller, 3, version=None))


async def started(stage: Stage, **more: Any) -> int:
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    await stage.create((package,), **more)
    await stage.connect()
    return package


# --- the way of one upgrade (huawei 6.1) ---


async def test_each_device_behind_a_gateway_is_told_how_many_they_are(stage: Stage) -> None:
    """huawei 5.4: also while others hold one of them, so that its task is made last."""
    stage.flock = await a_fleet(stage.ctx, stage.caller, 3)
    gateway, last = uuid4(), stage.flock.ids[-1]
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    await stage.connect()
    async with stage.ctx.database.connection() as holder:
        for device in stage.flock.ids:
            await holder.execute("insert into topology values ($1, $2, $3)", device, gateway, stage.ctx.now())
        async with holder.transaction():
            await holder.execute("select from device where device_id = $1 for update", last)
            facts: dict[str, Any] = {"name": "b", "part": "firmware", "package_ids": (package,), "by_gateway": True}
            names = tuple(f"{stage.flock.key}_{name}" for name in stage.flock.names)
            command = asking_job(targets=names, **facts)
            stage.job = (await jobs.create_job(stage.ctx, stage.caller, command)).job_id
            assert await fill.fill(stage.ctx, stage.job)
            await stage.push()
            assert len(stage.line.asked) == 2
    await filled(stage.ctx, stage.job)
    await stage.push()
    assert [inquiry.sub_device_count for inquiry in stage.line.asked] == [3, 3, 3]


async def test_asked_answered_offered_and_told_the_result(stage: Stage) -> None:
    await started(stage, ext_info={"a": 1})
    assert await stage.progress() is Progress.RUNNING
    assert set((await stage.stands()).values()) == {"waiting"}
    await stage.push()
    assert [(i.module, i.ext_info, i.sub_device_count) for i in stage.line.asked] == [("default", {"a": 1}, None)] * 3
    assert stage.line.offered == [] and set((await stage.stands()).values()) == {"running"}
    await stage.push()
    assert len(stage.line.asked) == 3  # once on a connection
    await stage.say(*((d, runs("1.0")) for d in stage.flock.ids))
    await stage.push()
    assert [(o.version, o.ext_info) for o in stage.line.offered] == [("2.0", {"a": 1})] * 3
    first, second, third = stage.flock.ids
    await stage.say((first, result(0, 40, "1.0")), (first, result(0, 100, "1.0", "downloaded")))
    assert (await stage.state(first))["state"] == "IN_PROGRESS"
    await stage.say((first, result()), (second, result(10, 0, "", "flash")), (third, runs("2.0")))
    found = [await stage.state(d) for d in stage.flock.ids]
    assert [f["state"] for f in found] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert (found[1]["reason"], found[1]["code"], found[1]["description"]) == ("upgrade_failed", 10, "flash")
    assert await endings.end_finished(stage.ctx) == 1
    assert await stage.progress() is Progress.PARTLY
    job = await job_views.show_job(stage.ctx, stage.caller, c.ShowJob(job_id=stage.job))
    assert (job.kind, job.status) == ("static", "COMPLETED")  # as another tongue sees it


async def test_the_same_version_needs_nothing(stage: Stage) -> None:
    await started(stage)
    await stage.push()
    await stage.say(*((d, runs("2.0")) for d in stage.flock.ids))
    await stage.push()
    assert stage.line.offered == [] and await states(stage.ctx, stage.job) == {"SUCCEEDED": 3}
    await endings.end_finished(stage.ctx)
    assert await stage.progress() is Progress.SUCCEEDED


async def test_a_version_that_nothing_may_follow_fails_whatever_retries_are_left(stage: Stage) -> None:
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    await ask(stage.ctx, "update package set source_versions = '{1.5}'")
    await stage.create((package,), retry_count=2, retry_interval_min=0)
    await stage.connect()
    await stage.push()
    await stage.say(*((d, runs(v)) for d, v in zip(stage.flock.ids, ("1.0", "1.5", "2.0"), strict=True)))
    await stage.push()
    assert [o.task.device_id for o in stage.line.offered] == [stage.flock.ids[1]]
    found = await stage.state(stage.flock.ids[0])
    assert (found["state"], found["reason"], found["attempt"]) == ("FAILED", "version_not_supported", 0)


async def test_of_several_packages_each_device_gets_what_it_may_follow(stage: Stage) -> None:
    ids = [
        await a_package(stage.ctx, stage.caller, stage.flock.key, n, version=v) for n, v in (("a", "2.0"), ("b", "3.0"))
    ]
    await ask(stage.ctx, "update package set source_versions = '{1.0}' where package_id = $1", ids[0])
    await stage.create(tuple(ids))
    await stage.connect()
    await stage.push()
    await stage.say(*((d, runs(v)) for d, v in zip(stage.flock.ids, ("1.0", "1.7", "2.0"), strict=True)))
    await stage.push()
    assert {o.task.device_id: o.version for o in stage.line.offered} == {
        stage.flock.ids[0]: "2.0", stage.flock.ids[1]: "3.0"
    }  # fmt: skip
    assert (await stage.state(stage.flock.ids[2]))["state"] == "SUCCEEDED"  # it is at one of them
    await stage.say((stage.flock.ids[1], result(0, 100, "2.0")))
    assert (await stage.state(stage.flock.ids[1]))["state"] != "SUCCEEDED"
    await stage.say((stage.flock.ids[1], result(0, 100, "3.0")))
    assert (await stage.state(stage.flock.ids[1]))["state"] == "SUCCEEDED"


async def test_a_version_after_the_offer_says_nothing_but_the_destination(stage: Stage) -> None:
    await started(stage)
    await stage.offer_all()
    await stage.say(*((d, runs("0.7")) for d in stage.flock.ids))
    assert await states(stage.ctx, stage.job) == {"NOTIFIED": 3}
    await stage.push()
    assert len(stage.line.offered) == 3


async def come_back(stage: Stage) -> None:
    """Every device loses its connection and has a new one, on which it is asked."""
    stage.line.connections.clear()
    await stage.connect()
    await stage.push()


@pytest.mark.parametrize("reached", ["offered", "acknowledged", "under way"])
async def test_a_device_that_comes_back_with_its_old_version_is_offered_again(stage: Stage, reached: str) -> None:
    """Issue 9, number 22: a power cut in the download; once on each connection, and the time is the first offer's."""
    await started(stage)
    await stage.push()
    await stage.say(*((d, runs("1.0")) for d in stage.flock.ids))
    await stage.push()
    first, second, third = stage.flock.ids
    if reached != "offered":
        await stage.say(*((d, reports.Delivered(TaskRef(device_id=d, job_id=stage.job))) for d in stage.flock.ids))
    if reached == "under way":
        await stage.say(*((d, result(0, 60, "1.0")) for d in stage.flock.ids))
    ends = (await stage.state(first))["timeout_at"]
    for asked, offered in ((6, 3), (8, 5)):
        stage.clock.move(hours=1)
        await come_back(stage)
        assert (len(stage.line.asked), len(stage.line.offered)) == (asked, offered)
        await stage.say((first, runs("2.0")), (second, runs("1.0")), (third, runs("1.0")))
        await stage.push()
        await stage.say((second, runs("1.0")), (second, runs("1.0")))  # it answers twice, and once is enough
        await stage.push()
        assert len(stage.line.offered) == offered + 2
    assert {(await stage.state(d))["timeout_at"] for d in (second, third)} == {ends}
    await stage.say((second, result(0, 10, "1.0")), (third, result()))
    found = [await stage.state(d) for d in stage.flock.ids]
    assert [(f["state"], f["progress"]) for f in found] == [("SUCCEEDED", 100), ("IN_PROGRESS", 10), ("SUCCEEDED", 100)]


async def test_a_device_that_comes_back_again_and_again_has_one_day(stage: Stage) -> None:
    """Issue 9, number 22: no loop, whatever the device does; a question without an answer is no failure of its own."""
    await started(stage, retry_count=5, retry_interval_min=1)
    await stage.offer_all()
    for _ in range(23):
        stage.clock.move(hours=1)
        await endings.time_out(stage.ctx)
        await come_back(stage)
        await stage.say((stage.flock.ids[0], runs("1.0")))  # the others are silent
        await stage.push()
    assert len(stage.line.offered) == 3 + 23
    assert await stage.progress() is Progress.RUNNING
    stage.clock.move(minutes=61)
    await endings.time_out(stage.ctx)
    found = [await stage.state(d) for d in stage.flock.ids]
    assert [(f["state"], f["reason"], f["attempt"]) for f in found] == [("FAILED", "timeout", 0)] * 3
    await come_back(stage)
    assert len(stage.line.offered) == 3 + 23


async def test_a_device_that_works_on_is_not_offered_again(stage: Stage) -> None:
    """Issue 9, number 22: only the line was cut; it tells of its work before its answer, or before the offer."""
    await started(stage)
    await stage.offer_all()
    await come_back(stage)
    first, second, third = stage.flock.ids
    await stage.say((first, result(0, 50, "1.0")), (first, runs("1.0")))
    await stage.say((second, runs("1.0")), (second, result(0, 50, "1.0")))
    await stage.say((third, runs("1.0")), (third, result(10, 0, "", "flash")))
    await stage.push()
    assert len(stage.line.offered) == 3
    assert await states(stage.ctx, stage.job) == {"IN_PROGRESS": 2, "FAILED": 1}


async def test_a_device_that_comes_back_with_another_version_gets_what_follows_that(stage: Stage) -> None:
    """Issue 9, number 22, and L6: the answer counts as the first one did."""
    many = [await a_package(stage.ctx, stage.caller, stage.flock.key, v, version=v) for v in ("2.0", "3.0")]
    for package, source in zip(many, ("1.0", "1.5"), strict=True):
        await ask(stage.ctx, "update package set source_versions = $2 where package_id = $1", package, [source])
    await stage.create(tuple(many))
    await stage.connect()
    await stage.push()
    await stage.say(*((d, runs("1.0")) for d in stage.flock.ids))
    await stage.push()
    await come_back(stage)
    await stage.say((stage.flock.ids[0], runs("1.5")), (stage.flock.ids[1], runs("0.1")))
    await stage.push()
    assert [o.version for o in stage.line.offered[3:]] == ["3.0"]
    assert (await stage.state(stage.flock.ids[1]))["reason"] == "version_not_supported"


async def test_an_offer_that_was_lost_is_made_again_on_the_next_connection(stage: Stage) -> None:
    await started(stage)
    await stage.push()
    await stage.say(*((d, runs("1.0")) for d in stage.flock.ids))
    await stage.push()  # and no device acknowledges it
    await stage.say(*((d, runs("1.0")) for d in stage.flock.ids))
    await stage.push()
    assert len(stage.line.offered) == 3
    stage.line.connections.clear()
    await stage.connect()
    await stage.push()
    await stage.say(*((d, runs("1.0")) for d in stage.flock.ids))
    await stage.push()
    assert len(stage.line.offered) == 6


# --- the waits (huawei 6.1) ---


async def test_no_answer_in_three_minutes_is_a_failure_that_may_be_retried(stage: Stage) -> None:
    await started(stage, retry_count=1, retry_interval_min=5)
    await stage.push()
    stage.clock.move(minutes=2, seconds=55)
    assert await endings.time_out(stage.ctx) == 0
    stage.clock.move(seconds=10)
    assert await endings.time_out(stage.ctx) == 3
    assert set((await stage.stands()).values()) == {"wait_retry"}
    stage.clock.move(minutes=5)
    await stage.push()
    assert len(stage.line.asked) == 6
    stage.clock.move(minutes=4)
    await endings.time_out(stage.ctx)
    found = await stage.state(stage.flock.ids[0])
    assert (found["state"], found["reason"]) == ("FAILED", "version_timeout")
    await endings.end_finished(stage.ctx)
    assert await stage.progress() is Progress.FAILED


async def test_25_hours_offline_and_24_without_a_result_are_final(stage: Stage) -> None:
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    await stage.create((package,), retry_count=3, retry_interval_min=1)
    stage.clock.move(hours=24, minutes=59)
    assert await endings.time_out(stage.ctx) == 0
    await stage.connect()
    await stage.push()
    await stage.say((stage.flock.ids[0], runs("1.0")))
    await stage.push()
    stage.clock.move(hours=24, minutes=1)
    await endings.time_out(stage.ctx)
    assert (await stage.state(stage.flock.ids[0]))["reason"] == "timeout"
    late = await a_package(stage.ctx, stage.caller, stage.flock.key, "late", version="9.0")
    await steering.cancel_tasks(stage.ctx, stage.caller, c.CancelTasks(job_id=stage.job, states=c.OPEN_STATES))
    await presence.went_offline(stage.ctx, stage.node, [])
    await stage.create((late,))
    stage.clock.move(hours=25, minutes=1)
    await endings.time_out(stage.ctx)
    assert {t["reason"] for t in (await tasks(stage.ctx, stage.job)).values()} == {"online_timeout"}


async def test_progress_does_not_move_the_end_of_the_wait(stage: Stage) -> None:
    await started(stage)
    await stage.offer_all()
    before = (await stage.state(stage.flock.ids[0]))["timeout_at"]
    stage.clock.move(hours=3)
    await stage.say((stage.flock.ids[0], result(0, 10, "1.0")), (stage.flock.ids[0], result(0, 30, "1.0")))
    assert (await stage.state(stage.flock.ids[0]))["timeout_at"] == before


# --- results (huawei 6.2) ---


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (result(0, 100, "2.0"), "SUCCEEDED"),
        (result(0, None, "2.0"), "SUCCEEDED"),
        (result(0, 99, "2.0"), "IN_PROGRESS"),
        (result(0, 100, "1.0"), "IN_PROGRESS"),
        (result(3, 0, "2.0"), "SUCCEEDED"),
        (result(3, 0, "1.0"), "FAILED"),
        (result(1, 0, "2.0"), "FAILED"),
        (result(255, 0, ""), "FAILED"),
        (result(77, 100, "2.0"), "FAILED"),
    ],
)
async def test_what_a_result_makes_of_an_offered_task(stage: Stage, report: ResultReport, state: str) -> None:
    await started(stage)
    await stage.offer_all()
    device = stage.flock.ids[0]
    await stage.say((device, report))
    assert (await stage.state(device))["state"] == state
    await stage.say((device, report))  # and again: nothing more (L7)
    assert (await stage.state(device))["state"] == state
    if state in ("SUCCEEDED", "FAILED"):
        for late in (result(), result(1), runs("2.0")):
            await stage.say((device, late))
        assert (await stage.state(device))["state"] == state


async def test_a_result_before_the_offer_is_an_echo_unless_it_is_an_arrival(stage: Stage) -> None:
    await started(stage)
    await stage.push()
    await stage.say((stage.flock.ids[0], result(1, 0, "1.0")), (stage.flock.ids[1], result()))
    assert (await stage.state(stage.flock.ids[0]))["state"] == "QUEUED"
    assert (await stage.state(stage.flock.ids[1]))["state"] == "SUCCEEDED"


async def test_a_failure_with_a_retry_left_asks_again_later(stage: Stage) -> None:
    await started(stage, retry_count=1, retry_interval_min=10)
    await stage.offer_all()
    await stage.say((stage.flock.ids[0], result(6, 0, "1.0")))
    assert (await stage.shown()).tally.wait_retry == 1
    await stage.say((stage.flock.ids[0], result(6, 0, "1.0")))
    assert (await stage.state(stage.flock.ids[0]))["attempt"] == 1
    stage.clock.move(minutes=10)
    await stage.push()
    assert [i.task.device_id for i in stage.line.asked[3:]] == [stage.flock.ids[0]]


async def test_results_are_understood_for_a_job_of_another_making(stage: Stage) -> None:
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    job = await a_filled_job(stage.ctx, stage.caller, package, stage.flock, timeout_min=30)
    await stage.connect()
    stage.job = job
    await stage.push()
    assert stage.line.asked == [] and len(stage.line.offered) == 3
    await stage.say(
        (stage.flock.ids[0], result(0, 50, "1.0")), (stage.flock.ids[1], result()), (stage.flock.ids[2], result(7))
    )
    assert await states(stage.ctx, job) == {"IN_PROGRESS": 1, "SUCCEEDED": 1, "FAILED": 1}
    assert (await stage.state(stage.flock.ids[0]))["timeout_at"] is not None


# --- devices whose vendor can't be asked, and offers that can't be told ---


async def test_where_the_vendor_can_not_ask_what_was_said_last_is_the_answer(stage: Stage) -> None:
    await say(stage.ctx, (stage.flock.ids[0], runs("1.0")), (stage.flock.ids[1], runs("2.0")))
    await started(stage)
    offered: list[UUID] = []

    def unasking(addressed: Addressed) -> Sent:
        if isinstance(addressed.offer, Inquiry):
            return Unasked(UUID(int=5))
        offered.append(addressed.offer.task.device_id)
        return UUID(int=5)

    stage.line = Line(unasking)
    await stage.push()
    await stage.push()
    assert offered == [stage.flock.ids[0]]
    assert (await stage.state(stage.flock.ids[1]))["state"] == "SUCCEEDED"
    assert (await stage.state(stage.flock.ids[2]))["state"] == "QUEUED"  # it never said; its report will be the answer
    await stage.say((stage.flock.ids[2], runs("1.1")))
    await stage.push()
    assert set(offered) == {stage.flock.ids[0], stage.flock.ids[2]}


async def test_where_the_vendor_can_not_ask_an_unknown_version_is_an_answer_too(stage: Stage) -> None:
    """Issue 9, number 2: what was said last was that, and no former version."""
    unknown = VersionReport(module="default", version=None, ref="")
    await say(stage.ctx, *((d, runs("1.0")) for d in stage.flock.ids))
    await say(stage.ctx, *((d, unknown) for d in stage.flock.ids))
    await started(stage)
    offered: list[UUID] = []

    def unasking(addressed: Addressed) -> Sent:
        if isinstance(addressed.offer, Inquiry):
            return Unasked(UUID(int=5))
        offered.append(addressed.offer.task.device_id)
        return UUID(int=5)

    stage.line = Line(unasking)
    await stage.push()
    await stage.push()
    assert set(offered) == set(stage.flock.ids)


async def test_an_offer_that_can_not_be_told_fails_its_task(stage: Stage) -> None:
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    stage.job = await a_filled_job(stage.ctx, stage.caller, package, stage.flock)
    await stage.connect()
    stage.line = Line(lambda addressed: Untellable("tags: not the name of a member"))
    await stage.push()
    found = await stage.state(stage.flock.ids[0])
    assert (found["state"], found["reason"]) == ("FAILED", "untellable") and "tags" in found["description"]


# --- targets ---


async def test_targets_that_are_no_device_or_of_another_product_fail_by_themselves(stage: Stage) -> None:
    other = await a_fleet(stage.ctx, stage.caller, 1, name="other")
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    targets = (f"{stage.flock.key}_{stage.flock.names[0]}", "nobody", f"{other.key}_{other.names[0]}")
    await stage.create((package,), targets=targets)
    stands = await stage.stands()
    assert stands == {targets[0]: "waiting", "nobody": "failed", targets[2]: "failed"}
    shown = await stage.shown(target="nobody")
    assert [(t.public_id, t.reason) for t in shown.tasks.items] == [("nobody", "device_unknown")]
    assert (await stage.shown()).tally.total == 3


async def test_members_of_groups_at_the_start_are_targets(stage: Stage) -> None:
    flock, ctx, caller = stage.flock, stage.ctx, stage.caller
    made = [(await groups.create_group(ctx, caller, c.CreateGroup(name=n))).group_id for n in ("one", "two")]
    keys = [c.DeviceKey(product_key=flock.key, name=n) for n in flock.names]
    await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=made[0], devices=tuple(keys[:2])))
    when = stage.clock.moment + timedelta(hours=1)
    package = await a_package(ctx, caller, flock.key)
    await stage.create((package,), targets=(), group_ids=tuple(made), scheduled_at=when)
    assert await stage.progress() is Progress.WAITING
    await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=made[1], devices=tuple(keys[1:])))
    stage.clock.move(hours=1)
    await endings.start_planned(ctx)
    await filled(ctx, stage.job)
    assert set(await tasks(ctx, stage.job)) == set(flock.ids)


async def test_a_busy_device_is_a_conflict(stage: Stage) -> None:
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    await a_filled_job(stage.ctx, stage.caller, package, stage.flock)
    await stage.create((package,))
    assert {t["reason"] for t in (await tasks(stage.ctx, stage.job)).values()} == {"device_busy"}
    await endings.end_finished(stage.ctx)
    assert await stage.progress() is Progress.FAILED


async def test_a_deleted_device_is_removed_and_spoils_nobodys_success(stage: Stage) -> None:
    await started(stage)
    await stage.offer_all()
    key = c.DeviceKey(product_key=stage.flock.key, name=stage.flock.names[0])
    await devices.delete_device(stage.ctx, stage.caller, c.DeleteDevice(device=key))
    await stage.say(*((d, result()) for d in stage.flock.ids))
    await endings.end_finished(stage.ctx)
    shown = await stage.shown()
    assert (shown.progress, shown.tally.removed, shown.tally.succeeded) == (Progress.SUCCEEDED, 1, 2)


# --- steered (huawei 3.9) ---


async def test_stop_of_all_and_of_some(stage: Stage) -> None:
    await started(stage)
    names = list(await stage.stands())
    told = await steering.cancel_tasks(
        stage.ctx, stage.caller, c.CancelTasks(asking=True, job_id=stage.job, targets=(names[0], "nobody"))
    )
    assert [(t.public_id, t.reason) for t in told.targets] == [(names[0], ""), ("nobody", "device_unknown")]
    assert (await stage.shown()).tally.stopped == 1
    again = await steering.cancel_tasks(
        stage.ctx, stage.caller, c.CancelTasks(asking=True, job_id=stage.job, targets=(names[0],))
    )
    assert again.targets[0].reason == "task_state"
    rest = await steering.cancel_tasks(stage.ctx, stage.caller, c.CancelTasks(asking=True, job_id=stage.job))
    assert rest == c.Steered(changed=2)
    await stage.push()
    assert stage.line.asked == []
    await endings.end_finished(stage.ctx)
    assert await stage.progress() is Progress.STOPPED
    for steer, cmd in ((steering.cancel_tasks, c.CancelTasks), (steering.repeat_tasks, c.RepeatTasks)):
        with pytest.raises(Conflict) as caught:
            await steer(stage.ctx, stage.caller, cmd(asking=True, job_id=stage.job))  # type: ignore[operator]
        assert caught.value.reason == "job_state"


async def test_retry_runs_the_failed_again_and_the_batch_with_them(stage: Stage) -> None:
    await started(stage)
    await stage.offer_all()
    await stage.say(*((d, r) for d, r in zip(stage.flock.ids, (result(), result(1), result(2)), strict=True)))
    await endings.end_finished(stage.ctx)
    assert await stage.progress() is Progress.PARTLY
    nobody = c.RepeatTasks(asking=True, job_id=stage.job, targets=("nobody",))
    told = await steering.repeat_tasks(stage.ctx, stage.caller, nobody)
    assert told == c.Steered(targets=(c.TargetResult(public_id="nobody", reason="device_unknown"),))
    assert await stage.progress() is Progress.PARTLY  # no task of it runs again
    names = {t.public_id: t for t in (await stage.shown()).tasks.items}
    failed = [n for n, t in names.items() if t.standing is Standing.FAILED]
    told = await steering.repeat_tasks(
        stage.ctx, stage.caller, c.RepeatTasks(asking=True, job_id=stage.job, targets=(failed[0],))
    )
    assert [t.reason for t in told.targets] == [""]
    assert await stage.progress() is Progress.RUNNING and (await stage.shown()).tally.waiting == 1
    await steering.repeat_tasks(stage.ctx, stage.caller, c.RepeatTasks(asking=True, job_id=stage.job))
    assert (await stage.shown()).tally.waiting == 2
    await stage.push()
    assert len(stage.line.asked) == 5
    await stage.say(*((d, runs("2.0")) for d in stage.flock.ids))
    await endings.end_finished(stage.ctx)
    assert await stage.progress() is Progress.SUCCEEDED


async def test_a_device_that_is_run_again_has_25_hours_to_come(stage: Stage) -> None:
    await started(stage)
    await stage.offer_all()
    await stage.say(*((d, result(1)) for d in stage.flock.ids))
    await endings.end_finished(stage.ctx)
    await presence.went_offline(stage.ctx, stage.node, [])
    await steering.repeat_tasks(stage.ctx, stage.caller, c.RepeatTasks(asking=True, job_id=stage.job))
    stage.clock.move(hours=24, minutes=59)
    assert await endings.time_out(stage.ctx) == 0 and set((await stage.stands()).values()) == {"waiting"}
    stage.clock.move(minutes=2)
    assert await endings.time_out(stage.ctx) == 3
    assert {t["reason"] for t in (await tasks(stage.ctx, stage.job)).values()} == {"online_timeout"}


async def test_retry_brings_a_waiting_retry_forward(stage: Stage) -> None:
    await started(stage, retry_count=1, retry_interval_min=1440)
    await stage.offer_all()
    await stage.say((stage.flock.ids[0], result(1)))
    await steering.repeat_tasks(stage.ctx, stage.caller, c.RepeatTasks(asking=True, job_id=stage.job))
    await stage.push()
    assert len(stage.line.asked) == 4


async def test_confirmation_lets_tasks_go_on(stage: Stage) -> None:
    await started(stage, need_confirm=True)
    await stage.push()
    assert stage.line.asked == [] and set((await stage.stands()).values()) == {"waiting"}
    stage.clock.move(hours=30)
    await endings.time_out(stage.ctx)
    assert await states(stage.ctx, stage.job) == {"CONFIRM": 3}  # the owner's time is nobody's fault
    names = list(await stage.stands())
    told = await steering.confirm_tasks(
        stage.ctx, stage.caller, c.ConfirmTasks(asking=True, job_id=stage.job, targets=(names[0],))
    )
    assert told.targets[0].reason == ""
    await stage.push()
    assert len(stage.line.asked) == 1
    await steering.confirm_tasks(stage.ctx, stage.caller, c.ConfirmTasks(asking=True, job_id=stage.job))
    await stage.push()
    assert len(stage.line.asked) == 3


async def test_a_planned_batch_that_is_stopped_never_begins(stage: Stage) -> None:
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    await stage.create((package,), scheduled_at=stage.clock.moment + timedelta(hours=1))
    await steering.cancel_tasks(stage.ctx, stage.caller, c.CancelTasks(asking=True, job_id=stage.job))
    assert await stage.progress() is Progress.STOPPED
    stage.clock.move(hours=2)
    assert await endings.start_planned(stage.ctx) == 0


async def test_only_an_ended_batch_is_deleted(stage: Stage) -> None:
    await started(stage)
    with pytest.raises(Conflict):
        await jobs.delete_job(stage.ctx, stage.caller, c.DeleteJob(job_id=stage.job))
    await steering.cancel_tasks(stage.ctx, stage.caller, c.CancelTasks(asking=True, job_id=stage.job))
    await endings.end_finished(stage.ctx)
    await jobs.delete_job(stage.ctx, stage.caller, c.DeleteJob(job_id=stage.job))
    with pytest.raises(NotFound):
        await stage.shown()


async def test_another_account_finds_no_batch(stage: Stage, stranger: Caller) -> None:
    package = await started(stage)
    for attempt in (
        steering.cancel_tasks(stage.ctx, stranger, c.CancelTasks(asking=True, job_id=stage.job)),
        steering.repeat_tasks(stage.ctx, stranger, c.RepeatTasks(asking=True, job_id=stage.job)),
        steering.confirm_tasks(stage.ctx, stranger, c.ConfirmTasks(asking=True, job_id=stage.job)),
        jobs.delete_job(stage.ctx, stranger, c.DeleteJob(job_id=stage.job)),
        job_views.show_job(stage.ctx, stranger, show_asking(stage.job, SLICE)),
        jobs.create_job(
            stage.ctx, stranger, asking_job(name="x", part="firmware", package_ids=(package,), targets=("a",))
        ),
    ):
        with pytest.raises(NotFound):
            await attempt
    own = await job_views.list_jobs(stage.ctx, stranger, c.ListJobs(asking=True, asked=SLICE, part="firmware"))
    assert own.items == ()


async def test_packages_of_another_part_or_state_are_refused(stage: Stage) -> None:
    firmware = await a_package(stage.ctx, stage.caller, stage.flock.key)
    raw = await a_package(stage.ctx, stage.caller, stage.flock.key, "raw", verify=True)
    for facts, reason in (
        ({"part": "software", "package_ids": (firmware,)}, "package_of_other_part"),
        ({"part": "module", "package_ids": (firmware,)}, "package_of_other_part"),
        ({"package_ids": (raw,)}, "package_not_verified"),
    ):
        with pytest.raises(Conflict) as caught:
            await stage.create(**{"packages_": (), **facts})  # type: ignore[arg-type]
        assert caught.value.reason == reason
    for days in (-1, 8):
        with pytest.raises(Invalid):
            await stage.create((firmware,), scheduled_at=stage.clock.moment + timedelta(days=days))
    with pytest.raises(Conflict):
        await packages.delete_package(stage.ctx, stage.caller, c.DeletePackage(package_id=await started(stage)))


# --- counted ---


async def test_slices_and_filters_of_tasks_and_jobs(stage: Stage) -> None:
    flock = stage.flock = await a_fleet(stage.ctx, stage.caller, 25, version=None, name="many")
    await started(stage)
    await stage.push()
    await stage.say(*((d, runs("2.0")) for d in flock.ids[:10]))
    seen: list[str] = []
    asked = Slice(take=10)
    while True:
        part = (await stage.shown(asked=asked)).tasks
        seen += [t.public_id for t in part.items]
        assert part.total == 25
        if part.last is None or len(part.items) < 10:
            break
        asked = Slice(take=10, below=part.last)
    assert len(seen) == len(set(seen)) == 25
    for wanted, count in (
        (Standing.SUCCEEDED, 10),
        (Standing.RUNNING, 15),
        (Standing.WAITING, 0),
        (Standing.STOPPED, 0),
    ):
        assert (await stage.shown(standing=wanted)).tasks.total == count
    for wanted_progress, count in ((None, 1), (Progress.RUNNING, 1), (Progress.SUCCEEDED, 0)):
        cmd = c.ListJobs(asking=True, asked=SLICE, part="firmware", progress=wanted_progress)
        assert len((await job_views.list_jobs(stage.ctx, stage.caller, cmd)).items) == count


async def test_a_page_of_batches_tells_targets_as_long_as_they_are_as_many_as_one_may_have(stage: Stage) -> None:
    """Issue 9, number 13: what a page tells stays bounded, and what does not fit any more is told by ShowJob."""
    package = await a_package(stage.ctx, stage.caller, stage.flock.key)
    when = stage.clock.moment + timedelta(days=1)
    many = tuple(f"d{n}" for n in range(c.TARGETS_MAX - 2))
    jobs = []
    for size in (3, 2, len(many)):
        stage.clock.move(seconds=1)  # newer is larger
        jobs.append(await stage.create((package,), targets=many[:size], scheduled_at=when))
    cmd = c.ListJobs(asking=True, asked=SLICE, part="firmware")
    page = await job_views.list_jobs(stage.ctx, stage.caller, cmd)
    over, fits, newest = jobs
    assert [(batch.job_id, batch.targets) for batch in page.items] == [(newest, many), (fits, many[:2]), (over, ())]
    one = await job_views.show_job(stage.ctx, stage.caller, show_asking(over, SLICE))
    assert one.targets == many[:3]


async def test_counters_are_the_truth_at_every_poll(stage: Stage) -> None:
    flock = stage.flock = await a_fleet(stage.ctx, stage.caller, 60, version=None, name="many")
    await started(stage, retry_count=1, retry_interval_min=0)
    done = asyncio.Event()

    async def devices(seed: int) -> None:
        dice = Random(seed)
        for _ in range(10):
            await stage.push()
            some = dice.sample(flock.ids, 15)
            said = [runs("1.0"), runs("2.0"), result(0, 50, "1.0"), result(), result(dice.randint(1, 10))]
            await stage.say(*((d, dice.choice(said)) for d in some))

    async def watch() -> int:
        looks = 0
        while not done.is_set():
            shown = await stage.shown(asked=Slice(take=100))
            counted = {s: sum(t.standing is s for t in shown.tasks.items) for s in Standing}
            told = shown.tally
            assert told.total == 60 == sum(counted.values())
            assert {str(s): n for s, n in counted.items()} == {str(s): getattr(told, str(s)) for s in Standing}
            looks += 1
        return looks

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(devices(n) for n in range(3)))
    done.set()
    assert await watching > 3
    assert HOST


async def test_a_device_that_comes_back_has_its_time_still_and_is_heard(stage: Stage) -> None:
    """huawei 6.1, 6.2: what it says of the result counts though it was asked, and its time is the first offer's."""
    await started(stage)
    await stage.offer_all()
    await come_back(stage)
    _, second, third = stage.flock.ids
    await stage.say((second, result(0, 30, "1.0")), (third, result(10, 0, "", "flash")))
    found = [await stage.state(d) for d in stage.flock.ids]
    assert [f["state"] for f in found] == ["NOTIFIED", "IN_PROGRESS", "FAILED"]
    stage.clock.move(minutes=10)
    await endings.time_out(stage.ctx)
    assert await states(stage.ctx, stage.job) == {"NOTIFIED": 1, "IN_PROGRESS": 1, "FAILED": 1}
    stage.clock.move(hours=24)
    await endings.time_out(stage.ctx)
    found = [await stage.state(d) for d in stage.flock.ids]
    assert [(f["state"], f["reason"]) for f in found[:2]] == [("FAILED", "timeout")] * 2


async def test_a_failure_in_another_tongue_runs_again_and_can_not_wait_for_ever(stage: Stage) -> None:
    """A device of a vendor that tells failures as progress: its retry waits for it as any does."""
    await started(stage, retry_count=1, retry_interval_min=10)
    await stage.offer_all()
    device = stage.flock.ids[0]
    await stage.say((device, progress(20)), (device, progress(-3)))
    found = await stage.state(device)
    assert (found["state"], found["awaiting"], found["package_id"]) == ("QUEUED", "online", None)
    stage.clock.move(hours=26)
    await endings.time_out(stage.ctx)
    assert (await stage.state(device))["state"] == "FAILED"


async def test_progress_before_an_offer_says_nothing(stage: Stage) -> None:
    await started(stage)
    await stage.push()
    await stage.say((stage.flock.ids[0], progress(20)), (stage.flock.ids[1], progress(-1)))
    assert await states(stage.ctx, stage.job) == {"QUEUED": 3}


async def test_a_deleted_device_is_not_run_again(stage: Stage) -> None:
    await started(stage)
    await stage.offer_all()
    await stage.say(*((d, result(10, 0, "", "flash")) for d in stage.flock.ids))
    await endings.end_finished(stage.ctx)
    gone = c.DeviceKey(product_key=stage.flock.key, name=stage.flock.names[0])
    await devices.delete_device(stage.ctx, stage.caller, c.DeleteDevice(device=gone))
    await steering.repeat_tasks(stage.ctx, stage.caller, c.RepeatTasks(asking=True, job_id=stage.job))
    assert await states(stage.ctx, stage.job) == {"FAILED": 1, "QUEUED": 2}


async def test_a_batch_whose_package_is_deleted_is_not_run_again(stage: Stage) -> None:
    package = await started(stage)
    await stage.offer_all()
    await stage.say(*((d, result(10, 0, "", "flash")) for d in stage.flock.ids))
    await endings.end_finished(stage.ctx)
    await packages.delete_package(stage.ctx, stage.caller, c.DeletePackage(package_id=package))
    with pytest.raises(Conflict) as caught:
        await steering.repeat_tasks(stage.ctx, stage.caller, c.RepeatTasks(asking=True, job_id=stage.job))
    assert caught.value.reason == "package_is_deleted"


async def test_all_that_run_again_leave_one_open_task_of_each_device(stage: Stage) -> None:
    """L1: a job of a module comes while a batch is run again, whose tasks are for whole devices."""
    await started(stage)
    await stage.offer_all()
    await stage.say(*((d, result(10, 0, "", "flash")) for d in stage.flock.ids))
    await endings.end_finished(stage.ctx)
    ctx, caller, key = stage.ctx, stage.caller, stage.flock.key
    package = await a_package(ctx, caller, key, "other", version="9.0")
    other = await a_job(ctx, caller, package, stage.flock, multi_module=True)
    async with ctx.database.connection() as conn, conn.transaction():
        await fill.fill_chunk(ctx, conn, other)
        waiting = asyncio.create_task(steering.repeat_tasks(ctx, caller, c.RepeatTasks(asking=True, job_id=stage.job)))
        await asyncio.sleep(0.3)
    await waiting
    open_ = "select count(*) as n from task where state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')"
    assert (await ask(ctx, open_))[0]["n"] == 3


async def test_a_report_that_waits_for_the_choice_of_a_package_is_not_lost(stage: Stage) -> None:
    """The task's package changes while the report waits for the task: it is heard all the same (L3)."""
    one = await a_package(stage.ctx, stage.caller, stage.flock.key, "one")
    two = await a_package(stage.ctx, stage.caller, stage.flock.key, "two", version="3.0")
    await stage.create((one, two))
    await stage.connect()
    await stage.push()
    device = stage.flock.ids[0]
    async with stage.ctx.database.connection() as conn, conn.transaction():
        await conn.execute(
            "update task set package_id = $1, awaiting = 'result', offered_on = $3 where device_id = $2",
            two,
            device,
            device,
        )
        waiting = asyncio.create_task(stage.say((device, result(0, 100, "3.0"))))
        await asyncio.sleep(0.3)
    await waiting
    await recount(stage.ctx)
    assert (await stage.state(device))["state"] == "SUCCEEDED"
