"""PostgreSQL's log by the names of its files: what is there, what is missing, what a base needs."""

import tarfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from upwell.backup import archived
from upwell.backup.archive import ClusterCopy, to_keep, unneeded
from upwell.backup.manifest import BackupError
from upwell.backup.wal import Segment, gaps, is_segment, read_history, segment_of

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
    def base(day: int, start: int) -> ClusterCopy:
        return ClusterCopy(
            id=f"202611{day:02}T000000Z", upwell="0.2.0", schema=58, start=Segment(start, 1),
            stop=Segment(start + 1, 1), stopped_at=datetime(2026, 11, day, tzinfo=UTC),
        )  # fmt: skip

    bases = [base(1, 10), base(2, 20), base(3, 30), base(4, 40)]
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
