"""Devices registered in batches whose names were checked before."""

import asyncio
from collections.abc import Sequence

import pytest

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Denied, Invalid, NotFound
from upwell.service.context import Context
from upwell.service.manage import device_search, devices, products, registration
from upwell.service.manage.access import Caller
from upwell.service.upgrade import logins

pytestmark = pytest.mark.asyncio


async def a_product(ctx: Context, caller: Caller) -> str:
    return (await products.create_product(ctx, caller, c.CreateProduct(name="lamp"))).product_key


async def check(ctx: Context, caller: Caller, key: str, *names: str | tuple[str, str | None]) -> c.Registration:
    pairs = tuple((n, None) if isinstance(n, str) else n for n in names)
    return await registration.check_device_names(ctx, caller, c.CheckDeviceNames(product_key=key, names=pairs))


async def register(ctx: Context, caller: Caller, key: str, apply_id: int) -> c.Registration:
    return await registration.register_devices(ctx, caller, c.RegisterDevices(product_key=key, apply_id=apply_id))


async def shown(ctx: Context, caller: Caller, key: str, apply_id: int) -> c.Registration:
    return await registration.show_registration(ctx, caller, c.ShowRegistration(product_key=key, apply_id=apply_id))


async def a_device(ctx: Context, caller: Caller, key: str, name: str) -> c.Device:
    return await devices.create_device(ctx, caller, c.CreateDevice(product_key=key, name=name))


async def names_of(ctx: Context, caller: Caller, key: str) -> set[str]:
    page = await device_search.list_devices(ctx, caller, c.ListDevices(asked=Slice.of_page(1, 100), product_key=key))
    return {d.name for d in page.items}


async def test_an_apply_id_is_a_number_that_javascript_holds(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 11: the vendor types ApplyId as a number, and its Node SDK keeps it in a double."""
    key = await a_product(ctx, caller)
    checked = await check(ctx, caller, key, "number-1")
    made = await registration.register_devices(ctx, caller, c.RegisterDevices(product_key=key, count=1))
    for apply_id in (checked.apply_id, made.apply_id):
        assert int(float(apply_id)) == apply_id and 0 < apply_id < 10**15
    assert (await shown(ctx, caller, key, made.apply_id)).names == made.names


async def test_a_check_sorts_the_names(ctx: Context, caller: Caller) -> None:
    key = await a_product(ctx, caller)
    await a_device(ctx, caller, key, "taken")
    gone = await a_device(ctx, caller, key, "gone")
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=c.DeviceKey(iot_id=gone.iot_id)))
    given: Sequence[str | tuple[str, str | None]] = (
        "good", "taken", "twice", ("a-_@.:9", "nick"), "bad", "no blank", "x" * 33, "x" * 32, "twice", "gone",
        ("nick1", "abc"), ("nick2", "x" * 65), ("nick3", "四个汉字"), ("bad", "abc"), "café1", "line\n",
    )  # fmt: skip
    checked = await check(ctx, caller, key, *given)
    assert checked.invalid_names == ("bad", "no blank", "x" * 33, "café1", "line\n")
    assert checked.repeated_names == ("taken", "twice")
    assert checked.invalid_nicknames == ("abc", "x" * 65)
    kept = await shown(ctx, caller, key, checked.apply_id)
    assert (kept.status, kept.asked) == ("CHECK_SUCCESS", len(given))
    assert kept.names == ("good", "a-_@.:9", "x" * 32, "gone", "nick3")
    assert set(kept.refused) == {
        "taken", "twice", "bad", "no blank", "x" * 33, "nick1", "nick2", "café1", "line\n"
    }  # fmt: skip
    assert await names_of(ctx, caller, key) == {"taken"}  # a check makes nothing


async def test_checked_names_are_registered_once(ctx: Context, caller: Caller) -> None:
    key = await a_product(ctx, caller)
    checked = await check(ctx, caller, key, ("dev2", "nick2"), "dev1", "bad")
    made = await register(ctx, caller, key, checked.apply_id)
    assert (made.status, made.names, made.refused) == ("CREATE_SUCCESS", ("dev2", "dev1"), ("bad",))
    page = await device_search.list_devices(
        ctx, caller, c.ListDevices(asked=Slice.of_page(1, 9), apply_id=checked.apply_id)
    )
    assert [(d.name, d.nickname) for d in page.items] == [("dev2", "nick2"), ("dev1", None)]
    assert len({d.secret for d in page.items}) == 2
    assert None not in await logins.login_facts(ctx, [d.device_id for d in page.items])
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=c.DeviceKey(iot_id=page.items[0].iot_id)))
    assert await register(ctx, caller, key, checked.apply_id) == made
    assert await names_of(ctx, caller, key) == {"dev1"}


async def test_names_taken_meanwhile_are_refused(ctx: Context, caller: Caller) -> None:
    key = await a_product(ctx, caller)
    checked = await check(ctx, caller, key, "dev1", "dev2", "dev3")
    kept = await a_device(ctx, caller, key, "dev2")
    made = await register(ctx, caller, key, checked.apply_id)
    assert (made.status, made.names, made.refused) == ("CREATE_FAILED", ("dev1", "dev3"), ("dev2",))
    assert await shown(ctx, caller, key, checked.apply_id) == made
    still = await devices.show_device(ctx, caller, c.ShowDevice(device=c.DeviceKey(iot_id=kept.iot_id)))
    assert still == kept  # whoever had the name keeps device and secret
    none = await check(ctx, caller, key, "bad")
    assert (await register(ctx, caller, key, none.apply_id)).status == "CREATE_FAILED"


async def test_one_check_registered_by_several_at_once(ctx: Context, caller: Caller) -> None:
    key = await a_product(ctx, caller)
    names = [f"dev{n:03}" for n in range(300)]
    checked = await check(ctx, caller, key, *names)
    made = await asyncio.gather(*(register(ctx, caller, key, checked.apply_id) for _ in range(4)))
    assert all(m == made[0] for m in made) and made[0].status == "CREATE_SUCCESS" and made[0].names == tuple(names)
    async with ctx.database.connection() as conn:
        assert await conn.fetchval("select count(*) from registered") == 300


async def test_two_checks_of_the_same_names_race(ctx: Context, caller: Caller) -> None:
    key = await a_product(ctx, caller)
    names = [f"dev{n:03}" for n in range(300)]
    one, two = await check(ctx, caller, key, *names), await check(ctx, caller, key, *reversed(names))
    made = await asyncio.gather(*(register(ctx, caller, key, x.apply_id) for x in (one, two)))
    assert sorted(m.status for m in made) == ["CREATE_FAILED", "CREATE_SUCCESS"]
    assert sorted(made[0].names + made[1].names) == names
    assert sorted(made[0].refused + made[1].refused) == names


async def test_ten_thousand_names(ctx: Context, caller: Caller) -> None:
    key = await a_product(ctx, caller)
    names = [f"device-{n:05}" for n in range(10_000)]
    checked = await check(ctx, caller, key, *names)
    made = await register(ctx, caller, key, checked.apply_id)
    assert made.status == "CREATE_SUCCESS" and made.names == tuple(names)
    again = await check(ctx, caller, key, *names)
    assert again.repeated_names == tuple(names)
    for given in ([], [*names, "one-more"]):
        with pytest.raises(Invalid) as refused:
            await check(ctx, caller, key, *given)
        assert refused.value.field == "names"


async def test_other_batches_and_other_accounts_are_not_found(ctx: Context, caller: Caller, stranger: Caller) -> None:
    key, theirs = await a_product(ctx, caller), await a_product(ctx, stranger)
    checked = await check(ctx, caller, key, "dev1")
    made_up = await registration.register_devices(ctx, caller, c.RegisterDevices(product_key=key, count=1))
    for who, product_key, apply_id in (
        (stranger, key, checked.apply_id),
        (stranger, theirs, checked.apply_id),
        (caller, key, made_up.apply_id),  # was never checked
        (caller, key, 77),
        (caller, "nobody", checked.apply_id),
    ):
        with pytest.raises(NotFound):
            await register(ctx, who, product_key, apply_id)
    for attempt in (check(ctx, stranger, key, "dev1"), shown(ctx, stranger, key, checked.apply_id)):
        with pytest.raises(NotFound):
            await attempt
    viewer = Caller(caller.account_id, "viewer", "k", "alibaba")
    for forbidden in (check(ctx, viewer, key, "dev1"), register(ctx, viewer, key, checked.apply_id)):
        with pytest.raises(Denied):
            await forbidden
    assert "dev1" not in await names_of(ctx, caller, key)
