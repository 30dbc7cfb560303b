"""A device built on Huawei's Java SDK and its OTA sample (huawei 5.1, 5.3-5.8), from the reference without its code.

What it copies on purpose: `$sdk_info` with null versions after every connect; a message whose object_device_id is not
exactly its own is dropped; numbers must be numbers; both versions are always the same text; a report of 100 % with the
old version goes out before the check, and the one with the new version after it; incoming messages are acknowledged at
once and the download runs beside.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from tests.imitations.huawei import HuaweiDevice, Misread, digest
from tests.imitations.huawei_http import Broken, fetch


@dataclass(kw_only=True)
class HuaweiJava(HuaweiDevice):
    """`fails`: download (6) or check (7), both told with the old version. `pause_s` is how long its check takes."""

    sign_type: int = 1
    pause_s: float = 0.0
    _work: set[asyncio.Task[None]] = field(default_factory=set)

    async def greeting(self) -> None:
        paras = {"device_sdk_version": "JAVA_v1.2.1", "sw_version": None, "fw_version": None}
        await self.say("sdk_info_report", paras, "$sdk_info")

    def check_subject(self, message: dict[str, Any]) -> None:
        if message.get("object_device_id") not in (None, self.device_id):  # an empty text is another's too
            raise Misread(f"dropped: for {message['object_device_id']!r}")

    def written(self, service: str, kind: str, paras: dict[str, Any]) -> bytes:
        event = {
            "service_id": service,
            "event_type": kind,
            "event_time": self.moment().strftime("%Y%m%dT%H%M%SZ"),
            "event_id": None,
            "paras": paras,
        }
        text = json.dumps({"object_device_id": self.device_id, "services": [event]}, separators=(",", ":"))
        return text.encode()

    async def upgrade(self, kind: str, paras: dict[str, Any]) -> None:
        for name, wanted in (("version", str), ("url", str), ("file_size", int), ("expires", int)):
            if type(paras[name]) is not wanted:
                raise Misread(f"{name} is {paras[name]!r}")
        for name in ("custom_info", "sign"):
            if not isinstance(paras.get(name, ""), str):
                raise Misread(f"{name} is no text")
        work = asyncio.create_task(self._installed(paras))
        self._work.add(work)
        work.add_done_callback(self._work.discard)

    async def _installed(self, paras: dict[str, Any]) -> None:
        token = paras.get("access_token")
        headers = [f"Authorization: Bearer {token}"] if token else []
        headers += ["Connection: Keep-Alive", "Accept-Encoding: gzip", "User-Agent: okhttp/4.12.0"]
        try:
            if self.fails == "download":
                raise Broken("no route")
            data = await asyncio.to_thread(fetch, paras["url"], headers)
        except (OSError, Broken) as exc:
            await self._told(6, 0, str(exc))
            return
        await self._told(0, 100, None)
        await asyncio.sleep(self.pause_s)
        wrong = token is not None and digest(data) != paras["sign"].lower()  # huawei 5.7: the v1 sample alone checks
        if self.fails == "check" or wrong:
            await self._told(7, 0, "sign check failed")
            return
        self.image, self.version = data, paras["version"]
        await self._told(0, 100, "upgrade success")

    async def _told(self, code: int, progress: int, text: str | None) -> None:
        said = {"result_code": code, "progress": progress, "version": self.version, "description": text}
        await self.say("upgrade_progress_report", said)
