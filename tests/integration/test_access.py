"""Keys, nonces, secrets and links on the real database."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from conftest import Clock

from upwell.domain import commands
from upwell.domain.errors import Denied, Invalid, NotFound
from upwell.domain.talk import TaskRef
from upwell.service.context import Context
from upwell.service.manage import access, admission, devices, products
from upwell.service.manage.quotas import set_quotas
from upwell.service.manage.request_quotas import KEPT
from upwell.service.manage.together import Together
from upwell.service.upgrade import downloads, logins
from upwell.storage.database import Database

pytestmark = pytest.mark.asyncio


async def test_first_key_is_made_once_even_by_racing_processes(ctx: Context) -> None:
    made = await asyncio.gather(*(access.bootstrap(ctx, None, "alibaba") for _ in range(5)))
    [key] = [key for key in made if key]
    assert (key.role, key.dialect, len(key.key_id), len(key.secret)) == ("admin", "alibaba", 24, 30)
    assert key.key_id.isalnum() and key.secret.isalnum()
    found = await access.find_key(ctx, key.key_id)
    assert found and found.secret == key.secret and found.account == "default"


async def test_first_key_may_be_given(ctx: Context) -> None:
    await access.bootstrap(ctx, ("testid", "testsecret"), "alibaba")
    found = await access.find_key(ctx, "testid")
    assert found and found.secret == "testsecret"
    assert await access.bootstrap(ctx, ("other", "secret"), "alibaba") is None


async def test_keys_of_one_account_name_share_the_account(ctx: Context) -> None:
    one = await access.create_key(ctx, "acme", "viewer", "tuya")
    two = await access.create_key(ctx, "acme", "operator", "huawei")
    assert one.account_id == two.account_id
    assert [key.key_id for key in await access.list_keys(ctx)] == [one.key_id, two.key_id]
    with pytest.raises(Invalid):
        await access.create_key(ctx, "acme", "owner", "alibaba")


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "a\x85", "\ud800", "\uffff"])
async def test_an_account_is_called_as_other_things_are(ctx: Context, name: str) -> None:
    """The document of /v1 says which characters; what it allows is taken, though a font may lack it."""
    with pytest.raises(Invalid, match="account: 1 to 64 characters"):
        await access.create_key(ctx, name, "viewer", "tuya")
    assert await access.create_key(ctx, "\u00de7\uf39e\u00a0\u4e2d", "viewer", "tuya")


async def test_revoked_key_is_not_found_and_secrets_are_not_printed(ctx: Context) -> None:
    key = await access.create_key(ctx, "acme", "admin", "alibaba")
    assert key.secret not in repr(key)
    await access.revoke_key(ctx, key.key_id)
    assert await access.find_key(ctx, key.key_id) is None
    with pytest.raises(NotFound):
        await access.revoke_key(ctx, "nobody")


def caller_of(account: int = 0, key: str = "key") -> access.Caller:
    return access.Caller(account, "viewer", key, "alibaba")


async def admitted(
    ctx: Context, caller: access.Caller, nonce: str | None, action: str, limit: int | None
) -> admission.Admission:
    return (await admission.admit(ctx, [admission.Request(caller, nonce, action, limit)]))[0]


async def used(ctx: Context, key: str, nonce: str) -> bool:
    return await admitted(ctx, caller_of(key=key), nonce, "", None) == "admitted"


async def test_nonce_is_used_by_one_of_many(ctx: Context, clock: Clock) -> None:
    uses = await asyncio.gather(*(used(ctx, "k", "n") for _ in range(8)))
    assert uses.count(True) == 1
    assert await used(ctx, "k2", "n")
    assert await admission.purge_nonces(ctx) == 0
    clock.move(hours=1)
    assert await admission.purge_nonces(ctx) == 2
    assert await used(ctx, "k", "n")


# --- rates ---


@pytest_asyncio.fixture
async def beside(dsn: str, clock: Clock) -> AsyncIterator[Context]:
    """Another process on the same database: a pool of its own, and a clock that is wrong."""
    database = Database(dsn)
    await database.open()
    clock.move(minutes=-7)
    yield Context(database, clock)
    await database.close()


async def one_second(ctx: Context) -> int:
    """The second that PostgreSQL is in, when there is enough of it left for a race."""
    async with ctx.database.connection() as conn:
        while True:
            now = float(await conn.fetchval("select extract(epoch from clock_timestamp())"))
            if now % 1 < 0.2:
                return int(now)
            await asyncio.sleep(1.01 - now % 1)


async def raced(ctx: Context, race: Callable[[], Coroutine[Any, Any, list[Any]]]) -> list[Any]:
    """What a race that began and ended in one second gave; a slow machine tries again with another account."""
    for _ in range(10):
        started = await one_second(ctx)
        got = await race()
        async with ctx.database.connection() as conn:
            if int(await conn.fetchval("select floor(extract(epoch from clock_timestamp()))")) == started:
                return got
    raise AssertionError("no race fitted into one second")


async def within_rate(ctx: Context, account: int, action: str, limit_per_s: int) -> bool:
    caller = access.Caller(account, "viewer", "key", "alibaba")
    return await admitted(ctx, caller, None, action, limit_per_s) == "admitted"


async def test_exactly_the_limit_passes_in_a_second_through_two_pools(ctx: Context, beside: Context) -> None:
    accounts = iter(range(100))

    async def race() -> list[bool]:
        account = next(accounts)
        asks = [within_rate(c, account, "Query", 25) for _ in range(30) for c in (ctx, beside)]
        other = [within_rate(ctx, account, "Other", 25), within_rate(ctx, 1000 + account, "Query", 25)]
        return await asyncio.gather(*asks, *other)

    got = await raced(ctx, race)
    assert got[:60].count(True) == 25 and got[60:] == [True, True]
    await asyncio.sleep(1.01)
    assert await within_rate(beside, 0, "Query", 1)


async def test_the_second_is_the_databases(ctx: Context) -> None:
    """A waiter that comes late counts in the newer second; a clock that was set back does not shut anybody out."""
    second = "floor(extract(epoch from clock_timestamp()))"
    async with ctx.database.connection() as conn:
        await conn.execute(f"insert into rate values (1, 'Query', {second} + 2, 3), (2, 'Query', {second} + 900, 3)")
        await conn.execute(f"insert into rate values (3, 'Query', {second} - 1, 3)")
    assert not await within_rate(ctx, 1, "Query", 3)
    assert await within_rate(ctx, 1, "Query", 4)
    assert await within_rate(ctx, 2, "Query", 3)
    assert await within_rate(ctx, 3, "Query", 3)


async def test_admission_is_nonce_first_then_rate(ctx: Context, beside: Context) -> None:
    numbers = iter(range(100))

    async def race() -> list[str]:
        n = next(numbers)
        caller = access.Caller(n, "viewer", f"key{n}", "alibaba")
        fresh = [admitted(c, caller, f"{n}-{k}", "Query", 10) for k, c in enumerate((ctx, beside) * 10)]
        replays = [admitted(c, caller, f"{n}-same", "Other", 10) for c in (ctx, beside) * 10]
        return await asyncio.gather(*fresh, *replays)

    got = await raced(ctx, race)
    assert Counter(got[:20]) == {"admitted": 10, "too fast": 10}
    assert Counter(got[20:]) == {"admitted": 1, "replayed": 19}
    async with ctx.database.connection() as conn:
        assert await conn.fetchval("select max(requests) from rate where action = 'Other'") == 1
    caller = access.Caller(500, "viewer", "key500", "alibaba")
    assert await admitted(ctx, caller, "x", "Query", 1) == "admitted"
    assert not await used(ctx, "key500", "x")


async def second(ctx: Context) -> int:
    """The one in which rates are counted now."""
    async with ctx.database.connection() as conn:
        return int(await conn.fetchval("select floor(extract(epoch from clock_timestamp()))::bigint"))


async def test_what_comes_together_is_decided_together_and_each_is_told_its_own(ctx: Context) -> None:
    key = await access.create_key(ctx, "acme", "viewer", "alibaba")
    asked: list[int] = []

    async def admit(requests: Sequence[admission.Request]) -> list[admission.Admission]:
        asked.append(len(requests))
        return await admission.admit(ctx, requests)

    gate = Together(admit)
    for turn in count():  # a rate is one of a second, and a slow machine takes more than one
        mine, other = caller_of(10 * turn + 1, f"k1-{turn}"), caller_of(10 * turn + 2, f"k2-{turn}")
        several = [
            *(admission.Request(mine, f"n{n}", "Query", 3) for n in range(5)),
            *(admission.Request(mine, "n0", "Query", 3) for _ in range(2)),
            *(admission.Request(other, f"n{n}", "Query", 3) for n in range(2)),
            admission.Request(mine, "n9", "Show", 1),
            admission.Request(mine, "n8"),
            admission.Request(mine, "a NUL \0 in it", "Query", 3),
        ]
        asked.clear()
        began = await second(ctx)
        first = asyncio.create_task(gate.one(admission.Request(other, "first")))
        await asyncio.sleep(0)
        got = await asyncio.gather(*map(gate.one, several), return_exceptions=True)
        assert await first == "admitted" and asked[:2] == [1, len(several)]
        if await second(ctx) == began:
            break
    assert got[:5] == ["admitted"] * 3 + ["too fast"] * 2 and got[5:7] == ["replayed"] * 2
    assert got[7:11] == ["admitted"] * 4
    assert isinstance(got[11], Invalid), "one that can't be kept is its own fault alone"
    every = admission.Gate(ctx)
    names = [key.key_id, "nobody", "", "x" * 5000, "a\0b", "\ud800", key.key_id]
    found = await asyncio.gather(*map(every.key, names))
    assert [one and one.secret for one in found] == [key.secret, *[None] * 5, key.secret]


async def test_an_account_asks_as_often_as_its_quota_says_in_whichever_process(ctx: Context, clock: Clock) -> None:
    """By whichever keys, whatever it asks for; nobody else waits."""
    keys = [await access.create_key(ctx, account, "viewer", "alibaba") for account in ("acme", "acme", "other")]
    callers = [access.Caller(key.account_id, "viewer", key.key_id, "alibaba") for key in keys]
    gates = [admission.Gate(ctx), admission.Gate(ctx)]

    async def asked(nonce: str) -> list[Counter[str]]:
        requests = [admission.Request(who, f"{nonce}-{n}", f"Do{n % 3}", 100) for who in callers for n in range(10)]
        got = await asyncio.gather(*(gates[n % 2].admit(each) for n, each in enumerate(requests)))
        assert all(each.quota_per_s == 5 for each in got if each.admission == "over quota")
        return [Counter(each.admission for each in some) for some in (got[:20], got[20:])]

    async def within_a_second(nonce: str) -> list[Counter[str]]:
        while True:  # a rate is one of a second, and a slow machine takes more than one
            began, got = await second(ctx), await asked(f"{nonce}-{uuid4()}")
            if await second(ctx) == began:
                return got
            await asyncio.sleep(1)

    assert await asked("free") == [{"admitted": 20}, {"admitted": 10}]
    await set_quotas(ctx, "acme", {"requests_per_s": 5})
    assert (await asked("known")) == [{"admitted": 20}, {"admitted": 10}], "it was known a moment ago"
    clock.move(seconds=KEPT.total_seconds())
    assert await within_a_second("less") == [{"admitted": 5, "over quota": 15}, {"admitted": 10}]
    await set_quotas(ctx, "acme", {"requests_per_s": None})
    clock.move(seconds=KEPT.total_seconds())
    assert await asked("again") == [{"admitted": 20}, {"admitted": 10}]


async def test_old_nonces_are_forgotten_some_at_a_time(
    ctx: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "PURGED_AT_ONCE", 10)
    old = [admission.Request(caller_of(), f"old{n}") for n in range(25)]
    await admission.admit(ctx, old)
    clock.move(minutes=39)
    assert await admission.admit(ctx, old[:1]) == ["replayed"], "longer than its timestamp is good"
    await admission.admit(ctx, [admission.Request(caller_of(), "new")])
    clock.move(minutes=2)
    assert await admission.purge_nonces(ctx) == 25
    assert not await used(ctx, "key", "new")


async def test_roles_rank(ctx: Context) -> None:
    viewer = access.Caller(1, "viewer", "k", "alibaba")
    access.require(viewer, "viewer")
    with pytest.raises(Denied):
        access.require(viewer, "operator")
    access.require(access.Caller(1, "admin", "k", "alibaba"), "operator")


async def test_login_facts_in_one_question(ctx: Context, caller: access.Caller) -> None:
    product = await products.create_product(ctx, caller, commands.CreateProduct(name="lamp"))
    device = await devices.create_device(
        ctx, caller, commands.CreateDevice(product_key=product.product_key, name="dev1")
    )
    facts = await logins.login_facts(ctx, [device.device_id, uuid4()])
    found, nobody = facts
    assert found is not None and nobody is None
    assert (found.secret, found.enabled, found.name) == (device.secret, True, "dev1")


async def test_server_secret_is_made_once(ctx: Context) -> None:
    made = await asyncio.gather(*(downloads.server_secret(ctx, "links") for _ in range(5)))
    assert len(set(made)) == 1 and len(made[0]) == 32
    assert await downloads.server_secret(ctx, "upload") != made[0]


async def test_download_token_opens_its_task_until_it_expires(clock: Clock) -> None:
    now, task = clock(), TaskRef(device_id=uuid4(), job_id=(1 << 63) - 1, nth=3)
    token = downloads.download_token(b"k" * 32, task, 3, now + timedelta(hours=24))
    assert len(token) < 110 and token.replace("-", "").replace("_", "").isalnum()
    assert downloads.read_download_token(b"k" * 32, token, now) == (task, 3)
    with pytest.raises(Denied, match="link expired"):
        downloads.read_download_token(b"k" * 32, token, now + timedelta(hours=24))
    changed = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1 :] for i in range(len(token))]
    for bad in [*changed, "", "x", token[:-4], token + "AAAA", "é" * 64, "=" * 64]:
        with pytest.raises(Denied, match="bad link"):
            downloads.read_download_token(b"k" * 32, bad, now)
    with pytest.raises(Denied, match="bad link"):
        downloads.read_download_token(b"q" * 32, token, now)


async def test_policy_is_signed_as_the_vendor_does() -> None:  # alibaba 5.3, own example
    policy = (
        '{"expiration":"2030-01-01T00:01:00.000Z","conditions":[["content-length-range",0,1048576000],'
        '["eq","$key","ota/0123456789abcdef0123456789abcdef/x.bin"]]}'
    )
    text = base64.b64encode(policy.encode()).decode()
    assert downloads.policy_signature(b"testsecret", text) == "uVn7vZds2BpJ5JAKsyVfRCwWj3g="


async def test_no_download_for_an_unknown_task(ctx: Context) -> None:
    with pytest.raises(NotFound):
        await downloads.find_download(ctx, TaskRef(device_id=uuid4(), job_id=1))


async def test_no_account_keeps_anothers_devices_out_by_their_names(
    ctx: Context, caller: access.Caller, stranger: access.Caller
) -> None:
    for place in range(logins.NAMESAKES_MAX + 1):
        made = await products.create_product(ctx, stranger, commands.CreateProduct(name=f"p{place}", facts={}))
        await devices.create_device(ctx, stranger, commands.CreateDevice(product_key=made.product_key, name="mine"))
    made = await products.create_product(ctx, caller, commands.CreateProduct(name="late", facts={}))
    await devices.create_device(ctx, caller, commands.CreateDevice(product_key=made.product_key, name="mine"))
    [found] = await logins.login_facts_by_name(ctx, ["mine"])
    assert made.product_key in [facts.product_key for facts in found]
    assert len(found) == logins.NAMESAKES_MAX + 1


async def test_logins_by_name_are_tried_against_the_oldest_of_that_name(ctx: Context, caller: access.Caller) -> None:
    keys = []
    for place in range(logins.NAMESAKES_MAX + 2):
        made = await products.create_product(ctx, caller, commands.CreateProduct(name=f"p{place}", facts={}))
        keys.append(made.product_key)
        await devices.create_device(ctx, caller, commands.CreateDevice(product_key=made.product_key, name="same"))
    same, other, again = await logins.login_facts_by_name(ctx, ["same", "other", "same"])
    assert [facts.product_key for facts in same] == keys[: logins.NAMESAKES_MAX]
    assert len({facts.secret for facts in same}) == logins.NAMESAKES_MAX
    assert other == [] and again == same
