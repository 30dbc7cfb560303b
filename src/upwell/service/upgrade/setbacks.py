"""Failures of devices counted across their jobs, and devices set aside for them (domain/setbacks.py, ADR 0050).

Holds: a failure counts in the transaction that makes it true, and no claim that begins after its commit has the device.
Where an account says nothing of it, nothing is asked and nothing written.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from upwell.domain.commands.rollouts import Care
from upwell.domain.events import Kind
from upwell.domain.outcomes import Outcome
from upwell.domain.setbacks import HELD, Failed, Setback, clears, counts, folded, until
from upwell.domain.task import ROLLED_BACK, Change, Task
from upwell.domain.timeline import Kind as LineKind
from upwell.domain.timeline import Line
from upwell.service.upgrade import timeline
from upwell.service.upgrade.timeline import Counted
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL = sheet("setbacks")
SILENT = Outcome.SILENT.value  # reasons that no task has

Said = tuple[int, str] | None  # of which job a device failed and why; None: it succeeded


@dataclass(slots=True)
class Setbacks:
    """What befell devices in one transaction, of those whose accounts count it."""

    said: dict[UUID, list[Said]] = field(default_factory=dict)

    def note(self, before: Task, after: Task, change: Change | None) -> None:
        """A step of a task."""
        device = before.ref.device_id
        if before.counts_setbacks and counts(before, after, change):
            self.said.setdefault(device, []).append((before.ref.job_id, after.reason))
        elif (before.has_setback or device in self.said) and clears(after, change):
            self.said.setdefault(device, []).append(None)

    def fell_back(self, task: Task) -> None:
        """The device of a task came back with what it ran before."""
        if task.counts_setbacks:
            self.said.setdefault(task.ref.device_id, []).append((task.ref.job_id, ROLLED_BACK))

    async def save(self, conn: Connection, now: datetime) -> None:
        """Count it. The tasks of these devices are the caller's."""
        await save(conn, self.said, now)


async def save(conn: Connection, said: Mapping[UUID, Iterable[Said]], now: datetime) -> None:
    """What befell these devices, each in order."""
    if not said:
        return
    ids = sorted(said)
    await conn.execute(*SQL["lock"](device_ids=ids))
    found = {device: folded(said[device]) for device in ids}
    cleared = [device for device, (was_cleared, _) in found.items() if was_cleared]
    if cleared:
        await conn.execute(*SQL["clear"](device_ids=cleared))
    failed = {device: each for device, (_, each) in found.items() if each is not None}
    if failed:
        await _count(conn, failed, now)


async def _count(conn: Connection, failed: Mapping[UUID, Failed], now: datetime) -> None:
    columns = {
        "times": [each.times for each in failed.values()],
        "job_ids": [each.job_id for each in failed.values()],
        "reasons": [each.reason for each in failed.values()],
    }
    rows = await conn.fetch(*SQL["count"](device_ids=list(failed), now=now, **columns))
    aside = [(row, ends) for row in rows if (ends := until(rule_of(row["rule"]), row["failures"], now)) is not None]
    aside.sort(key=lambda each: each[0]["device_id"])
    if not aside:
        return
    ids = [row["device_id"] for row, _ in aside]
    await conn.execute(*SQL["set_aside"](device_ids=ids, until=[ends for _, ends in aside], now=now))
    facts = [_facts(row, ends) for row, ends in aside]
    await _tell(conn, ids, Kind.DEVICE_SET_ASIDE, facts, now)
    lines = [Line(row["device_id"], LineKind.ASIDE, "set aside", job_id=row["job_id"], reason=row["reason"],
                  detail=_words(row, ends)) for row, ends in aside]  # fmt: skip
    await timeline.write_in(conn, [Counted.of(line, now) for line in lines])


def rule_of(kept: str) -> Setback:
    """The rule of what is kept of it."""
    return Setback(**json.loads(kept))


def _facts(row: Row, ends: datetime) -> dict[str, Any]:
    return {"failures": row["failures"], "reason": row["reason"], "until": None if ends == HELD else ends.isoformat()}


def _words(row: Row, ends: datetime) -> str:
    span = "until somebody releases it" if ends == HELD else f"until {ends:%Y-%m-%dT%H:%M:%SZ}"
    return f"{row['failures']} failures; {span}"


async def _tell(
    conn: Connection, ids: Sequence[UUID], kind: Kind, facts: Sequence[Mapping[str, Any]], now: datetime
) -> None:  # fmt: skip
    columns = {"kinds": [kind.value] * len(ids), "facts": [json.dumps(each) for each in facts]}
    await conn.execute(*SQL["tell"](device_ids=ids, now=now, **columns))


async def silent(conn: Connection, job_id: int, device_ids: Sequence[UUID], now: datetime) -> None:
    """These devices of a job told no result in their time."""
    rows = await conn.fetch(*SQL["silent"](job_id=job_id, device_ids=list(device_ids))) if device_ids else []
    await save(conn, {UUID(int=row["device_id"].int): [(job_id, SILENT)] for row in rows}, now)


async def begin(conn: Connection, account_id: int, care: Care | None) -> None:
    """An account, or a product of it, is set to that."""
    if care is not None and care.set_aside is not None:
        await conn.execute(*SQL["begin"](account_id=account_id))


async def forget(conn: Connection, device_ids: Sequence[UUID]) -> None:
    """They are no more, or other ones from now on; the caller has their tasks."""
    await conn.execute(*SQL["clear"](device_ids=list(device_ids)))


async def release(conn: Connection, device_ids: Sequence[UUID], who: str, now: datetime) -> int:
    """These devices begin anew, and are offered what waits for them; returns how many were set aside."""
    await conn.execute(*SQL["let_go"](device_ids=list(device_ids), now=now))
    await conn.execute(*SQL["lock"](device_ids=list(device_ids)))
    rows = await conn.fetch(*SQL["release"](device_ids=list(device_ids), now=now))
    gone = sorted((row for row in rows if row["was_aside"]), key=lambda row: row["device_id"])
    if gone:
        facts = [{"failures": row["failures"], "by": who} for row in gone]
        await _tell(conn, [row["device_id"] for row in gone], Kind.DEVICE_RELEASED, facts, now)
        lines = [Line(row["device_id"], LineKind.ACT, "released", who=who) for row in gone]
        await timeline.write_in(conn, [Counted.of(line, now) for line in lines])
    return len(gone)
