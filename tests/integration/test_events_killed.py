"""Law L16 with kill -9: two processes on one database, a receiver that fails, lies and hangs up. What was answered is
told at least once, and what is of one subject in its order."""

import asyncio
import contextlib
from random import Random

import httpx
import pytest
from tests.prove.rollout import Process
from tests.webhook_receiver import Heard, answer, receiving, verified

from upwell.service.context import Context
from upwell.service.manage import access

PINGS = 6  # between two kills
SOON = """
from datetime import timedelta
from upwell.domain import retrying
from upwell.service.upgrade import deliveries
retrying.PAUSES_S = (0.1,)
deliveries.LEASE = timedelta(seconds=2)
"""  # pauses and leases as short as the test is


@pytest.mark.timeout(240)
async def test_every_event_arrives_in_its_order_whoever_is_killed(ctx: Context, dsn: str) -> None:
    token = (await access.create_key(ctx, "acme", "admin", "upwell", is_token=True)).secret
    dice = Random(16)

    def answers(heard: Heard) -> bytes:
        lies = [answer(500), answer(302, "Location: http://127.0.0.1:1/"), b"", b"HTTP/1.1 2", b"220 smtp\r\n"]
        return dice.choice(lies) if dice.random() < 0.3 else answer(200, body=b"thanks")

    nodes = [Process("--database-url", dsn, "--allow-private-push", broken_by=SOON) for _ in range(2)]
    try:
        for node in nodes:
            await asyncio.to_thread(node.start)
        async with receiving(answers=answers) as receiver, httpx.AsyncClient(timeout=20) as client:
            client.headers["Authorization"] = f"Bearer {token}"

            async def ask(node: Process, method: str, path: str, **more: object) -> httpx.Response:
                return await client.request(method, f"http://127.0.0.1:{node.http}/v1{path}", **more)  # type: ignore[arg-type]

            made = (await ask(nodes[0], "POST", "/hooks", json={"target_url": receiver.url})).json()
            done = 0
            for round_ in range(3):
                victim, other = nodes[round_ % 2], nodes[1 - round_ % 2]
                for number in range(PINGS):
                    with contextlib.suppress(httpx.TransportError):  # whether it was done nobody knows
                        told = await ask(victim if number % 2 else other, "POST", f"/hooks/{made['id']}/ping")
                        done += told.status_code == 202
                    if number == PINGS // 2:
                        await asyncio.to_thread(victim.kill)
                await asyncio.to_thread(victim.start)
            pings = []
            while len(pings) < done or not {each["id"] for each in pings} <= set(receiver.ids):
                await asyncio.sleep(0.1)
                got = await ask(nodes[0], "GET", "/events?type=upwell.hook.ping&limit=200")
                pings = got.json()["items"]
            assert done >= 2 * PINGS and len({each["subject"] for each in pings}) == 1
            whole = [each["id"] for each in pings]
            assert [each for each in receiver.ids if each in set(whole)] == whole
            assert all(verified(heard, [made["secret"]]) for heard in receiver.heard)
    finally:
        for node in nodes:
            node.stop()
