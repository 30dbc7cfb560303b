"""The HTTP listeners, over TCP and TLS, by the standard library's client."""

import asyncio
import http.client
import socket
import ssl
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from certificates import self_signed, trusting
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from upwell.domain.errors import Unavailable
from upwell.doors.tls import Certificates, Pair
from upwell.wiring.listeners import listen

pytestmark = pytest.mark.asyncio


async def scheme(request: Request) -> Response:
    return PlainTextResponse(request.url.scheme)


APP = Starlette(routes=[Route("/", scheme)])


def asked(address: str, tls: ssl.SSLContext | None = None) -> str:
    host, port = address.split(":")
    link = (
        http.client.HTTPConnection(host, int(port), timeout=20)
        if tls is None
        else http.client.HTTPSConnection(host, int(port), timeout=20, context=tls)
    )
    link.request("GET", "/")
    text = link.getresponse().read().decode()
    link.close()
    return text


async def test_both_answer_and_end(tmp_path: Path) -> None:
    pair = self_signed(tmp_path)
    plain, end_plain = await listen(APP, "127.0.0.1", 0)
    secure, end_secure = await listen(APP, "127.0.0.1", 0, Certificates([Pair(*pair)], "modern").context)
    assert await asyncio.to_thread(asked, plain) == "http"
    assert await asyncio.to_thread(asked, secure, trusting(pair[0])) == "https"
    await end_plain()
    await end_secure()
    for address in (plain, secure):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(asked, address)


async def test_management_is_modern_and_takes_no_websocket(tmp_path: Path) -> None:
    """Issue 9, numbers 7 and 19: what the device doors do for old clients is not done here."""
    pair = self_signed(tmp_path, kind="rsa")
    secure, end = await listen(APP, "127.0.0.1", 0, Certificates([Pair(*pair)], "modern").context)
    old = trusting(pair[0])
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("AES256-SHA256:AES128-SHA:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await asyncio.to_thread(asked, secure, old)
    reader, writer = await asyncio.open_connection(*secure.split(":"), ssl=trusting(pair[0]))
    asks = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + "A" * 22
    writer.write(f"GET / HTTP/1.1\r\nHost: h\r\n{asks}==\r\n\r\n".encode())
    assert (await asyncio.wait_for(reader.readline(), 10)).split()[1] == b"200"
    writer.close()
    await end()


async def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"HTTP can't listen on 127.0.0.1:{port}: Address already in use"):
            await listen(APP, "127.0.0.1", port)


@pytest.mark.parametrize("setting", ["http", "mqtt", "download"])
async def test_a_server_whose_port_is_taken_says_so_and_ends(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        places = {"http": "127.0.0.1:0", "mqtt": "127.0.0.1:0", "download": "127.0.0.1:0"} | {setting: address}
        options = [word for name, place in places.items() for word in (f"--{name}", place)]
        command = [
            str(Path(sys.executable).with_name("upwell")),
            "serve",
            "--data-dir",
            str(tmp_path / "data"),
            *options,
        ]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode not in (0, None)
    assert f"can't listen on {address}: Address already in use" in " ".join(said.decode().split())
    assert "Traceback" not in said.decode()
