"""The MQTT codec on golden bytes, and on bytes nobody would send."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.doors.devices.mqtt import codec
from upwell.doors.devices.mqtt.handler import Limits
from upwell.doors.devices.mqtt.packets import (
    Connect,
    ConnectCode,
    Disconnect,
    MalformedPacket,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Skipped,
    Subscribe,
    Unsubscribe,
    UnsupportedConnect,
)
from upwell.doors.devices.mqtt.session import Session, matches


class Decoder(codec.Decoder):
    """Fed piece by piece."""

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that `data` completes."""
        self.put(data)
        return list(iter(self.take, None))


CONNECT = bytes.fromhex("100c00044d5154540402003c0000")  # MQTT 3.1.1, clean session, 60 s, no client id
CONNECT31 = bytes.fromhex("100f00064d51497364700302003c000163")

CONNECTS: list[tuple[str, Packet]] = [
    ("101300044d51545404c2003c000163000175000170", Connect("c", "u", b"p", 60, 4)),
    ("101400044d51545404c2003c0001630001750002ff00", Connect("c", "u", b"\xff\x00", 60, 4)),
    ("100f00064d51497364700302003c000163", Connect("c", "", b"", 60, 3)),
    (
        "101400044d5154540434003c0001630001740002776c",
        Connect("c", "", b"", 60, 4),
    ),
    ("100c00044d5154540500003c0000", UnsupportedConnect(5)),
    ("100c00044d5154548402003c0000", UnsupportedConnect(0x84)),
]
AFTER_CONNECT: list[tuple[str, Packet]] = [
    ("30070003612f626869", Publish("a/b", b"hi", 0, False)),
    ("3106000161ffff00", Publish("a", b"\xff\xff\x00", 0, False)),
    ("3b060001610001ff", Publish("a", b"\xff", 1, True)),
    ("3205000161ffff", Publish("a", b"", 65535, False)),
    ("308300000161", Publish("a", b"", 0, False)),  # a length padded to two digits
    ("40021234", Puback(0x1234)),
    ("820a000a0001610000012302", Subscribe(10, (("a", 0), ("#", 2)))),
    ("8208000b0003612f2b01", Subscribe(11, (("a/+", 1),))),
    ("a209000c00016100022f2b", Unsubscribe(12, ("a", "/+"))),
    ("c000", Pingreq()),
    ("e000", Disconnect()),
]

BAD_FIRST = {
    "before CONNECT: PUBLISH": "3005000161ffff",
    "before CONNECT: PINGREQ": "c000",
    "before CONNECT: DISCONNECT": "e000",
    "reserved flags": "110c00044d5154540402003c0000",
    "protocol name": "100c00044d5154580402003c0000",
    "reserved connect flag": "100c00044d5154540403003c0000",
    "password without user": "100f00044d5154540442003c0000000170",
    "will QoS without will": "100c00044d515454040a003c0000",
    "will retain without will": "100c00044d5154540422003c0000",
    "will QoS 3": "101200044d515454041e003c0000000174000177",
    "will topic with wildcard": "101200044d5154540406003c0000000123000177",
    "client id cut short": "100c00044d5154540402003c0001",
    "user missing": "100c00044d5154540482003c0000",
    "no client id": "100a00044d5154540402003c",
    "empty body": "1000",
    "bytes after the end": "100d00044d5154540402003c000000",
    "client id not UTF-8": "100d00044d5154540402003c0001ff",
    "client id a surrogate": "100f00044d5154540402003c0003eda080",
    "NUL in client id": "100d00044d5154540402003c000100",
    "length of five digits": "108080808001",
    "length above the maximum": "10ffffff7f",
    "type 0": "0000",
    "type 15": "f000",
}
BAD_AFTER_CONNECT = {
    "second CONNECT": CONNECT.hex(),
    "QoS 2": "34050001610001",
    "QoS 3": "36050001610001",
    "DUP on QoS 0": "3803000161",
    "packet id 0": "32050001610000",
    "packet id cut short": "320400016100",
    "topic cut short": "3003000561",
    "topic empty": "30020000",
    "topic with #": "3003000123",
    "topic with +": "30050003612f2b",
    "topic with NUL": "3003000100",
    "topic not UTF-8": "30030001ff",
    "PUBACK of 0": "40020000",
    "PUBACK cut short": "400101",
    "PUBACK too long": "4003000100",
    "PUBACK flags": "42020001",
    "SUBSCRIBE flags": "8006000100016100",
    "SUBSCRIBE with DUP in 3.1.1": "8a06000100016100",
    "SUBSCRIBE of nothing": "82020001",
    "SUBSCRIBE of id 0": "8206000000016100",
    "SUBSCRIBE at QoS 3": "8206000100016103",
    "SUBSCRIBE reserved bits": "8206000100016180",
    "SUBSCRIBE without QoS": "82050001000161",
    "SUBSCRIBE of an empty filter": "82050001000000",
    "SUBSCRIBE # in the middle": "820800010003232f6100",
    "SUBSCRIBE # beside letters": "820700010002612300",
    "SUBSCRIBE + beside #": "8207000100022b2300",
    "UNSUBSCRIBE flags": "a0050001000161",
    "UNSUBSCRIBE of nothing": "a2020001",
    "UNSUBSCRIBE of id 0": "a2050000000161",
    "PINGREQ with a body": "c00100",
    "PINGREQ flags": "c100",
    "DISCONNECT with a body": "e00100",
    "DISCONNECT flags": "e200",
    "CONNACK": "20020000",
    "PUBREC": "50020001",
    "PUBREL": "62020001",
    "PUBCOMP": "70020001",
    "SUBACK": "9003000100",
    "UNSUBACK": "b0020001",
    "PINGRESP": "d000",
}


@pytest.mark.parametrize(("raw", "packet"), CONNECTS)
def test_connect(raw: str, packet: Packet) -> None:
    assert Decoder().feed(bytes.fromhex(raw)) == [packet]


@pytest.mark.parametrize(("raw", "packet"), AFTER_CONNECT)
def test_packet(raw: str, packet: Packet) -> None:
    assert Decoder().feed(CONNECT + bytes.fromhex(raw))[1:] == [packet]


@pytest.mark.parametrize("raw", BAD_FIRST.values(), ids=BAD_FIRST.keys())
def test_malformed_first_packet(raw: str) -> None:
    with pytest.raises(MalformedPacket):
        Decoder().feed(bytes.fromhex(raw))


@pytest.mark.parametrize("raw", BAD_AFTER_CONNECT.values(), ids=BAD_AFTER_CONNECT.keys())
def test_malformed_packet(raw: str) -> None:
    decoder = Decoder()
    decoder.feed(CONNECT)
    with pytest.raises(MalformedPacket):
        decoder.feed(bytes.fromhex(raw))
    with pytest.raises(MalformedPacket):  # and it stays so
        decoder.feed(b"\xc0\x00")


def test_mqtt_31_may_repeat_a_subscribe_with_dup() -> None:
    assert Decoder().feed(CONNECT31 + bytes.fromhex("8a06000100016100"))[1:] == [Subscribe(1, (("a", 0),))]


def test_nothing_is_decoded_after_an_unsupported_connect() -> None:
    decoder = Decoder()
    assert decoder.feed(bytes.fromhex("100c00044d5154540502003c0000") + b"\x00\x00") == [UnsupportedConnect(5)]
    assert decoder.feed(b"\x00") == []


def test_a_strangers_size_limit_is_inclusive_and_refused_before_the_body() -> None:
    size = len(CONNECT) - 2
    assert len(Decoder(size).feed(CONNECT)) == 1
    with pytest.raises(MalformedPacket):
        Decoder(size - 1).feed(CONNECT[:2])
    with pytest.raises(MalformedPacket):
        Decoder().feed(b"\x10\xff\xff\xff\x7f")


def limited(payload_size_max: int = 16) -> Decoder:
    decoder = Decoder()
    decoder.feed(CONNECT)
    decoder.allow(payload_size_max)
    return decoder


LARGE = [
    (codec.publish("a", bytes(16)), Publish("a", bytes(16), 0, False)),
    (codec.publish("a", bytes(17)), Skipped("a", 17, 0)),
    (codec.publish("a/long/topic/b", bytes(16), 1, 7), Publish("a/long/topic/b", bytes(16), 7, False)),
    (codec.publish("a/long/topic/b", bytes(17), 1, 8), Skipped("a/long/topic/b", 17, 8)),
    (codec.publish("x" * 60_000, bytes(70_000), 1, 9, dup=True), Skipped("x" * 60_000, 70_000, 9)),
]


@pytest.mark.parametrize(("raw", "packet"), LARGE)
@pytest.mark.parametrize("step", [1, 7, 4096, 10**6])
def test_a_publish_of_too_much_is_read_off(raw: bytes, packet: Packet, step: int) -> None:
    """Issue 9, number 18: it is no offence, and what follows it is read, however the stream is cut."""
    decoder, stream = limited(), raw + b"\xc0\x00" + raw + b"\xc0\x00"
    found = [one for at in range(0, len(stream), step) for one in decoder.feed(stream[at : at + step])]
    assert found == [packet, Pingreq(), packet, Pingreq()]


def test_what_is_read_off_is_not_kept() -> None:
    """Issue 9, number 18: the largest publish that there is in MQTT takes no memory."""
    decoder = limited()
    assert decoder.feed(b"\x30\xff\xff\xff\x7f\x00\x01a" + bytes(100)) == []
    block, left = bytes(1 << 20), 268_435_455 - 3 - 100
    while left > len(block):
        assert decoder.feed(block) == []
        assert decoder.held == 0
        left -= len(block)
    assert decoder.feed(block[:left] + b"\xc0\x00") == [Skipped("a", 268_435_452, 0), Pingreq()]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x30\x40\x00\xffa",  # a topic that is longer than its packet
        b"\x34\x40\x00\x01a\x00\x01",  # QoS 2
        b"\x32\x40\x00\x01a\x00\x00",  # packet id 0
        b"\x30\x40\x00\x01#",
        b"\x82\x40",  # anything but a publish has no reason to be so large
        b"\xc0\x40",
    ],
)
def test_a_large_packet_can_be_malformed_too(raw: bytes) -> None:
    with pytest.raises(MalformedPacket):
        limited().feed(raw)


def test_what_is_large_behind_a_login_waits_for_its_end() -> None:
    """Issue 9, number 18: how much a device may say is known only when it is known itself."""
    large, decoder = codec.publish("a", bytes(5000)), Decoder()
    assert len(decoder.feed(CONNECT + b"\xc0\x00" + large + b"\xc0\x00")) == 2
    decoder.allow(5000)
    assert decoder.feed(b"") == [Publish("a", bytes(5000), 0, False), Pingreq()]


def test_secrets_and_payloads_stay_out_of_repr() -> None:
    shown = repr(Connect("c", "u", b"hidden", 60, 4))
    assert "hidden" not in shown + repr(Publish("t", b"hidden", 0, False))


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        (codec.connack(ConnectCode.ACCEPTED), "20020000"),
        (codec.connack(ConnectCode.BAD_CREDENTIALS), "20020004"),
        (codec.publish("a/b", b"hi"), "30070003612f626869"),
        (codec.publish("a", b"", 1, 258, dup=True), "3a050001610102"),
        (codec.publish("a", bytes(125)), "308001" + "000161" + "00" * 125),
        (codec.puback(0x1234), "40021234"),
        (codec.suback(10, [0, 1, 0x80]), "9005000a000180"),
        (codec.unsuback(12), "b002000c"),
        (codec.pingresp(), "d000"),
    ],
)
def test_encoders(data: bytes, raw: str) -> None:
    assert data.hex() == raw


@pytest.mark.parametrize(
    ("topic", "qos", "packet_id"),
    [("", 0, 0), ("a/#", 0, 0), ("+", 0, 0), ("a\0", 0, 0), ("a" * 65536, 0, 0), ("a", 1, 0), ("a", 0, 1),
     ("a", 2, 1), ("a", 1, 65536)],
)  # fmt: skip
def test_what_can_not_be_published(topic: str, qos: int, packet_id: int) -> None:
    with pytest.raises(ValueError):
        codec.publish(topic, b"", qos, packet_id)


STREAM = CONNECT + b"".join(bytes.fromhex(raw) for raw, _ in AFTER_CONNECT)


def drink(stream: bytes, cuts: list[int]) -> list[Packet] | str:
    decoder, packets = Decoder(1000), []
    try:
        for start, end in pairwise([0, *sorted(cuts), len(stream)]):
            packets += decoder.feed(stream[start:end])
    except MalformedPacket as exc:
        return exc.problem
    return packets


def test_byte_by_byte() -> None:
    assert drink(STREAM, list(range(len(STREAM)))) == Decoder().feed(STREAM)


@given(st.lists(st.integers(0, len(STREAM))))
def test_cut_anywhere(cuts: list[int]) -> None:
    assert drink(STREAM, cuts) == Decoder().feed(STREAM)


@given(st.binary(max_size=200), st.booleans(), st.lists(st.integers(0, 100)))
def test_random_bytes(noise: bytes, connected: bool, cuts: list[int]) -> None:
    stream = (CONNECT if connected else b"") + noise
    assert drink(stream, [min(cut, len(stream)) for cut in cuts]) == drink(stream, [])


@given(st.integers(0, len(STREAM) - 1), st.integers(0, 255), st.lists(st.integers(0, len(STREAM))))
def test_one_byte_wrong(at: int, value: int, cuts: list[int]) -> None:
    stream = STREAM[:at] + bytes([value]) + STREAM[at + 1 :]
    assert drink(stream, cuts) == drink(stream, [])


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0+#"), min_size=1, max_size=300),
    st.binary(max_size=300),
    st.integers(0, 65535),
)
def test_publish_there_and_back(topic: str, payload: bytes, packet_id: int) -> None:
    qos = 1 if packet_id else 0
    data = codec.publish(topic, payload, qos, packet_id)
    assert Decoder(4000).feed(CONNECT + data)[1:] == [Publish(topic, payload, packet_id, False)]


@pytest.mark.parametrize(
    ("topic_filter", "topic", "covers"),
    [
        ("a/b", "a/b", True), ("a/b", "a/c", False), ("a/+", "a/b", True), ("a/+", "a", False), ("+", "/a", False),
        ("+/+", "/a", True), ("#", "a/b", True), ("a/#", "a", True), ("a/#", "a/b/c", True), ("a/b/#", "a", False),
        ("#", "$oc/x", False), ("+/x", "$oc/x", False), ("$oc/#", "$oc/x", True), ("a/+/c", "a/b/d", False),
    ],
)  # fmt: skip
def test_matches(topic_filter: str, topic: str, covers: bool) -> None:
    assert matches(topic_filter, topic) is covers


def session(**limits: int) -> Session:
    return Session(Limits(**limits), keep_alive_s=60, now_s=0.0)


def test_packet_ids_in_flight_are_skipped_and_wrap() -> None:
    one = session(inflight_max=2)
    assert one.send("t", b"", "first", 1) is not None  # keeps id 1
    for expected in [*range(2, 65536), 2]:
        sent = one.send("t", b"", expected, 1)
        assert sent and sent.data[-2:] == expected.to_bytes(2, "big")
        assert one.acknowledged(expected) == expected
    assert one.acknowledged(2) is None
    assert one.acknowledged(1) == "first"


def test_in_flight_is_bounded_at_qos_1_only() -> None:
    one = session(inflight_max=1)
    assert one.send("t", b"", None, 1)
    assert one.send("t", b"", None, 1) is None
    sent = one.send("t", b"", None, 0)
    assert sent and not sent.awaits_puback


def test_subscriptions() -> None:
    one = session(subscriptions_max=2)
    wanted = [("a", 2), ("no", 1), ("b/#", 0), ("c", 1), ("a", 0), ("a", 1)]
    assert one.subscribe(wanted, lambda each: each != "no") == [1, 0x80, 0, 0x80, 0, 1]
    assert (one.granted("a"), one.granted("b/x"), one.granted("c")) == (1, 0, None)
    one.unsubscribe(["b/#", "never"])
    assert one.granted("b/x") is None


def test_silence_is_one_and_a_half_keep_alives() -> None:
    one = session()
    assert one.deadline_s == 90.0
    one.heard(50.0)
    assert one.deadline_s == 140.0
