"""Lines of devices' timelines, written many at a time, and bounded for each device.

A line is of the device that it names and of no other's; one of a device that there is not is left out. Of some of the
devices that a batch is about the oldest lines beyond LINES_KEPT are forgotten: one row in TRIMMED_ONE_IN has its device
looked at, so that a device has a few more for a while, and looking costs little.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from upwell.domain.talk import ProgressReport, ResultReport, SdkReport, VersionReport
from upwell.domain.timeline import LINES_KEPT, Kind, Line, minute_of, number
from upwell.service.context import Context
from upwell.service.journal import one_line
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("timeline")
TEXT_MAX = 200  # characters of one member of a line
TRIMMED_ONE_IN = 16
_TEXTS = (
    ("what", "what"), ("modules", "module"), ("sources", "source"), ("versions", "version"), ("reasons", "reason"),
    ("addresses", "address"), ("who", "who"), ("details", "detail"),
)  # fmt: skip


@dataclass(slots=True)
class Counted:
    """Lines that are alike, of one minute: the last of them, when the first and the last were, and how many; `size` and
    `resumed` are of all."""

    line: Line
    at: datetime
    last_at: datetime
    times: int = 1
    size: int = 0
    resumed: int = 0

    @classmethod
    def of(cls, line: Line, at: datetime) -> "Counted":
        """One line."""
        return cls(line, at, at, 1, line.size, line.resumed)

    def add(self, line: Line, at: datetime) -> None:
        """One more that is alike."""
        self.line, self.last_at = line, at
        self.times += 1
        self.size += line.size
        self.resumed += line.resumed


async def write(ctx: Context, lines: Sequence[Counted]) -> None:
    """Write them; what is committed with it waits for no disk, for a line that a crash takes is no loss of work."""

    async def body(conn: Connection) -> None:
        await conn.execute(*_Q["lazily"]())
        await write_in(conn, lines)
        seen = {counted.line.device_id for counted in lines if not secrets.randbelow(TRIMMED_ONE_IN)}
        if seen:
            await conn.execute(*_Q["trim"](device_ids=sorted(seen), kept=LINES_KEPT))

    await ctx.upkeep.transact(body)


async def write_in(conn: Connection, lines: Sequence[Counted], apart: int | None = None) -> None:
    """The same in a transaction of the caller's. With `apart`, a number of its own, they are alike to none."""
    if not lines:
        return
    each = [counted.line for counted in lines]
    texts = {column: [text(getattr(line, name)) for line in each] for column, name in _TEXTS}
    await conn.execute(
        *_Q["write"](
            device_ids=[line.device_id for line in each],
            minutes=[minute_of(counted.at) for counted in lines],
            alike=[number(line.alike) if apart is None else apart for line in each],
            kinds=[line.kind.value for line in each],
            at=[counted.at for counted in lines],
            last_at=[counted.last_at for counted in lines],
            times=[counted.times for counted in lines],
            job_ids=[line.job_id for line in each],
            sizes=[counted.size for counted in lines],
            resumed=[counted.resumed for counted in lines],
            account_ids=[line.account_id for line in each],
            **texts,
        )
    )


def said_by(device_id: UUID, said: object) -> Line | None:
    """What the timeline of a device tells of what it reported; None of what is no report."""
    match said:
        case VersionReport(module=module, version=version):
            unknown = "" if version else "a version that can't be known"
            return Line(device_id, Kind.REPORT, "version", module=module, version=version or "", detail=unknown)
        case ProgressReport(module=module, step=step, desc=desc):
            what = "progress" if step >= 0 else "failure"
            return Line(device_id, Kind.REPORT, what, module=module, detail=f"{step} {desc}")
        case ResultReport(outcome=outcome) as result:
            reason = result.reason if outcome == "failed" else ""
            detail, version = f"{result.code} {result.desc}", result.version
            return Line(device_id, Kind.REPORT, f"result {outcome}", version=version, reason=reason, detail=detail)
        case SdkReport(version=version):
            return Line(device_id, Kind.REPORT, "sdk", version=version)
    return None


def text(value: str) -> str:
    """What is kept of what a device or a stranger wrote: one line of it, bounded, that PostgreSQL can hold."""
    return one_line(value[:TEXT_MAX]).strip()[:TEXT_MAX]
