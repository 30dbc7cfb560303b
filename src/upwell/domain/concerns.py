"""What of a server somebody should look at before it stands still, as functions of what was seen and now."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from upwell.domain.commands.server import Certificate, Concern, Disk, ServerState

FINE = "ok"
ENDS_SOON = timedelta(days=21)  # who renews every 90 days by itself does so 30 days before
FREE_SHARE = 0.05  # of a disk
FREE_MIN = 1_000_000_000  # bytes


def concerns(seen: ServerState) -> tuple[Concern, ...]:
    """All of them, the worst first: what fails, what ends, what gets full."""
    failing = (Concern(kind="fails", of=name, why=told) for name, told in seen.checks.items() if told != FINE)
    return (*failing, *_ending(seen.certificates, seen.asked_at), *_filling(seen.disks))


def _ending(certificates: tuple[Certificate, ...], now: datetime) -> Iterator[Concern]:
    for each in certificates:
        left = each.ends_at - now
        if left <= timedelta(0):
            yield Concern(kind="certificate", of=each.of, why="It is over: clients that check it come no more.")
        elif left < ENDS_SOON:
            why = f"It ends in {left.days} days. Renew it; no restart is needed."
            yield Concern(kind="certificate", of=each.of, why=why)


def _filling(disks: tuple[Disk, ...]) -> Iterator[Concern]:
    for each in disks:
        if 0 <= each.free < max(FREE_MIN, each.size * FREE_SHARE):
            free, size = each.free // 1_000_000, each.size // 1_000_000
            yield Concern(kind="disk", of=each.of, why=f"{free:,} MB of {size:,} MB are free.")
