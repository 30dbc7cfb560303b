"""A plan of a rollout over 1,000,000 devices, and why those of the rollout are not updated (`BENCH_DEVICES`: fewer).

The yardstick is what PostgreSQL takes to count the same devices with what they run and where they are, at once.
Then the same through a server's `/v1`, while bystanders of another product report (L14).
"""

import asyncio
import os
import time
from typing import Any

import asyncpg
from tests.prove.rollout import Process

from bench.beside import Beside, beside
from bench.figures import Figures
from upwell.domain import commands as c
from upwell.domain.guard import Watch
from upwell.engine.duties import SURVEYS
from upwell.service.clock import utc_now
from upwell.service.context import Context
from upwell.service.manage import jobs, packages, planning, products, reasons, surveys, uploads
from upwell.service.manage.access import Caller
from upwell.service.upgrade import fill

DEVICES = int(os.environ.get("BENCH_DEVICES", "1000000"))
PLAN_S = 5.0
BYSTANDER_MS = 250.0
ASK_S = 0.1
CAREFUL = c.Care(preset="careful", guard=Watch())
FLEET = """
with d as (
    insert into device (device_id, product_id, name, secret, iot_id, created_at, modified_at)
    select md5(n::text)::uuid, $1, 'device-' || n, 's', 'i' || n, $2, $2
    from generate_series(1, $3::int) n returning device_id
), v as (
    insert into module_version (device_id, module, version, reported_at)
    select device_id, 'default', '1.' || get_byte(uuid_send(device_id), 0) % 5, $2 from d
)
insert into presence (device_id, node_id, online_at, offline_at, vendor)
select device_id, case when get_byte(uuid_send(device_id), 1) % 3 > 0 then gen_random_uuid() end, $2,
       $2::timestamptz - interval '40 days',
       (array['alibaba', 'tuya', 'huawei'])[1 + get_byte(uuid_send(device_id), 2) % 3]
from d
"""


COUNT = """
select count(*) from device d left join module_version mv on mv.device_id = d.device_id and mv.module = 'default'
left join presence pr on pr.device_id = d.device_id where d.product_id = $1 and d.deleted_at is null
"""


async def measure(figures: Figures, ctx: Context, caller: Caller) -> None:
    """Below the doors, with nothing beside."""
    product = await products.create_product(ctx, caller, c.CreateProduct(name="plans"))
    async with ctx.database.connection() as conn:
        product_id = await conn.fetchval("select product_id from product where product_key = $1", product.product_key)
        await conn.execute(FLEET, product_id, utc_now(), DEVICES, timeout=1200)
        await conn.execute("vacuum analyze", timeout=1200)
    cmd = c.CreateJob(
        kind="static", selection="ALL", package_ids=(await _package(ctx, caller, product.product_key),),
        product_key=product.product_key, care=CAREFUL,
    )  # fmt: skip
    began = time.perf_counter()
    plan = await planning.create_plan(ctx, caller, c.CreatePlan(job=cmd))
    figures.note("plan, answered", (time.perf_counter() - began) * 1000, "ms")
    await _counted(ctx)
    plan = await planning.show_plan(ctx, caller, c.ShowPlan(plan_id=plan.plan_id))
    assert plan.status == "done" and plan.looked == DEVICES
    spent = time.perf_counter() - began
    async with ctx.database.connection() as conn:
        count_s = await _count(conn, product_id)
    goal = (f"at most {PLAN_S} s", lambda value, beside: value <= PLAN_S)
    figures.note(f"plan of {DEVICES:,} devices", spent, "s", beside=("one count", count_s), goal=goal)
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    while await fill.fill(ctx, job):
        pass
    began = time.perf_counter()
    await reasons.show_reasons(ctx, caller, c.ShowReasons(job_id=job))
    await _counted(ctx)
    told = await reasons.show_reasons(ctx, caller, c.ShowReasons(job_id=job))
    assert told.status == "done" and told.looked == plan.taken
    figures.note(f"reasons of {told.looked:,} devices", time.perf_counter() - began, "s")


async def _count(conn: Any, product_id: int) -> float:
    """Seconds of the yardstick, when what it reads is at hand."""
    for _ in range(2):
        began = time.perf_counter()
        await conn.fetchval(COUNT, product_id, timeout=1200)
    return time.perf_counter() - began


def measure_beside(figures: Figures) -> None:
    """By `/v1`, with bystanders; a server of its own."""
    server = Process()
    server.start()
    try:
        with beside(server, 10) as cold:
            count_s = asyncio.run(_filled(server.dsn, cold.key))
            _planned(figures, cold, count_s)
    finally:
        server.stop()


async def _filled(dsn: str, key: str) -> float:
    """The product of that key has the fleet; seconds of the yardstick."""
    conn: asyncpg.Connection[Any] = await asyncpg.connect(dsn)
    try:
        product_id = await conn.fetchval("select product_id from product where product_key = $1", key)
        await conn.execute(FLEET, product_id, utc_now(), DEVICES, timeout=1200)
        await conn.execute("update presence set node_id = null where node_id is not null", timeout=1200)
        await conn.execute("vacuum analyze", timeout=1200)
        return await _count(conn, product_id)
    finally:
        await conn.close()


def _planned(figures: Figures, cold: Beside, count_s: float) -> None:
    cold.new_package("1.3")
    with cold.server.v1() as v1:
        [package] = v1.get("/packages", params={"product_id": cold.key}).raise_for_status().json()["items"]
        body = {"kind": "static", "product_id": cold.key, "package_id": package["id"], "targets": {"all": True},
                "preset": "careful", "guard": {}}  # fmt: skip
        with cold.beside("idle", 5.0):
            pass
        with cold.beside("plan") as facts:
            began = time.perf_counter()
            plan = v1.post("/rollouts/plan", json=body).raise_for_status().json()
            while plan["status"] == "running":
                time.sleep(ASK_S)
                plan = v1.get(f"/plans/{plan['id']}").raise_for_status().json()
            facts["plan_s"] = time.perf_counter() - began
    assert plan["status"] == "done" and plan["looked"] >= DEVICES, plan
    goal = (f"at most {PLAN_S} s", lambda value, beside: value <= PLAN_S)
    figures.note("plan by /v1, with bystanders", facts["plan_s"], "s", beside=("one count", count_s), goal=goal)
    waited = (f"under {BYSTANDER_MS:.0f} ms", lambda value, beside: value < BYSTANDER_MS)
    slowest, idle = cold["plan"].slowest_ms, cold["idle"].slowest_ms
    figures.note("bystander's slowest, plan", slowest, "ms", beside=("idle", idle), goal=waited)


async def _counted(ctx: Context) -> None:
    while waiting := await surveys.waiting(ctx):
        await surveys.step(ctx, waiting[0].job_id, SURVEYS)


async def _package(ctx: Context, caller: Caller, product_key: str) -> int:
    ticket = await uploads.create_upload_ticket(ctx, caller, c.CreateUploadTicket(), "http://bench")
    await uploads.begin_upload(ctx, ticket.object_key)
    await uploads.finish_upload(ctx, ticket.object_key, 5, "0" * 32, "1" * 64)
    cmd = c.CreatePackage(name="pack", url=ticket.url, product_key=product_key, version="1.3", verify=False)
    return (await packages.create_package(ctx, caller, cmd)).package_id
