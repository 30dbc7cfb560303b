"""What a device says just before its connection ends is heard, over TCP and TLS, however it ends (issue 9, 15)."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from test_mqtt_door import SECRET, House, certificate, device, event_loop_policy, until
from tests.mqttwire import DISCONNECT, WireClient, connect, publish

__all__ = ["event_loop_policy"]
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy:pytest.PytestDeprecationWarning")

MANY = 300  # far more than a connection may have under way at once

Address = tuple[str, int]
Dial = Callable[[], socket.socket]


@pytest.fixture(params=["tcp", "tls"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[House, Dial]]:
    """A door whose publishes take their time, and a way to it by a plain blocking socket."""
    async with House(pending_max=8) as one:
        slowly = one.platform.take

        async def take(*what: object) -> None:
            await asyncio.sleep(0.002)
            await slowly(*what)  # type: ignore[arg-type]  # the same arguments

        one.platform.take = take  # type: ignore[assignment]
        pem = certificate(tmp_path)
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(pem)
        secure = await one.door.start("127.0.0.1", 0, ssl=server_side)
        client_side = ssl.create_default_context(cafile=str(pem))
        client_side.check_hostname = False

        def dial() -> socket.socket:
            if request.param == "tcp":
                return socket.create_connection(one.address)
            return client_side.wrap_socket(socket.create_connection(secure))

        yield one, dial


def words(qos: int, count: int = MANY) -> bytes:
    return b"".join(publish("up/a/x", b"%d" % n, (1 + n) * qos) for n in range(count))


def logged_in(dial: Dial) -> socket.socket:
    link = dial()
    link.sendall(connect("c", "a", SECRET))
    assert link.recv(4) == b"\x20\x02\x00\x00"
    return link


def close(link: socket.socket) -> None:
    link.close()


def reset(link: socket.socket) -> None:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def leave(link: socket.socket) -> None:
    link.sendall(DISCONNECT)
    link.close()


def bid_farewell(link: socket.socket) -> None:
    """As TLS is ended in order; over TCP, the half of it that speaks."""
    if isinstance(link, ssl.SSLSocket):
        link.settimeout(0.1)
        with contextlib.suppress(OSError):  # the server may have its own way to hang up
            link = link.unwrap()
        link.close()
    else:
        link.shutdown(socket.SHUT_WR)
        while link.recv(4096):  # the other half is read to its end
            pass
        link.close()


def heard(house: House) -> list[bytes]:
    return [payload for _, _, payload, _ in house.platform.of("published")]


@pytest.mark.parametrize("end", [close, reset, leave, bid_farewell])
@pytest.mark.parametrize("qos", [0, 1])
async def test_all_that_was_said_is_heard(
    house: tuple[House, Dial], qos: int, end: Callable[[socket.socket], None]
) -> None:
    """Issue 9, number 15: of what was said before the end, nothing is thrown away."""
    one, dial = house

    def say_and_go() -> None:
        link = logged_in(dial)
        link.sendall(words(qos))
        end(link)

    await asyncio.to_thread(say_and_go)
    await until(lambda: one.platform.of("disconnected"), 20.0)
    assert heard(one) == [b"%d" % n for n in range(MANY)]
    assert one.platform.events[-1][0] == "disconnected"  # and it is gone only when it was heard out
    assert len(one.door.devices) == 0


async def test_what_is_said_without_waiting_for_the_answer_to_a_login(house: tuple[House, Dial]) -> None:
    """Issue 9, number 15: a device may say all it has behind its CONNECT and be gone before it is let in."""
    one, dial = house

    def blurt_out() -> None:
        link = dial()
        link.sendall(connect("c", "a", SECRET) + words(0, 100))
        link.close()

    await asyncio.to_thread(blurt_out)
    await until(lambda: one.platform.of("disconnected"), 20.0)
    assert heard(one) == [b"%d" % n for n in range(100)]
    assert [event[0] for event in one.platform.events] == ["connected", *["published"] * 100, "disconnected"]
    again = await one.login("a")
    assert await again.alive()


async def test_a_device_that_comes_again_is_heard_out_first(house: tuple[House, Dial]) -> None:
    """Issue 9, number 15: a login that replaces a connection comes after what was said on it."""
    one, dial = house

    def say() -> socket.socket:
        link = logged_in(dial)
        link.sendall(words(1))
        return link

    link = await asyncio.to_thread(say)
    await until(lambda: one.platform.of("published"))
    second = await WireClient.open(*one.address)
    one.clients.append(second)
    assert await second.login("c", "a", SECRET) == 0
    await until(lambda: len(one.platform.of("connected")) == 2, 20.0)
    link.close()
    assert heard(one) == [b"%d" % n for n in range(MANY)]
    kinds = [event[0] for event in one.platform.events]
    assert kinds == ["connected", *["published"] * MANY, "disconnected", "connected"]
    assert await second.alive()


async def test_half_closed_tcp_is_still_acknowledged() -> None:
    """Issue 9, number 15: who only stopped talking gets what it waits for, and then the end."""
    async with House() as one:
        client = await one.login("a")
        gate = one.platform.gates[b"slow"] = asyncio.Event()
        await client.send(publish("up/a/x", b"slow", 7) + publish("up/a/x", b"fast", 8))
        client.writer.write_eof()
        link = one.door.devices[device("a")]
        await until(lambda: len(heard(one)) == 2 and link._talked_out)
        assert one.platform.of("disconnected") == []
        assert not one.push("a", b"an offer")  # but it is told nothing new
        gate.set()
        assert await client.closed() == b"\x40\x02\x00\x07\x40\x02\x00\x08"
        await until(lambda: one.platform.of("disconnected"))


async def test_an_offender_is_not_heard_any_more(house: tuple[House, Dial]) -> None:
    one, dial = house

    def offend() -> None:
        with logged_in(dial) as link:
            link.sendall(words(0, 10) + publish("up/b/x", b"not mine") + words(0, 10))
            while link.recv(4096):
                pass

    await asyncio.to_thread(offend)
    await until(lambda: one.platform.of("disconnected"))
    assert heard(one) == [b"%d" % n for n in range(10)]


async def test_hearing_out_is_bounded() -> None:
    async with House(last_words_s=0.2, pending_max=2) as one:
        one.platform.gates[b"slow"] = asyncio.Event()  # never set
        client = await one.login("a")
        await client.send(b"".join(publish("up/a/x", b"slow") for _ in range(10)))
        await until(lambda: len(heard(one)) == 2)
        await client.close()
        await until(lambda: one.platform.of("disconnected"))
        assert len(heard(one)) == 2
        one.platform.gates[b"slow"].set()
