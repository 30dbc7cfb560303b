"""Guards: first offers are numbered, failures judged by their numbers, and what they show is held fast (ADR 0039).

Holds: whoever sends offers of a guarded job has its budget's row until they are recorded, and whoever commits failures
that halt it has that row too, so that no claim which commits afterwards has the job's tasks (L13). The numbers that
halt it stand in that row; `halting` pauses or cancels the job for them. A look costs a row for every 1,024 offers.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from upwell.domain.commands.rollouts import Failing
from upwell.domain.guard import (
    Evidence,
    Guard,
    Peak,
    Share,
    Stretch,
    Watch,
    failures_by_stretch,
    halts_at,
    interval,
    look,
    shares,
    stretch_of,
    told,
)
from upwell.domain.outcomes import FEEDS, PROVISIONAL, Outcome, verdict
from upwell.domain.talk import TaskRef
from upwell.domain.task import Task
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import kept_watch, said_watch
from upwell.storage.queries import sheet

SQL = sheet("guards")
ALL = 0  # the number of the stratum that has all devices
REJECTED = -1  # of the test of those that the package does not fit
STRATA_MAX = 50  # of one job; devices of others are judged with all alone
REASONS = 3  # that a halt tells


@dataclass(frozen=True, slots=True)
class Offered:
    """A budget that is held: how many first offers of the job are numbered in its present score, and in each of its
    strata."""

    job_id: int
    epoch: int
    offered: int
    strata: tuple[int, ...]
    is_halted: bool


def kept(watch: Watch) -> str:
    """What is kept of a guard."""
    return json.dumps(kept_watch(watch))


def watch_of(text: str) -> Watch:
    """The same, read back."""
    return said_watch(json.loads(text))


# --- offers are numbered ---


async def guard(conn: Connection, job_id: int) -> None:
    """The offers of a job that is being made are numbered."""
    await conn.execute(*SQL["guard"](job_id=job_id))


async def hold(conn: Connection, job_ids: Iterable[int]) -> dict[int, Offered]:
    """The budgets of those of these jobs that are guarded, until the transaction ends: nothing is judged meanwhile."""
    rows = await conn.fetch(*SQL["hold"](job_ids=sorted(set(job_ids))))
    return {
        r["job_id"]: Offered(r["job_id"], r["epoch"], r["offered"], tuple(r["strata"]), r["halted_at"] is not None)
        for r in rows
    }


async def number(conn: Connection, tasks: Sequence[TaskRef], held: Mapping[int, Offered], now: datetime) -> None:
    """Offers of these tasks, whose jobs' budgets are held, left in this order. Devices that were offered the job for
    the first time get the next numbers; of those that are offered their next step a verdict is due anew."""
    columns = {"device_ids": [t.device_id for t in tasks], "job_ids": [t.job_id for t in tasks]}
    rows = await conn.fetch(*SQL["unnumbered"](nths=[t.nth for t in tasks], **columns)) if tasks else []
    counts = {job_id: [offered.offered, *offered.strata] for job_id, offered in held.items()}
    fresh = [row for row in rows if not row["is_numbered"]]
    if len(fresh) < len(rows):
        again = [row for row in rows if row["is_numbered"]]
        which = {"device_ids": [row["device_id"] for row in again], "job_ids": [row["job_id"] for row in again]}
        await conn.execute(*SQL["expect"](now=now, **which))
    numbered = [_next(row, counts[row["job_id"]], held[row["job_id"]].epoch) for row in fresh]
    if not numbered:
        return
    names = ("device_ids", "job_ids", "epochs", "numbers", "strata", "places")
    await conn.execute(*SQL["number"](now=now, **dict(zip(names, map(list, zip(*numbered, strict=True)), strict=True))))
    for job_id in sorted({row["job_id"] for row in fresh}):
        offered, *strata = counts[job_id]
        await conn.execute(*SQL["count"](job_id=job_id, offered=offered, strata=strata))


def _next(row: Row, count: list[int], epoch: int) -> tuple[UUID, int, int, int, int, int]:
    """The offer's place among all and in its stratum; `count` counts both on."""
    stratum = row["stratum"]
    count[ALL] += 1
    if stratum:
        count.extend([0] * (stratum + 1 - len(count)))
        count[stratum] += 1
    return row["device_id"], row["job_id"], epoch, count[ALL], stratum, count[stratum] if stratum else 0


async def note_strata(conn: Connection, job_id: int, device_ids: Sequence[UUID]) -> None:
    """The job's filling made tasks of these devices: strata that they are of and that are new get numbers."""
    await conn.execute(*SQL["add_strata"](job_id=job_id, device_ids=device_ids, most=STRATA_MAX))


# --- verdicts are judged ---


async def heard(
    conn: Connection, changed: Sequence[tuple[Task, Task]], stepped: Sequence[TaskRef], now: datetime
) -> None:
    """These tasks of jobs with waves or a guard, as they were and are saved in this transaction, which does nothing
    more; the jobs that they show to be bad are halted when it commits. Of those that came to a step no verdict is due
    before the next step's offer."""
    unoffered = [a.ref for b, a in changed if b.is_open and a.outcome == Outcome.ALREADY_THERE]
    if unoffered:
        await conn.execute(*SQL["already_there"](**_which(unoffered)))
    told = [(a.ref, verdict(b, a)) for b, a in changed]
    verdicts = {ref: found for ref, found in told if found is not None}
    jobs = {ref.job_id for ref in (*verdicts, *stepped)}
    held = await hold(conn, jobs) if jobs else {}
    if held and stepped:
        await conn.execute(*SQL["expect_none"](**_which(stepped)))
    if held:
        await judge(conn, verdicts, held, now)


async def judge(
    conn: Connection, verdicts: Mapping[TaskRef, str], held: Mapping[int, Offered], now: datetime
) -> None:  # fmt: skip
    """First offers have these verdicts, of jobs whose budgets are held; of others nothing is known. One that takes the
    place of silence is taken from the score, which changes no act that was taken."""
    known = {ref: verdict for ref, verdict in verdicts.items() if ref.job_id in held}
    rows = await conn.fetch(
        *SQL["give_verdicts"](verdicts=list(known.values()), provisional=sorted(PROVISIONAL), **_which(list(known)))
    )
    moves: dict[int, Moves] = {}
    for row in rows:
        if row["epoch"] == held[row["job_id"]].epoch and row["number"]:  # of an earlier one a person has taken the risk
            moves.setdefault(row["job_id"], Moves()).note(row)
    for job_id, moved in sorted(moves.items()):
        await _judge(conn, held[job_id], moved, now)


@dataclass(slots=True)
class Moves:
    """The numbers of offers that come to the scores of one job's tests, and that leave them, by their strata."""

    come: dict[int, list[int]] = field(default_factory=dict)
    go: dict[int, list[int]] = field(default_factory=dict)

    def note(self, row: Row) -> None:
        """A verdict that was given."""
        fed, feeds = row["former"] in FEEDS, row["verdict"] in FEEDS
        if fed is not feeds:
            self._put(self.come if feeds else self.go, row)
        if row["verdict"] == Outcome.REJECTED:
            self.come.setdefault(REJECTED, []).append(row["number"])

    def _put(self, into: dict[int, list[int]], row: Row) -> None:
        into.setdefault(ALL, []).append(row["number"])
        if row["stratum"]:
            into.setdefault(row["stratum"], []).append(row["place"])


def _which(refs: Sequence[TaskRef]) -> dict[str, list[Any]]:
    return {"device_ids": [ref.device_id for ref in refs], "job_ids": [ref.job_id for ref in refs]}


@dataclass(frozen=True, slots=True)
class Tests:
    """What each stratum of a job is tested by, and from which part of alpha on it halts; None: by nothing."""

    watch: Watch
    strata: int

    def of(self, stratum: int) -> Guard | Share:
        """The test."""
        if stratum == REJECTED:
            return self.watch.rejected
        return self.watch.test if stratum or self.watch.share is None else self.watch.share

    def alpha(self, stratum: int) -> float | None:
        """Its part of alpha. A plain share has all of it, and no stratum is tested beside it."""
        if stratum == REJECTED:
            return self.watch.rejected.alpha
        if self.watch.share is not None:
            return None if stratum else self.watch.test.alpha
        of_all, of_each = shares(self.watch.test, self.strata)
        return (of_each or None) if stratum else of_all


async def _judge(conn: Connection, of: Offered, moves: Moves, now: datetime) -> None:
    row = await conn.fetchrow(*SQL["guard_of"](job_id=of.job_id))
    if row is None:
        raise RuntimeError(f"job {of.job_id} has offers that are numbered, and no guard")
    tests = Tests(watch_of(row["guard"]), row["strata"])
    for stratum in sorted(moves.come.keys() | moves.go.keys()):
        await _keep(conn, of, tests, stratum, moves)
    if of.is_halted:
        return
    looks = {n: await _look(conn, of, tests, n) for n in sorted(moves.come) if tests.alpha(n) is not None}
    tripping = {stratum: found for stratum, found in looks.items() if found is not None and found.halts}
    if tripping:
        await _trip(conn, of, tests, tripping, now)


async def _keep(conn: Connection, of: Offered, tests: Tests, stratum: int, moves: Moves) -> None:
    which = {"job_id": of.job_id, "epoch": of.epoch, "stratum": stratum}
    come, go = (failures_by_stretch(each.get(stratum, ())) for each in (moves.come, moves.go))
    rows = await conn.fetch(*SQL["numbers_of"](stretches=sorted(come.keys() | go.keys()), **which))
    known = {row["stretch"]: row["numbers"] for row in rows}
    for stretch in sorted(come.keys() | go.keys()):
        every = sorted({*known.get(stretch, ()), *come.get(stretch, ())} - set(go.get(stretch, ())))
        peaks = [part for peak in stretch_of(tests.of(stratum), every).peaks for part in (peak.failed, peak.offered)]
        await conn.execute(*SQL["keep_stretch"](stretch=stretch, numbers=every, peaks=peaks, **which))


async def _look(conn: Connection, of: Offered, tests: Tests, stratum: int) -> Evidence | None:
    """What a stratum shows, or all; None where too few of it failed."""
    rows = await conn.fetch(*SQL["stretches"](job_id=of.job_id, epoch=of.epoch, stratum=stratum))
    return look(tests.of(stratum), [_stretch(row) for row in rows], tests.alpha(stratum))


def _stretch(row: Row) -> Stretch:
    parts = row["peaks"]
    peaks = (Peak(failed, offered) for failed, offered in zip(parts[::2], parts[1::2], strict=True))
    return Stretch(row["failed"], tuple(peaks))


async def _trip(
    conn: Connection, of: Offered, tests: Tests, tripping: Mapping[int, Evidence], now: datetime
) -> None:  # fmt: skip
    """Hold fast why the job is halted: the test that tripped, a stratum's before that of all since it says more, and
    the stratum that speaks most against the package."""
    known = {row["stratum"]: row for row in await conn.fetch(*SQL["strata"](job_id=of.job_id))}
    looks = {stratum: await _look(conn, of, tests, stratum) for stratum in known}
    found = {stratum: evidence for stratum, evidence in looks.items() if evidence is not None}
    tripped = max(tripping, key=lambda stratum: (stratum > ALL, tripping[stratum].score - tripping[stratum].bound))
    rows = await conn.fetch(*SQL["commonest"](job_id=of.job_id, most=REASONS))
    reasons = [(row["reason"], row["n"]) for row in rows]
    halt = {"test": _name(tests, tripped)} | _told(tripping[tripped], known.get(tripped))
    halt["reasons"] = [list(reason) for reason in reasons]
    most = max(found, key=lambda stratum: found[stratum].score, default=None)
    if most is not None:
        halt["strongest"] = _told(found[most], known[most])
    is_told = most not in (None, tripped) and len(known) > 1 and tripped != REJECTED
    other = (found[most], _whose(known[most])) if most is not None and is_told else None
    did = "rejected it" if tripped == REJECTED else "failed"
    halt["text"] = told(tripping[tripped], _whose(known.get(tripped)), reasons, other, did=did)
    await conn.execute(*SQL["trip"](job_id=of.job_id, now=now, halt=json.dumps(halt)))


def _name(tests: Tests, stratum: int) -> str:
    if stratum == REJECTED:
        return "rejected"
    return "stratum" if stratum else "all" if tests.watch.share is None else "percent"


def _told(evidence: Evidence, stratum: Row | None) -> dict[str, Any]:
    low, high = interval(evidence.failed, evidence.offered)
    of = {} if stratum is None else {n: stratum[n] for n in ("vendor", "module", "source_version") if stratum[n]}
    return {
        **of, "failed": evidence.failed, "offered": evidence.offered,
        "score": round(evidence.score, 3), "bound": round(evidence.bound, 3),
        "failed_percent": [round(100 * low, 1), round(100 * high, 1)],
    }  # fmt: skip


def _whose(stratum: Row | None) -> str:
    if stratum is None:
        return "devices"
    vendor, source = stratum["vendor"], stratum["source_version"]
    return "devices" + (f" of {vendor}" if vendor else "") + (f" that ran {source}" if source else "")


async def failing(conn: Connection, job_id: int) -> Failing | None:
    """What the guard of a job has seen of all its devices; None of a job without one. Reads a row for every 1,024
    offers."""
    row = await conn.fetchrow(*SQL["guard_shown"](job_id=job_id))
    if row is None:
        return None
    tests, offered = Tests(watch_of(row["guard"]), row["strata"]), row["offered"]
    rows = await conn.fetch(*SQL["stretches"](job_id=job_id, epoch=row["epoch"], stratum=ALL))
    failed = sum(each["failed"] for each in rows)
    low, high = interval(failed, offered)
    at = halts_at(tests.of(ALL), offered, tests.alpha(ALL))
    return Failing(offered=offered, failed=failed, halts_at=at, low=low, high=high)


async def renew(conn: Connection, job_id: int) -> None:
    """A person lets a locked job go on that was halted: a new score begins, and what was shown stays shown."""
    await conn.execute(*SQL["renew"](job_id=job_id))
