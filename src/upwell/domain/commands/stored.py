"""Packages made from an object that lies in storage already: what may be asked of them, and what is told."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.scans import Window
from upwell.domain.commands.spaces import Space
from upwell.domain.modules import DEFAULT_MODULE
from upwell.domain.modules import SOFTWARE_MODULE as SOFTWARE_MODULE


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPlace:
    """Where an object lies. `region` is the owner's word for the place of the bucket."""

    region: str
    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPackage:
    """A version of a module and its space; `place` is the object in storage that it was made from, None for one of
    uploaded files. `source_versions` are those it may follow, none: any;
    `note` goes to the device with the offer; `sign` is its SHA-256 as the caller gave it, `sign_method` the caller's
    word for that. `object_state` is checking until the object was read, then ok, or missing, or differs from what it
    should be; only one that is ok is ever offered."""

    package_id: int
    product_key: str
    product_name: str
    space: Space
    module: str
    version: str
    source_versions: tuple[str, ...]
    description: str | None
    note: str | None
    place: ObjectPlace | None
    sign: str | None
    sign_method: str | None
    created_at: datetime
    object_state: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateStoredPackage:
    """→ StoredPackage. The object must exist, of at most `size_max` bytes; it is read afterwards, and offered when its
    SHA-256 is `sign` in any case of letters, if that is given. It is never changed, nor deleted with the package."""

    product_key: str
    space: str
    version: str
    place: ObjectPlace
    size_max: int
    module: str = DEFAULT_MODULE
    source_versions: tuple[str, ...] = ()
    description: str | None = None
    note: str | None = None
    sign: str | None = None
    sign_method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPackages:
    """→ Scanned[StoredPackage]. Of one `module`, or with None of every module but the standing ones `default` and
    `software`."""

    window: Window
    module: str | None
    space: str | None = None
    product_key: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowStoredPackage:
    """→ StoredPackage."""

    package_id: int
