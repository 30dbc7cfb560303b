"""`make bench`: how fast, on this machine, in this run. Figures are for reading; nothing here can fail a test.

With yardsticks measured in the same run, and written as JSON: the device doors against a bare edge with group commit
(`devices`), signed management calls (`calls`), a job over a million devices against a raw INSERT (`million`), a list of
new devices as the fleet grows (`imports`), what a job would do, told before, and why its devices are not updated
(`plans`); downloads against nginx (`downloads`); calls with traces against calls without (`traces`); a large database
of 0.1.0 brought to today's schema, with bystanders (`upgrade`; `BENCH_DEVICES=1000000` for more of them). A large
static job by the vendor's SDK; a dynamic one with offers to reporting devices while others report (`static`,
`dynamic`). The MQTT door alone (`edge`). Below the doors: reports applied in batches, and the lists of a job of a
million (`reports`, `lists`).
`make bench ARGS="devices calls --json FILE"` runs the parts that are named.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import uvloop
from alibabacloud_iot20180120 import models as m
from alibabacloud_iot20180120.client import Client
from tests.prove.rollout import Process, package
from tests.prove.test_standing_rules import story

from bench import calls, devices, downloads, edge, imports, lists, million, plans, reports, traces, upgrade
from bench.figures import Figures
from bench.house import house

DEVICES = 100_000
BATCH = 10_000


def register(client: Client, product_key: str) -> float:
    """Seconds to register DEVICES."""
    began = time.perf_counter()
    for _ in range(DEVICES // BATCH):
        answer = client.batch_register_device(m.BatchRegisterDeviceRequest(product_key=product_key, count=BATCH))
        assert answer.body.success, answer.body.to_map()
    return time.perf_counter() - began


def roll_out(client: Client, product_key: str, firmware: str) -> tuple[float, float]:
    """Seconds until the API answered, and until every task existed."""
    began = time.perf_counter()
    job = client.create_otastatic_upgrade_job(
        m.CreateOTAStaticUpgradeJobRequest(firmware_id=firmware, product_key=product_key, target_selection="ALL")
    ).body.data.job_id
    answered = time.perf_counter() - began
    page = m.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=1)
    while client.list_otatask_by_job(page).body.total < DEVICES:
        time.sleep(0.1)
    return answered, time.perf_counter() - began


def static() -> None:
    """A large static job."""
    server = Process()
    server.start()
    try:
        client = server.client()
        product_key = client.create_product(m.CreateProductRequest(product_name="bench", node_type=0)).body.product_key
        firmware = package(client, product_key, b"x" * 1024)
        print(f"register {DEVICES} devices: {register(client, product_key):.1f} s")
        answered, existing = roll_out(client, product_key, firmware)
        print(f"static ALL job over {DEVICES}: answered in {answered * 1000:.0f} ms, all tasks after {existing:.1f} s")
    finally:
        server.stop()


def dynamic() -> None:
    """A large dynamic job."""
    server = Process()
    server.start()
    try:
        for step, value in asyncio.run(story(server, present=DEVICES, reporters=100)).items():
            print(f"dynamic job over {DEVICES}: {step}: {value:.3f}")
    finally:
        server.stop()


def door() -> None:
    """The MQTT door alone."""
    for part in edge.PARTS.values():
        process = edge.Door().start()
        try:
            uvloop.run(part(process))
        finally:
            process.stop()


async def below(part: ModuleType) -> None:
    """A part without doors."""
    async with house() as (ctx, caller):
        await part.measure(ctx, caller)


async def planning() -> None:
    """Plans and reasons, without doors."""
    async with house() as (ctx, caller):
        await plans.measure(FIGURES, ctx, caller)


def all_planning() -> None:
    """The same, and through them with bystanders."""
    asyncio.run(planning())
    plans.measure_beside(FIGURES)


FIGURES = Figures()
PARTS: dict[str, Callable[[], None]] = {
    "devices": partial(devices.measure, FIGURES),
    "calls": partial(calls.measure, FIGURES),
    "traces": partial(traces.measure, FIGURES),
    "downloads": partial(downloads.measure, FIGURES),
    "million": partial(million.measure, FIGURES),
    "imports": partial(imports.measure, FIGURES),
    "plans": all_planning,
    "upgrade": partial(upgrade.measure, FIGURES),
    "edge": door,
    "static": static,
    "dynamic": dynamic,
    "reports": lambda: asyncio.run(below(reports)),
    "lists": lambda: asyncio.run(below(lists)),
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="make bench", description="How fast, on this machine, in this run.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them without any")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the figures are written")
    given = parser.parse_args()
    wanted = given.parts or list(PARTS)
    if unknown := set(wanted) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part in wanted:
        PARTS[part]()
        if FIGURES.found:
            FIGURES.write(given.json)


if __name__ == "__main__":
    main()
