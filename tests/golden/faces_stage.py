"""A server, its owners of all three dialects, and raw devices of all three kinds: every message that a device is
sent is an answer here, its topic being the type.

What a step may ask: {"api": dialect, …} is asked of that dialect's stage. A device is told what to do by
  {"register": name, "product": …, "secret": …}   a device asks for its secret over HTTP (alibaba 6.1)
  {"device": name, "connect": kind, "id": …, "product": …, "secret": …}   kind is alibaba, tuyalink or huawei
  {"device": name, "publish": topic, "json": …, "qos": 0} {"device": name, "subscribe": filter}
  {"device": name, "hears": 1}
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from tests.golden.book import Raw, Stage
from tests.golden.huawei_stage import HuaweiStage, logged_in, sent
from tests.golden.rpc_stage import AlibabaVoice, RpcStage
from tests.golden.tuya_stage import TuyaVoice
from tests.imitations.mqtt import Mqtt

from acceptance.client import Server, serve

TAIL = "timestamp=1700000000000,secureMode=1,accessType=1"
YEAR_2050 = "2524608000000"  # alibaba 6.1: the C SDKs' constant timestamp


class FacesStage(Stage):
    """Three owners of one server, and the devices."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.apis: Mapping[str, Any] = {
            "alibaba": RpcStage(server, "alibaba", AlibabaVoice),
            "tuya": RpcStage(server, "tuya", TuyaVoice),
            "huawei": HuaweiStage(server),
        }
        self.devices: dict[str, Mqtt] = {}

    def send(self, ask: dict[str, Any]) -> Raw | None:
        if "api" in ask:
            answer: Raw | None = self.apis[ask["api"]].send({n: v for n, v in ask.items() if n != "api"})
            return answer
        if "register" in ask:
            return self._registered(ask["register"], ask["product"], ask["secret"])
        name = ask["device"]
        if "connect" in ask:
            self.devices[name] = _connected(self.server.mqtt, ask)
            return None
        device = self.devices[name]
        if "publish" in ask:
            device.publish(ask["publish"], json.dumps(ask["json"]), ask.get("qos", 0))
            return None
        if "subscribe" in ask:
            return Raw(status=device.subscribe(ask["subscribe"], ask.get("qos", 1)), type="granted", body=b"")
        told = device.pushed()
        assert told is not None, f"{name} hears nothing"
        return Raw(status=0, type=told[0], body=told[1])

    def _registered(self, name: str, product: str, secret: str) -> Raw:
        proof = _hmac(secret, f"deviceName{name}productKey{product}randomabc")
        form = {"productKey": product, "deviceName": name, "random": "abc", "sign": proof, "signMethod": "hmacsha256"}
        kind = {"Host": self.server.http, "Content-Type": "application/x-www-form-urlencoded"}
        return sent(self.server.http, "POST", "/auth/register/device", kind, urlencode(form).encode())

    def close(self) -> None:
        for device in self.devices.values():
            device.close()
        for api in self.apis.values():
            api.close()


def _connected(address: str, ask: Mapping[str, Any]) -> Mqtt:
    name, secret = ask["id"], ask["secret"]
    if ask["connect"] == "huawei":
        return logged_in(address, name, secret)
    host, _, port = address.rpartition(":")
    device = Mqtt(host, int(port))
    if ask["connect"] == "tuyalink":
        proof = _hmac(secret, f"deviceId={name},{TAIL}")
        device.connect(f"tuyalink_{name}", f"{name}|signMethod=HMACSHA256,{TAIL}", proof)
        return device
    ident = f"{ask['product']}.{name}"
    said = f"clientId{ident}deviceName{name}productKey{ask['product']}timestamp{YEAR_2050}"
    client_id = f"{ident}|timestamp={YEAR_2050},_ss=1,securemode=3,signmethod=hmacsha256,ext=3,|"
    device.connect(client_id, f"{name}&{ask['product']}", _hmac(secret, said).upper())
    return device


def _hmac(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@contextmanager
def open_stage(options: list[str]) -> Iterator[FacesStage]:
    """A fresh server, ended afterwards."""
    with serve(*options) as server:
        stage = FacesStage(server)
        try:
            yield stage
        finally:
            stage.close()
