"""A device built on Huawei's Go SDK and its OTA sample (huawei 5.1, 5.3-5.8), from the reference without its code.

What it copies on purpose: the hour of the login is local time; the status of the download is not looked at; one report
after the handler, which says an empty version when the update failed.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any

from tests.imitations.huawei import HuaweiDevice, Misread, digest
from tests.imitations.huawei_http import Broken, fetch


@dataclass(kw_only=True)
class HuaweiGo(HuaweiDevice):
    """`fails`: install (10) or inner (255). `zone_h` is how far its local time is from UTC."""

    sign_type: int = 1
    zone_h: int = 0

    def timestamp(self) -> str:
        return self.moment().astimezone(timezone(timedelta(hours=self.zone_h))).strftime("%Y%m%d%H")

    def written(self, service: str, kind: str, paras: dict[str, Any]) -> bytes:
        event = {
            "service_id": service,
            "event_type": kind,
            "event_time": self.moment().strftime("%Y%m%dT%H%M%SZ"),
            "paras": paras,
        }
        text = json.dumps({"object_device_id": self.device_id, "services": [event]}, separators=(",", ":"))
        return text.encode()

    async def upgrade(self, kind: str, paras: dict[str, Any]) -> None:
        for name in ("file_size", "expires"):
            if type(paras[name]) is not int:
                raise Misread(f"{name} is {paras[name]!r}")
        token = paras.get("access_token")
        headers = [f"Authorization: Bearer {token}", "Content-Type: text/plain"] if token else []
        headers += ["User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"]
        try:
            data = await asyncio.to_thread(fetch, paras["url"], headers, any_status=True)
        except (OSError, Broken):
            data = b""
        if self.fails or digest(data) != paras.get("sign", digest(data)).lower():
            code = 255 if self.fails == "inner" else 10
            await self._told(code, 0, "", "upgrade failed")
            return
        self.image, self.version = data, paras["version"]
        await self._told(0, 100, self.version, "upgrade success")

    async def _told(self, code: int, progress: int, version: str, text: str) -> None:
        said = {"result_code": code, "progress": progress, "version": version, "description": text}
        await self.say("upgrade_progress_report", said)
