"""Version reports applied in batches, as the gateway gathers them: with no standing rule, and beside many."""

import time
from uuid import UUID, uuid4

from upwell.domain import commands as c
from upwell.domain.fleet import device_id
from upwell.domain.talk import VersionReport
from upwell.service.context import Context
from upwell.service.manage import products, registration
from upwell.service.manage.access import Caller
from upwell.service.upgrade import reports

DEVICES = 10_000
BATCH = 500
ROUNDS = 3


async def measure(ctx: Context, caller: Caller) -> None:
    """Print reports a second."""
    product = await products.create_product(ctx, caller, c.CreateProduct(name="reports"))
    made = await registration.register_devices(
        ctx, caller, c.RegisterDevices(product_key=product.product_key, count=DEVICES)
    )
    ids = [device_id(product.product_key, name) for name in made.names]
    print(f"version reports, batches of {BATCH}, first ones:  {await _rate(ctx, ids, lambda n: '1.0'):>8.0f}/s")
    print(f"version reports, batches of {BATCH}, the same:    {await _rate(ctx, ids, lambda n: '1.0'):>8.0f}/s")
    print(f"version reports, batches of {BATCH}, others:      {await _rate(ctx, ids, lambda n: f'1.{n}'):>8.0f}/s")
    async with ctx.database.connection() as conn:
        rows = "select product_id, 'default', 'v' || n, n, null, '9.9' from product, generate_series(1, 5000) n"
        await conn.execute(f"insert into policy {rows}")
    print(f"the same beside 5,000 standing rules of others:  {await _rate(ctx, ids, lambda n: f'1.{n}'):>8.0f}/s")


async def _rate(ctx: Context, ids: list[UUID], version: object) -> float:
    connection, began = uuid4(), time.perf_counter()
    for number in range(ROUNDS):
        report = VersionReport(module="default", version=version(number), ref="")  # type: ignore[operator]
        for start in range(0, len(ids), BATCH):
            batch = [reports.Incoming(device, connection, report) for device in ids[start : start + BATCH]]
            await reports.apply(ctx, batch)
    return ROUNDS * len(ids) / (time.perf_counter() - began)
