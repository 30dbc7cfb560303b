"""What lies in an archive: which database's it is, its bases, and the log and the objects that go with them."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from upwell.backup.manifest import HEAD, HEAD_BYTES_MAX, BackupError
from upwell.backup.pouring import keep
from upwell.backup.shelf import Shelf
from upwell.backup.wal import FIRST_TIMELINE, Descent, Segment, gaps, segment_of
from upwell.domain.errors import NotFound
from upwell.objects.port import CHECK_KEY, Objects

FORMAT = 1
ARCHIVE = "archive.json"
WAL, BASE, OBJECTS = "wal/", "base/", "objects/"
HISTORY = ".history"  # of a timeline
LOOKS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """The database that a place has the archive of."""

    system: str
    postgres: int

    def text(self) -> bytes:
        """As it is stored."""
        return json.dumps({"format": FORMAT, **asdict(self)}).encode() + b"\n"


async def whose(place: Objects) -> Whose | None:
    """None where nobody archives. Raises BackupError for what is no archive, Unavailable."""
    try:
        text = b"".join([chunk async for chunk in place.read(ARCHIVE, 0, HEAD_BYTES_MAX)])
    except NotFound:
        return None
    try:
        said = json.loads(text)
        if said.pop("format") != FORMAT:
            raise BackupError(f"the archive is of another format than {FORMAT}: use a later Upwell")
        return Whose(**said)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BackupError(f"{ARCHIVE} can't be read: {exc}") from exc


async def settle(place: Objects, mine: Whose) -> None:
    """Make the place this database's archive, if it is not yet. Raises BackupError where it is another's, or has
    something else in it."""
    found = await whose(place)
    if found is not None and found != mine:
        raise BackupError("the archive is of another database: give an empty place, or that database's")
    if found is not None:
        return
    async for key, _ in place.listed():
        if key != CHECK_KEY:
            raise BackupError(f"the place of the archive has something else in it, {key!r}: give an empty one")
    await keep(place, ARCHIVE, BytesIO(mine.text()), [], lambda size: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCopy:
    """All files of the database's cluster: with the log from `start` on they become it, as of `stopped_at` or later."""

    id: str
    upwell: str
    schema: int
    start: Segment
    stop: Segment
    stopped_at: datetime


def base_key(base_id: str, part: str) -> str:
    """Where a part of a base is: `files`, `objects`, and last of all `head`."""
    return f"{BASE}{base_id}/{part}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that is there. Of the log and the objects it is the names."""

    whose: Whose
    bases: tuple[ClusterCopy, ...]
    wal: frozenset[str]
    objects: frozenset[str]
    descents: tuple[Descent, ...]  # of each timeline, in their order

    @property
    def segments(self) -> list[Segment]:
        """Of the log, in their order."""
        return sorted(found for name in self.wal if (found := segment_of(name)) is not None)

    def lived(self, until: datetime | None) -> Descent:
        """The timeline that the database was on then; the newest for None."""
        began = [each for each in self.descents if until is None or each.began_at is None or each.began_at <= until]
        return began[-1] if began else Descent(FIRST_TIMELINE)

    def lacks(self) -> Iterator[str]:
        """In words, what no moment can be restored over."""
        if not self.bases:
            yield "there is no base yet"
        told = set[str]()
        for descent in reversed(self.descents):
            told |= (new := set(self._lacks(descent)) - told)
            yield from sorted(new)

    def _lacks(self, descent: Descent) -> Iterator[str]:
        bases = [base for base in self.bases if descent.comes_from(base.stop)]
        there = [each for each in self.segments if descent.has(each)]
        for first, last in gaps(there, bases[0].start) if bases else ():
            names = first.name if first == last else f"{first.name} to {last.name}"
            later = next((base for base in bases if base.start.number > last.number), None)
            after = f"what is later than {later.stopped_at:%Y-%m-%d %H:%M:%S} UTC can be" if later else "nothing can be"
            yield f"the log lacks {names}: no moment in it can be restored, {after}"


async def contents(shelf: Shelf) -> Contents:
    """Raises BackupError where no archive is."""
    found = await whose(shelf.place)
    if found is None:
        raise BackupError(f"there is no {ARCHIVE} and no {HEAD}: nothing was archived or backed up there")
    keys = await shelf.keys()
    ids = sorted(k.split("/")[1] for k in keys if k.startswith(BASE) and k.endswith("/head"))
    bases = [await base_of(shelf, each) for each in ids]
    wal = frozenset(k.removeprefix(WAL) for k in keys if k.startswith(WAL))
    known = {segment.timeline for name in wal if (segment := segment_of(name))} | {base.stop.timeline for base in bases}
    told = [await _descent_of(shelf, name) for name in sorted(wal) if name.endswith(HISTORY)]
    silent = [Descent(each) for each in known - {each.timeline for each in told}]
    return Contents(
        whose=found, bases=tuple(sorted(bases, key=lambda base: base.stopped_at)), wal=wal,
        objects=frozenset(k.removeprefix(OBJECTS) for k in keys if k.startswith(OBJECTS)),
        descents=tuple(sorted([*told, *silent], key=lambda descent: descent.timeline)),
    )  # fmt: skip


async def _descent_of(shelf: Shelf, name: str) -> Descent:
    """By what was written beside it, which may be read without an identity."""
    facts = (await shelf.slot(WAL + name)).facts
    left_at = {int(each): number for each, number in facts.get("left_at", {}).items()}
    return Descent(int(name.removesuffix(HISTORY), 16), datetime.fromisoformat(facts["ended_at"]), left_at)


async def base_of(shelf: Shelf, base_id: str) -> ClusterCopy:
    """By what its head says. Raises BackupError."""
    facts: dict[str, Any] = (await shelf.slot(base_key(base_id, "head"))).facts
    start, stop = segment_of(facts["start"]), segment_of(facts["stop"])
    if start is None or stop is None:
        raise BackupError(f"the head of the base {base_id} can't be read")
    return ClusterCopy(
        id=base_id, upwell=facts["upwell"], schema=facts["schema"], start=start, stop=stop,
        stopped_at=datetime.fromisoformat(facts["stopped_at"]),
    )  # fmt: skip


async def listed_objects(shelf: Shelf, base_id: str) -> dict[str, str]:
    """The digest of each object that was in the store at the base, by its key there."""
    slot, text = await shelf.slot(base_key(base_id, "objects")), BytesIO()
    await shelf.get(slot, text)
    return dict(json.loads(line) for line in text.getvalue().splitlines())


async def when(shelf: Shelf, names: Sequence[str]) -> dict[str, str]:
    """When each file of the log was handed over."""
    found: dict[str, str] = {}
    for begin in range(0, len(names), LOOKS_AT_ONCE):
        some = names[begin : begin + LOOKS_AT_ONCE]
        slots = await asyncio.gather(*(shelf.slot(WAL + name) for name in some))
        found |= {name: slot.facts["ended_at"] for name, slot in zip(some, slots, strict=True)}
    return found


def to_keep(bases: Sequence[ClusterCopy], since: datetime) -> list[ClusterCopy]:
    """Those that moments from `since` on need: the younger ones, and the youngest of the older."""
    older = [base for base in bases if base.stopped_at < since]
    return [*older[-1:], *(base for base in bases if base.stopped_at >= since)]


@dataclass(frozen=True, slots=True)
class Needed:
    """What moments need: bases, in their order, and the names of files of the log."""

    bases: tuple[ClusterCopy, ...]
    log: frozenset[str]


def needed(there: Contents, since: datetime) -> Needed:
    """What the moments from `since` on need, each in the life that had it: of a life the bases that lead to its
    moments, which may be of the life before, and the log from the first of these on. A life of which nobody knows how
    it began, or to which no base leads, keeps all of its log."""
    bases, log = set[ClusterCopy](), {name for name in there.wal if name.endswith(HISTORY)}
    for place, life in enumerate(there.descents):
        later = [each.began_at for each in there.descents[place + 1 :] if each.began_at is not None]
        ended_at = min(later, default=None)
        if ended_at is not None and ended_at <= since:
            continue
        lead = [base for base in there.bases if life.comes_from(base.stop)]
        own = to_keep(lead, max(since, life.began_at or since))
        bases |= {base for base in own if ended_at is None or base.stopped_at < ended_at}
        first = min((base.start.number for base in own), default=0)
        log |= {
            name for name in there.wal if (found := segment_of(name[:24])) and life.has(found) and found.number >= first
        }
    return Needed(tuple(sorted(bases, key=lambda base: base.stopped_at)), frozenset(log))
