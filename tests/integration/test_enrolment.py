"""Devices that ask for their own secret, over MQTT and over HTTP (alibaba 6.1)."""

import json
import urllib.parse
import urllib.request
from asyncio import to_thread
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from platform_house import House, Known, house_on, sign
from tests.mqttwire import Received, WireClient, publish, subscribe

from upwell.doors.devices import connections


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as one:
        yield one


def connect(kind: str, key: str, name: str, product_secret: str) -> tuple[str, str, bytes]:
    client_id = f"{name}.{key}|random=r1,authType={kind},securemode=2,signmethod=hmacsha256|"
    return client_id, f"{name}&{key}", sign(product_secret, f"deviceName{name}productKey{key}randomr1").encode()


async def granted(house: House, *login: Any) -> tuple[WireClient, Received]:
    client = await house.client()
    assert await client.login(*login) == 0
    return client, await client.receive()


async def test_a_registered_device_learns_its_secret_until_it_was_online(house: House) -> None:
    product = await house.product()
    known = await house.device(product.product_key)
    asked = connect("register", known.key, known.name, product.product_secret)
    for _ in range(2):  # a lost answer may be asked for again
        client, told = await granted(house, *asked)
        assert told.topic == "/ext/register"
        assert json.loads(told.payload) == {
            "deviceSecret": known.secret, "productKey": known.key, "deviceName": known.name
        }  # fmt: skip
        await client.close()
    assert not await house.online(known)
    await house.connect(known)
    await house.until_online(known)
    assert await house.code(*asked) == 4
    assert await house.online(known)


async def test_who_is_told_nothing(house: House) -> None:
    product = await house.product()
    known = await house.device(product.product_key)
    off = await house.device(product.product_key)
    await house.rows("update device set enabled = false where name = $1", off.name)
    for asked in (
        connect("register", known.key, known.name, known.secret),
        connect("register", known.key, known.name, ""),
        connect("register", known.key, "nobody", product.product_secret),
        connect("regnwl", known.key, "nobody", product.product_secret),
        connect("register", "nokey", known.name, product.product_secret),
        connect("register", off.key, off.name, product.product_secret),
        (connect("register", known.key, known.name, product.product_secret)[0], f"{off.name}&{off.key}", b"x"),
    ):
        assert await house.code(*asked) == 4
    assert len(await house.rows("select 1 from device")) == 2


async def test_an_enrolled_connection_can_do_nothing_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    product = await house.product()
    known = await house.device(product.product_key)
    asked = connect("register", known.key, known.name, product.product_secret)
    client, _ = await granted(house, *asked)
    await client.send(subscribe(3, ("#", 0), (f"/sys/{known.key}/{known.name}/#", 1)))
    assert (await client.receive()).body == b"\0\x03\x80\x80"
    inform = publish(f"/ota/device/inform/{known.key}/{known.name}", b'{"id":1,"params":{"version":"9"}}', 1)
    await client.send(inform)
    assert await client.closed() == b""
    assert await house.rows("select 1 from module_version") == []
    monkeypatch.setattr(connections, "ENROLLED_STAY_S", 0.2)
    client, _ = await granted(house, *asked)
    assert await client.closed() == b""


async def test_an_enrolment_takes_nobodys_place(house: House) -> None:
    product = await house.product(gateway=True)
    known = await house.device(product.product_key)
    first, _ = await granted(house, *connect("register", known.key, known.name, product.product_secret))
    second, _ = await granted(house, *connect("register", known.key, known.name, product.product_secret))
    assert await first.alive() and await second.alive()


@pytest.mark.parametrize("rule", ["off", "registered", "any"])
async def test_the_rule_for_devices_that_nobody_registered(dsn: str, tmp_path: Path, rule: str) -> None:
    async with house_on(dsn, tmp_path, dynamic_registration=rule) as house:
        product = await house.product()
        known = await house.device(product.product_key)
        key, secret = product.product_key, product.product_secret
        assert await house.code(*connect("register", key, known.name, secret)) == (4 if rule == "off" else 0)
        assert await house.code(*connect("register", key, "new", secret)) == 4
        assert await house.code(*connect("regnwl", key, "new", secret)) == (0 if rule == "any" else 4)


async def test_a_token_is_a_login(dsn: str, tmp_path: Path) -> None:
    async with house_on(dsn, tmp_path, dynamic_registration="any") as house:
        product = await house.product()
        client, told = await granted(house, *connect("regnwl", product.product_key, "new", product.product_secret))
        await client.close()
        grant = json.loads(told.payload)
        assert told.topic == "/ext/regnwl" and (grant["deviceName"], grant["productKey"]) == (
            "new", product.product_key
        )  # fmt: skip
        extras = "|authType=connwl,securemode=-2,_ss=1,ext=3,_v=sdk-c-4.1.0|"
        username, token = f"new&{product.product_key}", grant["deviceToken"].encode()
        assert await house.code("wrong" + extras, username, token) == 4
        assert await house.code(grant["clientId"] + extras, username, b"wrong") == 4
        assert await house.code(grant["clientId"] + extras, username, token) == 0
        await house.until_online(Known(product.product_key, "new", ""))
        assert await house.code(*connect("regnwl", product.product_key, "new", product.product_secret)) == 4


async def test_a_secret_is_no_token(house: House) -> None:
    known = await house.device((await house.product()).product_key)
    extras = "|authType=connwl,securemode=-2|"
    for client_id in ("", "x", f"{known.key}.{known.name}"):
        assert await house.code(client_id + extras, f"{known.name}&{known.key}", known.secret.encode()) == 4


# --- HTTP ---


async def post(house: House, form: dict[str, str] | bytes) -> Any:
    body = form if isinstance(form, bytes) else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(f"http://{house.http}/auth/register/device", data=body)

    def ask() -> Any:
        with urllib.request.urlopen(request, timeout=10) as got:
            return json.loads(got.read())

    return await to_thread(ask)


def form_of(known: Known, product_secret: str) -> dict[str, str]:
    signed = sign(product_secret, f"deviceName{known.name}productKey{known.key}randomabc")
    return {
        "productKey": known.key, "deviceName": known.name, "random": "abc", "sign": signed, "signMethod": "hmacsha256"
    }  # fmt: skip


async def test_over_http(house: House) -> None:
    product = await house.product()
    known = await house.device(product.product_key)
    form = form_of(known, product.product_secret)
    assert await post(house, form) == {
        "code": 200, "message": "success",
        "data": {"productKey": known.key, "deviceName": known.name, "deviceSecret": known.secret},
    }  # fmt: skip
    assert (await post(house, form | {"sign": form["sign"].upper(), "signMethod": "HmacSHA256"}))["code"] == 200
    for change in ({"sign": ""}, {"sign": "0" * 64}, {"deviceName": "nobody"}, {"productKey": "nokey"}, {"sign": "é"}):
        assert (await post(house, form | change))["code"] == 401
    for change in ({"random": ""}, {"signMethod": "rot13"}, {"deviceName": "a/b"}, {"random": "r" * 200}):
        assert (await post(house, form | change))["code"] == 460
    for body in (b"", b"\xff\xfe", b"a=" * 5000, b"&" * 3000, b"a=1&" * 900):
        assert (await post(house, body))["code"] == 460
    await house.connect(known)
    await house.until_online(known)
    assert (await post(house, form))["code"] == 401
