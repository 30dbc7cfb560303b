"""Plans: what a job would do that is not made, counted of its devices as they are found for a job (ADR 0042).

Devices are looked through by the spans that jobs are filled by, and judged by the conditions that their tasks are made
by, so that a plan is what happens, as long as nobody says anything new meanwhile.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import telling
from upwell.domain.approval import is_wanted
from upwell.domain.errors import Conflict
from upwell.domain.plan import EXAMPLES, OUTSIDE, Found, Left, outlook, replayed
from upwell.domain.rollout import Wave
from upwell.domain.stepping import Step, path
from upwell.domain.task import Event, ends
from upwell.domain.why_facts import Code
from upwell.domain.why_told import NEXT
from upwell.service.context import Context
from upwell.service.manage import device_lists, job_care, job_looks, stepping, surveys
from upwell.service.manage.access import Caller, require
from upwell.service.manage.reasons import names_of
from upwell.service.manage.surveys import SQL, Part
from upwell.service.upgrade import limits, named_waves, spans
from upwell.storage.database import Connection, Row
from upwell.storage.job_rows import care_of, kept_care

CHUNK = 10_000  # devices that are judged at once; none of them is locked
SPAN = 20_000  # the same where spans are read as a whole
DENSE = 3  # a span is read as a whole where it has fewer devices than this times those that are meant
LAST = UUID(int=2**128 - 1)
BEFORE, LOOKED_AT, STRETCHES = 5, 100, 1000  # guarded jobs before, among how many, and what is read of each


async def create_plan(ctx: Context, caller: Caller, cmd: c.CreatePlan) -> c.Plan:
    """What the job would do, told while it is counted. Raises as `create_job` does, and TooMany."""
    require(caller, "operator")
    job, plan_id = replace(cmd.job, downgrade=None), ctx.new_id()  # it is told, and refuses nothing

    async def body(conn: Connection) -> c.Plan:
        looked = await job_looks.look(conn, caller, job, ctx.now())
        if job.kind == "dynamic" and await conn.fetchval(*SQL["is_ruled"](package_id=job.package_ids[0])):
            raise Conflict("dynamic_job_is_running", "The package has a dynamic job that is running.")
        asked = await _asked(ctx, conn, cmd, looked)
        if cmd.instead_of is not None:
            await surveys.drop(ctx, conn, caller, "plan", cmd.instead_of, looked.product_id)
        await surveys.begin(
            ctx, conn, caller, "plan", product_id=looked.product_id, asked=asked, survey_id=plan_id
        )  # fmt: skip
        await spans.add_targets(conn, plan_id, looked.targets)
        if job.device_list_url is not None:
            key = await device_lists.add_listed(ctx, conn, caller, job, plan_id, looked.product_id)
            await conn.execute(*SQL["list_stays"](object_key=key))
        return await _shown(conn, caller, plan_id)

    return await ctx.database.transact(body)


async def show_plan(ctx: Context, caller: Caller, cmd: c.ShowPlan) -> c.Plan:
    """The plan as far as it is counted. Raises NotFound."""
    async with ctx.database.connection() as conn:
        return await _shown(conn, caller, cmd.plan_id)


async def _asked(ctx: Context, conn: Connection, cmd: c.CreatePlan, looked: job_looks.Looked) -> dict[str, Any]:
    """What decides the plan, as it is now."""
    job, manner = cmd.job, cmd.job.manner
    row = await conn.fetchrow(
        *SQL["package"](package_id=job.package_ids[0], versions=list(job.source_versions))
    )  # fmt: skip
    assert row is not None  # noqa: S101  # it is locked
    care = await job_care.care_for(conn, job, looked.product_id)
    own = None if care is None or care.pace is None else care.pace.bytes_per_s
    reach = await job_care.reach(conn, job, looked.product_id)
    awaits = care is not None and is_wanted(care.approval, reach)
    care = care if care is not None and care.has_waves else None
    led = {} if looked.way is None else {"sources": list(job.source_versions)}
    return dict(row.items()) | led | {
        "led_from": stepping.led_from(looked.way), "way": await stepping.sized(conn, looked.way),
        "package_id": job.package_ids[0], "kind": job.kind, "selection": job.selection,
        "group_id": job.group_ids[0] if job.group_ids else None, "gray_percent": job.gray_percent,
        "existing": job.dynamic_mode != 2, "overwrite": manner.overwrite, "multi_module": manner.multi_module,
        "per_min": await limits.least(conn, looked.product_id, manner.maximum_per_min),
        "bytes_per_s": await limits.least_flow(conn, looked.product_id, own),
        "protocol": manner.protocol, "away_days": cmd.away_days,
        "until": (await ctx.moment(conn)).isoformat(), "care": None if care is None else kept_care(care),
        "awaits": awaits,
    }  # fmt: skip


# --- counted ---


async def count_some(ctx: Context, conn: Connection, row: Row) -> Part:
    """The next part of a plan."""
    asked, found = json.loads(row["asked"]), Found.of(json.loads(row["found"]))
    job = _as_job(row, asked, found)
    if not asked["existing"]:
        return await _over(conn, row, asked, found)
    if asked["selection"] == "GRAY" and row["stage"] == 0:
        some, walked = await spans.count_share(conn, job, row["after_device"])
        found.counted += some
        found.looked += len(walked.ids)
        found.leave(Code.NOT_TARGETED.value, len(walked.ids) - some, ())
        if walked.ends:
            found.draw(asked["gray_percent"])
        place = {"stage": 1, "after": None} if walked.ends else {"stage": 0, "after": walked.last}
        return Part(found=found.kept(), looked=found.looked, **place)
    if asked["selection"] == "ALL" and asked["group_id"] is None:
        return await _of_product(ctx, conn, row, asked, found)
    span = await spans.next_of(conn, job, CHUNK)
    if span.ids:
        await _judge(ctx, conn, row, asked, found, "classify", device_ids=span.ids, since=None, last=None)
    found.share = span.left
    if asked["selection"] == "GRAY":
        found.drawn += len(span.ids)
    else:
        found.looked += len(span.ids)
    if span.ends:
        return await _over(conn, row, asked, found)
    return Part(found=found.kept(), looked=found.looked, stage=row["stage"], after=span.last)


async def _of_product(ctx: Context, conn: Connection, row: Row, asked: dict[str, Any], found: Found) -> Part:
    """Those of all devices of a product that are next; they need not be named. Two spans are read at once, for what
    each takes is a core's time, and counted in their order, so that a plan is the same whichever was read first."""
    first = await _next_span(conn, row, row["after_device"])
    if first.last is None:
        found.looked += await _count_all(conn, row, asked, found, await _along(ctx, conn, row, asked, first))
        return await _over(conn, row, asked, found)
    async with surveys.beside(ctx) as second_conn:

        async def beside() -> tuple[Sequence[Row], UUID | None]:
            span = await _next_span(second_conn, row, first.last)
            return await _along(ctx, second_conn, row, asked, span), span.last

        task = asyncio.create_task(beside())
        try:
            told = await _along(ctx, conn, row, asked, first)
        finally:
            more, last = await task
    for each in (told, more):
        found.looked += await _count_all(conn, row, asked, found, each)
    if last is None:
        return await _over(conn, row, asked, found)
    return Part(found=found.kept(), looked=found.looked, stage=row["stage"], after=last)


class _Span(NamedTuple):
    """Devices of a product by id, to `last`; None: to the end. Of one that is dense most devices are the product's."""

    since: UUID
    last: UUID | None
    is_dense: bool


async def _next_span(conn: Connection, row: Row, after: UUID | None) -> _Span:
    since = UUID(int=0 if after is None else after.int + 1)
    which = {"product_id": row["product_id"], "since": since}
    span = await conn.fetchrow(*SQL["next_span"](at_most=SPAN, most=DENSE * SPAN, **which))
    assert span is not None  # noqa: S101  # it has no condition
    return _Span(since, span["last"], span["beside"] < DENSE * SPAN)


async def _along(ctx: Context, conn: Connection, row: Row, asked: dict[str, Any], span: _Span) -> Sequence[Row]:
    """Where most devices of their span are its own, each table is read along it; else each device is looked up."""
    which: dict[str, object] = {"since": span.since, "last": span.last or LAST}
    if span.is_dense:
        await conn.execute(*SQL["along_spans"]())
        return await _classified(ctx, conn, row, asked, "classify_span", **which)
    return await _classified(ctx, conn, row, asked, "classify", device_ids=None, **which)


def _as_job(row: Row, asked: dict[str, Any], found: Found) -> dict[str, Any]:
    """As those who fill jobs know one."""
    return {
        "job_id": row["survey_id"], "product_id": row["product_id"], "asks_version": False,
        "cursor_device": row["after_device"], "until": datetime.fromisoformat(asked["until"]), "until_device": None,
        "gray_left": found.share, "source_versions": asked["sources"], "is_delta": _delta_source(asked) is not None,
        **{name: asked[name] for name in ("kind", "selection", "group_id", "module", "source_version", "led_from")},
        "selection": "SPECIFIC" if asked["kind"] == "verify" else asked["selection"],
    }  # fmt: skip


def _delta_source(asked: dict[str, Any]) -> str | None:
    """The one version that its devices must run, unless others are led there."""
    return asked["source_version"] if asked["is_delta"] and asked["led_from"] is None else None


async def _judge(
    ctx: Context, conn: Connection, row: Row, asked: dict[str, Any], found: Found, how: str, **which: object
) -> int:  # fmt: skip
    """Count these devices by that statement; returns how many they are."""
    return await _count_all(conn, row, asked, found, await _classified(ctx, conn, row, asked, how, **which))


async def _classified(
    ctx: Context, conn: Connection, row: Row, asked: dict[str, Any], how: str, **which: object
) -> Sequence[Row]:  # fmt: skip
    """Those of them that stand alike, a row each."""
    told: Sequence[Row] = await conn.fetch(*SQL[how](
        **which, shown=max(CHUNK, SPAN) if _named_waves(asked) else EXAMPLES,
        now=ctx.now(), until=datetime.fromisoformat(asked["until"]),
        product_id=row["product_id"], module=asked["module"], destination=asked["destination"],
        sources=asked["sources"], delta_source=_delta_source(asked), led_from=asked["led_from"],
        away_since=ctx.now() - timedelta(days=asked["away_days"]), overwrite=asked["overwrite"],
        multi_module=asked["multi_module"], is_dynamic=asked["kind"] == "dynamic",
        slot=asked["module"] if asked["multi_module"] else "",
        replaced=[state.value for state, _ in ends(Event.OVERWRITTEN)],
    ))  # fmt: skip
    return told


async def _count_all(
    conn: Connection, row: Row, asked: dict[str, Any], found: Found, told: Sequence[Row]
) -> int:  # fmt: skip
    """Count them; returns how many devices they are."""
    manner = telling.Manner(
        is_several=asked["is_several"], is_delta=asked["is_delta"], protocol=asked["protocol"]
    )  # fmt: skip
    for each in told:
        _count(found, each, manner)
    waves = _named_waves(asked)
    if waves:
        taken = [device for each in told if each["code"] is None for device in each["examples"]]
        for number in (await named_waves.of_devices(conn, waves, row["product_id"], taken)).values():
            found.named[str(number)] = found.named.get(str(number), 0) + 1
    return sum(each["n"] for each in told)


def _named_waves(asked: dict[str, Any]) -> tuple[Wave, ...]:
    """The waves of which some name their devices; else none."""
    care = care_of(asked["care"])
    return () if care is None or not any(wave.is_named for wave in care.waves) else care.waves


def _count(found: Found, row: Row, manner: telling.Manner) -> None:
    examples = [str(UUID(int=device.int)) for device in row["examples"][:EXAMPLES]]
    if row["code"] is not None:
        found.leave(row["code"], row["n"], examples, None if row["beside"] is None else str(row["beside"]))
        return
    found.take(row["n"], row["version"], row["vendor"])
    found.ran_before += row["n"] if row["ran_before"] else 0
    if row["keeps"] is not None:
        found.leave(row["keeps"], row["n"], examples)
    elif telling.limit(row["vendor"], manner) is not None:
        found.leave(Code.NOT_LISTENING.value, row["n"], examples)


async def _over(conn: Connection, row: Row, asked: dict[str, Any], found: Found) -> Part:
    """The last part also looks how the guard would have judged jobs before."""
    found.leave(Code.NOT_TARGETED.value, found.counted - found.drawn, ())
    care = care_of(asked["care"])
    if care is not None and care.guard is not None:
        which = {"product_id": row["product_id"], "account_id": row["account_id"]}
        for job in await conn.fetch(*SQL["guarded_before"](look_at=LOOKED_AT, at_most=BEFORE, **which)):
            rows = await conn.fetch(
                *SQL["numbers_before"](job_id=job["job_id"], epoch=job["epoch"], at_most=STRETCHES)
            )  # fmt: skip
            numbers = [number for each in rows for number in each["numbers"]]
            halt = replayed(care.guard.test, numbers)
            found.before.append({
                "job_id": job["job_id"], "offers": job["offered"], "failed": len(numbers),
                "halts_at": halt and halt.offered, "halts_by": halt and halt.failed,
            })  # fmt: skip
    return Part(found=found.kept(), looked=found.looked, stage=row["stage"], after=row["after_device"], is_over=True)


# --- told ---


async def _shown(conn: Connection, caller: Caller, plan_id: int) -> c.Plan:
    row = await surveys.shown(conn, caller, "plan", plan_id)
    asked, found = json.loads(row["asked"]), Found.of(json.loads(row["found"]))
    care = care_of(asked["care"])
    waves = None if care is None else care.preset or care.waves
    way, goal = asked["way"], asked["destination"]
    guard = None if care is None else care.guard
    seen = outlook(found, waves, asked["per_min"], asked["size"], guard, way, goal, asked.get("bytes_per_s"))
    ids = [UUID(each) for left in found.left.values() for each in left.examples]
    names = await names_of(conn, plan_id, ids)
    versions: list[tuple[str | None, int]] = sorted(found.versions.items(), key=lambda each: (-each[1], each[0]))
    versions += [(None, found.unknown_version)] if found.unknown_version else []
    versions += [("", found.other_versions)] if found.other_versions else []
    steps = {runs: Step(package_id=each[0], version=each[1]) for runs, each in (way or {}).items()}
    return c.Plan(
        plan_id=plan_id, product_key=row["product_key"], package_id=asked["package_id"], status=row["status"],
        problem=row["problem"], looked=row["looked"], taken=found.taken,
        versions=tuple((v, n, tuple(each.version for each in path(steps, v, goal))) for v, n in versions),
        vendors=tuple(sorted(found.vendors.items(), key=lambda each: (-each[1], each[0]))),
        answers=tuple(_answered(code, left, names) for code, left in _most_first(found.left)),
        waves=seen.waves, minutes=seen.minutes, payload=seen.payload,
        needs=tuple((each.offers, each.failures) for each in seen.needs),
        before=tuple(c.Replayed(**each) for each in found.before), ran_before=found.ran_before,
        wants_approval=asked.get("awaits", False), created_at=row["created_at"],
        ended_at=row["ended_at"],
    )  # fmt: skip


def _most_first(left: dict[str, Left]) -> list[tuple[str, Left]]:
    return sorted(left.items(), key=lambda each: (-each[1].n, each[0]))


def _answered(code: str, left: Left, names: Any) -> c.Answered:
    beside = sorted(left.beside.items(), key=lambda each: (-each[1], each[0]))
    return c.Answered(
        code=code, count=left.n, does=NEXT[Code(code)],
        examples=tuple(names[UUID(each)] for each in left.examples if names.get(UUID(each))),
        beside=tuple((int(job), n) for job, n in beside),
        takes_part=Code(code) not in OUTSIDE,
    )  # fmt: skip
