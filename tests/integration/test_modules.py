"""Modules of products on the real database."""

import asyncio

import pytest
from conftest import Clock
from counting import recount
from test_packages import a_file

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import CallerError, Conflict, Denied, NotFound, TooMany
from upwell.service.context import Context
from upwell.service.manage import devices, modules, packages, products
from upwell.service.manage.access import Caller

pytestmark = pytest.mark.asyncio


async def a_product(ctx: Context, caller: Caller, name: str = "lamp") -> c.Product:
    return await products.create_product(ctx, caller, c.CreateProduct(name=name))


async def a_module(ctx: Context, caller: Caller, product: c.Product, name: str = "mcu") -> None:
    await modules.create_module(ctx, caller, c.CreateModule(product_key=product.product_key, name=name))


async def a_package(ctx: Context, caller: Caller, product: c.Product | None, module: str, name: str = "pack") -> int:
    cmd = c.CreatePackage(
        name=name,
        version="2.0",
        url=await a_file(ctx, caller),
        product_key=product and product.product_key,
        module=module,
    )
    return (await packages.create_package(ctx, caller, cmd)).package_id


def key_of(product: c.Product, name: str) -> c.ModuleKey:
    return c.ModuleKey(product_key=product.product_key, name=name)


async def listed(ctx: Context, caller: Caller, product: c.Product) -> tuple[c.Module, ...]:
    return (await modules.list_modules(ctx, caller, c.ListModules(product_key=product.product_key))).items


async def delete(ctx: Context, caller: Caller, product: c.Product, name: str) -> None:
    await modules.delete_module(ctx, caller, c.DeleteModule(module=key_of(product, name)))


async def test_modules_are_listed_default_first(ctx: Context, caller: Caller, clock: Clock) -> None:
    product = await a_product(ctx, caller)
    for name in ("mcu", "a.b-c_1"):
        await a_module(ctx, caller, product, name)
    clock.move(minutes=1)
    key = product.product_key
    await modules.update_module(ctx, caller, c.UpdateModule(module=key_of(product, "mcu"), alias="chip"))
    await modules.update_module(ctx, caller, c.UpdateModule(module=key_of(product, "mcu"), description="the chip"))
    whole, other, chip = await listed(ctx, caller, product)
    assert (whole.name, whole.created_at, whole.modified_at) == ("default", product.created_at, product.created_at)
    assert (other.name, other.alias, other.description) == ("a.b-c_1", None, None)
    assert (chip.name, chip.alias, chip.description, chip.product_key) == ("mcu", "chip", "the chip", key)
    assert chip.modified_at > chip.created_at
    await delete(ctx, caller, product, "mcu")
    assert [m.name for m in await listed(ctx, caller, product)] == ["default", "a.b-c_1"]


async def test_names_are_unique_whatever_their_case(ctx: Context, caller: Caller) -> None:
    product = await a_product(ctx, caller)
    await a_module(ctx, caller, product, "mcu")
    await a_module(ctx, caller, await a_product(ctx, caller, "plug"), "mcu")
    for name, reason in (
        ("MCU", "module_name_taken"),
        ("default", "module_is_default"),
        ("Default", "module_is_default"),
    ):
        with pytest.raises(Conflict) as refused:
            await a_module(ctx, caller, product, name)
        assert refused.value.reason == reason
    raced = await asyncio.gather(
        *(a_module(ctx, caller, product, n) for n in ("gps", "GPS", "Gps")), return_exceptions=True
    )
    assert [isinstance(r, Conflict) for r in raced].count(False) == 1


async def test_default_stays_as_it_is(ctx: Context, caller: Caller) -> None:
    product = await a_product(ctx, caller)
    for attempt in (
        modules.update_module(ctx, caller, c.UpdateModule(module=key_of(product, "default"), alias="x")),
        delete(ctx, caller, product, "default"),
    ):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert refused.value.reason == "module_is_default"


async def test_a_product_has_ten_modules_whoever_races(ctx: Context, caller: Caller) -> None:
    product = await a_product(ctx, caller)
    got = await asyncio.gather(*(a_module(ctx, caller, product, f"m{n}") for n in range(14)), return_exceptions=True)
    assert [isinstance(g, TooMany) for g in got].count(True) == 4
    assert len(await listed(ctx, caller, product)) == 11


async def test_a_module_that_packages_install_stays(ctx: Context, caller: Caller) -> None:
    product = await a_product(ctx, caller)
    await a_module(ctx, caller, product)
    package_id = await a_package(ctx, caller, product, "mcu")
    with pytest.raises(Conflict) as refused:
        await delete(ctx, caller, product, "mcu")
    assert refused.value.reason == "module_in_use"
    await packages.delete_package(ctx, caller, c.DeletePackage(package_id=package_id))
    await delete(ctx, caller, product, "mcu")
    with pytest.raises(NotFound):
        await delete(ctx, caller, product, "mcu")


async def test_a_package_is_for_a_module_that_exists(ctx: Context, caller: Caller) -> None:
    product, other = await a_product(ctx, caller), await a_product(ctx, caller, "plug")
    await a_module(ctx, caller, product)
    for wrong, module in ((product, "gps"), (other, "mcu"), (None, "mcu")):
        with pytest.raises(NotFound) as refused:
            await a_package(ctx, caller, wrong, module)
        assert refused.value.kind == "module"
    await a_package(ctx, caller, product, "mcu")
    await a_package(ctx, caller, None, "default", "whole")


async def test_a_module_is_the_same_in_any_case_wherever_it_is_named(ctx: Context, caller: Caller) -> None:
    """Issue 9, number 21: alibaba 2.2 has `scanner` and `Scanner` as one name."""
    product = await a_product(ctx, caller)
    await a_module(ctx, caller, product, "Scanner")
    await modules.update_module(ctx, caller, c.UpdateModule(module=key_of(product, "SCANNER"), alias="eye"))
    [default, scanner] = await listed(ctx, caller, product)
    assert (default.name, scanner.name, scanner.alias) == ("default", "Scanner", "eye")
    package_id = await a_package(ctx, caller, product, "scanner")
    shown = await packages.show_package(ctx, caller, c.ShowPackage(package_id=package_id))
    assert shown.module == "Scanner"
    with pytest.raises(Conflict) as refused:
        await delete(ctx, caller, product, "sCANNER")
    assert refused.value.reason == "module_in_use"
    await packages.delete_package(ctx, caller, c.DeletePackage(package_id=package_id))
    await delete(ctx, caller, product, "sCANNER")
    assert len(await listed(ctx, caller, product)) == 1
    whole = await a_package(ctx, caller, product, "DEFAULT", "whole")
    assert (await packages.show_package(ctx, caller, c.ShowPackage(package_id=whole))).module == "default"


async def test_a_module_deleted_while_a_package_is_made(ctx: Context, caller: Caller) -> None:
    product = await a_product(ctx, caller)
    for n in range(12):
        await a_module(ctx, caller, product, f"m{n}")
        url = await a_file(ctx, caller)
        cmd = c.CreatePackage(name=f"p{n}", version="2", url=url, product_key=product.product_key, module=f"m{n}")
        got = await asyncio.gather(
            packages.create_package(ctx, caller, cmd), delete(ctx, caller, product, f"m{n}"), return_exceptions=True
        )
        assert [isinstance(g, CallerError) for g in got].count(True) == 1, got
        if not isinstance(got[0], BaseException):
            await packages.delete_package(ctx, caller, c.DeletePackage(package_id=got[0].package_id))
            await delete(ctx, caller, product, f"m{n}")


async def test_a_deletion_waits_for_the_package_that_holds_the_module(ctx: Context, caller: Caller) -> None:
    product = await a_product(ctx, caller)
    await a_module(ctx, caller, product)
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("select from module where name = 'mcu' for share")
        waiting = asyncio.create_task(delete(ctx, caller, product, "mcu"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await conn.execute(
            "insert into package (package_id, account_id, product_id, name, module, version, status, object_key, size,"
            " md5, sha256, url, created_at, modified_at)"
            " select 1, $1, product_id, 'late', 'mcu', '1', 'exempt', 'k', 1, '', '', '', $2, $2 from product",
            caller.account_id, ctx.now(),
        )  # fmt: skip
    with pytest.raises(Conflict) as refused:
        await waiting
    assert refused.value.reason == "module_in_use"


async def test_versions_of_a_device_are_paged_by_module(ctx: Context, caller: Caller, stranger: Caller) -> None:
    product = await a_product(ctx, caller)
    device = await devices.create_device(ctx, caller, c.CreateDevice(product_key=product.product_key, name="dev1"))
    async with ctx.database.connection() as conn:
        for n in range(5):
            row = (device.device_id, f"m{n}", f"{n}.0", ctx.now())
            await conn.execute("insert into module_version values ($1, $2, $3, $4)", *row)
    await recount(ctx)
    key = c.DeviceKey(iot_id=device.iot_id)
    page = await modules.list_module_versions(ctx, caller, c.ListModuleVersions(device=key, asked=Slice.of_page(2, 2)))
    assert ([(v.module, v.version) for v in page.items], page.total) == ([("m2", "2.0"), ("m3", "3.0")], 5)
    first = page.items[0]
    assert (first.product_key, first.device_name, first.iot_id) == (product.product_key, "dev1", device.iot_id)
    with pytest.raises(NotFound):
        await modules.list_module_versions(ctx, stranger, c.ListModuleVersions(device=key, asked=Slice.of_page(1, 2)))


async def test_strangers_and_viewers_change_nothing(ctx: Context, caller: Caller, stranger: Caller) -> None:
    product = await a_product(ctx, caller)
    await a_module(ctx, caller, product)
    viewer = Caller(caller.account_id, "viewer", "k", "alibaba")
    for who, error in ((stranger, NotFound), (viewer, Denied)):
        change = c.UpdateModule(module=key_of(product, "mcu"), alias="x")
        for attempt in (
            a_module(ctx, who, product, "gps"),
            modules.update_module(ctx, who, change),
            delete(ctx, who, product, "mcu"),
        ):
            with pytest.raises(error):
                await attempt
    with pytest.raises(NotFound):
        await listed(ctx, stranger, product)
    assert [m.alias for m in await listed(ctx, viewer, product)] == [None, None]
