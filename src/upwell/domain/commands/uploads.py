"""Uploads: tickets for a form, and uploads in parts that may break off and go on. What may be asked, what is told.

What came whole, by either way, is a file: it serves one package, or a list one job.
"""

from dataclasses import dataclass
from datetime import datetime

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
class UploadPart:
    """A part that is stored whole: its number from 1, bytes, and SHA-256 in lower-case hex."""

    number: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload in parts. `part_size` is each part's but the last one's; `status` is open, checking (it is put together
    and its digests are computed), complete, or failed, for the reason in `problem`. The digests are those of the whole;
    `expires_at` is when it is forgotten, unless more comes of it."""

    upload_id: int
    name: str | None
    size: int
    part_size: int
    status: str
    parts: tuple[UploadPart, ...]
    md5: str | None
    sha256: str | None
    problem: str | None
    created_at: datetime
    expires_at: datetime

    @property
    def parts_total(self) -> int:
        """How many parts make the whole."""
        return -(-self.size // self.part_size)


# --- asked ---


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUploadTicket:
    """→ UploadTicket. `suffix` ends the object's name, without its dot; `purpose` is firmware, or devices for a list of
    device names."""

    suffix: str = "bin"
    purpose: str = "firmware"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUpload:
    """→ Upload of `size` bytes, no part of which is there. `part_size` is larger where there would be too many parts;
    `sha256` (lower-case hex) is compared with the whole's."""

    size: int
    name: str | None = None
    part_size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowUpload:
    """→ Upload."""

    upload_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutUploadPart:
    """→ UploadPart, of the bytes that come with the command: as many as that part has, with that SHA-256 if it is
    given. It takes the place of an earlier one."""

    upload_id: int
    number: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteUpload:
    """→ Upload, all parts of which are there: it is put together from now on. Asked again it tells how it stands."""

    upload_id: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUpload:
    """→ Done. One that is complete stays a file until it is used or forgotten, and is refused."""

    upload_id: int
