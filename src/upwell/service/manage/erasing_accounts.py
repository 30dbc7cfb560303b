"""An account erased, with all that is its own: rows, objects, entries of the audit (ADR 0068).

Holds: first of all its keys, sessions and users end and its name is free, in one transaction, so nothing new comes in;
its devices are made tombstones, which disconnects them. Rows go by what they belong to, so many in a transaction; what
others said of the account loses its name. Refuses: the first account, and one in which a rollout runs or is planned.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from upwell.domain.erasing import SoughtAccount
from upwell.domain.errors import Conflict, Held, NotFound
from upwell.objects.port import Objects
from upwell.service.context import Context
from upwell.service.manage.access import DEFAULT_ACCOUNT, TOKEN_KEY_SIZE, project_id
from upwell.service.manage.erasing import PAUSE_S, SQL, WAITS, Place, Told
from upwell.service.manage.erasing_owners import OF_ACCOUNT, OF_DEVICE, PARENTS, Parent
from upwell.service.manage.erasing_rows import REMOVED, AccountRows, Rows
from upwell.service.upgrade.burying import bury_some
from upwell.storage.database import Connection, Row

AT_ONCE = 1000  # rows, in a transaction
PARENTS_AT_ONCE = 100  # of which the rows are looked for
OBJECTS_AT_ONCE = 100
TRIES_MAX = 20  # to find devices that nobody holds
OBJECTS = "objects in the store"  # as they are told of, among tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where an account's objects are: `objects` by key, of which it `keeps` those that are not in a bucket of the
    owner's; `bucket` has what lies in buckets of the platform's own store."""

    objects: Objects
    keeps: Callable[[str], bool]
    bucket: Objects


@dataclass(slots=True, kw_only=True)
class Account:
    """An account, as it is looked for."""

    account_id: int
    name: str
    sure: tuple[str, ...]
    store: Store
    left: set[str] = field(default_factory=set)  # objects that are another account's too, or in buckets of its own

    async def hold(self, conn: Connection) -> None:
        """Nobody else erases it meanwhile."""
        if await conn.fetchval(*SQL["hold_account"](account_id=self.account_id)) is None:
            raise Conflict("account_erased", "Another process has erased the account meanwhile.")

    def rows(self, conn: Connection, table: str, pseudonym: UUID, word: str) -> Rows:
        """Rows that say it."""
        sought = SoughtAccount(account_id=self.account_id, word=word, sure=self.sure, name=self.name)
        return AccountRows(conn, table, sought)

    async def before_pass(self, ctx: Context) -> Told:
        """All that belongs to it."""
        await self._bury(ctx)
        done = Counter[str]()
        done[OBJECTS] += await self._objects(ctx)
        for parent in PARENTS:
            done += await self._parents(ctx, parent)
        for table in OF_ACCOUNT:
            done += await self._dropped(ctx, table, "account_id", [str(self.account_id)])
        return {table: {REMOVED: count} for table, count in done.items() if count}

    async def _bury(self, ctx: Context) -> None:
        """Whoever holds a device is waited for: its connection is to end. Raises Held."""
        for _ in range(TRIES_MAX):
            while await bury_some(ctx):
                pass
            async with ctx.database.connection() as conn:
                if not await conn.fetchval(*SQL["any_living"](account_id=self.account_id)):
                    return
            await asyncio.sleep(PAUSE_S)
        raise Held("Devices of the account are held by others: call it again.")

    async def _parents(self, ctx: Context, parent: Parent) -> Counter[str]:
        """Rows of a table with what belongs to them, which goes first."""
        done = Counter[str]()
        own = [str(self.account_id)]
        while ids := await self._keys(ctx, parent.table, parent.key, parent.by, own, PARENTS_AT_ONCE):
            if parent.table == "product":
                done += await self._devices(ctx, "device", "product_id", ids)
            elif parent.table in ("job", "survey"):
                for table in ("task", "job_stray", "job_target"):
                    done += await self._devices(ctx, table, "job_id", ids)
            for table, column in parent.tables.items():
                done += await self._dropped(ctx, table, column, ids)
            done += await self._dropped(ctx, parent.table, parent.key, ids)
        return done

    async def _devices(self, ctx: Context, table: str, by: str, ids: Sequence[str]) -> Counter[str]:
        """What belongs to the devices of this table's rows, and those rows."""
        done = Counter[str]()
        while devices := await self._keys(ctx, table, "device_id", by, ids, AT_ONCE):
            for each, column in OF_DEVICE.items():
                done += await self._dropped(ctx, each, column, devices)
            done += await self._dropped(ctx, table, "device_id", devices)
        return done

    async def _keys(
        self, ctx: Context, table: str, key: str, by: str, ids: Sequence[str], at_most: int
    ) -> list[str]:  # fmt: skip
        asked = SQL["keys_by"](of_table=table, key=key, by=by, ids=list(ids), at_most=at_most)
        async with ctx.database.connection() as conn:
            return [row["key"] for row in await conn.fetch(*asked)]

    async def _dropped(self, ctx: Context, table: str, by: str, ids: Sequence[str]) -> Counter[str]:
        drop = SQL["drop_by"](of_table=table, by=by, ids=list(ids), at_most=AT_ONCE)

        async def body(conn: Connection) -> int:
            await conn.execute(*SQL["let_erase"](lock_timeout=WAITS))
            return int(await conn.fetchval(*drop))

        count = last = await ctx.database.transact(body)
        while last == AT_ONCE:
            last = await ctx.database.transact(body)
            count += last
        return Counter({table: count})

    async def _objects(self, ctx: Context) -> int:
        """Objects that no other account has by the same key; how many went."""
        gone, after = 0, ""
        while True:
            asked = SQL["objects_of_account"](account_id=self.account_id, after=after, at_most=OBJECTS_AT_ONCE)
            async with ctx.database.connection() as conn:
                rows = await conn.fetch(*asked)
            for row in rows:
                if row["is_shared"] or not self.store.keeps(row["key"]):
                    self.left.add(row["key"])
                elif await self.store.objects.exists(row["key"]):
                    await self.store.objects.delete(row["key"])
                    gone += 1
            if len(rows) < OBJECTS_AT_ONCE:
                break
            after = rows[-1]["key"]
        left = [key async for key, _ in self.store.bucket.listed()]
        for key in left:
            await self.store.bucket.delete(key)
        return gone + len(left)


@dataclass(frozen=True, slots=True)
class Asked:
    """The account that is to be erased."""

    account_id: int
    name: str


async def find(ctx: Context, name: str) -> tuple[Row | None, Asked]:
    """The account, with the row of its erasure if that is under way. Raises NotFound (account), Conflict."""
    if name == DEFAULT_ACCOUNT:
        raise Conflict("account_is_default", "The first account stays: commands that name none mean it.")
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*SQL["under_way"](what="account", text=name))
        if row is not None:
            return row, Asked(row["account_id"], name)
        account = await conn.fetchrow(*SQL["account"](name=name))
        if account is None:
            raise NotFound("account", name)
        await _require_still(conn, account["account_id"], name)
    return None, Asked(account["account_id"], name)


async def _require_still(conn: Connection, account_id: int, name: str) -> None:
    running = await conn.fetchrow(*SQL["running"](account_id=account_id))
    if running is not None and running["n"]:
        raise Conflict(
            "account_has_running_job",
            f"{running['n']} rollouts of the account {name} run or are planned, such as {running['job_id']}: cancel "
            "them first, in the console or by its API (`upwell rollout cancel`); then call this again",
        )


async def begin(ctx: Context, asked: Asked, pseudonym: UUID, word: str) -> Row:
    """Nothing comes in any more, and it is under way. Raises Conflict while a rollout runs."""

    async def body(conn: Connection) -> Row:
        which, now = {"account_id": asked.account_id}, ctx.now()
        if await conn.fetchrow(*SQL["account"](name=asked.name)) is None:
            raise NotFound("account", asked.name)
        await _require_still(conn, asked.account_id, asked.name)
        said = [row["said"] for row in await conn.fetch(*SQL["texts_of_account"](**which, size_min=TOKEN_KEY_SIZE))]
        sought = {"called": [asked.name], "name": asked.name, "sure": [project_id(asked.account_id), *said]}
        await conn.execute(*SQL["shut_account"](**which, now=now, word=word))
        made = {"pseudonym": pseudonym, "word": word, "what": "account", **which, "now": now}
        row = await conn.fetchrow(*SQL["begin"](**made, sought=json.dumps(sought)))
        assert row is not None  # noqa: S101  # it was inserted
        return row

    return await ctx.database.transact(body)


def place_of(row: Row, store: Store) -> Place:
    """The erasure, as it is kept."""
    sought = json.loads(row["sought"])
    account = Account(
        account_id=row["account_id"], name=sought["name"], sure=tuple(sought["sure"]), store=store
    )  # fmt: skip
    return Place.of(row, account)


async def end(ctx: Context, place: Place) -> None:
    """A whole pass found nothing: its own row goes, with what knew it."""

    async def body(conn: Connection) -> None:
        await conn.execute(*SQL["let_erase"](lock_timeout=WAITS))
        await place.subject.hold(conn)
        await conn.execute(*SQL["end_account"](account_id=place.account_id, pseudonym=place.pseudonym))

    await ctx.database.transact(body)
