"""The names of devices as values: both are functions of what the caller knows, so no look-up stands between.

`device_id` is 128 bits of SHA-256 over product key and device name (architecture 7). `iot_id` is the public
id that vendors hand out: its first 22 characters are the device id in base 62, the rest is salt, so a device
that is deleted and registered again gets another public id (alibaba 3.2) that still leads to its row.
"""

from hashlib import sha256
from uuid import UUID

PRODUCT_KEY_SIZE_MAX = 36  # characters (huawei 4.2, the longest of all dialects)
IOT_ID_PLACES = 22  # base-62 digits that hold 128 bits
IOT_ID_SIZE = 30  # characters of a public id: the device id and 8 of salt
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}


def device_id(product_key: str, name: str) -> UUID:
    """The id of the device `name` of a product; the same for ever. Any text has one, also half a character's."""
    return UUID(bytes=sha256(f"{product_key}/{name}".encode("utf-8", "surrogatepass")).digest()[:16])


def iot_id(device: UUID, salt: str) -> str:
    """The public id of a device: 30 alphanumerics. `salt` gives the last 8; other characters of it are dropped."""
    number, places = device.int, []
    for _ in range(IOT_ID_PLACES):
        number, digit = divmod(number, len(_DIGITS))
        places.append(_DIGITS[digit])
    tail = "".join(c for c in salt if c in _VALUE)[: IOT_ID_SIZE - IOT_ID_PLACES]
    return "".join(reversed(places)) + tail.ljust(IOT_ID_SIZE - IOT_ID_PLACES, "0")


def implied_ids(public_id: str) -> list[UUID]:
    """The devices for which this text may stand as their public id, because their owner chose none: for those it is
    product key, `_` and name, and either may hold a `_` itself."""
    places = [place for place, char in enumerate(public_id[: PRODUCT_KEY_SIZE_MAX + 1]) if char == "_"]
    return [device_id(public_id[:place], public_id[place + 1 :]) for place in places]


def device_of_iot_id(public: str) -> UUID | None:
    """The device that a public id names; None when it can't be one. The row's own iot_id must still be compared:
    a salt that is no longer the device's is an id that was taken away."""
    if len(public) < IOT_ID_PLACES:
        return None
    number = 0
    for char in public[:IOT_ID_PLACES]:
        if char not in _VALUE:
            return None
        number = number * len(_DIGITS) + _VALUE[char]
    return UUID(int=number) if number < 1 << 128 else None
