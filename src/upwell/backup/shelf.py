"""What an archive holds, a thing a key: its bytes, and beside them `KEY.json`, written last, which says what they are.

A thing without its `.json` is not there. What is on the shelf is never changed: the same bytes may come again, others
under the same key are refused.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

from upwell.backup.manifest import BackupError, Part
from upwell.backup.pouring import Counted, Nowhere, Source, Target, keep, take
from upwell.domain.errors import NotFound
from upwell.objects.port import READ_CHUNK_BYTES, Objects

NOTE = ".json"
NOTE_BYTES_MAX = 64 * 1024
_GZIP = 31  # zlib's word for its bytes with gzip's head and check sum around them


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One thing: what it was, with `facts` about it, and the part that it lies there as."""

    size: int
    sha256: str
    packed: bool
    sealed: bool
    part: Part
    facts: dict[str, Any]

    def text(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode() + b"\n"


def read_slot(text: bytes, key: str) -> Slot:
    """Raises BackupError."""
    try:
        said = json.loads(text)
        return Slot(part=Part(**said.pop("part")), **said)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BackupError(f"{key}{NOTE} can't be read: {exc}") from exc


class Packing:
    """A source as gzip has it."""

    def __init__(self, of: Source) -> None:
        self._of, self._gzip = of, zlib.compressobj(1, wbits=_GZIP)
        self._ready, self._ended = bytearray(), False

    def read(self, size: int = -1, /) -> bytes:
        """At most so many; none at the end."""
        size = READ_CHUNK_BYTES if size < 0 else size
        while not self._ready and not self._ended:
            data = self._of.read(READ_CHUNK_BYTES)
            self._ready += self._gzip.compress(data) if data else self._gzip.flush()
            self._ended = not data
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken


class Unpacking:
    """A target for what gzip made, which hands on what it was, a bounded number of bytes at a time."""

    def __init__(self, to: Target) -> None:
        self._to, self._gzip = to, zlib.decompressobj(wbits=_GZIP)

    def write(self, data: bytes, /) -> None:
        """Raises BackupError for what gzip did not make."""
        try:
            while data:
                self._to.write(self._gzip.decompress(data, READ_CHUNK_BYTES))
                data = self._gzip.unconsumed_tail
        except zlib.error as exc:
            raise BackupError(f"it is damaged: {exc}") from exc


class Shelf:
    """A place, written to for these recipients and read with these identities."""

    def __init__(self, place: Objects, recipients: Sequence[Any] = (), identities: Sequence[Any] = ()) -> None:
        self.place = place
        self._recipients, self._identities = list(recipients), list(identities)

    async def put(
        self, key: str, source: Source, *, packed: bool = False, plain: bool = False,
        end: Callable[[], None] = lambda: None, must_be: str | None = None, **facts: Any,
    ) -> Slot:  # fmt: skip
        """Pour the source into the place; it is there when this returns. What is `plain` is sealed for nobody;
        `must_be` is the digest that it has to have. Raises BackupError, Unavailable."""
        of, recipients = Counted(source), [] if plain else self._recipients
        part = await keep(self.place, key, Packing(of) if packed else of, recipients, _silent, end)
        if must_be not in (None, of.sha256):
            await self.place.delete(key)
            raise BackupError(f"{key} is of other bytes than it was")
        slot = Slot(
            size=of.size, sha256=of.sha256, packed=packed, sealed=bool(recipients), part=part, facts=facts
        )  # fmt: skip
        await keep(self.place, key + NOTE, BytesIO(slot.text()), [], _silent)
        return slot

    async def slot(self, key: str) -> Slot:
        """Raises NotFound, BackupError."""
        chunks = self.place.read(key + NOTE, 0, NOTE_BYTES_MAX)
        return read_slot(b"".join([chunk async for chunk in chunks]), key)

    def opens(self, slot: Slot) -> bool:
        """Whether it can be read as what it was."""
        return bool(self._identities) or not slot.sealed

    async def get(self, slot: Slot, to: Target) -> None:
        """Pour it into the target, as it was; or, without the identity, nowhere, and compare it as it lies there.
        Raises BackupError when it is damaged."""
        if not self.opens(slot):
            await take(self.place, slot.part, Nowhere(), [], _silent)
            return
        plain = Counted(to)
        identities = self._identities if slot.sealed else []
        await take(self.place, slot.part, Unpacking(plain) if slot.packed else plain, identities, _silent)
        if (plain.size, plain.sha256) != (slot.size, slot.sha256):
            raise BackupError(f"{slot.part.at} is damaged: it holds other bytes than were archived")

    async def remove(self, key: str) -> None:
        """Take it away; what is left of it when this fails is not there either."""
        await self.place.delete(key + NOTE)
        await self.place.delete(key)

    async def keys(self) -> set[str]:
        """Of all things that are there."""
        there = {key async for key, _ in self.place.listed()}
        return {key.removesuffix(NOTE) for key in there if key.endswith(NOTE) and key.removesuffix(NOTE) in there}

    async def missing(self, key: str) -> bool:
        """Whether it is not there."""
        try:
            await self.slot(key)
        except NotFound:
            return True
        return False


def digest_of(data: bytes) -> str:
    """As slots have it."""
    return hashlib.sha256(data).hexdigest()


def _silent(size: int) -> None: ...
