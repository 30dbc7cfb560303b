"""Events, made and placed.

What changes something worth telling makes an event in its own transaction (L16): `tell`, `tell_job`, `tell_package` for
what owners do, and in sets what devices do, where an account wants that. After the commit one process at a time gives
events their positions, which readers go by: so none is ever placed below what somebody has read (ADR 0040).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from upwell.domain.events import OF_PRESENCE, Kind, of_task
from upwell.domain.talk import TaskRef
from upwell.domain.task import Task
from upwell.service.context import Context
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

_Q = sheet("events")
PLACED_AT_ONCE = 1000  # events in one transaction: some 20 ms
FORGOTTEN_AT_ONCE = 1000

Told = tuple[TaskRef, Kind, Mapping[str, Any]]


async def tell(
    conn: Connection, account_id: int, kind: Kind, now: datetime, *, name: str | None = None, job_id: int | None = None,
    package_id: int | None = None, **facts: Any,
) -> None:  # fmt: skip
    """Make an event of the account, in the transaction that makes it true."""
    about = {"job_id": job_id, "package_id": package_id, "name": name}
    await conn.execute(*_Q["make"](account_id=account_id, kind=kind, now=now, **about, facts=json.dumps(facts)))


async def tell_job(conn: Connection, job_id: int, kind: Kind, now: datetime, **facts: Any) -> None:
    """Make an event of the job's account about the job."""
    await conn.execute(*_Q["make_of_job"](job_id=job_id, kind=kind, now=now, facts=json.dumps(facts)))


async def tell_package(conn: Connection, package_id: int, kind: Kind, now: datetime, **facts: Any) -> None:
    """Make an event of the package's account about the package."""
    await conn.execute(*_Q["make_of_package"](package_id=package_id, kind=kind, now=now, facts=json.dumps(facts)))


# --- what devices do: for accounts that want it ---


async def tell_tasks(conn: Connection, changed: Iterable[tuple[Task, Task]], now: datetime) -> None:
    """Tasks, as they are stored and as they are saved in this transaction."""
    found = ((after.ref, of_task(before, after)) for before, after in changed)
    await tell_some(conn, [(ref, *told) for ref, told in found if told is not None], now)


async def tell_some(conn: Connection, told: Sequence[Told], now: datetime) -> None:
    """These events of tasks, in this order."""
    if told and await _is_wanted(conn, "of_devices"):
        columns = {
            "device_ids": [ref.device_id for ref, _, _ in told],
            "job_ids": [ref.job_id for ref, _, _ in told],
            "kinds": [kind for _, kind, _ in told],
            "facts": [json.dumps(facts) for _, _, facts in told],
        }
        await conn.execute(*_Q["make_of_tasks"](now=now, **columns))


async def tell_followers(conn: Connection, now: datetime, *, which: Mapping[str, Any], state: str) -> None:
    """Tasks of a job that a halt ended just now and that is in this state."""
    if await _is_wanted(conn, "of_devices"):
        named = {name: which[name] for name in ("device_ids", "nths", "job_id", "act")}
        await conn.execute(*_Q["make_of_followers"](kind=Kind.TASK_ENDED, now=now, state=state, **named))


async def tell_devices(conn: Connection, kind: Kind, device_ids: Sequence[UUID], now: datetime) -> None:
    """That these devices were seen for the first time, came, or left."""
    of_presence = kind in OF_PRESENCE
    if device_ids and await _is_wanted(conn, "of_presence" if of_presence else "of_devices"):
        which = {"device_ids": list(device_ids), "of_presence": of_presence}
        await conn.execute(*_Q["make_of_devices"](kind=kind, now=now, **which))


async def tell_versions(
    conn: Connection, running: Mapping[tuple[UUID, str], str | None], now: datetime, *, by_result: bool
) -> None:
    """What these locked devices run from now, by device and module, before it is saved."""
    if running and await _is_wanted(conn, "of_devices"):
        devices, modules = zip(*running, strict=True)
        columns = {"device_ids": devices, "modules": modules, "versions": list(running.values())}
        statement = _Q["make_of_versions"](kind=Kind.DEVICE_VERSION_CHANGED, now=now, by_result=by_result, **columns)
        await conn.execute(*statement)


async def _is_wanted(conn: Connection, what: str) -> bool:
    """Whether any account wants it; then the statement looks at whose it is."""
    row = await conn.fetchrow(*_Q["wanted"]())
    return bool(row and row[what])


# --- placed and forgotten ---


async def place(ctx: Context) -> bool:
    """Give the next committed events their positions; True when there may be more."""
    async with ctx.upkeep.connection() as conn:
        if not await conn.fetchval(*_Q["any_made"]()):
            return False

    async def body(conn: Connection) -> int:
        head = await conn.fetchval(*_Q["lock_head"]())
        if head is None:
            return 0
        row = await conn.fetchrow(*_Q["place"](head=head, at_most=PLACED_AT_ONCE))
        assert row is not None  # noqa: S101  # it counts
        if row["n"]:
            await conn.execute(*_Q["move_head"](head=row["head"]))
        return int(row["n"])

    return await ctx.upkeep.transact(body) == PLACED_AT_ONCE


async def forget(ctx: Context) -> bool:
    """Some of what each account keeps no longer; True when there may be more."""
    async with ctx.upkeep.connection() as conn:
        accounts = [row["account_id"] for row in await conn.fetch(*_Q["full"](now=ctx.now()))]
    more = False
    for account_id in accounts:
        async with ctx.upkeep.connection() as conn:
            which = {"account_id": account_id, "now": ctx.now(), "at_most": FORGOTTEN_AT_ONCE}
            more |= await conn.fetchval(*_Q["forget"](**which)) == FORGOTTEN_AT_ONCE
    return more
