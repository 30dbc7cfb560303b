"""Signed management calls: QueryDeviceDetail by Alibaba's API, each with a nonce and a signature of its own, from
connections that are kept.

`python -m bench.calls` reads a line of JSON and calls for so many seconds; `measure` starts it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import uvloop
from tests.prove.rollout import Process, product_with

from bench.figures import Figures
from bench.machine import cpu_s

CONNECTIONS = 16
SPAN_S = 6.0
GOAL = 1_500.0


def signed(key: tuple[str, str], parameters: Mapping[str, str]) -> str:
    """The request target of a call (alibaba 1.3: HMAC-SHA1 over all parameters)."""
    common = {
        "Format": "JSON", "Version": "2018-01-20", "AccessKeyId": key[0], "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0", "SignatureNonce": secrets.token_hex(16),
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    pairs = sorted((common | dict(parameters)).items())
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    digest = hmac.new(f"{key[1]}&".encode(), f"GET&%2F&{quote(query, safe='~')}".encode(), hashlib.sha1).digest()
    return f"/?{query}&Signature={quote(base64.b64encode(digest).decode(), safe='~')}"


async def _call(port: int, key: tuple[str, str], asked: Mapping[str, str], until: float) -> list[float]:
    """Seconds of each call that this connection made."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits = []
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(f"GET {signed(key, asked)} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(size)
        if not head.startswith(b"HTTP/1.1 200") or b'"Success":true' not in body:
            raise RuntimeError(f"refused: {head[:40]!r} {body[:200]!r}")
        waits.append(time.perf_counter() - began)
    writer.close()
    return waits


async def main() -> None:
    """Call, and print the figures."""
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    key, until = (given["key"][0], given["key"][1]), time.perf_counter() + given["seconds"]
    calls = (_call(given["port"], key, given["asked"], until) for _ in range(CONNECTIONS))
    waits = sorted(wait for each in await asyncio.gather(*calls) for wait in each)
    rate = len(waits) / given["seconds"]
    print(json.dumps({"count": len(waits), "per_s": rate, "median_ms": waits[len(waits) // 2] * 1000}))


def measure(figures: Figures) -> None:
    """A server, a device, and many calls that ask for it."""
    server = Process()
    server.start()
    try:
        assert server.process is not None
        product_key, [(name, _)] = product_with(server.client(), 1)
        asked = {"Action": "QueryDeviceDetail", "ProductKey": product_key, "DeviceName": name}
        given = {"port": server.http, "key": server.key, "asked": asked}
        called({**given, "seconds": 1.0})
        before = sum(cpu_s(server.process.pid))
        told = called({**given, "seconds": SPAN_S})
        cost = (sum(cpu_s(server.process.pid)) - before) / told["count"] * 1e6
        goal = (f"{GOAL:,.0f}/s", lambda value, beside: value >= GOAL)
        figures.note("signed management calls", told["per_s"], "/s", goal=goal)
        figures.note("CPU per signed management call", cost, "us")
    finally:
        server.stop()


def called(given: Mapping[str, Any]) -> dict[str, float]:
    """What a process of its own found that called so: how many, how many a second, and the median wait."""
    command, text = [sys.executable, "-m", "bench.calls"], json.dumps(given) + "\n"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    uvloop.run(main())
