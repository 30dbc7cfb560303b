"""What every MQTT dialect asks of a device's message: a JSON object of a sane size, an id that can be repeated, text
that can be stored, topics and filters that are well formed. Whose they are and what they mean is the dialects'.
"""

import json
import re
from typing import Any

from upwell.domain.errors import DeviceError

PAYLOAD_MAX = 262_144  # bytes of a message that is read, where a vendor's page names no other; reports are under 1 kB

_WILD = re.compile(r"[+#\0]")


def json_object(payload: bytes, size_max: int = PAYLOAD_MAX) -> dict[str, Any]:
    """The JSON object of a payload. Control characters in strings and stray bytes pass: C devices use sprintf.
    Raises DeviceError."""
    if len(payload) > size_max:
        raise DeviceError(f"The payload is longer than {size_max} bytes.")
    try:
        message = json.loads(payload.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as exc:
        raise DeviceError("The payload is not JSON.") from exc
    if not isinstance(message, dict):
        raise DeviceError("The payload is not a JSON object.")
    return message


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


def storable(text: str) -> str:
    """The text without what PostgreSQL and UTF-8 refuse: NUL and lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def plain_topic(topic: str) -> bool:
    """Whether a device may publish to a topic at all: it has no wildcard."""
    return not _WILD.search(topic)


def lawful_filter(topic_filter: str) -> bool:
    """Whether a filter is well formed (mqtt 4.7.1): wildcards fill a level, `#` the last."""
    levels = topic_filter.split("/")
    return all(level in ("+", "#") or not _WILD.search(level) for level in levels) and "#" not in levels[:-1]
