"""Rollouts in waves: their devices dealt to them, each wave gone through, the next one opened (ADR 0039; L13).

All that is done here is done in steps of a bounded size, by whichever process has its turn, from rows alone: a process
that was killed leaves nothing undone and nothing done twice. Once all tasks are made each device is dealt to a wave in
the order of its lot, and then the first wave opens. Going through the open wave makes its offers due where a device is
connected, and counts whom it has not reached. When the next one may open is `domain/rollout.py: judge` to say; it opens
by compare-and-set on the job's row, with the numbers written down beside it.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from upwell.domain.errors import Held
from upwell.domain.events import OF_DECISIONS
from upwell.domain.guard import Guard, Watch, interval
from upwell.domain.outcomes import APART
from upwell.domain.rollout import (
    DEALING,
    FILLING,
    FILLING_WHOLE,
    UNDEALT,
    Judgement,
    Lacks,
    Result,
    Seen,
    Wave,
    judge,
    preset,
    sizes,
    told,
    wave_of,
)
from upwell.service.context import Context
from upwell.service.journal import tell
from upwell.service.upgrade import acts, counters, events, guards, named_waves
from upwell.service.upgrade.fill import PATIENCE, Chunk, Waiting
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import kept_waves, said_waves
from upwell.storage.queries import sheet

log = logging.getLogger(__name__)
SQL = sheet("waves")
_FILL = sheet("fill")
MEMBERS = 500  # devices that are dealt or gone through in one transaction
WAITING_MAX = 500  # jobs that are looked at in one turn
LOOK_S = (1.0, 10.0)  # the shortest and longest pause between two looks at a wave of which nothing new is heard
PASS_S = (2.0, 60.0)  # between two passes through a wave
LAST_PASSES = 3  # through the last wave: after these no statement that began before it opened is under way
UPWELL = "upwell"  # who opens a wave by its rule
NOTHING = Chunk(more=False, moved=False)
HELD = Chunk(more=True, moved=False)
MOVED = Chunk(more=True, moved=True)
_PLACE = ("lot", "device", "nth")


async def waiting(ctx: Context) -> list[Waiting]:
    """Jobs whose waves are to be dealt or looked at now."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["waiting"](now=ctx.now(), at_most=WAITING_MAX))
    return [Waiting(row["job_id"], row["is_new"]) for row in rows]


async def step_one(ctx: Context, job_id: int) -> Chunk:
    """One step of a job: some devices dealt or gone through, or a look whether the next wave may open."""

    async def body(conn: Connection) -> Chunk | None:
        await conn.execute(*_FILL["begin_chunk"](lock_timeout=PATIENCE))
        return await _step(ctx, conn, job_id)

    try:
        done = await ctx.upkeep.transact(body)
    except Held:
        return HELD
    return done or await _turn(ctx, job_id)


async def add(conn: Connection, job_id: int, waves: str | Sequence[Wave], salt: str, watch: Watch | None) -> None:
    """A job that is being made has these waves, or those of a preset, and this guard."""
    guard = None if watch is None else guards.kept(watch)
    is_named = not isinstance(waves, str) and any(wave.is_named for wave in waves)
    kept = {"waves": json.dumps(kept_waves(waves)), "guard": guard, "is_named": is_named}
    await conn.execute(*SQL["add_rollout"](job_id=job_id, salt=salt, **kept))
    if watch is not None:
        await guards.guard(conn, job_id)


# --- steps that only go on ---


async def _step(ctx: Context, conn: Connection, job_id: int) -> Chunk | None:
    """What needs the job's row is not done here, and None comes back."""
    row = await conn.fetchrow(*SQL["lock_rollout"](job_id=job_id))
    if row is None:
        return NOTHING
    if row["open_wave"] <= FILLING:
        return None
    if row["named"] is not None:
        await named_waves.find_some(conn, row)
        return MOVED
    if row["dealt"] < row["targets"]:
        await (named_waves.deal_rest if row["is_named"] else _deal)(conn, row)
        return MOVED
    return None if row["open_wave"] == DEALING else await _look(ctx, conn, row)


async def _deal(conn: Connection, row: Row) -> None:
    """The next devices of the lot come to their waves."""
    job_id, before = row["job_id"], row["dealt"]
    lots = await conn.fetch(*SQL["next_lots"](job_id=job_id, at_most=MEMBERS, below=None, **_after(row)))
    by_wave = [each["size"] for each in await conn.fetch(*SQL["waves_of"](job_ids=[job_id]))]
    dealt = [wave_of(before + n, by_wave) for n in range(1, len(lots) + 1)]
    which = {"job_id": job_id, **_members(lots)}
    await conn.execute(*SQL["lock_members"](**which))
    moves = await conn.fetch(*SQL["deal"](waves=dealt, **which))
    last = wave_of(before, by_wave) if before else 1
    for place, wave in enumerate(dealt):
        if wave != last:
            behind = lots[place - 1] if place else None
            await conn.execute(*SQL["begins_after"](job_id=job_id, wave=wave, **(_place(behind) or _after(row))))
        last = wave
    # A lot whose task is gone leaves its place to nobody: all lots count as dealt when there are no more of them.
    count = before + len(lots) if lots else row["targets"]
    await conn.execute(*SQL["advance_dealing"](job_id=job_id, dealt=count, **(_place_of_last(lots) or _after(row))))
    await counters.move(conn, counters.moves_in(moves))


async def _look(ctx: Context, conn: Connection, row: Row) -> Chunk | None:
    """A part of a pass through the open wave where one is due, else a look whether the next may open."""
    now, wave = ctx.now(), await _wave(conn, row)
    is_last = wave["wave"] == wave["last"]
    over = is_last and row["passes"] >= LAST_PASSES
    if not over and row["pass_at"] <= now:
        return await _go_through(conn, row, wave, now)
    if over:
        await conn.execute(*SQL["rest"](job_id=row["job_id"]))
        return Chunk(more=False, moved=True)
    if is_last:
        await _look_later(conn, row, row["heard"], None, now, row["pass_at"])
        return Chunk(more=False, moved=True)
    seen, judgement = await _judged(conn, row, wave, now)
    if judgement.lacks is None and row["paused_at"] is None and not row["unapproved"]:
        return None
    ready_at = None if judgement.result is None else wave["ready_at"] or now
    await conn.execute(*SQL["set_ready"](job_id=row["job_id"], wave=wave["wave"], ready_at=ready_at))
    soaked_at = judgement.until if judgement.lacks is Lacks.SOAK else None
    await _look_later(conn, row, seen.verdicts, judgement.lacks, now, row["pass_at"], soaked_at, soon=True)
    return Chunk(more=False, moved=True)


async def _look_later(
    conn: Connection, row: Row, heard: int, lacks: Lacks | None, now: datetime, *until: datetime | None,
    soon: bool = False,
) -> None:  # fmt: skip
    """The next look is at the first of these times; where verdicts may come, soon after one came."""
    pause_s = LOOK_S[0] if heard != row["heard"] else min(LOOK_S[1], 2 * row["pause_s"])
    times = [each for each in until if each is not None] + ([now + timedelta(seconds=pause_s)] if soon else [])
    told = {"heard": heard, "lacks": lacks or "", "now": now}
    await conn.execute(*SQL["look_later"](job_id=row["job_id"], pause_s=pause_s, next_at=min(times), **told))


async def _go_through(conn: Connection, row: Row, wave: Row, now: datetime) -> Chunk:
    job_id = row["job_id"]
    after = _after(row) if row["after_lot"] is not None else _after(wave)
    to = {f"to_{name}": wave[f"to_{name}"] for name in _PLACE}
    which = SQL["members"](job_id=job_id, opened_at=wave["opened_at"], at_most=MEMBERS, **after, **to)
    some = await conn.fetch(*which)
    due = _members([each for each in some if each["is_to_be_due"]])
    if due["device_ids"]:
        await conn.execute(*SQL["lock_members"](job_id=job_id, **due))
        await conn.execute(*SQL["make_due"](job_id=job_id, now=now, **due))
    counting = row["counting"] + sum(each["is_unreached"] for each in some)
    if len(some) == MEMBERS:
        await conn.execute(
            *SQL["advance_pass"](job_id=job_id, counting=counting, next_at=now, **(_place_of_last(some) or after))
        )
        return MOVED
    pause_s = min(PASS_S[1], PASS_S[0] * 2 ** row["passes"])
    pass_at = now + timedelta(seconds=pause_s)
    await conn.execute(*SQL["end_pass"](job_id=job_id, unreached=counting, pass_at=pass_at, next_at=now))
    return MOVED


async def _wave(conn: Connection, row: Row) -> Row:
    found = await conn.fetchrow(*SQL["wave"](job_id=row["job_id"], wave=row["open_wave"]))
    if found is None:
        raise RuntimeError(f"job {row['job_id']} has no wave {row['open_wave']}")
    return found


async def outlook(conn: Connection, row: Row, now: datetime, *, is_paused: bool) -> str:
    """What happens next with the waves of a rollout, for its owner."""
    if row["open_wave"] <= 0:
        return "Its devices are dealt to waves when it has all its tasks; then wave 1 opens."
    wave = await _wave(conn, row)
    if wave["wave"] == wave["last"]:
        return "Its last wave is open."
    if row["unapproved"]:
        return f"Wave {wave['wave'] + 1} can't open until it is approved."
    if is_paused:
        return f"Wave {wave['wave'] + 1} can't open while it is paused."
    return told((await _judged(conn, row, wave, now))[1], wave["wave"] + 1)


async def judged(conn: Connection, row: Row, now: datetime) -> tuple[Row, Seen]:
    """The open wave of a rollout, and what is known of its devices."""
    wave = await _wave(conn, row)
    return wave, (await _judged(conn, row, wave, now))[0]


async def _judged(conn: Connection, row: Row, wave: Row, now: datetime) -> tuple[Seen, Judgement]:
    seen = (await seen_by_wave(conn, row["job_id"])).get(wave["wave"], Seen())
    if row["is_named"] and not wave["size"]:
        return seen, Judgement(result=Result.INCONCLUSIVE)  # it can't wait for anybody
    test = Guard() if row["guard"] is None else guards.watch_of(row["guard"]).test
    seen = replace(seen, unreached=min(seen.open, row["unreached"] or 0))
    return seen, judge(seen, test, timedelta(minutes=wave["soak_min"]), wave["ready_at"], now)


async def seen_by_wave(conn: Connection, job_id: int) -> Mapping[int, Seen]:
    """Where the devices of each wave stand, by the counters alone; none is known to be unreached."""
    counted: dict[int, dict[tuple[str, str], int]] = {}
    for row in await conn.fetch(*SQL["seen_by_wave"](job_id=job_id)):
        counted.setdefault(row["wave"], {})[row["state"], row["outcome"]] = row["n"]
    return {wave: Seen.of(of_wave) for wave, of_wave in counted.items()}


# --- steps that change what may be offered ---


async def _turn(ctx: Context, job_id: int) -> Chunk:
    """The dealing begins, or a wave opens, unless somebody has the job now."""

    async def body(conn: Connection) -> Chunk:
        if await conn.fetchrow(*SQL["lock_job"](job_id=job_id)) is None:
            return HELD
        row = await conn.fetchrow(*SQL["lock_rollout"](job_id=job_id))
        if row is None:
            return HELD
        if row["open_wave"] <= FILLING:
            await _begin_dealing(conn, row)
            return MOVED
        now = ctx.now()
        if row["open_wave"] == DEALING:
            numbers = {"targets": row["targets"], "salt": row["salt"]}
            await open_next(conn, row, now, UPWELL, "opened", reason="It is the first.", numbers=numbers)
            return MOVED
        wave = await _wave(conn, row)
        seen, judgement = await _judged(conn, row, wave, now)
        if wave["wave"] < wave["last"] and judgement.lacks is None:
            await open_next(
                conn, row, now, UPWELL, "opened", result=str(judgement.result), reason=_why(seen, judgement, wave),
                numbers=numbers_of(seen, wave),
            )  # fmt: skip
        return MOVED

    return await ctx.upkeep.transact(body)


async def _begin_dealing(conn: Connection, row: Row) -> None:
    """All tasks are made; how many devices each wave has is known now. Those of an only wave are of it already."""
    job_id, is_whole = row["job_id"], row["open_wave"] == FILLING_WHOLE
    await acts.alone(conn, job_id)
    await conn.execute(*SQL["begin_dealing"](job_id=job_id))
    targets = await conn.fetchval(*SQL["count_of_wave"](job_id=job_id, wave=1 if is_whole else UNDEALT))
    said = said_waves(json.loads(row["waves"]))
    waves = preset(said, targets) if isinstance(said, str) else said
    if not row["is_named"]:
        soaks = [wave.soak_min for wave in waves]
        await conn.execute(*SQL["add_waves"](job_id=job_id, sizes=sizes(waves, targets), soaks=soaks))
    await conn.execute(*SQL["set_targets"](job_id=job_id, targets=targets, dealt=targets if is_whole else 0))


async def open_next(
    conn: Connection, row: Row, now: datetime, by: str, what: str, *, numbers: Mapping[str, Any], result: str = "",
    reason: str = "",
) -> bool:  # fmt: skip
    """The next wave of a job opens, whose row and rollout the caller has locked; False where it may not any more. It is
    written down with the numbers that it was decided on."""
    job_id, former = row["job_id"], row["open_wave"]
    wave = max(former, 0) + 1
    await acts.alone(conn, job_id)
    if await conn.fetchval(*SQL["open"](job_id=job_id, former=former, wave=wave, now=now)) is None:
        return False
    await conn.execute(*SQL["opened"](job_id=job_id, wave=wave, now=now, by=by))
    await decide(conn, job_id, now, what, by, wave=wave, result=result, reason=reason, numbers=numbers)
    tell(log, "wave opened", job=job_id, wave=wave, by=by, result=result, why=reason)
    return True


async def decide(
    conn: Connection, job_id: int, now: datetime, what: str, by: str, *, wave: int | None, numbers: Mapping[str, Any],
    result: str = "", reason: str = "",
) -> None:  # fmt: skip
    """Write down a decision about a locked job, and tell of it."""
    told = {"by": by, "wave": wave, "result": result, "reason": reason}
    await conn.execute(*SQL["decide"](job_id=job_id, now=now, what=what, numbers=json.dumps(dict(numbers)), **told))
    if what in OF_DECISIONS:
        facts = told | ({"numbers": dict(numbers)} if numbers else {})
        await events.tell_job(conn, job_id, OF_DECISIONS[what], now, **facts)


def numbers_of(seen: Seen, wave: Row) -> dict[str, Any]:
    """What a decision about a wave is made on; the interval is Wilson's, of the share that fails, in percent."""
    low, high = interval(seen.failed, seen.verdicts)
    return {
        "size": wave["size"], "reached": seen.reached, "fine": seen.fine, "failed": seen.failed, "open": seen.open,
        "carried": seen.unreached, "failed_percent": [round(100 * low, 1), round(100 * high, 1)],
    } | {name: n for name in sorted(APART) if (n := getattr(seen, name))}  # fmt: skip


def _why(seen: Seen, judgement: Judgement, wave: Row) -> str:
    if not wave["size"]:
        return f"Wave {wave['wave']} is empty: none of the rollout's devices is of it."
    known = (
        f"Of wave {wave['wave']} {seen.verdicts} of {seen.reached} reached devices have a verdict, {seen.failed} failed"
    )
    if judgement.result is Result.INCONCLUSIVE:
        return f"{known}: too few ever to be evidence, and none speaks against going on."
    return f"{known}: enough to go on."


# --- places in the lot ---


def _after(row: Row) -> dict[str, Any]:
    return {f"after_{name}": row[f"after_{name}"] for name in _PLACE}


def _place(lot: Row | None) -> dict[str, Any] | None:
    """Behind that lot; None where there is none."""
    if lot is None:
        return None
    return {"after_lot": lot["lot"], "after_device": lot["device_id"], "after_nth": lot["nth"]}


def _place_of_last(lots: Sequence[Row]) -> dict[str, Any] | None:
    return _place(lots[-1]) if lots else None


def _members(lots: Sequence[Row]) -> dict[str, list[Any]]:
    return {"device_ids": [each["device_id"] for each in lots], "nths": [each["nth"] for each in lots]}
