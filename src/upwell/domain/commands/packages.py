"""Packages and their files: what may be asked of them, and what is told."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.commands.lists import Slice
from upwell.domain.commands.spaces import Space
from upwell.domain.modules import DEFAULT_MODULE

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """One file of a package of several. Size in bytes, digests in lower-case hex; `url` is as the caller gave it."""

    name: str
    url: str
    size: int
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPlace:
    """Where an object lies. `region` is the owner's word for the place of the bucket."""

    region: str
    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A version of a module, ready to install. `status` is unverified, verifying, verified, failed or exempt;
    `verify_progress` is 0..100; product and space are None for a package of no product. `note` goes to the device with
    the offer. `source_version` is the one that its maker named, `source_versions` those that it may follow, none: any;
    one that `leads` has devices of other versions brought to one of these first (domain/stepping.py).

    A package of several `files` has no url and no digests of its own, and its size is theirs together; `sign_method` is
    MD5 or SHA256. `place` is the object in storage that it was made from, None for one of uploaded files; `sign` is
    that object's SHA-256 as the caller gave it, `sign_word` the caller's word for that. `object_state` is checking
    until the object was read, then ok, or missing, or differs from what it should be; only one that is ok is ever
    offered."""

    package_id: int
    product_key: str | None
    product_name: str | None
    space: Space | None
    name: str
    description: str
    module: str
    version: str
    source_version: str | None
    source_versions: tuple[str, ...]
    is_delta: bool
    status: str
    verify_progress: int
    size: int
    md5: str
    sha256: str
    url: str
    note: str | None
    created_at: datetime
    modified_at: datetime
    files: tuple[PackageFile, ...] = ()
    sign_method: str = "MD5"
    place: ObjectPlace | None = None
    sign: str | None = None
    sign_word: str | None = None
    object_state: str = "ok"
    leads: bool = False


# --- packages ---


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFile:
    """A file of a package of several, as the caller gives it: by the `url` of a ticket, or the number of an upload in
    parts. Size and digests (lower-case hex) are checked when given."""

    name: str
    url: str = ""
    upload_id: int | None = None
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePackage:
    """→ Package of one uploaded file (`url` is a ticket's, `upload_id` one in parts), of several `files`, or of the
    object in a `place`.

    `size`, `md5` and `sha256` (lower-case hex) of an upload are checked when given. `verify` False makes the package
    ready at once (status exempt). An object must exist, of at most `size_max` bytes; it is read afterwards, and offered
    without verification when its SHA-256 is `sign` in any case of letters, if that is given. It is never changed, nor
    deleted with the package.

    A package that `leads` is for a delta's own version, or `source_versions`, and has others led there.

    Without a `name` one is made up. `is_delta` None means a full package, whose maker knows no other. `standing` are
    the modules that need not be made in a product."""

    name: str | None = None
    version: str
    url: str | None = None
    upload_id: int | None = None
    files: tuple[GivenFile, ...] = ()
    place: ObjectPlace | None = None
    sign_method: str = "MD5"
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None
    size_max: int | None = None
    sign: str | None = None
    sign_word: str | None = None
    product_key: str | None = None
    space: str | None = None
    description: str = ""
    module: str = DEFAULT_MODULE
    standing: tuple[str, ...] = (DEFAULT_MODULE,)
    source_version: str | None = None
    source_versions: tuple[str, ...] = ()
    leads: bool = False
    is_delta: bool | None = False
    verify: bool = True
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePackage:
    """→ Package. None leaves a value as it is. `product_key`, if given, must be the package's."""

    package_id: int
    product_key: str | None = None
    name: str | None = None
    description: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPackage:
    """→ Package. `in_space` finds none of no product, which is in no space."""

    package_id: int
    in_space: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPackages:
    """→ Page[Package], newest first. Of one `module`, or of all but those `without`; `in_space` leaves out those of no
    product. Without `counted` there is no total."""

    asked: Slice
    space: str | None = None
    product_key: str | None = None
    module: str | None = None
    without: tuple[str, ...] = ()
    version: str | None = None
    in_space: bool = False
    counted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePackage:
    """→ Done."""

    package_id: int
