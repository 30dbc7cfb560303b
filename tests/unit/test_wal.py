"""PostgreSQL's log by the names of its files: what is there, what is missing, what a base needs."""

import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from upwell.backup import archived
from upwell.backup.archive import ClusterCopy, Contents, Whose, needed, to_keep
from upwell.backup.archived import Rewinding
from upwell.backup.manifest import BackupError
from upwell.backup.shelf import Shelf
from upwell.backup.wal import Descent, Segment, gaps, is_segment, read_history, read_left_at, segment_of

# As PostgreSQL 18 wrote it.
HISTORY = """START WAL LOCATION: 0/4000028 (file 000000010000000000000004)
STOP WAL LOCATION: 0/5000120 (file 000000010000000000000005)
CHECKPOINT LOCATION: 0/4000080
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-30 08:00:01 UTC
LABEL: upwell 20261130T080001Z
START TIMELINE: 1
STOP TIME: 2026-11-30 08:00:03 UTC
STOP TIMELINE: 1
"""


def test_names_count_as_postgresql_counts() -> None:
    last = segment_of("0000000100000000000000FF")
    assert last == Segment(255, 1)
    assert Segment(256, 1).name == "000000010000000100000000"
    for other in (
        "00000002.history",
        "000000010000000000000004.00000028.backup",
        "0000000100000000000000FF.partial",
        "x",
    ):
        assert segment_of(other) is None


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([4, 5, 6], []),
        ([3, 4, 5], []),
        ([4, 6], [(5, 5)]),
        ([4, 8, 9, 12], [(5, 7), (10, 11)]),
        ([6], [(4, 5)]),
        ([], [(4, 4)]),
    ],
)
def test_gaps_are_named(numbers: list[int], missing: list[tuple[int, int]]) -> None:
    found = gaps([Segment(each, 1) for each in numbers], Segment(4, 1))
    assert [(first.number, last.number) for first, last in found] == missing


def test_a_timeline_goes_on_where_another_ended() -> None:
    there = [Segment(4, 1), Segment(5, 1), Segment(5, 2), Segment(6, 2)]
    assert list(gaps(there, Segment(4, 1))) == []


# As PostgreSQL 18 wrote it of two restores.
CAME_FROM = "1\t0/60000D8\tbefore 2026-11-30 08:10:00+00\n\n2\t1/9000000\tbefore 2026-11-30 09:00:00+00\n"


def test_the_log_that_leads_to_a_timeline() -> None:
    left = read_left_at(CAME_FROM)
    assert left == {1: 6, 2: 0x109}
    third = Descent(3, None, left)
    assert [third.has(Segment(number, 1)) for number in (5, 6, 7)] == [True, True, False]
    assert third.has(Segment(0x109, 2)) and not third.has(Segment(0x10A, 2)) and third.has(Segment(0x200, 3))
    assert not third.has(Segment(1, 4)), "a later life"
    assert [third.comes_from(Segment(number, 1)) for number in (5, 6)] == [True, False]
    with pytest.raises(BackupError):
        read_left_at("nothing of it")


def contents_of(*descents: Descent, log: list[Segment], bases: list[ClusterCopy]) -> Contents:
    return Contents(
        whose=Whose(system="1", postgres=18), bases=tuple(bases), wal=frozenset(each.name for each in log),
        objects=frozenset(), descents=descents,
    )  # fmt: skip


def a_base(day: int, start: int, timeline: int = 1) -> ClusterCopy:
    return ClusterCopy(
        id=f"202611{day:02}T000000Z", upwell="0.2.0", schema=58, start=Segment(start, timeline),
        stop=Segment(start + 1, timeline), stopped_at=datetime(2026, 11, day, tzinfo=UTC),
    )  # fmt: skip


def test_a_moment_is_looked_for_in_the_life_that_had_it() -> None:
    """Restored on the 10th as of the 3rd: the base of the 5th is of a life that ended."""
    restored = Descent(2, datetime(2026, 11, 10, tzinfo=UTC), {1: 14})
    log = [*(Segment(number, 1) for number in range(10, 31)), *(Segment(number, 2) for number in range(14, 20))]
    bases = [a_base(1, 10), a_base(5, 20)]
    there = contents_of(Descent(1), restored, log=log, bases=bases)

    def chosen(day: int | None) -> tuple[str, int]:
        rewinding = Rewinding(cast(Shelf, None), there, None if day is None else datetime(2026, 11, day, tzinfo=UTC),
                              cast(Any, None))  # fmt: skip
        return rewinding.base.id, rewinding.timeline

    assert chosen(2) == (bases[0].id, 1)
    assert chosen(6) == (bases[1].id, 1)
    assert chosen(11) == chosen(None) == (bases[0].id, 2), "not the younger one, whose life ended"
    assert list(there.lacks()) == []


def test_a_file_of_an_ended_life_fills_no_gap() -> None:
    restored = Descent(2, datetime(2026, 11, 10, tzinfo=UTC), {1: 12})
    log = [*(Segment(number, 1) for number in range(10, 16)), Segment(12, 2), Segment(14, 2)]
    [lacks] = contents_of(Descent(1), restored, log=log, bases=[a_base(1, 10)]).lacks()
    assert Segment(13, 2).name in lacks


def test_a_base_says_which_log_it_needs() -> None:
    found = read_history(HISTORY)
    assert (found.label, found.start.number, found.stop.number) == ("upwell 20261130T080001Z", 4, 5)
    assert found.stopped_at == datetime(2026, 11, 30, 8, 0, 4, tzinfo=UTC), "whole seconds, so a second later at most"
    for broken in ("", HISTORY.replace("LABEL", "NAME"), HISTORY.replace("(file 000000010000000000000005)", "")):
        with pytest.raises(BackupError):
            read_history(broken)


def test_a_file_of_the_log_is_where_it_says() -> None:
    size = 16 * 1024 * 1024
    data = bytearray(size)
    data[8:16] = (7 * size).to_bytes(8, "little")
    assert is_segment(bytes(data), Segment(7, 1))
    assert not is_segment(bytes(data), Segment(8, 1))
    assert not is_segment(bytes(data[:-1]), Segment(7, 1))


def names(there: Contents, since: datetime) -> tuple[list[str], set[str]]:
    """The bases that are kept, and the files of the log that go."""
    wanted = needed(there, since)
    return [base.id for base in wanted.bases], set(there.wal - wanted.log)


def run_of(timeline: int, first: int, last: int) -> list[Segment]:
    return [Segment(number, timeline) for number in range(first, last + 1)]


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, number, hour, tzinfo=UTC)


def test_what_no_moment_needs_goes() -> None:
    bases = [a_base(1, 10), a_base(2, 20), a_base(3, 30), a_base(4, 40)]
    kept = to_keep(bases, day(3, 12))
    assert kept == bases[2:], "the youngest of the older, and what is younger"
    assert to_keep(bases[:1], day(30)) == bases[:1], "one is always kept"
    there = contents_of(Descent(1), log=run_of(1, 10, 45), bases=bases)
    more = {"00000002.history", f"{Segment(20, 1).name}.00000028.backup", f"{Segment(31, 1).name}.00000028.backup"}
    there = replace(there, wal=there.wal | more)
    gone = {*(each.name for each in run_of(1, 10, 29)), f"{Segment(20, 1).name}.00000028.backup"}
    assert names(there, day(3, 12)) == ([base.id for base in kept], gone)
    assert needed(replace(there, bases=()), day(3)).bases == ()


RESTORED = Descent(2, day(10), {1: 14})  # on the 10th, as of a moment behind the base of the 1st


def test_the_first_minute_of_a_new_life_needs_a_base_of_the_old() -> None:
    """That of the 9th is younger than the days ask for, but of a life that ended: from the restore to the first base of
    the new life there is none but that of the 1st."""
    bases = [a_base(1, 10), a_base(9, 90), replace(a_base(10, 16, timeline=2), stopped_at=day(10, 1))]
    log = [*run_of(1, 10, 95), *run_of(2, 14, 20)]
    there = contents_of(Descent(1), RESTORED, log=log, bases=bases)
    kept, gone = names(there, day(9, 12))
    assert (kept, gone) == ([base.id for base in bases], {each.name for each in run_of(1, 15, 89)})
    rewinding = Rewinding(cast(Shelf, None), replace(there, bases=needed(there, day(9, 12)).bases), day(10, 0),
                          cast(Any, None))  # fmt: skip
    assert (rewinding.base.id, rewinding.timeline) == (bases[0].id, 2)


def test_an_ended_life_goes_with_its_last_moment() -> None:
    bases = [a_base(1, 10), a_base(9, 90), a_base(12, 16, timeline=2), a_base(18, 26, timeline=2)]
    log = [*run_of(1, 10, 95), *run_of(2, 14, 30)]
    there = contents_of(Descent(1), RESTORED, log=log, bases=bases)
    assert names(there, day(11)) == (
        [bases[0].id, bases[2].id, bases[3].id], {each.name for each in run_of(1, 15, 95)}
    ), "the 11th is of the new life, which began with the base of the 1st"  # fmt: skip
    assert names(there, day(13)) == (
        [bases[2].id, bases[3].id], {each.name for each in [*run_of(1, 10, 95), *run_of(2, 14, 15)]}
    )  # fmt: skip


def test_of_a_life_that_nobody_knows_the_beginning_of_nothing_goes() -> None:
    there = contents_of(Descent(1), Descent(2), log=[*run_of(1, 10, 20), *run_of(2, 14, 20)], bases=[a_base(1, 10)])
    assert names(there, day(29)) == ([there.bases[0].id], set())


def test_what_is_kept_leads_to_each_moment_that_is_asked_for() -> None:
    """Of many random archives with many lives: what could be restored can be when the rest is gone."""
    dice = Random(16)
    for _ in range(300):
        there, last = lives(dice)
        since = day(1) + (last - day(1)) * dice.random()
        wanted = needed(there, since)
        after = replace(there, bases=wanted.bases, wal=wanted.log)
        for moment in [None, *(since + (last - since) * dice.random() for _ in range(20))]:
            assert run_to(after, moment) == run_to(there, moment)


def lives(dice: Random) -> tuple[Contents, datetime]:
    """An archive of a database that was restored some times, and its last moment."""
    descents, bases, log = [Descent(1)], list[ClusterCopy](), set[Segment]()
    now, number = day(1), 10
    for timeline in range(1, dice.randint(1, 4) + 1):
        if timeline > 1:
            came_from = dice.choice(descents)
            left = dice.randint(10, max(each.number for each in log if each.timeline == came_from.timeline))
            left_at = {each: min(at, left) for each, at in came_from.left_at.items()} | {came_from.timeline: left}
            descents.append(Descent(timeline, now, left_at))
            number = left
        for _ in range(dice.randint(1, 4)):
            log |= set(run_of(timeline, number, number + 5))
            now += timedelta(hours=dice.randint(1, 40))
            if dice.random() < 0.8:
                bases.append(ClusterCopy(
                    id=f"{len(bases)}", upwell="0.2.0", schema=58, start=Segment(number + 2, timeline),
                    stop=Segment(number + 3, timeline), stopped_at=now,
                ))  # fmt: skip
            number += 5
            now += timedelta(hours=dice.randint(1, 40))
    return contents_of(*descents, log=list(log), bases=bases), now


def run_to(there: Contents, moment: datetime | None) -> list[str] | None:
    """What would be gone through to the moment; None where it can't be restored."""
    try:
        rewinding = Rewinding(cast(Shelf, None), there, moment, cast(Any, None))
    except BackupError:
        return None
    return [rewinding.base.id, str(rewinding.timeline), *(each.name for each in rewinding._to_come)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../out", tarfile.REGTYPE),
        ("/out", tarfile.REGTYPE),
        ("a/../../out", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("link", tarfile.LNKTYPE),
        ("fifo", tarfile.FIFOTYPE),
    ],
)
def test_a_base_that_would_write_elsewhere_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    info, packed = tarfile.TarInfo(name), BytesIO()
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(info)
    (tmp_path / "cluster").mkdir()
    with tarfile.open(fileobj=BytesIO(packed.getvalue())) as tar, pytest.raises(BackupError, match="no file or folder"):
        archived.extract(tar, tmp_path / "cluster")
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "cluster"]
