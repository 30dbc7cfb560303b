"""kill -9 of a real server in the middle of a plan, once or again and again: the one that is started afterwards ends it
with the answer that nobody disturbed gave, and each device is counted once (ADR 0042)."""

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from alibabacloud_iot20180120 import models as m
from bench.plans import FLEET
from tests.prove.rollout import Process, package

from upwell.service.clock import utc_now

DONE_WITHIN_S = 60.0
ASK_S = 0.005
STANDS = "select looked, status from survey where survey_id = (select max(survey_id) from survey)"


@pytest.fixture
def server() -> Iterator[Process]:
    process = Process()
    process.start()
    yield process
    process.stop()


class Asked:
    """A product of so many devices, and plans of one rollout over all of them."""

    def __init__(self, server: Process, count: int) -> None:
        client = server.client()
        name = m.CreateProductRequest(product_name="plans", node_type=0)
        self.server, self.count, self.product = server, count, client.create_product(name).body.product_key
        self.v1 = server.v1()
        package(client, self.product, b"image", "1.3")
        [made] = self.v1.get("/packages", params={"product_id": self.product}).raise_for_status().json()["items"]
        target = {"product_id": self.product, "package_id": made["id"]}
        self.body = {"kind": "static", "targets": {"all": True}, "preset": "careful", "guard": {}, **target}
        asyncio.run(self._filled())

    async def _filled(self) -> None:
        conn: asyncpg.Connection[Any] = await asyncpg.connect(self.server.dsn)
        try:
            product_id = await conn.fetchval("select product_id from product where product_key = $1", self.product)
            await conn.execute(FLEET, product_id, utc_now(), self.count)
            await conn.execute("update presence set node_id = null")  # of no process that runs
            await conn.execute("vacuum analyze")
        finally:
            await conn.close()

    def plan(self) -> str:
        """A plan that is under way."""
        return str(self.v1.post("/rollouts/plan", json=self.body).raise_for_status().json()["id"])

    def told(self, plan: str) -> dict[str, Any]:
        """All of it that is no time and no name of its own, once it is done."""
        deadline = time.monotonic() + DONE_WITHIN_S
        while (found := self.v1.get(f"/plans/{plan}").raise_for_status().json())["status"] != "done":
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return {name: value for name, value in found.items() if name not in ("id", "started_at", "ended_at")}


async def _killed_in_a_part(server: Process, beyond: int) -> int:
    """Killed while a part behind so many devices is counted and not written down: nobody can write it, for its row is
    held from here. How many had been looked at. Its PostgreSQL goes with it."""
    conn: asyncpg.Connection[Any] = await asyncpg.connect(server.dsn)
    while True:
        held = conn.transaction()
        await held.start()
        row = await conn.fetchrow(f"{STANDS} for update")
        assert row is not None and row["status"] == "running", "it was over too soon to be killed"
        if row["looked"] > beyond:
            await _until_waited_for(conn)
            server.kill()
            conn.terminate()
            return int(row["looked"])
        await held.rollback()
        await asyncio.sleep(ASK_S)


async def _until_waited_for(conn: Any) -> None:
    """Somebody has counted the next part, and waits for the row."""
    deadline = time.monotonic() + DONE_WITHIN_S
    while not await conn.fetchval("select exists (select from pg_locks where not granted)"):
        assert time.monotonic() < deadline, "nobody goes on with the plan"
        await asyncio.sleep(ASK_S)


@pytest.fixture
def asked(server: Process, request: pytest.FixtureRequest) -> Iterator[Asked]:
    found = Asked(server, request.param)
    yield found
    found.v1.close()


@pytest.mark.parametrize("asked", [100_000], indirect=True)
def test_a_plan_that_is_killed_in_a_part_ends_with_the_same_answer(server: Process, asked: Asked) -> None:
    undisturbed = asked.told(asked.plan())
    assert undisturbed["looked"] == 100_000 and undisturbed["kept"]
    plan, before = asked.plan(), -1
    for _ in range(2):
        looked = asyncio.run(_killed_in_a_part(server, before))
        assert before < looked < 100_000, "in the middle"
        before = looked
        server.start()
    assert asked.told(plan) == undisturbed


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("asked", [300_000], indirect=True)
def test_plans_survive_50_kills(server: Process, asked: Asked) -> None:
    """At any moment."""
    dice, kills, met = random.Random(50), 0, 0
    undisturbed = asked.told(asked.plan())
    while kills < 50:
        plan = asked.plan()
        for _ in range(5):
            time.sleep(dice.uniform(0.0, 1.0))
            met += asked.v1.get(f"/plans/{plan}").json()["status"] == "running"
            server.kill()
            server.start()
            kills += 1
        assert asked.told(plan) == undisturbed
    assert met > kills / 4
