"""Heads of the PROXY protocol, whose bytes are written here by hand after haproxy's description."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from upwell.doors import proxy_head
from upwell.doors.proxy_head import HEAD_BYTES_MAX, Unfit

SIGNED = bytes.fromhex("0d0a0d0a000d0a515549540a")
V4 = SIGNED + bytes.fromhex("2111000ccb0071090a000005c3a4075b")  # 203.0.113.9:50084 to 10.0.0.5:1883
V6 = SIGNED + bytes.fromhex("21210024" + "20010db8000000000000000000000007" + "20010db8" + "00" * 12 + "1f90" + "22b3")
NOISE = bytes.fromhex("04000361626320000568656c6c6f")  # two things more that a proxy may say


def long(head: bytes, more: bytes) -> bytes:
    return head[:14] + (len(head) - 16 + len(more)).to_bytes(2, "big") + head[16:] + more


TOLD = [
    (V4, ("203.0.113.9", 50084)),
    (V6, ("2001:db8::7", 8080)),
    (long(V4, NOISE), ("203.0.113.9", 50084)),
    (long(V6, NOISE), ("2001:db8::7", 8080)),
    (long(V4, bytes(HEAD_BYTES_MAX - len(V4))), ("203.0.113.9", 50084)),
    (SIGNED + bytes.fromhex("20000000"), None),  # its own health check
    (SIGNED + bytes.fromhex("2011000c") + V4[16:], None),  # with addresses, which say nothing then
    (SIGNED + bytes.fromhex("21000000"), None),  # it does not know
    (SIGNED + bytes.fromhex("21210024") + bytes(10) + b"\xff\xff" + bytes((10, 1, 2, 3)) + bytes(16) + b"\0\1\0\2",
     ("10.1.2.3", 1)),
    (b"PROXY TCP4 198.51.100.7 10.0.0.5 56324 1883\r\n", ("198.51.100.7", 56324)),
    (b"PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", ("2001:db8::1", 65535)),
    (b"PROXY TCP6 ::ffff:198.51.100.7 ::1 7 8\r\n", ("198.51.100.7", 7)),
    (b"PROXY TCP6 " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", ("ffff:" * 7 + "ffff", 65535)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", None),
]  # fmt: skip
REFUSED = [
    b"\x10\x1a\x00\x04MQTT\x04\xc2",  # a device that comes without a proxy
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
    b"PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
    b"PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 \xb2 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n\r\n",
    b"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 16909060 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 localhost 1 2\r\n",
    b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY TCP6 \xef\xbc\x91::1 ::1 1 2\r\n",
    b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
    b"PROXY UNKNOWNS\r\n",
    b"PROXY \r\n",
    b"PROXY UNKNOWN " + b"x" * 200,
    SIGNED + bytes.fromhex("1111000c") + V4[16:],  # version 1 in binary
    SIGNED + bytes.fromhex("3111000c") + V4[16:],
    SIGNED + bytes.fromhex("2211000c") + V4[16:],  # no such command
    SIGNED + bytes.fromhex("2112000c") + V4[16:],  # datagrams
    SIGNED + bytes.fromhex("213100d8") + bytes(216),  # a socket's path
    SIGNED + bytes.fromhex("2111000b") + V4[16:27],  # addresses that end too early
    SIGNED + bytes.fromhex("21210023") + V6[16:51],
    SIGNED + bytes.fromhex("2111ffff") + V4[16:],
    SIGNED + bytes.fromhex("2011ffff"),
    SIGNED[:11] + b"\x0b" + V4[12:],
]


def read(stream: bytes) -> tuple[bytes, object]:
    """As a door does that takes no byte too many; what is left, and who it is."""
    head, rest = b"", stream
    while len(head) < (size := proxy_head.size(head)):
        more, rest = rest[: size - len(head)], rest[size - len(head) :]
        assert more, "it ended"
        head += more
    return rest, proxy_head.source(head)


@pytest.mark.parametrize(("head", "told"), TOLD, ids=range(len(TOLD)))
def test_who_it_is(head: bytes, told: object) -> None:
    assert read(head + b"\x10\x1a\r\n") == (b"\x10\x1a\r\n", told), "and nothing behind it is taken"
    for cut in range(len(head)):
        assert proxy_head.size(head[:cut]) > cut, "it is whole only at its end"
        assert proxy_head.size(head[:cut]) <= len(head), "no more is asked for than there is"


@pytest.mark.parametrize("head", REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(head: bytes) -> None:
    with pytest.raises(Unfit):
        read(head)


def test_a_huge_length_is_refused_by_the_first_bytes() -> None:
    with pytest.raises(Unfit, match="65551 bytes; 2048"):
        proxy_head.size(SIGNED + b"\x21\x11\xff\xff")


@given(st.binary(max_size=300), st.sampled_from([b"", SIGNED, SIGNED + b"\x21\x11", b"PROXY ", b"PROXY TCP6 "]))
@example(b"\r", b"PROXY UNKNOWN")
def test_any_bytes_are_a_head_or_unfit_or_too_few(data: bytes, began: bytes) -> None:
    stream = began + data
    try:
        size = proxy_head.size(stream)
        if size <= len(stream):
            proxy_head.source(stream[:size])
        assert size <= HEAD_BYTES_MAX
    except Unfit:
        pass
