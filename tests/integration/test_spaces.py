"""Spaces and products: whose they are, what goes with them, which ids may be taken again."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from tests.integration.space_house import ask, by_id, device, product, space

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Denied, NotFound, TooMany
from upwell.domain.modules import STANDING
from upwell.service.context import Context
from upwell.service.manage import (
    device_search,
    devices,
    groups,
    modules,
    products,
    spaces,
    tags,
)
from upwell.service.manage.access import Caller
from upwell.service.upgrade import presence
from upwell.storage.database import Database
from upwell.storage.migrating import migrate
from upwell.storage.steps import migrations


async def test_every_account_has_a_default_space(ctx: Context, caller: Caller, stranger: Caller) -> None:
    [mine] = await spaces.list_spaces(ctx, caller, c.ListSpaces())
    [theirs] = await spaces.list_spaces(ctx, stranger, c.ListSpaces())
    assert mine.is_default and theirs.is_default and mine.key != theirs.key
    with pytest.raises(NotFound):
        await spaces.show_space(ctx, stranger, c.ShowSpace(space=mine.key))
    with pytest.raises(Conflict) as caught:
        await spaces.delete_space(ctx, caller, c.DeleteSpace(space=mine.key))
    assert caught.value.reason == "space_is_default"


async def test_what_was_there_before_lies_in_the_default_space(postgres: str) -> None:
    """The migration puts products, groups and modules of older versions into it, and changes nothing else of them."""
    admin = await asyncpg.connect(postgres)
    await admin.execute("create database before_spaces")
    dsn = postgres.replace("/upwell?", "/before_spaces?", 1)
    conn = await asyncpg.connect(dsn)
    await conn.execute("create table schema_version (version int primary key)")
    for version, text in migrations():
        if version < 5:
            await conn.execute(text)
            await conn.execute("insert into schema_version values ($1)", version)
    await conn.execute("insert into account values (7, 'old', now())")
    await conn.execute("insert into product values (1, 7, 'pk', 's', 'lamp', '{}', now())")
    await conn.execute(
        "insert into module select 1, 'mcu' || n, null, null, now(), now() from generate_series(1, 50) n"
    )
    await conn.execute("insert into device_group values (2, 7, 'g', '', 'static', null, null, null, now())")
    database = Database(dsn)
    await database.open()
    await migrate(database)
    ctx, caller = Context(database), Caller(7, "admin", "k", "huawei")
    [default] = await spaces.list_spaces(ctx, caller, c.ListSpaces())
    shown = await products.show_product(ctx, caller, c.ShowProduct(product_key="pk"))
    assert default.is_default and shown.space == default
    listed = await modules.list_modules(ctx, caller, c.ListModules(asked=Slice(take=100), space=default.key))
    assert listed.total == len({item.module_id for item in listed.items}) == 50
    found = await groups.list_groups(ctx, caller, c.ListGroups(asked=Slice(take=100), space=default.key))
    assert [group.group_id for group in found.items] == [2]
    await database.close()
    await conn.close()
    await admin.execute("drop database before_spaces with (force)")
    await admin.close()


async def test_spaces_made_at_once_are_no_more_than_allowed(ctx: Context, caller: Caller) -> None:
    made = await asyncio.gather(*(space(ctx, caller, most=4) for _ in range(8)), return_exceptions=True)
    refused = [each for each in made if isinstance(each, TooMany)]
    assert len(refused) == 5 and len(await spaces.list_spaces(ctx, caller, c.ListSpaces())) == 4


async def test_a_deleted_space_leaves_nothing_and_touches_no_other(ctx: Context, caller: Caller) -> None:
    going, staying = await space(ctx, caller), await space(ctx, caller)
    gone = await product(ctx, caller, "gone", space=going.key)
    stays = await product(ctx, caller, "stays", space=staying.key)
    for key in ("gone", "stays"):
        made = await device(ctx, caller, key, f"{key}-1")
        await device(ctx, caller, key, f"{key}-2", gateway_id=made.public_id)
        await tags.set_tags(ctx, caller, c.SetTags(device=by_id(made.public_id), tags={"a": "b"}))
        await modules.create_module(ctx, caller, c.CreateModule(product_key=key, name="mcu"))
    await groups.create_group(ctx, caller, c.CreateGroup(name="g", space=going.key))
    await spaces.delete_space(ctx, caller, c.DeleteSpace(space=going.key))
    for table, left in (("topology", 1), ("device_tag", 1), ("module", 1), ("device_group", 0)):
        assert (await ask(ctx, f"select count(*) from {table}"))[0]["count"] == left, table
    assert (await devices.show_device(ctx, caller, c.ShowDevice(device=by_id("id-stays-1")))).tags
    assert stays.space.key == staying.key and gone.space.key == going.key
    for cmd, use in (
        (c.ShowDevice(device=by_id("id-gone-1")), devices.show_device),
        (c.ShowProduct(product_key="gone"), products.show_product),
        (c.ShowSpace(space=going.key), spaces.show_space),
    ):
        with pytest.raises(NotFound):
            await use(ctx, caller, cmd)  # type: ignore[operator]


async def test_a_space_stays_while_an_upgrade_runs_in_it(ctx: Context, caller: Caller) -> None:
    here = await space(ctx, caller)
    await product(ctx, caller, "busy", space=here.key)
    await ask(
        ctx,
        "insert into job (job_id, account_id, product_id, package_id, kind, selection, status, created_at, modified_at)"
        " select 1, account_id, product_id, 1, 'static', 'ALL', 'IN_PROGRESS', now(), now() from product",
    )
    with pytest.raises(Conflict) as caught:
        await spaces.delete_space(ctx, caller, c.DeleteSpace(space=here.key))
    assert caught.value.reason == "space_has_running_job"
    await ask(ctx, "update job set status = 'COMPLETED'")
    await spaces.delete_space(ctx, caller, c.DeleteSpace(space=here.key))


async def test_nothing_is_put_into_a_space_that_goes(ctx: Context, caller: Caller) -> None:
    """Products made while their space is deleted are in it before, and go, or find no space."""
    for n in range(12):
        here = await space(ctx, caller)
        made = [product(ctx, caller, f"p{n}-{m}", space=here.key) for m in range(3)]
        await asyncio.gather(
            *made, spaces.delete_space(ctx, caller, c.DeleteSpace(space=here.key)), return_exceptions=True
        )
        assert not await ask(
            ctx, "select 1 from product where deleted_at is null and space_id not in (select space_id from space)"
        )


async def test_roles_of_spaces(ctx: Context, caller: Caller) -> None:
    operator = Caller(caller.account_id, "operator", "k", "huawei")
    viewer = Caller(caller.account_id, "viewer", "k", "huawei")
    [default] = await spaces.list_spaces(ctx, viewer, c.ListSpaces())
    with pytest.raises(Denied):
        await space(ctx, operator)
    with pytest.raises(Denied):
        await spaces.rename_space(ctx, operator, c.RenameSpace(space=default.key, name="x"))
    with pytest.raises(Denied):
        await product(ctx, viewer)
    await product(ctx, operator)


# --- product keys ---------------------------------------------------------------------------------------------------


async def test_a_key_is_one_products_whoever_asks_first(ctx: Context, caller: Caller, stranger: Caller) -> None:
    made = await asyncio.gather(
        *(product(ctx, who, "wanted") for who in (caller, stranger) for _ in range(4)), return_exceptions=True
    )
    refused = [each for each in made if isinstance(each, Conflict)]
    assert len(refused) == 7 and {each.reason for each in refused} == {"product_key_taken"}
    assert len({each.problem for each in refused}) == 1


async def test_a_deleted_products_key_is_its_owners_again(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await product(ctx, caller, "again")
    old = await device(ctx, caller, "again", "one")
    node, connection = uuid4(), uuid4()
    await presence.came_online(ctx, node, [(old.device_id, connection, "x")])
    await presence.went_offline(ctx, node, [(old.device_id, connection)])
    await ask(ctx, "update device set sdk_version = '1', secondary_secret = 's'")
    delete = c.DeleteProduct(product_key="again")
    with pytest.raises(Conflict):
        await products.delete_product(ctx, caller, delete)
    device_key = by_id(old.public_id)
    await devices.delete_device(ctx, caller, c.DeleteDevice(device=device_key))
    await products.delete_product(ctx, caller, delete)
    with pytest.raises(Conflict):
        await product(ctx, stranger, "again")
    await product(ctx, caller, "again")
    assert (
        await device_search.list_devices(ctx, caller, c.ListDevices(asked=Slice.of_page(1, 10), product_key="again"))
    ).total == 0
    new = await device(ctx, caller, "again", "one", public_id="other")
    assert new.device_id == old.device_id and new.record > old.record
    assert (new.status, new.sdk_version, new.secondary_secret) == ("UNACTIVE", None, None)
    assert new.secret != old.secret
    listed = await device_search.list_devices(
        ctx, caller, c.ListDevices(asked=Slice.of_page(1, 10), product_key="again")
    )
    assert [item.name for item in listed.items] == ["one"]


async def test_a_product_of_any_dialect_is_in_both_views(ctx: Context, caller: Caller) -> None:
    theirs = await products.create_product(
        ctx, caller, c.CreateProduct(name="lamp", unique_name=True, facts={"NodeType": 1})
    )
    ours = await product(ctx, caller)
    assert ours.name == theirs.name
    listed = await products.list_products(ctx, caller, c.ListProducts(asked=Slice.of_page(1, 10)))
    scanned = await products.list_products(ctx, caller, c.ListProducts(asked=Slice(take=10), name="lamp"))
    keys = [ours.product_key, theirs.product_key]
    assert [item.product_key for item in listed.items] == keys
    assert [item.product_key for item in scanned.items] == keys and scanned.total == 2
    with pytest.raises(Conflict):
        await products.create_product(ctx, caller, c.CreateProduct(name="lamp", unique_name=True))


async def test_a_product_takes_a_name_that_another_dialects_product_has(ctx: Context, caller: Caller) -> None:
    """Huawei's names tell no products apart (huawei 4.1); Alibaba's do, among those that it named."""
    made = [
        await products.create_product(ctx, caller, c.CreateProduct(name=name, unique_name=True))
        for name in ("one", "two")
    ]
    key = made[1].product_key
    change = c.UpdateProduct(product_key=key, name="one")
    assert (await products.update_product(ctx, caller, change)).name == "one"
    with pytest.raises(Conflict):
        await products.create_product(ctx, caller, c.CreateProduct(name="one", unique_name=True))
    same = c.UpdateProduct(product_key=made[0].product_key, name="one")
    await products.update_product(ctx, caller, same)
    with pytest.raises(Conflict):
        await products.create_product(ctx, caller, c.CreateProduct(name="one", unique_name=True))


async def test_windows_of_products(ctx: Context, caller: Caller) -> None:
    keys = [(await product(ctx, caller)).product_key for _ in range(5)][::-1]

    async def window(**how: int) -> tuple[list[str], int | None]:
        cmd = c.ListProducts(asked=Slice(**{"take": 2, **how}))
        got = await products.list_products(ctx, caller, cmd)
        assert got.total == 5
        return [item.product_key for item in got.items], got.last

    first, last = await window()
    assert first == keys[:2] and last is not None
    assert (await window(below=last))[0] == keys[2:4]
    assert (await window(below=last, skip=2))[0] == keys[4:]
    assert (await window(below=1 << 95))[0] == keys[:2]
    assert await window(below=0) == ([], None)


# --- modules --------------------------------------------------------------------------------------------------------


async def test_modules_have_numbers_whoever_made_them(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await product(ctx, caller, "p")
    await modules.create_module(ctx, caller, c.CreateModule(product_key="p", name="mcu", alias="a"))
    await modules.create_module(ctx, caller, c.CreateModule(product_key="p", name="software"))
    [one] = (await modules.list_modules(ctx, caller, c.ListModules(asked=Slice(take=10)))).items
    key = c.ModuleKey(module_id=one.module_id)
    assert (one.name, one.alias, one.space.is_default) == ("mcu", "a", True)
    changed = await modules.update_module(ctx, caller, c.UpdateModule(module=key, description="d"))
    assert (changed.alias, changed.description) == ("a", "d")
    with pytest.raises(NotFound):
        await modules.show_module(ctx, stranger, c.ShowModule(module=key))
    with pytest.raises(NotFound):
        await modules.delete_module(ctx, stranger, c.DeleteModule(module=key))
    await ask(
        ctx,
        "insert into package (package_id, account_id, product_id, name, module, version, status, object_key, size, md5,"
        " sha256, url, created_at, modified_at)"
        " select 1, account_id, product_id, 'f', 'mcu', '1', 'exempt', 'k', 1, '', '', '', now(), now() from product",
    )
    with pytest.raises(Conflict) as caught:
        await modules.delete_module(ctx, caller, c.DeleteModule(module=key))
    assert caught.value.reason == "module_in_use"
    for name in ("default", "Software"):
        with pytest.raises(Conflict):
            await modules.create_module(ctx, caller, c.CreateModule(product_key="p", name=name, standing=STANDING))
