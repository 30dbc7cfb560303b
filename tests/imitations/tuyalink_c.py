"""A TuyaLink device as the vendor's C link SDK makes one (tuya 4), from the reference's text and without its code.

What it copies on purpose: the login signed with 16 bytes of the secret and made once, the single SUBSCRIBE whose SUBACK
it waits for, buffers of fixed size, `atoi` into an int, a strict JSON reader, a msgId that counts from 0 at every boot,
everything sent at QoS 0. Where the real device would misread, crash or stall, this one raises `Stalled`.
"""

import asyncio
import hashlib
import hmac
import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.mqttwire import Received, WireClient, connect, puback, publish, subscribe

PACKET_BUFFER = 4096  # bytes, header included
CLIENT_ID_BUFFER, USERNAME_BUFFER, PASSWORD_BUFFER = 128, 128, 96
AUTO_TOPIC_BUFFER, TOPIC_BUFFER = 64, 256
VERSION_BUFFER, URL_BUFFER = 10, 255  # characters, of the family that copies with strcpy
KEY_SIZE = 16
INT_MAX = 2**31 - 1


class Stalled(AssertionError):
    """A real device would stop here for ever, or worse."""


def fits(text: str, buffer: int) -> str:
    """The text, with room for its closing NUL."""
    if len(text.encode()) >= buffer:
        raise Stalled(f"{text!r} does not fit {buffer} bytes")
    return text


def atoi(text: str) -> int:
    """What C makes of it: leading digits, and an int that must not overflow."""
    digits = ""
    for char in text.strip():
        if not char.isdigit():
            break
        digits += char
    if int(digits or 0) > INT_MAX:
        raise Stalled(f"atoi({text!r}) overflows an int")
    return int(digits or 0)


@dataclass(kw_only=True)
class TuyaLinkC:
    """One device. `fails` is an errorCode that it reports instead of installing; `reports` what it says it runs after
    an update, in place of what it was offered; `takes` says whether it does anything about an offer."""

    host: str
    port: int
    device_id: str
    secret: str
    channel: int = 0
    version: str = "1.0.0"
    timestamp: int = 1_700_000_000  # of a clock that was set once
    fails: int | None = None
    reports: str | None = None
    takes: bool = True
    asks: bool = False  # sends ota/get instead of waiting
    steps: tuple[int, ...] = (0, 33, 98, 100)
    offers: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    image: bytes = b""
    _msg_id: int = 0
    _wire: WireClient | None = None

    # --- the connection ---

    async def start(self) -> None:
        """Log in, subscribe once, wait for the SUBACK, say what runs."""
        self._msg_id = 0
        self._wire = await WireClient.open(self.host, self.port)
        client_id = fits(f"tuyalink_{self.device_id}", CLIENT_ID_BUFFER)
        tail = f"timestamp={self.timestamp},secureMode=1,accessType=1"
        username = fits(f"{self.device_id}|signMethod=hmacSha256,{tail}", USERNAME_BUFFER)
        signed = hmac.new(self.secret.encode()[:KEY_SIZE], f"deviceId={self.device_id},{tail}".encode(), "sha256")
        password = fits(signed.hexdigest(), PASSWORD_BUFFER)
        await self._wire.send(connect(client_id, username, password.encode(), keep_alive_s=60))
        answer = await self._wire.receive()
        if (answer.kind, answer.body[1]) != (2, 0):
            raise Stalled(f"the login was refused: {answer}")
        topic = fits(f"tylink/{self.device_id}/channel/downlink/auto_subscribe", AUTO_TOPIC_BUFFER)
        await self._wire.send(subscribe(1, (topic, 1)))
        granted = await self._wire.receive()
        if granted.kind != 9 or granted.body[:2] != b"\x00\x01" or granted.body[2] > 1:
            raise Stalled(f"no SUBACK before everything else: {granted}")
        await self._report("INIT")
        if self.asks:
            await self._publish("ota/get", {})

    async def stop(self) -> None:
        """Gone, without a farewell."""
        if self._wire is not None:
            await self._wire.close()

    async def run(self, until: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Take what comes until `until` holds."""

        async def taking() -> None:
            while not until():
                await self._take(await self._next())

        await asyncio.wait_for(taking(), timeout_s)

    async def install(self, timeout_s: float = 60.0) -> None:
        """Until one offer was taken to its end."""
        await self.run(lambda: bool(self.offers), timeout_s)

    async def _next(self) -> Received:
        assert self._wire is not None
        received = await self._wire.receive(60.0)
        if len(received.body) + 5 >= PACKET_BUFFER:
            raise Stalled(f"a packet of {len(received.body)} bytes")
        return received

    # --- what comes ---

    async def _take(self, received: Received) -> None:
        if received.kind != 3:
            return
        assert self._wire is not None
        if received.qos:
            await self._wire.send(puback(received.packet_id))
        topic = fits(received.topic, TOPIC_BUFFER)
        if not topic.startswith("tylink/"):
            raise Stalled(f"a topic of nobody: {topic}")
        message = self._parsed(received.payload)
        kind = topic.removeprefix(f"tylink/{self.device_id}/")
        if kind == "ota/issue":
            await self._offered(message)
        elif kind == "ota/get_response":
            if message["code"] != 0:
                raise Stalled(f"code {message['code']}")
            self.answers.append(message)
            if message["data"]:
                await self._offered(message)

    def _parsed(self, payload: bytes) -> dict[str, Any]:
        """Strict JSON; `time` goes through atoi."""
        text = payload.decode("ascii")
        message = json.loads(text, object_pairs_hook=_no_twins)
        if not isinstance(message, dict) or not isinstance(message["msgId"], str):
            raise Stalled(f"no message: {text}")
        if atoi(str(message["time"])) < 10**9:
            raise Stalled(f"time {message['time']} is no 10 digits")
        return message

    async def _offered(self, message: dict[str, Any]) -> None:
        data = message["data"]
        if not isinstance(data["size"], str):
            raise Stalled("size is no string: atoi would read a wild pointer")
        if len(data["version"]) > VERSION_BUFFER:
            self.cautions.append(data["version"])
        for url in ("url", "httpsUrl", "cdnUrl"):
            fits(data[url], URL_BUFFER + 1)
        if data["channel"] == self.channel and self.takes:
            await self._install(data)
        self.offers.append(data)

    async def _install(self, data: dict[str, Any]) -> None:
        if self.fails is not None:
            fault = {"channel": self.channel, "errorCode": self.fails, "errorMsg": "no room"}
            await self._publish("ota/progress/report", fault)
            return
        self.image = await asyncio.to_thread(_fetched, data["url"], atoi(data["size"]))
        self._check(data)
        for step in self.steps:
            await self._publish("ota/progress/report", {"channel": self.channel, "progress": step})
        self.version = self.reports or data["version"]
        await self._report("UPDATE")

    def _check(self, data: dict[str, Any]) -> None:
        if hashlib.md5(self.image).hexdigest() != data["md5"]:
            raise Stalled("md5")
        digest = hashlib.sha256(self.image).hexdigest().upper()
        ours = hmac.new(self.secret.encode(), digest.encode(), hashlib.sha256).hexdigest().upper()
        if ours != data["hmac"]:
            raise Stalled("hmac")

    # --- what goes ---

    async def _report(self, kind: str) -> None:
        data: dict[str, Any] = {"bizType": kind}
        if kind == "INIT":
            data |= {"pid": "fnrwpglflmbhjvvh", "firmwareKey": "keym9qkuywghyrvs"}
        channels = [{"channel": self.channel, "version": self.version}]
        if self.channel:
            channels.insert(0, {"channel": 0, "version": "1.0.0"})
        await self._publish("ota/firmware/report", data | {"otaChannel": channels})

    async def _publish(self, suffix: str, data: Any) -> None:
        assert self._wire is not None
        message = {"msgId": str(self._msg_id), "time": self.timestamp + self._msg_id}
        if data:
            message["data"] = data
        self._msg_id += 1
        body = json.dumps(message, separators=(",", ":")).encode()
        packet = publish(f"tylink/{self.device_id}/{suffix}", body)
        if len(packet) > PACKET_BUFFER:
            raise Stalled("its own packet is too long")
        await self._wire.send(packet)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Stalled("a member twice")
    return dict(pairs)


def _fetched(url: str, size: int) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
    if len(body) != size:
        raise Stalled(f"{len(body)} bytes where {size} were promised")
    return body
