"""Secrets made up: what no one can guess, in characters that every client can carry."""

import base64
import secrets
import string

ALPHANUMERICS = string.ascii_letters + string.digits
_DICE = bytes(ord(ALPHANUMERICS[value % len(ALPHANUMERICS)]) for value in range(256))
_DICE_REFUSED = bytes(range(256 - 256 % len(ALPHANUMERICS), 256))
DEVICE_SECRET_SIZE = 32  # characters
IOT_SALT_SIZE = 8  # characters of a device's public id that can't be guessed


def dice(size: int) -> str:
    """`size` unguessable alphanumerics, each equally likely: bytes beyond a multiple of 62 are thrown away."""
    found = b""
    while len(found) < size:
        found += secrets.token_bytes(2 * size).translate(_DICE, _DICE_REFUSED)
    return found[:size].decode("ascii")


def fraction() -> float:
    """From 0 up to 1, each as likely."""
    return secrets.randbelow(1 << 20) / (1 << 20)


def signing_secret(size: int) -> str:
    """`size` unguessable bytes in Base64."""
    return base64.b64encode(secrets.token_bytes(size)).decode("ascii")
