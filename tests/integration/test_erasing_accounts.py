"""An account erased from the real database and store: all that is its own goes, and nothing else (ADR 0068)."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import caller_of
from test_erasing import _TABLES
from test_jobs import a_filled_job, a_fleet, a_package, ask, progress, runs, say

from upwell.domain import commands as c
from upwell.domain.errors import Conflict, NotFound
from upwell.objects import open_bucket, open_objects
from upwell.objects.buckets import Buckets
from upwell.service.context import Context
from upwell.service.manage import access, devices, erasing, erasing_accounts
from upwell.service.manage.access import Caller
from upwell.service.manage.audit import Act, Asker
from upwell.service.manage.erasing import Place
from upwell.service.manage.erasing_accounts import Store
from upwell.service.manage.erasing_columns import ERASURE
from upwell.service.manage.erasing_owners import OF_ACCOUNT, OF_DEVICE, PARENTS, SHARED

pytestmark = pytest.mark.asyncio
CHANGES = {"sweep", "event_head", "audit"}  # tables that say something else when an account is made and erased


@pytest.fixture
def store(tmp_path: Path) -> Store:
    url = f"file://{tmp_path}"
    every = Buckets(open_objects(url), url, {"*/mine": f"file://{tmp_path}/elsewhere"}, open_bucket)
    return Store(objects=every, keeps=every.keeps, bucket=open_bucket(url, "buckets/nothing"))


def store_url(store: Store) -> str:
    assert isinstance(store.objects, Buckets)
    return store.objects._own_url


async def erased(ctx: Context, name: str, store: Store) -> Place:
    row, asked = await erasing_accounts.find(ctx, name)
    row = row or await erasing_accounts.begin(ctx, asked, *erasing.new_word())
    place = await erasing.erase(ctx, erasing_accounts.place_of(row, store), lambda place: None)
    assert not place.found, place.remains
    await erasing_accounts.end(ctx, place)
    return place


async def everything(ctx: Context) -> dict[str, Counter[str]]:
    found = {}
    for table in {row["name"] for row in await ask(ctx, _TABLES)} - CHANGES:
        rows = await ask(ctx, f'select t::text as said from "{table}" t')
        found[table] = Counter(row["said"] for row in rows)
    return found


async def put(store: Store, key: str) -> None:
    writer = await store.objects.create(key)
    await writer.write(b"bytes")
    await writer.commit()


async def busy(ctx: Context, caller: Caller, store: Store) -> tuple[int, str]:
    """An account in which much happened; its job, and the key of its package's object."""
    flock = await a_fleet(ctx, caller, 4)
    package = await a_package(ctx, caller, flock.key)
    job = await a_filled_job(ctx, caller, package, flock)
    await say(ctx, (flock.ids[0], progress(-2)), (flock.ids[1], runs("2.0")))
    act = Act(ctx, Asker(who="k", tongue="t", address="", operation="o", request_id="", account_id=caller.account_id))
    await act.done(None)
    await ask(
        ctx, "insert into decision (job_id, nth, at, what, by, numbers) values ($1, 1, now(), 'w', 'b', '{}')", job
    )
    await ask(ctx, "insert into event_setting (account_id, of_devices) values ($1, true)", caller.account_id)
    gone = c.DeleteDevice(device=c.DeviceKey(product_key=flock.key, name=flock.names[3]))
    await devices.delete_device(ctx, caller, gone)
    (row,) = await ask(ctx, "select object_key from package where package_id = $1", package)
    await put(store, row["object_key"])
    return job, row["object_key"]


async def end_jobs(ctx: Context) -> None:
    await ask(ctx, "update job set status = 'COMPLETED', ended_at = now() where status <> 'COMPLETED'")


async def test_every_table_is_decided(ctx: Context) -> None:
    there = {row["name"] for row in await ask(ctx, _TABLES)} - {ERASURE}
    reached = {*OF_ACCOUNT, *OF_DEVICE, *(each.table for each in PARENTS)}
    reached |= {table for each in PARENTS for table in each.tables}
    assert reached | set(SHARED) == there and not reached & set(SHARED), "decide in erasing_owners.py"
    columns = await ask(
        ctx, "select c.relname as of from pg_class c join pg_attribute a on a.attrelid = c.oid "
        "where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attname = 'account_id'"
    )  # fmt: skip
    assert {row["of"] for row in columns} - {ERASURE, "account"} <= reached


async def test_all_that_is_its_own_goes_and_nothing_else(ctx: Context, stranger: Caller, store: Store) -> None:
    _, kept = await busy(ctx, stranger, store)
    await end_jobs(ctx)
    before = await everything(ctx)
    caller = await caller_of(ctx, "acme", "admin")
    _, key = await busy(ctx, caller, store)
    shared = f"@{access.project_id(caller.account_id)}/region/mine/its-own"
    await put(store, shared)
    project = access.project_id(caller.account_id)
    folder = replace(store, bucket=open_bucket(store_url(store), f"buckets/{project}"))
    unmapped = f"@{project}/region/in-ours/no-package-is-made-of-it"
    await put(store, unmapped)
    theirs = f"@{access.project_id(stranger.account_id)}/region/in-ours/x"
    await put(store, theirs)
    await ask(ctx, "update package set object_key = $1 where account_id = $2 and object_key <> $3", shared,
              caller.account_id, key)  # fmt: skip
    other = Asker(who="local root", tongue="cli", address="local", operation="key create", request_id="")
    await Act(ctx, other, {"account": "acme", "role": "admin"}).done(None)
    with pytest.raises(Conflict, match="1 rollouts of the account acme run or are planned"):
        await erasing_accounts.find(ctx, "acme")
    await end_jobs(ctx)
    place = await erased(ctx, "acme", folder)
    after = await everything(ctx)
    assert {table for table in before if before[table] != after[table]} == set()
    there = {each: await store.objects.exists(each) for each in (kept, theirs, shared, key, unmapped)}
    assert there == {kept: True, theirs: True, shared: True, key: False, unmapped: False}
    assert await ask(ctx, "select 1 from audit where account_id = $1", caller.account_id) == []
    (entry,) = await ask(ctx, "select ids, who, operation from audit where who = 'local root'")
    assert entry["ids"] == f'{{"account": "{place.word}"}}' and entry["operation"] == "key create"
    with pytest.raises(NotFound):
        await erasing_accounts.find(ctx, "acme")


async def test_an_object_that_another_account_has_by_the_same_key_stays(
    ctx: Context, caller: Caller, stranger: Caller, store: Store
) -> None:
    for who in (caller, stranger):
        await a_package(ctx, who, (await a_fleet(ctx, who, 1)).key)
    (mine, theirs) = await ask(ctx, "select object_key from package order by package_id")
    await ask(ctx, "update package set object_key = $1", theirs["object_key"])
    for row in (mine, theirs):
        await put(store, row["object_key"])
    place = await erased(ctx, "acme", store)
    assert await store.objects.exists(theirs["object_key"])  # and its own upload's is gone
    assert not await store.objects.exists(mine["object_key"])
    assert isinstance(place.subject, erasing_accounts.Account)
    assert place.subject.left == {theirs["object_key"]}


async def test_nothing_comes_in_from_the_first_moment_and_the_first_account_stays(
    ctx: Context, caller: Caller, store: Store
) -> None:
    flock = await a_fleet(ctx, caller, 1)
    with pytest.raises(Conflict, match="The first account stays"):
        await erasing_accounts.find(ctx, "default")
    row, asked = await erasing_accounts.find(ctx, "acme")
    assert row is None and await access.find_key(ctx, caller.key_id) is not None
    await erasing_accounts.begin(ctx, asked, *erasing.new_word())
    assert await access.find_key(ctx, caller.key_id) is None
    again = await access.create_key(ctx, "acme", "admin", "alibaba")  # of a new one of that name
    assert again.account_id != caller.account_id
    assert await ask(ctx, "select 1 from product where product_key = $1 and deleted_at is null", flock.key) == []
    await erased(ctx, "acme", store)
    assert await access.find_account(ctx, "acme") == again.account_id
