"""First answers that are kept: with their effect, for whoever was told them first, and not for ever."""

import asyncio
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from tests.kept_process import asked

from upwell.domain import commands as c
from upwell.domain.errors import Busy, Conflict, Denied, NotFound, Reused, Running, TooMany
from upwell.service.context import Context
from upwell.service.manage import kept_answers, keys, products
from upwell.service.manage.access import Caller
from upwell.service.manage.audit import Act, Asker
from upwell.service.manage.kept_answers import Kept, Repeated, Said, forget_answers, is_final
from upwell.service.remembered import Remembered
from upwell.storage.database import Connection

ROOT = Path(__file__).parents[2]
MAKE = c.CreateKey(role="viewer", dialect="upwell", is_token=True)


def kept(ctx: Context, caller: Caller, *, asked: bytes = b"asked", token: str = "upw_a_secret", **other: Any) -> Kept:
    given: dict[str, Any] = {"who": caller.key_id, "name": "create_key", "key": "k"} | other
    return Kept(ctx=ctx, account_id=caller.account_id, asked=asked, token=token, shows=said, **given)


def said(result: Any) -> Said:
    return Said(201, {"x": "y"}, result.secret.encode())


def an_act(ctx: Context, caller: Caller, promised: Kept) -> Act:
    asker = Asker(who=caller.key_id, tongue="upwell", address="", operation="create_key", request_id="r",
                  account_id=caller.account_id)  # fmt: skip
    act = Act(ctx, asker, MAKE)
    act.may_repeat(promised)
    return act


async def rows(ctx: Context, text: str) -> list[Any]:
    async with ctx.database.connection() as conn:
        return list(await conn.fetch(text))


async def test_who_reads_the_database_reads_no_secret(ctx: Context, caller: Caller) -> None:
    promised = kept(ctx, caller)
    made = await keys.create_key(an_act(ctx, caller, promised).ctx, caller, MAKE)
    [row] = await rows(ctx, "select * from kept_answer")
    assert made.secret and all(made.secret.encode() not in bytes(part) for part in row if isinstance(part, bytes))
    with pytest.raises(Repeated) as told:
        await kept(ctx, caller).look()
    assert told.value.said == said(made) == promised.said
    for other in ({"asked": b"other"}, {"token": "upw_another"}, {"who": "another"}):
        with pytest.raises(Reused):
            await kept(ctx, caller, **other).look()
    for other in ({"key": "l"}, {"name": "create_product"}):
        await kept(ctx, caller, **other).look()
    await kept(ctx, replace(caller, account_id=caller.account_id + 1)).look()


async def test_while_it_is_done_nobody_else_does_it(ctx: Context, caller: Caller) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(conn: Connection) -> None:
        await promised.claim(conn)
        begun.set()
        await go_on.wait()
        raise NotFound("product", "x")

    promised = kept(ctx, caller)
    first = asyncio.create_task(ctx.database.transact(slow))
    await begun.wait()
    with pytest.raises(Running):
        await keys.create_key(an_act(ctx, caller, kept(ctx, caller)).ctx, caller, MAKE)
    with pytest.raises(Running):
        await kept(ctx, caller).refused(Said(404, {}, b""))
    go_on.set()
    with pytest.raises(NotFound):
        await first
    assert await rows(ctx, "select 1 from kept_answer union all select 1 from access_key where role = 'viewer'") == []
    await keys.create_key(an_act(ctx, caller, kept(ctx, caller)).ctx, caller, MAKE)
    with pytest.raises(Repeated):
        await keys.create_key(an_act(ctx, caller, kept(ctx, caller)).ctx, caller, MAKE)
    with pytest.raises(Repeated):
        await kept(ctx, caller).refused(Said(404, {}, b""))
    assert len(await rows(ctx, "select 1 from access_key where role = 'viewer'")) == 1


async def test_a_process_that_is_killed_has_done_it_once_when_it_is_asked_again(
    ctx: Context, caller: Caller, dsn: str
) -> None:
    dice, product = (
        random.Random(11),
        (await products.create_product(ctx, caller, c.CreateProduct(name="p"))).product_key,
    )
    caller, given = replace(caller, key_id="killed"), (dsn, str(caller.account_id), product)
    names = list[str]()
    for last in ((), (), (), ("the last",)):
        maker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.kept_process", *given, *last, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert maker.stdout is not None and await maker.stdout.readline() == b"ready\n"
        told = list[str]()
        if not last:
            told = [(await maker.stdout.readline()).decode().strip() for _ in range(8 + dice.randrange(8))]
            maker.kill()
        told += (await maker.stdout.read()).decode().splitlines()
        assert await maker.wait() == -signal.SIGKILL
        names += [*told, *last]
    others = "datname = current_database() and pid <> pg_backend_pid() and xact_start is not null"
    while await rows(ctx, f"select 1 from pg_stat_activity where {others}"):  # what was sent before the kill
        await asyncio.sleep(0.02)
    answers = dict[str, str]()
    for name in names:
        try:
            answers[name] = (await asked(ctx, caller, name, product)).iot_id
        except Repeated as exc:
            answers[name] = exc.said.body.decode()
    made = {row["iot_id"] for row in await rows(ctx, "select iot_id from device")}
    assert made == set(answers.values()) and len(made) == len(names) > 20
    entries = await rows(ctx, "select request_id from audit where operation = 'create_device' and result = 'done'")
    assert sorted(row["request_id"] for row in entries) == sorted(names)


async def test_an_account_keeps_so_many_for_so_long(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_answers, "ANSWERS_MAX", 2)
    for n in range(2):
        fresh = replace(ctx, remembered=Remembered())
        await kept(fresh, caller, key=f"k{n}").look()
        await kept(fresh, caller, key=f"k{n}").refused(Said(404, {}, b""))
    fresh = replace(ctx, remembered=Remembered())
    with pytest.raises(TooMany):
        await kept(fresh, caller, key="k2").look()
    with pytest.raises(Repeated):
        await kept(fresh, caller, key="k1").look()
    await kept(fresh, replace(caller, account_id=caller.account_id + 1)).look()
    clock.move(hours=24)
    await forget_answers(fresh)
    assert len(await rows(ctx, "select 1 from kept_answer")) == 2
    clock.move(hours=2)
    await forget_answers(fresh)
    assert await rows(ctx, "select 1 from kept_answer") == []
    await kept(replace(ctx, remembered=Remembered()), caller, key="k1").look()


def test_what_passes_is_not_kept() -> None:
    for passing in (Denied(), TooMany("requests", 1), Busy(), Running(), Reused(), ValueError()):
        assert not is_final(passing)
    for lasting in (NotFound("product", "x"), Conflict("product_name_taken", ""), TooMany("products", 1)):
        assert is_final(lasting)
