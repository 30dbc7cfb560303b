"""How a TuyaLink or an older Tuya device logs in over MQTT: who it says it is, and the proof its password must be.

It holds no opinion on time: a device computes its password once and sends it at every reconnect, days later too, and
may have no clock (tuya 4.1). A device is named by its id alone; which product it is of, the secret decides.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal

from upwell.domain.errors import DeviceError

CLIENT_PREFIX = "tuyalink_"
LEGACY_KEY_SIZE = 16  # bytes of a secret that the C SDK signs its login with (tuya 4.1)
USERNAME_MAX = 256  # characters; the C SDK's own buffer holds 128
SIGN_METHODS: dict[str, Literal["sha256", "sha1"]] = {"hmacsha256": "sha256", "hmacsha1": "sha1"}

_DEVICE_ID = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")
# tuya 4.1: seconds or milliseconds. The C SDK prints its 32-bit timer as it is: a device without a clock says 0, 35 or
# 86400, and one whose timer ran over an int a negative number.
_TIMESTAMP = re.compile(r"-?[0-9]{1,10}|[0-9]{13}")
_EXPECTED = {"securemode": "1", "accesstype": "1"}  # one secret per device, the open protocol; there are no others


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginClaim:
    """Who a device says it is. The password is the HMAC of one of `contents` by `digest`; without contents it is the
    older protocol's, eight bytes of the secret's MD5."""

    device_id: str
    digest: Literal["sha256", "sha1"] | None = None
    contents: tuple[str, ...] = ()


def parse(client_id: str, username: str) -> LoginClaim | None:
    """Who the CONNECT says the device is; None when it is no Tuya device's. Raises DeviceError when it is malformed."""
    if client_id.startswith(CLIENT_PREFIX):
        return _tuyalink(client_id.removeprefix(CLIENT_PREFIX), username)
    if client_id == username and _DEVICE_ID.fullmatch(client_id):  # tuya 5.1
        return LoginClaim(device_id=client_id)
    return None


def verify(claim: LoginClaim, secret: str, password: bytes) -> bool:
    """Whether the password proves the claim, in a time that tells nothing about where it differs."""
    return any([hmac.compare_digest(ours, password) for ours in _passwords(claim, secret)])  # noqa: C419  # all of them


def _passwords(claim: LoginClaim, secret: str) -> list[bytes]:
    key = secret.encode("utf-8", "surrogatepass")
    if claim.digest is None:
        # tuya 5.1: hexadecimal digits 9 to 24. The vendor's choice; nothing of ours rests on MD5.
        return [hashlib.md5(key, usedforsecurity=False).hexdigest()[8:24].encode("ascii")]
    return [
        hmac.new(each, content.encode("utf-8"), claim.digest).hexdigest().encode("ascii")
        for content in claim.contents
        for each in (key, key[:LEGACY_KEY_SIZE])
    ]


def _tuyalink(device_id: str, username: str) -> LoginClaim:
    named, bar, rest = username.partition("|") if len(username) <= USERNAME_MAX else ("", "", "")
    if not bar or named != device_id or not _DEVICE_ID.fullmatch(device_id):
        raise DeviceError("The username must be {deviceId}|signMethod=…, and its deviceId the client id's.")
    spelt = _spelt(rest)
    given = {name.lower(): value for name, value in spelt.items()}
    method = given.get("signmethod", "").lower()
    if method not in SIGN_METHODS:
        raise DeviceError(f"signMethod must be one of {', '.join(SIGN_METHODS)}; got {method[:32]!r}.")
    if not _TIMESTAMP.fullmatch(given.get("timestamp", "")):
        raise DeviceError("timestamp must be a number of at most 10 digits, or of 13.")
    for name, expected in _EXPECTED.items():
        if given.get(name) != expected:
            raise DeviceError(f"{name} must be {expected}.")
    return LoginClaim(device_id=device_id, digest=SIGN_METHODS[method], contents=_contents(device_id, given, spelt))


def _spelt(text: str) -> dict[str, str]:
    """The `k=v` list of a username in the spelling and order received; the first of a key wins."""
    found: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.strip().partition("=")
        if equals and key.lower() not in {known.lower() for known in found}:
            found[key] = value
    return found


def _contents(device_id: str, given: dict[str, str], spelt: dict[str, str]) -> tuple[str, ...]:
    """tuya 4.1: the canonical spelling first, then the one received; signMethod is in neither."""
    canonical = f"deviceId={device_id},timestamp={given['timestamp']},secureMode=1,accessType=1"
    parts = [f"{key}={value}" for key, value in spelt.items() if key.lower() != "signmethod"]
    return tuple(dict.fromkeys((canonical, ",".join((f"deviceId={device_id}", *parts)))))
