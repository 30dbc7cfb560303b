"""Packages and their files: what may be asked of them, and what is told."""

from dataclasses import dataclass
from datetime import datetime

from upwell.domain.talk import DEFAULT_MODULE

# --- views ---


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTicket:
    """Leave to upload one file by a form POST to `host` under `object_key`; `url` names the file afterwards."""

    host: str
    object_key: str
    access_key_id: str
    policy: str
    signature: str
    url: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """One file of a package of several. Size in bytes, digests in lower-case hex; `url` is as the caller gave it."""

    name: str
    url: str
    size: int
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A version of a module, ready to install. `status` is unverified, verifying, verified, failed or exempt;
    `verify_progress` is 0..100; `product_key` is None for a package of no product. A package of several `files`
    has no url and no digests of its own, and its size is theirs together. `sign_method` is MD5 or SHA256."""

    package_id: int
    product_key: str | None
    product_name: str | None
    name: str
    description: str
    module: str
    version: str
    source_version: str | None
    is_delta: bool
    status: str
    verify_progress: int
    size: int
    md5: str
    sha256: str
    url: str
    udi: str | None
    created_at: datetime
    modified_at: datetime
    files: tuple[PackageFile, ...] = ()
    sign_method: str = "MD5"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCreated:
    """The new package."""

    package_id: int
    created_at: datetime


# --- packages ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUploadTicket:
    """→ UploadTicket. `suffix` ends the object's name, without its dot; `purpose` is firmware, or devices for a list of
    device names."""

    suffix: str = "bin"
    purpose: str = "firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFile:
    """A file of a package of several, as the caller gives it; size and digests (lower-case hex) are checked when
    given."""

    name: str
    url: str
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePackage:
    """→ PackageCreated. `url` is a ticket's, or None with several `files`; `size`, `md5` and `sha256` (lower-case hex)
    are checked when given. `verify` False makes the package ready at once (status exempt)."""

    name: str
    version: str
    url: str | None = None
    files: tuple[GivenFile, ...] = ()
    sign_method: str = "MD5"
    sha256: str | None = None
    product_key: str | None = None
    description: str = ""
    module: str = DEFAULT_MODULE
    source_version: str | None = None
    is_delta: bool = False
    size: int | None = None
    md5: str | None = None
    verify: bool = True
    udi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyPackage:
    """→ Done. None leaves a value as it is. `product_key`, if given, must be the package's."""

    package_id: int
    product_key: str | None = None
    name: str | None = None
    description: str | None = None
    udi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPackage:
    """→ Package."""

    package_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPackages:
    """→ Page[Package], newest first."""

    number: int
    size: int
    product_key: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePackage:
    """→ Done."""

    package_id: int
