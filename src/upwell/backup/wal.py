"""PostgreSQL's write-ahead log by the names of its files: segments in their order, and what is missing between them."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from upwell.backup.manifest import BackupError

SEGMENT_BYTES = 16 * 1024 * 1024  # of the embedded cluster, as initdb makes it
NAME = re.compile(r"[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
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
            continue
        if each.number > wanted:
            yield Segment(wanted, timeline), Segment(each.number - 1, timeline)
        wanted, timeline = each.number + 1, each.timeline
    if wanted == first.number:
        yield first, first


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
