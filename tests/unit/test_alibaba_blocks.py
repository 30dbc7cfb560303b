"""Downloads over MQTT as golden bytes (alibaba 6.8)."""

import json
import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upwell.dialects.alibaba import blocks
from upwell.domain.errors import DeviceError
from upwell.domain.talk import BlockRequest

C4 = (
    b'{"id":"123456", "params":{"fileToken":"default","fileInfo":{"streamId":27367,"fileId":1,},'
    b'"fileBlock":{"size":5120,"offset":10240}}}'
)
DOCUMENTED = (
    b'{"id":"123456","version":"1.0","params":{"fileToken":"1bb87ec","fileInfo":{"streamId":1234565,"fileId":1},'
    b'"fileBlock":{"size":256,"offset":2}}}'
)
ASKED = BlockRequest(stream=1, file=1, offset=0, size=5120, token="default", ref="123456")
GOLDEN = bytes.fromhex(
    "005e7b226964223a22313233343536222c22636f6465223a3230302c2264617461223a7b2266696c65546f6b656e223a2264656661756c74"
    "222c2266696c654c656e677468223a352c226253697a65223a352c22624f6666736574223a307d7d68656c6c6fd234"
)


def test_requests() -> None:
    assert blocks.read(C4) == BlockRequest(stream=27367, file=1, offset=10240, size=5120, token="default", ref="123456")
    assert blocks.read(DOCUMENTED) == BlockRequest(
        stream=1234565, file=1, offset=2, size=256, token="1bb87ec", ref="123456"
    )
    without = json.loads(DOCUMENTED)
    del without["params"]["fileToken"]
    assert blocks.read(json.dumps(without).encode()).token == ""


def test_a_token_is_not_touched_by_the_repair() -> None:
    asked = json.loads(DOCUMENTED)
    asked["params"]["fileToken"] = "a,}b"
    assert blocks.read(json.dumps(asked).encode()).token == "a,}b"


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("params",), [], 460),
        (("params", "fileInfo"), None, 460),
        (("params", "fileBlock"), 7, 460),
        (("params", "fileToken"), 7, 460),
        (("params", "fileToken"), "t" * 129, 460),
        (("params", "fileInfo", "streamId"), "1", 460),
        (("params", "fileInfo", "streamId"), True, 460),
        (("params", "fileInfo", "streamId"), -1, 404),
        (("params", "fileInfo", "streamId"), 10**30, 404),
        (("params", "fileInfo", "fileId"), 1.5, 460),
        (("params", "fileInfo", "fileId"), None, 460),
        (("params", "fileBlock", "offset"), -1, 416),
        (("params", "fileBlock", "offset"), "0", 460),
        (("params", "fileBlock", "offset"), 2**31, 416),
        (("params", "fileBlock", "size"), 2**31, 416),
        (("params", "fileBlock", "size"), 0, 416),
        (("params", "fileBlock", "size"), -256, 416),
        (("params", "fileBlock", "size"), "256", 460),
        (("params", "fileBlock", "size"), 256.0, 460),
        (("params", "fileBlock", "size"), float("inf"), 460),
        (("params", "fileBlock", "size"), [256], 460),
        (("id",), {}, 460),
        (("id",), "1" * 65, 460),
    ],
)
def test_malformed(path: tuple[str, ...], value: object, code: int) -> None:
    """Issue 9, number 31: each is refused with a code, and with the id and token of what was asked."""
    asked = json.loads(DOCUMENTED)
    holder = asked
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    with pytest.raises(blocks.Refused) as caught:
        blocks.read(json.dumps(asked).encode())
    ref, token = (
        "" if path == ("id",) else "123456",
        "" if path in (("params",), ("params", "fileToken")) else "1bb87ec",
    )
    assert (caught.value.code, caught.value.ref, caught.value.token) == (code, ref, token)
    (size,) = struct.unpack_from(">H", told := blocks.refusal(caught.value, code, "why", "pk", "dn")[1])
    assert json.loads(told[2 : 2 + size])["id"] == ref


@settings(deadline=None)  # other tests run beside it
@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_are_a_request_or_a_device_error(payload: bytes) -> None:
    with pytest.raises(DeviceError):
        blocks.read(payload)


def test_endless_payloads() -> None:
    for payload in (b"," * 20_000, b"[" * 16_000, b'{"a":' * 3000, b",}" * 8000):
        with pytest.raises(DeviceError):
            blocks.read(payload)


def test_reply_golden() -> None:
    assert blocks.reply(ASKED, b"hello", 5, "pk", "dn") == ("/sys/pk/dn/thing/file/download_reply", GOLDEN)


def test_refusal_is_framed_like_an_empty_block() -> None:
    topic, told = blocks.refusal(ASKED, 404, "no such file", "pk", "dn")
    (size,) = struct.unpack_from(">H", told)
    assert topic == "/sys/pk/dn/thing/file/download_reply"
    assert json.loads(told[2 : 2 + size]) == {
        "id": "123456", "code": 404, "msg": "no such file", "data": {"fileToken": "default"}
    }  # fmt: skip
    assert told[2 + size :] == b"\0\0"


def crc_bit_by_bit(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def test_crc() -> None:
    assert blocks.crc16(b"123456789") == 0xBB3D
    assert blocks.crc16(b"hello") == 0x34D2
    dice = Random(3)
    for size in (*range(20), 5120, 131_072):
        data = dice.randbytes(size)
        assert blocks.crc16(data) == crc_bit_by_bit(data)
