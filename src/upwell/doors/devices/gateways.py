"""Sub-devices: who joins and leaves a gateway's topology, and who is online on its connection.

Holds: a sub-device speaks only through the gateway of its topology, after its proof, and only as long as it is online
on that very connection (L8). Requests of one connection are done one after the other; what one asks is done for all
its sub-devices or for none. Bounded: sub-devices of a connection and of a topology.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from upwell.domain.connected import LoginFacts, SubDevice
from upwell.domain.errors import NotFound, TooMany
from upwell.domain.timeline import Kind, Line
from upwell.doors.devices.desk import Desk
from upwell.doors.devices.faces import (
    Behind,
    Down,
    Linked,
    Names,
    Outcome,
    Outcomes,
    SubClaim,
    SubLogin,
    SubLogout,
    SubStatus,
    TopoAdd,
    TopoDelete,
    TopoGet,
)
from upwell.doors.devices.logins import NOBODY
from upwell.doors.devices.seats import Seat, Seats, linked_of
from upwell.service.journal import tell
from upwell.service.upgrade.gateways import SUB_DEVICES_MAX

log = logging.getLogger(__name__)

Asked = SubLogin | SubLogout | TopoAdd | TopoDelete | TopoGet | Behind | SubStatus
Candidates = Callable[[str | None, str], Awaitable[Sequence[LoginFacts]]]


class Gateways:
    """Does what gateways ask for their sub-devices. `candidates` finds devices by product key and name, or by name
    alone."""

    def __init__(self, desk: Desk, candidates: Candidates, seats: Seats) -> None:
        self._desk = desk
        self._candidates = candidates
        self._seats = seats
        self._turns: dict[UUID, asyncio.Lock] = {}  # of connections that asked

    @asynccontextmanager
    async def turn(self, conn: Seat) -> AsyncIterator[None]:
        """The connection's turn, given in the order in which it is asked for: what was asked before is done. A
        sub-device speaks right behind its login, which not every vendor answers (tuya 4.10)."""
        turn = self._turns.setdefault(conn.connection_id, asyncio.Lock())
        try:
            async with turn:
                yield
        finally:
            if self._seats.of(conn.device_id) is not conn:
                self._turns.pop(conn.connection_id, None)

    async def take(self, conn: Seat, asked: Asked) -> Down | None:
        """In the connection's turn, do it and give the answer to send; it is committed when this returns."""
        match asked:
            case TopoGet(answer):
                bound = await self._desk.bound(conn.device_id)
                return answer([_named(each) for each in bound])
            case TopoAdd(subs, answer):
                return answer(self._noted(conn, "sub-device not added", await self._bind(conn, subs)))
            case TopoDelete(subs, answer):
                return answer(await self._unbind(conn, subs))
            case SubLogin(subs, answer):
                return answer(self._noted(conn, "sub-device login refused", await self._login(conn, subs)))
            case SubLogout(subs, answer):
                return answer(await self._logout(conn, subs))
            case Behind(public_id):
                await self._bring(conn, await self._desk.behind(conn.device_id), {public_id})
                return None
            case SubStatus(wanted, answer):
                return answer(await self._as_said(conn, dict(wanted)))

    async def come_along(self, conn: Seat) -> None:
        """The devices behind a gateway that just came are online with it."""
        await self._bring(conn, await self._desk.behind(conn.device_id), None)

    async def catch_up(self, conns: Sequence[Seat]) -> None:
        """Devices that came behind these gateways meanwhile are online with them; those that a gateway said are away
        are not."""
        found = await self._desk.behind_all([conn.device_id for conn in conns])
        for conn in conns:
            linked = linked_of(conn)
            if any(_named(sub) not in linked.subs for sub in found.get(conn.device_id, ())):
                async with self.turn(conn):
                    await self._bring(conn, found[conn.device_id], None)

    async def part(self, conn: Seat) -> None:
        """The connection ended, and with it its sub-devices'."""
        self._turns.pop(conn.connection_id, None)
        subs = list(linked_of(conn).subs.values())
        for device_id in subs:
            self._seats.leave(device_id, conn)
        await asyncio.gather(*(self._desk.left((device_id, conn.connection_id)) for device_id in subs))

    def _noted(self, conn: Seat, event: str, found: Outcomes) -> Outcomes:
        """The same, with each refusal told in the log and in the timeline of the device, if it is of the gateway's
        account."""
        account_id = linked_of(conn).account_id
        for names, outcome in found:
            if outcome is not Outcome.DONE:
                tell(log, event, device=conn.name, other=names.shown, reason=outcome.value)
                told = Line(device_id=names.device_id, kind=Kind.REFUSED, what="login", account_id=account_id)
                detail = f"{event} by {conn.name}"
                self._desk.note(told._replace(reason=outcome.value, address=conn.peer, detail=detail))
        return found

    # Topology.

    async def _bind(self, conn: Seat, subs: Sequence[SubClaim]) -> Outcomes:
        found = await asyncio.gather(*(self._found(conn, claim, topology=False) for claim in subs))
        if any(outcome is not Outcome.DONE for _, outcome in found):
            return found
        try:
            await self._desk.bind(conn.device_id, list({names.device_id for names, _ in found}))
        except TooMany:
            return [(names, Outcome.TOO_MANY) for names, _ in found]
        except NotFound:  # the gateway itself was deleted meanwhile
            return [(names, Outcome.UNKNOWN) for names, _ in found]
        return found

    async def _unbind(self, conn: Seat, subs: Sequence[tuple[str | None, str]]) -> Outcomes:
        named = [await self._named(conn, *each) for each in subs]
        gone = await self._desk.unbind(conn.device_id, [names.device_id for names in named])
        for names in named:
            if names.device_id in gone:
                await self._offline(conn, names.device_id)
        return [(names, Outcome.DONE if names.device_id in gone else Outcome.UNBOUND) for names in named]

    async def _named(self, conn: Seat, product_key: str | None, device_name: str) -> Names:
        """The sub-device meant, also where the vendor names no product."""
        if product_key is not None:
            return Names(product_key, device_name)
        here = [f for f in await self._candidates(None, device_name) if f.gateway_id == conn.device_id]
        return Names(here[0].product_key if here else "", device_name)

    # Sessions.

    async def _login(self, conn: Seat, subs: Sequence[SubClaim]) -> Outcomes:
        found = await asyncio.gather(*(self._found(conn, claim, topology=True) for claim in subs))
        linked = linked_of(conn)
        wanted = {names.device_id: names for names, _ in found}
        if len(linked.subs.keys() | set(wanted.values())) > SUB_DEVICES_MAX:
            return [(names, Outcome.TOO_MANY) for names, _ in found]
        if all(outcome is Outcome.DONE for _, outcome in found):
            await asyncio.gather(*(self._online(conn, *each) for each in wanted.items()))
        return found

    async def _online(self, conn: Seat, device_id: UUID, names: Names) -> None:
        if self._seats.of(device_id) is not conn:
            if self._seats.of(conn.device_id) is not conn:
                return  # the gateway itself left meanwhile
            if former := self._seats.take(conn, device_id, names):
                former.end("logged in through its gateway")
        await self._desk.arrived((device_id, conn.connection_id, conn.peer), linked_of(conn).face.name)
        if not self._seats.settle(conn, device_id):
            await self._desk.left((device_id, conn.connection_id))

    async def _logout(self, conn: Seat, subs: Sequence[tuple[str | None, str]]) -> Outcomes:
        found: list[tuple[Names, Outcome]] = []
        linked = linked_of(conn)
        for product_key, device_name in subs:
            names = linked.whose(product_key, device_name)
            if names is None or names == linked.names:
                found.append((Names(product_key or "", device_name), Outcome.UNBOUND))
                continue
            found.append((names, Outcome.DONE))
            await self._offline(conn, linked.subs[names])
        return found

    async def _offline(self, conn: Seat, device_id: UUID) -> None:
        if self._seats.leave(device_id, conn):
            await self._desk.left((device_id, conn.connection_id))

    # Sub-devices without a login of their own.

    async def _bring(self, conn: Seat, subs: Sequence[SubDevice], only: Collection[str] | None) -> None:
        """Those of the public ids in `only`, or all that did not leave this connection before. One that has a
        connection of its own keeps it."""
        linked = linked_of(conn)
        missing: list[tuple[UUID, Names]] = []
        for sub in subs:
            names = _named(sub)
            device_id = names.device_id
            asked = names not in linked.parted if only is None else sub.public_id in only
            seat = self._seats.of(device_id)
            if asked and seat is not conn and (seat is None or seat.device_id != device_id):
                missing.append((device_id, names))
        await asyncio.gather(*(self._online(conn, *each) for each in missing))

    async def _as_said(self, conn: Seat, wanted: Mapping[str, bool]) -> frozenset[str]:
        """Those of the gateway's own that are now as it said."""
        linked = linked_of(conn)
        there = {public_id for public_id, is_there in wanted.items() if is_there}
        behind = await self._desk.behind(conn.device_id)
        await self._bring(conn, behind, there)
        for public_id in wanted.keys() - there:
            names = linked.public.get(public_id)
            if names is not None:
                await self._offline(conn, linked.subs[names])
        own = {sub.public_id for sub in behind}
        return frozenset(own & wanted.keys() - there | linked.public.keys() & there)

    # Proofs.

    async def _found(self, conn: Seat, claim: SubClaim, *, topology: bool) -> tuple[Names, Outcome]:
        """What becomes of one sub-device. Each candidate's proof is computed, so that time tells nothing."""
        linked, now = linked_of(conn), self._desk.now()
        names = Names(claim.product_key or "", claim.device_name)
        candidates = await self._candidates(claim.product_key, claim.device_name)
        proven = [facts for facts in candidates if claim.proves(facts.secret, b"", now)]
        if not candidates:
            claim.proves(NOBODY, b"", now)
            return names, Outcome.UNKNOWN
        if not proven:
            return names, Outcome.UNPROVEN
        own = [facts for facts in proven if facts.gateway_id == conn.device_id]
        facts = (own or proven)[0]
        names = Names(facts.product_key, facts.name)
        return names, _judged(linked, names, facts, bound=bool(own) or not topology)


def _judged(linked: Linked, names: Names, facts: LoginFacts, *, bound: bool) -> Outcome:
    if names == linked.names:
        return Outcome.ITSELF
    if facts.account_id != linked.account_id:
        return Outcome.UNKNOWN  # L8: another account's devices do not exist
    if not facts.enabled:
        return Outcome.DISABLED
    return Outcome.DONE if bound else Outcome.UNBOUND


def _named(sub: SubDevice) -> Names:
    return Names(sub.product_key, sub.name, sub.public_id)
