"""What devices ask of the platform: each use by many of them at once, in one transaction.

Holds: an answer comes after its commit, and the duties that a batch made work for are woken. What one device says, asks
and acknowledges is done in its order; comings and goings are in an order of their own. What others hold delays the
device that it concerns and nobody else; so does a device that asks without end.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from upwell.domain.connected import SubDevice, Turned
from upwell.domain.talk import OfferRequest
from upwell.domain.timeline import Kind, Line
from upwell.engine.asking import Asking
from upwell.engine.dispatch import Ask, Dispatcher
from upwell.engine.gather import Gatherer
from upwell.engine.lanes import HELD, Aside, Lanes, Settled, staged
from upwell.engine.scribe import Scribe
from upwell.engine.trouble import Trouble
from upwell.service.context import Context
from upwell.service.upgrade import enrol, gateways, logins, presence, reports
from upwell.service.upgrade.dispatch import Addressed, Sent
from upwell.service.upgrade.reports import Incoming

log = logging.getLogger(__name__)
POLLS_TOLD_S = 3600.0  # between two lines that a device polls
POLLERS_MAX = 50_000  # devices of which that is remembered
LANES = 4  # batches of what devices say that are under way at once, each on a connection of its own


@dataclass(frozen=True, slots=True)
class Came:
    """A device is online, on which connection and from where, by which vendor's device side."""

    device_id: UUID
    connection_id: UUID
    address: str
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """A connection of a device ended."""

    device_id: UUID
    connection_id: UUID


@dataclass(frozen=True, slots=True)
class Straggler:
    """A device that came on a connection, or left, before all its open tasks had followed."""

    device_id: UUID
    connection_id: UUID | None


@dataclass(frozen=True, slots=True)
class Polled:
    """A device without a connection made a request, from where, by which vendor's device side."""

    device_id: UUID
    address: str
    vendor: str = ""


Move: TypeAlias = Came | Left | Straggler | Polled
_MOVES: dict[type, int] = {Came: 0, Polled: 0, Left: 1, Straggler: 2}


class Intake:
    """The desk of one process's devices. `wake` wakes duties by their names."""

    def __init__(
        self,
        ctx: Context,
        node_id: UUID,
        dispatcher: Dispatcher,
        registration: enrol.Enrolling,
        wake: Callable[..., None],
        scribe: Scribe,
        heard: Callable[[UUID], None],
        turned_away: Callable[[Turned], None],
    ) -> None:
        self.heard, self.turned_away = heard, turned_away
        self._scribe = scribe
        self.note = scribe.note
        self._polled: OrderedDict[UUID, float] = OrderedDict()  # when it was told of a device that it polls
        self._ctx = ctx
        self._node_id = node_id
        self._wake = wake
        self._dispatcher = dispatcher
        self._asking = Asking()
        self._trouble = Trouble(log, "reports and asks")
        self.now: Callable[[], datetime] = ctx.now
        self.words: Lanes[Incoming | Ask] = Lanes(
            "reports and asks", self._heard, _device_of, count=LANES, tracer=ctx.tracer
        )  # fmt: skip
        self.moves: Lanes[Move] = Lanes(
            "arrivals and departures", self._moved, _device_of, count=2, tracer=ctx.tracer
        )  # fmt: skip
        self.gatherers: list[Gatherer[Any, Any] | Lanes[Any]] = [self.words, self.moves]
        self.facts = self._gathered("logins", partial(logins.login_facts, ctx))
        self.facts_by_name = self._gathered("logins by name", partial(logins.login_facts_by_name, ctx))
        self.behind = self._gathered("sub-devices", partial(gateways.behind, ctx))
        self.product_secret = partial(enrol.product_secret, ctx)
        self.enrol = partial(enrol.enrol, ctx, rule=registration)
        self.bind = partial(gateways.bind, ctx)
        self.unbind = partial(gateways.unbind, ctx)
        self.bound = partial(gateways.sub_devices, ctx)

    def _gathered(self, name: str, apply: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Any]:
        gatherer: Gatherer[Any, Any] = Gatherer(name, apply, tracer=self._ctx.tracer)
        self.gatherers.append(gatherer)
        return gatherer.submit

    # Reports, asks and acknowledgements.

    def is_full(self) -> bool:
        """Whether devices say more than is taken: new connections are to be refused."""
        return self.words.is_full() or self.moves.is_full()

    def hear(self, said: Incoming, settled: Settled) -> None:
        """Take a report; `settled` is called after its commit, or with what was raised for it."""
        self.words.hand(said, settled)

    def hear_ask(
        self, device_id: UUID, request: OfferRequest, reply: Callable[[Addressed | None], Sent], settled: Settled
    ) -> None:
        """The device's offer, or None, is told by `reply`, and then `settled` is called."""
        self.words.hand(Ask(device_id, request, reply), settled)

    async def _heard(self, batch: Sequence[Incoming | Ask]) -> list[Any]:
        stages = (self._reported, self._asked)
        return await staged(batch, stages, lambda said: isinstance(said, Ask), _device_of, self._trouble)

    async def _reported(self, batch: Sequence[Any]) -> Sequence[Aside | None]:
        applied = await reports.hear(self._ctx, batch)
        if applied.offers_due:
            self._wake("push")
        if applied.tasks_ended:
            self._wake("finish")
        for line in applied.lines:
            self._scribe.note(line, applied.at)
        return [HELD if said.device_id in applied.held else None for said in batch]

    async def _asked(self, batch: Sequence[Any]) -> Sequence[Aside | None]:
        """One that asks too often has its answer when its time has come."""
        outcomes: list[Aside | None] = [self._asking.judged(ask) for ask in batch]
        now = [(place, ask) for place, ask in enumerate(batch) if outcomes[place] is None]
        if now:
            answers = await self._dispatcher.answer([ask for _, ask in now])
            for (place, _), outcome in zip(now, answers, strict=True):
                outcomes[place] = outcome
        return outcomes

    # Comings and goings.

    async def arrived(self, who: tuple[UUID, UUID, str], vendor: str = "") -> None:
        await self.moves.submit(Came(*who, vendor))

    async def left(self, who: tuple[UUID, UUID]) -> None:
        await self.moves.submit(Left(*who))

    async def asked(self, who: tuple[UUID, str], vendor: str = "") -> None:
        await self.moves.submit(Polled(*who, vendor))

    async def _moved(self, batch: Sequence[Move]) -> list[Any]:
        stages = (self._came, self._left, self._followed)
        return await staged(batch, stages, lambda move: _MOVES[type(move)], _device_of, self._trouble)

    async def _came(self, batch: Sequence[Any]) -> Sequence[Aside | None]:
        came = [(one.device_id, one.connection_id, one.address) for one in batch if isinstance(one, Came)]
        polled = [(one.device_id, one.address) for one in batch if isinstance(one, Polled)]
        vendors = {one.device_id: one.vendor for one in batch}
        placed = await presence.came_online(self._ctx, self._node_id, came, vendors)
        held = placed.held | await presence.asked(self._ctx, polled, vendors)
        for one in batch:
            if one.device_id not in held:
                self._tell_login(one)
        if came:
            self._wake("push")
        connections = {device: connection for device, connection, _ in came}
        self._straggle({device: connections[device] for device in placed.behind})
        return [HELD if one.device_id in held else None for one in batch]

    def _tell_login(self, one: Came | Polled) -> None:
        """A login; of devices that poll, which log in with each request, one now and then."""
        what = "connected" if isinstance(one, Came) else "polls"
        if isinstance(one, Polled) and not self._is_due(one.device_id):
            return
        told = Line(device_id=one.device_id, kind=Kind.LOGIN, what=what, address=one.address, detail=one.vendor)
        self._scribe.note(told)

    def _is_due(self, device_id: UUID) -> bool:
        now_s = time.monotonic()
        if now_s < self._polled.get(device_id, -POLLS_TOLD_S) + POLLS_TOLD_S:
            return False
        self._polled[device_id] = now_s
        self._polled.move_to_end(device_id)
        if len(self._polled) > POLLERS_MAX:
            self._polled.popitem(last=False)
        return True

    async def _left(self, batch: Sequence[Any]) -> Sequence[Aside | None]:
        gone = [(one.device_id, one.connection_id) for one in batch]
        settled = await presence.went_offline(self._ctx, self._node_id, gone)
        self._straggle(dict.fromkeys(settled.behind))
        return [HELD if one.device_id in settled.held else None for one in batch]

    async def _followed(self, batch: Sequence[Any]) -> Sequence[Aside | None]:
        settled = await presence.follow(self._ctx, [(one.device_id, one.connection_id) for one in batch])
        self._wake("push")
        return [HELD if one.device_id in settled.behind else None for one in batch]

    def _straggle(self, devices: dict[UUID, UUID | None]) -> None:
        """Tasks that others hold follow their devices when they are let go."""
        for device_id, connection_id in devices.items():
            self.moves.hand(Straggler(device_id, connection_id), _nobody_waits)

    async def behind_all(self, gateway_ids: Sequence[UUID]) -> dict[UUID, Sequence[SubDevice]]:
        found = await gateways.behind(self._ctx, gateway_ids)
        return dict(zip(gateway_ids, found, strict=True))


def _device_of(said: Any) -> UUID:
    device_id: UUID = said.device_id
    return device_id


def _nobody_waits(answer: Any, exc: BaseException | None) -> None:
    """What failed was told in the log; the sweep of upkeep finds what did not follow."""
