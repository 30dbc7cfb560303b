"""A server that Huawei's golden requests are sent to, and the devices that speak while they are.

What a step may ask:
  {"ask": "GET /path", "query": [[name, value]], "json": …, "by": …}   a request; a path that begins with ~ is below
      /v5/iot/ and the project of `by`. `by` is ACCOUNT/ROLE or ACCOUNT/ROLE/DIALECT of an access key that is made when
      it is first needed, "nobody", or {"token": …}. `sign` is sdk or v11; `secret` another secret; `headers` are
      signed, `after` are set when it was signed (null takes one away); the body is what `huawei_wire.body_of` knows.
  {"put": key, "text": …} {"remove": key}   an object in the bucket `abc` of the account; `size` makes one of zeros
  {"read": "all"}                           wait until no package's object is still to be read
  {"fetch": url}                            what a device downloads
  {"run": […], "given": …}                  a command beside the server
  {"device": id, "says": event, "paras": {…}}   `logs_in` with its secret, `hears` the next message, `leaves`
"""

import hashlib
import hmac
import http.client
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tests.golden import huawei_wire as wire
from tests.golden.audited import Heard, operation_of
from tests.golden.book import Raw, Stage
from tests.imitations.mqtt import Mqtt

from acceptance.client import Key, Server, serve

ACCOUNT = "golden"
BY = f"{ACCOUNT}/admin"
BUCKET = "abc"
READ_S = 30  # for which the server's reading of objects is waited
NOT_COMPARED = ("date", "server", "content-length", "content-type", "connection")


class HuaweiStage(Stage):
    """A running server, its keys, and the devices that are connected to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.keys: dict[str, Key] = {}
        self.devices: dict[str, Mqtt] = {}
        self.heard = Heard("huawei")
        project = self.key(BY).project_id
        self.given = {"project_id": project, "http": server.http, "bootstrap": server.admin.id}

    def key(self, by: str) -> Key:
        """The access key of an account, a role and a dialect."""
        if by not in self.keys:
            account, role, dialect = [*by.split("/"), "huawei"][:3]
            self.keys[by] = self.server.new_key(account, role, dialect)
        return self.keys[by]

    def send(self, ask: dict[str, Any]) -> Raw | None:
        if "ask" in ask:
            return self._request(ask)
        if "device" in ask:
            return self._device(ask)
        if "fetch" in ask:
            address, _, path = ask["fetch"].removeprefix("http://").partition("/")
            return sent(address, "GET", f"/{path}", {"Host": address}, b"")
        if "run" in ask:
            self.server.run(*ask["run"], given=ask.get("given", ""))
        elif "read" in ask:
            self._wait_for_readers()
        else:
            self._object(ask)
        return None

    def close(self) -> None:
        for device in self.devices.values():
            device.close()

    def _request(self, ask: Mapping[str, Any]) -> Raw:
        method, _, path = ask["ask"].partition(" ")
        by = ask.get("by", BY)
        key = self.key(by if isinstance(by, str) and by != "nobody" else BY)
        if path.startswith("~"):
            path = f"/v5/iot/{key.project_id}{path[1:]}"
        target = wire.target_of(path, ask.get("query", ()))
        body, kind = wire.body_of(ask)
        headers = {"Host": self.server.http, "Content-Type": kind} | ask.get("headers", {})
        if isinstance(by, dict):
            headers["X-Auth-Token"] = by["token"]
        elif by != "nobody":
            pair = key.id, ask.get("secret", key.secret)
            headers = wire.signed(pair, method, target, headers, body, ask.get("sign", "sdk"))
        headers |= ask.get("after", {})
        raw = sent(self.server.http, method, target, {n: v for n, v in headers.items() if v is not None}, body)
        changed = {"secret", "headers", "after", "sign", "pad"} & ask.keys()
        certain = isinstance(by, str) and by != "nobody" and raw.status != 401 and not changed
        self.heard.note(operation_of(method, target.partition("?")[0]), raw, certain=certain)
        return raw

    def _object(self, ask: Mapping[str, Any]) -> None:
        """As an owner who has the bucket's folder would: the command takes a second for each."""
        folder = self.server.data_dir / "objects/buckets" / self.key(BY).project_id / BUCKET
        file = folder / (ask.get("put") or ask["remove"])
        if "remove" in ask:
            file.unlink()
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ask.get("text", ""))
        if "size" in ask:
            os.truncate(file, ask["size"])

    def _wait_for_readers(self) -> None:
        until = time.monotonic() + READ_S
        while "checking" in self.server.run("object", "list", "--bucket", BUCKET, "--account", ACCOUNT):
            assert time.monotonic() < until, "an object is not read"

    def _device(self, ask: Mapping[str, Any]) -> Raw | None:
        device_id = ask["device"]
        if "logs_in" in ask:
            self.devices[device_id] = logged_in(self.server.mqtt, device_id, ask["logs_in"])
        elif "hears" in ask:
            told = self.devices[device_id].pushed()
            assert told is not None, f"{device_id} hears nothing"
            return Raw(status=0, type=told[0], body=told[1])
        elif "leaves" in ask:
            self.devices.pop(device_id).close()
        else:
            said = event(ask["says"], ask["paras"], ask.get("service", "$ota"))
            self.devices[device_id].publish(f"$oc/devices/{device_id}/sys/events/up", said, 1)
        return None


def logged_in(address: str, device_id: str, secret: str) -> Mqtt:
    """A connected device (huawei 5.1)."""
    host, _, port = address.rpartition(":")
    device, at = Mqtt(host, int(port)), datetime.now(UTC).strftime("%Y%m%d%H")
    proof = hmac.new(at.encode(), secret.encode(), hashlib.sha256).hexdigest()
    device.connect(f"{device_id}_0_0_{at}", device_id, proof)
    return device


def event(kind: str, paras: Mapping[str, Any], service: str = "$ota") -> str:
    """What a device says (huawei 5.3)."""
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return json.dumps({"services": [{"service_id": service, "event_type": kind, "event_time": at, "paras": paras}]})


def sent(address: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Raw:
    """The answer to a request as it stands."""
    link = http.client.HTTPConnection(address, timeout=30)
    try:
        link.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            link.putheader(name, value.encode())
        if body or method in ("POST", "PUT"):
            link.putheader("Content-Length", str(len(body)))
        link.endheaders(body or None)
        got = link.getresponse()
        told = {name.lower(): value for name, value in got.getheaders()}
        told |= {"allow": ", ".join(sorted(told["allow"].split(", ")))} if "allow" in told else {}  # a set's order
        kept = {name: told[name] for name in sorted(told) if name not in NOT_COMPARED}
        return Raw(status=got.status, type=told.get("content-type", ""), body=got.read(), headers=kept)
    finally:
        link.close()


@contextmanager
def open_stage(options: list[str]) -> Iterator[HuaweiStage]:
    """A fresh server with these options, ended afterwards."""
    with serve(*options) as server:
        stage = HuaweiStage(server)
        try:
            yield stage
            stage.heard.check(server)
        finally:
            stage.close()
