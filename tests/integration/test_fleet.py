"""Products, devices and presence on the real database."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Clock
from counting import recount

from upwell.domain import commands
from upwell.domain import fleet as names
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import CallerError, Conflict, Denied, Invalid, Missing, NotFound
from upwell.service.context import Context
from upwell.service.manage import access, device_search, devices, products, registration
from upwell.service.upgrade import logins, presence
from upwell.storage.database import Row

pytestmark = pytest.mark.asyncio
AS_ALIBABA: Any = {"unique_name": True, "key_head": "a1", "key_size": 11}


async def a_product(ctx: Context, caller: access.Caller, name: str = "lamp", **facts: object) -> commands.Product:
    return await products.create_product(ctx, caller, commands.CreateProduct(name=name, facts=facts, **AS_ALIBABA))


async def a_device(
    ctx: Context, caller: access.Caller, product: commands.Product, name: str | None = None
) -> commands.Device:
    cmd = commands.CreateDevice(product_key=product.product_key, name=name)
    return await devices.create_device(ctx, caller, cmd)


async def show(ctx: Context, caller: access.Caller, device: commands.Device) -> commands.Device:
    return await devices.show_device(ctx, caller, commands.ShowDevice(device=commands.DeviceKey(iot_id=device.iot_id)))


async def delete(ctx: Context, caller: access.Caller, key: commands.DeviceKey) -> None:
    await devices.delete_device(ctx, caller, commands.DeleteDevice(device=key))


async def a_task(
    ctx: Context, device_id: UUID, state: str = "QUEUED", need_push: bool = True, due_at: datetime | None = None
) -> int:
    job_id = ctx.new_id()
    async with ctx.database.connection() as conn:
        await conn.execute(
            "insert into job (job_id, account_id, product_id, package_id, kind, selection, status, need_push,"
            " created_at, modified_at) values ($1, 1, 1, 1, 'static', 'ALL', 'IN_PROGRESS', $2, $3, $3)",
            job_id, need_push, ctx.now(),
        )  # fmt: skip
        await conn.execute(
            "insert into task (device_id, job_id, module, slot, state, due_at, created_at, modified_at)"
            " values ($1, $2, 'default', $3, $4, $5, $6, $6)",
            device_id, job_id, str(job_id), state, due_at, ctx.now(),
        )  # fmt: skip
    await recount(ctx)
    return job_id


async def the_task(ctx: Context, job_id: int) -> Row:
    async with ctx.database.connection() as conn:
        [row] = await conn.fetch("select node_id, due_at from task where job_id = $1", job_id)
    return row


async def test_iot_id_leads_back_to_the_device() -> None:
    for n in range(200):
        device_id = names.device_id("a1product", f"dev{n}")
        public = names.iot_id(device_id, "saltsalt")
        assert len(public) == 30 and public.isalnum() and names.device_of_iot_id(public) == device_id
    assert names.device_of_iot_id("z" * 30) is None
    assert names.device_of_iot_id("short") is None
    assert names.device_of_iot_id("-" * 30) is None


async def test_product_is_made_shown_changed_and_deleted(ctx: Context, caller: access.Caller) -> None:
    made = await a_product(ctx, caller, node=0, net="WIFI")
    assert made.product_key.startswith("a1") and len(made.product_key) == 11 and len(made.product_secret) == 16
    cmd = commands.UpdateProduct(product_key=made.product_key, name="lamp2", facts={"net": "OTHER"})
    await products.update_product(ctx, caller, cmd)
    shown = await products.show_product(ctx, caller, commands.ShowProduct(product_key=made.product_key))
    assert (shown.name, shown.facts, shown.device_count) == ("lamp2", {"node": 0, "net": "OTHER"}, 0)
    await products.delete_product(ctx, caller, commands.DeleteProduct(product_key=made.product_key))
    with pytest.raises(NotFound):
        await products.show_product(ctx, caller, commands.ShowProduct(product_key=made.product_key))
    await a_product(ctx, caller, "lamp2")  # the name is free again


async def test_product_name_is_unique_in_the_account(
    ctx: Context, caller: access.Caller, stranger: access.Caller
) -> None:
    await a_product(ctx, caller)
    other = await a_product(ctx, caller, "other")
    await a_product(ctx, stranger)
    with pytest.raises(Conflict) as refused:
        await a_product(ctx, caller)
    assert refused.value.reason == "product_name_taken"
    with pytest.raises(Conflict) as refused:
        cmd = commands.UpdateProduct(product_key=other.product_key, name="lamp", unique_name=True)
        await products.update_product(ctx, caller, cmd)
    assert refused.value.reason == "product_name_taken"


async def test_products_are_paged_newest_first_and_filtered(
    ctx: Context, caller: access.Caller, stranger: access.Caller
) -> None:
    await a_product(ctx, stranger)
    for n in range(5):
        await a_product(ctx, caller, f"p{n}", even=n % 2 == 0)
    page = await products.list_products(ctx, caller, commands.ListProducts(asked=Slice.of_page(2, 2)))
    assert ([p.name for p in page.items], page.total) == (["p2", "p1"], 5)
    page = await products.list_products(
        ctx, caller, commands.ListProducts(asked=Slice.of_page(1, 9), facts={"even": True})
    )
    assert ([p.name for p in page.items], page.total) == (["p4", "p2", "p0"], 3)
    page = await products.list_products(ctx, caller, commands.ListProducts(asked=Slice.of_page(9, 9)))
    assert (page.items, page.total) == ((), 5)


async def test_product_with_devices_stays(ctx: Context, caller: access.Caller) -> None:
    product = await a_product(ctx, caller)
    device = await a_device(ctx, caller, product)
    cmd = commands.DeleteProduct(product_key=product.product_key)
    with pytest.raises(Conflict) as refused:
        await products.delete_product(ctx, caller, cmd)
    assert refused.value.reason == "product_has_devices"
    await delete(ctx, caller, commands.DeviceKey(iot_id=device.iot_id))
    await products.delete_product(ctx, caller, cmd)


async def test_racing_registration_and_product_deletion_never_both_win(ctx: Context, caller: access.Caller) -> None:
    for n in range(10):
        product = await a_product(ctx, caller, f"race{n}")
        got = await asyncio.gather(
            a_device(ctx, caller, product),
            products.delete_product(ctx, caller, commands.DeleteProduct(product_key=product.product_key)),
            return_exceptions=True,
        )
        assert [isinstance(g, CallerError) for g in got].count(True) == 1


async def test_device_name_is_unique_and_comes_back_as_a_new_device(ctx: Context, caller: access.Caller) -> None:
    product = await a_product(ctx, caller)
    first = await a_device(ctx, caller, product, "dev1")
    with pytest.raises(Conflict) as refused:
        await a_device(ctx, caller, product, "dev1")
    assert refused.value.reason == "device_name_taken"
    await delete(ctx, caller, commands.DeviceKey(product_key=product.product_key, name="dev1"))
    assert await logins.login_facts(ctx, [first.device_id]) == [None]
    second = await a_device(ctx, caller, product, "dev1")
    assert second.device_id == first.device_id and second.status == "UNACTIVE"
    assert second.secret != first.secret and second.iot_id != first.iot_id
    with pytest.raises(NotFound):
        await show(ctx, caller, first)  # the old public id was taken away
    with pytest.raises(NotFound):
        await delete(ctx, caller, commands.DeviceKey(iot_id=first.iot_id))


async def test_batch_of_ten_thousand(ctx: Context, caller: access.Caller) -> None:
    product = await a_product(ctx, caller)
    cmd = commands.RegisterDevices(product_key=product.product_key, count=10_000)
    made = await registration.register_devices(ctx, caller, cmd)
    shown = await registration.show_registration(
        ctx, caller, commands.ShowRegistration(apply_id=made.apply_id, product_key=product.product_key)
    )
    assert shown == made and made.status == "CREATE_SUCCESS" and len(set(made.names)) == 10_000
    page = await device_search.list_devices(
        ctx, caller, commands.ListDevices(asked=Slice.of_page(200, 50), apply_id=made.apply_id)
    )
    assert page.total == 10_000 and tuple(d.name for d in page.items) == made.names[-50:]
    assert await logins.login_facts(ctx, [names.device_id(product.product_key, made.names[0])]) != [None]
    for count in (0, 10_001):
        with pytest.raises(Invalid):
            cmd = commands.RegisterDevices(product_key=product.product_key, count=count)
            await registration.register_devices(ctx, caller, cmd)


async def test_devices_are_paged_newest_first(ctx: Context, caller: access.Caller) -> None:
    product = await a_product(ctx, caller)
    for n in range(5):
        await a_device(ctx, caller, product, f"dev{n}")
    await delete(ctx, caller, commands.DeviceKey(product_key=product.product_key, name="dev3"))
    cmd = commands.ListDevices(asked=Slice.of_page(1, 3), product_key=product.product_key)
    page = await device_search.list_devices(ctx, caller, cmd)
    assert ([d.name for d in page.items], page.total) == (["dev4", "dev2", "dev1"], 4)


async def test_devices_are_shown_in_the_order_asked(ctx: Context, caller: access.Caller) -> None:
    product = await a_product(ctx, caller)
    one, two = await a_device(ctx, caller, product, "one1"), await a_device(ctx, caller, product, "two2")
    keys = (
        commands.DeviceKey(iot_id=two.iot_id),
        commands.DeviceKey(iot_id="nonsense"),
        commands.DeviceKey(product_key=product.product_key, name="nobody"),
        commands.DeviceKey(product_key=product.product_key, name="one1"),
    )
    assert await devices.show_devices(ctx, caller, commands.ShowDevices(devices=keys)) == (two, one)
    with pytest.raises(Missing):
        await devices.show_device(ctx, caller, commands.ShowDevice(device=commands.DeviceKey(name="one1")))


async def test_stranger_sees_and_changes_nothing(ctx: Context, caller: access.Caller, stranger: access.Caller) -> None:
    product = await a_product(ctx, caller)
    device = await a_device(ctx, caller, product, "dev1")
    batch = await registration.register_devices(
        ctx, caller, commands.RegisterDevices(product_key=product.product_key, count=1)
    )
    pk, key = product.product_key, commands.DeviceKey(iot_id=device.iot_id)
    tries = [
        products.show_product(ctx, stranger, commands.ShowProduct(product_key=pk)),
        products.update_product(ctx, stranger, commands.UpdateProduct(product_key=pk, name="mine")),
        products.delete_product(ctx, stranger, commands.DeleteProduct(product_key=pk)),
        a_device(ctx, stranger, product, "dev2"),
        registration.register_devices(ctx, stranger, commands.RegisterDevices(product_key=pk, count=1)),
        registration.show_registration(
            ctx, stranger, commands.ShowRegistration(apply_id=batch.apply_id, product_key=pk)
        ),
        device_search.list_devices(
            ctx, stranger, commands.ListDevices(asked=Slice.of_page(1, 1), apply_id=batch.apply_id)
        ),
        device_search.list_devices(ctx, stranger, commands.ListDevices(asked=Slice.of_page(1, 1), product_key=pk)),
        show(ctx, stranger, device),
        delete(ctx, stranger, key),
        devices.update_devices(
            ctx, stranger, commands.UpdateDevices(changes=(commands.DeviceChange(device=key, enabled=False),))
        ),
    ]
    for attempt in tries:
        with pytest.raises(NotFound):
            await attempt
    assert (await show(ctx, caller, device)) == device


async def test_viewer_changes_nothing(ctx: Context, caller: access.Caller) -> None:
    product = await a_product(ctx, caller)
    viewer = access.Caller(caller.account_id, "viewer", "k", "alibaba")
    with pytest.raises(Denied):
        await a_device(ctx, viewer, product)
    with pytest.raises(Denied):
        await a_product(ctx, viewer, "p2")
    assert await products.show_product(ctx, viewer, commands.ShowProduct(product_key=product.product_key)) == product


async def test_status_follows_the_connection(ctx: Context, caller: access.Caller) -> None:
    product = await a_product(ctx, caller)
    device = await a_device(ctx, caller, product)
    node, old, new = uuid4(), uuid4(), uuid4()
    assert device.status == "UNACTIVE" and device.activated_at is None
    await presence.came_online(ctx, node, [(device.device_id, old, "10.0.0.1"), (uuid4(), uuid4(), "")])
    online = await show(ctx, caller, device)
    assert (online.status, online.address) == ("ONLINE", "10.0.0.1") and online.activated_at == online.online_at
    await presence.came_online(ctx, node, [(device.device_id, uuid4(), "x"), (device.device_id, new, "10.0.0.2")])
    await presence.went_offline(ctx, node, [(device.device_id, old)])
    still = await show(ctx, caller, device)
    assert (still.status, still.address, still.activated_at) == ("ONLINE", "10.0.0.2", online.activated_at)
    await presence.went_offline(ctx, node, [(device.device_id, new)])
    offline = await show(ctx, caller, device)
    assert offline.status == "OFFLINE" and offline.offline_at is not None
    key = commands.DeviceKey(iot_id=device.iot_id)
    await devices.update_devices(
        ctx, caller, commands.UpdateDevices(changes=(commands.DeviceChange(device=key, enabled=False),))
    )
    assert (await show(ctx, caller, device)).status == "DISABLED"
    [facts] = await logins.login_facts(ctx, [device.device_id])
    assert facts is not None and not facts.enabled


async def test_open_tasks_follow_their_device(ctx: Context, caller: access.Caller, clock: Clock) -> None:
    product = await a_product(ctx, caller)
    device = await a_device(ctx, caller, product)
    later, node, connection = ctx.now() + timedelta(minutes=10), uuid4(), uuid4()
    due = await a_task(ctx, device.device_id)
    waiting = await a_task(ctx, device.device_id, due_at=later)
    unpushed = await a_task(ctx, device.device_id, need_push=False)
    confirm = await a_task(ctx, device.device_id, "CONFIRM")
    ended = await a_task(ctx, device.device_id, "FAILED")
    began = ctx.now()
    await presence.came_online(ctx, node, [(device.device_id, connection, "x")])
    came = timedelta(seconds=2) + began, timedelta(seconds=2) + clock.moment
    found = {job: await the_task(ctx, job) for job in (due, waiting, unpushed, confirm, ended)}
    assert [row["node_id"] for row in found.values()] == [node, node, node, node, None]
    assert came[0] <= found[due]["due_at"] <= came[1] < came[0] + timedelta(seconds=1)
    assert [found[job]["due_at"] for job in (waiting, unpushed, confirm, ended)] == [later, None, None, None]
    await presence.went_offline(ctx, uuid4(), [(device.device_id, connection)])
    await presence.went_offline(ctx, node, [(device.device_id, uuid4())])
    assert (await the_task(ctx, due))["node_id"] == node
    await presence.went_offline(ctx, node, [(device.device_id, connection)])
    assert (await the_task(ctx, due))["node_id"] is None and (await the_task(ctx, waiting))["due_at"] == later


async def test_firmware_version_is_the_default_module(ctx: Context, caller: access.Caller) -> None:
    product = await a_product(ctx, caller)
    device = await a_device(ctx, caller, product)
    async with ctx.database.connection() as conn:
        for module, version in (("default", "1.0"), ("mcu", "9")):
            row = (device.device_id, module, version, ctx.now())
            await conn.execute("insert into module_version values ($1, $2, $3, $4)", *row)
    await recount(ctx)
    assert (await show(ctx, caller, device)).firmware_version == "1.0"
