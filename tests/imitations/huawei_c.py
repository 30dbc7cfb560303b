"""A device built on Huawei's C SDK and its OTA demo (huawei 5.1, 5.3-5.8), from the reference without its code.

What it copies on purpose: the url is taken apart at its first colon and needs a port and a query; the request ends its
lines in a bare line feed; one read must bring the whole response header, whose status and length are found by position
and exact text; no event_time; the target version is named with a failure too; whatever `sign` it gets, it fails.
"""

import asyncio
import json
import socket
from dataclasses import dataclass
from typing import Any

from tests.imitations.huawei import HuaweiDevice, Misread, unchecked

HOST_BUFFER = 50
READ_MAX = 4095
LENGTH_DIGITS_MAX = 9
SIGN_SIZE = 64


@dataclass(kw_only=True)
class HuaweiC(HuaweiDevice):
    """`fails`: install. `plain` leaves TLS away, which the real one never does, for doors tested without it.
    `checks_sign` is the OTA demo's check; the SDK's built-in callback has none (huawei 5.7)."""

    plain: bool = False
    checks_sign: bool = True
    file_name: str = ""
    head: bytes = b""

    def written(self, service: str, kind: str, paras: dict[str, Any]) -> bytes:
        event = {"service_id": service, "event_type": kind, "paras": paras}
        text = json.dumps({"object_device_id": self.device_id, "services": [event]}, separators=(",", ":"))
        return text.encode()

    async def upgrade(self, kind: str, paras: dict[str, Any]) -> None:
        if not isinstance(paras["file_size"], int):
            raise Misread("file_size is no number")
        good = await asyncio.to_thread(self._downloaded, paras)
        if good and self.fails is None:
            await self._told(0, 100, paras["version"], "success")
            self.version = paras["version"]
        else:
            await self._told(1, 0, paras["version"], "failed")

    async def _told(self, code: int, progress: int, version: str, text: str) -> None:
        if code not in (*range(11), 255):
            raise Misread(f"the SDK refuses to send {code}")
        said = {"result_code": code, "progress": progress, "version": version, "description": text}
        await self.say("upgrade_progress_report", said)

    def _downloaded(self, paras: dict[str, Any]) -> bool:
        host, port, path = taken_apart(paras["url"])
        token = paras.get("access_token")
        try:
            self.head, data = self._exchange(host, port, request(path, host, token))
        except OSError:
            return False
        self.file_name = named(paras["url"]) if token is None else _attached(self.head)
        self.image = data
        return not self.checks_sign or len(paras.get("sign") or "") != SIGN_SIZE  # huawei 5.4: it never passes

    def _exchange(self, host: str, port: int, asked: bytes) -> tuple[bytes, bytes]:
        raw = socket.create_connection((host, port), timeout=20)
        link = raw if self.plain else unchecked().wrap_socket(raw)
        with link:
            link.sendall(asked)
            first = link.recv(READ_MAX)
            head, mark, data = first.partition(b"\r\n\r\n")
            if not mark:
                raise Misread("the first read has no whole header")
            if not head.startswith(b"HTTP/1.1 ") or head[9:12] != b"200":
                raise ConnectionError(head[:40])
            left = _length(head) - len(data)
            while left > 0:
                part = link.recv(min(READ_MAX, left))
                if not part:
                    raise ConnectionError("the body ended early")
                data, left = data + part, left - len(part)
        return head, data


def taken_apart(url: str) -> tuple[str, int, str]:
    """Host, port and path as the SDK finds them."""
    rest = url[url.index("//") + 2 :]
    colon = rest.find(":")
    slash = rest.find("/")
    if colon < 0 or slash < 0 or colon > slash:
        raise Misread(f"no port in {url}")
    host = rest[:colon]
    if len(host) >= HOST_BUFFER:
        raise Misread(f"{host} does not fit {HOST_BUFFER} bytes")
    return host, int(rest[colon + 1 : slash]), rest[slash:]


def named(url: str) -> str:
    """The file name in a v2 url: between the last slash before the question mark, and that."""
    before, mark, _ = url.partition("?")
    if not mark:
        raise Misread(f"no ? in {url}")
    return before[before.rindex("/") + 1 :]


def request(path: str, host: str, token: str | None) -> bytes:
    """The bytes of a request, in one write."""
    lines = f"GET {path} HTTP/1.1\nHost: {host}\n"
    if token is not None:
        lines += f"Content-Type: application/json\nAuthorization:Bearer {token}"
    return f"{lines}\r\n\r\n".encode()


def _length(head: bytes) -> int:
    at = head.find(b"Content-Length: ")
    if at < 0:
        raise Misread("no 'Content-Length: '")
    digits = head[at + 16 :].split(b"\r\n")[0]
    if not digits.isdigit() or len(digits) > LENGTH_DIGITS_MAX:
        raise Misread(f"Content-Length {digits!r}")
    return int(digits)


def _attached(head: bytes) -> str:
    at = head.find(b"filename=")
    if at < 0:
        raise Misread("no filename=")
    return head[at + 9 :].split(b"\r\n")[0].decode()
