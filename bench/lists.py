"""A job of 1,000,000 devices: made from an uploaded list of names, filled, and looked at page by page."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.fleet import device_id
from upwell.service.clock import utc_now
from upwell.service.context import Context
from upwell.service.manage import jobs, packages, products, task_views, uploads
from upwell.service.manage.access import Caller
from upwell.service.upgrade import endings, fill

DEVICES = 1_000_000


async def measure(ctx: Context, caller: Caller) -> None:
    """Print seconds and milliseconds."""
    product = await products.create_product(ctx, caller, c.CreateProduct(name="lists"))
    names = [f"device-{n:07d}" for n in range(DEVICES)]
    print(f"{DEVICES} devices copied: {await _seconds(lambda: _register(ctx, product.product_key, names)):.1f} s")
    url = await _upload(ctx, caller, "\n".join(names).encode())
    package = await _package(ctx, caller)
    cmd = c.CreateJob(kind="static", package_ids=(package,), product_key=product.product_key, device_list_url=url)
    began = time.perf_counter()
    job = (await jobs.create_job(ctx, caller, cmd)).job_id
    print(f"job of a list of {DEVICES} names answered: {time.perf_counter() - began:.1f} s")
    print(f"its tasks made: {await _seconds(lambda: _fill(ctx, job)):.1f} s")
    async with ctx.database.connection() as conn:
        await conn.execute("update task set state = 'FAILED' where device_id < '02000000-0000-0000-0000-000000000000'")
        await conn.execute("vacuum analyze task")
    for number, state in ((1, None), (500, None), (1000, None), (1, "FAILED"), (1000, "QUEUED")):
        page = c.ListTasks(job_id=job, asked=Slice.of_page(number, 100), states=frozenset({state} if state else ()))
        spent = await _seconds(lambda page=page: task_views.list_tasks(ctx, caller, page))  # type: ignore[misc]
        print(f"page {number} of 100 tasks, state {state}: {spent * 1000:.0f} ms")
    print(f"looking for ended jobs: {await _seconds(lambda: endings.end_finished(ctx)) * 1000:.1f} ms")


async def _seconds(what: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await what()
    return time.perf_counter() - began


async def _register(ctx: Context, product_key: str, names: list[str]) -> None:
    now = utc_now()
    async with ctx.database.connection() as conn:
        product_id = await conn.fetchval("select product_id from product where product_key = $1", product_key)
        columns = ["device_id", "product_id", "name", "secret", "iot_id", "created_at", "modified_at"]
        rows = ((device_id(product_key, name), product_id, name, "s", name, now, now) for name in names)
        await conn.copy_records_to_table("device", records=rows, columns=columns)


async def _upload(ctx: Context, caller: Caller, text: bytes, purpose: str = "devices") -> str:
    assert ctx.objects is not None
    cmd = c.CreateUploadTicket(suffix="csv", purpose=purpose)
    ticket = await uploads.create_upload_ticket(ctx, caller, cmd, "http://bench")
    await uploads.begin_upload(ctx, ticket.object_key)
    writer = await ctx.objects.create(ticket.object_key)
    await writer.write(text)
    kept = await writer.commit()
    await uploads.finish_upload(ctx, ticket.object_key, kept.size, kept.md5, kept.sha256)
    return ticket.url


async def _package(ctx: Context, caller: Caller) -> int:
    url = await _upload(ctx, caller, b"firmware", "firmware")
    cmd = c.CreatePackage(name="bench", version="2.0", url=url, verify=False)
    return (await packages.create_package(ctx, caller, cmd)).package_id


async def _fill(ctx: Context, job: int) -> None:
    while await fill.fill(ctx, job):
        pass
