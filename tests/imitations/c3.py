"""iotkit-embedded 3.2 (`IOT_OTA_*`), as alibaba 6.1 to 6.7 describe it."""

import hashlib
import hmac
import json
from dataclasses import dataclass

from tests.imitations.http import DownloadFailed, get
from tests.imitations.mqtt import Mqtt

YEAR_2050 = "2524608000000"
VERSION_MAX = 32
MD5_MAX = 32
SIZE_MAX = 16


class Unreadable(Exception):
    """What the SDK drops without a word."""


@dataclass(frozen=True)
class Task:
    """What it keeps of a push."""

    version: str
    url: str
    md5: str
    size: int
    module: str | None


def task_of(payload: bytes) -> Task | None:
    """What C3 makes of a push or a request's answer; None where it ignores it. It has a JSON reader, but looks for
    the text `url` first."""
    if b"url" not in payload:
        return None
    message = json.loads(payload)
    if message.get("message") != "success":
        raise Unreadable("message is not success")
    data = message["data"]
    for name in ("version", "url", "md5", "size"):
        if name not in data:
            raise Unreadable(f"no {name}")
    if len(data["md5"]) > MD5_MAX or len(str(data["size"])) > SIZE_MAX:
        raise Unreadable("a value that does not fit")
    return Task(data["version"], data["url"], data["md5"], int(data["size"]), data.get("module"))


class C3:
    """One device."""

    def __init__(self, address: str, key: str, name: str, secret: str) -> None:
        self.key, self.name, self._secret = key, name, secret
        host, _, port = address.rpartition(":")
        self.mqtt = Mqtt(host, int(port))
        self._id = 0

    def connect(self) -> None:
        """Log in, then subscribe to what the platform would push anyway."""
        ident = f"{self.key}.{self.name}"
        extras = f"timestamp={YEAR_2050},_v=sdk-c-3.2.0,securemode=3,signmethod=hmacsha256,lan=C,_ss=1,gw=0,ext=0"
        content = f"clientId{ident}deviceName{self.name}productKey{self.key}timestamp{YEAR_2050}"
        password = hmac.new(self._secret.encode(), content.encode(), hashlib.sha256).hexdigest().upper()
        self.mqtt.connect(f"{ident}|{extras}|", f"{self.name}&{self.key}", password)
        for what in ("request", "upgrade"):
            assert self.mqtt.subscribe(f"/ota/device/{what}/{self.key}/{self.name}", 1) == 1
        for tail in ("get_reply", "push"):
            assert self.mqtt.subscribe(f"/sys/{self.key}/{self.name}/thing/config/{tail}", 0) == 0

    def report_version(self, version: str, module: str | None = None) -> None:
        self._inform("inform", version, module)

    def request(self, version: str, module: str | None = None) -> None:
        """The legacy question; the answer comes on the same topic."""
        self._inform("request", version, module)

    def answer(self, what: str, wait_s: float | None = None) -> Task | None:
        """The next task told on that topic; None when nothing comes, or nothing that C3 reads."""
        message = self.mqtt.pushed(wait_s)
        if message is None:
            return None
        assert message[0] == f"/ota/device/{what}/{self.key}/{self.name}", message[0]
        return task_of(message[1])

    def progress(self, step: int, desc: str, module: str | None = None) -> None:
        tail = f', "module":"{module}"' if module else ""
        payload = f'{{"id":{self._next()},"params":{{"step":"{step}","desc":"{desc}"{tail}}}}}'
        self.mqtt.publish(f"/ota/device/progress/{self.key}/{self.name}", payload)

    def download(self, task: Task, start: int = 0, had: bytes = b"") -> bytes:
        """IOT_OTA_FetchYield: the port is what follows the first colon after the scheme."""
        scheme, _, rest = task.url.partition("://")
        colon, slash = rest.find(":"), rest.find("/")
        host = rest[: colon if 0 <= colon < slash else slash]
        port = int(rest[colon + 1 :].split("/")[0]) if colon >= 0 else {"http": 80, "https": 443}[scheme]
        headers = [f"Range: bytes={start}-", "Accept-Encoding: gzip, deflate"]
        self.progress(0, "Enter in downloading state", task.module)
        image = had + b"".join(get(host, port, rest[slash:], headers))
        if len(image) != task.size or hashlib.md5(image).hexdigest() != task.md5:  # a comparison of text
            raise DownloadFailed("the digest differs")
        self.progress(100, "", task.module)
        return image

    def _inform(self, what: str, version: str, module: str | None) -> None:
        assert len(version) <= VERSION_MAX
        tail = f', "module":"{module}"' if module else ""
        payload = f'{{"id":"{self._next()}","params":{{"version":"{version}"{tail}}}}}'
        self.mqtt.publish(f"/ota/device/{what}/{self.key}/{self.name}", payload, qos=1)

    def _next(self) -> int:
        self._id += 1
        return self._id
