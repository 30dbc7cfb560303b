"""What the tests of TuyaLink devices share: devices, jobs for them, and waiting beside them."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from tests.imitations.tuyalink_c import TuyaLinkC

from acceptance.client import Server, until
from acceptance.tuya_client import TuyaClient
from mqttwire import WireClient, puback

FINAL = ("SUCCEEDED", "FAILED", "CANCELED")
T = TypeVar("T")


def where(server: Server) -> dict[str, Any]:
    """Host and port of its MQTT door."""
    host, _, port = server.mqtt.rpartition(":")
    return {"host": host, "port": int(port)}


@asynccontextmanager
async def online(*devices: TuyaLinkC) -> AsyncIterator[None]:
    """The devices are started, and gone at the end."""
    try:
        await asyncio.gather(*(device.start() for device in devices))
        yield
    finally:
        await asyncio.gather(*(device.stop() for device in devices))


async def settled(what: Callable[[], T], holds: Callable[[T], bool], seconds: float = 20) -> T:
    """Ask, beside the devices, until the answer is as wanted."""
    return await asyncio.to_thread(until, what, holds, seconds)


async def new_device(server: Server, tuya: TuyaClient, key: str, **more: Any) -> TuyaLinkC:
    """A registered device, not connected."""
    name, secret = await asyncio.to_thread(tuya.new_device, key)
    return TuyaLinkC(**where(server), device_id=name, secret=secret, **more)


async def job_for(tuya: TuyaClient, key: str, firmware: str, *devices: TuyaLinkC, **more: Any) -> str:
    """The id of a job for these devices."""
    given: dict[str, Any] = {"FirmwareId": firmware, "ProductKey": key, "TargetSelection": "SPECIFIC"}
    given["TargetDeviceName"] = [device.device_id for device in devices]
    made = await asyncio.to_thread(tuya.do, "CreateOTAStaticUpgradeJob", given, **more)
    return str(made["data"]["jobId"])


async def ended(tuya: TuyaClient, job: str) -> dict[str, Any]:
    """The job's one task, once it is final."""
    rows = await settled(lambda: tuya.tasks(job), lambda rows: bool(rows) and rows[0]["taskStatus"] in FINAL)
    assert len(rows) == 1
    return rows[0]


async def runs(tuya: TuyaClient, key: str, device: TuyaLinkC, version: str) -> None:
    """The platform knows which version the device runs."""
    shown = await settled(
        lambda: tuya.do("QueryDeviceDetail", ProductKey=key, DeviceName=device.device_id)["data"],
        lambda data: data.get("firmwareVersion") == version,
    )
    assert (shown["firmwareVersion"], shown["status"]) == (version, "ONLINE")


def login_of(device: TuyaLinkC) -> tuple[str, str, bytes]:
    """Client id, username and password by the documented rule, with the whole secret."""
    tail = "timestamp=1700000000000,secureMode=1,accessType=1"
    signed = hmac.new(device.secret.encode(), f"deviceId={device.device_id},{tail}".encode(), "sha256").hexdigest()
    username = f"{device.device_id}|signMethod=HMACSHA256,{tail}"
    return f"tuyalink_{device.device_id}", username, signed.encode()


@asynccontextmanager
async def connected(device: TuyaLinkC) -> AsyncIterator[WireClient]:
    """A connection that says only what the test does."""
    wire = await WireClient.open(device.host, device.port)
    try:
        assert await wire.login(*login_of(device)) == 0
        yield wire
    finally:
        await wire.close()


def message(data: Any = None, msg_id: str = "1", **more: Any) -> bytes:
    """The payload of an uplink."""
    return json.dumps({"msgId": msg_id, "time": 1_700_000_000, "data": data} | more).encode()


async def told_on(wire: WireClient, topic: str) -> dict[str, Any]:
    """The next message, which must be on that topic."""
    received = await wire.receive()
    assert received.topic == topic
    await wire.send(puback(received.packet_id))
    found: dict[str, Any] = json.loads(received.payload)
    return found
