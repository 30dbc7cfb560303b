"""Objects that lie in their owners' buckets, beside the platform's own: one store to whoever reads.

An object in a bucket is named by a reference, `@project/region/bucket/key`, which no plain key can be. Where a bucket
is, the operator's map says: the entry for the project, else the one for everybody, of the region before that of any
(`*`). A bucket that is not in the map is a folder in the platform's own store that only its project has, so that two
accounts' buckets of one name never meet. A reference says whose it is; who may ask for it is the caller's to see to.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from upwell.domain.errors import Invalid, Unavailable
from upwell.objects.port import Objects, Seen, Writer

OWN_FOLDER = "buckets"  # in the platform's own store; its own keys begin with others
CHECK_WITHIN_S = 15.0  # at start; the client itself would try for three minutes
OPEN_MAX = 1000  # buckets held open at once; an account may name as many as it likes

_REF = re.compile(r"@([0-9a-f]{32})/([A-Za-z0-9-]{1,256})/([a-z0-9.-]{3,63})/(.+)", re.DOTALL)


def object_ref(project: str, region: str, bucket: str, key: str) -> str:
    """The reference of an object; `project` is the account's 32 hex digits. Raises `Invalid` (bucket)."""
    ref = f"@{project}/{region}/{bucket}/{key}"
    if not _REF.fullmatch(ref):
        raise Invalid(
            "bucket", "a region of letters, digits and '-', a bucket of lowercase letters, digits, '-' and '.'"
        )
    return ref


class Buckets:
    """The `Objects` port over `own` for plain keys and over buckets for references. `mapped` is URL by
    `[project:]region/bucket`; `open_url(url, below)` opens a bucket, `own_url` is where the unmapped ones are."""

    def __init__(
        self, own: Objects, own_url: str, mapped: Mapping[str, str], open_url: Callable[[str, str], Objects]
    ) -> None:
        self._own = self.own = own
        self._own_url = own_url
        self._mapped = mapped
        self._open_url = open_url
        self._opened: dict[tuple[str, str], Objects] = {}

    def bucket(self, project: str, region: str, bucket: str) -> Objects:
        """The store that is this bucket to this project."""
        mapped = self._mapped_at(project, region, bucket)
        if mapped is not None:
            return self._open(mapped, "")
        return self._open(self._own_url, f"{OWN_FOLDER}/{project}/{bucket}")

    def _open(self, url: str, below: str) -> Objects:
        if (url, below) not in self._opened:
            if len(self._opened) >= OPEN_MAX:
                self._opened.pop(next(iter(self._opened)))
            self._opened[url, below] = self._open_url(url, below)
        return self._opened[url, below]

    def keeps(self, key: str) -> bool:
        """Whether the object is in the platform's own store, and not in a bucket that the map has elsewhere."""
        found = _REF.fullmatch(key)
        if found is None:
            return True
        project, region, bucket = found.groups()[:3]
        return self._mapped_at(project, region, bucket) is None

    def _mapped_at(self, project: str, region: str, bucket: str) -> str | None:
        for name in (f"{project}:{region}/{bucket}", f"{project}:*/{bucket}", f"{region}/{bucket}", f"*/{bucket}"):
            if name in self._mapped:
                return self._mapped[name]
        return None

    def _at(self, key: str) -> tuple[Objects, str]:
        """Which store has the key, and as what."""
        found = _REF.fullmatch(key)
        return (self.bucket(*found.groups()[:3]), found[4]) if found else (self._own, key)

    async def check(self, *, writes: bool = True) -> None:
        """Of the platform's own store; a bucket of one owner's that is away stops nobody else."""
        await self._own.check(writes=writes)

    async def check_mapped(self) -> None:
        """Look for every bucket of the map; nothing is written. Raises Unavailable naming the first that is not
        there."""
        for name, url in self._mapped.items():
            try:
                await asyncio.wait_for(self._open_url(url, "").check(writes=False), CHECK_WITHIN_S)
            except (Unavailable, TimeoutError) as exc:
                raise Unavailable(f"The bucket {name} can't be used: {exc or 'no answer in time'}") from exc

    async def create(self, key: str) -> Writer:
        store, name = self._at(key)
        return await store.create(name)

    async def delete(self, key: str) -> None:
        store, name = self._at(key)
        await store.delete(name)

    async def exists(self, key: str) -> bool:
        store, name = self._at(key)
        return await store.exists(name)

    async def look(self, key: str) -> Seen:
        store, name = self._at(key)
        return await store.look(name)

    def listed(self) -> AsyncIterator[tuple[str, int]]:
        return self._own.listed()

    def local_path(self, key: str) -> Path | None:
        store, name = self._at(key)
        return store.local_path(name)

    def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        store, name = self._at(key)
        return store.read(name, start, length)

    def whole(self, key: str, size: int) -> AsyncIterator[bytes]:
        store, name = self._at(key)
        return store.whole(name, size)

    async def presign(self, key: str, seconds: int) -> str | None:
        store, name = self._at(key)
        return await store.presign(name, seconds)
