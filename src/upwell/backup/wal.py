"""PostgreSQL's write-ahead log by the names of its files: segments in their order, and what is missing between them."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from upwell.backup.manifest import BackupError

SEGMENT_BYTES = 16 * 1024 * 1024  # of the embedded cluster, as initdb makes it
NAME = re.compile(r"[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
FIRST_TIMELINE = 1
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
_CAME_FROM = re.compile(r"^(\d+)\t([0-9A-F]{1,8})/([0-9A-F]{1,8})\t", re.MULTILINE)
_EACH = 0x1_0000_0000 // SEGMENT_BYTES  # segments that share the middle of their names
_FIRST_PAGE = (8, 16)  # where a segment's first page has its own address


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of the log. `number` counts on whatever the timeline is."""

    number: int
    timeline: int

    @property
    def name(self) -> str:
        """As PostgreSQL calls it."""
        return f"{self.timeline:08X}{self.number // _EACH:08X}{self.number % _EACH:08X}"


def segment_of(name: str) -> Segment | None:
    """None for what is another file of the log."""
    found = _SEGMENT.fullmatch(name)
    if found is None:
        return None
    timeline, high, low = (int(each, 16) for each in found.groups())
    return Segment(high * _EACH + low, timeline)


def gaps(there: Collection[Segment], first: Segment) -> Iterator[tuple[Segment, Segment]]:
    """Each run of segments that is missing from `first` on, by its first and its last. A segment is there when it is on
    any timeline."""
    wanted, timeline = first.number, first.timeline
    for each in sorted(there):
        if each.number < wanted:
            timeline = each.timeline if each.number == wanted - 1 else timeline  # it goes on where another was left
            continue
        if each.number > wanted:
            yield Segment(wanted, timeline), Segment(each.number - 1, timeline)
        wanted, timeline = each.number + 1, each.timeline
    if wanted == first.number:
        yield first, first


@dataclass(frozen=True, slots=True)
class Descent:
    """A timeline, and the log that leads to it: of each timeline before it the files up to where it was left. What that
    one had later belongs to another life of the database."""

    timeline: int
    began_at: datetime | None = None  # when somebody restored; None for the first
    left_at: Mapping[int, int] = field(default_factory=dict)  # the number of the file, by timeline

    def has(self, segment: Segment) -> bool:
        """Whether the file is part of the log that leads there."""
        return segment.timeline == self.timeline or segment.number <= self.left_at.get(segment.timeline, -1)

    def comes_from(self, stop: Segment) -> bool:
        """Whether a base that ended in this file has its future there. It filled the file, so one in which its timeline
        was left was left before."""
        return stop.timeline == self.timeline or stop.number < self.left_at.get(stop.timeline, -1)


def read_left_at(text: str) -> dict[int, int]:
    """In which file each earlier timeline was left, of a file `….history`. Raises BackupError."""
    found = _CAME_FROM.findall(text)
    if not found:
        raise BackupError("PostgreSQL's word about a timeline can't be read")
    return {int(each): ((int(high, 16) << 32) + int(low, 16)) // SEGMENT_BYTES for each, high, low in found}


def is_segment(data: bytes, segment: Segment) -> bool:
    """Whether it begins as this segment does, and has its length."""
    address = int.from_bytes(data[slice(*_FIRST_PAGE)], "little")
    return len(data) == SEGMENT_BYTES and address == segment.number * SEGMENT_BYTES


@dataclass(frozen=True, slots=True)
class History:
    """What PostgreSQL writes of a base that it gave: which log it needs, and when it was whole."""

    label: str
    start: Segment
    stop: Segment
    stopped_at: datetime


def read_history(text: str) -> History:
    """Of a file `….backup`. Raises BackupError."""
    facts = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    try:
        start, stop = (_within(facts[f"{side} WAL LOCATION"]) for side in ("START", "STOP"))
        stopped_at = datetime.strptime(facts["STOP TIME"].removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        return History(facts["LABEL"], start, stop, stopped_at + timedelta(seconds=1))  # it says whole seconds
    except (KeyError, ValueError) as exc:
        raise BackupError(f"PostgreSQL's word about a base can't be read: {exc}") from exc


def _within(location: str) -> Segment:
    """Of `0/2000028 (file 000000010000000000000002)`."""
    found = segment_of(location.partition("(file ")[2].rstrip(")"))
    if found is None:
        raise ValueError(location)
    return found
