"""What devices ask of the platform: each use by many of them at once, in one transaction.

Holds: an answer comes after its commit, and the duties that a batch made work for are woken.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from upwell.domain.connected import SubDevice
from upwell.domain.talk import OfferRequest
from upwell.engine.dispatch import Ask, Dispatcher, answered
from upwell.engine.gather import Gatherer
from upwell.service.context import Context
from upwell.service.upgrade import enrol, gateways, logins, nodes, presence, reports
from upwell.service.upgrade.dispatch import Addressed, Sent

ASKS_MAX = 500  # answered at once; their tasks stay locked meanwhile


class Intake:
    """The desk of one process's devices. `wake` wakes duties by their names."""

    def __init__(
        self,
        ctx: Context,
        node_id: UUID,
        dispatcher: Dispatcher,
        registration: enrol.Enrolling,
        wake: Callable[..., None],
    ) -> None:
        self._ctx = ctx
        self._node_id = node_id
        self._wake = wake
        self.now: Callable[[], datetime] = ctx.now
        self.gatherers: list[Gatherer[Any, Any]] = []
        self.facts = self._gathered("logins", partial(logins.login_facts, ctx))
        self.facts_by_name = self._gathered("logins by name", partial(logins.login_facts_by_name, ctx))
        self.arrived = self._gathered("arrivals", self._arrived)
        self.left = self._gathered("departures", partial(presence.went_offline, ctx, node_id))
        self.asked = self._gathered("requests", partial(nodes.asked, ctx))
        self.report = self._gathered("reports", self._reported)
        self.behind = self._gathered("sub-devices", partial(gateways.behind, ctx))
        self._submit = self._gathered("asks", dispatcher.answer, batch_max=ASKS_MAX)
        self.product_secret = partial(enrol.product_secret, ctx)
        self.enrol = partial(enrol.enrol, ctx, rule=registration)
        self.bind = partial(gateways.bind, ctx)
        self.unbind = partial(gateways.unbind, ctx)
        self.bound = partial(gateways.sub_devices, ctx)

    def _gathered(self, name: str, apply: Callable[[Any], Awaitable[Any]], **more: int) -> Callable[[Any], Any]:
        gatherer: Gatherer[Any, Any] = Gatherer(name, apply, **more)
        self.gatherers.append(gatherer)
        return gatherer.submit

    async def _arrived(self, who: Sequence[tuple[UUID, UUID, str]]) -> None:
        await presence.came_online(self._ctx, self._node_id, who)
        self._wake("push")

    async def _reported(self, batch: Sequence[reports.Incoming]) -> None:
        applied = await reports.apply(self._ctx, batch)
        if applied.offers_due:
            self._wake("push")
        if applied.tasks_ended:
            self._wake("finish")

    async def ask(self, device_id: UUID, request: OfferRequest, reply: Callable[[Addressed | None], Sent]) -> None:
        """The device's offer, or None, is told by `reply` when this returns."""
        await answered(Ask(device_id, request, reply), self._submit)

    async def behind_all(self, gateway_ids: Sequence[UUID]) -> dict[UUID, Sequence[SubDevice]]:
        found = await gateways.behind(self._ctx, gateway_ids)
        return dict(zip(gateway_ids, found, strict=True))
