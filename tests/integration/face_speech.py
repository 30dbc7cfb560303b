"""How one device logs in, tells its version and asks, in the words of each vendor."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.platform_house import Device, House, Known, sign
from tests.mqttwire import WireClient

CLOCK = "2026062810"


@dataclass(frozen=True)
class Speech:
    """Topics and payloads by the device, `padding` is members of the payload that nobody reads."""

    login: Callable[[Known], tuple[str, str, bytes]]
    report_topic: Callable[[Known], str]
    report: Callable[[str, dict[str, Any]], dict[str, Any]]  # by version and padding
    ask_topic: Callable[[Known], str] | None = None
    answer_topic: Callable[[Known], str] = lambda known: ""
    payload_max: int = 262_144


def _tuya(known: Known) -> tuple[str, str, bytes]:
    tail = "timestamp=1700000000,secureMode=1,accessType=1"
    password = sign(known.secret, f"deviceId={known.name},{tail}").encode()
    return f"tuyalink_{known.name}", f"{known.name}|signMethod=hmacSha256,{tail}", password


def _huawei(known: Known) -> tuple[str, str, bytes]:
    password = hmac.new(CLOCK.encode(), known.secret.encode(), hashlib.sha256).hexdigest().encode()
    return f"{known.name}_0_0_{CLOCK}", known.name, password


SPEECHES = {
    "alibaba": Speech(
        Known.login,
        lambda known: f"/ota/device/inform/{known.key}/{known.name}",
        lambda version, padding: {"id": 1, "params": {"version": version}, **padding},
        lambda known: f"/sys/{known.key}/{known.name}/thing/ota/firmware/get",
        lambda known: f"/sys/{known.key}/{known.name}/thing/ota/firmware/get_reply",
    ),
    "tuya": Speech(
        _tuya,
        lambda known: f"tylink/{known.name}/ota/firmware/report",
        lambda version, padding: {
            "msgId": "0", "time": 0, "data": {"bizType": "INIT", "otaChannel": [{"channel": 0, "version": version}]},
            **padding,
        },
        lambda known: f"tylink/{known.name}/ota/get",
        lambda known: f"tylink/{known.name}/ota/get_response",
    ),
    "huawei": Speech(
        _huawei,
        lambda known: f"$oc/devices/{known.name}/sys/events/up",
        lambda version, padding: {
            "services": [{"service_id": "$ota", "event_type": "version_report", "paras": {"fw_version": version}}],
            **padding,
        },
        payload_max=1_048_576,
    ),
}  # fmt: skip


def padded(speech: Speech, version: str, size: int) -> bytes:
    """A version report of exactly so many bytes."""
    empty = len(json.dumps(speech.report(version, {"pad": ""})).encode())
    return json.dumps(speech.report(version, {"pad": "x" * (size - empty)})).encode()


def report(speech: Speech, version: str) -> bytes:
    return json.dumps(speech.report(version, {})).encode()


async def connected(house: House, speech: Speech, known: Known) -> Device:
    client: WireClient = await house.client()
    assert await client.login(*speech.login(known)) == 0
    return Device(client, known)


async def runs(house: House, known: Known) -> dict[str, str]:
    """The versions that are known of it, by module."""
    rows = await house.rows(
        "select v.module, v.version from module_version v join device d using (device_id) where d.name = $1", known.name
    )
    return {row["module"]: row["version"] for row in rows}
