"""Tags, nicknames, resets and the lists of devices by status, by tags and behind a device."""

import asyncio
from uuid import UUID, uuid4

import pytest
from counting import recount

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Denied, Invalid, Missing, NotFound, TooMany
from upwell.domain.search import Both, Compare
from upwell.service.context import Context
from upwell.service.manage import device_search, devices, products, registration, tags
from upwell.service.manage.access import Caller
from upwell.service.upgrade import presence

pytestmark = pytest.mark.asyncio


async def some_devices(ctx: Context, caller: Caller, *names: str, product: str = "lamp") -> list[c.DeviceKey]:
    made = await products.create_product(ctx, caller, c.CreateProduct(name=product))
    for name in names:
        await devices.create_device(ctx, caller, c.CreateDevice(product_key=made.product_key, name=name))
    return [c.DeviceKey(product_key=made.product_key, name=name) for name in names]


async def show(ctx: Context, caller: Caller, key: c.DeviceKey) -> c.Device:
    return await devices.show_device(ctx, caller, c.ShowDevice(device=key))


async def tag(ctx: Context, caller: Caller, key: c.DeviceKey, **wanted: str) -> None:
    await tags.set_tags(ctx, caller, c.SetTags(device=key, tags=wanted))


async def tags_of(ctx: Context, caller: Caller, key: c.DeviceKey) -> dict[str, str]:
    return dict((await show(ctx, caller, key)).tags)


def named(*nicknames: tuple[c.DeviceKey, str]) -> c.UpdateDevices:
    return c.UpdateDevices(changes=tuple(c.DeviceChange(device=key, nickname=name) for key, name in nicknames))


# --- tags ---


async def test_tags_are_added_changed_and_removed(ctx: Context, caller: Caller) -> None:
    [key] = await some_devices(ctx, caller, "dev1")
    assert await tags_of(ctx, caller, key) == {}
    await tag(ctx, caller, key, zone="a", room="1")
    await tag(ctx, caller, key, zone="b", 层="二")
    await tag(ctx, caller, key)
    assert await tags_of(ctx, caller, key) == {"zone": "b", "room": "1", "层": "二"}
    for name in ("zone", "nothing"):
        await tags.delete_tags(ctx, caller, c.DeleteTags(device=key, keys=(name,)))
    assert await tags_of(ctx, caller, key) == {"room": "1", "层": "二"}


async def test_a_device_has_a_hundred_tags_whoever_races(ctx: Context, caller: Caller) -> None:
    [key] = await some_devices(ctx, caller, "dev1")
    await tag(ctx, caller, key, **{f"t{n}": "" for n in range(96)})
    got = await asyncio.gather(
        *(tag(ctx, caller, key, **{f"a{n}": "", f"b{n}": ""}) for n in range(4)), return_exceptions=True
    )
    assert [isinstance(g, TooMany) for g in got].count(True) == 2 and len(await tags_of(ctx, caller, key)) == 100
    with pytest.raises(TooMany, match="100 tags"):
        await tag(ctx, caller, key, t0="new", one="more")
    assert (await tags_of(ctx, caller, key))["t0"] == ""  # none of a refused request is set
    await tag(ctx, caller, key, t0="new")


async def test_the_text_of_tags_has_a_limit(ctx: Context, caller: Caller) -> None:
    [key] = await some_devices(ctx, caller, "dev1")
    room = 5 * 1024 - len('{"a":""}')
    await tag(ctx, caller, key, a="x" * room)
    for value in ("x" * (room + 1), "二" * (room // 3 + 1)):
        with pytest.raises(Invalid, match="tags: at most 5120 bytes"):
            await tag(ctx, caller, key, a=value)


async def test_text_that_can_not_be_stored_is_refused(ctx: Context, caller: Caller) -> None:
    [key] = await some_devices(ctx, caller, "dev1")
    for value in ("a\0b", "a\ud800b"):
        with pytest.raises(Invalid):
            await tag(ctx, caller, key, a=value)
        with pytest.raises(Invalid):
            await devices.update_devices(ctx, caller, named((key, value)))
        half = c.DeviceKey(product_key=key.product_key, name=value)
        with pytest.raises(NotFound):
            await show(ctx, caller, half)
        with pytest.raises(Invalid):
            await devices.create_device(ctx, caller, c.CreateDevice(product_key=key.product_key or "", name=value))
    with pytest.raises(Invalid):
        await products.create_product(ctx, caller, c.CreateProduct(name="plug", facts={"a": "\0"}))
    assert await tags_of(ctx, caller, key) == {}


async def test_devices_are_found_by_all_their_tags(ctx: Context, caller: Caller, stranger: Caller) -> None:
    keys = await some_devices(ctx, caller, "dev1", "dev2", "dev3", "dev4")
    [foreign] = await some_devices(ctx, stranger, "dev1")
    for key in (*keys[:3], foreign):
        await tag(ctx, stranger if key is foreign else caller, key, zone="a")
    for key in keys[1:]:
        await tag(ctx, caller, key, room="1")

    async def found(*wanted: tuple[str, str], number: int = 1, size: int = 9) -> tuple[list[str], int | None]:
        which = Both(tuple(Both((Compare("tag_key", "=", (k,)), Compare("tag_value", "=", (v,)))) for k, v in wanted))
        cmd = c.ListDevices(asked=Slice.of_page(number, size), which=which)
        page = await device_search.list_devices(ctx, caller, cmd)
        return [d.name for d in page.items], page.total

    assert await found(("zone", "a")) == (["dev3", "dev2", "dev1"], 3)
    assert await found(("zone", "a"), number=2, size=2) == (["dev1"], 3)
    assert await found(("zone", "a"), ("room", "1"), ("zone", "a")) == (["dev3", "dev2"], 2)
    assert await found(("zone", "a"), ("zone", "b")) == ([], 0)
    assert await found(("zone", "b")) == ([], 0)
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=keys[2]))
    assert await found(("zone", "a")) == (["dev2", "dev1"], 2)


# --- nicknames and resets ---


async def test_nicknames_all_or_none(ctx: Context, caller: Caller, stranger: Caller) -> None:
    one, two = await some_devices(ctx, caller, "dev1", "dev2")
    public = c.DeviceKey(iot_id=(await show(ctx, caller, two)).iot_id)
    nobody = c.DeviceKey(product_key=one.product_key, name="nobody")
    await devices.update_devices(ctx, caller, named((one, "first"), (public, "second")))
    assert [(await show(ctx, caller, key)).nickname for key in (one, two)] == ["first", "second"]
    for error, who, pairs in (
        (NotFound, caller, ((one, "x"), (nobody, "y"))),
        (NotFound, stranger, ((one, "x"),)),
        (Invalid, caller, ((two, "x"), (public, "y"))),
        (Missing, caller, ((one, "x"), (c.DeviceKey(name="dev1"), "y"))),
        (Denied, Caller(caller.account_id, "viewer", "k", "alibaba"), ((one, "x"),)),
    ):
        with pytest.raises(error):
            await devices.update_devices(ctx, who, named(*pairs))
    assert [(await show(ctx, caller, key)).nickname for key in (one, two)] == ["first", "second"]


async def test_a_reset_forgets_reports_and_cancels_open_tasks(ctx: Context, caller: Caller, stranger: Caller) -> None:
    keys = await some_devices(ctx, caller, "dev1", "dev2")
    before = [await show(ctx, caller, key) for key in keys]
    async with ctx.database.connection() as conn:
        await conn.execute(
            "insert into package (package_id, account_id, name, version, status, object_key, size, md5, sha256, url,"
            " created_at, modified_at) values (1, 1, 'p', '2', 'exempt', '', 1, '', '', '', now(), now())"
        )
        await conn.execute(
            "insert into job (job_id, account_id, product_id, package_id, kind, selection, status, created_at,"
            " modified_at) select n, 1, 1, 1, 'static', 'ALL', 'IN_PROGRESS', now(), now()"
            " from generate_series(0, 20) n"
        )
        for n, device in enumerate(before):
            now = ctx.now()
            await conn.execute("insert into module_version values ($1, 'default', '1.0', $2)", device.device_id, now)
            for job, state in enumerate(("QUEUED", "IN_PROGRESS", "SUCCEEDED")):
                await conn.execute(
                    "insert into task (device_id, job_id, module, slot, state, created_at, modified_at)"
                    " values ($1, $2, 'default', $3, $4, $5, $5)",
                    device.device_id, 10 * n + job, str(job), state, now,
                )  # fmt: skip
    await recount(ctx)
    with pytest.raises(NotFound):
        await devices.reset_device(ctx, stranger, c.ResetDevice(device=keys[0]))
    await devices.reset_device(ctx, caller, c.ResetDevice(device=keys[0]))
    after = [await show(ctx, caller, key) for key in keys]
    assert [d.firmware_version for d in after] == [None, "1.0"]
    assert (after[0].secret, after[0].iot_id, after[0].name) == (before[0].secret, before[0].iot_id, "dev1")
    async with ctx.database.connection() as conn:
        rows = await conn.fetch("select job_id, state, reason from task order by job_id")
        changes = await conn.fetch("select job_id, to_state from task_change order by job_id")
    assert [(r["job_id"], r["state"], r["reason"]) for r in rows] == [
        (0, "CANCELED", "device_reset"), (1, "CANCELED", "device_reset"), (2, "SUCCEEDED", ""),
        (10, "QUEUED", ""), (11, "IN_PROGRESS", ""), (12, "SUCCEEDED", ""),
    ]  # fmt: skip
    assert [(r["job_id"], r["to_state"]) for r in changes] == [(0, "CANCELED"), (1, "CANCELED")]


# --- lists ---


async def test_devices_are_listed_by_status(ctx: Context, caller: Caller, stranger: Caller) -> None:
    keys = await some_devices(ctx, caller, "dev1", "dev2", "dev3", "dev4", "dev5")
    [plug] = await some_devices(ctx, caller, "plug1", product="plug")
    [foreign] = await some_devices(ctx, stranger, "dev1")
    ids = [(await show(ctx, caller, key)).device_id for key in (*keys, plug)]
    ids.append((await show(ctx, stranger, foreign)).device_id)
    node, connections = uuid4(), [uuid4() for _ in ids]
    await presence.came_online(ctx, node, [(ids[n], connections[n], "x") for n in (0, 1, 2, 5, 6)])
    await presence.went_offline(ctx, node, [(ids[1], connections[1])])
    await devices.update_devices(ctx, caller, c.UpdateDevices(changes=(c.DeviceChange(device=keys[2], enabled=False),)))

    async def listed(
        status: str, key: str | None = None, number: int = 1, size: int = 9
    ) -> tuple[list[str], int | None]:
        which = Compare("status", "=", (status,))
        cmd = c.ListDevices(asked=Slice.of_page(number, size), which=which, product_key=key)
        page = await device_search.list_devices(ctx, caller, cmd)
        assert all(d.status == status for d in page.items)
        return [d.name for d in page.items], page.total

    assert await listed("ONLINE") == (["plug1", "dev1"], 2)
    assert await listed("ONLINE", keys[0].product_key) == (["dev1"], 1)
    assert await listed("OFFLINE") == (["dev2"], 1)
    assert await listed("DISABLED") == (["dev3"], 1)
    assert await listed("UNACTIVE") == (["dev5", "dev4"], 2)
    assert await listed("UNACTIVE", number=2, size=1) == (["dev4"], 2)
    for key in ("nobody", foreign.product_key):
        with pytest.raises(NotFound):
            await listed("ONLINE", key)


async def test_pages_behind_a_device_show_each_once(ctx: Context, caller: Caller, stranger: Caller) -> None:
    """Batches share their time of making, so only the id orders them."""
    [first] = await some_devices(ctx, caller, "dev1")
    key = first.product_key or ""
    for count in (23, 1, 40):
        await registration.register_devices(ctx, caller, c.RegisterDevices(product_key=key, count=count))
    whole = await device_search.list_devices(ctx, caller, c.ListDevices(asked=Slice.of_page(1, 100), product_key=key))
    assert len({d.created_at for d in whole.items}) == 4
    found: list[c.Device] = []
    after: UUID | None = None
    pages = 0
    while True:
        cmd = c.ListDevices(asked=Slice.of_page(pages + 1, 10), product_key=key, after=after)
        page = await device_search.list_devices(ctx, caller, cmd)
        assert (page.total, page.number) == (65 - pages // 3, pages + 1)
        found += page.items
        pages += 1
        if len(page.items) < 10:
            break
        after = page.items[-1].device_id
        if pages % 3 == 0:  # the device that a page ended with may go meanwhile
            gone = c.DeleteDevice(device=c.DeviceKey(iot_id=page.items[-1].iot_id))
            await devices.delete_device(ctx, caller, gone)
    assert pages == 7 and [d.device_id for d in found] == [d.device_id for d in whole.items]
    [foreign] = await some_devices(ctx, stranger, "dev1")
    for wrong in (uuid4(), (await show(ctx, stranger, foreign)).device_id):
        with pytest.raises(Invalid) as refused:
            await device_search.list_devices(
                ctx, caller, c.ListDevices(asked=Slice.of_page(1, 9), product_key=key, after=wrong)
            )
        assert refused.value.field == "after"


async def test_strangers_and_viewers_change_no_tag(ctx: Context, caller: Caller, stranger: Caller) -> None:
    [key] = await some_devices(ctx, caller, "dev1")
    await tag(ctx, caller, key, a="1")
    viewer = Caller(caller.account_id, "viewer", "k", "alibaba")
    for who, error in ((stranger, NotFound), (viewer, Denied)):
        for attempt in (
            tag(ctx, who, key, a="2"),
            tags.delete_tags(ctx, who, c.DeleteTags(device=key, keys=("a",))),
            devices.reset_device(ctx, who, c.ResetDevice(device=key)),
        ):
            with pytest.raises(error):
                await attempt
    with pytest.raises(NotFound):
        await tags_of(ctx, stranger, key)
    assert await tags_of(ctx, viewer, key) == {"a": "1"}
