"""Downloads in blocks over MQTT (alibaba 6.8): the request a device sends and the binary reply it expects.

It holds no file: which bytes are asked for comes out, which bytes to frame goes in. A request is never left without an
answer, for its device would wait and ask again: what can't be understood is refused with what can be repeated of it.
"""

import re
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from upwell.dialects.alibaba.device import PAYLOAD_MAX, TOPICS, ref_of
from upwell.dialects.payloads import compact, json_object, storable
from upwell.domain.errors import DeviceError
from upwell.domain.talk import BlockRequest

TOKEN_MAX = 128  # characters of a fileToken; C4 sends `default`, the documentation 32 digits
INTEGER_MAX = 2**31 - 1  # what a C device keeps in an int
# Codes of a refusal; the vendor's page names none but 200, so they are its gateways' "parameter error" and HTTP's.
MALFORMED, NOT_FOUND, OUT_OF_RANGE = 460, 404, 416


class Refused(DeviceError):
    """No block can be meant by the request. `ref` and `token` are what its answer repeats, empty where that can't be
    repeated."""

    def __init__(self, problem: str, code: int = MALFORMED, ref: str = "", token: str = "") -> None:
        super().__init__(problem)
        self.code = code
        self.ref = ref
        self.token = token


def read(payload: bytes) -> BlockRequest:
    """The block a device asks for (T7). Raises Refused. Whether there is such a block is not judged here."""
    asked: dict[str, Any] = {}
    try:
        asked = _lenient(payload)
        return _request(asked)
    except DeviceError as exc:
        params = asked.get("params")
        ref, token = _repeated(ref_of, asked), _repeated(_token, params if isinstance(params, dict) else {})
        raise Refused(exc.problem, exc.code if isinstance(exc, Refused) else MALFORMED, ref, token) from exc


def _repeated(text_of: Callable[[dict[str, Any]], str], holder: dict[str, Any]) -> str:
    try:
        return text_of(holder)
    except DeviceError:
        return ""


def _request(asked: dict[str, Any]) -> BlockRequest:
    params = _object(asked, "params")
    info, block = _object(params, "fileInfo"), _object(params, "fileBlock")
    return BlockRequest(
        stream=_whole(info, "streamId", 0, NOT_FOUND),
        file=_whole(info, "fileId", 0, NOT_FOUND),
        offset=_whole(block, "offset", 0, OUT_OF_RANGE),
        size=_whole(block, "size", 1, OUT_OF_RANGE),
        token=_token(params),
        ref=ref_of(asked),
    )


def _token(params: dict[str, Any]) -> str:
    token = params.get("fileToken")
    if token is not None and (not isinstance(token, str) or len(token) > TOKEN_MAX):
        raise DeviceError(f"fileToken must be text of at most {TOKEN_MAX} characters.")
    return storable(token or "")


def _lenient(payload: bytes) -> dict[str, Any]:
    if len(payload) > PAYLOAD_MAX:
        raise DeviceError(f"The payload is longer than {PAYLOAD_MAX} bytes.")
    try:
        return json_object(payload, PAYLOAD_MAX)
    except DeviceError:
        # alibaba 6.8: C4 really writes `"fileId":1,}`
        return json_object(re.sub(rb",\s*}", b"}", payload), PAYLOAD_MAX)


def _object(holder: dict[str, Any], field: str) -> dict[str, Any]:
    value = holder.get(field)
    if not isinstance(value, dict):
        raise DeviceError(f"{field} must be an object.")
    return value


def _whole(holder: dict[str, Any], field: str, least: int, code: int) -> int:
    """A number, and not the text of one: the vendor's page has numbers here, and so have its SDKs. `code` tells that it
    is none that there could be."""
    value = holder.get(field)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused(f"{field} must be a whole number, not in quotes.")
    if not least <= value <= INTEGER_MAX:
        raise Refused(f"{field} must be from {least} to {INTEGER_MAX}.", code)
    return value


def reply(request: BlockRequest, data: bytes, file_size: int, product_key: str, device_name: str) -> tuple[str, bytes]:
    """A block that was found (T8). `file_size` is of the whole file, in bytes."""
    about = {"fileToken": request.token, "fileLength": file_size, "bSize": len(data), "bOffset": request.offset}
    head = _head({"id": request.ref, "code": 200, "data": about})
    return _topic(product_key, device_name), head + data + struct.pack("<H", crc16(data))


def refusal(
    request: BlockRequest | Refused, code: int, text: str, product_key: str, device_name: str
) -> tuple[str, bytes]:
    """Why there is no block (T8). It is framed like one of no bytes, so that a device can read it alike."""
    head = _head({"id": request.ref, "code": code, "msg": text, "data": {"fileToken": request.token}})
    return _topic(product_key, device_name), head + struct.pack("<H", crc16(b""))


def _topic(product_key: str, device_name: str) -> str:
    return TOPICS["download_reply"].format(pk=product_key, dn=device_name)


def _head(about: dict[str, Any]) -> bytes:
    text = compact(about)
    return struct.pack(">H", len(text)) + text


def crc16(data: bytes) -> int:
    """CRC-16/ARC: 0xBB3D for b"123456789" (alibaba 6.8). Two bytes a step, for a block may have 128 KB."""
    table, crc, words = _table(), 0, len(data) // 2
    for word in struct.unpack_from(f"<{words}H", data):
        crc = table[crc ^ word]
    if len(data) % 2:
        crc = crc >> 8 ^ table[(crc ^ data[-1]) << 8 & 0xFF00]
    return crc


@cache
def _table() -> tuple[int, ...]:
    """What any two bytes make of a CRC of 0; the register is as wide as they are, so no trace of it is left."""
    single = [_shifted(byte) for byte in range(256)]
    return tuple(single[low] >> 8 ^ single[(single[low] ^ high) & 0xFF] for high in range(256) for low in range(256))


def _shifted(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
