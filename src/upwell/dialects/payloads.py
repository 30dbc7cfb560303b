"""What every MQTT dialect asks of a device's message: a JSON object of a sane size, an id that can be repeated, text
that can be stored, a version that is the device's own word, topics and filters that are well formed. Whose they are and
what they mean is the dialects'.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from upwell.domain.errors import DeviceError
from upwell.domain.talk import VERSION_SIZE_MAX

T = TypeVar("T")
PAYLOAD_MAX = 262_144  # bytes of a message that is read, where a vendor's page names no other; reports are under 1 kB
DESC_MAX = 256  # characters kept of a description

_STRAY = re.compile("[\udc80-\udcff]")  # how a byte that is no UTF-8 stands in a text
_WILD = re.compile(r"[+#\0]")


_BLANK = " \t\r\n\ufeff"  # and a byte order mark
_AROUND = _BLANK + "\0"
_DIGITS_MAX = 400  # of an integer that is read as one: what a float holds, and far below the limit of int()


class Written(float):
    """A number that keeps how it was written: `2.0` and `2.00` are two versions."""

    text: str

    def __new__(cls, text: str) -> "Written":
        """The number of a JSON number's text."""
        made = super().__new__(cls, text)
        made.text = text
        return made


_JSON = json.JSONDecoder(
    strict=False,
    parse_float=Written,
    parse_int=lambda text: int(text) if len(text) <= _DIGITS_MAX else Written(text),
)


_STRICT = msgspec.json.Decoder(dict[str, Any], float_hook=Written)
"""What it reads it reads as `_JSON` does, but for integers of more than _DIGITS_MAX, which no shorter payload holds."""


def json_object(payload: bytes, size_max: int = PAYLOAD_MAX) -> dict[str, Any]:
    """The JSON object of a payload. Control characters in strings and stray bytes pass: C devices use sprintf. So do
    NUL bytes and byte order marks around it, and whatever follows a NUL: C devices send their buffers. A stray byte
    becomes half a character, which no text that is kept may hold. Raises DeviceError."""
    if len(payload) > size_max:
        raise DeviceError(f"The payload is longer than {size_max} bytes.")
    if len(payload) <= _DIGITS_MAX:
        try:
            return _STRICT.decode(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # most devices write plain JSON, and the others are read with patience
    return _lenient(payload)


def _lenient(payload: bytes) -> dict[str, Any]:
    text = payload.decode("utf-8", "surrogateescape").lstrip(_AROUND)
    try:
        message, end = _JSON.raw_decode(text)
    except (ValueError, RecursionError) as exc:
        raise DeviceError("The payload is not JSON.") from exc
    rest = text[end:].strip(_BLANK)
    if rest and not rest.startswith("\0"):
        raise DeviceError("The payload is not JSON.")
    if not isinstance(message, dict):
        raise DeviceError("The payload is not a JSON object.")
    return message


def compact(message: Mapping[str, Any]) -> bytes:
    """A message as it is sent: JSON without blanks, and `/` and non-ASCII as they are, for Alibaba's C4 does not
    understand escapes (alibaba 6.6)."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def version_of(value: Any) -> str | None:
    """The version that a device says: its text as it is, or a number as it was written. None is unknown: nothing, no
    text, a longer one than is kept, or one that can't be kept without a change."""
    if isinstance(value, Written):
        value = value.text
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 1 <= len(value) <= VERSION_SIZE_MAX or storable(value) != value:
        return None
    return value


def desc_of(value: Any) -> str:
    """A device's own words for people, cut; whatever else it puts there is not worth losing its progress for."""
    return storable(value[:DESC_MAX]) if isinstance(value, str) else ""


def understood(parts: Iterable[T | DeviceError]) -> tuple[T | DeviceError, ...]:
    """The parts of a message; an error stands for one that can't be understood among others, for the others must not be
    lost by it. Raises the first when nothing can be."""
    found = tuple(parts)
    if found and all(isinstance(each, DeviceError) for each in found):
        raise next(each for each in found if isinstance(each, DeviceError))
    return found


def text_id(name: str, value: Any, size_max: int) -> str:
    """A message id as text, whether a device writes a string or a number; empty when there is none.
    Raises DeviceError for one that no answer could repeat."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise DeviceError(f"{name} must be a number or a string.")
    if isinstance(value, int) and abs(value) >= 10**size_max:  # asked before str(), which has a limit of its own
        raise DeviceError(f"{name} is longer than {size_max} characters.")
    text = storable(str(value))
    if len(text) > size_max:
        raise DeviceError(f"{name} is longer than {size_max} characters.")
    return text


def ref_or_none(name: str, value: Any, size_max: int) -> str:
    """As `text_id`, for a message that nobody answers: an id that could not be repeated is as good as none."""
    try:
        return text_id(name, value, size_max)
    except DeviceError:
        return ""


def storable(text: str) -> str:
    """The text without what PostgreSQL and UTF-8 refuse: NUL and lone surrogates. Bytes that were no UTF-8 show as
    U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return _STRAY.sub("\ufffd", text).encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def plain_topic(topic: str) -> bool:
    """Whether a device may publish to a topic at all: it has no wildcard."""
    return not _WILD.search(topic)


def lawful_filter(topic_filter: str) -> bool:
    """Whether a filter is well formed (mqtt 4.7.1): wildcards fill a level, `#` the last."""
    levels = topic_filter.split("/")
    return all(level in ("+", "#") or not _WILD.search(level) for level in levels) and "#" not in levels[:-1]
