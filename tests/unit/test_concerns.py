"""What of a server somebody should look at."""

from datetime import UTC, datetime, timedelta

import pytest

from upwell.domain.commands.server import Certificate, Disk, ServerState
from upwell.domain.concerns import concerns

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GB = 1_000_000_000


def seen(
    *, checks: dict[str, str] | None = None, days: float | None = None, disk: tuple[int, int] | None = None
) -> list[str]:
    ends = () if days is None else (Certificate(of="devices", ends_at=NOW + timedelta(days=days)),)
    disks = () if disk is None else (Disk(of="objects", free=disk[0], size=disk[1]),)
    state = ServerState(version="1", database="18", schema=1, checks=checks or {"database": "ok"}, certificates=ends,
                        disks=disks, asked_at=NOW)  # fmt: skip
    return [f"{each.kind} {each.of}: {each.why}" for each in concerns(state)]


def test_a_server_that_is_well_is_no_concern() -> None:
    assert seen(days=21, disk=(200 * GB, 1000 * GB)) == []


@pytest.mark.parametrize(("days", "says"), [(20.9, "in 20 days"), (0.5, "in 0 days"), (0, "is over"), (-3, "is over")])
def test_a_certificate_that_ends_is_one(days: float, says: str) -> None:
    [told] = seen(days=days)
    assert told.startswith("certificate devices: ") and says in told


@pytest.mark.parametrize(
    ("free", "size", "is_one"),
    [
        (51 * GB, 1000 * GB, False),
        (49 * GB, 1000 * GB, True),
        (GB // 2, 5 * GB, True),
        (2 * GB, 5 * GB, False),
        (-1, -1, False),
    ],
)
def test_a_disk_that_gets_full_is_one(free: int, size: int, is_one: bool) -> None:
    assert bool(seen(disk=(free, size))) is is_one


def test_what_fails_comes_first() -> None:
    told = seen(checks={"objects": "no bucket", "database": "ok"}, days=1, disk=(0, GB))
    assert [each.split()[0] for each in told] == ["fails", "certificate", "disk"] and "no bucket" in told[0]
