"""Upwell 0.1.0's database under the present program: its schema is brought on to the present one, what it held is
there, and its owners and devices go on where they were (tests/fixtures/0.1.0, made by that release itself)."""

import asyncio
import json
import shutil
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from huaweicloudsdkiotda.v5 import model as m
from schema_tools import empty, respelt, restore, schema_of
from tests.imitations.huawei_go import HuaweiGo
from tests.imitations.tuyalink_c import TuyaLinkC
from tools.schema import FILE

from acceptance.callers import Call, NewSdk
from acceptance.client import Key, Server, recording, serve, until
from acceptance.device import online
from acceptance.huawei_client import sdk
from acceptance.stories import setting
from acceptance.stories.setting import PAGE
from acceptance.tuya_client import TuyaClient
from acceptance.tuyalink import where
from upwell.storage import steps as storage
from upwell.storage.database import Database
from upwell.storage.migrating import migrate
from upwell.storage.steps import migrations, newest_version

RELEASE = Path(__file__).parents[1] / "fixtures" / "0.1.0"
NEWEST = 12  # the schema of 0.1.0
IMAGE = bytes(range(64))  # what all of its packages hold
TAGS = "select package_id, object_state = 'ok' as ok, object_tag from package where region is not null"


@dataclass(frozen=True)
class House:
    """A server on the database of 0.1.0; `secrets` of devices by their names, `keys` by account."""

    server: Server
    secrets: dict[str, str]
    keys: dict[str, Key]


async def restored(dsn: str) -> None:
    """The dump of the release is restored, and not changed yet."""
    await restore(dsn, (RELEASE / "dump.sql").read_text("utf-8"))


async def counted(dsn: str) -> dict[str, int]:
    """How many rows each table has."""
    conn = await asyncpg.connect(dsn)
    names = await conn.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    )
    found = {name: await conn.fetchval(f'select count(*) from "{name}"') for (name,) in names}
    await conn.close()
    return found


async def test_the_migrations_of_the_release_stay_what_they_were(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that has run one never runs it again, so a change to it would be for nobody but new ones."""
    monkeypatch.setattr(storage, "migrations", lambda of=migrations: [step for step in of() if step[0] <= NEWEST])
    async with empty(postgres, "schema_of_release") as dsn:
        database = Database(dsn)
        await database.open()
        assert await migrate(database) == NEWEST
        await database.close()
        assert await schema_of(dsn) == (RELEASE / "schema.sql").read_text("utf-8")


async def test_a_database_of_the_release_comes_to_the_present_schema(postgres: str) -> None:
    async with empty(postgres, "schema_of_dump") as dsn:
        await restored(dsn)
        released = await respelt(postgres, (RELEASE / "schema.sql").read_text("utf-8"))
        assert await respelt(postgres, await schema_of(dsn)) == released
        before, database = await counted(dsn), Database(dsn)
        await database.open()
        async with database.connection() as conn:
            assert await conn.fetchval("select max(version) from schema_version") == NEWEST
        assert await migrate(database) == newest_version()
        await database.close()
        assert await respelt(postgres, await schema_of(dsn)) == await respelt(postgres, FILE.read_text("utf-8"))
        after = await counted(dsn)
        del before["schema_version"], after["schema_version"]
        assert {name: n for name, n in before.items() if after.get(name, n) != n} == {}


# --- a server on it -------------------------------------------------------------------------------------------------


async def told(dsn: str, query: str) -> list[Any]:
    conn = await asyncpg.connect(dsn)
    found = await conn.fetch(query)
    await conn.close()
    return found


def read_again(before: list[Any], now: list[Any]) -> bool:
    """Every object of an owner's bucket was found to be what it was, under the tag that it has now."""
    return all(row["ok"] and row not in before for row in now)


@pytest.fixture(scope="module")
def house(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """It migrates the database itself. To it the objects are others, being files of today: devices may come when it
    has read them again."""
    objects = tmp_path_factory.mktemp("release") / "objects"
    shutil.copytree(RELEASE / "objects", objects, copy_function=shutil.copyfile)
    with asyncio.Runner() as runner:
        made = empty(postgres, "served_of_dump")
        dsn = runner.run(made.__aenter__())
        try:
            runner.run(restored(dsn))
            devices = runner.run(told(dsn, "select name, secret from device where deleted_at is null"))
            keys = runner.run(told(dsn, "select name, key_id, secret from access_key join account using (account_id)"))
            tags = runner.run(told(dsn, TAGS))
            with serve("--database-url", dsn, "--objects-url", f"file://{objects}") as server:
                fresh = until(lambda: runner.run(told(dsn, TAGS)), lambda now: read_again(tags, now))
                assert read_again(tags, fresh)
                yield House(server, dict(devices), {name: Key(id=id_, secret=secret) for name, id_, secret in keys})
        finally:
            runner.run(made.__aexit__(None, None, None))


@pytest.fixture
def alibaba(house: House) -> Iterator[Call]:
    with recording(house.server.http) as wire:
        yield NewSdk(wire, house.keys["default"])


def named(rows: list[dict[str, Any]], member: str, name: str) -> dict[str, Any]:
    """The one row whose member is so."""
    [row] = [row for row in rows if row[member] == name]
    return row


def lamps(call: Call) -> tuple[str, str]:
    """The ProductKey of the lamps, and the JobId of their job with a task in each state."""
    products = call("QueryProductList", CurrentPage=1, PageSize=50)["Data"]["List"]["ProductInfo"]
    key = named(products, "ProductName", "lamps")["ProductKey"]
    firmwares = call("ListOTAFirmware", CurrentPage=1, PageSize=50, ProductKey=key)["FirmwareInfo"][
        "SimpleFirmwareInfo"
    ]
    firmware = named(firmwares, "FirmwareName", "lamps-2")["FirmwareId"]
    jobs = call("ListOTAJobByFirmware", FirmwareId=firmware, **PAGE)["Data"]["SimpleOTAJobInfo"]
    [job] = [row["JobId"] for row in jobs if len(setting.tasks(call, row["JobId"])) == 5]
    return key, job


def test_what_alibabas_owner_had_is_there(alibaba: Call) -> None:
    key, job = lamps(alibaba)
    shown = alibaba("QueryOTAJob", JobId=job)["Data"]
    assert (shown["JobStatus"], shown["TimeoutInMinutes"], shown["TargetSelection"]) == (
        "IN_PROGRESS",
        1440,
        "SPECIFIC",
    )
    rows = {row["DeviceName"]: row for row in setting.tasks(alibaba, job)}
    assert (rows["lamp-failed"]["TaskStatus"], rows["lamp-failed"]["TaskDesc"]) == ("FAILED", "download failed")
    assert (rows["lamp-succeeded"]["TaskStatus"], rows["lamp-succeeded"]["Progress"]) == ("SUCCEEDED", "100.00")
    assert alibaba("QueryDevice", ProductKey=key, **PAGE)["Total"] == 9
    props = alibaba("QueryDeviceProp", ProductKey=key, DeviceName="lamp-queued")["Props"]
    assert json.loads(props) == {"site": "上海", "floor": "3"}
    groups = alibaba("QueryDeviceGroupByDevice", ProductKey=key, DeviceName="lamp-queued")["GroupInfos"]["GroupInfo"]
    assert [group["GroupName"] for group in groups] == ["lamps_ruled", "lamps_hall"]
    modules = alibaba("ListOTAModuleByProduct", ProductKey=key)["Data"]
    module = named(modules, "ModuleName", "MCU")
    assert module["AliasName"] == "控制器"


def test_alibabas_devices_go_on(house: House, alibaba: Call) -> None:
    """One that was told of its task finishes it; one that was never there is offered its own, and may fetch it; one
    that takes part in a dynamic job is taken by its policy."""
    key, job = lamps(alibaba)
    with online(house.server.mqtt, key, "lamp-notified", house.secrets["lamp-notified"], "2.0.0"):
        assert _state(alibaba, job, "lamp-notified", "SUCCEEDED")
    with online(house.server.mqtt, key, "lamp-queued", house.secrets["lamp-queued"], "1.0.0") as device:
        offer = device.offered()
        with urllib.request.urlopen(offer["url"], timeout=30) as got:
            assert (offer["version"], got.read()) == ("2.0.0", IMAGE)
        device.progress(50)
        device.inform("2.0.0")
        assert _state(alibaba, job, "lamp-queued", "SUCCEEDED")
        device.inform("1.1.0")
        assert device.offered()["version"] == "1.5.0"


def _state(call: Call, job: str, device: str, wanted: str) -> bool:
    def state() -> str:
        return str(named(setting.tasks(call, job), "DeviceName", device)["TaskStatus"])

    return until(state, lambda now: now == wanted) == wanted


async def test_what_tuyas_owner_had_goes_on(house: House) -> None:
    client = TuyaClient(address=house.server.http, key=house.keys["tuya-maker"])

    def tasks() -> dict[str, str]:
        return {row["deviceName"]: row["taskStatus"] for job in jobs for row in client.tasks(job["jobId"])}

    pages = {"CurrentPage": 1, "PageSize": 10}
    [firmware] = client.do("ListOTAFirmware", **pages)["firmwareInfo"]
    jobs = client.do("ListOTAJobByFirmware", FirmwareId=firmware["firmwareId"], **pages)["data"]
    before = tasks()
    assert before == before | {"plug-queued": "QUEUED", "plug-failed": "FAILED", "plug-succeeded": "SUCCEEDED"}
    name = "plug-queued"
    device = TuyaLinkC(**where(house.server), device_id=name, secret=house.secrets[name])
    await device.start()
    try:
        await device.install()
        assert device.image == IMAGE
        after = await asyncio.to_thread(until, tasks, lambda now: now[name] == "SUCCEEDED")
        assert after == before | {name: "SUCCEEDED"}
    finally:
        await device.stop()


async def test_what_huaweis_owner_had_goes_on(house: House) -> None:
    client = sdk(house.server.http, house.keys["huawei-maker"], project=False)
    rules = client.list_routing_rules(m.ListRoutingRulesRequest()).rules
    assert [(rule.rule_name, rule.active) for rule in rules] == [("news", True)]
    [action] = client.list_rule_actions(m.ListRuleActionsRequest(rule_id=rules[0].rule_id)).actions
    assert action.channel_detail.http_forwarding.url == "http://127.0.0.1:9/news"
    devices = {device.node_id: device.device_id for device in client.list_devices(m.ListDevicesRequest()).devices}
    assert len(devices) == 10
    asked = m.ListBatchTasksRequest(task_type="firmwareUpgrade")
    tasks = client.list_batch_tasks(asked).batchtasks
    assert {"several", "grouped"} < {task.task_name for task in tasks} and len(tasks) == 5
    [waits] = [task.task_id for task in tasks if task.need_confirm]

    def shown() -> Any:
        return client.show_batch_task(m.ShowBatchTaskRequest(task_id=waits))

    async with awake(house, devices["valve-confirm"], "valve-confirm") as device:
        client.confirm_batch_task(m.ConfirmBatchTaskRequest(task_id=waits, body=m.BatchTargets()))
        await device.until(lambda: device.image)
        ended = await asyncio.to_thread(until, shown, lambda now: now.batchtask.status == "Success")
    assert (ended.batchtask.status, device.image, device.version) == ("Success", IMAGE, "V3.0")


@asynccontextmanager
async def awake(house: House, device_id: str, name: str) -> AsyncIterator[HuaweiGo]:
    """A device of the dump, online."""
    device = HuaweiGo(**where(house.server), device_id=device_id, secret=house.secrets[name])
    await device.start()
    try:
        yield device
    finally:
        await device.stop()
