"""Secrets at rest: what the database keeps of a secret that must be read again.

Holds: without a key a secret is kept as it is. With keys it is kept as AES-256-GCM makes it of the first of them, under
a nonce of its own, bound to its table, column and row: text that is moved to another row, or changed, does not open.
What any of the keys sealed is opened, and so is what is kept plain. Refuses: to keep a secret plain, or under a key of
its own, beside others that it could not open; to say which secret it was in an error.
A nonce is 96 bits of dice: a key is good for 2**32 secrets (NIST SP 800-38D 8.3), which is more than any fleet has.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from upwell.domain.errors import Invalid, Unavailable

KEY_SIZE = 32  # bytes
NONCE_SIZE = 12  # bytes
_ID_SIZE = 16  # hex digits of a key's id
_MARK = "sealed:"
_SEALED = re.compile(rf"{_MARK}([0-9a-f]{{{_ID_SIZE}}}):([A-Za-z0-9_=-]{{38,}})")  # nonce and tag are 28 bytes alone
_CHECKED = "upwell"  # what a key's check value is of


class Kept(StrEnum):
    """Where secrets are kept that must be read again, by table and column. Passwords, tokens and sessions are hashed
    and are not among them. A receiver's former secret is moved there by SQL, and is bound as the one that it was."""

    DEVICE = "device.secret"
    SECONDARY = "device.secondary_secret"
    PRODUCT = "product.product_secret"
    KEY = "access_key.secret"
    ACTION = "hook_action.token"
    RECEIVER = "receiver.secret"
    SERVER = "secret.value"
    CHECK = "seal_key.check_value"


class Unsealable(Unavailable):
    """A secret that is kept can't be read."""


class Seals:
    """The keys of one process; the first seals. `writes_plain`: they are there to open alone. `missing` are those that
    the database's secrets are sealed with and that are not among them, as far as it was looked at (seal_keys)."""

    def __init__(self, keys: Sequence[bytes] = (), *, writes_plain: bool = False) -> None:
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self.ids = tuple(self._ciphers)
        self.first = "" if writes_plain or not self.ids else self.ids[0]
        self.missing: tuple[str, ...] = ()

    def seal(self, kept: Kept, row: object, secret: str) -> str:
        """What is to be kept of a secret of that row. Raises Unavailable where the keys are not the database's, and
        Invalid."""
        if self.missing:
            raise Unavailable(no_key(self.missing))
        if not self.first:
            return secret
        try:
            plain = secret.encode()
        except UnicodeEncodeError as exc:
            raise Invalid("text", "whole characters") from exc
        nonce = secrets.token_bytes(NONCE_SIZE)
        sealed = nonce + self._ciphers[self.first].encrypt(nonce, plain, _bound(kept, row))
        return f"{_MARK}{self.first}:{base64.urlsafe_b64encode(sealed).decode('ascii')}"

    def maybe(self, kept: Kept, row: object, secret: str | None) -> str | None:
        """The same; nothing of none."""
        return None if secret is None else self.seal(kept, row, secret)

    def open(self, kept: Kept, row: object, text: str) -> str:
        """The secret. Raises Unsealable."""
        key, sealed = _read(text)
        if not key:
            return text
        cipher = self._ciphers.get(key)
        if cipher is None:
            raise Unsealable(no_key((key,)))
        try:
            return cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], _bound(kept, row)).decode()
        except (InvalidTag, UnicodeDecodeError) as exc:
            raise Unsealable(f"A {kept} is damaged, or is another row's: the key {key} does not open it.") from exc

    def seal_bytes(self, kept: Kept, row: object, secret: bytes) -> bytes:
        """As `seal` does it, for a column of bytes."""
        if not self.first and not self.missing:
            return secret
        return self.seal(kept, row, base64.b64encode(secret).decode("ascii")).encode("ascii")

    def open_bytes(self, kept: Kept, row: object, stored: bytes) -> bytes:
        """As `open` does it. Raises Unsealable."""
        text = stored.decode("latin-1")
        return base64.b64decode(self.open(kept, row, text)) if sealed_with(text) else stored

    def check_value(self, key: str) -> str:
        """What shows whoever has the key of that id that it is the same."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        sealed = nonce + self._ciphers[key].encrypt(nonce, _CHECKED.encode(), _bound(Kept.CHECK, key))
        return f"{_MARK}{key}:{base64.urlsafe_b64encode(sealed).decode('ascii')}"

    def has(self, key: str, check_value: str) -> bool:
        """Whether the key of that id is here, and made that check value."""
        try:
            return key in self._ciphers and self.open(Kept.CHECK, key, check_value) == _CHECKED
        except Unsealable:
            return False


def key_id(key: bytes) -> str:
    """What a key is called: 16 hex digits that tell nothing of it."""
    return sha256(b"upwell secret key\0" + key).hexdigest()[:_ID_SIZE]


def sealed_with(text: str | None) -> str:
    """The id of the key that this was sealed with; empty of what is kept plain."""
    return "" if text is None else _read(text)[0]


def no_key(ids: Sequence[str]) -> str:
    """What to tell whoever has not the keys of these ids."""
    which = f"the key {ids[0]}" if len(ids) == 1 else f"the keys {', '.join(ids)}"
    return (
        f"The database's secrets are encrypted with {which}, which was not given: "
        "give it by --secret-key-file or --secret-key-command."
    )


def _read(text: str) -> tuple[str, bytes]:
    """The id of its key and what is sealed; nothing of what is kept plain."""
    found = _SEALED.fullmatch(text) if text.startswith(_MARK) else None
    if found is None:
        return "", b""
    try:
        return found[1], base64.urlsafe_b64decode(found[2])
    except (binascii.Error, ValueError):
        return "", b""


def _bound(kept: Kept, row: object) -> bytes:
    return f"upwell {kept} {row}".encode()
