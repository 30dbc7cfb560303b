"""`/readyz` of a whole server: each part taken away in turn is named, and nobody makes it work hard by asking."""

import asyncio
import json
import os
import shutil
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from conftest import free_port
from starlette.requests import Request
from test_command_line import FREE, refusal

from upwell.config.loading import load
from upwell.domain.errors import Unavailable
from upwell.doors import readiness
from upwell.doors.readiness import FINE, Readiness
from upwell.engine import gather
from upwell.engine.gather import Gatherer
from upwell.engine.loop import Loop
from upwell.wiring.server import running

PLACES = {"http": "127.0.0.1:0", "mqtt": "127.0.0.1:0", "download": "127.0.0.1:0"}


async def asked(address: str) -> tuple[int, dict[str, Any]]:
    """Status and body of GET /readyz, once the answer before it is forgotten."""
    await asyncio.sleep(readiness.KEPT_S + 0.1)

    def get() -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://{address}/readyz", timeout=30) as got:
                return got.status, json.loads(got.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read())

    return await asyncio.to_thread(get)


async def execute(dsn: str, *statements: str) -> None:
    conn = await asyncpg.connect(dsn)
    for statement in statements:
        await conn.execute(statement)
    await conn.close()


def failing(told: tuple[int, dict[str, Any]]) -> dict[str, str]:
    """The checks that failed; the status must agree with them."""
    status, body = told
    found = {name: how for name, how in body["checks"].items() if how != FINE}
    assert status == (503 if found else 200) and body["ready"] is not bool(found), told
    return found


async def test_each_part_that_is_away_is_named(dsn: str, tmp_path: Path) -> None:
    """Issue 9, number 34: `/readyz` asked PostgreSQL for 1 and for nothing else."""
    objects = tmp_path / "objects"
    given = PLACES | {"data_dir": str(tmp_path), "database_url": dsn, "objects_url": f"file://{objects}"}
    name = dsn.split("?")[0].rsplit("/", 1)[1]
    cut = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
    async with running(load(given, {}, None)) as (_, at):
        status, body = await asked(at.http)
        assert status == 200 and set(body["checks"]) == {"database", "objects", "disk", "engine", "files"}

        shutil.rmtree(objects)
        assert "No such file" in failing(await asked(at.http))["objects"]
        (objects / ".incoming").mkdir(parents=True)
        assert failing(await asked(at.http)) == {}

        await execute(dsn, f"alter database {name} set default_transaction_read_only = on", cut)
        assert "read-only" in failing(await asked(at.http))["database"]
        await execute(dsn, "set default_transaction_read_only = off",
                      f"alter database {name} reset default_transaction_read_only", cut)  # fmt: skip
        await asyncio.sleep(1)
        assert failing(await asked(at.http)) == {}

        await execute(dsn, "insert into schema_version values (9999)")
        assert "9999" in failing(await asked(at.http))["database"]


async def test_a_disk_below_its_floor(dsn: str, tmp_path: Path) -> None:
    """Issue 9, number 34."""
    given = PLACES | {"data_dir": str(tmp_path), "database_url": dsn, "disk_floor_mb": "10000000"}
    async with running(load(given, {}, None)) as (_, at):
        told = failing(await asked(at.http))
    assert set(told) == {"disk"} and "10000000" in told["disk"] and "MB free" in told["disk"]


async def test_an_engine_that_stands_still(dsn: str, tmp_path: Path) -> None:
    """Issue 9, number 34: a statement that never ends holds a loop; the process lives and serves nobody."""
    given = PLACES | {"data_dir": str(tmp_path), "database_url": dsn}
    async with running(load(given, {}, None)) as (server, at):
        server.engine.loops["fill"]._due_within_s = 2.0
        blocker = await asyncpg.connect(dsn)
        async with blocker.transaction():
            await blocker.execute("lock table job in access exclusive mode")
            await asyncio.sleep(3)
            assert "fill" in failing(await asked(at.http))["engine"]
        await blocker.close()
        await asyncio.sleep(2)
        assert "engine" not in failing(await asked(at.http))


async def test_a_loop_and_a_gatherer_know_how_late_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 9, number 34: one that hangs, one that fails at each turn, one that is fine."""
    go = asyncio.Event()

    async def hangs() -> bool:
        await go.wait()
        return False

    async def fails() -> bool:
        raise Unavailable("away")

    async def works() -> bool:
        return False

    loops = {duty.__name__: Loop(duty.__name__, duty, 0.01, turn_max_s=0.2) for duty in (hangs, fails, works)}
    tasks = [asyncio.create_task(loop.run()) for loop in loops.values()]
    await asyncio.sleep(0.6)
    late = {name: loop.late_s() > 0 for name, loop in loops.items()}
    assert late == {"hangs": True, "fails": True, "works": False}
    loops["hangs"].progressed()
    assert loops["hangs"].late_s() == 0

    monkeypatch.setattr(gather, "APPLY_MAX_S", 0.2)

    async def apply(items: Any) -> list[None]:
        await go.wait()
        return [None] * len(items)

    gatherer: Gatherer[int, None] = Gatherer("reports", apply)
    tasks.append(asyncio.create_task(gatherer.run()))
    assert gatherer.late_s() == 0
    waiting = asyncio.create_task(gatherer.submit(1))
    await asyncio.sleep(0.4)
    assert gatherer.late_s() > 0
    go.set()
    await waiting
    await asyncio.sleep(0.05)
    assert gatherer.late_s() == 0
    for task in tasks:
        task.cancel()


async def test_it_costs_little_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 9, number 34: many strangers are one look; a check that hangs fails in time and is not begun again."""
    monkeypatch.setattr(readiness, "CHECK_WITHIN_S", 0.2)
    monkeypatch.setattr(readiness, "KEPT_S", 0.3)
    begun = {"fine": 0, "hangs": 0, "breaks": 0}

    async def fine() -> None:
        begun["fine"] += 1

    async def hangs() -> None:
        begun["hangs"] += 1
        await asyncio.Event().wait()

    async def breaks() -> None:
        begun["breaks"] += 1
        raise Unavailable("The part is away.")

    door = Readiness({"fine": fine, "hangs": hangs, "breaks": breaks})
    answers = await asyncio.gather(*(door(Request({"type": "http"})) for _ in range(500)))
    assert {answer.status_code for answer in answers} == {503}
    assert json.loads(bytes(answers[0].body))["checks"] == {
        "fine": "ok", "hangs": "no answer within 0.2 s", "breaks": "The part is away."
    }  # fmt: skip
    assert begun == {"fine": 1, "hangs": 1, "breaks": 1}
    await asyncio.sleep(0.4)
    await door.told()
    assert begun == {"fine": 2, "hangs": 1, "breaks": 2}


async def test_what_was_found_too_late_is_not_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of a store that was away ended a second after its time, and was told when the store was there again."""
    monkeypatch.setattr(readiness, "CHECK_WITHIN_S", 0.1)
    monkeypatch.setattr(readiness, "KEPT_S", 0.0)
    away = asyncio.Event()
    begun = 0

    async def store() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            await away.wait()
            raise Unavailable("The store is away.")

    door = Readiness({"store": store})
    assert await door.told() == {"store": "no answer within 0.1 s"}
    away.set()
    await asyncio.sleep(0.01)
    assert await door.told() == {"store": "ok"}


def test_a_bucket_that_is_not_there_is_found_at_the_start(tmp_path: Path, s3_url: str) -> None:
    """Issue 9, number 34: it was found at the first upload, or by the first device."""
    aws = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    given = ("serve", *FREE, "--data-dir", str(tmp_path / "data"))
    absent = s3_url.replace("s3://bucket/", "s3://absent/")
    line = refusal(*given, "--objects-url", absent, **aws)
    assert "objects_url" in line and "NoSuchBucket" in line
    line = refusal(*given, "--buckets", f"*/firmware={absent}", **aws)
    assert "buckets" in line and "*/firmware" in line and "NoSuchBucket" in line
    line = refusal(*given, "--objects-url", s3_url, **aws | {"AWS_ACCESS_KEY_ID": "nobody"})
    assert "objects_url" in line and "InvalidAccessKeyId" in line
    (tmp_path / "file").touch()
    line = refusal(*given, "--buckets", f"*/firmware=file://{tmp_path}/file")
    assert "*/firmware" in line and "Not a directory" in line


async def test_a_store_that_goes_away_and_comes_back(dsn: str, tmp_path: Path, s3_url: str) -> None:
    """Issue 9, number 34: the server's own S3 store, and one of an owner that must stop nobody else."""
    from conftest import serving_s3

    port = free_port()
    async with AsyncExitStack() as stack:
        with serving_s3(tmp_path / "s3", port):
            url = f"s3://bucket?endpoint=http://127.0.0.1:{port}&region=us-east-1"
            given = PLACES | {"data_dir": str(tmp_path), "database_url": dsn, "objects_url": url}
            settings = load(given | {"buckets": f"*/firmware={s3_url}"}, {}, None)
            _, at = await stack.enter_async_context(running(settings))
            assert failing(await asked(at.http)) == {}
        assert set(failing(await asked(at.http))) == {"objects"}
        with serving_s3(tmp_path / "s3", port):
            for _ in range(30):  # the store's client tries for a while, and longer each time
                if not failing(await asked(at.http)):
                    break
                await asyncio.sleep(1)
            assert failing(await asked(at.http)) == {}
            await stack.aclose()
