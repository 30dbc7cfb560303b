"""Issue 9, number 7: the device doors' TLS as the vendors' C SDKs meet it, by OpenSSL's own client and Python's."""

import asyncio
import contextlib
import re
import socket
import ssl
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from typing import Any

import pytest
from certificates import self_signed, trusting
from test_mqtt_door import SECRET, Platform
from tests.loops import LOOPS
from tests.mqttwire import WireClient

from upwell.domain.errors import NotFound
from upwell.doors.devices.mqtt.server import MqttDoor
from upwell.doors.downloads.door import DownloadDoor
from upwell.doors.layers import TlsLayer
from upwell.doors.tls import FAILURES_TOLD, Certificates, Failures, Manner, Pair

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy:pytest.PytestDeprecationWarning")
C_SDK = "AES256-SHA256:AES128-SHA256:AES256-SHA:AES128-SHA:@SECLEVEL=0"  # alibaba 6.1, nothing else


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("pairs")
    made = {kind: Pair(*self_signed(folder / kind, kind=kind)) for kind in ("rsa", "ecdsa")}
    return made | {"other": Pair(*self_signed(folder / "other", kind="rsa"))}


@contextlib.asynccontextmanager
async def doors(certificates: Certificates) -> AsyncIterator[dict[str, int]]:
    """Every device door with TLS, by name; the port of each."""

    async def find(token: str) -> Any:
        raise NotFound("file", token)

    async def read(key: str, start: int, length: int) -> AsyncIterator[bytes]:
        yield b""

    mqtt, downloads = MqttDoor(Platform(), keep_alive_range_s=(1, 1200)), DownloadDoor(find, read)
    try:
        yield {
            "mqtts": (await mqtt.start("127.0.0.1", 0, certificates.context))[1],
            "mqtt-wss": (await mqtt.start("127.0.0.1", 0, certificates.context, websocket=True))[1],
            "downloads": (await downloads.start("127.0.0.1", 0, certificates.context))[1],
        }
    finally:
        await mqtt.stop()
        await downloads.stop()


async def s_client(port: int, *options: str) -> tuple[str, str]:
    """What OpenSSL's client agreed on, and all that it said."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    client = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    said = (await asyncio.wait_for(client.communicate(), 20))[0].decode()
    found = re.search(r"^New, \S+ Cipher is (\S+)$", said, re.MULTILINE)
    return found[1] if found else "", said


@pytest.mark.parametrize(
    ("manner", "offered", "agreed"),
    [
        ("compatible", "AES256-SHA256:@SECLEVEL=0", "AES256-SHA256"),
        ("compatible", "AES128-SHA:@SECLEVEL=0", "AES128-SHA"),
        ("compatible", C_SDK, "AES256-SHA256"),
        ("compatible", f"{C_SDK}:ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("compatible", f"{C_SDK}:ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"),
        ("modern", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ],
)
async def test_the_ciphers_of_each_manner(pairs: dict[str, Pair], manner: Manner, offered: str, agreed: str) -> None:
    """Issue 9, number 7: what the C SDKs offer is enough, and whoever offers forward secrecy gets it."""
    async with doors(Certificates([pairs["rsa"]], manner)) as ports:
        for door, port in ports.items():
            assert (await s_client(port, "-tls1_2", "-cipher", offered))[0] == agreed, door
            assert (await s_client(port, "-tls1_3"))[0].startswith("TLS_"), door


@pytest.mark.parametrize(
    ("manner", "kind", "options", "alert"),
    [
        ("modern", "rsa", ("-tls1_2", "-cipher", "AES256-SHA256:@SECLEVEL=0"), "handshake failure"),
        ("modern", "rsa", ("-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"), "handshake failure"),
        ("compatible", "ecdsa", ("-tls1_2", "-cipher", C_SDK), "handshake failure"),
        ("compatible", "rsa", ("-tls1_1", "-cipher", "AES128-SHA:@SECLEVEL=0"), "alert protocol version"),
    ],
)
async def test_a_failed_handshake_is_answered_and_told(
    pairs: dict[str, Pair], caplog: pytest.LogCaptureFixture, manner: Manner, kind: str, options: Any, alert: str
) -> None:
    """Issue 9, number 7: by an alert, and in the log with peer and reason. The event loops' own TLS sends none and
    tells nobody."""
    async with doors(Certificates([pairs[kind]], manner)) as ports:
        for door, port in ports.items():
            caplog.clear()
            agreed, said = await s_client(port, *options)
            assert agreed == "(NONE)" and alert in said, (door, said)
            [line] = [each for each in caplog.messages if "tls handshake failed" in each]
            assert re.search(r'peer=127\.0\.0\.1:\d+ reason="(no shared cipher|unsupported protocol)" ', line)


async def test_failures_of_one_peer_do_not_fill_the_log(
    pairs: dict[str, Pair], caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 9, number 7: a bounded rate for each peer; who connects and says nothing is no failure."""
    async with doors(Certificates([pairs["rsa"]], "compatible")) as ports:
        for door in ("mqtts", "downloads"):
            caplog.clear()
            for _ in range(FAILURES_TOLD + 5):
                reader, writer = await asyncio.open_connection("127.0.0.1", ports[door])
                writer.write(b"\x16\x03\x01\x00\x05hello")
                assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"\x15\x03")  # an alert
                writer.close()
            _, writer = await asyncio.open_connection("127.0.0.1", ports[door])
            writer.close()
            told = [each for each in caplog.messages if "tls handshake failed" in each]
            assert len(told) == FAILURES_TOLD, door
            assert len({line.split("peer=")[1].split()[0] for line in told}) == FAILURES_TOLD  # each with its port


async def test_a_client_of_old_ciphers_logs_in(pairs: dict[str, Pair]) -> None:
    """Issue 9, number 7: not only the handshake; by Python's client, which needs no OpenSSL program."""
    old = trusting(pairs["rsa"].cert)
    old.set_ciphers(C_SDK)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with doors(Certificates([pairs["rsa"]], "compatible")) as ports:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", ports["mqtts"], ssl=old, server_hostname="localhost"
        )
        client = WireClient(reader, writer)
        assert await client.login("c", "a", SECRET) == 0 and await client.alive()
        writer.close()
    async with doors(Certificates([pairs["rsa"]], "modern")) as ports:
        for port in ports.values():
            with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
                await asyncio.open_connection("127.0.0.1", port, ssl=old, server_hostname="localhost")


async def test_modern_clients_and_two_certificates(pairs: dict[str, Pair]) -> None:
    """Issue 9, number 7: with an RSA and an ECDSA certificate each client gets what it knows."""
    both = Certificates([pairs["ecdsa"], pairs["rsa"]], "compatible")
    assert both.without_rsa_key_exchange() == ""
    async with doors(both) as ports:
        assert (await s_client(ports["mqtts"], "-tls1_2", "-cipher", C_SDK))[0] == "AES256-SHA256"
        assert (await s_client(ports["mqtts"], "-tls1_2"))[0].startswith("ECDHE-ECDSA-")
    only = Certificates([pairs["ecdsa"]], "compatible")
    assert only.without_rsa_key_exchange() == f"{pairs['ecdsa'].cert} has no RSA key"
    async with doors(only) as ports:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", ports["mqtts"], ssl=trusting(pairs["ecdsa"].cert), server_hostname="localhost"
        )
        assert await WireClient(reader, writer).login("c", "a", SECRET) == 0
        writer.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_what_is_said_right_before_the_end_is_heard(pairs: dict[str, Pair], version: ssl.TLSVersion) -> None:
    """Issue 9, number 7's own TLS, so that number 15 holds: decrypted and handed up before the end is."""
    heard: list[Any] = []

    class Listener(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            heard.append(data)
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(0.01, self.transport.resume_reading)

        def connection_lost(self, exc: Exception | None) -> None:
            heard.append(None)

    context = Certificates([pairs["rsa"]], "modern").context
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: TlsLayer(Listener(), context, Failures("test")), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    def speak() -> None:
        tls = trusting(pairs["rsa"].cert)
        tls.maximum_version = version
        plain = socket.create_connection(("127.0.0.1", port), 5)
        with tls.wrap_socket(plain, server_hostname="localhost") as wrapped:
            for number in range(100):
                wrapped.sendall(b"%03d" % number)
            if version is ssl.TLSVersion.TLSv1_3:  # else its unread tickets would make this side drop what is unsent
                wrapped.unwrap()

    await asyncio.to_thread(speak)
    async with asyncio.timeout(10):
        while None not in heard:
            await asyncio.sleep(0.01)
    assert b"".join(heard[:-1]) == b"".join(b"%03d" % number for number in range(100))
    server.close()


class Crowd(asyncio.Protocol):
    """Above TLS; counts what comes in each turn of the loop. At its first word it waits until much more is there."""

    def __init__(self) -> None:
        self.turns = [0]
        self.done = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if self.turns == [0]:
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(1.0, self.start)
        self.turns[-1] += len(data)

    def start(self) -> None:
        self.transport.resume_reading()
        self.tick()

    def tick(self) -> None:
        self.turns.append(0)
        if not self.done.is_set():
            asyncio.get_running_loop().call_soon(self.tick)

    def eof_received(self) -> None:
        self.done.set()


async def test_who_sends_much_lets_others_have_their_turn(pairs: dict[str, Pair]) -> None:
    """Issue 9, numbers 7 and 18: one read of a peer in a turn of the loop. uvloop reads what is there, megabytes of it,
    and meanwhile nobody else is heard."""
    crowd, context = Crowd(), Certificates([pairs["rsa"]], "modern").context
    server = await asyncio.get_running_loop().create_server(
        lambda: TlsLayer(crowd, context, Failures("test")), "127.0.0.1", 0
    )
    client = trusting(pairs["rsa"].cert)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
        writer.write(bytes(8 << 20))
        writer.close()
        await asyncio.wait_for(crowd.done.wait(), 30)
        writer.transport.abort()
    assert sum(crowd.turns) == 8 << 20
    assert max(crowd.turns[1:]) <= 512 * 1024  # a read, and what was kept of the one before
