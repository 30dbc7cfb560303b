"""Devices under chosen ids: looked up, listed by windows, searched, logged in."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.conftest import Clock
from tests.integration.space_house import ask, by_id, device, product, space

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Invalid, Missing, NotFound, TooMany
from upwell.domain.fleet import implied_ids
from upwell.domain.search import EVERYONE, Both, Compare, Condition, Either, Not
from upwell.service.context import Context
from upwell.service.manage import device_search, devices, group_members, groups, tags
from upwell.service.manage.access import Caller
from upwell.service.upgrade import logins

ALL = Slice(take=50)


async def show(ctx: Context, caller: Caller, public_id: str) -> c.Device:
    return await devices.show_device(ctx, caller, c.ShowDevice(device=by_id(public_id)))


async def found(ctx: Context, caller: Caller, condition: Condition, **more: Any) -> list[str]:
    given = {"order": "record_up", "asked": ALL, **more}
    got = await device_search.list_devices(ctx, caller, c.ListDevices(which=condition, counted=False, **given))
    assert got.total is None
    return [item.name for item in got.items]


# --- public ids -----------------------------------------------------------------------------------------------------


async def test_a_device_without_a_chosen_id_is_known_by_product_and_name(ctx: Context, caller: Caller) -> None:
    await product(ctx, caller, "a_b")
    await product(ctx, caller, "a")
    one = await devices.create_device(ctx, caller, c.CreateDevice(product_key="a_b", name="c_d"))
    shown = await show(ctx, caller, "a_b_c_d")
    assert (shown.device_id, shown.public_id) == (one.device_id, "a_b_c_d")
    other = await devices.create_device(ctx, caller, c.CreateDevice(product_key="a", name="x_y"))
    assert (await show(ctx, caller, "a_x_y")).device_id == other.device_id
    for unknown in ("a_b_c", "a_b_c_d_", "_", "c_d", ""):
        with pytest.raises((NotFound, Missing)):
            await show(ctx, caller, unknown)
    assert len(implied_ids("_" * 128)) == 37  # a product key is no longer than 36


async def test_nobody_chooses_an_id_that_stands_for_another(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await product(ctx, caller, "mine")
    await product(ctx, stranger, "theirs")
    one = await devices.create_device(ctx, caller, c.CreateDevice(product_key="mine", name="one"))
    with pytest.raises(Conflict) as caught:
        await device(ctx, caller, "mine", "two", public_id="mine_one")
    assert caught.value.reason == "public_id_taken"
    # Of another account it takes nobody's place.
    other = await device(ctx, stranger, "theirs", "two", public_id="mine_one")
    assert (await show(ctx, caller, "mine_one")).device_id == one.device_id != other.device_id
    # Its own device of that product and name may have it.
    assert (await device(ctx, caller, "mine", "two", public_id="mine_two")).public_id == "mine_two"


async def test_an_id_is_one_devices_of_an_account_whoever_asks_first(
    ctx: Context, caller: Caller, stranger: Caller
) -> None:
    await product(ctx, caller, "mine")
    await product(ctx, caller, "mine2")
    await product(ctx, stranger, "theirs")
    made = await asyncio.gather(
        *(device(ctx, caller, "mine2", f"m{n}", public_id="x") for n in range(4)),
        *(device(ctx, caller, "mine", f"m{n}", public_id="x") for n in range(4)),
        *(device(ctx, stranger, "theirs", f"t{n}", public_id="x") for n in range(4)),
        return_exceptions=True,
    )
    refused = [each for each in made if isinstance(each, Conflict)]
    assert len(refused) == 10 and {each.reason for each in refused} == {"public_id_taken"}
    assert (await ask(ctx, "select count(*) from device"))[0]["count"] == 2


async def test_a_squatted_id_shuts_no_login_out(ctx: Context, caller: Caller, stranger: Caller) -> None:
    """A login says the id alone: every account's device of that id is tried, and the secret says which it is."""
    await product(ctx, caller, "mine")
    await product(ctx, stranger, "theirs")
    squatter = await device(ctx, stranger, "theirs", "one", public_id="x", secret="a-squatters-secret")
    owner = await device(ctx, caller, "mine", "one", public_id="x", secret="the-owners-secret")
    [found] = await logins.login_facts_by_name(ctx, ["x"])
    assert [(each.account_id, each.secret) for each in found] == [
        (stranger.account_id, "a-squatters-secret"), (caller.account_id, "the-owners-secret"),
    ]  # fmt: skip
    assert (await show(ctx, caller, "x")).device_id == owner.device_id
    assert (await show(ctx, stranger, "x")).device_id == squatter.device_id


async def test_a_deleted_devices_id_is_free_again(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await product(ctx, caller, "mine")
    await product(ctx, stranger, "theirs")
    await device(ctx, caller, "mine", "one", public_id="x")
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=by_id("x")))
    with pytest.raises(NotFound):
        await show(ctx, caller, "x")
    assert (await device(ctx, stranger, "theirs", "one", public_id="x")).product_key == "theirs"


async def test_every_use_of_a_device_takes_its_public_id(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await product(ctx, caller, "p")
    await device(ctx, caller, "p", "one")
    key = by_id("id-one")
    assert (await devices.show_device(ctx, caller, c.ShowDevice(device=key))).name == "one"
    await devices.update_devices(ctx, caller, c.UpdateDevices(changes=(c.DeviceChange(device=key, enabled=False),)))
    assert (await show(ctx, caller, "id-one")).status == "DISABLED"
    await tags.set_tags(ctx, caller, c.SetTags(device=key, tags={"a": "b"}, most=1))
    with pytest.raises(TooMany):
        await tags.set_tags(ctx, caller, c.SetTags(device=key, tags={"c": "d"}, most=1))
    with pytest.raises(NotFound):
        await tags.delete_tags(ctx, caller, c.DeleteTags(device=key, keys=("a", "c"), need_all=True))
    assert (await show(ctx, caller, "id-one")).tags == (("a", "b"),)
    for use, cmd in (
        (devices.update_devices, c.UpdateDevices(changes=(c.DeviceChange(device=key, enabled=True),))),
        (tags.set_tags, c.SetTags(device=key, tags={"x": "y"})),
        (devices.update_devices, c.UpdateDevices(changes=(c.DeviceChange(device=key, nickname="x"),))),
        (devices.reset_secret, c.ResetSecret(device=key)),
        (tags.delete_tags, c.DeleteTags(device=key, keys=("a",), need_all=True)),
        (groups.list_groups, c.ListGroups(asked=None, device=key)),
    ):
        with pytest.raises(NotFound):
            await use(ctx, stranger, cmd)  # type: ignore[operator]


async def test_devices_stand_behind_at_most_two(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await product(ctx, caller, "p")
    await product(ctx, stranger, "q")
    await device(ctx, caller, "p", "g")
    await device(ctx, caller, "p", "c", gateway_id="id-g")
    assert (await device(ctx, caller, "p", "d", gateway_id="id-c")).gateway_id == "id-c"
    with pytest.raises(TooMany):
        await device(ctx, caller, "p", "e", gateway_id="id-d")
    with pytest.raises(NotFound):
        await device(ctx, stranger, "q", "f", gateway_id="id-g")
    with pytest.raises(NotFound):
        await device(ctx, caller, "p", "h", gateway_id="id-h")
    assert (await ask(ctx, "select count(*) from device"))[0]["count"] == 3  # a refused one was never made
    with pytest.raises(Conflict) as caught:
        await devices.delete_device(ctx, caller, c.DeleteDevice(device=by_id("id-g"), keep_gateway=True))
    assert caught.value.reason == "gateway_has_devices"


# --- windows --------------------------------------------------------------------------------------------------------


async def test_windows_pass_every_device_once_even_those_of_one_moment(ctx: Context, caller: Caller) -> None:
    """Devices of several products, many made in the same microsecond, by every size of window."""
    dice = random.Random(7)
    for key in ("p", "q", "r"):
        await product(ctx, caller, key)
    for n in range(40):
        await devices.create_device(ctx, caller, c.CreateDevice(product_key=dice.choice("pqr"), name=f"device{n}"))
    await ask(ctx, "update device set created_at = date_trunc('minute', created_at)")
    for take in (1, 7, 40, 50):
        seen: list[int] = []
        below = None
        while True:
            cmd = c.ListDevices(asked=Slice(take=take, below=below), order="record")
            got = await device_search.list_devices(ctx, caller, cmd)
            assert got.total == 40 and len(got.items) <= take
            if not got.items:
                assert got.last is None
                break
            seen += [item.record for item in got.items]
            below = got.last
            assert below == seen[-1]
        assert len(seen) == 40 and seen == sorted(set(seen), reverse=True)
    skipped = await device_search.list_devices(
        ctx, caller, c.ListDevices(asked=Slice(take=5, below=seen[9], skip=3), order="record")
    )
    assert [item.record for item in skipped.items] == seen[13:18]
    beyond = await device_search.list_devices(
        ctx, caller, c.ListDevices(asked=Slice(take=50, below=1 << 96), order="record")
    )
    assert len(beyond.items) == 40
    none = await device_search.list_devices(ctx, caller, c.ListDevices(asked=Slice(take=50, below=0), order="record"))
    assert none.items == () and none.total == 40


async def test_windows_show_one_accounts_devices(ctx: Context, caller: Caller, stranger: Caller, clock: Clock) -> None:
    here = await space(ctx, caller)
    await product(ctx, caller, "p", space=here.key)
    await product(ctx, stranger, "s")
    await device(ctx, stranger, "s", "theirs")
    first = await device(ctx, caller, "p", "one", nickname="n")
    clock.move(hours=1)
    await device(ctx, caller, "p", "two")
    moment = first.created_at

    async def names(*filters: Condition, space: str | None = None) -> set[str]:
        cmd = c.ListDevices(asked=ALL, which=Both(filters), space=space, order="record")
        got = await device_search.list_devices(ctx, caller, cmd)
        assert got.total == len(got.items)
        return {item.name for item in got.items}

    assert await names() == await names(space=here.key) == {"one", "two"}
    assert await names(Compare("product_key", "=", ("p",))) == {"one", "two"}
    assert (
        await names(Compare("product_key", "=", ("s",))) == await names(Compare("gateway", "=", ("id-one",))) == set()
    )
    assert await names(Compare("name", "=", ("one",))) == await names(Compare("nickname", "=", ("n",))) == {"one"}
    assert await names(Compare("created_at", ">", (moment.isoformat(),))) == {"two"}
    later = (moment + timedelta(seconds=1)).isoformat()
    assert await names(Compare("created_at", "<", (later,))) == {"one"}
    with pytest.raises(NotFound):
        await names(space="unknown")


# --- search ---------------------------------------------------------------------------------------------------------


async def test_searches_by_the_fields_of_spaces(ctx: Context, caller: Caller) -> None:
    here = await space(ctx, caller)
    await product(ctx, caller, "p", space=here.key)
    await product(ctx, caller, "q")
    made = [await device(ctx, caller, "p", name, nickname="100%_x") for name in ("a", "b")]
    made.append(await device(ctx, caller, "p", "c", gateway_id="id-a"))
    made.append(await device(ctx, caller, "p", "d", gateway_id="id-c"))
    await devices.create_device(ctx, caller, c.CreateDevice(product_key="q", name="plain"))
    records = [str(item.record) for item in made]
    cases: list[tuple[Condition, str]] = [
        (EVERYONE, "a b c d plain"),
        (Compare("space", "=", (here.key,)), "a b c d"),
        (Compare("space", "!=", (here.key,)), "plain"),
        (Compare("public_id", "in", ("id-b", "q_plain", "none")), "b plain"),
        (Compare("public_id", "not in", ("id-b", "q_plain")), "a c d"),
        (Compare("gateway", "=", ("id-a",)), "c"),
        (Compare("gateway", "!=", ("id-a",)), "a b d plain"),
        (Compare("gateway", "=", ("",)), "a b plain"),
        (Compare("gateway", "in", ("", "id-c")), "a b d plain"),
        (Compare("behind", "=", ("id-a",)), "c d"),
        (Compare("nickname", "prefix", ("100%",)), "a b"),
        (Compare("nickname", "prefix", ("100_",)), ""),
        (Compare("name", "prefix", ("pl",)), "plain"),
        (Compare("record", "<", (records[1],)), "a"),
        (Compare("record", "<=", (records[1],)), "a b"),
        (Compare("record", ">", (records[1],)), "c d plain"),
        (Compare("record", ">=", (records[1],)), "b c d plain"),
        (Compare("record", "=", (records[2],)), "c"),
        (Compare("record", "!=", (records[2],)), "a b d plain"),
        (Compare("record", "in", (records[0], records[3])), "a d"),
        (Compare("record", "<", (str((1 << 96) - 1),)), "a b c d plain"),
        (Not(Either((Compare("name", "=", ("a",)), Compare("public_id", "=", ("id-b",))))), "c d plain"),
        (Both((Compare("gateway", "=", ("",)), Compare("public_id", "in", ("id-a", "id-c")))), "a"),
    ]
    for condition, names in cases:
        assert await found(ctx, caller, condition) == names.split(), condition
    assert await found(ctx, caller, EVERYONE, asked=Slice(take=2, skip=1)) == ["b", "c"]
    assert await found(ctx, caller, EVERYONE, order="record", asked=Slice(take=2)) == ["plain", "d"]
    counted = await device_search.list_devices(ctx, caller, c.ListDevices(asked=Slice(take=0)))
    assert (counted.total, counted.items) == (5, ())


@pytest.mark.parametrize(
    "condition",
    [
        Compare("public_id", "like", ("a%",)),
        Compare("gateway", ">", ("a",)),
        Compare("space", "prefix", ("a",)),
        Compare("record", "like", ("1",)),
        Compare("record", "=", ("x",)),
        Compare("record", "=", (str(1 << 96),)),
        Compare("created_at", "prefix", ("2026",)),
    ],
)
async def test_what_can_not_be_compared_is_refused(ctx: Context, caller: Caller, condition: Condition) -> None:
    with pytest.raises(Invalid):
        await found(ctx, caller, condition)


# --- groups ---------------------------------------------------------------------------------------------------------


async def test_members_that_must_all_have_room(ctx: Context, caller: Caller) -> None:
    await product(ctx, caller, "p")
    keys = [by_id((await device(ctx, caller, "p", f"d{n}")).public_id) for n in range(4)]
    group = await groups.create_group(ctx, caller, c.CreateGroup(name="g"))

    async def add(*devices: c.DeviceKey, most: int | None = 3) -> c.Enrolled:
        cmd = c.AddToGroup(group_id=group.group_id, devices=devices, need_all=True, most=most)
        return await group_members.add_to_group(ctx, caller, cmd)

    assert (await add(keys[0])).done == 1
    with pytest.raises(NotFound):
        await add(keys[1], by_id("none"))
    with pytest.raises(TooMany):
        await add(*keys[1:])
    at_once = await asyncio.gather(*(add(key) for key in keys), return_exceptions=True)
    assert sum(isinstance(each, TooMany) for each in at_once) == 1
    got = await device_search.list_devices(
        ctx, caller, c.ListDevices(asked=Slice(take=2), group_id=group.group_id, order="record")
    )
    assert got.total == 3 and len(got.items) == 2
    with pytest.raises(Conflict) as caught:
        await groups.delete_group(ctx, caller, c.DeleteGroup(group_id=group.group_id, only_empty=True))
    assert caught.value.reason == "group_not_empty"


async def test_a_device_that_must_be_added_is_in_few_groups(ctx: Context, caller: Caller) -> None:
    await product(ctx, caller, "p")
    key = by_id((await device(ctx, caller, "p", "one")).public_id)
    made = [await groups.create_group(ctx, caller, c.CreateGroup(name=f"g{n}")) for n in range(11)]
    for group in made[:10]:
        await group_members.add_to_group(
            ctx, caller, c.AddToGroup(group_id=group.group_id, devices=(key,), need_all=True)
        )
    with pytest.raises(TooMany):
        await group_members.add_to_group(
            ctx, caller, c.AddToGroup(group_id=made[10].group_id, devices=(key,), need_all=True)
        )


async def test_a_changed_group_is_listed_by_its_change(ctx: Context, caller: Caller, clock: Clock) -> None:
    old = await groups.create_group(ctx, caller, c.CreateGroup(name="old"))
    await groups.create_group(ctx, caller, c.CreateGroup(name="new"))
    moment = clock()
    await groups.update_group(ctx, caller, c.UpdateGroup(group_id=old.group_id, description="d"))
    got = await groups.list_groups(ctx, caller, c.ListGroups(asked=Slice(take=50), changed_after=moment))
    assert [(group.name, group.description) for group in got.items] == [("old", "d")]
    with pytest.raises(Conflict):
        await groups.update_group(ctx, caller, c.UpdateGroup(group_id=old.group_id, name="new"))


# --- logins ---------------------------------------------------------------------------------------------------------


async def test_logins_by_a_word_alone(ctx: Context, caller: Caller, stranger: Caller) -> None:
    """The device of that public id comes first; one known by product and name next; then those of that name."""
    await product(ctx, caller, "p")
    await product(ctx, stranger, "s")
    named = await device(ctx, stranger, "s", "word")
    chosen = await device(ctx, caller, "p", "other", public_id="word", secret="12345678")
    await devices.reset_secret(ctx, caller, c.ResetSecret(device=by_id("word"), secret="second-1", secondary=True))
    await devices.create_device(ctx, caller, c.CreateDevice(product_key="p", name="plain_one"))
    words = ["word", "p_plain_one", "none"]
    facts = dict(zip(words, await logins.login_facts_by_name(ctx, words), strict=True))
    assert [(f.name, f.public_id) for f in facts["word"]] == [("other", "word"), ("word", "id-word")]
    assert (facts["word"][0].secret, facts["word"][0].secondary_secret) == ("12345678", "second-1")
    assert [(f.name, f.public_id) for f in facts["p_plain_one"]] == [("plain_one", "p_plain_one")]
    assert facts["none"] == []
    by_chosen, by_named = await logins.login_facts(ctx, [chosen.device_id, named.device_id])
    assert by_chosen and by_chosen.secondary_secret == "second-1"
    assert by_named and by_named.public_id == "id-word"
