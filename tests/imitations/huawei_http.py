"""How Huawei's Java and Go devices fetch a file: HTTP/1.1 with a fixed length, certificates unchecked (huawei 5.7)."""

import socket
from urllib.parse import urlsplit

from tests.imitations.huawei import unchecked


class Broken(Exception):
    """The download failed."""


def fetch(url: str, headers: list[str], *, any_status: bool = False) -> bytes:
    """The whole body. Raises Broken, OSError."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    lines = [f"GET {target} HTTP/1.1", f"Host: {parts.hostname}:{port}", *headers, "", ""]
    raw = socket.create_connection((parts.hostname, port), timeout=20)
    with unchecked().wrap_socket(raw, server_hostname=parts.hostname) if parts.scheme == "https" else raw as link:
        link.sendall("\r\n".join(lines).encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += _part(link)
        head, _, body = got.partition(b"\r\n\r\n")
        if head[9:12] != b"200" and not any_status:
            raise Broken(head.split(b"\r\n")[0].decode())
        size = _length(head)
        while len(body) < size:
            body += _part(link)
    return body


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise Broken("no Content-Length")


def _part(link: socket.socket) -> bytes:
    part = link.recv(16384)
    if not part:
        raise Broken("the connection ended")
    return part
