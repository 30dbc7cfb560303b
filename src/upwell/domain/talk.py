"""What Upwell and a device say to each other, in no vendor's words.

An Offer goes down; a Report comes up. `module` is `default` for the whole device firmware; a report has the key of the
module that it is given (domain/modules.py), so that nobody compares spellings. `ref` is the
device's own message id as text: replies echo it and repeated reports are recognised by it; it may be empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from uuid import UUID

from upwell.domain.modules import DEFAULT_MODULE as DEFAULT_MODULE
from upwell.domain.modules import module_key

VERSION_SIZE_MAX = 256  # characters of a version that are kept: no package has a longer one (huawei 2.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReport:
    """The device runs `version` of `module`, which it spelt so. A version of None is unknown: it said something that is
    no version or can't be kept."""

    module: str
    version: str | None
    ref: str
    spelt: str = ""

    def __post_init__(self) -> None:
        if not self.spelt:
            object.__setattr__(self, "spelt", self.module)
        object.__setattr__(self, "module", module_key(self.module))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """How far an update is: `step` 0..100 is percent done, a negative step is a failure (alibaba 6.4)."""

    module: str
    step: int
    desc: str
    ref: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "module", module_key(self.module))


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRequest:
    """The device asks for its open task. `module` None means any module; `manner` names how the answer is
    framed by the dialect that read the request."""

    module: str | None
    ref: str
    manner: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "module", None if self.module is None else module_key(self.module))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """The device asks for `size` bytes from `offset` of a file of its task, over its own connection (alibaba 6.8).
    `stream` names the task as its offer did, `file` counts from 1; `token` is echoed."""

    stream: int
    file: int
    offset: int
    size: int
    token: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultReport:
    """How the one update that the device is at stands (huawei 5.5). `outcome` is fine (under way or done), already
    (nothing to do) or failed; `code` is the device's own number and `reason` a stable word for it; `progress` is
    percent and None when it says none; `version` is what it says it runs, empty when it says none."""

    outcome: Literal["fine", "already", "failed"]
    code: int
    reason: str
    progress: int | None
    version: str
    desc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkReport:
    """The device is built on this version of its vendor's SDK."""

    version: str


Report = VersionReport | ProgressReport | ResultReport | SdkReport | OfferRequest | BlockRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRef:
    """The identity of a task: one device in one job, `nth` times."""

    device_id: UUID
    job_id: int
    nth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """Asks a device what it runs of a module, before its task is offered (huawei 5.4 version_query). `ext_info` is the
    job's; `sub_device_count`, if not None, how many devices of the job are behind the same gateway."""

    task: TaskRef
    module: str
    ext_info: Mapping[str, object] | None = None
    sub_device_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedFile:
    """One file of an offer of several. Size in bytes, digests in lower-case hex; `url` works for 24 h."""

    name: str
    url: str
    size: int
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a device is told to install. Sizes are bytes; digests are lower-case hex; `url` works for 24 h.
    With `files` there are several, and url and digests are empty. `protocol` is HTTPS, or MQTT for a download in
    blocks of `stream_of(task)`; `sign_method` MD5 or SHA256 says which digest the owner signed with; `file_name` is the
    last part of its object's name; `is_held` says that the file is the platform's own and in no bucket of its owner's;
    `sign` is the SHA-256 that the owner of such a bucket gave, letter for letter, if any;
    `ext_info` and `sub_device_count` as in an Inquiry."""

    task: TaskRef
    module: str
    version: str
    size: int
    md5: str
    sha256: str
    url: str
    is_delta: bool
    udi: str | None
    tags: tuple[tuple[str, str], ...]
    files: tuple[OfferedFile, ...] = ()
    protocol: str = "HTTPS"
    sign_method: str = "MD5"
    file_name: str = ""
    is_held: bool = False
    sign: str | None = None
    ext_info: Mapping[str, object] | None = None
    sub_device_count: int | None = None


def stream_of(task: TaskRef) -> int:
    """The number under which a device asks for its task's blocks: 31 bits, for C devices keep it in an int. It is
    looked up among the device's own tasks only."""
    text = f"{task.job_id}/{task.nth}".encode()
    return int.from_bytes(sha256(text).digest()[:4]) & 0x7FFFFFFF
