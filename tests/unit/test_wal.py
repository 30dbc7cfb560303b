"""PostgreSQL's log by the names of its files: what is there, what is missing, what a base needs."""

import tarfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest

from upwell.backup import archived
from upwell.backup.archive import ClusterCopy, Contents, Whose, to_keep, unneeded
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


def test_what_no_moment_needs_goes() -> None:
    bases = [a_base(1, 10), a_base(2, 20), a_base(3, 30), a_base(4, 40)]
    kept = to_keep(bases, datetime(2026, 11, 3, 12, tzinfo=UTC))
    assert kept == bases[2:], "the youngest of the older, and what is younger"
    assert to_keep(bases[:1], datetime(2026, 12, 1, tzinfo=UTC)) == bases[:1], "one is always kept"
    log = ["00000002.history", Segment(29, 1).name, Segment(30, 1).name, f"{Segment(20, 1).name}.00000028.backup"]
    assert unneeded(log, kept) == [log[1], log[3]]
    assert unneeded(log, []) == []


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
