"""Groups on the real database."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from conftest import Clock

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import CallerError, Conflict, Denied, Invalid, Missing, NotFound, TooMany
from upwell.domain.search import Both, Compare, Condition
from upwell.service.context import Context
from upwell.service.manage import device_search, devices, group_members, groups, products, registration, tags
from upwell.service.manage.access import Caller
from upwell.service.upgrade import members, presence

pytestmark = pytest.mark.asyncio


async def a_group(ctx: Context, caller: Caller, name: str = "grp1", above: int | None = None) -> int:
    return (await groups.create_group(ctx, caller, c.CreateGroup(name=name, super_group_id=above))).group_id


async def a_rule_group(ctx: Context, caller: Caller, rule: Condition, name: str = "dyn1") -> int:
    return (
        await groups.create_group(ctx, caller, c.CreateGroup(name=name, condition=rule, condition_text="…"))
    ).group_id


async def some_devices(ctx: Context, caller: Caller, names: Sequence[str], product: str = "lamp") -> list[c.DeviceKey]:
    made = await products.create_product(ctx, caller, c.CreateProduct(name=product))
    for name in names:
        await devices.create_device(ctx, caller, c.CreateDevice(product_key=made.product_key, name=name))
    return [c.DeviceKey(product_key=made.product_key, name=name) for name in names]


async def many_devices(ctx: Context, caller: Caller, count: int, product: str = "lamp") -> list[c.DeviceKey]:
    made = await products.create_product(ctx, caller, c.CreateProduct(name=product))
    batch = await registration.register_devices(
        ctx, caller, c.RegisterDevices(product_key=made.product_key, count=count)
    )
    return [c.DeviceKey(product_key=made.product_key, name=name) for name in batch.names]


async def add(ctx: Context, caller: Caller, group_id: int, *devices: c.DeviceKey) -> c.Enrolled:
    return await group_members.add_to_group(ctx, caller, c.AddToGroup(group_id=group_id, devices=devices))


async def names_in(ctx: Context, caller: Caller, group_id: int) -> list[str]:
    page = await device_search.list_devices(ctx, caller, c.ListDevices(asked=Slice.of_page(1, 50), group_id=group_id))
    assert page.total == len(page.items)
    return [d.name for d in page.items]


async def of_device(ctx: Context, caller: Caller, key: c.DeviceKey) -> list[str]:
    page = await groups.list_groups(ctx, caller, c.ListGroups(asked=None, device=key))
    assert page.total == len(page.items)
    return [g.name for g in page.items]


def named(pattern: str) -> Compare:
    return Compare("name", "like", (pattern,))


async def test_group_is_made_shown_changed_and_deleted(ctx: Context, caller: Caller) -> None:
    made = await groups.create_group(ctx, caller, c.CreateGroup(name="grp1", description="one"))
    assert (made.name, made.description, made.kind, made.super_group_id) == ("grp1", "one", "static", None)
    assert await groups.show_group(ctx, caller, c.ShowGroup(group_id=made.group_id, counted=False)) == made
    await groups.update_group(ctx, caller, c.UpdateGroup(group_id=made.group_id, description="two"))
    await groups.update_group(ctx, caller, c.UpdateGroup(group_id=made.group_id, name="grp2"))
    shown = await groups.show_group(ctx, caller, c.ShowGroup(group_id=made.group_id))
    assert (shown.name, shown.description) == ("grp2", "two")
    with pytest.raises(NotFound):
        await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=made.group_id, kind="dynamic"))
    await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=made.group_id, kind="static"))
    with pytest.raises(NotFound):
        await groups.show_group(ctx, caller, c.ShowGroup(group_id=made.group_id))
    await a_group(ctx, caller, "grp2")  # the name is free again


async def test_name_is_unique_in_the_account(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await a_group(ctx, caller)
    other = await a_group(ctx, caller, "grp2")
    await a_group(ctx, stranger)
    tries = [
        groups.create_group(ctx, caller, c.CreateGroup(name="grp1")),
        groups.create_group(ctx, caller, c.CreateGroup(name="grp1", condition=named("%"))),
        groups.update_group(ctx, caller, c.UpdateGroup(group_id=other, name="grp1")),
    ]
    for attempt in tries:
        with pytest.raises(Conflict) as refused:
            await attempt
        assert refused.value.reason == "group_name_taken"
    raced = await asyncio.gather(*(a_group(ctx, caller, "grp3") for _ in range(4)), return_exceptions=True)
    assert [isinstance(r, Conflict) for r in raced].count(False) == 1


async def test_groups_under_groups(ctx: Context, caller: Caller) -> None:
    top = await a_group(ctx, caller, "top1")
    level, chain = top, [top]
    for n in range(2, groups.LEVELS_MAX + 1):
        level = await a_group(ctx, caller, f"lvl{n}", level)
        chain.append(level)
    with pytest.raises(TooMany):
        await a_group(ctx, caller, "deep", level)
    above = (await groups.show_group(ctx, caller, c.ShowGroup(group_id=chain[1]))).above
    assert above is not None and above.group_id == top
    assert (await groups.show_group(ctx, caller, c.ShowGroup(group_id=top, counted=False))).above is None
    with pytest.raises(Conflict) as refused:
        await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=top))
    assert refused.value.reason == "group_has_sub_groups"
    with pytest.raises(NotFound):
        await a_group(ctx, caller, "orphan", 77)
    for group_id in reversed(chain):
        await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=group_id))
    rule = await a_rule_group(ctx, caller, named("%"))
    with pytest.raises(Conflict) as refused:
        await a_group(ctx, caller, "sub1", rule)
    assert refused.value.reason == "group_is_dynamic"


async def test_a_group_deleted_while_one_is_put_under_it(ctx: Context, caller: Caller) -> None:
    for n in range(8):
        top = await a_group(ctx, caller, f"top{n}")
        got = await asyncio.gather(
            a_group(ctx, caller, f"sub{n}", top),
            groups.delete_group(ctx, caller, c.DeleteGroup(group_id=top)),
            return_exceptions=True,
        )
        assert [isinstance(g, CallerError) for g in got].count(True) == 1


async def test_account_has_at_most_so_many_groups(
    ctx: Context, caller: Caller, stranger: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "GROUPS_MAX", 3)
    got = await asyncio.gather(*(a_group(ctx, caller, f"grp{n}") for n in range(6)), return_exceptions=True)
    assert [isinstance(g, TooMany) for g in got].count(True) == 3
    await a_group(ctx, stranger)


async def test_groups_are_paged_newest_first_and_filtered(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await a_group(ctx, stranger, "north9")
    top = await a_group(ctx, caller, "north0")
    for n in range(1, 5):
        await a_group(ctx, caller, f"{'north' if n % 2 else 'south'}{n}", top)
    await a_rule_group(ctx, caller, named("%"), "north_d")

    async def listed(**more: object) -> tuple[list[str], int | None]:
        page = await groups.list_groups(ctx, caller, c.ListGroups(**{"asked": Slice.of_page(1, 9)} | more))  # type: ignore[arg-type]
        return [g.name for g in page.items], page.total

    assert await listed(asked=Slice.of_page(2, 2)) == (["north3", "south2"], 6)
    assert await listed(part="orth") == (["north_d", "north3", "north1", "north0"], 4)
    assert await listed(part="%") == ([], 0)
    assert await listed(part="orth", super_group_id=top) == (["north3", "north1"], 2)
    assert await listed(kinds=frozenset({"dynamic"})) == (["north_d"], 1)
    assert await listed(kinds=frozenset({"static", "dynamic"}), part="d") == (["north_d"], 1)
    assert await listed(super_group_id=77) == ([], 0)


async def test_devices_join_and_leave(ctx: Context, caller: Caller) -> None:
    keys = await some_devices(ctx, caller, ["dev1", "dev2", "dev3"])
    group_id = await a_group(ctx, caller)
    public = c.DeviceKey(iot_id=(await devices.show_device(ctx, caller, c.ShowDevice(device=keys[0]))).iot_id)
    nobody = c.DeviceKey(product_key=keys[0].product_key, name="nobody")
    assert await add(ctx, caller, group_id, keys[0], public, keys[1], nobody, c.DeviceKey(iot_id="x")) == c.Enrolled(
        valid=2, done=2, already=0
    )
    assert await add(ctx, caller, group_id, keys[1], keys[2]) == c.Enrolled(valid=2, done=1, already=1)
    assert await names_in(ctx, caller, group_id) == ["dev3", "dev2", "dev1"]
    with pytest.raises(Missing):
        await add(ctx, caller, group_id, c.DeviceKey(name="dev1"))
    cmd = c.RemoveFromGroup(group_id=group_id, devices=(keys[0], keys[1], nobody))
    assert await group_members.remove_from_group(ctx, caller, cmd) == c.Enrolled(valid=2, done=2, already=2)
    assert await group_members.remove_from_group(ctx, caller, cmd) == c.Enrolled(valid=2, done=0, already=0)
    assert await names_in(ctx, caller, group_id) == ["dev3"]


async def test_counts_follow_the_devices(ctx: Context, caller: Caller) -> None:
    keys = await some_devices(ctx, caller, ["dev1", "dev2", "dev3", "dev4"])
    other = await some_devices(ctx, caller, ["dev1"], "plug")
    ids = [d.device_id for d in await devices.show_devices(ctx, caller, c.ShowDevices(devices=tuple(keys)))]
    group_id = await a_group(ctx, caller)
    await add(ctx, caller, group_id, *keys[:3], *other)
    node, connections = uuid4(), [uuid4() for _ in ids]
    await presence.came_online(ctx, node, [(ids[n], connections[n], "x") for n in (0, 1, 3)])
    await presence.went_offline(ctx, node, [(ids[1], connections[1])])
    shown = await groups.show_group(ctx, caller, c.ShowGroup(group_id=group_id))
    assert shown.counts == c.DeviceCounts(devices=4, active=2, online=1)

    async def counted(**which: object) -> tuple[int, int, int]:
        counts = await device_search.count_devices(ctx, caller, c.CountDevices(**which))  # type: ignore[arg-type]
        return counts.devices, counts.active, counts.online

    assert await counted() == (5, 3, 2)
    assert await counted(product_key=keys[0].product_key) == (4, 3, 2)
    assert await counted(product_key=keys[0].product_key, group_id=group_id) == (3, 2, 1)
    assert await counted(group_id=group_id) == (4, 2, 1)
    await devices.update_devices(ctx, caller, c.UpdateDevices(changes=(c.DeviceChange(device=keys[0], enabled=False),)))
    assert await counted(group_id=group_id) == (4, 2, 0)
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=keys[0]))
    assert await counted(group_id=group_id) == (3, 1, 0)
    for unknown in ({"product_key": "nobody"}, {"group_id": 77}):
        with pytest.raises(NotFound):
            await counted(**unknown)


async def test_a_device_registered_again_is_in_no_group_and_has_no_tag(ctx: Context, caller: Caller) -> None:
    [key] = await some_devices(ctx, caller, ["dev1"])
    group_id = await a_group(ctx, caller)
    await add(ctx, caller, group_id, key)
    await tags.set_tags(ctx, caller, c.SetTags(device=key, tags={"a": "1"}))
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
    assert await names_in(ctx, caller, group_id) == []
    await devices.create_device(ctx, caller, c.CreateDevice(product_key=key.product_key or "", name=key.name))
    assert await names_in(ctx, caller, group_id) == [] and await of_device(ctx, caller, key) == []
    assert (await devices.show_device(ctx, caller, c.ShowDevice(device=key))).tags == ()


async def test_a_deletion_that_waits_for_an_add_takes_the_membership_too(ctx: Context, caller: Caller) -> None:
    [key] = await some_devices(ctx, caller, ["dev1"])
    group_id = await a_group(ctx, caller)
    for _ in range(6):
        await asyncio.gather(
            add(ctx, caller, group_id, key), devices.delete_device(ctx, caller, c.DeleteDevice(device=key))
        )
        async with ctx.database.connection() as conn:
            assert await conn.fetchval("select count(*) from group_member") == 0
        await devices.create_device(ctx, caller, c.CreateDevice(product_key=key.product_key or "", name=key.name))


async def test_a_device_is_in_ten_groups_whoever_races(ctx: Context, caller: Caller) -> None:
    keys = await some_devices(ctx, caller, ["dev1", "dev2"])
    made = [await a_group(ctx, caller, f"grp{n:02}") for n in range(13)]
    await add(ctx, caller, made[0], keys[1])
    raced = await asyncio.gather(*(add(ctx, caller, g, *(keys if n % 2 else keys[::-1])) for n, g in enumerate(made)))
    assert sum(r.over for r in raced) == 6 and sum(r.done for r in raced) == 19 and sum(r.already for r in raced) == 1
    for key in keys:
        assert len(await of_device(ctx, caller, key)) == group_members.GROUPS_OF_DEVICE_MAX == 10


async def test_two_adds_at_the_limit(ctx: Context, caller: Caller) -> None:
    [key] = await some_devices(ctx, caller, ["dev1"])
    for n in range(9):
        await add(ctx, caller, await a_group(ctx, caller, f"grp{n}"), key)
    for n in range(5):
        one, two = await a_group(ctx, caller, f"one{n}"), await a_group(ctx, caller, f"two{n}")
        got = await asyncio.gather(add(ctx, caller, one, key), add(ctx, caller, two, key))
        assert sorted((g.done, g.over) for g in got) == [(0, 1), (1, 0)]
        for group_id in (one, two):
            await group_members.remove_from_group(ctx, caller, c.RemoveFromGroup(group_id=group_id, devices=(key,)))


async def test_dynamic_members_are_who_fits_now(ctx: Context, caller: Caller, stranger: Caller) -> None:
    keys = await some_devices(ctx, caller, ["test1", "test2", "prod1"])
    await some_devices(ctx, stranger, ["test9"])
    tagged = Both((named("test%"), Compare("tag_key", "=", ("zone",)), Compare("tag_value", "=", ("a",))))
    wide, narrow = await a_rule_group(ctx, caller, named("test%")), await a_rule_group(ctx, caller, tagged, "dyn2")
    assert await names_in(ctx, caller, wide) == ["test2", "test1"] and await names_in(ctx, caller, narrow) == []
    await tags.set_tags(ctx, caller, c.SetTags(device=keys[0], tags={"zone": "a"}))
    assert await names_in(ctx, caller, narrow) == ["test1"]
    static = await a_group(ctx, caller)
    await add(ctx, caller, static, keys[0])
    assert await of_device(ctx, caller, keys[0]) == ["grp1", "dyn2", "dyn1"]
    assert await of_device(ctx, caller, keys[2]) == []
    shown = await groups.show_group(ctx, caller, c.ShowGroup(group_id=wide))
    assert (shown.kind, shown.condition_text) == ("dynamic", "…") and shown.counts and shown.counts.devices == 2
    with pytest.raises(Conflict) as refused:
        await add(ctx, caller, wide, keys[2])
    assert refused.value.reason == "group_is_dynamic"
    with pytest.raises(Conflict):
        await group_members.remove_from_group(ctx, caller, c.RemoveFromGroup(group_id=wide, devices=(keys[0],)))
    with pytest.raises(Invalid):
        await a_rule_group(ctx, caller, Compare("created_at", ">", ("soon",)), "dyn3")
    await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=wide, kind="dynamic"))


async def test_a_device_may_fit_many_rules(ctx: Context, caller: Caller) -> None:
    keys = await some_devices(ctx, caller, ["dev0", "dev1"])
    count = groups.CONDITIONS_AT_ONCE + 7
    for n in range(count):
        await a_rule_group(ctx, caller, named(f"dev{n % 3}"), f"dyn{n:03}")
    for place, key in enumerate(keys):
        found = await of_device(ctx, caller, key)
        assert found == [f"dyn{n:03}" for n in reversed(range(count)) if n % 3 == place]


async def test_strangers_and_viewers_get_nothing(ctx: Context, caller: Caller, stranger: Caller) -> None:
    [key] = await some_devices(ctx, caller, ["dev1"])
    [theirs] = await some_devices(ctx, stranger, ["dev1"])
    group_id, own = await a_group(ctx, caller), await a_group(ctx, stranger)
    await add(ctx, caller, group_id, key)
    tries = [
        groups.show_group(ctx, stranger, c.ShowGroup(group_id=group_id)),
        groups.show_group(ctx, stranger, c.ShowGroup(group_id=group_id, counted=False)),
        groups.update_group(ctx, stranger, c.UpdateGroup(group_id=group_id, name="mine")),
        groups.delete_group(ctx, stranger, c.DeleteGroup(group_id=group_id)),
        add(ctx, stranger, group_id, theirs),
        group_members.remove_from_group(ctx, stranger, c.RemoveFromGroup(group_id=group_id, devices=(theirs,))),
        device_search.list_devices(ctx, stranger, c.ListDevices(asked=Slice.of_page(1, 9), group_id=group_id)),
        groups.list_groups(ctx, stranger, c.ListGroups(asked=None, device=key)),
        device_search.count_devices(ctx, stranger, c.CountDevices(group_id=group_id)),
        device_search.count_devices(ctx, stranger, c.CountDevices(product_key=key.product_key)),
        a_group(ctx, stranger, "sub1", group_id),
    ]
    for attempt in tries:
        with pytest.raises(NotFound):
            await attempt
    assert await add(ctx, stranger, own, key) == c.Enrolled(valid=0, done=0, already=0)
    everyone = await a_rule_group(ctx, stranger, Compare("name", "=", ("dev1",)))
    seen = (await groups.show_group(ctx, stranger, c.ShowGroup(group_id=everyone))).counts
    assert seen and seen.devices == 1
    reach = await a_rule_group(ctx, stranger, Compare("group_id", "=", (str(group_id),)), "reach")
    assert await names_in(ctx, stranger, reach) == []
    assert await names_in(ctx, caller, group_id) == ["dev1"]
    viewer = Caller(caller.account_id, "viewer", "k", "alibaba")
    for forbidden in (
        a_group(ctx, viewer, "grp9"),
        groups.update_group(ctx, viewer, c.UpdateGroup(group_id=group_id, name="x")),
        groups.delete_group(ctx, viewer, c.DeleteGroup(group_id=group_id)),
        add(ctx, viewer, group_id, key),
        group_members.remove_from_group(ctx, viewer, c.RemoveFromGroup(group_id=group_id, devices=(key,))),
    ):
        with pytest.raises(Denied):
            await forbidden


# --- what jobs ask ---


async def chunked(
    ctx: Context, group_id: int, product_key: str | None, until: datetime, size: int, chunks: list[int] | None = None
) -> list[UUID]:
    found: list[UUID] = []
    async with ctx.database.connection() as conn:
        product_id = await conn.fetchval("select product_id from product where product_key = $1", product_key)
        after: UUID | None = None
        while True:
            window = await members.span_of_group(conn, group_id, product_id, until, after, size)
            found, after = found + window.ids, window.last
            if chunks is not None:
                chunks.append(len(window.ids))
            if window.ends:
                return found


async def test_a_group_of_two_thousand_in_chunks(ctx: Context, caller: Caller) -> None:
    keys = await many_devices(ctx, caller, 2000)
    outside = await many_devices(ctx, caller, 50, "plug")
    static = await a_group(ctx, caller)
    for start in range(0, 2000, 200):
        assert (await add(ctx, caller, static, *keys[start : start + 200])).done == 200
    await add(ctx, caller, static, *outside)
    rule = await a_rule_group(ctx, caller, Compare("product_key", "=", (keys[0].product_key or "",)))
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=keys[0]))
    until = ctx.now()
    late = c.CreateDevice(product_key=keys[0].product_key or "", name="late")
    made = await devices.create_device(ctx, caller, late)
    await add(ctx, caller, static, c.DeviceKey(iot_id=made.iot_id))
    async with ctx.database.connection() as conn:
        rows = await conn.fetch("select device_id from device where name = any($1)", [k.name for k in keys[1:]])
    expected = sorted(row["device_id"] for row in rows)
    assert len(expected) == 1999
    for group_id in (static, rule):
        chunks: list[int] = []
        assert await chunked(ctx, group_id, keys[0].product_key, until, 300, chunks) == expected
        assert len(chunks) == 7 and max(chunks) <= 300
        assert len(await chunked(ctx, group_id, keys[0].product_key, ctx.now(), 5000)) == 2000
    assert len(await chunked(ctx, static, outside[0].product_key, until, 7)) == 50
    assert await chunked(ctx, 77, keys[0].product_key, until, 7) == []
    shown = await groups.show_group(ctx, caller, c.ShowGroup(group_id=static))
    assert shown.counts and shown.counts.devices == 2050
    page = await device_search.list_devices(ctx, caller, c.ListDevices(asked=Slice.of_page(41, 50), group_id=static))
    assert (len(page.items), page.total) == (50, 2050)


async def test_members_among(ctx: Context, caller: Caller, stranger: Caller, clock: Clock) -> None:
    keys = await some_devices(ctx, caller, ["dev1", "dev2", "dev3"])
    await some_devices(ctx, stranger, ["dev9"])
    static, rule = await a_group(ctx, caller), await a_rule_group(ctx, caller, named("dev%"))
    await add(ctx, caller, static, *keys[:2])
    async with ctx.database.connection() as conn:
        rows = {row["name"]: row["device_id"] for row in await conn.fetch("select device_id, name from device")}
        asked = [rows["dev9"], rows["dev2"], rows["dev3"], uuid4()]
        among = members.members_among
        assert await among(conn, static, asked) == {rows["dev2"]}
        assert await among(conn, rule, asked) == {rows["dev2"], rows["dev3"]}
        assert await among(conn, 77, asked) == set()
        assert await among(conn, static, []) == set()
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=keys[1]))
    await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=static))
    async with ctx.database.connection() as conn:
        assert await among(conn, static, asked) == set()
        assert await among(conn, rule, asked) == {rows["dev3"]}
