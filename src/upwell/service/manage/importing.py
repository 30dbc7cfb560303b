"""Imports as the engine works on them: some rows of a list at a time, each in one transaction with how far it came.

Holds: a process that is killed leaves a chunk made or not made, and the next goes on behind it, so nothing is made
twice. What a row asks for is judged as if it were asked by itself; a row that is refused is written down, the first
PROBLEMS_KEPT of them, and keeps no other. A row whose device exists as it is asked for changes nothing. Rows that are
behind no gateway are made together, and so are those behind one gateway, which is looked at once in a chunk: how many
devices are behind it is counted, and they may be many.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import fleet
from upwell.domain.errors import CallerError, Conflict, Invalid, NotFound
from upwell.domain.quotas import OverQuota
from upwell.objects.port import Objects
from upwell.service.context import Context, objects_of
from upwell.service.dice import DEVICE_SECRET_SIZE, IOT_SALT_SIZE, dice
from upwell.service.journal import tell
from upwell.service.manage import devices, scopes
from upwell.service.manage.access import Caller, Scope
from upwell.service.manage.device_keys import find_public
from upwell.service.manage.imports import SQL, clear, reader_of
from upwell.service.manage.products import find_product
from upwell.service.manage.tags import check_text
from upwell.service.rows import RowReader
from upwell.service.upgrade import quotas
from upwell.service.upgrade.fill import Chunk, Waiting
from upwell.service.upgrade.lives import make_devices
from upwell.storage.database import Connection, Row, seals_of
from upwell.storage.sealing import Kept

log = logging.getLogger(__name__)
CHUNK_ROWS = 500
CHUNK_BYTES = 256 * 1024  # read at once; a row is shorter
PROBLEMS_KEPT = 1000  # of an import
TROUBLE_TEXT = "It does not go on at present; the server's log says why, and it is tried again."
WAITING_MAX = 100  # imports looked at in a turn


async def waiting(ctx: Context) -> list[Waiting]:
    """Imports under way, oldest first."""
    async with ctx.upkeep.connection() as conn:
        rows = await conn.fetch(*SQL["waiting"](at_most=WAITING_MAX))
    return [Waiting(row["import_id"], row["is_new"]) for row in rows]


async def work_one(ctx: Context, import_id: int) -> Chunk:
    """The next chunk of an import."""
    async with ctx.upkeep.connection() as conn:
        row = await conn.fetchrow(*SQL["find_running"](import_id=import_id))
    if row is None:
        return Chunk(more=False, moved=True)
    try:
        return await _chunk(ctx, row)
    except NotFound as exc:
        what = "Its product is gone." if exc.kind == "product" else "Its list is gone from the store."
        await _fail(ctx, import_id, what)
    return Chunk(more=False, moved=True)


async def _chunk(ctx: Context, row: Row) -> Chunk:
    reader = reader_of(ctx)
    data = await _read(objects_of(ctx), row)
    whole = row["place"] + len(data) >= row["size"]
    asked = (row["form"], row["columns"], row["product_key"], data, row["rows_read"] + 1, CHUNK_ROWS)
    rows = await asyncio.to_thread(reader.rows, *asked, whole=whole)
    if rows.size == 0 and not whole:
        await _fail(ctx, row["import_id"], f"The row {row['rows_read'] + 1} is longer than {CHUNK_BYTES} bytes.")
        return Chunk(more=False, moved=True)
    is_over = row["place"] + rows.size >= row["size"]

    async def body(conn: Connection) -> bool:
        if await conn.fetchval(*SQL["lock_running"](import_id=row["import_id"], place=row["place"])) is None:
            return False
        work = _Work(ctx, conn, row, reader)
        await work.take(rows.items)
        came = {"place": row["place"] + rows.size, "rows_read": row["rows_read"] + rows.rows}
        counts = {"made": work.made, "existing": work.existing, "refused": len(work.problems)}
        moved = SQL["move_on"](import_id=row["import_id"], **came, **counts, is_over=is_over, now=ctx.now())
        await conn.execute(*moved)
        return True

    moved = await ctx.upkeep.transact(body)
    if moved and is_over:
        await clear(ctx, row["import_id"], row["object_key"])
        tell(
            log, "import done", account=row["account_id"], product=row["product_key"], rows=row["rows_read"] + rows.rows
        )
    return Chunk(more=not is_over, moved=moved)


async def _read(objects: Objects, row: Row) -> bytes:
    length = min(CHUNK_BYTES, row["size"] - row["place"])
    return b"".join([piece async for piece in objects.read(row["object_key"], row["place"], length)])


async def _fail(ctx: Context, import_id: int, problem: str) -> None:
    async with ctx.upkeep.connection() as conn:
        await conn.execute(*SQL["fail_import"](import_id=import_id, problem=problem, now=ctx.now()))
    tell(log, "import failed", problem=problem)


async def tell_trouble(ctx: Context, import_id: int, is_over: bool) -> None:
    """The import tells its owner that it can't go on at present, or no longer does."""
    async with ctx.upkeep.connection() as conn:
        await conn.execute(*SQL["tell_trouble"](import_id=import_id, problem=None if is_over else TROUBLE_TEXT))


@dataclass(slots=True)
class _Work:
    """One chunk in its transaction: what was made of it, what exists, and what was refused."""

    ctx: Context
    conn: Connection
    row: Row
    reader: RowReader
    made: int = 0
    existing: int = 0
    problems: list[c.RowProblem] = field(default_factory=list)

    @property
    def caller(self) -> Caller:
        """Whoever asked for the import, as whom its devices are made."""
        of = {name: self.row[name] for name in ("space_id", "product_id")}
        scope = Scope(**of) if any(of.values()) else None
        return Caller(self.row["account_id"], "operator", self.row["who"], "", scope)

    def refuse(self, row: int, error: CallerError) -> None:
        self.problems.append(self.reader.problem(row, error))

    async def take(self, items: Sequence[c.NewDevice | c.RowProblem]) -> None:
        """Make what may be made of these rows. Raises NotFound (product)."""
        self.problems += [item for item in items if isinstance(item, c.RowProblem)]
        asked = self._once([item for item in items if isinstance(item, c.NewDevice)])
        ids = [each.device.public_id for each in asked if each.device.public_id is not None]
        which = {"account_id": self.row["account_id"], "public_ids": ids}
        await self.conn.execute(*SQL["lock_public_ids"](**which))
        product_id = await find_product(self.conn, self.caller, self.row["product_key"], how="share_product")
        new = await self._free(await self._unknown(asked))
        await self._make(product_id, [each for each in new if each.device.gateway_id is None])
        rows = {each.device.public_id or f"{self.row['product_key']}_{each.device.name}": each.row for each in asked}
        for gateway, behind in self._by_gateway(new, rows).items():
            await self._make_behind(product_id, gateway, behind)
        await self._note_problems()

    def _once(self, asked: Sequence[c.NewDevice]) -> list[c.NewDevice]:
        """Those whose name and id no row before them in this chunk has, with no more tags than may be given."""
        names, ids, found = dict[str | None, int](), dict[str | None, int](), list[c.NewDevice]()
        for each in asked:
            try:
                check_text(each.tags)
                for member, value, seen in (("name", each.device.name, names), ("id", each.device.public_id, ids)):
                    if value is not None and value in seen:
                        raise _repeated(member, seen[value])
                names[each.device.name], ids[each.device.public_id] = each.row, each.row
                found.append(each)
            except CallerError as exc:
                self.refuse(each.row, exc)
        return found

    async def _unknown(self, asked: Sequence[c.NewDevice]) -> list[c.NewDevice]:
        """Those that do not live yet. One that does and is otherwise than asked for is refused."""
        which = {"import_id": self.row["import_id"], "device_ids": [_id_of(each) for each in asked]}
        known = {found["device_id"]: found for found in await self.conn.fetch(*SQL["known"](**which))}
        new = []
        for each in asked:
            found = known.get(_id_of(each))
            if found is None:
                new.append(each)
            elif found["row_number"] is not None:
                self.refuse(each.row, _repeated("name", found["row_number"]))
            elif each.device.public_id not in (None, found["public_id"]):
                self.refuse(each.row, _otherwise("id"))
            elif not self._is_secret(found, each.device.secret):
                self.refuse(each.row, _otherwise("secret"))
            else:
                self.existing += 1
        return new

    def _is_secret(self, found: Row, secret: str | None) -> bool:
        """Whether a list says the secret that the device has, or none."""
        if secret is None:
            return True
        has = seals_of(self.conn).open(Kept.DEVICE, found["device_id"], found["secret"])
        return compare_digest(secret.encode("utf-8", "surrogatepass"), has.encode())

    async def _free(self, new: Sequence[c.NewDevice]) -> list[c.NewDevice]:
        """Those whose ids no other device has, nor is known by."""
        ids = [each.device.public_id for each in new if each.device.public_id is not None]
        taken = await find_public(self.conn, self.caller, ids)
        nameless = {_id_of(each): each.row for each in new if each.device.public_id is None}
        free = []
        for each in new:
            public_id = each.device.public_id
            implied = fleet.implied_ids(public_id) if public_id is not None else []
            if public_id in taken or any(nameless.get(one, each.row) < each.row for one in implied):
                self.refuse(each.row, devices.id_taken(public_id or ""))
            else:
                free.append(each)
        return free

    async def _make(self, product_id: int, new: Sequence[c.NewDevice]) -> list[UUID]:
        """Make these devices; which of them nobody else made in this moment."""
        quota = await quotas.room(self.conn, self.row["account_id"], "devices")
        if quota is not None:
            limit, room = quota
            for each in new[room:]:
                self.refuse(each.row, OverQuota("devices", limit, limit + 1))
            new = new[:room]
        ids, wanted = [_id_of(each) for each in new], [each.device for each in new]
        columns: tuple[Any, ...] = (
            ids, [one.name for one in wanted], [one.nickname for one in wanted],
            [one.secret or dice(DEVICE_SECRET_SIZE) for one in wanted],
            [fleet.iot_id(device_id, dice(IOT_SALT_SIZE)) for device_id in ids],
            [one.public_id for one in wanted], [one.description for one in wanted],
        )  # fmt: skip
        names = await make_devices(self.conn, None, product_id, await self.ctx.moment(self.conn), *columns)
        self.existing += len(new) - len(names)  # somebody made them in this moment
        made = [each for each in new if each.device.name in names]
        await self._made(made)
        return [_id_of(each) for each in made]

    def _by_gateway(self, new: Sequence[c.NewDevice], rows: dict[str, int]) -> dict[str, list[c.NewDevice]]:
        """Those behind each gateway, which stands before them in the list if it is in it; `rows` says where. Gateways
        come in the order of their first rows, so that one which is in the list itself is made before."""
        found: dict[str, list[c.NewDevice]] = {}
        for each in new:
            gateway = each.device.gateway_id
            if gateway is None:
                continue
            if rows.get(gateway, 0) >= each.row:
                self.refuse(each.row, NotFound("device", gateway))
            else:
                found.setdefault(gateway, []).append(each)
        return found

    async def _make_behind(self, product_id: int, gateway: str, new: Sequence[c.NewDevice]) -> None:
        """Those behind that gateway, as far as it has room for them."""
        try:
            await scopes.reach_device(self.conn, self.caller, gateway)
            gateway_id, room = await devices.lock_gateway(self.conn, self.caller, gateway)
        except CallerError as exc:
            for each in new:
                self.refuse(each.row, exc)
            return
        for each in new[room:]:
            self.refuse(each.row, devices.gateway_full())
        made = await self._make(product_id, new[:room])
        await devices.put_behind(self.conn, made, gateway_id, self.ctx.now())

    async def _made(self, new: Sequence[c.NewDevice]) -> None:
        self.made += len(new)
        numbers = {"row_numbers": [each.row for each in new], "device_ids": [_id_of(each) for each in new]}
        await self.conn.execute(*SQL["note_made"](import_id=self.row["import_id"], **numbers))
        tags = [(_id_of(each), key, value) for each in new for key, value in each.tags.items()]
        if tags:
            of, keys, values = map(list, zip(*tags, strict=True))
            await self.conn.execute(
                *SQL["set_tags"](device_ids=of, keys=keys, values=values, account_id=self.row["account_id"])
            )

    async def _note_problems(self) -> None:
        room = max(0, PROBLEMS_KEPT - self.row["refused"])
        kept = sorted(self.problems, key=lambda each: each.row)[:room]
        columns = {
            "row_numbers": [each.row for each in kept], "parameters": [each.parameter for each in kept],
            "problems": [each.problem for each in kept], "advices": [each.advice for each in kept],
        }  # fmt: skip
        if kept:
            await self.conn.execute(*SQL["note_problems"](import_id=self.row["import_id"], **columns))


def _id_of(each: c.NewDevice) -> UUID:
    return fleet.device_id(each.device.product_key, each.device.name or "")


def _repeated(member: str, row: int) -> Invalid:
    return Invalid(member, "that of one row", f"the row {row} has it")


def _otherwise(member: str) -> Conflict:
    return Conflict("device_name_taken", f"The product has a device of that name with another {member}.")
