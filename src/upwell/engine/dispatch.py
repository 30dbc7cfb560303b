"""Offers to the devices connected here: those that are due are pushed, those asked for are answered.

The engine knows neither topics nor payloads: the door that owns the connection renders and sends.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from upwell.domain.talk import Inquiry, OfferRequest, TaskRef
from upwell.service.context import Context
from upwell.service.upgrade import dispatch
from upwell.service.upgrade.dispatch import Addressed, Link, Send, Sent, Unasked

log = logging.getLogger(__name__)
BATCH_MAX = 500  # offers claimed at once; their tasks stay locked while they are written
# How long a device that asks waits for a task that a transaction holds, try by try; it is about five seconds, and then
# it is told that there is nothing yet. Nobody else waits for it.
MISSED_MAX = 3  # tries that spent budget
PAUSES_S = (0.005, 0.01, 0.02, 0.05, 0.1, *(0.25,) * 19)


@dataclass(frozen=True, slots=True)
class Ask:
    """A device asks on a connection; `answer` tells it, None for nothing to do, and says who took it."""

    device_id: UUID
    request: OfferRequest
    answer: Callable[[Addressed | None], Sent]


class Came(Enum):
    """What came of an ask. One that is not answered is worth another try: a transaction holds its task, and what it
    makes of it is not known yet."""

    ANSWERED = "answered"
    HELD = "held"
    MISSED = "missed"  # after a part of the job's budget was spent on it


class Dispatcher:
    """Pushes and answers for one gateway."""

    def __init__(self, ctx: Context, node_id: UUID, link: Link) -> None:
        self._ctx = ctx
        self._node_id = node_id
        self._link = link

    async def push_due(self, send: Send) -> bool:
        """One round of pushing; True when more may be due at once."""
        tasks = await dispatch.due(self._ctx, self._node_id, BATCH_MAX)
        offered = await dispatch.offer(self._ctx, tasks, self._link, send, due_by=self._ctx.now())
        return len(tasks) == BATCH_MAX and bool(offered.sent)

    async def answer(self, asks: Sequence[Ask]) -> list[Came]:
        """Answer these requests within the budgets; a device over budget is told that there is nothing yet."""
        waits, unasked = await self._told(asks)
        if unasked:  # what the device runs is known now, and the question thereby answered
            more, still = await self._told(unasked)
            waits |= more
            for ask in still:
                ask.answer(None)
        return [waits.get(id(ask), Came.ANSWERED) for ask in asks]

    async def _told(self, asks: Sequence[Ask]) -> tuple[dict[int, Came], list[Ask]]:
        """Those that are not answered yet, by their ids, and those whose task had a question before its offer."""
        open_tasks = await dispatch.asked_for(self._ctx, list({a.device_id for a in asks}))
        chosen: dict[TaskRef, list[Ask]] = {}
        for ask in asks:
            task = _fitting(ask, open_tasks.get(ask.device_id, []))
            if task is None:
                ask.answer(None)
            else:
                chosen.setdefault(task, []).append(ask)
        held = await dispatch.held(self._ctx, list(chosen))
        round_ = _Round(chosen)
        free = [task for task in chosen if task not in held]
        missed = (await dispatch.offer(self._ctx, free, self._link, round_.send, wanted=True)).missed
        for task in set(free) - missed - round_.told:
            for ask in chosen[task]:
                ask.answer(None)
        waits = dict.fromkeys(held, Came.HELD) | dict.fromkeys(missed, Came.MISSED)
        return {id(ask): came for task, came in waits.items() for ask in chosen[task]}, round_.unasked


class _Round:
    """Tells an offer to all that asked for it: it is one offer, however often its device asked."""

    def __init__(self, chosen: Mapping[TaskRef, Sequence[Ask]]) -> None:
        self._chosen = chosen
        self.told: set[TaskRef] = set()
        self.unasked: list[Ask] = []

    def send(self, addressed: Addressed) -> Sent:
        """What became of it; it was taken if one of its answers was."""
        task = addressed.offer.task
        asks = self._chosen[task]
        if isinstance(addressed.offer, Inquiry):
            sent = asks[0].answer(addressed)
            if isinstance(sent, Unasked):
                self.told.add(task)
                self.unasked += asks
            return sent
        answers = [ask.answer(addressed) for ask in asks]
        taken = [sent for sent in answers if isinstance(sent, UUID)]
        if taken:
            self.told.add(task)
        return taken[0] if taken else answers[0]


async def answered(ask: Ask, submit: Callable[[Ask], Awaitable[Came]]) -> None:
    """Have it answered with the truth: with what a transaction under way makes of the device's task. `submit` gathers
    asks."""
    missed = 0
    for pause_s in PAUSES_S:
        came = await submit(ask)
        if came is Came.ANSWERED:
            return
        missed += came is Came.MISSED
        if missed > MISSED_MAX:
            break
        await asyncio.sleep(pause_s)
    log.warning("device %s: its task was held too long to tell it whether it has an offer", ask.device_id)
    ask.answer(None)


def _fitting(ask: Ask, tasks: list[tuple[TaskRef, str]]) -> TaskRef | None:
    wanted = ask.request.module
    return next((ref for ref, module in tasks if wanted is None or wanted == module), None)
