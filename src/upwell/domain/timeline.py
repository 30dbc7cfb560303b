"""What befell a device: the lines of its timeline, and which of them are alike.

Lines of the same minute that differ in nothing but when they happened, what they weighed and their detail are one line
with a count, so that a device that does the same a thousand times a second has one line a minute. What can be told of
tasks is not here: their history is a table of its own.
"""

from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

LINES_KEPT = 200  # of a device; its older ones are forgotten first
MORE = "more"  # what a line says that stands for those of a minute which are not told apart


class Kind(StrEnum):
    """What a line is about."""

    LOGIN = "login"
    REFUSED = "refused"  # the device was refused: its login, or what it asked
    OFFER = "offer"
    DOWNLOAD = "download"
    REPORT = "report"
    UNREADABLE = "unreadable"  # what it said can't be read
    TASK = "task"  # a task of it changed
    ASIDE = "aside"  # it failed too often, and is offered nothing for a while
    ACT = "act"  # its owner did something to it


class Line(NamedTuple):
    """One thing that befell a device. `what` is a stable word of the kind; versions are `source` and `version`; `size`
    is bytes that left, `resumed` how many of the downloads began behind the file's first byte. With `account_id` it is
    of no device of another account."""

    device_id: UUID
    kind: Kind
    what: str
    job_id: int | None = None
    module: str = ""
    source: str = ""
    version: str = ""
    reason: str = ""
    address: str = ""
    who: str = ""
    account_id: int | None = None
    detail: str = ""
    size: int = 0
    resumed: int = 0

    @property
    def alike(self) -> tuple[object, ...]:
        """Lines of one device and minute with the same of these are one line."""
        return self[:_ALIKE]

    @property
    def more(self) -> "Line":
        """The line that stands for this one where no more of its minute are told apart."""
        return Line(device_id=self.device_id, kind=self.kind, what=MORE, account_id=self.account_id)


_ALIKE = Line._fields.index("detail")


def number(alike: tuple[object, ...]) -> int:
    """A number of 63 bits made of what tells lines apart."""
    told = "\0".join(map(str, alike)).encode("utf-8", "surrogatepass")
    return int.from_bytes(sha256(told).digest()[:8]) >> 1


def minute_of(at: datetime) -> datetime:
    """The beginning of its minute."""
    return at.replace(second=0, microsecond=0)
