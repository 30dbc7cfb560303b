"""What all of Huawei's device SDKs have in common (huawei 5.1-5.3), written from the reference without their code.

Each SDK's own habits are in its own file. A device logs in, never subscribes unless told to, answers version_query,
and installs what an upgrade event offers. Where a real device would misread or drop a message, this one raises.
"""

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.mqttwire import Received, WireClient, connect, puback, publish, subscribe


class Misread(AssertionError):
    """A real device would drop this, or worse."""


class Refused(ConnectionError):
    """CONNACK said no."""


def unchecked() -> ssl.SSLContext:
    """TLS without a look at the certificate, as all of these SDKs download (huawei 5.7)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(kw_only=True)
class HuaweiDevice:
    """One device. `fails` names the way its upgrade fails; None succeeds. `events` are all it was told, `image` the
    last file it downloaded whole. `subscribes` says that it asks for its down topic, as some SDKs do."""

    host: str
    port: int
    device_id: str
    secret: str
    version: str = "V1.0"
    sign_type: int = 0
    fails: str | None = None
    subscribes: bool = False
    tls: ssl.SSLContext | None = None
    keep_alive_s: int = 120
    moment: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    pubacked: list[int] = field(default_factory=list)
    image: bytes = b""
    ended: bool = False
    _last: int = 0
    _wire: WireClient | None = None
    _reader: asyncio.Task[None] | None = None

    # --- what SDKs differ in ---

    def timestamp(self) -> str:
        """The hour that the login says."""
        return self.moment().astimezone(UTC).strftime("%Y%m%d%H")

    async def greeting(self) -> None:
        """What is published right after the login; most say nothing."""

    def versions(self) -> dict[str, Any]:
        """The paras of a version_report."""
        return {"fw_version": self.version, "sw_version": self.version}

    def written(self, service: str, kind: str, paras: dict[str, Any]) -> bytes:
        """An event as this SDK writes it."""
        raise NotImplementedError

    async def upgrade(self, kind: str, paras: dict[str, Any]) -> None:
        """Install, and say what came of it."""
        raise NotImplementedError

    def acknowledges_first(self) -> bool:
        """Whether the PUBACK goes out before the message is acted on."""
        return True

    # --- the connection ---

    @property
    def down(self) -> str:
        return f"$oc/devices/{self.device_id}/sys/events/down"

    @property
    def up(self) -> str:
        return f"$oc/devices/{self.device_id}/sys/events/up"

    async def start(self) -> None:
        """Log in and run. Raises Refused."""
        self._wire = await WireClient.open(self.host, self.port, self.tls)
        at = self.timestamp()
        client_id = f"{self.device_id}_0_{self.sign_type}_{at}"
        password = hmac.new(at.encode(), self.secret.encode(), hashlib.sha256).hexdigest()
        await self._wire.send(connect(client_id, self.device_id, password.encode(), keep_alive_s=self.keep_alive_s))
        answer = await self._wire.receive()
        if (answer.kind, answer.body[1]) != (2, 0):
            await self._wire.close()
            raise Refused(str(answer.body[1]))
        if self.subscribes:
            await self._wire.send(subscribe(1, (self.down, 1)))
        await self.greeting()
        self._reader = asyncio.create_task(self._read(self._wire))

    async def stop(self) -> None:
        """Gone, without a farewell. What went wrong meanwhile is raised."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})
        if self._wire is not None:
            await self._wire.close()
        if self._reader is not None and not self._reader.cancelled() and (fault := self._reader.exception()):
            raise fault

    async def until(self, holds: Callable[[], object], timeout_s: float = 30.0) -> None:
        """Wait, and raise what the device could not read."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                if self._reader is not None and self._reader.done() and (fault := self._reader.exception()):
                    raise fault
                await asyncio.sleep(0.01)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The paras of all events of a kind."""
        return [paras for each, paras in self.events if each == kind]

    async def say(self, kind: str, paras: dict[str, Any], service: str = "$ota") -> None:
        """Publish an event at QoS 1."""
        await self.publish(self.up, self.written(service, kind, paras))

    async def publish(self, topic: str, payload: bytes) -> None:
        assert self._wire is not None
        self._last = self._last % 65535 + 1
        await self._wire.send(publish(topic, payload, self._last))

    async def _read(self, wire: WireClient) -> None:
        try:
            while True:
                await self._packet(wire, await wire.receive(3600))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended = True

    async def _packet(self, wire: WireClient, packet: Received) -> None:
        if packet.kind == 4:
            self.pubacked.append(packet.packet_id)
        if packet.kind != 3:
            return
        if packet.qos != 1:
            raise Misread(f"QoS {packet.qos}")
        if self.acknowledges_first():
            await wire.send(puback(packet.packet_id))
        if packet.topic == self.down:
            await self._message(json.loads(packet.payload))
        if not self.acknowledges_first():
            await wire.send(puback(packet.packet_id))

    async def _message(self, message: dict[str, Any]) -> None:
        self.check_subject(message)
        for service in message["services"]:
            kind, paras = service["event_type"], service["paras"]
            datetime.strptime(service["event_time"], "%Y%m%dT%H%M%SZ")
            self.events.append((kind, paras))
            if service["service_id"] != "$ota":
                continue
            if kind == "version_query":
                await self.say("version_report", self.versions())
            elif kind in ("firmware_upgrade", "software_upgrade", "firmware_upgrade_v2", "software_upgrade_v2"):
                await self.upgrade(kind, paras)

    def check_subject(self, message: dict[str, Any]) -> None:
        """What the SDK thinks of object_device_id."""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
