"""Offers to the devices connected here: those that are due are pushed, those asked for are answered.

The engine knows neither topics nor payloads: the door that owns the connection renders and sends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from upwell.domain.talk import OfferRequest, TaskRef
from upwell.service import dispatch
from upwell.service.context import Context
from upwell.service.dispatch import Addressed, Link, Send, Sent

BATCH_MAX = 500  # offers claimed at once; their tasks stay locked while they are written


@dataclass(frozen=True, slots=True)
class Ask:
    """A device asks on a connection; `answer` tells it, None for nothing to do, and says who took it."""

    device_id: UUID
    request: OfferRequest
    answer: Callable[[Addressed | None], Sent]


class Dispatcher:
    """Pushes and answers for one gateway."""

    def __init__(self, ctx: Context, node_id: UUID, link: Link, send: Send) -> None:
        self._ctx = ctx
        self._node_id = node_id
        self._link = link
        self._send = send

    async def push_due(self) -> bool:
        """One round of pushing; True when more may be due at once."""
        tasks = await dispatch.due(self._ctx, self._node_id, BATCH_MAX)
        sent = await dispatch.offer(self._ctx, tasks, self._link, self._send, due_by=self._ctx.now())
        return len(tasks) == BATCH_MAX and bool(sent)

    async def answer(self, asks: Sequence[Ask]) -> list[None]:
        """Answer these requests within the budgets; a device over budget is told that there is nothing yet."""
        open_tasks = await dispatch.asked_for(self._ctx, list({a.device_id for a in asks}))
        chosen: dict[TaskRef, Ask] = {}
        for ask in asks:
            task = _fitting(ask, open_tasks.get(ask.device_id, []))
            if task is not None:
                chosen[task] = ask
        sent = await dispatch.offer(
            self._ctx, list(chosen), self._link, lambda addressed: chosen[addressed.offer.task].answer(addressed)
        )
        told = {id(chosen[task]) for task in sent}
        for ask in asks:
            if id(ask) not in told:
                ask.answer(None)
        return [None] * len(asks)


def _fitting(ask: Ask, tasks: list[tuple[TaskRef, str]]) -> TaskRef | None:
    wanted = ask.request.module
    return next((ref for ref, module in tasks if wanted is None or wanted == module), None)
