"""Which devices a job takes: of a group, of an uploaded list; and what a download over MQTT allows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from test_jobs import HOST, Fleet, a_filled_job, a_fleet, a_job, a_package, ask, runs, say, states, tasks
from tests.job_commands import dynamic_job

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, Invalid, NotFound
from upwell.domain.search import Compare
from upwell.objects import open_objects
from upwell.service.context import Context
from upwell.service.manage import device_lists, devices, group_members, groups, jobs, uploads
from upwell.service.manage.access import Caller
from upwell.service.manage.job_packages import MQTT_SIZE_MAX
from upwell.service.upgrade import fill

pytestmark = pytest.mark.asyncio


# --- groups ---


async def a_group(ctx: Context, caller: Caller, flock: Fleet, names: Sequence[str], name: str = "some") -> int:
    group = (await groups.create_group(ctx, caller, c.CreateGroup(name=name))).group_id
    keys = tuple(c.DeviceKey(product_key=flock.key, name=n) for n in names)
    await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=group, devices=keys))
    return group


async def a_rule(ctx: Context, caller: Caller, pattern: str) -> int:
    cmd = c.CreateGroup(name=f"rule {pattern}", condition=Compare("name", "like", (pattern,)), condition_text=pattern)
    return (await groups.create_group(ctx, caller, cmd)).group_id


async def named(ctx: Context, caller: Caller, key: str, *names: str) -> list[Any]:
    made = [c.CreateDevice(product_key=key, name=n) for n in names]
    return [(await devices.create_device(ctx, caller, cmd)).device_id for cmd in made]


async def test_a_group_job_takes_its_members_of_the_product(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "CHUNK", 3)
    flock, other = await a_fleet(ctx, caller, 12), await a_fleet(ctx, caller, 3, name="other")
    group = await a_group(ctx, caller, flock, flock.names[:7])
    keys = tuple(c.DeviceKey(product_key=other.key, name=n) for n in other.names)
    await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=group, devices=keys))
    await say(ctx, (flock.ids[0], runs("2.0")))
    job = await a_filled_job(
        ctx, caller, await a_package(ctx, caller, flock.key), flock, selection="GROUP", group_id=group
    )
    assert set(await tasks(ctx, job)) == set(flock.ids[1:7])
    await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=group))
    assert await states(ctx, job) == {"QUEUED": 6}


async def test_a_group_of_the_wrong_kind_or_account_is_refused(ctx: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    static, dynamic = await a_group(ctx, caller, flock, flock.names), await a_rule(ctx, caller, "%")
    theirs = (await groups.create_group(ctx, stranger, c.CreateGroup(name="theirs"))).group_id
    for group, error in ((dynamic, Conflict), (theirs, NotFound), (7, NotFound)):
        with pytest.raises(error):
            await a_job(ctx, caller, package, flock, selection="GROUP", group_id=group)
    for group, error in ((static, Conflict), (theirs, NotFound)):
        with pytest.raises(error):
            cmd = dynamic_job(package_id=package, product_key=flock.key, group_id=group)
            await jobs.create_job(ctx, caller, cmd)
    assert await ask(ctx, "select 1 from job") == []


async def test_a_dynamic_group_is_a_standing_rule_of_its_own(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    inside, outside, late = await named(ctx, caller, flock.key, "door-1", "lamp-1", "door-2")
    group = await a_rule(ctx, caller, "door-%")
    cmd = dynamic_job(
        package_id=await a_package(ctx, caller, flock.key), product_key=flock.key, group_id=group, dynamic_mode=1
    )
    await say(ctx, (inside, runs("1.0")), (outside, runs("1.0")))
    await ask(ctx, "update device set deleted_at = now() where name = 'door-2'")
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    await fill.fill(ctx, job)
    assert set(await tasks(ctx, job)) == {inside}
    await ask(ctx, "update device set deleted_at = null where name = 'door-2'")
    await say(ctx, (late, runs("0.3")), (outside, runs("0.3")))
    assert set(await tasks(ctx, job)) == {inside, late}


async def test_a_later_rule_for_all_wins_over_a_group_and_the_other_way_round(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 0)
    inside, outside = await named(ctx, caller, flock.key, "door-1", "lamp-1")
    group = await a_rule(ctx, caller, "door-%")
    made = []
    for version, more in (("2.0", {"group_id": group}), ("3.0", {}), ("4.0", {"group_id": group})):
        package = await a_package(ctx, caller, flock.key, f"p{version}", version=version)
        cmd = dynamic_job(package_id=package, product_key=flock.key, dynamic_mode=2, **more)
        made.append((await jobs.create_job(ctx, caller, cmd)).job_id)
        await say(ctx, (inside, runs("1.0")), (outside, runs("1.0")))
    assert [await states(ctx, job) for job in made] == [{"CANCELED": 1}, {"CANCELED": 1, "QUEUED": 1}, {"QUEUED": 1}]


async def test_later_jobs_of_a_group_treat_its_devices_alike(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    group = await a_rule(ctx, caller, "%")
    packages = [await a_package(ctx, caller, flock.key, f"p{n}", version=f"{n}.0") for n in (2, 3)]
    facts: dict[str, Any] = {"product_key": flock.key, "group_id": group}
    await jobs.create_job(ctx, caller, dynamic_job(package_id=packages[0], overwrite=True, **facts))
    with pytest.raises(Conflict) as caught:
        await jobs.create_job(ctx, caller, dynamic_job(package_id=packages[1], **facts))
    assert caught.value.reason == "group_modes_differ"
    await jobs.create_job(ctx, caller, dynamic_job(package_id=packages[1], overwrite=True, **facts))


# --- lists ---


@pytest.fixture
def stored(ctx: Context, tmp_path: Path) -> Context:
    return replace(ctx, objects=open_objects(str(tmp_path)))


async def a_list(ctx: Context, caller: Caller, text: bytes) -> str:
    ticket = await uploads.create_upload_ticket(
        ctx, caller, c.CreateUploadTicket(suffix="csv", purpose="devices"), HOST
    )
    assert ctx.objects is not None
    await uploads.begin_upload(ctx, ticket.object_key)
    writer = await ctx.objects.create(ticket.object_key)
    await writer.write(text)
    kept = await writer.commit()
    await uploads.finish_upload(ctx, ticket.object_key, kept.size, kept.md5, kept.sha256)
    return ticket.url


async def a_listed_job(ctx: Context, caller: Caller, flock: Fleet, text: bytes) -> int:
    url = await a_list(ctx, caller, text)
    package = await a_package(ctx, caller, flock.key, f"p{len(text)}")
    return await a_filled_job(ctx, caller, package, flock, selection="SPECIFIC", device_list_url=url)


@pytest.mark.parametrize(
    "form",
    [
        lambda names: "\n".join(names).encode(),
        lambda names: ("\r\n".join(names) + "\r\n\r\n").encode(),
        lambda names: b"\xef\xbb\xbfDeviceName\n" + ",\n".join(names).encode(),
        lambda names: "\n".join([*names, *names]).encode(),
    ],
    ids=["lines", "crlf", "bom-header-commas", "twice"],
)
async def test_a_list_in_any_decent_form(stored: Context, caller: Caller, form: Any) -> None:
    flock = await a_fleet(stored, caller, 5)
    job = await a_listed_job(stored, caller, flock, form(flock.names[:3]))
    assert set(await tasks(stored, job)) == set(flock.ids[:3])


async def test_a_long_list_is_read_in_parts(stored: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_lists, "PART", 7)
    monkeypatch.setattr(fill, "CHUNK", 100)
    flock = await a_fleet(stored, caller, 1000)
    job = await a_listed_job(stored, caller, flock, "\n".join(flock.names).encode())
    assert len(await tasks(stored, job)) == 1000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "empty"),
        (b"\n\r\n  \n", "empty"),
        (b"x" * 65, "line 1"),
        (b"x" * 300_000, "line 1"),
        (b"dev1,dev2\n", "line 1"),
        (b"\xff\xfe", "UTF-8"),
        (b"a\0b", "line 1"),
    ],
)
async def test_a_bad_list_refuses_the_job_and_leaves_nothing(
    stored: Context, caller: Caller, text: bytes, problem: str
) -> None:
    flock = await a_fleet(stored, caller, 1)
    with pytest.raises(Invalid, match=problem) as caught:
        await a_listed_job(stored, caller, flock, text)
    assert caught.value.field == "device_list_url"
    assert await ask(stored, "select 1 from job union all select 1 from job_target") == []


async def test_an_unknown_name_is_named_and_the_list_may_be_used_again(stored: Context, caller: Caller) -> None:
    flock, other = await a_fleet(stored, caller, 2), await a_fleet(stored, caller, 1, name="other")
    for stray in (other.names[0], "nobody"):
        with pytest.raises(NotFound, match=stray):
            await a_listed_job(stored, caller, flock, "\n".join([flock.names[0], stray]).encode())
    assert await ask(stored, "select 1 from upload where purpose = 'devices' and used") == []


async def test_too_many_names(stored: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_lists, "NAMES_MAX", 3)
    flock = await a_fleet(stored, caller, 4)
    with pytest.raises(Invalid, match="at most 3"):
        await a_listed_job(stored, caller, flock, "\n".join(flock.names).encode())


async def test_a_list_is_used_once_and_by_its_account(stored: Context, caller: Caller, stranger: Caller) -> None:
    flock = await a_fleet(stored, caller, 1)
    url = await a_list(stored, caller, flock.names[0].encode())
    package = await a_package(stored, caller, flock.key)
    theirs = await a_fleet(stored, stranger, 1, name="theirs")
    with pytest.raises(NotFound):
        await a_job(
            stored, stranger, await a_package(stored, stranger, theirs.key), theirs,
            selection="SPECIFIC", device_list_url=url,
        )  # fmt: skip
    await a_job(stored, caller, package, flock, selection="SPECIFIC", device_list_url=url)
    with pytest.raises(Conflict):
        await a_job(stored, caller, package, flock, selection="SPECIFIC", device_list_url=url)


async def test_a_planned_listed_job_waits(stored: Context, caller: Caller, clock: Clock) -> None:
    flock = await a_fleet(stored, caller, 2)
    url = await a_list(stored, caller, "\n".join(flock.names).encode())
    package = await a_package(stored, caller, flock.key)
    when = clock.moment + timedelta(hours=1)
    job = await a_filled_job(
        stored, caller, package, flock, selection="SPECIFIC", device_list_url=url, scheduled_at=when
    )
    assert await tasks(stored, job) == {}


# --- over MQTT ---


@pytest.mark.parametrize(("size", "fits"), [(MQTT_SIZE_MAX, True), (MQTT_SIZE_MAX + 1, False)])
async def test_a_download_over_mqtt_has_its_limit(ctx: Context, caller: Caller, size: int, fits: bool) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    await ask(ctx, "update package set size = $1", size)
    if fits:
        assert await a_job(ctx, caller, package, flock, protocol="MQTT")
        return
    with pytest.raises(Conflict) as caught:
        await a_job(ctx, caller, package, flock, protocol="MQTT")
    assert caught.value.reason == "package_too_large_for_mqtt"
    cmd = dynamic_job(package_id=package, product_key=flock.key, protocol="MQTT")
    with pytest.raises(Conflict):
        await jobs.create_job(ctx, caller, cmd)


async def test_several_files_are_not_downloaded_over_mqtt(ctx: Context, caller: Caller) -> None:
    flock = await a_fleet(ctx, caller, 1)
    package = await a_package(ctx, caller, flock.key)
    await ask(ctx, "update package set files = '[{}, {}]'")
    with pytest.raises(Conflict) as caught:
        await a_job(ctx, caller, package, flock, protocol="MQTT")
    assert caught.value.reason == "package_of_several_files_for_mqtt"
