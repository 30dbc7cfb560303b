"""Devices of the vendor's own device SDKs for Node, unmodified, from 1.0.0 to 2.0.0: by themselves, by TLS, and as the
sub-device of a gateway. What else their methods ask for is answered."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client

from acceptance.client import Server, new_device, new_package, new_product, new_sdk, serve, unique, until
from acceptance.test_linkkit import _job, _task
from acceptance.tls import certificate, free_port
from clients.device import Device, running

IMAGE = random.Random(15).randbytes(70_001)
SDKS = ("alibabacloud-iot-device-sdk", "aliyun-iot-device-sdk")
ANSWERED = {"properties": 200, "event": 200, "labels": 200, "no labels": 200, "configuration": 404}


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server, the certificate that it shows, and its brokers by the way to them."""

    server: Server
    sdk: Client
    ca: Path
    brokers: dict[str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    port = free_port()
    with serve("--mqtts", f"127.0.0.1:{port}", "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        brokers = {"tcp": f"mqtt://{server.mqtt}", "tls": f"mqtts://127.0.0.1:{port}"}
        yield Place(server=server, sdk=new_sdk(server.http, server.admin), ca=cert, brokers=brokers)


@pytest.mark.parametrize("way", ["tcp", "tls"])
@pytest.mark.parametrize("package", SDKS)
def test_a_device_is_taken_to_2_0_0(place: Place, tmp_path: Path, package: str, way: str) -> None:
    product = new_product(place.sdk)
    name, secret = new_device(place.sdk, product)
    given = {"sdk": package, "url": place.brokers[way], "product": product, "id": name, "secret": secret}
    with started(place, given, tmp_path) as device:
        device.until("connected")
        assert device.until("answered") == ANSWERED | {"what": "answered"}
        upgraded(place, device, product, name)
        device.end()
    assert device.said() == ["connected", "answered", "online", "offered", "downloaded", "reported"]


def test_a_gateway_has_its_sub_device_upgraded(place: Place, tmp_path: Path) -> None:
    """By the newer SDK alone: the older one has its sub-devices connect to the vendor's own address."""
    of_gateways = m.CreateProductRequest(product_name=unique("gateways"), node_type=1)
    above, product = place.sdk.create_product(of_gateways).body.product_key, new_product(place.sdk)
    (gateway, its_secret), (name, secret) = new_device(place.sdk, above), new_device(place.sdk, product)
    sub = {"product": product, "id": name, "secret": secret}
    given = {"sdk": SDKS[0], "url": place.brokers["tcp"], "product": above, "id": gateway, "secret": its_secret}
    with started(place, given | {"sub": sub}, tmp_path) as device:
        device.until("connected")
        codes = {"add": 200, "get": 200, "login": 200, "register": 404}
        assert device.until("joined") == codes | {"what": "joined"}
        assert device.until("answered") == ANSWERED | {"what": "answered"}
        upgraded(place, device, product, name)
        device.end()
    assert device.said() == ["connected", "joined", "answered", "online", "offered", "downloaded", "reported"]


def started(place: Place, given: dict[str, Any], folder: Path) -> Any:
    """The SDKs take no CA: Node is told of it."""
    log = folder / "device.log"
    return running("node-alibaba-device", given | {"version": "1.0.0"}, log, NODE_EXTRA_CA_CERTS=str(place.ca))


def upgraded(place: Place, device: Device, product: str, name: str) -> None:
    """It is offered once, what it downloaded is the image, and its task ends as it should."""
    firmware = new_package(place.sdk, product, IMAGE, need_to_verify=False)
    device.until("online")
    job = _job(place.sdk, "static", product, name, firmware)
    offer = device.until("offered")
    assert (offer["version"], offer["size"]) == ("2.0.0", len(IMAGE))
    got = device.until("downloaded")
    assert (got["status"], got["size"], got["digest"]) == (200, len(IMAGE), hashlib.sha256(IMAGE).hexdigest())
    assert got["sound"] is True and device.until("reported")["version"] == "2.0.0"
    task = until(lambda: _task(place.sdk, job), lambda each: each.task_status == "SUCCEEDED")
    assert (task.task_status, task.device_name) == ("SUCCEEDED", name)
