"""The audit: an entry comes with its effect or not at all, tells who did what, and is only added to."""

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from conftest import Clock, caller_of

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from upwell.objects import open_objects
from upwell.service.context import Context, first_id
from upwell.service.manage import access, audit, audit_book, audit_lists, devices, jobs, products, target_files, users
from upwell.service.manage.access import Caller
from upwell.service.manage.audit import Act, Asker, acted
from upwell.service.manage.audit_book import NETWORKS_MAX, Book, forget_strangers
from upwell.service.upgrade import retention
from upwell.storage.database import Connection

ROOT = Path(__file__).parents[2]
PAGE = Slice(take=100)


def asker(caller: Caller, operation: str = "make", request_id: str = "r1") -> Asker:
    return Asker(
        who=caller.key_id, tongue=caller.dialect, address="203.0.113.7", operation=operation, request_id=request_id,
        account_id=caller.account_id,
    )  # fmt: skip


async def listed(ctx: Context, caller: Caller, **which: Any) -> tuple[c.AuditEntry, ...]:
    return (await audit_lists.list_audit(ctx, caller, c.ListAudit(asked=PAGE, **which))).items


async def do(ctx: Context, caller: Caller, use: Callable[..., Awaitable[Any]], command: c.Command) -> Any:
    """As the doors do it."""
    return await acted(ctx, asker(caller), command, lambda bound: use(bound, caller, command))


async def rows(ctx: Context, text: str, *arguments: object) -> list[asyncpg.Record]:
    async with ctx.database.connection() as conn:
        return list(await conn.fetch(text, *arguments))


async def test_what_was_done_is_told_with_who_where_and_what(ctx: Context, caller: Caller) -> None:
    made = await do(ctx, caller, products.create_product, c.CreateProduct(name="lamp", facts={"NodeType": 1}))
    [entry] = await listed(ctx, caller)
    assert (entry.account, entry.who, entry.tongue, entry.address) == ("acme", caller.key_id, "alibaba", "203.0.113.7")
    assert (entry.operation, entry.result, entry.request_id, entry.times) == ("make", "done", "r1", 1)
    assert entry.ids == {"product_key": made.product_key}
    assert entry.changes == {"name": "lamp", "facts": ["NodeType"]}


async def test_a_broken_transaction_leaves_neither_effect_nor_entry(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks after both were written and before they are committed."""

    async def write(self: Act, conn: Connection, *more: Any) -> None:
        await written(self, conn, *more)
        assert await conn.fetchval("select count(*) from audit") == 1
        assert await conn.fetchval("select count(*) from product") == 1
        await conn.execute("select pg_terminate_backend(pg_backend_pid())")

    written = Act.write
    monkeypatch.setattr(Act, "write", write)
    command = c.CreateProduct(name="lamp")
    act = Act(ctx, asker(caller), command)
    with pytest.raises(Unavailable):
        await products.create_product(act.ctx, caller, command)
    assert not act.is_written
    assert await rows(ctx, "select 1 from product union all select 1 from audit") == []


async def test_a_process_that_is_killed_leaves_an_entry_with_each_effect_and_none_without(
    ctx: Context, caller: Caller, dsn: str
) -> None:
    dice = random.Random(7)
    for _ in range(6):
        maker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.audited_process", dsn, str(caller.account_id),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert maker.stdout is not None and await maker.stdout.readline() == b"ready\n"
        enough = len(await rows(ctx, "select 1 from product")) + 5
        while len(await rows(ctx, "select 1 from product")) < enough:
            await asyncio.sleep(0.01)
        await asyncio.sleep(dice.uniform(0, 0.1))
        maker.kill()
        await maker.wait()
    others = "datname = current_database() and pid <> pg_backend_pid() and xact_start is not null"
    while await rows(ctx, f"select 1 from pg_stat_activity where {others}"):  # what was sent before the kill
        await asyncio.sleep(0.02)
    made = [row["product_key"] for row in await rows(ctx, "select product_key from product")]
    told = [row["key"] for row in await rows(ctx, "select ids->>'product_key' as key from audit where result = 'done'")]
    assert len(told) > 20 and sorted(told) == sorted(made)


async def test_an_entry_that_cant_be_written_undoes_the_effect(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(self: Act, conn: Connection, *more: Any) -> None:
        await conn.execute("select 1 / 0")

    monkeypatch.setattr(Act, "write", write)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await products.create_product(Act(ctx, asker(caller)).ctx, caller, c.CreateProduct(name="lamp"))
    assert await rows(ctx, "select 1 from product") == []


async def test_a_tie_that_runs_again_leaves_one_entry(ctx: Context, caller: Caller) -> None:
    act, runs = Act(ctx, asker(caller), {"name": "lamp"}), 0

    async def body(conn: Connection) -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            await conn.execute("do $$ begin raise exception 'tie' using errcode = '40P01'; end $$")

    await act.ctx.database.transact(body)
    await act.ctx.database.transact(body)
    assert runs == 4 and len(await listed(ctx, caller)) == 1


async def test_a_tie_of_the_entry_itself_leaves_one(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, tries = Act.write, 0

    async def write(self: Act, conn: Connection, *more: Any) -> None:
        nonlocal tries
        tries += 1
        await written(self, conn, *more)
        if tries == 1:
            await conn.execute("do $$ begin raise exception 'tie' using errcode = '40001'; end $$")

    monkeypatch.setattr(Act, "write", write)
    await do(ctx, caller, products.create_product, c.CreateProduct(name="lamp"))
    assert tries == 2 and len(await listed(ctx, caller)) == 1 and len(await rows(ctx, "select 1 from product")) == 1


async def test_a_refused_call_is_told_and_nothing_else(ctx: Context, caller: Caller) -> None:
    with pytest.raises(NotFound):
        await do(ctx, caller, products.delete_product, c.DeleteProduct(product_key="nothing"))
    [entry] = await listed(ctx, caller)
    assert (entry.result, entry.ids, entry.times) == ("NotFound", {"product_key": "nothing"}, 1)
    assert await listed(ctx, caller, result="refused") == (entry,)
    assert await listed(ctx, caller, result="done") == ()


async def test_what_needs_no_transaction_is_written_all_the_same(ctx: Context, caller: Caller) -> None:
    async def nothing(bound: Context) -> None: ...

    await acted(ctx, asker(caller), {"name": "x"}, nothing)
    assert [entry.changes for entry in await listed(ctx, caller)] == [{"name": "x"}]


async def test_what_fails_after_its_effect_has_the_entry_of_its_effect(ctx: Context, caller: Caller) -> None:
    async def half(bound: Context) -> None:
        await products.create_product(bound, caller, c.CreateProduct(name="lamp"))
        raise Unavailable("the store is away")

    with pytest.raises(Unavailable):
        await acted(ctx, asker(caller), {"name": "lamp"}, half)
    assert [entry.result for entry in await listed(ctx, caller)] == ["done"]


async def test_what_no_transaction_holds_is_told_before(ctx: Context, caller: Caller) -> None:
    async def use(bound: Context) -> None:
        assert [entry.result for entry in await listed(ctx, caller)] == ["begun"]
        raise NotFound("object", "x")

    with pytest.raises(NotFound):
        await acted(ctx, asker(caller), {"key": "x"}, use, held=False)
    assert [entry.result for entry in await listed(ctx, caller)] == ["NotFound", "begun"]


async def test_a_list_of_targets_is_told_once_it_is_stored(ctx: Context, caller: Caller, tmp_path: Path) -> None:
    """A use of several transactions says which of them is its effect."""

    async def upload(bound: Context, name: str = "a.xls") -> c.TargetFile:
        image = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 rows"
        return await target_files.create_target_file(bound, caller, name, image)

    with pytest.raises(Unavailable):
        await acted(ctx, asker(caller), None, lambda bound: upload(bound, "lost.xls"))
    assert [entry.result for entry in await listed(ctx, caller)] == ["Unavailable"]
    made = await acted(replace(ctx, objects=open_objects(f"file://{tmp_path}")), asker(caller), None, upload)
    entry = (await listed(ctx, caller))[0]
    assert (entry.result, entry.ids, entry.changes) == ("done", {"file_id": made.file_id}, {"name": "a.xls"})


# --- only added to ---


@pytest.mark.parametrize(
    "statement",
    [
        "delete from audit",
        "update audit set who = 'nobody'",
        "update audit set times = times + 1 where result = 'done'",
        "update audit set times = times - 1",
        "update audit set times = times + 1, who = 'nobody'",
        "truncate audit",
    ],
)
async def test_it_is_only_added_to(ctx: Context, caller: Caller, statement: str) -> None:
    await do(ctx, caller, products.create_product, c.CreateProduct(name="lamp"))
    with pytest.raises(NotFound):
        await do(ctx, caller, products.delete_product, c.DeleteProduct(product_key="nothing"))
    before = await rows(ctx, "select * from audit order by entry_id")
    async with ctx.database.connection() as conn:
        with pytest.raises(asyncpg.RaiseError, match="only added to"):
            await conn.execute(statement)
    assert await rows(ctx, "select * from audit order by entry_id") == before


async def test_retention_alone_forgets_in_chunks(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    monkeypatch.setattr(retention, "RESTS", 0)
    for name in ("a", "b", "c"):
        await do(ctx, caller, products.create_product, c.CreateProduct(name=name))
    clock.move(days=200)
    await do(ctx, caller, products.create_product, c.CreateProduct(name="d"))
    clock.move(days=166)
    for_ever = replace(ctx, kept=None)
    assert not await retention.forget(for_ever) and len(await listed(ctx, caller)) == 4
    assert await retention.forget(ctx)
    assert [entry.changes["name"] for entry in await listed(ctx, caller)] == ["d", "c"]
    assert not await retention.forget(ctx)
    assert [entry.changes["name"] for entry in await listed(ctx, caller)] == ["d"]


# --- a flood ---


async def test_a_flood_of_refusals_is_a_row_a_minute(ctx: Context, caller: Caller, clock: Clock) -> None:
    clock.moment = clock.moment.replace(second=1)
    book, act = Book(ctx), Act(ctx, asker(caller), {"name": "x"})
    for _ in range(3):
        refusals = [act.refusal("TooFast") for _ in range(40)]
        await asyncio.gather(*(book.refused(each) for each in refusals if each))
    clock.move(minutes=1)
    for code in ("TooFast", "Forbidden"):
        refusal = act.refusal(code)
        assert refusal
        await book.refused(refusal)
    assert [(e.result, e.times) for e in await listed(ctx, caller)] == [
        ("Forbidden", 1),
        ("TooFast", 1),
        ("TooFast", 120),
    ]


async def test_a_refused_caller_does_not_wait_for_a_database_that_is_away(
    ctx: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit_book, "PATIENCE_S", 0.05)
    book, refusal = Book(ctx), Act(ctx, asker(caller)).refusal("Unavailable")
    assert refusal
    async with ctx.database.connection() as conn, conn.transaction():
        await conn.execute("lock table audit in exclusive mode")
        await book.refused(refusal)
        assert "request r1 is answered before its refusal is in the audit" in caplog.text
    pool, ctx.database._pool = ctx.database._pool, None
    await Book(ctx).refused(refusal)
    ctx.database._pool = pool
    assert "the refusal of request r1 is not in the audit" in caplog.text
    while not await listed(ctx, caller):  # it is written as soon as it can be
        await asyncio.sleep(0.01)


async def test_two_processes_count_the_same_refusal(ctx: Context, caller: Caller, clock: Clock) -> None:
    clock.moment = clock.moment.replace(second=1)
    refusal = Act(ctx, asker(caller)).refusal("TooFast")
    assert refusal
    await asyncio.gather(*(audit.write_refusals(ctx, [refusal, refusal]) for _ in range(4)))
    [entry] = await listed(ctx, caller)
    assert entry.times == 8


async def test_strangers_are_counted_by_network_and_minute(
    ctx: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.moment = clock.moment.replace(second=1, microsecond=0)
    book = Book(ctx)
    for address in ("203.0.113.7", "203.0.113.7", "2001:db8::1", "2001:db8::2"):
        book.stranger(address)
    await book.write_counts()
    book.stranger("203.0.113.7")
    await book.write_counts()
    found = {each.address: each.times for each in await audit_lists.list_strangers(ctx, None, 10)}
    assert found == {"203.0.113.7": 3, "2001:db8::/64": 2}
    clock.move(minutes=1)
    for number in range(NETWORKS_MAX + 50):
        book.stranger(f"10.0.{number // 250}.{number % 250}")
    await book.write_counts()
    assert await rows(ctx, "select times from audit_stranger where address = ''") == [(50,)]
    assert len(await rows(ctx, "select 1 from audit_stranger")) == NETWORKS_MAX + 3
    clock.move(days=31)
    monkeypatch.setattr(audit_book, "FORGOTTEN_AT_ONCE", 100)
    await forget_strangers(ctx)
    assert await audit_lists.list_strangers(ctx, None, 10) == []


async def test_counts_that_could_not_be_written_are_written_later(ctx: Context, clock: Clock) -> None:
    book = Book(ctx)
    book.stranger("203.0.113.7")
    pool, ctx.database._pool = ctx.database._pool, None
    await book.write_counts()
    ctx.database._pool = pool
    await book.write_counts()
    assert len(await audit_lists.list_strangers(ctx, None, 10)) == 1


# --- read ---


async def test_an_account_sees_its_own_alone_and_admins_only(ctx: Context, caller: Caller, stranger: Caller) -> None:
    await do(ctx, caller, products.create_product, c.CreateProduct(name="lamp"))
    assert await listed(ctx, stranger) == ()
    await do(ctx, stranger, products.create_product, c.CreateProduct(name="pump"))
    assert [entry.account for entry in await listed(ctx, stranger)] == ["other"]
    for role in ("operator", "viewer"):
        with pytest.raises(Denied):
            await listed(ctx, await caller_of(ctx, "acme", role))
    every = await audit_lists.list_all(ctx, None, c.ListAudit(asked=PAGE))
    assert [entry.account for entry in every.items] == ["other", "acme"]
    with pytest.raises(NotFound):
        await audit_lists.list_all(ctx, "nobody", c.ListAudit(asked=PAGE))


async def test_filters_and_pages(ctx: Context, caller: Caller, clock: Clock) -> None:
    moments = []
    for number in range(7):
        moments.append(clock())
        await do(ctx, caller, products.create_product, c.CreateProduct(name=f"lamp {number}"))
        clock.move(hours=1)

    def names(entries: Any) -> list[str]:
        return [entry.changes["name"].split()[1] for entry in entries]

    assert names(await listed(ctx, caller, since=moments[5])) == ["6", "5"]
    assert names(await listed(ctx, caller, since=moments[2], until=moments[4])) == ["3", "2"]
    assert await listed(ctx, caller, who="nobody") == await listed(ctx, caller, operation="x") == ()
    assert len(await listed(ctx, caller, who=caller.key_id, operation="make", result="done")) == 7
    seen, below = [], None
    while True:
        cmd = c.ListAudit(asked=Slice(take=3, below=below), until=moments[6])
        page = await audit_lists.list_audit(ctx, caller, cmd)
        seen += names(page.items)
        if page.last is None:
            break
        below = page.last
    assert seen == ["5", "4", "3", "2", "1", "0"]


async def test_bounds_that_no_entry_reaches(ctx: Context, caller: Caller) -> None:
    await do(ctx, caller, products.create_product, c.CreateProduct(name="lamp"))
    first, last = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
    assert len(await listed(ctx, caller, since=first, until=last)) == 1
    assert await listed(ctx, caller, since=last) == await listed(ctx, caller, until=first) == ()
    beyond = c.ListAudit(asked=Slice(take=1, below=1 << 70))
    assert len((await audit_lists.list_audit(ctx, caller, beyond)).items) == 1
    whole = c.ListAudit(asked=PAGE, since=first, until=last)
    assert [len(chunk) async for chunk in audit_lists.exported(ctx, None, whole)] == [1]
    assert [chunk async for chunk in audit_lists.exported(ctx, None, c.ListAudit(asked=PAGE, since=last))] == []


async def test_an_export_has_all_in_their_order(
    ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_lists, "CHUNK", 2)
    for number in range(5):
        await do(ctx, caller, products.create_product, c.CreateProduct(name=f"lamp {number}"))
    chunks = [chunk async for chunk in audit_lists.exported(ctx, "acme", c.ListAudit(asked=PAGE))]
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert [entry.changes["name"] for chunk in chunks for entry in chunk] == [f"lamp {n}" for n in range(5)]


async def test_a_page_of_an_account_is_read_by_its_index(ctx: Context, caller: Caller) -> None:
    async with ctx.database.connection() as conn:
        await conn.execute(
            "insert into audit select n, n % 2000, now(), 'k', 't', 'a', 'o', 'done', '', null, 1, '{}', '{}'"
            " from generate_series(1, 20000) n"
        )
        await conn.execute("analyze audit")
        found = await conn.fetch(
            "explain select * from audit where account_id = 7 and entry_id < 15000 order by entry_id desc limit 20"
        )
    assert "audit_of_account" in " ".join(row[0] for row in found)


def test_every_id_of_a_moment_is_from_its_first_on(clock: Clock) -> None:
    ctx = Context(None, clock)  # type: ignore[arg-type]
    for years in (0, 10):
        clock.moment = clock.moment + timedelta(days=365 * years)
        moment = clock.moment
        made = [ctx.new_id() for _ in range(50)]
        assert all(first_id(moment) <= each < first_id(clock.moment + timedelta(milliseconds=1)) for each in made)


# --- users, keys ---


async def test_a_sign_in_is_an_entry_without_its_token(ctx: Context) -> None:
    user = await users.create_user(ctx, "acme", "ann", "correct horse", "admin")
    signing_in = users.SigningIn()
    asked = {"tongue": "huawei", "scoped": True, "address": "203.0.113.7", "request_id": "t1"}
    with pytest.raises(Denied):
        await signing_in.sign_in(ctx, "acme", "ann", "wrong horse", **asked)
    token = await signing_in.sign_in(ctx, "acme", "ann", "correct horse", **asked)
    who = Caller(user.account_id, "admin", "k", "huawei")
    [entry] = await listed(ctx, who)
    assert (entry.who, entry.operation, entry.result, entry.request_id) == ("user ann", "sign in", "done", "t1")
    assert entry.address == "203.0.113.7" and token.text not in json.dumps([entry.ids, entry.changes])


async def test_the_first_key_is_the_servers_own_deed(ctx: Context) -> None:
    key = await access.bootstrap(ctx, None, "alibaba")
    assert key and await access.bootstrap(ctx, None, "alibaba") is None
    [entry] = (await audit_lists.list_all(ctx, "default", c.ListAudit(asked=PAGE))).items
    assert (entry.who, entry.ids["key_id"], entry.changes["role"]) == ("server", key.key_id, "admin")


async def test_no_secret_of_a_device_is_told(ctx: Context, caller: Caller) -> None:
    product = await products.create_product(ctx, caller, c.CreateProduct(name="lamp"))
    given = c.CreateDevice(
        product_key=product.product_key, name="one", secret="the-devices-own-secret", facts={"x": "hush"}
    )
    made = await do(ctx, caller, devices.create_device, given)
    reset = c.ResetSecret(device=c.DeviceKey(iot_id=made.iot_id), secret="another-secret-of-it")
    await do(ctx, caller, devices.reset_secret, reset)
    with pytest.raises((Conflict, Invalid)):
        await do(ctx, caller, devices.create_device, given)
    text = json.dumps([[e.ids, e.changes] for e in await listed(ctx, caller)])
    for secret in ("the-devices-own-secret", "another-secret-of-it", product.product_secret, "hush"):
        assert secret not in text
    assert made.iot_id in text and len(await listed(ctx, caller)) == 3


async def test_a_job_is_told_by_its_number(ctx: Context, caller: Caller) -> None:
    with pytest.raises(NotFound):
        await do(ctx, caller, jobs.end_policy, c.EndPolicy(job_id=77))
    [entry] = await listed(ctx, caller)
    assert entry.ids == {"job_id": 77}
