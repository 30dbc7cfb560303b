"""A device built on Huawei's Python SDK and its OTA sample (huawei 5.1, 5.3-5.8), from the reference without its code.

What it copies on purpose: everything runs on the one MQTT thread, so while it downloads it reads nothing, answers
nothing and sends no ping, and the PUBACK of an upgrade goes out after the reports; event_time is local time in a form
of its own; event_id is always an empty text; a v2 event keeps its url, version and expires alone; a failed download or
check is not reported at all.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from tests.imitations.huawei import HuaweiDevice, Misread, digest


@dataclass(kw_only=True)
class HuaweiPython(HuaweiDevice):
    """`fails`: download, check (v1 only), crash (it is gone in the middle). `pause_s` is how long it takes to install;
    `reports_info` is auto_report_device_info."""

    sign_type: int = 1
    pause_s: float = 0.0
    reports_info: bool = False

    async def greeting(self) -> None:
        if self.reports_info:
            paras = {"device_sdk_version": "Python_v1.2.0", "sw_version": "", "fw_version": ""}
            await self.say("sdk_info_report", paras, "$sdk_info")

    def acknowledges_first(self) -> bool:
        return False

    def check_subject(self, message: dict[str, Any]) -> None:
        if message.get("object_device_id") not in (None, "", self.device_id):
            raise Misread(f"for {message['object_device_id']}")

    def versions(self) -> dict[str, Any]:
        return {"fw_version": self.version, "sw_version": self.version}

    def written(self, service: str, kind: str, paras: dict[str, Any]) -> bytes:
        event = {
            "service_id": service,
            "event_type": kind,
            "event_time": self.moment().astimezone().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "event_id": "",
            "paras": paras,
        }
        return json.dumps({"object_device_id": self.device_id, "services": [event]}).encode()

    async def upgrade(self, kind: str, paras: dict[str, Any]) -> None:
        known = paras if not kind.endswith("_v2") else {name: paras[name] for name in ("url", "version", "expires")}
        token = known.get("access_token")
        try:
            data = await asyncio.to_thread(_fetched, known["url"], token)
        except (requests.RequestException, ValueError):
            return
        if self.fails == "download":
            return
        if "sign" in known and (digest(data) != known["sign"] or self.fails == "check"):
            return
        self.image = data
        await asyncio.sleep(self.pause_s)
        if self.fails == "crash":
            raise ConnectionResetError
        self.version = known["version"]
        told = {"result_code": 0, "progress": 100, "version": self.version, "description": "upgrade success"}
        await self.say("upgrade_progress_report", told)


def _fetched(url: str, token: str | None) -> bytes:
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    headers = None if token is None else {"Authorization": f"Bearer {token}"}
    with requests.get(url, headers=headers, verify=False, stream=True, timeout=60) as answer:
        if answer.status_code != 200:
            raise ValueError(answer.status_code)
        promised = int(answer.headers["Content-Length"])
        data = b"".join(answer.iter_content(1024))
    if len(data) != promised:
        raise ValueError(len(data))
    return data
