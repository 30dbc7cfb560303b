"""What Upwell and a device say to each other, in no vendor's words.

An Offer goes down; a Report comes up. `module` is `default` for the whole device firmware. `ref` is the
device's own message id as text: replies echo it and repeated reports are recognised by it; it may be empty.
"""

from dataclasses import dataclass
from uuid import UUID

DEFAULT_MODULE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReport:
    """The device runs `version` of `module`."""

    module: str
    version: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """How far an update is: `step` 0..100 is percent done, a negative step is a failure (alibaba 6.4)."""

    module: str
    step: int
    desc: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRequest:
    """The device asks for its open task. `module` None means any module; `manner` names how the answer is
    framed by the dialect that read the request."""

    module: str | None
    ref: str
    manner: str


Report = VersionReport | ProgressReport | OfferRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRef:
    """The identity of a task: one device in one job, `nth` times."""

    device_id: UUID
    job_id: int
    nth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a device is told to install. Sizes are bytes; digests are lower-case hex; `url` works for 24 h."""

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
