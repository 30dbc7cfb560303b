"""Two processes on one database: what one decides ends connections that the other holds."""

from pathlib import Path

from platform_house import house_on, until
from test_gateways import add, family, login

from upwell.domain import commands as c
from upwell.service.manage import devices
from upwell.service.upgrade import nodes

SOON_S = 8.0


async def test_disabled_and_deleted_devices_leave_the_other_process(dsn: str, tmp_path: Path) -> None:
    async with house_on(dsn, tmp_path / "a") as a, house_on(dsn, tmp_path / "b") as b:
        key = (await a.product()).product_key
        disabled, deleted, stays = [await a.connect(await a.device(key)) for _ in range(3)]
        gateway, [sub, _] = await family(a)
        await add(gateway, sub)
        await login(gateway, sub)
        for device in (disabled, deleted, stays):
            await a.until_online(device.known)
        off = c.UpdateDevices(
            changes=(c.DeviceChange(device=c.DeviceKey(product_key=key, name=disabled.known.name), enabled=False),)
        )
        await devices.update_devices(b.ctx, b.caller, off)
        sub_off = c.UpdateDevices(
            changes=(c.DeviceChange(device=c.DeviceKey(product_key=sub.key, name=sub.name), enabled=False),)
        )
        await devices.update_devices(b.ctx, b.caller, sub_off)
        gone = c.DeleteDevice(device=c.DeviceKey(product_key=key, name=deleted.known.name))
        await devices.delete_device(b.ctx, b.caller, gone)
        await until(lambda: disabled.ended.is_set() and deleted.ended.is_set(), SOON_S)
        assert not stays.ended.is_set() and not gateway.ended.is_set()
        await gateway.inform("6.6", sub)
        assert await a.rows("select 1 from module_version") == [] and not gateway.ended.is_set()
        await stays.inform("1.0")
        assert not stays.ended.is_set()


async def test_a_later_login_in_another_process_kicks_the_earlier(dsn: str, tmp_path: Path) -> None:
    async with house_on(dsn, tmp_path / "a") as a, house_on(dsn, tmp_path / "b") as b:
        known = await a.device((await a.product()).product_key)
        first = await a.connect(known)
        await a.until_online(known)
        second = await b.connect(known)
        await until(first.ended.is_set, SOON_S)
        assert not second.ended.is_set() and await b.online(known)


async def test_a_process_that_lost_its_lease_sends_its_devices_away(dsn: str, tmp_path: Path) -> None:
    async with house_on(dsn, tmp_path) as house:
        device = await house.connect(await house.device((await house.product()).product_key))
        await house.until_online(device.known)
        await house.rows("update node set lease_until = clock_timestamp()")
        await nodes.release_dead(house.ctx)
        await until(device.ended.is_set, SOON_S)
