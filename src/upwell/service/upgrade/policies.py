"""Policies: which devices a dynamic job takes by what they run, looked up and never scanned.

Whoever changes a product's policies waits for the reports that are being applied under the present ones; reports that
are read later wait for the change. What a policy takes is domain/policy.py's to say.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from upwell.domain.policy import Policy, winner
from upwell.service.context import Context
from upwell.service.upgrade import events, spread
from upwell.service.upgrade.making import take
from upwell.service.upgrade.members import members_among
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet

_Q = sheet("policies")
_REPORTS = sheet("reports")
PAST_MOST = 20  # versions that a device ran before, of each module, which are kept


@dataclass(frozen=True, slots=True)
class Running:
    """A device of a product runs a version of a module; None: it never said, or nobody knows."""

    device_id: UUID
    product_id: int
    module: str
    version: str | None

    @property
    def kind(self) -> tuple[int, str, str]:
        """What policies ask of it, besides its groups."""
        return self.product_id, self.module, self.version or ""


Candidates = Mapping[tuple[int, str, str], Sequence[Policy]]  # by product, module and version


async def candidates_of(conn: Connection, running: Sequence[Running]) -> Candidates:
    """The policies that may take such devices, whichever groups these are in."""
    wanted = sorted({r.kind for r in running})
    found: dict[tuple[int, str, str], list[Policy]] = {}
    products, modules, versions = zip(*wanted, strict=True) if wanted else ((), (), ())
    asked = _Q["candidates"](product_ids=products, modules=modules, versions=versions)
    for row in await conn.fetch(*asked) if wanted else []:
        found.setdefault((row["product_id"], row["module"], row["version"]), []).append(filled(Policy, row))
    return found


async def winners(conn: Connection, running: Sequence[Running], found: Candidates) -> dict[int, dict[UUID, str | None]]:
    """For each dynamic job the devices that its policy takes, with the version they run."""
    members = await _memberships(conn, running, found)
    taken: dict[int, dict[UUID, str | None]] = {}
    for run in running:
        candidates = found.get(run.kind, [])
        job_id = winner(candidates, members.get(run.device_id, frozenset()), run.version)
        if job_id is not None:
            taken.setdefault(job_id, {})[run.device_id] = run.version
    return taken


async def _memberships(conn: Connection, running: Sequence[Running], found: Candidates) -> dict[UUID, frozenset[int]]:
    asked: dict[int, set[UUID]] = {}
    for run in running:
        for policy in found.get(run.kind, []):
            if policy.group_id is not None:
                asked.setdefault(policy.group_id, set()).add(run.device_id)
    members: dict[UUID, set[int]] = {}
    for group_id, devices in asked.items():
        for device in await members_among(conn, group_id, sorted(devices)):
            members.setdefault(device, set()).add(group_id)
    return {device: frozenset(ids) for device, ids in members.items()}


@dataclass(frozen=True, slots=True)
class Reported:
    """What devices run from now, and what dynamic jobs take of it: for each job its devices, whose rows are locked."""

    running: list[Running]
    taken: dict[int, dict[UUID, str | None]]


@dataclass(frozen=True, slots=True)
class Held:
    """Reports whose meaning for policies can't change any more: what live devices run, the policies that may take
    them, and those of them whose rows are locked, for that or because what they run is to be written. `held`: the
    devices whose rows or policies others hold."""

    running: list[Running]
    candidates: Candidates
    locked: AbstractSet[UUID] = frozenset()
    news: AbstractSet[tuple[UUID, str]] = frozenset()  # device and module
    held: AbstractSet[UUID] = frozenset()

    def without(self, devices: AbstractSet[UUID]) -> "Held":
        """The same but for these devices, of which nothing is kept."""
        return replace(self, running=[r for r in self.running if r.device_id not in devices]) if devices else self


async def hold_reported(
    conn: Connection, versions: Mapping[tuple[UUID, str], str | None], arriving: AbstractSet[UUID] = frozenset()
) -> Held:
    """Take all that applying these reports, by (device, module), locks before tasks, and wait for none of it; dead
    devices are left out. The policies of their products are held until the transaction ends: a job that comes into
    being meanwhile waits for it, and its fill sees the new versions, or has come before and its policy is seen here.
    The row of `arriving` devices is locked whatever they say: later in the transaction something is written of them,
    perhaps a version. Nobody writes what a device runs without its row, so no version of a deleted device is kept."""
    seen = await _look_at(conn, versions)
    running = [Running(plain(r["device_id"]), r["product_id"], r["module"], r["version"]) for r in seen]
    products = {r.device_id: r.product_id for r in running} | await _products_of(conn, arriving)
    if not products:
        return Held([], {})
    news = {(plain(r["device_id"]), r["module"]) for r in seen if r["is_news"]}
    governed = sorted(set(products.values()))
    got = {r["product_id"] for r in await conn.fetch(*_Q["share_policies"](product_ids=governed)) if r["got"]}
    rows = await conn.fetch(*_Q["modules_of_policies"](product_ids=governed))
    modules = {(r["product_id"], r["module"]) for r in rows}
    found = await candidates_of(conn, [r for r in running if (r.product_id, r.module) in modules])
    held = {device for device, product in products.items() if product not in got}
    wanted = {device for device, _ in news} | arriving | {r.device_id for r in running if r.kind in found}
    wanted = {device for device in wanted if device in products} - held
    locked = await _lock_devices(conn, wanted)
    held |= wanted - locked
    return Held([r for r in running if r.device_id not in held], found, locked, news, held)


async def _look_at(conn: Connection, versions: Mapping[tuple[UUID, str], str | None]) -> Sequence[Row]:
    if not versions:
        return []
    devices, modules = zip(*versions, strict=True)
    columns = {"device_ids": devices, "modules": modules, "versions": list(versions.values())}
    return await conn.fetch(*_REPORTS["look_at_versions"](**columns))


async def _products_of(conn: Connection, devices: AbstractSet[UUID]) -> dict[UUID, int]:
    rows = await conn.fetch(*_Q["products_of"](device_ids=list(devices))) if devices else []
    return {plain(r["device_id"]): r["product_id"] for r in rows}


async def _lock_devices(conn: Connection, devices: AbstractSet[UUID]) -> set[UUID]:
    rows = await conn.fetch(*_Q["lock_takers"](device_ids=list(devices))) if devices else []
    return {plain(r["device_id"]) for r in rows}


async def keep_reported(conn: Connection, held: Held, now: datetime, *, by_result: bool = False) -> Reported:
    """Keep what was reported, and say what it means for policies. It is kept first, because a group's condition
    may be about versions."""
    news = [run for run in held.running if (run.device_id, run.module) in held.news]
    await _save_versions(conn, news, now, by_result)
    taken = await winners(conn, [r for r in held.running if r.device_id in held.locked], held.candidates)
    return Reported(held.running, taken)


async def _save_versions(conn: Connection, running: Sequence[Running], now: datetime, by_result: bool) -> None:
    if running:
        told = {(run.device_id, run.module): run.version for run in running}
        await events.tell_versions(conn, told, now, by_result=by_result)
        counted = await spread.placed(conn, [(run.product_id, run.module, run.version) for run in running])
        statement = _REPORTS["save_versions"](
            now=now,
            counted=counted,
            device_ids=[run.device_id for run in running],
            product_ids=[run.product_id for run in running],
            modules=[run.module for run in running],
            versions=[run.version for run in running],
            by_result=by_result,
            past_most=PAST_MOST,
        )
        await spread.move(conn, spread.moves_in(await conn.fetch(*statement)))


async def take_reported(ctx: Context, conn: Connection, reported: Reported) -> int:
    """Make the tasks that policies owe these devices, whose versions are saved; returns how many offers are due
    now."""
    if not reported.taken:
        return 0
    jobs = await conn.fetch(*_Q["jobs_of_policies"](job_ids=list(reported.taken)))
    return sum([await take(ctx, conn, job, reported.taken[job["job_id"]]) for job in jobs])
