"""The MQTT door over real sockets, spoken to by a client that shares no code with it."""

import asyncio
import datetime
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid5

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.loops import LOOPS
from tests.mqttwire import DISCONNECT, PINGREQ, WireClient, connect, puback, publish, subscribe, unsubscribe

from upwell.domain.errors import DeviceError, Unavailable
from upwell.doors.devices.faces import Down
from upwell.doors.devices.identity import Identity
from upwell.doors.devices.mqtt.handler import Conn, Receipt
from upwell.doors.devices.mqtt.server import MqttDoor

# The hook that replaces this fixture can only live in a conftest, and would run every test of the tree twice.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy:pytest.PytestDeprecationWarning")

NAMESPACE = UUID(int=7)
SECRET = b"very-secret"


def device(name: str) -> UUID:
    return uuid5(NAMESPACE, name)


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


class Platform:
    """A handler that writes down what it is told. A device may use topics under its own user name."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.conns: dict[str, Conn] = {}
        self.gates: dict[bytes, asyncio.Event] = {}
        self.login_fault: Exception | None = None
        self.allows: int | None = None
        self.full = False
        self.greet: Callable[[Conn], Awaitable[None]] | None = None

    def is_full(self) -> bool:
        return self.full

    async def login(self, client_id: str, username: str, password: bytes, peer: str) -> Identity | None:
        await asyncio.sleep(0)
        if self.login_fault:
            raise self.login_fault
        return Identity(device(username), username, self.allows) if password == SECRET else None

    def turned_away(self, identity: Identity, peer: str, reason: str) -> None:
        self.events.append(("turned away", identity.facts, reason))

    def skipped(self, conn: Conn, topic: str, size: int) -> None:
        self.events.append(("skipped", conn.facts, topic))

    async def connected(self, conn: Conn) -> None:
        self.events.append(("connected", conn.facts, conn.connection_id))
        self.conns[str(conn.facts)] = conn
        if self.greet:
            await self.greet(conn)

    async def disconnected(self, conn: Conn) -> None:
        await asyncio.sleep(0.01)
        self.events.append(("disconnected", conn.facts, conn.connection_id))

    def may_publish(self, conn: Conn, topic: str) -> bool:
        return topic.startswith(f"up/{conn.facts}/")

    def published(self, conn: Conn, topic: str, payload: bytes, dup: bool, receipt: Receipt) -> None:
        def settled(work: asyncio.Task[None]) -> None:
            receipt(None, asyncio.CancelledError() if work.cancelled() else work.exception())

        asyncio.ensure_future(self.take(conn, topic, payload, dup)).add_done_callback(settled)

    async def take(self, conn: Conn, topic: str, payload: bytes, dup: bool) -> None:
        self.events.append(("published", conn.facts, topic, payload, dup))
        if payload in self.gates:
            await self.gates[payload].wait()
        if payload.startswith(b"bad"):
            raise DeviceError("not a report")

    def may_subscribe(self, conn: Conn, topic_filter: str) -> bool:
        return topic_filter.startswith(f"down/{conn.facts}/")

    def delivered(self, conn: Conn, token: object) -> None:
        self.events.append(("delivered", conn.facts, token))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.events if event[0] == kind]


class House:
    """A door, its platform and the clients a test opens."""

    def __init__(self, **options: Any) -> None:
        self.platform = Platform()
        self.door = MqttDoor(self.platform, **{"keep_alive_range_s": (1, 1200), "linger_s": 0.3, **options})
        self.clients: list[WireClient] = []

    async def client(self) -> WireClient:
        client = await WireClient.open(*self.address)
        self.clients.append(client)
        return client

    async def narrow(self) -> WireClient:
        """A client with next to nothing of room for what it is told, from the first byte: a window that shrinks later
        makes the kernel drop acknowledgements too."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, self.address)
        client = WireClient(*await asyncio.open_connection(sock=raw))
        self.clients.append(client)
        return client

    async def login(self, name: str = "a", client: WireClient | None = None, **more: int) -> WireClient:
        client = client or await self.client()
        assert await client.login(f"id-{name}", name, SECRET, **more) == 0
        await until(lambda: name in self.platform.conns)
        return client

    def push(self, name: str, payload: bytes, token: object = None, topic: str = "", qos: int = 1) -> bool:
        return self.platform.conns[name].tell(Down(topic or f"down/{name}/x", payload, qos), token)

    async def __aenter__(self) -> Self:
        self.address = await self.door.start("127.0.0.1", 0)
        for listener in (each for server in self.door._servers for each in server.sockets):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # else the kernel takes megabytes for one
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients:
            await client.close()
        await self.door.stop()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House() as one:
        yield one


async def until(holds: Callable[[], object], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (connect("c", "a", b"wrong"), 4),
        (connect("c", None, None), 4),
        (connect("c", "a", SECRET, keep_alive_s=0), 2),
        (connect("c", "a", SECRET, keep_alive_s=1201), 2),
    ],
)
async def test_login_refused(house: House, raw: bytes, code: int) -> None:
    client = await house.client()
    await client.send(raw)
    assert await client.closed() == bytes([0x20, 2, 0, code])
    assert house.platform.events == []
    assert device("a") not in house.door.devices


@pytest.mark.parametrize("fault", [Unavailable("PostgreSQL does not answer"), RuntimeError("a bug")])
async def test_login_that_can_not_be_told(house: House, fault: Exception) -> None:
    house.platform.login_fault = fault
    client = await house.client()
    await client.send(connect("c", "a", SECRET))
    assert await client.closed() == b"\x20\x02\x00\x03"


@pytest.mark.parametrize("raw", [connect("", "a", SECRET), connect("c", "a", SECRET, level=3, name="MQIsdp")])
async def test_login_accepted(house: House, raw: bytes) -> None:
    client = await house.client()
    await client.send(raw)
    assert (await client.receive()).body == b"\0\0"
    assert await client.alive()
    assert device("a") in house.door.devices


async def test_connect_must_come_in_time() -> None:
    async with House(connect_timeout_s=0.1) as house:
        client = await house.client()
        await client.send(connect("c", "a", SECRET)[:-1])
        assert await client.closed(2.0) == b""


async def test_connections_are_bounded() -> None:
    async with House(connections_max=1) as house:
        first = await house.login("a")
        assert await (await house.client()).closed() == b""
        assert await first.alive()
        await first.send(DISCONNECT)
        assert await first.closed() == b""
        await house.login("b")


async def test_connected_and_disconnected_once_each(house: House) -> None:
    client = await house.login()
    conn = house.platform.conns["a"]
    assert conn.device_id == device("a")
    await client.send(publish("up/a/x", b"last", 1) + DISCONNECT)
    assert await client.closed() in (b"", b"\x40\x02\x00\x01")
    await until(lambda: house.platform.of("disconnected"))
    assert house.platform.of("published") == [("a", "up/a/x", b"last", False)]
    assert house.platform.of("disconnected") == [("a", conn.connection_id)]
    assert device("a") not in house.door.devices


async def test_second_login_kicks_the_first(house: House) -> None:
    first = await house.login()
    old = house.platform.conns.pop("a")
    second = await house.login()
    new = house.platform.conns["a"]
    assert await first.closed() == b""
    assert await second.alive()
    assert house.platform.events == [
        ("connected", "a", old.connection_id),
        ("disconnected", "a", old.connection_id),
        ("connected", "a", new.connection_id),
    ]
    assert not old.tell(Down("down/a/x", b""), None)
    assert house.push("a", b"hi")
    assert (await second.receive()).payload == b"hi"


async def test_logins_at_once_leave_one(house: House) -> None:
    clients = [await house.client() for _ in range(10)]
    for client in clients:
        await client.send(connect("c", "a", SECRET))
    await until(lambda: len(house.platform.of("disconnected")) == 9)
    await until(lambda: len(house.platform.of("connected")) == 10)
    assert [event[0] for event in house.platform.events] == ["connected", *["disconnected", "connected"] * 9]
    assert len(house.door.devices) == 1


async def test_push_needs_no_subscribe(house: House) -> None:
    client = await house.login()
    assert house.push("a", b"hello", "token")
    got = await client.receive()
    assert (got.kind, got.qos, got.topic, got.payload) == (3, 1, "down/a/x", b"hello")
    assert house.platform.of("delivered") == []
    await client.send(puback(got.packet_id + 1) + puback(got.packet_id) + puback(got.packet_id))
    assert await client.alive()
    assert house.platform.of("delivered") == [("a", "token")]


async def test_push_at_qos_0_is_delivered_at_once(house: House) -> None:
    client = await house.login()
    assert house.push("a", b"hello", "token", qos=0)
    assert house.platform.of("delivered") == [("a", "token")]
    assert (await client.receive()).qos == 0


@pytest.mark.parametrize(("asked", "granted"), [(0, 0), (1, 1), (2, 1)])
async def test_subscribe_lowers_the_qos_and_never_doubles(house: House, asked: int, granted: int) -> None:
    client = await house.login()
    await client.send(subscribe(9, ("down/a/x", asked), ("down/a/#", asked)))
    assert (await client.receive()).body == struct.pack("!HBB", 9, granted, granted)
    assert house.push("a", b"one", "token")
    got = await client.receive()
    assert (got.qos, got.payload) == (granted, b"one")
    assert await client.alive()  # the pong is next: there is no second copy
    assert len(house.platform.of("delivered")) == 1 - granted
    await client.send(unsubscribe(10, "down/a/x", "down/a/#"))
    assert (await client.receive()).kind == 11
    assert house.push("a", b"two")
    assert (await client.receive()).qos == 1


async def test_subscribe_to_what_is_not_its_own(house: House) -> None:
    client = await house.login()
    await client.send(subscribe(1, ("down/b/x", 1), ("down/a/x", 1), ("#", 0)))
    assert (await client.receive()).body == b"\x00\x01\x80\x01\x80"
    assert await client.alive()


async def test_push_with_too_much_in_flight() -> None:
    async with House(inflight_max=2) as house:
        client = await house.login()
        assert [house.push("a", b"x", n) for n in range(3)] == [True, True, False]
        await client.send(puback((await client.receive()).packet_id))
        await until(lambda: house.platform.of("delivered") == [("a", 0)])
        assert house.push("a", b"x", 3)


async def test_push_from_within_connected(house: House) -> None:
    async def greet(conn: Conn) -> None:
        assert house.push("a", b"welcome")

    house.platform.greet = greet
    client = await house.login()
    assert (await client.receive()).payload == b"welcome"


async def test_puback_only_after_the_publish_was_taken_and_in_order(house: House) -> None:
    gate = house.platform.gates[b"slow"] = asyncio.Event()
    client = await house.login()
    await client.send(publish("up/a/x", b"slow", 1) + publish("up/a/x", b"fast", 2, dup=True) + publish("up/a/x", b"0"))
    await until(lambda: len(house.platform.of("published")) == 3)  # the slow one holds none of the others back
    assert house.platform.of("published")[1] == ("a", "up/a/x", b"fast", True)
    assert await client.alive()  # a pong and no PUBACK
    gate.set()
    assert [(await client.receive()).body for _ in range(2)] == [b"\0\1", b"\0\2"]
    assert await client.alive()


async def test_publish_not_taken_ends_the_connection_without_puback(house: House) -> None:
    gate = house.platform.gates[b"slow"] = asyncio.Event()
    client = await house.login()
    bad, worse = publish("up/a/x", b"bad", 2), publish("up/a/x", b"bad too", 4)
    await client.send(publish("up/a/x", b"slow", 1) + bad + publish("up/a/x", b"good", 3) + worse)
    await until(lambda: len(house.platform.of("published")) == 4)
    gate.set()
    assert await client.closed() == b"\x40\x02\x00\x01"  # what came before it is acknowledged, nothing after


async def test_pending_publishes_are_bounded() -> None:
    async with House(pending_max=4) as house:
        gate = house.platform.gates[b"slow"] = asyncio.Event()
        client = await house.login()
        await client.send(b"".join(publish("up/a/x", b"slow", 1 + n) for n in range(100)))
        await asyncio.sleep(0.1)
        assert len(house.platform.of("published")) == 4
        gate.set()
        assert [(await client.receive()).packet_id for _ in range(100)] == list(range(1, 101))
        assert await client.alive()


async def test_topics_of_others_end_only_the_offender(house: House) -> None:
    offender, other = await house.login("a"), await house.login("b")
    await offender.send(publish("up/b/x", b"mine now", 1))
    assert await offender.closed() == b""
    assert house.platform.of("published") == []
    assert await other.alive()


MALFORMED = {
    "connect": "101200044d51545404c2003c000163",
    "connack": "20020000",
    "publish": "3003000123",
    "publish qos 2": "34050001610001",
    "puback": "40020000",
    "pubrec": "50020001",
    "pubrel": "62020001",
    "pubcomp": "70020001",
    "subscribe": "82020001",
    "suback": "9003000100",
    "unsubscribe": "a2020001",
    "unsuback": "b0020001",
    "pingreq": "c100",
    "pingresp": "d000",
    "disconnect": "e00100",
    "reserved": "f000",
    "length": "30ffffffff",
}


@pytest.mark.parametrize("raw", ["100c00044d5154540500003c0000", "100c00044d5154548402003c0000"])
async def test_another_version_of_mqtt_is_a_refused_login(
    house: House, raw: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 9, number 35: it was told as a connection that ended."""
    caplog.set_level(logging.INFO)
    client = await house.client()
    await client.send(bytes.fromhex(raw))
    await client.closed()
    (line,) = [record.getMessage() for record in caplog.records if "protocol level" in record.getMessage()]
    assert line.startswith("device login refused: ") and "must be 3 (MQTT 3.1) or 4" in line


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("logged_in", [True, False])
async def test_malformed_ends_only_the_offender(
    house: House, raw: str, logged_in: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    other = await house.login("b")
    offender = await house.login("a") if logged_in else await house.client()
    await offender.send(bytes.fromhex(raw) + b"\0" * 20)
    assert await offender.closed() == b""
    assert await other.alive()
    assert "malformed" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO or record.exc_info]
    assert SECRET.decode() not in caplog.text


async def test_silence_beyond_the_keep_alive() -> None:
    async with House() as house:
        silent, lively = await house.login("a", keep_alive_s=1), await house.login("b", keep_alive_s=1)
        for _ in range(9):
            await asyncio.sleep(0.2)
            await lively.send(PINGREQ)
        assert await silent.closed(0.2) == b""
        assert await lively.alive()


async def test_a_push_excuses_silence_until_it_is_acknowledged() -> None:
    async with House() as house:
        busy = await house.login("a", keep_alive_s=1)
        conn = house.platform.conns["a"]

        def push(patience_s: float) -> None:
            assert conn.tell(Down("down/a/x", b"long", patience_s=patience_s), "t")

        push(3600.0)
        number = (await busy.receive()).packet_id
        await busy.send(PINGREQ)  # it was on its way before the push came: the silence begins after it
        assert (await busy.receive()).kind == 13
        await asyncio.sleep(2.2)
        assert device("a") in house.door.devices
        await busy.send(puback(number))
        await until(lambda: house.platform.of("delivered"))
        assert await busy.closed(4.0) == b""  # from now on its keep alive counts again
    async with House() as house:
        gone = await house.login("a", keep_alive_s=1)
        conn = house.platform.conns["a"]
        push(2.5)
        await gone.receive()
        await asyncio.sleep(2.0)
        assert device("a") in house.door.devices
        assert await gone.closed(3.0) == b""


async def test_patience_is_bounded_and_needs_a_puback_to_come() -> None:
    async with House(patience_max_s=2.0) as house:
        one, two = await house.login("a", keep_alive_s=1), await house.login("b", keep_alive_s=1)
        await two.send(subscribe(1, ("down/b/x", 0)))
        await two.receive()
        began = asyncio.get_running_loop().time()
        for name in "ab":
            conn = house.platform.conns[name]
            assert conn.tell(Down(f"down/{name}/x", b"x", patience_s=3600.0), "t")
        await two.receive()
        assert await two.closed(3.0) == b""
        assert asyncio.get_running_loop().time() - began < 1.95  # at QoS 0 nothing will tell its end
        await one.receive()
        assert await one.closed(3.0) == b""
        assert asyncio.get_running_loop().time() - began >= 1.95


async def test_mqtt_5_is_refused_in_its_own_form() -> None:
    async with House() as house:
        client = await house.client()
        await client.send(connect("c", "a", SECRET, level=5)[:-1])
        await client.send(b"\x00")
        assert await client.closed() == b"\x20\x03\x00\x84\x00"
        older = await house.client()
        await older.send(connect("c", "a", SECRET, level=2, name="MQIsdp"))
        assert await older.closed() == b"\x20\x02\x00\x01"


async def test_a_device_that_logged_in_may_say_more_than_a_stranger() -> None:
    async with House(connect_size_max=1000) as house:
        house.platform.allows = 100_000
        client = await house.login("a")
        await client.send(publish("up/a/x", bytes(90_000), 7))
        assert (await client.receive()).body == b"\x00\x07"
        stranger = await house.client()
        await stranger.send(connect("c" * 2000, "a", SECRET))
        assert await stranger.closed() == b""


async def test_a_slow_large_publish_is_a_sign_of_life() -> None:
    """Issue 9, number 18: a device in the middle of a large packet is not silent, whether it will be read or not."""
    async with House() as house:
        client = await house.login("a", keep_alive_s=1)
        for size in (200_000, 300_000):
            whole = publish("up/a/x", bytes(size), 7)
            for at in range(0, len(whole), size // 5):
                await client.send(whole[at : at + size // 5])
                await asyncio.sleep(0.5)
            assert (await client.receive()).body == b"\x00\x07"
        assert [len(payload) for _, _, payload, _ in house.platform.of("published")] == [200_000]


async def test_bytes_under_way_are_bounded() -> None:
    """Issue 9, number 18: however large its messages are, one connection holds few of them at once."""
    async with House(pending_size_max=100_000, unread_size_max=100_000) as house:
        gate = house.platform.gates[bytes(60_000)] = asyncio.Event()
        client = await house.login()
        sending = asyncio.create_task(client.send(b"".join(publish("up/a/x", bytes(60_000), 1 + n) for n in range(90))))
        await until(lambda: len(house.platform.of("published")) == 2)
        await asyncio.sleep(0.1)
        assert len(house.platform.of("published")) == 2
        link = house.door.devices[device("a")]
        assert link._decoder.held < 300_000 and not link._reading
        gate.set()
        assert [(await client.receive()).packet_id for _ in range(90)] == list(range(1, 91))
        await sending


def deaf(client: WireClient) -> None:
    """Stop reading, with next to nothing of room on the way."""
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport can


async def test_slow_reader_is_cut_off() -> None:
    async with House(write_stall_max_s=0.2, inflight_max=60_000) as house:
        client, other = await house.login("a"), await house.login("b")
        deaf(client)
        pushes = 0
        async with asyncio.timeout(20):
            while house.push("a", bytes(60_000)):
                pushes += 1
                await asyncio.sleep(0)
        assert pushes > 1  # the system's own buffers took some
        await until(lambda: house.platform.of("disconnected"), 2.0)
        assert device("a") not in house.door.devices
        assert await other.alive()


async def test_flood_by_one_that_never_reads_stays_bounded() -> None:
    async with House(write_stall_max_s=0.3, write_pause_size=1000, packets_per_s=1e9) as house:
        client, other = await house.login("a", await house.narrow()), await house.login("b")
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport can

        async def flood() -> None:
            while True:
                await client.send(PINGREQ * 10_000)

        flooding = asyncio.create_task(flood())
        await until(lambda: house.platform.of("disconnected"), 20.0)
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        assert await other.alive()


FLOODS = {
    "PINGREQ": PINGREQ,
    "PUBACK": puback(7),
    "SUBSCRIBE": subscribe(1, *[("down/a/x", 1)] * 90),
    "UNSUBSCRIBE": unsubscribe(1, *["down/a/x"] * 90),
    "PUBLISH": publish("up/a/x", b"0"),
    "PUBLISH at QoS 1": publish("up/a/x", b"1", 1),
    "PUBLISH too large": publish("up/a/x", bytes(2000), 2),
}


async def pour(client: WireClient, packet: bytes) -> None:
    """Send it without pause, and read what comes, until the end."""
    reading = asyncio.create_task(client.closed())
    try:
        while not reading.done():
            await client.send(packet * (100_000 // len(packet)))
    except ConnectionError:
        pass
    finally:
        await reading


@pytest.mark.parametrize("packet", FLOODS.values(), ids=FLOODS.keys())
async def test_a_flood_is_read_more_slowly_and_then_cut(packet: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Of any packet: who sends without pause is heard at the pace that all are, and others at once."""
    caplog.set_level(logging.INFO)
    async with House(packets_per_s=1000.0, burst_max=500, flood_max_s=1.5, payload_size_max=1000) as house:
        mad, other = await house.login("a"), await house.login("b")
        weights: list[int] = []
        link = house.door.devices[device("a")]
        handled, link_type = type(link)._handle, type(link)

        def counted(self: Any, *what: Any) -> int:
            weights.append(handled(self, *what) if self is link else 0)
            return weights[-1] or handled(self, *what)

        link_type._handle = counted  # type: ignore[method-assign]
        try:
            began = asyncio.get_running_loop().time()
            flooding = asyncio.create_task(pour(mad, packet))
            while not flooding.done():
                asked = asyncio.get_running_loop().time()
                assert await other.alive()
                assert asyncio.get_running_loop().time() - asked < 1.0  # a time-out, not a measurement
                await asyncio.sleep(0.01)
            took = asyncio.get_running_loop().time() - began
        finally:
            link_type._handle = handled  # type: ignore[method-assign]
        await flooding
    assert "sends more than it may" in caplog.text
    assert sum(weights) <= 500 + 1000.0 * took + 2 * (64 + 91)


async def test_who_comes_again_is_who_it_was() -> None:
    """What a device has sent counts for its next connection, and so does a login: coming again is no way around."""
    async with House(packets_per_s=100.0, burst_max=200) as house:
        client = await house.login("a")
        await client.send(PINGREQ * 150)
        assert [(await client.receive()).kind for _ in range(150)] == [13] * 150
        await client.send(DISCONNECT)
        await client.closed()
        loop = asyncio.get_running_loop()
        began, codes = loop.time(), []
        for _ in range(5):
            again = await house.client()
            codes.append(await again.login("c", "a", SECRET))
        assert codes == [0] * 5 and loop.time() - began >= 0.7  # five logins are 150 more, and 180 of 200 were spent
        crowd = [await house.client() for _ in range(40)]
        for each in crowd:
            await each.send(connect("c", "a", SECRET))
        answers = [(await each.receive()).body[1] for each in crowd]
        assert set(answers) == {0, 3} and await (await house.login("b")).alive()


async def test_what_is_told_is_no_flood_for_who_is_silent_between(house: House) -> None:
    """A burst of what a device has to tell is taken as fast as it comes, and forgotten when it had its time."""
    async with House(packets_per_s=2000.0, burst_max=1000, flood_max_s=0.6) as one:
        client = await one.login()
        for _ in range(3):
            await client.send(PINGREQ * 1300)
            assert [(await client.receive()).kind for _ in range(1300)] == [13] * 1300
            await asyncio.sleep(0.8)
        assert await client.alive()


async def test_a_turn_is_bounded_whatever_is_sent(house: House) -> None:
    """What one sent in one read is handled in parts, and between them others are."""
    first, second = await house.login("a"), await house.login("b")
    order: list[str] = []
    house.platform.may_subscribe = lambda conn, _: order.append(str(conn.facts)) or True  # type: ignore[method-assign,func-returns-value]
    await first.send(subscribe(1, ("down/a/x", 1)) * 1000)
    await second.send(subscribe(1, ("down/b/x", 1)) * 1000)
    for _ in range(1000):
        await first.receive()
        await second.receive()
    switches = sum(one != other for one, other in pairwise(order))
    assert len(order) == 2000 and switches >= 10


async def test_one_address_has_few_strangers(caplog: pytest.LogCaptureFixture) -> None:
    """Who says nothing does not keep others out: the longest silent gives way, and who knocks is let in."""
    async with House(strangers_max=3) as house:
        known = [await house.login(name) for name in "abcdef"]  # who is in counts no more
        silent = [await house.client() for _ in range(3)]
        await silent[0].send(connect("c", "g", SECRET)[:-1])
        assert await (await house.client()).closed() == b""  # too early for any of them to give way
        assert "not logged in" in caplog.text
        await asyncio.sleep(2.1)
        late = await house.client()
        assert await silent[0].closed() == b""
        assert await late.login("c", "h", SECRET) == 0
        for each in known:
            assert await each.alive()
        await silent[1].send(connect("c", "i", SECRET))
        assert (await silent[1].receive()).body == b"\0\0"


async def test_a_stranger_is_read_little(house: House) -> None:
    """Nothing of what a stranger says is kept beyond one small packet, however much it sends at once."""
    client = await house.client()
    gate = asyncio.Event()
    inner = house.platform.login

    async def login(*what: Any) -> Any:
        await gate.wait()
        return await inner(*what)

    house.platform.login = login  # type: ignore[method-assign]
    sending = asyncio.create_task(client.send(connect("c", "a", SECRET) + publish("up/a/x", b"x" * 1000) * 500))
    await until(lambda: [link for link in house.door._links if link._decoder.held])
    await asyncio.sleep(0.1)
    assert [link._decoder.held <= 2100 for link in house.door._links] == [True]
    gate.set()
    await until(lambda: len(house.platform.of("published")) == 500)
    await sending


async def test_stop_answers_what_is_under_way() -> None:
    async with House() as house:
        gate = house.platform.gates[b"slow"] = asyncio.Event()
        client = await house.login()
        await client.send(publish("up/a/x", b"slow", 7))
        await until(lambda: house.platform.of("published"))
        stopping = asyncio.create_task(house.door.stop())
        await asyncio.sleep(0.05)
        assert not house.push("a", b"too late")
        gate.set()
        await stopping
        assert await client.closed() == b"\x40\x02\x00\x07"
        assert len(house.platform.of("disconnected")) == 1
        with pytest.raises(OSError):
            await house.client()


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + datetime.timedelta(days=9))
    path = folder / "door.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_tls_beside_plain(house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pem = certificate(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(pem)
    address = await house.door.start("127.0.0.1", 0, ssl=server_side)
    client_side = ssl.create_default_context(cafile=str(pem))
    client_side.check_hostname = False
    first = await house.login()
    second = await WireClient.open(*address, client_side)
    house.clients.append(second)
    assert await second.login("c", "a", SECRET) == 0
    assert await first.closed() == b""
    await until(lambda: len(house.platform.of("connected")) == 2)
    assert house.push("a", bytes(100_000), "token")
    assert await second.receive() is not None
    plain = await WireClient.open(*address)
    house.clients.append(plain)
    await plain.send(connect("c", "a", SECRET) * 5)
    await plain.closed()
    assert await second.alive()
    assert not [record for record in caplog.records if record.exc_info]
