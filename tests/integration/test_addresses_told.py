"""Which download addresses devices are told by a whole server, and what its operator is told of them."""

import asyncio
import json
import logging
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from certificates import self_signed, trusting
from platform_house import House, Known, house_on, sign

IMAGE = b"firmware" * 1000
C_SDK = "{}.{}|timestamp=2524608000000,_v=sdk-c-4.1.0,securemode={},signmethod=hmacsha256,ext=3,|"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def c_login(known: Known, securemode: int) -> tuple[str, str, bytes]:
    client_id = C_SDK.format(known.key, known.name, securemode)
    content = f"clientId{known.key}.{known.name}deviceName{known.name}productKey{known.key}timestamp2524608000000"
    return client_id, f"{known.name}&{known.key}", sign(known.secret, content).upper().encode()


def tuya_login(known: Known) -> tuple[str, str, bytes]:
    content = f"deviceId={known.name},timestamp=1700000000,secureMode=1,accessType=1"
    username = f"{known.name}|signMethod=hmacSha256,timestamp=1700000000,secureMode=1,accessType=1"
    return f"tuyalink_{known.name}", username, sign(known.secret, content).encode()


async def told(
    house: House, known: Known, package: int, login: tuple[str, str, bytes], alibaba: bool
) -> dict[str, Any]:
    """The data of the offer that a device gets that logs in so."""
    client = await house.client()
    assert await client.login(*login) == 0
    await house.until_online(known)
    await house.job(package, known)
    topic = f"/ota/device/upgrade/{known.key}/{known.name}" if alibaba else f"tylink/{known.name}/ota/issue"
    while (packet := await client.receive()).kind != 3 or packet.topic != topic:
        pass
    return dict(json.loads(packet.payload)["data"])


async def fetched(url: str, **more: Any) -> bytes:
    def get() -> bytes:
        with urllib.request.urlopen(url, timeout=10, **more) as got:
            return bytes(got.read())

    return await asyncio.to_thread(get)


async def test_urls_without_ports_and_with_paths(dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Issue 9, numbers 8 and 9: a URL for each transport, below a path, that a proxy may keep or strip; no warning."""
    caplog.set_level(logging.WARNING)
    cert, key = self_signed(tmp_path / "tls", kind="rsa")
    plain, secure = free_port(), free_port()
    options = {
        "tls_cert": str(cert), "tls_key": str(key),
        "download": f"127.0.0.1:{plain}", "downloads": f"127.0.0.1:{secure}",
        "public_url": "http://fw.example/files/", "public_tls_url": "https://tls.example/v2",
    }  # fmt: skip
    async with house_on(dsn, tmp_path, **options) as house:
        product = (await house.product()).product_key
        package = await house.package(product, IMAGE)
        known = [await house.device(product) for _ in range(4)]
        tcp = (await told(house, known[0], package, c_login(known[0], 3), True))["url"]
        tls = (await told(house, known[1], package, c_login(known[1], 2), True))["url"]
        python = (await told(house, known[2], package, known[2].login(), True))["url"]
        tuya = await told(house, known[3], package, tuya_login(known[3]), False)
        http, https = "http://fw.example/files/ota/", "https://tls.example/v2/ota/"
        assert [url.rpartition("/")[0] + "/" for url in (tcp, tls, python)] == [http, https, http]
        assert tuya["url"].startswith(http) and tuya["httpsUrl"].startswith(https) and tuya["cdnUrl"].startswith(https)
        token = tcp.rpartition("/")[2]
        for path in ("/files/ota/", "/ota/", "/v2/ota/"):
            assert await fetched(f"http://127.0.0.1:{plain}{path}{token}") == IMAGE
            assert await fetched(f"https://localhost:{secure}{path}{token}", context=trusting(cert)) == IMAGE
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            await fetched(f"http://127.0.0.1:{plain}/else/ota/{token}")
        caught.value.close()
        assert caplog.messages == []


async def test_a_port_is_told_to_the_operator(dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Issue 9, number 8: once at the start, and when a C client is told such a URL, once an hour for a product."""
    async with house_on(dsn, tmp_path, public_url="http://fw.example:8687") as house:
        [start] = [line for line in caplog.messages if "C SDKs" in line]
        assert "can't download from http://fw.example:8687:" in start
        product = (await house.product()).product_key
        package = await house.package(product, IMAGE)
        known = [await house.device(product) for _ in range(4)]
        caplog.clear()
        data = await told(house, known[0], package, known[0].login(), True)
        assert caplog.messages == []  # not one of them
        token = data["url"].rpartition("/")[2]
        for each in known[1:3]:
            await told(house, each, package, c_login(each, 3), True)
        [line] = [line for line in caplog.messages if "C SDK" in line]
        assert f"device={product}/{known[1].name} " in line and token[:20] not in line
        tuya = await told(house, known[3], package, tuya_login(known[3]), False)
        assert tuya["url"] == tuya["httpsUrl"] == tuya["cdnUrl"]  # no TLS address: what there is
