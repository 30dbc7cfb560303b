"""The Link SDK for C 4.1 (`aiot_*`), as alibaba 6.1 to 6.8 describe it: what it sends and how its readers stumble."""

import hashlib
import hmac
import json
import ssl
import struct
from dataclasses import dataclass

from tests.imitations.http import LINE_MAX, DownloadFailed, get
from tests.imitations.mqtt import Mqtt

YEAR_2050 = "2524608000000"
BLOCK = 5 * 1024
BLOCK_WAIT_S = 10.0
BLOCK_TRIES = 3
URL_PART_MAX = 256


class Unreadable(Exception):
    """What the SDK drops without a word."""


def find(text: str, key: str) -> str:
    """core_json_value: the first textual occurrence of the quoted key, which must be followed by a colon at once; a
    string ends at the first quote, an object where its braces, counted blindly, are even."""
    at = text.find(f'"{key}"')
    if at < 0:
        raise Unreadable(f"no {key}")
    at += len(key) + 2
    if text[at : at + 1] != ":":
        raise Unreadable(f"{key} is not a key where it first stands")
    rest = text[at + 1 :]
    if rest[:1] == '"':
        return rest[1 : rest.index('"', 1)]
    if rest[:1] in "{[":
        opening, closing = ("{", "}") if rest[0] == "{" else ("[", "]")
        depth = 0
        for place, letter in enumerate(rest):
            depth += (letter == opening) - (letter == closing)
            if depth == 0:
                return rest[: place + 1]
        raise Unreadable(f"{key} never ends")
    end = min(place for place in (rest.find(stop) for stop in ",}]") if place >= 0)
    return rest[:end]


@dataclass(frozen=True, kw_only=True)
class Task:
    """aiot_download_task_desc_t."""

    version: str
    size: int
    digest: str
    method: str
    module: str | None
    host: str = ""
    path: str = ""
    stream: int = 0
    file: int = 0
    extra: str | None = None


def task_of(payload: bytes) -> Task:
    """What the SDK makes of a push or of get_reply. Raises Unreadable where it drops the message."""
    text = payload.decode()
    method = find(text, "signMethod")
    if method not in ("Md5", "SHA256", "Sha256"):
        raise Unreadable(f"signMethod {method}")
    sign = find(text, "sign")
    if len(sign) != (32 if method == "Md5" else 64):
        raise Unreadable(f"a sign of {len(sign)} digits")
    source: dict[str, object]
    if '"dProtocol"' in text and find(text, "dProtocol") == "mqtt":
        source = {"stream": int(find(text, "streamId")), "file": int(find(text, "streamFileId"))}
    else:
        host, _, path = find(text, "url").partition("://")[2].partition("/")
        if not host or len(host) >= URL_PART_MAX or len(path) + 1 >= URL_PART_MAX:
            raise Unreadable("a url that does not fit")
        source = {"host": host, "path": "/" + path}
    return Task(
        version=find(text, "version"), size=int(find(text, "size")), digest=sign.lower(), method=method,
        module=find(text, "module") if '"module"' in text else None,
        extra=find(text, "extData") if '"extData"' in text else None, **source,
    )  # type: ignore[arg-type]  # fmt: skip


def crc16_ibm(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class C4:
    """One device."""

    def __init__(self, address: str, key: str, name: str, secret: str, tls: ssl.SSLContext | None = None) -> None:
        self.key, self.name, self._secret = key, name, secret
        host, _, port = address.rpartition(":")
        self.mqtt = Mqtt(host, int(port), tls)
        self._secure = 2 if tls else 3
        self._id = 0

    def connect(self, *, extend: str = "", assigned: str | None = None) -> None:
        """`extend` is the application's own; with an assigned client id the id part is that, maybe nothing."""
        ident = f"{self.key}.{self.name}" if assigned is None else assigned
        extras = f"timestamp={YEAR_2050},_ss=1,_v=sdk-c-4.1.0,securemode={self._secure},signmethod=hmacsha256,ext=3,"
        content = f"clientId{ident}deviceName{self.name}productKey{self.key}timestamp{YEAR_2050}"
        password = hmac.new(self._secret.encode(), content.encode(), hashlib.sha256).hexdigest().upper()
        self.mqtt.connect(f"{ident}|{extras}{extend}|", f"{self.name}&{self.key}", password)

    def enrol(self, product_secret: str, kind: str = "register") -> dict[str, str]:
        """aiot_dynregmq: what is pushed after CONNACK."""
        content = f"deviceName{self.name}productKey{self.key}random8Ab3"
        sign = hmac.new(product_secret.encode(), content.encode(), hashlib.sha256).hexdigest().upper()
        extras = f"random=8Ab3,authType={kind},securemode={self._secure},signmethod=hmacsha256"
        self.mqtt.connect(f"{self.name}.{self.key}|{extras}|", f"{self.name}&{self.key}", sign)
        topic, payload = self._pushed()
        names = ("deviceSecret",) if topic == "/ext/register" else ("clientId", "deviceToken")
        return {name: find(payload.decode(), name) for name in names}

    def connect_by_token(self, client_id: str, token: str) -> None:
        extras = "authType=connwl,securemode=-2,_ss=1,ext=3,_v=sdk-c-4.1.0,"
        self.mqtt.connect(f"{client_id}|{extras}|", f"{self.name}&{self.key}", token)

    def report_version(self, version: str, module: str | None = None) -> None:
        tail = f',"module":"{module}"' if module else ""
        self._say(f"/ota/device/inform/{self.key}/{self.name}", f'{{"version":"{version}"{tail}}}')

    def query(self, module: str | None = None) -> Task | None:
        """Ask for a task; None where the answer has empty data."""
        self._say(f"/sys/{self.key}/{self.name}/thing/ota/firmware/get", f'{{"module":"{module}"}}' if module else "{}")
        topic, payload = self._pushed()
        assert topic == f"/sys/{self.key}/{self.name}/thing/ota/firmware/get_reply", topic
        return None if find(payload.decode(), "data") == "{}" else task_of(payload)

    def pushed_task(self) -> Task:
        """The next upgrade push."""
        topic, payload = self._pushed()
        assert topic == f"/ota/device/upgrade/{self.key}/{self.name}", topic
        return task_of(payload)

    def progress(self, step: int, task: Task, desc: str = "") -> None:
        tail = f',"module":"{task.module}"' if task.module else ""
        params = f'{{"step":"{step}","desc":"{desc}"{tail}}}'
        self._say(f"/ota/device/progress/{self.key}/{self.name}", params)

    def download(self, task: Task, port: int, *, slices: int = 1) -> bytes:
        """aiot_download over HTTP, in so many ranges. The host is taken as it stands; the port is the application's."""
        got = bytearray()
        step = -(-task.size // slices)
        self.progress(0, task)
        for start in range(0, task.size, step):
            end = "" if slices == 1 else str(min(start + step, task.size) - 1)
            for part in get(task.host, port, task.path, [f"Range: bytes={start}-{end}"], line_max=LINE_MAX):
                got += part
            self.progress(len(got) * 100 // task.size, task)
        return self._checked(task, bytes(got))

    def download_by_mqtt(self, task: Task) -> bytes:
        """aiot_mqtt_download: blocks of 5 KB, each tried three times, progress each 5 percent."""
        reply = f"/sys/{self.key}/{self.name}/thing/file/download_reply"
        assert self.mqtt.subscribe(reply, 0) == 0
        got, told = bytearray(), 0
        self.progress(0, task)
        while len(got) < task.size:
            block, whole = self._block(task, len(got), reply)
            assert whole == task.size, f"fileLength {whole}"
            got += block
            if len(got) * 100 // task.size >= told + 5:
                told = len(got) * 100 // task.size
                self.progress(told, task)
        return self._checked(task, bytes(got))

    def _block(self, task: Task, offset: int, reply: str) -> tuple[bytes, int]:
        for _ in range(BLOCK_TRIES):
            ident = self._next()
            self.mqtt.publish(
                f"/sys/{self.key}/{self.name}/thing/file/download",
                f'{{"id":"{ident}", "params":{{"fileToken":"default",'
                f'"fileInfo":{{"streamId":{task.stream},"fileId":{task.file},}},'
                f'"fileBlock":{{"size":{BLOCK},"offset":{offset}}}}}}}',
            )
            while (message := self.mqtt.pushed(BLOCK_WAIT_S)) is not None:
                if message[0] == reply:
                    return _block_of(message[1], offset)
        raise DownloadFailed("no block came")

    def _checked(self, task: Task, image: bytes) -> bytes:
        hashed = hashlib.md5(image) if task.method == "Md5" else hashlib.sha256(image)
        if len(image) != task.size or hashed.hexdigest() != task.digest:
            raise DownloadFailed("the digest differs")
        self.progress(100, task)
        return image

    def _pushed(self) -> tuple[str, bytes]:
        message = self.mqtt.pushed()
        assert message is not None, "nothing was pushed"
        return message

    def _say(self, topic: str, params: str) -> None:
        self.mqtt.publish(topic, f'{{"id":{self._next()}, "params":{params}}}')

    def _next(self) -> int:
        self._id += 1
        return self._id


def _block_of(payload: bytes, offset: int) -> tuple[bytes, int]:
    """The binary reply taken apart: every length and the CRC must be right to the byte."""
    (size,) = struct.unpack_from(">H", payload)
    about = payload[2 : 2 + size].decode()
    code = int(find(about, "code"))
    if code != 200:
        raise DownloadFailed(f"{code} {find(about, 'msg')}")
    length = int(find(about, "bSize"))
    assert int(find(about, "bOffset")) == offset
    assert find(about, "fileToken") == "default"
    assert 2 + size + length + 2 == len(payload)
    block = payload[2 + size : 2 + size + length]
    assert payload[-2:] == struct.pack("<H", crc16_ibm(block))
    json.loads(about)  # and it is JSON all the same
    return block, int(find(about, "fileLength"))
