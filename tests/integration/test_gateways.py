"""Gateways and their sub-devices on a whole server: presence, offers and reports, and limits."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from conftest import caller_of
from platform_house import Device, House, Known, house_on, sign, until
from tests.mqttwire import publish

from upwell.doors.devices import gateways as doors
from upwell.service.upgrade import gateways


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as one:
        yield one


def proof(sub: Known) -> dict[str, str]:
    content = f"clientId{sub.name}deviceName{sub.name}productKey{sub.key}timestamp7"
    return named(sub) | {"clientId": sub.name, "timestamp": "7", "sign": sign(sub.secret, content)}


def named(sub: Known) -> dict[str, str]:
    return {"productKey": sub.key, "deviceName": sub.name}


async def ask(gateway: Device, verb: str, params: Any, ref: str = "1") -> dict[str, Any]:
    """A gateway's request and its answer."""
    session = f"/ext/session/{gateway.known.key}/{gateway.known.name}/combine/{verb}"
    topic = session if "log" in verb else gateway.sys(f"thing/topo/{verb}")
    await gateway.say(topic, {"id": ref, "version": "1.0", "params": params})
    answer = json.loads(await gateway.said(topic + "_reply"))
    assert answer["id"] == ref
    return dict(answer)


async def add(gateway: Device, *subs: Known) -> int:
    return int((await ask(gateway, "add", [proof(s) | {"signmethod": "hmacSha256"} for s in subs]))["code"])


async def login(gateway: Device, *subs: Known) -> int:
    listed = {"signMethod": "hmacSha256", "deviceList": [proof(s) for s in subs]}
    return int((await ask(gateway, "batch_login", listed))["code"])


async def family(house: House, subs: int = 2) -> tuple[Device, list[Known]]:
    """A connected gateway, and sub-devices that nobody knows of yet."""
    gateway = await house.connect(await house.device((await house.product(gateway=True)).product_key))
    key = (await house.product()).product_key
    return gateway, [await house.device(key) for _ in range(subs)]


async def test_a_sub_device_is_updated_through_its_gateway(house: House) -> None:
    gateway, [sub, other] = await family(house)
    assert await add(gateway, sub, other) == 200
    bound = (await ask(gateway, "get", {}))["data"]
    assert sorted(bound, key=str) == sorted([named(sub), named(other)], key=str)
    assert await login(gateway, sub) == 200
    assert await house.online(sub) and not await house.online(other)

    package = await house.package(sub.key, b"image")
    await gateway.inform("1.0", sub)
    job = await house.job(package, sub)
    told = json.loads(await gateway.said(gateway.ota("upgrade", sub)))
    assert told["data"]["version"] == "2.0"
    await house.until_state(job, "NOTIFIED")
    await gateway.say(gateway.ota("progress", sub), {"id": 2, "params": {"step": "50", "desc": ""}})
    await house.until_state(job, "IN_PROGRESS")
    await gateway.say(gateway.sys("thing/ota/firmware/get", sub), {"id": 3, "params": {}})
    got = json.loads(await gateway.said(gateway.sys("thing/ota/firmware/get_reply", sub)))
    assert (got["id"], got["data"]["version"]) == ("3", "2.0")
    await gateway.inform("2.0", sub)
    await house.until_state(job, "SUCCEEDED")

    await gateway.close()
    await house.until_online(sub, False)
    await house.until_online(gateway.known, False)


async def test_topology(house: House) -> None:
    gateway, subs = await family(house, 3)
    assert await add(gateway, *subs) == 200
    assert await add(gateway, subs[0]) == 200
    listed = (await ask(gateway, "get", {}))["data"]
    assert sorted(d["deviceName"] for d in listed) == sorted(s.name for s in subs)
    assert await login(gateway, subs[0]) == 200
    assert (await ask(gateway, "delete", [named(subs[0])]))["code"] == 200
    await house.until_online(subs[0], False)
    assert await login(gateway, subs[0]) == 6401
    assert (await ask(gateway, "delete", [named(subs[0]), named(subs[1])]))["code"] == 6401
    assert [d["deviceName"] for d in (await ask(gateway, "get", {}))["data"]] == [subs[2].name]


async def test_single_forms(house: House) -> None:
    gateway, [sub, _] = await family(house)
    await add(gateway, sub)
    answer = await ask(gateway, "login", proof(sub) | {"signMethod": "hmacSha256", "cleanSession": "true"})
    assert (answer["code"], answer["message"]) == (200, "success")
    assert await house.online(sub)
    assert (await ask(gateway, "logout", named(sub)))["code"] == 200
    assert not await house.online(sub)
    assert (await ask(gateway, "batch_logout", [named(sub)]))["code"] == 6401


async def test_who_may_not_be_a_sub_device(house: House, dsn: str) -> None:
    gateway, [sub, bad] = await family(house)
    forged = Known(bad.key, bad.name, "not its secret")
    unknown = Known(bad.key, "nobody", "x")
    assert await add(gateway, sub, forged) == 6287
    assert await add(gateway, unknown) == 6100
    assert await add(gateway, gateway.known) == 6402
    house_caller, house.caller = house.caller, await caller_of(house.ctx, "other", "admin")
    foreign = await house.device((await house.product()).product_key)
    house.caller = house_caller
    assert await add(gateway, foreign) == 6100
    assert (await ask(gateway, "get", {}))["data"] == []  # all or none: `sub` was not added either
    assert await login(gateway, sub) == 6401
    await house.rows("update device set enabled = false where name = $1", sub.name)
    assert await add(gateway, sub) == 522


async def test_a_batch_is_logged_in_whole_or_not_at_all(house: House) -> None:
    gateway, [one, two] = await family(house)
    await add(gateway, one)
    assert await login(gateway, one, two) == 6401
    assert not await house.online(one)


async def test_a_plain_device_is_no_gateway(house: House) -> None:
    _, [sub, other] = await family(house)
    plain = await house.connect(other)
    assert await add(plain, sub) == 520
    assert await login(plain, sub) == 520


@pytest.mark.parametrize("what", ["publish", "subscribe"])
async def test_only_sub_devices_online_here_are_spoken_for(house: House, what: str) -> None:
    gateway, [sub, other] = await family(house)
    await add(gateway, sub, other)
    await login(gateway, sub)
    if what == "subscribe":
        assert await gateway.subscribe(gateway.ota("upgrade", sub), 1) == b"\x01"
        assert await gateway.subscribe(gateway.ota("upgrade", other), 1) == b"\x80"
        assert await gateway.subscribe(f"/ota/device/upgrade/{sub.key}/+", 1) == b"\x80"
        return
    await gateway.inform("9.9", other)
    assert not gateway.ended.is_set()
    assert await house.rows("select 1 from module_version") == []


async def test_a_sub_device_that_logs_in_itself_leaves_its_gateway(house: House) -> None:
    gateway, [sub, _] = await family(house)
    await add(gateway, sub)
    await login(gateway, sub)
    own = await house.connect(sub)
    await own.inform("1.0")
    await gateway.inform("6.6", sub)  # it can't know yet: heard, and without effect
    assert not gateway.ended.is_set()
    assert [r["version"] for r in await house.rows("select version from module_version")] == ["1.0"]
    job = await house.job(await house.package(sub.key, b"image"), sub)
    await own.said(own.ota("upgrade"))
    await house.until_state(job, "NOTIFIED")
    assert await login(gateway, sub) == 200
    await until(own.ended.is_set)
    assert await house.online(sub)
    await gateway.inform("2.0", sub)
    await house.until_state(job, "SUCCEEDED")


async def test_a_sub_device_moves_to_the_gateway_that_proves_it(house: House) -> None:
    old, [sub, _] = await family(house)
    new, _ = await family(house)
    await add(old, sub)
    await login(old, sub)
    assert await add(new, sub) == 200
    await house.until_online(sub, False)
    assert (await ask(old, "get", {}))["data"] == []
    assert await login(old, sub) == 6401
    assert await login(new, sub) == 200
    await old.inform("6.6", sub)
    assert await house.rows("select 1 from module_version") == [] and not old.ended.is_set()


async def test_limits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, subs = await family(house, 3)
    monkeypatch.setattr(gateways, "SUB_DEVICES_MAX", 2)
    assert await add(gateway, *subs) == 428
    assert await add(gateway, *subs[:2]) == 200
    assert await add(gateway, *subs[:2]) == 200
    assert await add(gateway, subs[2]) == 428
    monkeypatch.setattr(doors, "SUB_DEVICES_MAX", 1)
    assert await login(gateway, subs[0]) == 200
    assert await login(gateway, subs[0]) == 200
    assert await login(gateway, subs[1]) == 428


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff\xfe", b'{"id":{}}', b'{"id":1,"params":[[]]}', b"[" * 9000])
async def test_malformed_requests_are_answered_and_harm_nobody(house: House, payload: bytes) -> None:
    """Issue 9, number 31: its sister among the requests of gateways; none is left without an answer."""
    gateway, [sub, _] = await family(house)
    await add(gateway, sub)
    await login(gateway, sub)
    session = f"/ext/session/{gateway.known.key}/{gateway.known.name}/combine"
    topics = [gateway.sys("thing/topo/add"), gateway.sys("thing/topo/delete")]
    topics += [f"{session}/{verb}" for verb in ("login", "batch_login", "logout", "batch_logout")]
    for topic in topics:
        await gateway.say(topic, payload)
        answer = json.loads(await gateway.said(topic + "_reply"))
        assert answer["code"] == 460 and answer["id"] in ("", "1") and answer["message"]
    assert not gateway.ended.is_set() and await house.online(sub)
    assert len((await ask(gateway, "get", {}))["data"]) == 1


async def test_requests_in_one_breath_are_done_in_order(house: House) -> None:
    gateway, [sub, _] = await family(house)
    session = f"/ext/session/{gateway.known.key}/{gateway.known.name}/combine"

    def packed(topic: str, params: Any) -> bytes:
        return publish(topic, json.dumps({"id": "1", "params": params}).encode())

    await gateway.client.send(
        packed(gateway.sys("thing/topo/add"), [proof(sub) | {"signmethod": "hmacsha256"}])
        + packed(f"{session}/login", proof(sub) | {"signMethod": "hmacsha256"})
        + packed(f"{session}/logout", named(sub))
        + packed(f"{session}/login", proof(sub) | {"signMethod": "hmacsha256"})
    )
    for answer in ("login_reply", "logout_reply", "login_reply"):
        assert json.loads(await gateway.said(f"{session}/{answer}"))["code"] == 200
    assert await house.online(sub)
