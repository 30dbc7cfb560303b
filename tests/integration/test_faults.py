"""Tasks whose package's object is lost end and say why (issue 9, number 24). Real directories, the real database."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_checks import PLACE, folder, house, make, product, read_all, sha, space, state
from test_jobs import Fleet, Wire, ask, filled, progress, refs, runs, say, states, tasks
from tests.job_commands import asking_job, dynamic_job, show_asking, static_job

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict
from upwell.domain.standings import Progress, Standing
from upwell.domain.talk import Inquiry, ResultReport
from upwell.objects import open_bucket, open_objects
from upwell.objects.buckets import Buckets
from upwell.service.context import Context
from upwell.service.manage import job_views, jobs, registration, steering, task_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import dispatch, endings, faults, fill, presence, reports, stored_objects

pytestmark = pytest.mark.asyncio
__all__ = ["folder", "house", "product", "space"]  # fixtures
WRONG = sha(b"something else")


async def devices(house: Context, caller: Caller, product: str, count: int) -> Fleet:
    made = await registration.register_devices(house, caller, c.RegisterDevices(product_key=product, count=count))
    return Fleet(product, tuple(made.names))


async def static(house: Context, caller: Caller, package: int, flock: Fleet, **more: Any) -> int:
    cmd = static_job(package_id=package, product_key=flock.key, selection="ALL", **more)
    job = (await jobs.create_job(house, caller, cmd)).job_id
    await filled(house, job)
    return job


async def batch(house: Context, caller: Caller, flock: Fleet, *packages: int, **more: Any) -> int:
    targets = tuple(f"{flock.key}_{name}" for name in flock.names)
    cmd = asking_job(name="b", part="firmware", package_ids=packages, targets=targets, **more)
    job = (await jobs.create_job(house, caller, cmd)).job_id
    await filled(house, job)
    return job


async def shown(house: Context, caller: Caller, job: int) -> c.Job:
    return await job_views.show_job(house, caller, show_asking(job, Slice(take=50)))


async def end_all(house: Context) -> None:
    while await faults.end_bereft(house):
        pass
    await endings.end_finished(house)


async def connect(house: Context, clock: Clock, flock: Fleet) -> UUID:
    node = uuid4()
    await presence.came_online(house, node, [(d, uuid4(), "127.0.0.1") for d in flock.ids])
    clock.move(seconds=3)
    return node


async def lose(house: Context, clock: Clock, file: Path, data: bytes | None) -> None:
    """The object is other bytes from now, or none."""
    file.unlink() if data is None else file.write_bytes(data)
    clock.move(minutes=6)
    await stored_objects.look_again(house)
    await read_all(house)


@pytest.mark.parametrize("sign", [WRONG, WRONG.upper(), "z" * 64])
async def test_a_job_made_at_once_fails_when_the_sign_turns_out_wrong(
    house: Context, caller: Caller, product: str, space: str, folder: Path, sign: str
) -> None:
    """Issue 9, number 24: in each dialect's words, with `sign` in them."""
    (folder / "upgrade.bin").write_bytes(b"firmware")
    flock = await devices(house, caller, product, 3)
    package = await make(house, caller, product, space, sign=sign)
    job = await batch(house, caller, flock, package)
    waiting = await shown(house, caller, job)
    assert "not read yet" in waiting.waits_for and "not read yet" in waiting.tasks.items[0].description
    await read_all(house)
    await end_all(house)
    told = await shown(house, caller, job)
    assert told.progress is Progress.FAILED
    assert "`sign`" in told.status_desc and sha(b"firmware") in told.status_desc
    for task in told.tasks.items:
        assert (task.standing, task.reason) == (Standing.FAILED, "sign_mismatch") and "`sign`" in task.description
    listed = await task_views.list_tasks(
        house, caller, c.ListTasks(job_id=job, asked=Slice.of_page(1, 9))
    )  # Alibaba's and Tuya's
    assert {(t.state, "`sign`" in t.description) for t in listed.items} == {("FAILED", True)}
    with pytest.raises(Conflict, match="`sign`") as refused:
        await batch(house, caller, flock, package)
    assert refused.value.reason == "package_object_lost"


@pytest.mark.parametrize(
    ("data", "reason", "word"),
    [
        (None, "object_missing", "gone"),
        (b"other", "object_changed", "replaced"),
        (b"", "object_empty", "empty"),
    ],
)
async def test_a_job_of_another_dialect_tells_it_as_well(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path, data: bytes | None,
    reason: str, word: str,
) -> None:  # fmt: skip
    """Issue 9, number 24: tasks that wait for confirmation, for their device, or for a retry."""
    file = folder / "upgrade.bin"
    file.write_bytes(b"firmware")
    flock = await devices(house, caller, product, 3)
    package = await make(house, caller, product, space)
    await read_all(house)
    held = await static(house, caller, package, flock, need_confirm=True)
    await lose(house, clock, file, data)
    await end_all(house)
    assert {(t["state"], t["reason"]) for t in (await tasks(house, held)).values()} == {("FAILED", reason)}
    assert all(word in t["description"] for t in (await tasks(house, held)).values())
    assert (await job_views.show_job(house, caller, c.ShowJob(job_id=held))).status == "COMPLETED"
    ref = refs(held, flock.ids[:1])
    with pytest.raises(Conflict, match=word):
        await steering.repeat_tasks(house, caller, c.RepeatTasks(job_id=held, tasks=tuple(ref)))

    await lose(house, clock, file, b"firmware")
    await end_all(house)
    assert await states(house, held) == {"FAILED": 3}  # what has failed stays so
    await steering.repeat_tasks(house, caller, c.RepeatTasks(job_id=held, tasks=tuple(ref)))
    assert await states(house, held) == {"FAILED": 2, "CONFIRM": 1}


async def test_who_has_its_offer_goes_on_until_it_needs_the_package_again(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    """Issue 9, number 24: it may have downloaded all of it; a task that ended would hear no success any more."""
    file = folder / "upgrade.bin"
    file.write_bytes(b"firmware")
    flock = await devices(house, caller, product, 5)
    package = await make(house, caller, product, space)
    await read_all(house)
    job = await static(house, caller, package, flock, retry_interval_min=5, retry_count=3)
    node, wire = await connect(house, clock, flock), Wire()
    await dispatch.offer(house, await dispatch.due(house, node, 9), lambda *_: "url", wire)
    notified, working, failing, back, _ = flock.ids
    await say(house, *((d, reports.Delivered(ref)) for d, ref in zip(flock.ids, refs(job, flock.ids), strict=True)))
    await say(house, (working, progress(50)), (failing, progress(-2)))
    await lose(house, clock, file, b"other")
    await end_all(house)
    found = await tasks(house, job)
    assert found[failing]["reason"] == "object_changed"  # its retry would have needed it
    assert await states(house, job) == {"NOTIFIED": 3, "IN_PROGRESS": 1, "FAILED": 1}
    await say(house, (notified, runs("V2")))
    await connect(house, clock, replace(flock, names=flock.names[3:4]))
    await end_all(house)
    assert (await tasks(house, job))[back]["state"] == "NOTIFIED"  # it may yet say that it has arrived
    clock.move(minutes=2)
    await end_all(house)
    assert await states(house, job) == {"SUCCEEDED": 1, "IN_PROGRESS": 1, "NOTIFIED": 1, "FAILED": 2}
    assert (await tasks(house, job))[back]["reason"] == "object_changed"


async def test_a_device_that_can_be_asked_is_asked_first_whether_it_has_arrived(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    """Issue 9, numbers 22 and 24: two come back when the object is gone; one has it, the other never will."""
    file = folder / "upgrade.bin"
    file.write_bytes(b"firmware")
    flock = await devices(house, caller, product, 2)
    package = await make(house, caller, product, space)
    await read_all(house)
    job = await batch(house, caller, flock, package)
    asked: list[UUID] = []

    def send(addressed: dispatch.Addressed) -> UUID:
        if isinstance(addressed.offer, Inquiry):
            asked.append(addressed.offer.task.device_id)
        return UUID(int=len(asked) // 3 + 1)

    async def push(node: UUID) -> None:
        await dispatch.offer(house, await dispatch.due(house, node, 9), lambda *_: "url", send)

    node = await connect(house, clock, flock)
    await push(node)
    await say(house, *((d, runs("V1")) for d in flock.ids))
    await push(node)
    await say(house, *((d, reports.Delivered(ref)) for d, ref in zip(flock.ids, refs(job, flock.ids), strict=True)))
    await lose(house, clock, file, None)
    node = await connect(house, clock, flock)
    await end_all(house)
    await push(node)
    assert sorted(asked[2:]) == sorted(flock.ids)
    first, second = flock.ids
    await say(house, (first, runs("V2")), (second, runs("V1")), connection=UUID(int=9))
    await end_all(house)
    found = await tasks(house, job)
    assert (found[first]["state"], found[second]["reason"]) == ("SUCCEEDED", "object_missing")


async def test_tasks_that_are_made_after_the_loss_fail(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    """Issue 9, number 24: a planned job, and a standing rule."""
    file = folder / "upgrade.bin"
    file.write_bytes(b"firmware")
    flock = await devices(house, caller, product, 2)
    package = await make(house, caller, product, space)
    await read_all(house)
    planned = await batch(house, caller, flock, package, scheduled_at=house.now() + timedelta(hours=1))
    cmd = dynamic_job(package_id=package, product_key=product, source_versions=("V1",))
    dynamic = (await jobs.create_job(house, caller, cmd)).job_id
    await filled(house, dynamic)
    await lose(house, clock, file, None)
    await end_all(house)
    await say(house, (flock.ids[0], runs("V1")))
    await end_all(house)
    assert [t["reason"] for t in (await tasks(house, dynamic)).values()] == ["object_missing"]
    clock.move(hours=1)
    await endings.start_planned(house)
    await filled(house, planned)
    await end_all(house)
    assert {t["reason"] for t in (await tasks(house, planned)).values()} == {"object_missing"}
    assert "gone" in (await shown(house, caller, planned)).status_desc
    with pytest.raises(Conflict, match="gone"):
        await steering.repeat_tasks(house, caller, c.RepeatTasks(asking=True, job_id=planned))


async def test_of_several_packages_those_that_are_there_are_chosen(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    """Issue 9, number 24: the first is lost; only the device that needs it fails."""
    (folder / "upgrade.bin").write_bytes(b"firmware")
    (folder / "other.bin").write_bytes(b"other")
    flock = await devices(house, caller, product, 2)
    lost = await make(house, caller, product, space, source_versions=("V1",), sign=WRONG)
    whole = await make(
        house, caller, product, space, version="V3", source_versions=("V0",), place=replace(PLACE, key="bbb/other.bin")
    )
    job = await batch(house, caller, flock, lost, whole)
    await read_all(house)
    node, wire = await connect(house, clock, flock), Wire()
    await end_all(house)
    await dispatch.offer(house, await dispatch.due(house, node, 9), lambda *_: "url", wire)
    assert len(wire.sent) == 2
    first, second = flock.ids
    await say(house, (first, runs("V1")), (second, runs("V0")))
    await end_all(house)
    await dispatch.offer(house, await dispatch.due(house, node, 9), lambda *_: "url", wire)
    assert (await tasks(house, job))[first]["reason"] == "sign_mismatch"
    assert [sent.offered.version for sent in wire.sent[2:]] == ["V3"]
    await say(house, (second, ResultReport(outcome="fine", code=0, reason="", progress=100, version="V3", desc="")))
    await end_all(house)
    told = await shown(house, caller, job)
    assert told.progress is Progress.PARTLY and "`sign`" in told.status_desc


async def test_many_tasks_end_in_bounded_turns_and_after_a_kill(
    house: Context, caller: Caller, product: str, space: str, folder: Path
) -> None:
    """Issue 9, number 24: at most TASKS_AT_ONCE in a transaction; whoever comes next goes on."""
    (folder / "upgrade.bin").write_bytes(b"firmware")
    flock = await devices(house, caller, product, faults.TASKS_AT_ONCE + 300)
    job = await static(house, caller, await make(house, caller, product, space, sign=WRONG), flock)
    await read_all(house)
    assert await faults.end_bereft(house)
    assert await states(house, job) == {"FAILED": faults.TASKS_AT_ONCE, "QUEUED": 300}
    assert not await fill.fill(house, job)
    assert await faults.end_bereft(house) and not await faults.end_bereft(house)
    assert await states(house, job) == {"FAILED": faults.TASKS_AT_ONCE + 300}
    counted = await ask(house, "select count(*) as n from task_change where job_id = $1 and to_state = 'FAILED'", job)
    assert counted == [{"n": faults.TASKS_AT_ONCE + 300}]


async def test_a_store_that_is_away_is_visible_and_keeps_no_other_waiting(
    house: Context, clock: Clock, caller: Caller, product: str, space: str, folder: Path
) -> None:
    """Issue 9, number 24, its sister: what is not settled fails nothing, and says why it waits."""
    (folder / "upgrade.bin").write_bytes(b"firmware")
    flock = await devices(house, caller, product, 1)
    package = await make(house, caller, product, space)
    job = await batch(house, caller, flock, package)
    gone = "s3://firmware?endpoint=http://127.0.0.1:9&region=r"
    away = replace(house, objects=Buckets(open_objects(gone), gone, {}, open_bucket))
    await read_all(away)
    await end_all(house)
    told = await shown(house, caller, job)
    assert await state(house, caller, package) == "checking" and told.progress is Progress.RUNNING
    for text in (told.waits_for, told.tasks.items[0].description):
        assert "not read yet: The object store does not answer" in text
    clock.move(minutes=3)
    await read_all(house)
    told = await shown(house, caller, job)
    assert (told.waits_for, told.tasks.items[0].description) == ("", "")
    clock.move(minutes=6)
    assert not await stored_objects.look_again(away)  # it is as it was when it was seen last
    assert await state(house, caller, package) == "ok"


async def test_jobs_with_a_lost_object_are_found_without_a_look_at_the_others(house: Context) -> None:
    """Issue 9, number 24: however many devices wait for objects that are there, and however many objects are lost."""
    await ask(
        house,
        "insert into package (package_id, account_id, name, version, status, object_key, size, md5, sha256, url,"
        " object_state, created_at, modified_at) select n, 7, 'p' || n, '2', 'exempt', 'k' || n, 1, 'm', 's', '',"
        " case when n <= 40 then 'missing' else 'ok' end, now(), now() from generate_series(1, 60) n",
    )
    await ask(
        house,
        "insert into job (job_id, account_id, product_id, package_id, kind, selection, status, materialised,"
        " created_at, modified_at) select n, 7, 1, n, 'static', 'ALL', 'IN_PROGRESS', true, now(), now()"
        " from generate_series(1, 60) n",
    )
    await ask(
        house,
        "insert into task (device_id, job_id, module, state, offered_on, created_at, modified_at)"
        " select gen_random_uuid(), 1 + n % 60, 'default', case when n % 60 < 39 then 'NOTIFIED' else 'QUEUED' end,"
        " case when n % 60 < 39 then gen_random_uuid() end, now(), now() from generate_series(1, 30000) n",
    )
    await ask(house, "analyze")
    # The statement as it is, to be explained.
    text, *given = faults._Q["bereaved_jobs"](back_before=house.now(), at_most=faults.JOBS_AT_ONCE)
    assert [row["job_id"] for row in await ask(house, text, *given)] == [40]
    [told] = await ask(house, f"explain (analyze, format json) {text}", *given)
    read = [node for node in nodes(json.loads(told["QUERY PLAN"])[0]["Plan"]) if node.get("Relation Name") == "task"]
    assert read and sum(node["Actual Rows"] * node["Actual Loops"] for node in read) < 1000


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a plan."""
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes(part))]
