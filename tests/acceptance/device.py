"""A device for the stories: a blocking one, that writes and reads its own bytes (alibaba 6.1, 6.3 to 6.5)."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from tests.mqttwire import Received, WireClient, puback, publish

YEAR_2050 = "2524608000000"  # alibaba 6.1: the C SDKs' constant timestamp


class Device:
    """One device, online from its making to `close`."""

    def __init__(self, address: str, product_key: str, name: str, secret: str, *, extras: str = "") -> None:
        self.product_key, self.name, self.secret = product_key, name, secret
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._came: list[Received] = []
        self._last = 0
        host, _, port = address.rpartition(":")
        self._client = self._runner.run(WireClient.open(host, int(port)))
        assert self._runner.run(self._client.login(*self._login(extras))) == 0

    def _login(self, extras: str) -> tuple[str, str, bytes]:
        """As the C SDKs write it: the year 2050, an UPPER-case digest, a comma before the last bar."""
        ident = f"{self.product_key}.{self.name}"
        content = f"clientId{ident}deviceName{self.name}productKey{self.product_key}timestamp{YEAR_2050}"
        password = hmac.new(self.secret.encode(), content.encode(), hashlib.sha256).hexdigest().upper()
        client_id = f"{ident}|timestamp={YEAR_2050},_ss=1,securemode=3,signmethod=hmacsha256,ext=3,{extras}|"
        return client_id, f"{self.name}&{self.product_key}", password.encode()

    def inform(self, version: str, module: str = "") -> None:
        """Report a version; taken by the server when it returns."""
        more = {"module": module} if module else {}
        self.say(f"/ota/device/inform/{self._path}", {"version": version, **more})

    def progress(self, step: int, module: str = "") -> None:
        """Report progress, or a failure by its negative step; taken by the server when it returns."""
        more = {"module": module} if module else {}
        self.say(f"/ota/device/progress/{self._path}", {"step": str(step), "desc": "", **more})

    def ask(self, module: str = "") -> dict[str, Any]:
        """The data of the task that the device asks for; empty when there is none."""
        self.say(f"/sys/{self._path}/thing/ota/firmware/get", {"module": module} if module else {})
        answer = json.loads(self.heard(f"/sys/{self._path}/thing/ota/firmware/get_reply"))
        assert answer["code"] == 200
        return dict(answer["data"])

    def offered(self) -> dict[str, Any]:
        """The data of the next push."""
        push = json.loads(self.heard(f"/ota/device/upgrade/{self._path}"))
        assert push["code"] == "1000"
        return dict(push["data"])

    def say(self, topic: str, params: dict[str, Any]) -> None:
        """Publish at QoS 1 and wait for the acknowledgement."""
        self.send(topic, json.dumps({"id": "1", "params": params}).encode())

    def send(self, topic: str, payload: bytes) -> None:
        """The same of a payload as it stands."""
        self._last += 1
        self._runner.run(self._client.send(publish(topic, payload, self._last)))
        self._until(lambda got: got.kind == 4 and got.packet_id == self._last)

    def heard(self, topic: str, timeout_s: float = 10.0) -> bytes:
        """The payload of the next message on a topic, acknowledged."""
        return self._until(lambda got: got.kind == 3 and got.topic == topic, timeout_s).payload

    def cut(self) -> None:
        """Returns when the server has hung up."""
        self._runner.run(self._client.closed())

    def close(self) -> None:
        """Hang up."""
        self._runner.run(self._client.close())
        self._runner.close()

    @property
    def _path(self) -> str:
        return f"{self.product_key}/{self.name}"

    def _until(self, wanted: Any, timeout_s: float = 10.0) -> Received:
        """The first packet that is wanted; the others stay for later."""
        while True:
            for place, got in enumerate(self._came):
                if wanted(got):
                    return self._came.pop(place)
            got = self._runner.run(self._client.receive(timeout_s))
            if got.kind == 3 and got.qos:
                self._runner.run(self._client.send(puback(got.packet_id)))
            self._came.append(got)


@contextlib.contextmanager
def online(address: str, product_key: str, name: str, secret: str, version: str = "") -> Iterator[Device]:
    """A device that has reported its version, if one is given."""
    device = Device(address, product_key, name, secret)
    try:
        if version:
            device.inform(version)
        yield device
    finally:
        device.close()
