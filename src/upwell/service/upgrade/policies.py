"""Policies: which devices a dynamic job takes by what they run, looked up and never scanned.

Whoever changes a product's policies waits for the reports that are being applied under the present ones; reports that
are read later wait for the change. What a policy takes is domain/policy.py's to say.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from upwell.domain.policy import Policy, winner
from upwell.service.context import Context
from upwell.service.upgrade.making import take
from upwell.service.upgrade.members import members_among
from upwell.service.upgrade.tasks import plain
from upwell.storage.database import Connection, filled
from upwell.storage.queries import sheet

_Q = sheet("policies")
_REPORTS = sheet("reports")


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
    them, and those of them whose rows are locked for that."""

    running: list[Running]
    candidates: Candidates
    locked: frozenset[UUID]


async def hold_reported(
    conn: Connection, versions: Mapping[tuple[UUID, str], str | None], arriving: AbstractSet[UUID] = frozenset()
) -> Held:
    """Take all that applying these reports, by (device, module), locks before tasks; dead devices are left out. The
    policies of their products are held until the transaction ends: a job that comes into being meanwhile waits for it,
    and its fill sees the new versions, or has come before and its policy is seen here. Of `arriving` a later report of
    the transaction may bring a version: their rows are locked, and with them whatever versions are to be kept."""
    told = {device for device, _ in versions}
    if not told and not arriving:
        return Held([], {}, frozenset())
    rows = await conn.fetch(*_Q["products_of"](device_ids=list(told | arriving)))
    products = {plain(r["device_id"]): r["product_id"] for r in rows}
    running = [Running(d, products[d], module, v) for (d, module), v in versions.items() if d in products]
    governed = sorted(set(products.values()))
    await conn.execute(*_Q["share_policies"](product_ids=governed))
    rows = await conn.fetch(*_Q["modules_of_policies"](product_ids=governed))
    modules = {(r["product_id"], r["module"]) for r in rows}
    found = await candidates_of(conn, [r for r in running if (r.product_id, r.module) in modules])
    wanted = arriving | {r.device_id for r in running if r.kind in found}
    locked = await conn.fetch(*_Q["lock_takers"](device_ids=list(wanted))) if wanted else []
    if arriving:
        await conn.execute(*_Q["lock_versions"](device_ids=list(told | arriving)))
    return Held(running, found, frozenset(plain(r["device_id"]) for r in locked))


async def keep_reported(conn: Connection, held: Held, now: datetime, *, by_result: bool = False) -> Reported:
    """Keep what was reported, and say what it means for policies. It is kept first, because a group's condition
    may be about versions."""
    await _save_versions(conn, held.running, now, by_result)
    taken = await winners(conn, [r for r in held.running if r.device_id in held.locked], held.candidates)
    return Reported(held.running, taken)


async def _save_versions(conn: Connection, running: Sequence[Running], now: datetime, by_result: bool) -> None:
    if running:
        statement = _REPORTS["save_versions"](
            now=now,
            device_ids=[run.device_id for run in running],
            modules=[run.module for run in running],
            versions=[run.version for run in running],
            by_result=by_result,
        )
        await conn.execute(*statement)


async def take_reported(ctx: Context, conn: Connection, reported: Reported) -> int:
    """Make the tasks that policies owe these devices, whose versions are saved; returns how many offers are due
    now."""
    if not reported.taken:
        return 0
    jobs = await conn.fetch(*_Q["jobs_of_policies"](job_ids=list(reported.taken)))
    return sum([await take(ctx, conn, job, reported.taken[job["job_id"]]) for job in jobs])
