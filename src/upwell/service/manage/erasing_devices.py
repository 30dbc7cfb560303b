"""A device erased (ADR 0068).

Holds: what tells of the device alone goes; what others count on stays, under a pseudonym that is drawn by lot. The row
that knows its names goes last. Refuses: a device that lives. Nobody makes one of its name while a transaction of this
is open, and if somebody did between two, it ends there.
"""

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from upwell.domain import fleet
from upwell.domain.erasing import Sought
from upwell.domain.errors import Conflict, NotFound
from upwell.service.context import Context
from upwell.service.manage.erasing import SQL, Place, Told
from upwell.service.manage.erasing_rows import DeviceRows, Rows
from upwell.service.upgrade import lives, setbacks
from upwell.storage.database import Connection, Row

STRAYS_MAX = 1000  # jobs that had it as a target when it was none
CANDIDATES_MAX = 10  # devices that one text may mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a device was known by, and whose it was."""

    device_id: UUID
    name: str
    product_key: str
    product_id: int
    account_id: int
    called: tuple[str, ...] = ()  # every text that it may be asked for by
    public_ids: tuple[str, ...] = ()
    strays: Mapping[UUID, UUID] = field(default_factory=dict)

    def sought(self, pseudonym: UUID, word: str) -> Sought:
        """It, as it is looked for."""
        sure = tuple(f"{self.product_key}{between}{self.name}" for between in "_/")
        names = tuple(dict.fromkeys((self.name, *self.public_ids)))
        return Sought(device=self.device_id, pseudonym=pseudonym, word=word, sure=sure, names=names, strays=self.strays)

    async def hold(self, conn: Connection) -> None:
        """Nobody makes a device of this name until the transaction ends. Raises Conflict."""
        lives = await conn.fetchval(*SQL["hold"](device_id=self.device_id))
        if lives is None:
            raise Conflict("device_erased", "Another process has erased the device meanwhile.")
        if lives:
            raise Conflict(
                "device_lives",
                "A device of this name is registered again: delete it, then call this again, which begins anew",
            )

    def rows(self, conn: Connection, table: str, pseudonym: UUID, word: str) -> Rows:
        """Rows that say it."""
        return DeviceRows(conn, table, self.sought(pseudonym, word), self.account_id, self.product_id)

    async def before_pass(self, ctx: Context) -> Told:
        """A report that raced with the device's deletion may have left some: the counters are to follow."""

        async def body(conn: Connection) -> Told:
            await self.hold(conn)
            await lives.forget_past(conn, [self.device_id])
            await setbacks.forget(conn, [self.device_id])
            return {}

        return await ctx.database.transact(body)


async def find(ctx: Context, text: str) -> Place | Device:
    """The device that this text names, of whatever account, or its erasure that is under way. Raises NotFound
    (device), Conflict."""
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*SQL["under_way"](what="device", text=text))
        return await _device(conn, text) if row is None else _place(row)


async def _device(conn: Connection, text: str) -> Device:
    marked = await conn.fetch(*SQL["tombstones"](text=text, at_most=CANDIDATES_MAX))
    ids = {UUID(int=row["device_id"].int) for row in marked} | set(_ids_in(text))
    rows = await conn.fetch(*SQL["known"](device_ids=sorted(ids), text=text, at_most=CANDIDATES_MAX))
    rows = [row for row in rows if _is_meant(row, text)]
    if len({row["device_id"] for row in rows}) > 1:
        told = ", ".join(f"{row['product_key']}_{row['name']}" for row in rows)
        raise Conflict("ambiguous", f"{text} may be one of several devices: say which by its product key: {told}")
    if not rows:
        return await _forgotten(conn, text)
    row = rows[0]
    if row["deleted_at"] is None:
        raise Conflict(
            "device_lives", f"The device {text} is not deleted: delete it first, by your API or in the console, so "
            "that it is disconnected and its tasks end; then call this again",
        )  # fmt: skip
    pasts = await conn.fetch(*SQL["pasts"](device_id=row["device_id"]))
    public = [each["public_id"] for each in (row, *pasts) if each["public_id"]]
    iot = [each["iot_id"] for each in (row, *pasts) if each["iot_id"]]
    full = f"{row['product_key']}_{row['name']}"
    return Device(
        device_id=UUID(int=row["device_id"].int), name=row["name"], product_key=row["product_key"],
        product_id=row["product_id"], account_id=row["account_id"], public_ids=tuple(dict.fromkeys(public)),
        called=tuple(dict.fromkeys((text, full, *public, *iot))),
    )  # fmt: skip


def _ids_in(text: str) -> list[UUID]:
    """The devices that the text may be an id of: our own, the one that Alibaba's SDK gives, product key and name."""
    found = fleet.implied_ids(text)
    with suppress(ValueError):
        found.append(UUID(text))
    if len(text) == fleet.IOT_ID_SIZE and (device := fleet.device_of_iot_id(text)) is not None:
        found.append(device)
    return found


def _is_meant(row: Row, text: str) -> bool:
    names = (row["public_id"], f"{row['product_key']}_{row['name']}", str(row["device_id"]))
    return text in names or row["deleted_at"] is not None or text == row["iot_id"]


async def _forgotten(conn: Connection, text: str) -> Device:
    """A device whose tombstone is gone, if the text says the key of a product that was and a name."""
    pairs = {text[:at]: text[at + 1 :] for at, char in enumerate(text) if char == "_" and text[at + 1 :]}
    rows = await conn.fetch(*SQL["products"](product_keys=sorted(pairs)))
    if len(rows) != 1:
        raise NotFound("device", text)
    row = rows[0]
    key, name = row["product_key"], pairs[row["product_key"]]
    return Device(
        device_id=fleet.device_id(key, name), name=name, product_key=key, product_id=row["product_id"],
        account_id=row["account_id"], called=(text,),
    )  # fmt: skip


async def begin(ctx: Context, device: Device, pseudonym: UUID, word: str) -> Place:
    """It is under way from now on. Raises Conflict where the device lives."""

    async def body(conn: Connection) -> Place:
        now, which = ctx.now(), {"device_id": device.device_id}
        await conn.execute(*SQL["make_tombstone"](**which, product_id=device.product_id, name=device.name, now=now))
        await device.hold(conn)
        known = await conn.fetchrow(*SQL["under_way"](what="device", text=str(device.device_id)))
        if known is not None:  # another process began it meanwhile
            return _place(known)
        await conn.execute(
            *SQL["make_pseudonym"](**which, pseudonym=pseudonym, word=word, iot_id=_iot_id(pseudonym), now=now)
        )
        sought = _kept(device, await _strays(conn, device))
        made = {"pseudonym": pseudonym, "word": word, "what": "device", "account_id": device.account_id, "now": now}
        row = await conn.fetchrow(*SQL["begin"](**made, sought=json.dumps(sought)))
        assert row is not None  # noqa: S101  # it was inserted
        return _place(row)

    return await ctx.database.transact(body)


async def _strays(conn: Connection, device: Device) -> dict[UUID, UUID]:
    """The ids that it had in jobs before it was a device, each with a pseudonym by lot."""
    names = [device.name, f"{device.product_key}_{device.name}", *device.public_ids]
    rows = await conn.fetch(*SQL["strays"](account_id=device.account_id, names=names, at_most=STRAYS_MAX))
    return {UUID(int=row["device_id"].int): uuid.uuid4() for row in rows}


def _kept(device: Device, strays: Mapping[UUID, UUID]) -> dict[str, object]:
    """What is kept of it, for whoever goes on."""
    return {
        "device_id": str(device.device_id), "name": device.name, "product_key": device.product_key,
        "product_id": device.product_id, "called": device.called, "public_ids": device.public_ids,
        "strays": {str(each): str(becomes) for each, becomes in strays.items()},
    }  # fmt: skip


def _iot_id(pseudonym: UUID) -> str:
    return fleet.iot_id(pseudonym, pseudonym.hex[-8:])


def _place(row: Row) -> Place:
    sought = json.loads(row["sought"])
    device = Device(
        device_id=UUID(sought["device_id"]), name=sought["name"], product_key=sought["product_key"],
        product_id=sought["product_id"], account_id=row["account_id"], called=tuple(sought["called"]),
        public_ids=tuple(sought["public_ids"]),
        strays={UUID(each): UUID(becomes) for each, becomes in sought["strays"].items()},
    )  # fmt: skip
    return Place.of(row, device)


async def end(ctx: Context, place: Place) -> Place:
    """A whole pass found nothing: what knew it goes. To be called in an act, whose entry says that it is done."""

    async def body(conn: Connection) -> Place:
        assert isinstance(place.subject, Device)  # noqa: S101  # it was found here
        await place.subject.hold(conn)
        await conn.execute(*SQL["end_device"](device_id=place.subject.device_id, pseudonym=place.pseudonym))
        return place

    return await ctx.database.transact(body)


async def waiting(ctx: Context, place: Place) -> Row:
    """How much the account has that goes by itself and can't be looked into."""
    async with ctx.database.connection() as conn:
        row = await conn.fetchrow(*SQL["waiting"](account_id=place.account_id))
    assert row is not None  # noqa: S101  # it has no condition
    return row
