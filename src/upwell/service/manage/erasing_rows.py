"""Rows that say what is being erased: whose each is, and what becomes of it."""

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any

from upwell.domain.erasing import Sought, SoughtAccount
from upwell.service.manage.erasing_columns import DEVICE, Deed
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

_Q = sheet("erasing")
REMOVED, REPLACED = "removed", "replaced"
FIRST_UUID = "00000000-0000-0000-0000-000000000000"
_OWNERS: Mapping[str, str] = {  # the column of a row that says whose it is, after its own account and product
    "job_id": "owner_of_job", "device_id": "owner_of_device", "product_id": "owner_of_product",
    "receiver_id": "owner_of_receiver", "import_id": "owner_of_import", "action_id": "owner_of_action",
    "apply_id": "owner_of_registration",
}  # fmt: skip
_OVER: Mapping[str, Any] = {  # tables with the place of a walk: whether it is over
    "job": lambda row: row["materialised"], "job_act": lambda row: row["done_at"] is not None,
    "rollback": lambda row: row["counted_at"] is not None, "survey": lambda row: row["status"] != "running",
    "sweep": lambda row: True,  # it begins there again, and what it had looked at is looked at twice
}  # fmt: skip
_SAFE_ANEW = ("forgotten_to",)  # retention begins again there


class Rows(ABC):
    """Rows of one table, in one transaction that may erase. `found` counts those that said it; by column, `remains` are
    those that say it still, `alike` things of the owner's that are named as it is."""

    def __init__(self, conn: Connection, table: str, sought: Sought | SoughtAccount) -> None:
        self._conn, self._table, self._said = conn, table, sought
        self._deeds = DEVICE.get(table, {})
        self.found = 0
        self.done, self.remains, self.alike = Counter[str](), Counter[str](), Counter[str]()

    async def go_through(self, block: int, blocks: int) -> None:
        """What is in these blocks is erased, as far as that is decided."""
        looked = _Q["look"](
            of_table=self._table, block=block, blocks=blocks, sought=self._needles(), words=self._said.words()
        )
        jobs = set[int]()
        for row in await self._conn.fetch(*looked):
            held = json.loads(row["held"])
            if not self._is_kept(held) and await self._row(row["place"], row["held"], held):
                jobs |= {held["job_id"]} if self._table == "task" else set()
        if jobs:
            await self._conn.execute(*_Q["unmark"](job_ids=sorted(jobs)))

    async def _row(self, place: object, was: str, held: dict[str, Any]) -> bool:
        """Whether the row said it and was changed."""
        own = await self._is_own(held)
        if await self._goes(held, own=own):
            what, done = REMOVED, _Q["drop"](of_table=self._table, place=place, was=was)
        else:
            becomes = self._becomes(held, own=own)
            self._count_left(held | becomes)
            if not becomes:
                return False
            what = REPLACED
            done = _Q["write"](of_table=self._table, place=place, was=was, becomes=json.dumps(becomes))
        self.found += 1
        changed = bool(await self._conn.fetchval(*done))  # else somebody changed it, and the next pass finds it
        self.done[what] += changed
        return changed

    def _count_left(self, held: Mapping[str, Any]) -> None:
        for name, value in held.items():
            if value is not None and self._said.is_surely_in(json.dumps(value, ensure_ascii=False)):
                self.remains[f"{self._table}.{name}"] += 1
                self.found += 1

    def _needles(self) -> list[str]:
        return self._said.needles()

    @abstractmethod
    def _is_kept(self, held: Mapping[str, Any]) -> bool:
        """Whether it goes with the last transaction."""

    @abstractmethod
    async def _is_own(self, held: Mapping[str, Any]) -> bool:
        """Whether the row may mean it by a bare name."""

    @abstractmethod
    async def _goes(self, held: Mapping[str, Any], *, own: bool) -> bool:
        """Whether the row tells of it alone."""

    @abstractmethod
    def _becomes(self, held: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
        """The columns that are to say something else."""


class DeviceRows(Rows):
    """Rows that say a device."""

    def __init__(self, conn: Connection, table: str, sought: Sought, account_id: int, product_id: int) -> None:
        super().__init__(conn, table, sought)
        self._sought, self._ids = sought, {str(each) for each in sought.ids}
        self._account_id, self._product_id = account_id, product_id
        texts = (Deed.TEXT, Deed.NAMES, Deed.THING, *([Deed.ROW] if table == "refused_login" else []))
        self._texts = [name for name, deed in self._deeds.items() if deed in texts]
        self._owners: dict[tuple[str, object], Row | None] = {}

    def _is_kept(self, held: Mapping[str, Any]) -> bool:
        return self._table == "device" and held["device_id"] == str(self._sought.device)

    async def _goes(self, held: Mapping[str, Any], *, own: bool) -> bool:
        rows = [held[name] for name, deed in self._deeds.items() if deed is Deed.ROW]
        if self._table == "refused_login":
            return any(self._sought.is_in(each, own=own, named=True) for each in rows)
        if self._table == "shut_out":  # a node that lives is to read that its connection ends
            is_read = not await self._conn.fetchval(*_Q["node_lives"](node_id=held["node_id"]))
            return is_read and not self._ids.isdisjoint(rows)
        if self._table == "job_lot":  # made of the id and a salt; nobody needs it once it has its wave
            is_dealt = bool(await self._conn.fetchval(*_Q["is_dealt"](job_id=held["job_id"])))
            return is_dealt and not self._ids.isdisjoint(rows)
        return not self._ids.isdisjoint(rows)

    def _becomes(self, held: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, deed in self._deeds.items():
            if (new := self._new(deed, name, held, own=own)) != held[name]:
                found[name] = new
            if own and deed in (Deed.THING, Deed.TEXT) and self._sought.is_alike(new):
                self.alike[f"{self._table}.{name}"] += 1
        if self._table == "audit" and "ids" in found:  # an entry that is about the device says nothing personal of it
            changes = found.get("changes", held["changes"])
            if (less := self._sought.without_personal(changes)) != held["changes"]:
                found["changes"] = less
        return found

    def _new(self, deed: Deed, name: str, held: Mapping[str, Any], *, own: bool) -> Any:
        """What the column is to say."""
        value, is_its = held[name], held.get("device_id") in self._ids
        if deed is Deed.PLACE and value in self._ids:
            if self._table == "sweep":
                return FIRST_UUID
            return None if name in _SAFE_ANEW or _OVER[self._table](held) else value
        if deed is Deed.OWN:
            return self._sought.word if is_its and value else value
        if deed in (Deed.ID, Deed.TEXT, Deed.NAMES, Deed.THING):
            own = own and deed is not Deed.THING
            new = self._sought.cleaned(value, own=own, named=deed is Deed.NAMES)
            return self._sought.without_personal(new) if is_its and isinstance(new, dict) else new
        return value

    async def _is_own(self, held: Mapping[str, Any]) -> bool:
        """Whether a name of the device is in it, and it is of the device's account and of no other product."""
        if not any(held[name] is not None and self._sought.is_alike(held[name]) for name in self._texts):
            return False
        account, product = held.get("account_id"), held.get("product_id")
        for column, owner in _OWNERS.items():
            if account is not None and product is not None:
                break
            if held.get(column) is not None and (row := await self._owner(owner, held[column])):
                account = account if account is not None else row["account_id"]
                product = product if product is not None else row["product_id"]
        key = _key_in(held)
        is_other = key is not None and not any(each.startswith(f"{key}_") for each in self._sought.sure)
        return account == self._account_id and product in (None, 0, self._product_id) and not is_other

    async def _owner(self, how: str, number: object) -> Row | None:
        if (how, number) not in self._owners:
            self._owners[how, number] = await self._conn.fetchrow(*_Q[how](id=number))
        return self._owners[how, number]


class AccountRows(Rows):
    """Rows that say an account, beside those that are its own by what they belong to."""

    def __init__(self, conn: Connection, table: str, sought: SoughtAccount) -> None:
        super().__init__(conn, table, sought)
        self._sought = sought

    def _needles(self) -> list[str]:
        return self._sought.needles(named=self._table == "audit")

    def _is_kept(self, held: Mapping[str, Any]) -> bool:
        return self._table == "account" and held["account_id"] == self._sought.account_id

    async def _is_own(self, held: Mapping[str, Any]) -> bool:
        """Accounts are made, renamed and given keys by others, whose entries have the name."""
        return self._table == "audit"

    async def _goes(self, held: Mapping[str, Any], *, own: bool) -> bool:
        return held.get("account_id") == self._sought.account_id

    def _becomes(self, held: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
        texts = [name for name, deed in self._deeds.items() if deed is Deed.TEXT]
        found = {name: self._sought.cleaned(held[name], own=own) for name in texts}
        found = {name: new for name, new in found.items() if new != held[name]}
        if self._table == "audit" and found:  # who did it and when stays, and that it was about an account
            return {"ids": {"account": self._sought.word}, "changes": {}}
        return found


def _key_in(held: Mapping[str, Any]) -> str | None:
    """The product key that the row says it is about."""
    for holder in (held, held.get("ids"), held.get("facts")):
        if isinstance(holder, Mapping) and isinstance(key := holder.get("product_key"), str):
            return key
    return None
