"""Events sent to receivers over real sockets: at least once, in order for each subject, whatever one does (L16)."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from conftest import Clock
from standardwebhooks import WebhookVerificationError
from tests.webhook_receiver import Heard, answer, receiving, verified

from upwell.dialects.upwell import webhooks
from upwell.domain import commands as c
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Conflict, Denied, Invalid, NotFound, TooMany
from upwell.domain.events import Kind
from upwell.domain.retrying import JITTER, PAUSES_S, pause
from upwell.doors.hooks import HookSender, retry_after_s
from upwell.doors.push import Poster
from upwell.engine.sending import Sending
from upwell.service.clock import utc_now
from upwell.service.context import Context
from upwell.service.manage import receivers
from upwell.service.manage.access import Caller
from upwell.service.upgrade import deliveries, events

pytestmark = pytest.mark.asyncio
NAMES = ("a", "b", "c")


@pytest_asyncio.fixture
async def open_ctx(ctx: Context) -> Context:
    """It may send to this machine."""
    return dataclasses.replace(ctx, private_push=True)


async def hook(ctx: Context, caller: Caller, url: str, **more: Any) -> c.Receiver:
    """Behind all that has happened so far, such as the caller's own key."""
    while await events.place(ctx):
        pass
    return await receivers.create_receiver(ctx, caller, c.CreateReceiver(target_url=url, **more))


async def happen(ctx: Context, caller: Caller, count: int, kind: Kind = Kind.PACKAGE_LOST) -> None:
    """So many events, of three subjects in turn."""
    for number in range(count):
        name = NAMES[number % 3]
        await ctx.database.transact(
            lambda conn, n=number, name=name: events.tell(  # type: ignore[misc]
                conn, caller.account_id, kind, ctx.now(), name=name, times=n
            )
        )
    while await events.place(ctx):
        pass


def sender() -> HookSender:
    """Signs by the real clock, which the library looks at."""
    return HookSender(Poster(private=True, try_s=5), utc_now)


async def send(ctx: Context, rounds: int = 1, most: int = 50) -> int:
    """Feed, claim and send so many times; how many tries."""
    tries, by = 0, sender()
    for _ in range(rounds):
        while await deliveries.feed(ctx, webhooks.body_of):
            pass
        claimed = await deliveries.claim(ctx, most, most)
        for each, outcome in zip(claimed, await asyncio.gather(*map(by.send, claimed)), strict=True):
            await deliveries.settle(ctx, each, outcome)
        tries += len(claimed)
    return tries


async def send_all(ctx: Context) -> None:
    while await send(ctx):
        pass


async def log_of(ctx: Context, caller: Caller, of: c.Receiver) -> list[c.Delivery]:
    which = c.ListDeliveries(receiver_id=of.receiver_id, asked=Slice(take=1000))
    return list((await receivers.list_deliveries(ctx, caller, which)).items)


async def shown(ctx: Context, caller: Caller, of: c.Receiver) -> c.Receiver:
    return await receivers.show_receiver(ctx, caller, c.ShowReceiver(receiver_id=of.receiver_id))


async def test_what_is_sent_is_verified_by_the_library_and_its_ids_are_the_events(
    open_ctx: Context, caller: Caller
) -> None:
    async with receiving() as receiver:
        made = await hook(open_ctx, caller, receiver.url)
        assert made.secret is not None
        await happen(open_ctx, caller, 5)
        await send_all(open_ctx)
        assert sorted(receiver.of("times")) == [0, 1, 2, 3, 4]
        for heard in receiver.taken:
            assert verified(heard, [made.secret]) and heard.event_id == heard.event["id"]
            assert heard.headers["content-type"] == "application/cloudevents+json"
        found = await log_of(open_ctx, caller, made)
        assert [(d.is_taken, d.tries, d.status, d.answer) for d in found] == [(True, 1, 200, "ok")] * 5
        with pytest.raises(WebhookVerificationError):
            verified(receiver.taken[0], ["whsec_" + "A" * 43 + "="])


async def test_a_subject_waits_for_its_earlier_events_and_others_do_not(
    open_ctx: Context, caller: Caller, clock: Clock
) -> None:
    bad = {"a"}

    def answers(heard: Heard) -> bytes:
        fails = heard.event["data"]["times"] == 0 and bad
        return answer(500, body=b"sorry") if fails else answer(204)

    async with receiving(answers=answers) as receiver:
        made = await hook(open_ctx, caller, receiver.url)
        await happen(open_ctx, caller, 9)
        await send(open_ctx, 12)
        assert sorted(receiver.of("times")) == [1, 2, 4, 5, 7, 8]
        waits = [d for d in await log_of(open_ctx, caller, made) if d.done_at is None]
        assert [(d.tries, d.status, d.answer) for d in waits if d.tries] == [(1, 500, "sorry")]
        assert len(waits) == 3 and (await shown(open_ctx, caller, made)).waiting == 3
        bad.clear()
        clock.move(seconds=PAUSES_S[0] * (1 + JITTER))
        await send_all(open_ctx)
        of_a = [heard.event["data"]["times"] for heard in receiver.taken if heard.event["subject"].endswith("/a")]
        assert of_a == [0, 3, 6]


async def test_gone_disables_and_the_owner_is_told(open_ctx: Context, caller: Caller) -> None:
    async with receiving(answers=lambda heard: answer(410)) as gone, receiving() as other:
        made = await hook(open_ctx, caller, gone.url)
        await hook(open_ctx, caller, other.url, kinds=(Kind.HOOK_DISABLED,))
        await happen(open_ctx, caller, 3)
        await send(open_ctx)
        now = await shown(open_ctx, caller, made)
        assert (now.enabled, now.reason) == (False, "gone")
        await happen(open_ctx, caller, 0)
        assert await send(open_ctx) and len(gone.heard) <= 3
        [told] = other.taken
        assert told.event["type"] == "upwell.hook.disabled" and told.event["data"]["reason"] == "gone"
        gone.answers = lambda heard: answer(200)
        await receivers.update_receiver(open_ctx, caller, c.UpdateReceiver(receiver_id=made.receiver_id, enabled=True))
        await send_all(open_ctx)
        assert sorted(t for t in gone.of("times") if t is not None) == [0, 1, 2]  # three subjects, sent at once


async def test_one_that_asks_to_be_left_alone_is(open_ctx: Context, caller: Caller, clock: Clock) -> None:
    said = [answer(429, "Retry-After: 900"), answer(503, "Retry-After: 900")]
    async with receiving(answers=lambda heard: said.pop() if said else answer(200)) as receiver:
        await hook(open_ctx, caller, receiver.url)
        await happen(open_ctx, caller, 1)
        for _ in range(2):
            assert await send(open_ctx) == 1
            await happen(open_ctx, caller, 1)  # another subject's too
            clock.move(seconds=890)
            assert await send(open_ctx) == 0
            clock.move(seconds=11)
        await send_all(open_ctx)
        assert len(receiver.taken) == 3


async def test_after_three_days_it_is_given_up_and_the_receiver_disabled(
    open_ctx: Context, caller: Caller, clock: Clock
) -> None:
    async with receiving(answers=lambda heard: answer(302, "Location: http://127.0.0.1/")) as receiver:
        made = await hook(open_ctx, caller, receiver.url)
        await happen(open_ctx, caller, 1)
        for _ in range(len(PAUSES_S) + 1):
            await send(open_ctx)
            clock.move(seconds=86_400 * (1 + JITTER))
            if not (await shown(open_ctx, caller, made)).enabled:
                break
        now = await shown(open_ctx, caller, made)
        assert (now.enabled, now.reason) == (False, "failing") and receiver.taken == []
        [given_up] = await log_of(open_ctx, caller, made)
        assert given_up.done_at is not None and not given_up.is_taken and given_up.status == 302
        tried = len(receiver.heard)
        await happen(open_ctx, caller, 2)
        assert await send(open_ctx) == 0 and len(receiver.heard) == tried


async def test_two_processes_never_send_one_at_once_and_a_dead_ones_are_sent_again(
    open_ctx: Context, caller: Caller, clock: Clock
) -> None:
    async with receiving() as receiver:
        await hook(open_ctx, caller, receiver.url)
        await happen(open_ctx, caller, 6)
        while await deliveries.feed(open_ctx, webhooks.body_of):
            pass
        both = await asyncio.gather(deliveries.claim(open_ctx, 9, 9), deliveries.claim(open_ctx, 9, 9))
        held = [each for some in both for each in some]
        assert len({each.position for each in held}) == len(held) == 3  # the first of each subject
        assert await deliveries.claim(open_ctx, 9, 9) == []
        clock.move(seconds=61)  # whoever had them was killed
        again = await deliveries.claim(open_ctx, 9, 9)
        assert {each.position for each in again} == {each.position for each in held}
        late = await sender().send(held[0])  # it was only slow: what it says now counts for nothing
        await deliveries.settle(open_ctx, held[0], late)
        for each in again:
            await deliveries.settle(open_ctx, each, await sender().send(each))
        await send_all(open_ctx)
        assert sorted(set(receiver.of("times"))) == list(range(6)) and len(receiver.taken) == 7


async def test_a_dead_receiver_has_a_bounded_number_of_deliveries_and_misses_nothing(
    open_ctx: Context, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "WINDOW_MOST", 20)
    down = [True]
    async with receiving(answers=lambda heard: answer(500) if down else answer(200)) as receiver:
        made = await hook(open_ctx, caller, receiver.url)
        await happen(open_ctx, caller, 70)
        await send(open_ctx, 5)
        assert len(await log_of(open_ctx, caller, made)) == 20
        down.clear()
        clock.move(seconds=PAUSES_S[0] * (1 + JITTER))
        await send_all(open_ctx)
        assert sorted(receiver.of("times")) == list(range(70))
        for name in NAMES:
            mine = [h.event["data"]["times"] for h in receiver.taken if h.event["subject"].endswith(f"/{name}")]
            assert mine == sorted(mine)


async def test_a_new_secret_and_the_old_one_both_sign_for_a_while(
    open_ctx: Context, caller: Caller, clock: Clock
) -> None:
    async with receiving() as receiver:
        made = await hook(open_ctx, caller, receiver.url)
        rotate = c.RotateSecret(receiver_id=made.receiver_id, overlap=timedelta(hours=1))
        turned = await receivers.rotate_secret(open_ctx, caller, rotate)
        assert turned.secret and made.secret and turned.secret != made.secret
        await happen(open_ctx, caller, 1)
        await send_all(open_ctx)
        assert verified(receiver.taken[0], [made.secret, turned.secret])
        clock.move(hours=1)
        await happen(open_ctx, caller, 1)
        await send_all(open_ctx)
        assert verified(receiver.taken[1], [turned.secret])
        assert len(receiver.taken[1].headers["webhook-signature"].split(" ")) == 1
        assert (await shown(open_ctx, caller, made)).secret is None


async def test_events_are_sent_again_by_name_and_by_range_with_the_same_ids(open_ctx: Context, caller: Caller) -> None:
    async with receiving() as receiver:
        made = await hook(open_ctx, caller, receiver.url, kinds=(Kind.PACKAGE_LOST,))
        await happen(open_ctx, caller, 5)
        await happen(open_ctx, caller, 1, Kind.PACKAGE_FAILED)
        await send_all(open_ctx)
        positions = sorted(d.position for d in await log_of(open_ctx, caller, made))
        assert len(positions) == 5
        named = c.Redeliver(receiver_id=made.receiver_id, positions=(positions[1], positions[3]))
        await receivers.redeliver(open_ctx, caller, named)
        await send_all(open_ctx)
        assert sorted(receiver.of("times")[5:]) == [1, 3] and receiver.ids == list(dict.fromkeys(receiver.ids))
        span = c.Redeliver(receiver_id=made.receiver_id, first=positions[2], last=1 << 60)
        await receivers.redeliver(open_ctx, caller, span)
        with pytest.raises(Conflict):
            await receivers.redeliver(open_ctx, caller, span)
        await send_all(open_ctx)
        assert sorted(receiver.of("times")[7:]) == [2, 3, 4]
        with pytest.raises(NotFound):
            await receivers.redeliver(open_ctx, caller, dataclasses.replace(named, positions=(positions[-1] + 1,)))


async def test_a_hook_is_sent_what_fits_and_a_ping_alone(open_ctx: Context, caller: Caller, stranger: Caller) -> None:
    async with receiving() as one, receiving() as two:
        first = await hook(open_ctx, caller, one.url, kinds=(Kind.PACKAGE_FAILED,))
        await hook(open_ctx, caller, two.url)
        await happen(open_ctx, stranger, 2)
        await happen(open_ctx, caller, 1)
        await receivers.ping_receiver(open_ctx, caller, c.PingReceiver(receiver_id=first.receiver_id))
        await happen(open_ctx, caller, 1, Kind.PACKAGE_FAILED)
        await send_all(open_ctx)
        ping, failed = sorted((heard.event for heard in one.taken), key=lambda event: str(event["type"]))
        assert (ping["type"], failed["type"]) == ("upwell.hook.ping", "upwell.package.failed")
        assert ping["data"]["hook_id"].startswith("hook_")
        assert [heard.event["type"] for heard in two.taken] == ["upwell.package.lost", "upwell.package.failed"]


@asynccontextmanager
async def running(ctx: Context) -> AsyncIterator[Sending]:
    sending = Sending(ctx)
    sending.begin(webhooks.body_of, sender().send)
    task = asyncio.create_task(sending.run())
    try:
        yield sending
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_receivers_that_stall_keep_no_other_waiting(open_ctx: Context, caller: Caller) -> None:
    """As many as there may be, each with more than is sent to one at once: the healthy one has everything before one of
    them has answered at all."""
    async with receiving(answers=lambda heard: None) as stalled, receiving() as healthy:
        for _ in range(receivers.RECEIVERS_MAX - 1):
            await hook(open_ctx, caller, stalled.url)
        await hook(open_ctx, caller, healthy.url)
        await happen(open_ctx, caller, 30)
        async with running(open_ctx):
            async with asyncio.timeout(60):
                while len(healthy.taken) < 30:
                    await asyncio.sleep(0.01)
            assert stalled.taken == [] and stalled.heard != []


async def test_where_nothing_is_sent_to_and_who_may_not_ask(ctx: Context, caller: Caller) -> None:
    for url in (
        "http://127.0.0.1/",
        "http://10.1.2.3/x",
        "http://[::1]/",
        "ftp://push.example/",
        "http://u:p@x.example/",
    ):
        with pytest.raises(Invalid):
            await hook(ctx, caller, url)
    made = await hook(ctx, caller, "http://push.example/")
    with pytest.raises(Invalid):
        change = c.UpdateReceiver(receiver_id=made.receiver_id, target_url="http://169.254.169.254/")
        await receivers.update_receiver(ctx, caller, change)

    async def private(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", 80))]

    by = HookSender(Poster(resolve=private), utc_now)
    await happen(ctx, caller, 1)
    await deliveries.feed(ctx, webhooks.body_of)
    [claimed] = await deliveries.claim(ctx, 1, 1)
    assert (await by.send(claimed)).problem == "the host is not of the public internet"
    viewer = dataclasses.replace(caller, role="viewer")
    with pytest.raises(Denied):
        await receivers.list_receivers(ctx, viewer, c.ListReceivers())
    for _ in range(receivers.RECEIVERS_MAX - 1):
        await hook(ctx, caller, "https://push.example/")
    with pytest.raises(TooMany):
        await hook(ctx, caller, "https://push.example/")


async def test_pauses_grow_and_a_retry_after_is_read(clock: Clock) -> None:
    assert [pause(n, 0.5).total_seconds() for n in range(1, 11)] == [*PAUSES_S, PAUSES_S[-1]]
    assert pause(1, 0.0) < pause(1, 0.5) < pause(1, 1.0) < pause(2, 0.0)
    now = clock()
    assert [retry_after_s(said, now) for said in ("7", "", "soon", "99999999999999")] == [7, None, None, 86_400]
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT", now) == 0
