"""Timelines on the real database: what is noted, what folds, what is bounded, what an owner reads of it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from test_jobs import a_filled_job, a_fleet, a_package, ask, progress, refs, runs

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import NotFound, Unavailable
from upwell.domain.talk import ResultReport
from upwell.domain.timeline import LINES_KEPT, MORE, Kind, Line
from upwell.engine import scribe as scribes
from upwell.engine.scribe import EACH_MAX, Scribe
from upwell.service.context import Context
from upwell.service.manage import audit, devices, steering, tags, timeline_views
from upwell.service.manage.access import Caller
from upwell.service.upgrade import reports, retention, timeline

pytestmark = pytest.mark.asyncio
ASKER = audit.Asker(who="upw_key", tongue="upwell", address="10.1.2.3", operation="x", request_id="r")


@pytest.fixture
def scribe(ctx: Context) -> Scribe:
    return Scribe(ctx)


async def a_device(ctx: Context, caller: Caller) -> c.Device:
    flock = await a_fleet(ctx, caller, 1, version=None, name=f"p{uuid4().hex}")
    cmd = c.ShowDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[0]))
    return await devices.show_device(ctx, caller, cmd)


async def read(ctx: Context, caller: Caller, device: c.Device, **more: Any) -> list[c.TimelineLine]:
    """All of it, in pages of three, from the oldest on."""
    found: list[c.TimelineLine] = []
    below = None
    while True:
        cmd = c.ListTimeline(
            asked=Slice(take=3, below=below), device=c.DeviceKey(public_id=device.public_id), **more
        )  # fmt: skip
        page = await timeline_views.list_timeline(ctx, caller, cmd)
        found += page.items
        if len(page.items) < 3:
            assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
            return found[::-1]
        below = page.last


def told(found: list[c.TimelineLine]) -> list[tuple[str, str]]:
    return [(each.kind, each.what) for each in found]


def a_line(device_id: UUID, **more: Any) -> Line:
    return Line(**({"device_id": device_id, "kind": Kind.LOGIN, "what": "connected"} | more))


async def test_lines_that_are_alike_in_a_minute_are_one_with_a_count(
    ctx: Context, caller: Caller, clock: Clock, scribe: Scribe
) -> None:
    device = await a_device(ctx, caller)
    clock.moment = clock.moment.replace(second=1) + timedelta(minutes=1)
    for round_ in range(3):
        for _ in range(1000):
            scribe.note(a_line(device.device_id, address="1.1.1.1", size=2, detail=f"{round_}"))
        scribe.note(a_line(device.device_id, address="2.2.2.2"))
        await scribe.write_all()
    clock.move(minutes=2)
    scribe.note(a_line(device.device_id, address="1.1.1.1"))
    await scribe.write_all()
    found = await read(ctx, caller, device)
    assert [(each.address, each.times, each.size, each.detail) for each in found] == [
        ("1.1.1.1", 3000, 6000, "2"), ("2.2.2.2", 3, 0, ""), ("1.1.1.1", 1, 0, ""),
    ]  # fmt: skip
    assert found[0].last_at > found[0].at


async def test_a_mad_device_has_few_lines_and_what_is_too_much_for_all_is_dropped(
    ctx: Context, caller: Caller, clock: Clock, scribe: Scribe, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    mad, other = await a_device(ctx, caller), await a_device(ctx, caller)
    monkeypatch.setattr(timeline, "TRIMMED_ONE_IN", 1)
    for minute in range(14):
        clock.moment = clock.moment.replace(second=1) + timedelta(minutes=1)
        for n in range(500):
            scribe.note(a_line(mad.device_id, kind=Kind.UNREADABLE, what="message", reason=f"{minute} {n}"))
        scribe.note(a_line(other.device_id, address=str(minute)))
        await scribe.write_all()
    found = await read(ctx, caller, mad)
    assert len(found) == LINES_KEPT
    assert {each.times for each in found if each.what == MORE} == {500 - EACH_MAX}
    assert {each.times for each in found if each.what != MORE} == {1}
    assert len(await read(ctx, caller, other)) == 14
    monkeypatch.setattr(scribes, "WAITING_MAX", 2)
    for n in range(5):
        scribe.note(a_line(other.device_id, address=f"full {n}"))
    await scribe.write_all()
    assert [each.address for each in await read(ctx, caller, other)][14:] == ["full 0", "full 1"]
    assert "timelines lack lines" in caplog.text and "lines=3" in caplog.text


async def test_a_line_is_of_its_own_device_and_account_alone(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock, scribe: Scribe
) -> None:
    mine, theirs = await a_device(ctx, caller), await a_device(ctx, stranger)
    scribe.note(a_line(mine.device_id, account_id=caller.account_id, reason="a\0b\nc\ud800" + "x" * 5000))
    scribe.note(a_line(theirs.device_id, account_id=caller.account_id, reason="not for them"))
    scribe.note(a_line(uuid4(), reason="nobody"))
    await scribe.write_all()
    [line] = await read(ctx, caller, mine)
    assert line.reason.startswith(r"a\x00b\nc\ud800xx") and len(line.reason) == timeline.TEXT_MAX
    assert await read(ctx, stranger, theirs) == []
    assert await ask(ctx, "select count(*) as n from device_line") == [{"n": 1}]
    with pytest.raises(NotFound):
        await read(ctx, stranger, mine)


async def test_a_device_made_anew_has_nothing_of_its_former_life(
    ctx: Context, caller: Caller, clock: Clock, scribe: Scribe
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    job = await a_filled_job(ctx, caller, await a_package(ctx, caller, flock.key), flock)
    scribe.note(a_line(flock.ids[0]))
    await scribe.write_all()
    key = c.DeviceKey(product_key=flock.key, name=flock.names[0])
    old = await devices.show_device(ctx, caller, c.ShowDevice(device=key))
    assert told(await read(ctx, caller, old)) == [("task", "created"), ("login", "connected")]
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
    clock.move(seconds=5)
    made = c.CreateDevice(product_key=flock.key, name=flock.names[0])
    new = await devices.create_device(ctx, caller, made)
    assert await read(ctx, caller, new) == []
    assert await ask(ctx, "select count(*) as n from task where job_id = $1", job) == [{"n": 1}]


async def test_reports_and_what_they_bring_about_are_told_in_order(
    ctx: Context, caller: Caller, clock: Clock, scribe: Scribe
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    device = await devices.show_device(
        ctx, caller, c.ShowDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[0]))
    )
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock)
    failed = ResultReport(outcome="failed", code=7, reason="no_space", progress=None, version="", desc="full")

    async def says(what: Any) -> None:
        applied = await reports.apply(ctx, [reports.Incoming(flock.ids[0], uuid4(), what)])
        heard = await reports.hear(ctx, [reports.Incoming(flock.ids[0], uuid4(), runs("1.0"))])
        assert applied.lines == () and len(heard.lines) == (what is not failed), "a repetition says something of a task"

    heard = await reports.hear(ctx, [reports.Incoming(flock.ids[0], uuid4(), progress(40, desc="half"))])
    for line in heard.lines:
        scribe.note(line, heard.at)
    await ask(ctx, "update task set offered_on = $2, offered_at = $3 where job_id = $1", job, uuid4(), ctx.now())
    for said in (progress(40, desc="half"), failed):
        heard = await reports.hear(ctx, [reports.Incoming(flock.ids[0], uuid4(), said)])
        for line in heard.lines:
            scribe.note(line, heard.at)
    await says(failed)
    await scribe.write_all()
    found = await read(ctx, caller, device)
    assert told(found) == [
        ("task", "created"), ("report", "progress"), ("task", "progressed"), ("report", "result failed"),
        ("task", "broke"),
    ]  # fmt: skip
    assert (found[1].detail, found[1].times) == ("40 half", 2)
    assert (found[2].source, found[2].version, found[2].package_id) == ("queued", "in_progress", package)
    assert (found[3].reason, found[3].detail) == ("no_space", "7 full")
    assert (found[4].version, found[4].reason, found[4].detail) == ("failed", "no_space", "full")
    await steering.repeat_tasks(ctx, caller, c.RepeatTasks(job_id=job, tasks=tuple(refs(job, flock.ids))))
    assert told(await read(ctx, caller, device, kind="task"))[-1] == ("task", "repeated")
    assert [each.reason for each in await read(ctx, caller, device, kind="task")] == [""] * 4, "it has failed no longer"
    assert told(await read(ctx, caller, device, since=found[3].at, until=found[4].at)) == [("report", "result failed")]
    repeated = await reports.hear(ctx, [reports.Incoming(flock.ids[0], uuid4(), runs("1.0"))])
    assert [line.version for line in repeated.lines] == ["1.0"], "it has a task"
    await steering.cancel_tasks(ctx, caller, c.CancelTasks(job_id=job))
    assert (await reports.hear(ctx, [reports.Incoming(flock.ids[0], uuid4(), runs("1.0"))])).lines == []


async def test_what_owners_do_to_a_device_is_in_its_timeline_with_the_deed(
    ctx: Context, caller: Caller, stranger: Caller, clock: Clock
) -> None:
    device = await a_device(ctx, caller)
    by_name, by_id = c.DeviceKey(product_key=device.product_key, name=device.name), c.DeviceKey(iot_id=device.iot_id)
    by_public = c.DeviceKey(public_id=device.public_id)
    asker = audit.Asker(**{name: getattr(ASKER, name) for name in ASKER.__slots__} | {"account_id": caller.account_id})
    deeds: list[tuple[Any, Any]] = [
        (devices.update_devices, c.UpdateDevices(changes=(c.DeviceChange(device=by_name, enabled=False),))),
        (devices.update_devices, c.UpdateDevices(changes=(c.DeviceChange(device=by_public, nickname="n"),))),
        (devices.reset_secret, c.ResetSecret(device=by_id)),
        (tags.set_tags, c.SetTags(device=by_public, tags={"room": "a secret of its owner"})),
        (devices.reset_device, c.ResetDevice(device=by_id)),
    ]
    for use, cmd in deeds:
        await audit.acted(ctx, asker, cmd, lambda acting, use=use, cmd=cmd: use(acting, caller, cmd))
    found = await read(ctx, caller, device)
    assert [(each.kind, each.what, each.detail) for each in found] == [
        ("act", "disabled", ""), ("act", "changed", "nickname"), ("act", "secret reset", ""), ("act", "tagged", "room"),
        ("act", "reset", ""),
    ]  # fmt: skip
    assert {(each.who, each.address, each.times) for each in found} == {("upw_key", "10.1.2.3", 1)}
    undone = c.UpdateDevices(changes=(c.DeviceChange(device=by_name, enabled=True),) * 2)
    with pytest.raises(Exception, match="twice"):
        await audit.acted(ctx, asker, undone, lambda acting: devices.update_devices(acting, caller, undone))
    with pytest.raises(NotFound):
        await audit.acted(ctx, asker, deeds[2][1], lambda acting: devices.reset_secret(acting, stranger, deeds[2][1]))
    assert await read(ctx, caller, device) == found, "what is refused did nothing to it"


async def test_lines_go_with_what_is_old(
    ctx: Context, caller: Caller, clock: Clock, scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RESTS", 0)
    monkeypatch.setattr(retention, "CHUNK", 7)
    device = await a_device(ctx, caller)
    for day in range(40):
        clock.moment = datetime.now(tz=clock.moment.tzinfo) + timedelta(days=10 * day)
        scribe.note(a_line(device.device_id))
    await scribe.write_all()
    while await retention.forget(ctx):
        pass
    left = await read(ctx, caller, device)
    assert 36 <= len(left) <= 37 and left[0].at >= ctx.now() - timedelta(days=366)


async def test_what_cannot_be_written_is_dropped_and_what_comes_later_is_written(
    ctx: Context, caller: Caller, clock: Clock, scribe: Scribe, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    device = await a_device(ctx, caller)
    write = timeline.write

    async def away(*given: Any) -> None:
        raise Unavailable("PostgreSQL does not answer")

    monkeypatch.setattr(timeline, "write", away)
    scribe.note(a_line(device.device_id, address="lost"))
    await scribe.write_all()
    monkeypatch.setattr(timeline, "write", write)
    scribe.note(a_line(device.device_id, address="later"))
    await scribe.write_all()
    assert [each.address for each in await read(ctx, caller, device)] == ["later"]
    assert "lines=1" in caplog.text
