"""Rules and the news of jobs: noted in the transaction that makes it true, posted in order and again for a day."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from conftest import Clock

from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Denied, Invalid, NotFound, TooMany
from upwell.domain.standings import Progress
from upwell.service.context import Context
from upwell.service.manage import hooks, products, spaces
from upwell.service.manage.access import Caller
from upwell.service.upgrade import news
from upwell.service.upgrade.news import Parcel, pause_s

URL = "https://push.example/one"


async def hook(ctx: Context, caller: Caller, *, active: bool = True, **more: Any) -> c.Hook:
    made = await hooks.create_hook(ctx, caller, c.CreateHook(**{"most": 9} | more))
    assert not made.active
    return await hooks.update_hook(ctx, caller, c.UpdateHook(hook_id=made.hook_id, active=active))


async def action(ctx: Context, caller: Caller, hook_id: int, url: str = URL, **more: Any) -> c.HookAction:
    return await hooks.create_action(ctx, caller, c.CreateAction(**{"hook_id": hook_id, "most": 9, "url": url} | more))


@pytest_asyncio.fixture
async def job(ctx: Context, caller: Caller) -> int:
    return await a_job(ctx, caller, (await products.create_product(ctx, caller, c.CreateProduct(name="p"))).product_key)


async def a_job(ctx: Context, caller: Caller, product_key: str) -> int:
    job_id = ctx.new_id()
    async with ctx.database.connection() as conn:
        await conn.execute(
            "insert into job (job_id, account_id, product_id, package_id, kind, selection, status, created_at,"
            " modified_at) select $1, $2, product_id, 1, 'static', 'ALL', 'IN_PROGRESS', $4, $4 from product"
            " where product_key = $3",
            job_id, caller.account_id, product_key, ctx.now(),
        )  # fmt: skip
    return job_id


async def note(ctx: Context, job: int, progress: Progress, at: datetime | None = None) -> bool:
    return await ctx.database.transact(
        lambda conn: news.note_status(conn, job, at or ctx.now(), progress, "firmware", "why")
    )


class Receiver:
    """What was posted; `answer` says why a URL takes nothing, "" when it does."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.tried: list[str] = []
        self.parcels: list[Parcel] = []
        self.answer: Callable[[str], str] = lambda _: ""

    async def __call__(self, parcel: Parcel) -> str:
        self.tried.append(parcel.url)
        problem = self.answer(parcel.url)
        if not problem:
            self.parcels.append(parcel)
            self.got.append((parcel.url, json.loads(parcel.body)["progress"]))
        return problem


def render(told: c.News, request_id: str) -> bytes:
    facts = {"job": told.job_id, "progress": told.progress, "space": told.space, "reason": told.reason}
    return json.dumps(facts | {"part": told.part, "id": request_id}).encode()


async def deliver(ctx: Context, post: Callable[[Parcel], Awaitable[str]]) -> None:
    while await news.deliver(ctx, render, post):
        pass


async def waiting(ctx: Context) -> int:
    async with ctx.database.connection() as conn:
        return int(await conn.fetchval("select count(*) from news"))


# --- noting -------------------------------------------------------------------------------------------------------


async def test_a_change_is_told_once_and_in_order(ctx: Context, caller: Caller, job: int) -> None:
    await action(ctx, caller, (await hook(ctx, caller)).hook_id, token="abc")
    steps = [
        Progress.RESOLVING,
        Progress.RUNNING,
        Progress.RUNNING,
        Progress.STOPPING,
        Progress.PARTLY,
        Progress.RUNNING,
    ]
    assert [await note(ctx, job, step) for step in steps] == [False, True, False, False, True, True]
    receiver = Receiver()
    await deliver(ctx, receiver)
    assert receiver.got == [(URL, "running"), (URL, "partly"), (URL, "running")]
    assert await waiting(ctx) == 0
    first = receiver.parcels[0]
    assert (first.token, first.server_name) == ("abc", None)
    told = json.loads(first.body)
    assert (told["job"], told["part"], told["reason"]) == (job, "firmware", "why")


async def test_order_holds_though_clocks_differ(ctx: Context, clock: Clock, caller: Caller, job: int) -> None:
    await action(ctx, caller, (await hook(ctx, caller)).hook_id)
    late = clock.moment
    clock.move(minutes=1)
    await note(ctx, job, Progress.RUNNING)
    await note(ctx, job, Progress.SUCCEEDED, late)
    receiver = Receiver()
    await deliver(ctx, receiver)
    assert [told for _, told in receiver.got] == ["running", "succeeded"]


async def test_what_is_undone_is_not_told(ctx: Context, caller: Caller, job: int) -> None:
    await action(ctx, caller, (await hook(ctx, caller)).hook_id)

    async def body(conn: Any) -> None:
        await news.note_status(conn, job, ctx.now(), Progress.FAILED, "firmware")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await ctx.database.transact(body)
    assert await waiting(ctx) == 0
    assert await note(ctx, job, Progress.FAILED)


async def test_whom_a_hook_tells(ctx: Context, caller: Caller, stranger: Caller, job: int) -> None:
    """Active hooks of the job's account, of all spaces or of its own."""
    other = await spaces.create_space(ctx, caller, c.CreateSpace(name="other", most=9))
    told = {
        "all": await hook(ctx, caller),
        "default": await hook(ctx, caller, in_space=True),
        "other": await hook(ctx, caller, in_space=True, space=other.key),
        "inactive": await hook(ctx, caller, active=False),
        "stranger": await hook(ctx, stranger),
    }
    for name, made in told.items():
        await action(ctx, stranger if name == "stranger" else caller, made.hook_id, f"https://push.example/{name}")
    await note(ctx, job, Progress.RUNNING)
    receiver = Receiver()
    await deliver(ctx, receiver)
    assert {url.rpartition("/")[2] for url, _ in receiver.got} == {"all", "default"}


# --- sending ------------------------------------------------------------------------------------------------------


async def test_a_url_that_takes_nothing_holds_up_only_itself(
    ctx: Context, clock: Clock, caller: Caller, job: int
) -> None:
    made = await hook(ctx, caller)
    for name in ("one", "two"):
        await action(ctx, caller, made.hook_id, f"https://push.example/{name}")
    await note(ctx, job, Progress.RUNNING)
    await note(ctx, job, Progress.SUCCEEDED)
    receiver = Receiver()
    receiver.answer = lambda url: "the answer was 500" if url == URL else ""
    await deliver(ctx, receiver)
    assert receiver.got == [("https://push.example/two", "running"), ("https://push.example/two", "succeeded")]
    assert receiver.tried.count(URL) == 1  # it rests before it is tried again, and the later one waits
    for pause in (5, 10, 20):
        clock.move(seconds=pause - 1)
        before = receiver.tried.count(URL)
        await deliver(ctx, receiver)
        assert receiver.tried.count(URL) == before
        clock.move(seconds=2)
        await deliver(ctx, receiver)
        assert receiver.tried.count(URL) == before + 1
    receiver.answer = lambda _: ""
    clock.move(minutes=2)
    await deliver(ctx, receiver)
    assert receiver.got[2:] == [(URL, "running"), (URL, "succeeded")]


async def test_two_actions_of_one_url_keep_one_order(ctx: Context, caller: Caller, job: int) -> None:
    made = await hook(ctx, caller)
    for _ in range(2):
        await action(ctx, caller, made.hook_id)
    await note(ctx, job, Progress.RUNNING)
    await note(ctx, job, Progress.SUCCEEDED)
    receiver = Receiver()
    await deliver(ctx, receiver)
    assert [told for _, told in receiver.got] == ["running", "running", "succeeded", "succeeded"]


async def test_news_is_kept_for_a_day(ctx: Context, clock: Clock, caller: Caller, job: int) -> None:
    await action(ctx, caller, (await hook(ctx, caller)).hook_id)
    await note(ctx, job, Progress.RUNNING)
    receiver = Receiver()
    receiver.answer = lambda _: "no connection"
    clock.move(hours=23)
    await deliver(ctx, receiver)
    assert await waiting(ctx) == 1
    clock.move(hours=1.1)
    await note(ctx, job, Progress.SUCCEEDED)
    receiver.answer = lambda _: ""
    await deliver(ctx, receiver)
    assert receiver.got == [(URL, "succeeded")]


async def test_processes_do_not_send_the_same(ctx: Context, clock: Clock, caller: Caller, job: int) -> None:
    await action(ctx, caller, (await hook(ctx, caller)).hook_id)
    await note(ctx, job, Progress.RUNNING)
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(parcel: Parcel) -> str:
        inside.set()
        await go_on.wait()
        return ""

    first = asyncio.create_task(news.deliver(ctx, render, slow))
    await inside.wait()
    receiver = Receiver()
    await deliver(ctx, receiver)
    assert receiver.tried == []
    clock.move(seconds=61)  # the first one died, for all that is known
    await deliver(ctx, receiver)
    assert receiver.got == [(URL, "running")]
    go_on.set()
    await first
    assert await waiting(ctx) == 0


async def test_the_request_id_is_the_same_at_every_try(ctx: Context, clock: Clock, caller: Caller, job: int) -> None:
    await action(ctx, caller, (await hook(ctx, caller)).hook_id)
    await note(ctx, job, Progress.RUNNING)
    ids: list[str] = []

    async def post(parcel: Parcel) -> str:
        ids.append(json.loads(parcel.body)["id"])
        return "" if len(ids) == 3 else "no connection"

    for _ in range(3):
        await deliver(ctx, post)
        clock.move(minutes=1)
    assert len(ids) == 3 and len(set(ids)) == 1


def test_pauses_grow_and_are_bounded() -> None:
    assert [pause_s(tries) for tries in (1, 2, 3, 7, 8, 100)] == [5, 10, 20, 320, 600, 600]


# --- changes ------------------------------------------------------------------------------------------------------


async def test_a_changed_url_takes_what_waits(ctx: Context, clock: Clock, caller: Caller, job: int) -> None:
    made = await action(ctx, caller, (await hook(ctx, caller)).hook_id)
    await note(ctx, job, Progress.RUNNING)
    receiver = Receiver()
    receiver.answer = lambda _: "the answer was 404"
    await deliver(ctx, receiver)
    there = c.UpdateAction(action_id=made.action_id, url="https://push.example/new", server_name="other.example")
    changed = await hooks.update_action(ctx, caller, there)
    assert (changed.url, changed.server_name, changed.is_signed) == (there.url, "other.example", False)
    receiver.answer = lambda _: ""
    await deliver(ctx, receiver)
    assert receiver.got == [("https://push.example/new", "running")]


@pytest.mark.parametrize("how", ["inactive", "hook", "action", "space"])
async def test_what_waits_goes_with_its_hook(ctx: Context, caller: Caller, how: str) -> None:
    space = await spaces.create_space(ctx, caller, c.CreateSpace(name="s", most=9))
    key = (await products.create_product(ctx, caller, c.CreateProduct(name="p"))).product_key
    async with ctx.database.connection() as conn:
        space_id = await conn.fetchval("select space_id from space where key = $1", space.key)
        await conn.execute("update product set space_id = $1 where product_key = $2", space_id, key)
    job = await a_job(ctx, caller, key)
    made = await hook(ctx, caller, in_space=True, space=space.key)
    to = await action(ctx, caller, made.hook_id)
    await note(ctx, job, Progress.RUNNING)
    assert await waiting(ctx) == 1
    match how:
        case "inactive":
            await hooks.update_hook(ctx, caller, c.UpdateHook(hook_id=made.hook_id, active=False))
        case "hook":
            await hooks.delete_hook(ctx, caller, c.DeleteHook(hook_id=made.hook_id))
        case "action":
            await hooks.delete_action(ctx, caller, c.DeleteAction(action_id=to.action_id))
        case "space":
            async with ctx.database.connection() as conn:
                await conn.execute("update job set status = 'COMPLETED'")
            await spaces.delete_space(ctx, caller, c.DeleteSpace(space=space.key))
    assert await waiting(ctx) == 0
    if how in ("hook", "space"):
        with pytest.raises(NotFound):
            await hooks.show_hook(ctx, caller, c.ShowHook(hook_id=made.hook_id))
    if how != "inactive":
        with pytest.raises(NotFound):
            await hooks.show_action(ctx, caller, c.ShowAction(action_id=to.action_id))


async def test_shown_and_scanned(ctx: Context, caller: Caller, stranger: Caller) -> None:
    space = await spaces.create_space(ctx, caller, c.CreateSpace(name="s", most=9))
    one = await hook(ctx, caller, name="one", description="d")
    two = await hook(ctx, caller, active=False, name="two", in_space=True, space=space.key)
    assert (one.name, one.description, one.space, one.active) == ("one", "d", None, True)
    assert await hooks.show_hook(ctx, caller, c.ShowHook(hook_id=two.hook_id)) == two

    async def names(**more: Any) -> list[str | None]:
        cmd = c.ListHooks(**{"asked": Slice(take=9)} | more)
        return [each.name for each in (await hooks.list_hooks(ctx, caller, cmd)).items]

    assert await names() == ["two", "one"]
    assert await names(in_space=True) == await names(in_space=True, space=space.key) == ["two"]
    assert await names(in_space=False) == await names(active=True) == await names(name="one") == ["one"]
    assert await names(asked=Slice(take=1, skip=1)) == await names(asked=Slice(take=9, below=two.hook_id))
    first = await action(ctx, caller, one.hook_id, token="abc")
    second = await action(ctx, caller, two.hook_id)
    assert (first.is_signed, second.is_signed, second.space) == (True, False, space.key)
    scanned = await hooks.list_actions(ctx, caller, c.ListActions(asked=Slice(take=9)))
    assert (scanned.items, scanned.total, scanned.last) == ((second, first), 2, first.action_id)
    of_one = c.ListActions(asked=Slice(take=9), hook_id=one.hook_id)
    assert (await hooks.list_actions(ctx, caller, of_one)).items == (first,)
    assert (await hooks.list_actions(ctx, stranger, of_one)).items == ()
    for use, cmd in (
        (hooks.show_hook, c.ShowHook(hook_id=one.hook_id)),
        (hooks.update_hook, c.UpdateHook(hook_id=one.hook_id, active=False)),
        (hooks.delete_hook, c.DeleteHook(hook_id=one.hook_id)),
        (hooks.create_action, c.CreateAction(hook_id=one.hook_id, most=9, url=URL)),
        (hooks.show_action, c.ShowAction(action_id=first.action_id)),
        (hooks.update_action, c.UpdateAction(action_id=first.action_id, url=URL)),
        (hooks.delete_action, c.DeleteAction(action_id=first.action_id)),
    ):
        with pytest.raises(NotFound):
            await use(ctx, stranger, cmd)  # type: ignore[operator]
    assert await hooks.show_hook(ctx, caller, c.ShowHook(hook_id=one.hook_id)) == one


async def test_limits_and_roles(ctx: Context, caller: Caller) -> None:
    made = await hook(ctx, caller, most=1)
    with pytest.raises(TooMany):
        await hook(ctx, caller, most=1)
    await action(ctx, caller, made.hook_id, most=1)
    with pytest.raises(TooMany):
        await action(ctx, caller, made.hook_id, most=1)
    viewer = replace(caller, role="viewer")
    with pytest.raises(Denied):
        await hooks.create_hook(ctx, viewer, c.CreateHook(most=9))
    with pytest.raises(Denied):
        await action(ctx, viewer, made.hook_id)
    with pytest.raises(NotFound):
        await hook(ctx, caller, in_space=True, space="unknown")
    private = "http://127.0.0.1:8080/x"
    with pytest.raises(Invalid):
        await action(ctx, caller, made.hook_id, private)
    assert (await action(replace(ctx, private_push=True), caller, made.hook_id, private)).url == private
