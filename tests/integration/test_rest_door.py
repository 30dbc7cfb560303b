"""What the REST door brings about beyond its answers: connections that end, whoever holds them."""

import asyncio
import hashlib
import hmac
import json
import re
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import httpx
import pytest
import pytest_asyncio
from tests.integration.platform_house import House, Known, house_on, until

from upwell.dialects.upwell.render import REQUESTS_PER_S
from upwell.service.manage import access, admission


@pytest_asyncio.fixture
async def house(dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(dsn, tmp_path) as built:
        yield built


class Asker:
    """Signs by hand (huawei 1.3, 1.4), for the account of the house."""

    def __init__(self, house: House, key: access.NewKey) -> None:
        self.http, self.key = house.http, key
        self.project = access.project_id(key.account_id)

    async def __call__(self, method: str, tail: str, body: Any = None, query: str = "") -> tuple[int, Any]:
        path = f"/v5/iot/{self.project}{tail}"
        data = b"" if body is None else json.dumps(body).encode()
        url = f"http://{self.http}{path}" + (f"?{query}" if query else "")
        request = urllib.request.Request(url, data or None, self.headers(method, path, query, data), method=method)
        return await asyncio.to_thread(_sent, request)

    def headers(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = f"host:{self.http}\nx-sdk-date:{date}\n"
        text = f"{method}\n{path}/\n{query}\n{signed}\nhost;x-sdk-date\n{hashlib.sha256(body).hexdigest()}"
        to_sign = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(text.encode()).hexdigest()}"
        signature = hmac.new(self.key.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        claim = f"SDK-HMAC-SHA256 Access={self.key.key_id}, SignedHeaders=host;x-sdk-date, Signature={signature}"
        return {"X-Sdk-Date": date, "Authorization": claim, "Content-Type": "application/json"}


def _sent(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=20) as got:
            return got.status, json.loads(got.read() or b"null")
    except HTTPError as exc:
        with exc:
            return exc.code, json.loads(exc.read())


@pytest_asyncio.fixture
async def ask(house: House) -> Asker:
    return Asker(house, await access.create_key(house.ctx, "acme", "admin", "huawei"))


async def connected(house: House, ask: Asker, app_id: str | None = None) -> tuple[str, Any]:
    """A device that the door made, online; its id and its connection."""
    model = {"name": "lamp", "device_type": "l", "protocol_type": "MQTT", "data_format": "json", "app_id": app_id}
    status, product = await ask("POST", "/products", model | {"service_capabilities": []})
    assert status == 201, product
    status, made = await ask("POST", "/devices", {"node_id": "node1", "product_id": product["product_id"]})
    assert status == 201, made
    known = Known(product["product_id"], "node1", made["auth_info"]["secret"])
    device = await house.connect(known)
    await house.until_online(known)
    assert (await ask("GET", f"/devices/{made['device_id']}"))[1]["status"] == "ONLINE"
    return made["device_id"], device


async def test_a_frozen_device_is_turned_out(house: House, ask: Asker) -> None:
    device_id, device = await connected(house, ask)
    assert await ask("POST", f"/devices/{device_id}/freeze") == (204, None)
    await until(device.ended.is_set)
    assert await house.code(*device.known.login()) != 0
    assert await ask("POST", f"/devices/{device_id}/unfreeze") == (204, None)
    await house.connect(device.known)


async def test_a_deleted_device_is_turned_out(house: House, ask: Asker) -> None:
    device_id, device = await connected(house, ask)
    assert await ask("DELETE", f"/devices/{device_id}") == (204, None)
    await until(device.ended.is_set)
    assert await house.code(*device.known.login()) != 0


async def test_a_space_turns_its_devices_out_when_it_goes(house: House, ask: Asker) -> None:
    status, made = await ask("POST", "/apps", {"app_name": "going"})
    assert status == 201
    _, device = await connected(house, ask, made["app_id"])
    assert await ask("DELETE", f"/apps/{made['app_id']}") == (204, None)
    await until(device.ended.is_set)


@pytest.mark.parametrize("force", [True, False])
async def test_a_new_secret_ends_the_connection_if_asked(house: House, ask: Asker, force: bool) -> None:
    device_id, device = await connected(house, ask)
    body = {"secret": "another-secret", "force_disconnect": force}
    status, told = await ask("POST", f"/devices/{device_id}/action", body, query="action_id=resetSecret")
    assert (status, told["secret"]) == (200, "another-secret")
    assert await house.code(*device.known.login()) != 0
    if force:
        await until(device.ended.is_set)
        await house.until_online(device.known, False)
    else:
        await device.inform("1.0")
        assert not device.ended.is_set()
    again = Known(device.known.key, device.known.name, "another-secret")
    await house.connect(again)


async def test_a_key_of_our_own_asks_so_often_in_a_second(house: House) -> None:
    """Whatever it asks, whatever it is answered, and in whichever processes; another key of its account is another."""
    keys = [await access.create_key(house.ctx, "acme", "viewer", "upwell", is_token=True) for _ in range(2)]
    own = await access.find_key(house.ctx, keys[0].key_id)
    assert own is not None
    spent = [admission.Request(own.caller(), None, own.key_id, REQUESTS_PER_S)] * REQUESTS_PER_S
    async with httpx.AsyncClient(base_url=f"http://{house.http}/v1") as client:

        async def got(key: access.NewKey, path: str) -> httpx.Response:
            return await client.get(path, headers={"Authorization": f"Bearer {key.secret}"})

        for path, status in (("/products", 200), ("/keys", 403), ("/products/none", 404)):
            told = await got(keys[0], path)
            assert told.status_code == status and told.headers["ratelimit-policy"] == f'"caller";q={REQUESTS_PER_S};w=1'
            assert re.fullmatch(r'"caller";r=[0-9]+;t=1', told.headers["ratelimit"])
        assert "ratelimit" not in (await client.get("/products")).headers, "of nobody who is known"
        for _ in range(50):  # a second may be over in between
            await admission.admit(house.ctx, spent)
            refused, other = await got(keys[0], "/products"), await got(keys[1], "/products")
            assert other.status_code == 200
            if refused.status_code == 429:
                break
        assert refused.json()["type"].endswith("#too-many-requests") and refused.headers["retry-after"] == "1"
        assert refused.headers["ratelimit"] == '"caller";r=0;t=1'
