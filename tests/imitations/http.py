"""How the C SDKs fetch a file: a request of a few lines, and a reader that searches text (alibaba 6.7)."""

import socket
from collections.abc import Iterator

LINE_MAX = 128  # C4's buffer for one header line, its end included


class DownloadFailed(Exception):
    """What the C SDKs report as step -2."""


def get(host: str, port: int, path: str, headers: list[str], *, line_max: int | None = None) -> Iterator[bytes]:
    """The body in pieces; the first item is empty and comes when the header was understood."""
    request = "".join(f"{line}\r\n" for line in (f"GET {path} HTTP/1.1", f"Host: {host}", *headers, ""))
    with socket.create_connection((host, port), timeout=20) as link:
        link.sendall(request.encode())
        got = b""
        while b"\r\n\r\n" not in got:
            part = link.recv(512)
            if not part:
                raise DownloadFailed("the header never ended")
            got += part
        head, _, body = got.partition(b"\r\n\r\n")
        left = _length(head, line_max) - len(body)
        yield b""
        if body:
            yield body
        while left > 0:
            part = link.recv(min(left, 4096))
            if not part:
                raise DownloadFailed("the body ended early")
            left -= len(part)
            yield part


def _length(head: bytes, line_max: int | None) -> int:
    lines = head.split(b"\r\n")
    for line in lines:
        if line_max is not None and len(line) + 2 > line_max:
            raise DownloadFailed(f"a header line of {len(line) + 2} bytes")
    if not lines[0].startswith(b"HTTP/1.1 ") or lines[0][9:12] not in (b"200", b"206"):
        raise DownloadFailed(lines[0].decode("ascii", "replace"))
    at = head.find(b"Content-Length: ")  # exactly so: it is a search in text
    if at < 0:
        raise DownloadFailed("no Content-Length")
    if b"\r\nTransfer-Encoding" in head or b"\r\nContent-Encoding" in head:
        raise DownloadFailed("an encoding that the SDK can't undo")
    return int(head[at + 16 :].split(b"\r\n")[0])
