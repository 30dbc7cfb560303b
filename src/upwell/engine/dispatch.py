"""Offers to the devices connected here: those that are due are pushed, those asked for are answered.

The engine knows neither topics nor payloads: the door that owns the connection renders and sends.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from upwell.domain.errors import Held
from upwell.domain.talk import Inquiry, OfferRequest, TaskRef
from upwell.domain.timeline import Line
from upwell.engine.lanes import HELD, Aside
from upwell.meters.tracing import Kind, part
from upwell.service.context import Context
from upwell.service.upgrade import dispatch
from upwell.service.upgrade.dispatch import Addressed, Link, Send, Sent, Unasked

log = logging.getLogger(__name__)
BATCH_MAX = 500  # offers claimed at once; their tasks stay locked while they are written
PASSED_MAX = 2000  # tasks that others hold and that are looked beyond meanwhile
PASS_BY_S = 1.0  # for so long
JOBS_TOLD_MAX = 10  # that a trace tells of offers that were tried together
WAITS_MAX_S = 5.0  # how long a device that asks waits for a task that others hold: then there is nothing yet
ANSWERED = None


@dataclass(slots=True, eq=False)
class Ask:
    """A device asks on a connection; `answer` tells it, None for nothing to do, and says who took it."""

    device_id: UUID
    request: OfferRequest
    answer: Callable[[Addressed | None], Sent]
    since: float = field(default_factory=time.monotonic)
    is_paced: bool = False  # its device was found not to ask too often


class Dispatcher:
    """Pushes and answers for one gateway."""

    def __init__(self, ctx: Context, node_id: UUID, link: Link, note: Callable[[Line, datetime | None], None]) -> None:
        self._ctx = ctx
        self._note = note
        self._node_id = node_id
        self._link = link
        self._passed: dict[TaskRef, float] = {}  # due tasks that others hold, and until when they are passed by

    async def push_due(self, send: Send) -> bool:
        """One round of pushing; True when more may be due at once. One that finds nothing is no trace."""
        with self._ctx.tracer.trace(Kind.PUSH, "push") as span:
            tried, more = await self._push_due(send)
            if not tried:
                span.forget()
            return more

    async def _push_due(self, send: Send) -> tuple[int, bool]:
        """How many were tried, and whether more may be due at once."""
        now = time.monotonic()
        self._passed = {task: until for task, until in self._passed.items() if until > now}
        found = await dispatch.due(self._ctx, self._node_id, BATCH_MAX + len(self._passed))
        tasks = [task for task in found if task not in self._passed][:BATCH_MAX]
        try:
            offered = await self._offer(tasks, send, due_by=self._ctx.now())
        except Held:  # a budget; its tasks are as due as before
            return len(tasks), False
        for task in list(offered.missed)[: PASSED_MAX - len(self._passed)]:
            self._passed[task] = now + PASS_BY_S
        return len(tasks), len(tasks) == BATCH_MAX and bool(offered.sent)

    async def answer(self, asks: Sequence[Ask]) -> list[Aside | None]:
        """Answer these requests within the budgets; a device over budget is told that there is nothing yet. One whose
        task others hold is set aside, for what they make of it is not known yet; after WAITS_MAX_S it is told that
        there is nothing."""
        held, unasked = await self._told(asks)
        if unasked:  # what the device runs is known now, and the question thereby answered
            more, still = await self._told(unasked)
            held |= more
            for ask in still:
                ask.answer(None)
        return [HELD if id(ask) in held and not _given_up(ask) else ANSWERED for ask in asks]

    async def _told(self, asks: Sequence[Ask]) -> tuple[set[int], list[Ask]]:
        """Those that are not answered yet, by their ids, and those whose task had a question before its offer."""
        open_tasks = await dispatch.asked_for(self._ctx, list({a.device_id for a in asks}))
        chosen: dict[TaskRef, list[Ask]] = {}
        for ask in asks:
            task = _fitting(ask, open_tasks.get(ask.device_id, []))
            if task is None:
                ask.answer(None)
            else:
                chosen.setdefault(task, []).append(ask)
        round_ = _Round(chosen)
        offered = await self._offer(list(chosen), round_.send, wanted=True)
        missed = offered.missed
        for task in chosen.keys() - missed - round_.told:
            for ask in chosen[task]:
                ask.answer(None)
        return {id(ask) for task in missed for ask in chosen[task]}, round_.unasked

    async def _offer(
        self, tasks: Sequence[TaskRef], send: Send, *, due_by: datetime | None = None, wanted: bool = False
    ) -> dispatch.Attempt:
        """Offer these, as `dispatch.offer` does; timelines and the trace are told."""
        if not tasks:
            return dispatch.Attempt()
        with part(Kind.OFFER, "offer") as span:
            offered = await dispatch.offer(self._ctx, tasks, self._link, send, due_by, wanted=wanted)
            if span:
                jobs = tuple(sorted({task.job_id for task in tasks})[:JOBS_TOLD_MAX])
                span.tell(tasks=len(tasks), offers=len(offered.sent), missed=len(offered.missed), jobs=jobs)
        for line in offered.lines:
            self._note(line, offered.at)
        return offered


def _given_up(ask: Ask) -> bool:
    """Whether it has waited too long, and is told so."""
    if time.monotonic() - ask.since < WAITS_MAX_S:
        return False
    log.warning("device %s: its task was held too long to tell it whether it has an offer", ask.device_id)
    ask.answer(None)
    return True


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


def _fitting(ask: Ask, tasks: list[tuple[TaskRef, str]]) -> TaskRef | None:
    wanted = ask.request.module
    return next((ref for ref, module in tasks if wanted is None or wanted == module), None)
