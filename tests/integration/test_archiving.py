"""An archive's place and folder on real PostgreSQL and a real directory: what goes, what is refused, what waits."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from test_backups import House, package

from scratch import scratch
from upwell.backup.archive import OBJECTS, WAL, base_key, contents
from upwell.backup.archiving import Archiver, Overtaken
from upwell.backup.manifest import BackupError
from upwell.backup.programs import Tools
from upwell.backup.shelf import Shelf
from upwell.backup.spool import HELD_BYTES_MAX, Spool
from upwell.backup.wal import SEGMENT_BYTES, Segment
from upwell.objects import open_objects
from upwell.objects.port import Objects
from upwell.service.context import Context
from upwell.service.manage import access

NOW = datetime(2026, 11, 12, tzinfo=UTC)


def day(number: int) -> datetime:
    return datetime(2026, 11, number, tzinfo=UTC)


@dataclass
class Site:
    """A cluster's folder as far as an archiver looks at it, and a place."""

    house: House
    top: Path
    place: Objects = field(init=False)

    def __post_init__(self) -> None:
        (self.top / "cluster/pg_wal").mkdir(parents=True)
        self.place = open_objects(str(self.top / "archive"))

    def archiver(self, name: str = "spool") -> Archiver:
        (self.top / name).mkdir(exist_ok=True)
        database = self.house.database
        return Archiver(
            Shelf(self.place), database, self.house.objects, Tools(Path("/nowhere"), database.dsn),
            self.top / "cluster", self.top / name, room=0, now=lambda: NOW,
        )  # fmt: skip

    def hand(self, segment: Segment, data: bytes, name: str = "spool") -> None:
        (self.top / name / segment.name).write_bytes(data)

    async def keys(self) -> set[str]:
        return {key async for key, _ in self.place.listed()}


@pytest.fixture
def site(ctx: Context) -> Iterator[Site]:
    top = scratch("upwell-archiving-")
    yield Site(House(ctx.database, top), top / "site")
    shutil.rmtree(top)


async def lay(site: Site, number: int, start: int, *listed: str) -> None:
    """A base of that day, with the log that it needs and the objects that were in the store."""
    shelf, base_id = Shelf(site.place), f"202611{number:02}T000000Z"
    await shelf.put(base_key(base_id, "files"), BytesIO(b"all of it"))
    lines = b"".join(b'["%d", "%s"]\n' % (place, each.encode()) for place, each in enumerate(listed))
    await shelf.put(base_key(base_id, "objects"), BytesIO(lines), packed=True, plain=True)
    await shelf.put(
        base_key(base_id, "head"), BytesIO(b"\n"), plain=True, upwell="0.2.0", schema=1,
        start=Segment(start, 1).name, stop=Segment(start, 1).name, stopped_at=day(number).isoformat(),
    )  # fmt: skip
    for each in range(start, start + 5):
        await shelf.put(WAL + Segment(each, 1).name, BytesIO(b"log"), ended_at=day(number).isoformat())


async def test_an_object_stays_as_long_as_a_moment_may_need_it(site: Site, ctx: Context, caller: access.Caller) -> None:
    """That of a package that came and went between two bases is in the list of none."""
    archiver, shelf = site.archiver(), Shelf(site.place)
    await archiver.open()
    objects = {name: sha256(name.encode()).hexdigest() for name in ("listed", "between", "before", "other life", "old")}
    for name, kept_on in (("listed", 1), ("between", 1), ("before", 1), ("other life", 8), ("old", 1)):
        await shelf.put(OBJECTS + objects[name], BytesIO(name.encode()), kept_at=day(kept_on).isoformat())
    for number, start in ((2, 10), (6, 15), (10, 20)):
        await lay(site, number, start, objects["listed"])
    for name, deleted_on in (("between", 7), ("before", 5)):
        await site.house.put(f"firmware/{name}.bin", name.encode())
        await package(ctx, caller, name, f"firmware/{name}.bin", name.encode())
        async with ctx.database.connection() as conn:
            await conn.execute(
                "update package set deleted_at = $1 where sha256 = $2", day(deleted_on), objects[name]
            )  # fmt: skip
    archiver = site.archiver()
    await archiver.prune(5)  # the moments from the 7th on, by the base of the 6th
    there = await contents(shelf)
    assert [base.stopped_at for base in there.bases] == [day(6), day(10)]
    assert there.segments == [Segment(number, 1) for number in range(15, 25)]
    assert {name for name, sha in objects.items() if sha in there.objects} == {"listed", "between", "other life"}


async def test_no_base_goes_to_a_place_that_is_anothers(site: Site) -> None:
    writer = await site.place.create("archive.json")
    await writer.write(b'{"format": 1, "system": "1", "postgres": 18}\n')
    await writer.commit()
    archiver = site.archiver()
    for asked in (archiver.make_base(), archiver.prune(1), archiver.ship()):
        with pytest.raises(BackupError, match="of another database"):
            await asked
    assert await site.keys() == {"archive.json"}


async def test_of_two_that_archive_at_once_one_is_told(site: Site) -> None:
    """Neither found the other's file when it began."""
    first, second = site.archiver("first"), site.archiver("second")
    await first.open()
    await second.open()
    site.hand(Segment(10, 1), b"of the first", "first")
    site.hand(Segment(10, 1), b"of the second", "second")
    assert await first.ship() == 1
    with pytest.raises(BackupError, match="with other bytes: another server archives there"):
        await second.ship()
    assert second.spool.held() == len(b"of the second"), "it is kept"
    slot, found = await Shelf(site.place).slot(WAL + Segment(10, 1).name), BytesIO()
    await Shelf(site.place).get(slot, found)
    assert found.getvalue() == b"of the first"


async def test_who_was_restored_goes_on_and_the_one_before_is_told(site: Site) -> None:
    archiver = site.archiver()
    await archiver.open()
    history = b"1\t0/60000D8\tbefore 2026-11-30 08:10:00+00\n"
    await Shelf(site.place).put(
        f"{WAL}00000002.history", BytesIO(history), ended_at=NOW.isoformat(), left_at={"1": 6}
    )  # fmt: skip
    site.hand(Segment(10, 1), b"of the one before")
    for asked in (archiver.ship(), site.archiver().open()):
        with pytest.raises(Overtaken, match="a later life of the database"):
            await asked
    assert archiver.spool.held() > 0


async def test_a_place_that_was_emptied_is_begun_anew(site: Site) -> None:
    await site.archiver().open()
    await lay(site, 11, 10)
    archiver = site.archiver()
    await archiver.open()
    assert not archiver.wants_base and archiver.behind() == timedelta(0)
    for key in await site.keys():
        await site.place.delete(key)
    site.hand(Segment(15, 1), b"goes on")
    assert await archiver.ship() == 1
    assert archiver.wants_base and "archive.json" in await site.keys()


@pytest.fixture
def spool() -> Iterator[Path]:
    folder = scratch("upwell-spool-")
    yield folder
    shutil.rmtree(folder)


def waiting(spool: Path, count: int, since: datetime) -> list[str]:
    """So many files of the log, without bytes on the disk, a second after each other."""
    names = [Segment(number, 1).name for number in range(10, 10 + count)]
    for place, name in enumerate(names):
        with (spool / name).open("wb") as file:
            file.truncate(SEGMENT_BYTES)
        moment = (since + timedelta(seconds=place)).timestamp()
        os.utime(spool / name, (moment, moment))
    return names


def test_the_oldest_is_given_up_above_the_bound(spool: Path) -> None:
    most = HELD_BYTES_MAX // SEGMENT_BYTES
    names = waiting(spool, most + 3, NOW)
    assert [each.name for each in Spool(spool, 0).too_much(NOW)] == names[:3]
    assert Spool(spool, 0).oldest() == NOW and Spool(spool, 0).held() == (most + 3) * SEGMENT_BYTES


def test_a_full_disk_gives_up_what_waited_and_no_more(spool: Path) -> None:
    """What came just now goes into a place that answers, though the disk is below its floor for another reason."""
    names = waiting(spool, 100, NOW - timedelta(seconds=100))
    assert [each.name for each in Spool(spool, 1 << 60).too_much(NOW)] == names[:40]
    assert not list(Spool(spool, 0).too_much(NOW))


async def test_what_leads_nowhere_is_told_as_lost(site: Site) -> None:
    """The log goes on, and a base does not come: all since the gap is lost with the machine."""
    await site.archiver().open()
    await lay(site, 11, 10)
    archiver = site.archiver()
    await archiver.open()
    for number, moment in ((15, day(11)), (17, NOW)):
        site.hand(Segment(number, 1), b"log")
        os.utime(site.top / "spool" / Segment(number, 1).name, (moment.timestamp(), moment.timestamp()))
        await archiver.ship()
    assert archiver.until == NOW and archiver.wants_base
    assert archiver.behind() == NOW - day(11)


async def test_a_file_that_was_copied_late_is_of_when_it_was_full(site: Site) -> None:
    """What was acknowledged between is in the next one, which is not there."""
    states = site.top / "cluster/pg_wal/archive_status"
    states.mkdir()
    archiver, full = site.archiver(), NOW - timedelta(seconds=70)
    for number, state, until in ((10, "done", full), (11, "ready", full), (12, "none", NOW)):
        name = Segment(number, 1).name
        site.hand(Segment(number, 1), b"log")
        os.utime(site.top / "spool" / name, (NOW.timestamp(), NOW.timestamp()))
        (states / f"{name}.{state}").touch()
        os.utime(states / f"{name}.{state}", (full.timestamp(), full.timestamp()))
        await archiver.ship()
        assert archiver.until == until
        assert (await Shelf(site.place).slot(WAL + name)).facts["ended_at"] == until.isoformat()
