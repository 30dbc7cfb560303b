"""Rows that say a device which is being erased: whose each is, and what becomes of it."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from upwell.domain.erasing import Sought
from upwell.service.manage.erasing_columns import DEVICE, Deed
from upwell.storage.database import Connection
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


class Rows:
    """Rows of one table, in one transaction that may erase. `found` counts those that said the device."""

    def __init__(self, conn: Connection, table: str, sought: Sought, account_id: int, product_id: int) -> None:
        self._conn, self._table, self._sought = conn, table, sought
        self._account_id, self._product_id = account_id, product_id
        self._deeds = DEVICE.get(table, {})
        self.found = 0
        self.done, self.remains, self.alike = Counter[str](), Counter[str](), Counter[str]()

    async def go_through(self, block: int, blocks: int) -> None:
        """What is in these blocks is erased, as far as that is decided; columns that hold it still are in `remains`."""
        needles = self._sought.needles()
        looked = _Q["look"](of_table=self._table, block=block, blocks=blocks, sought=needles)
        jobs = set[int]()
        for row in await self._conn.fetch(*looked):
            held = json.loads(row["held"])
            if not await self._is_kept(held) and await self._row(row["place"], row["held"], held):
                jobs |= {held["job_id"]} if self._table == "task" else set()
        if jobs:
            await self._conn.execute(*_Q["unmark"](job_ids=sorted(jobs)))

    async def _is_kept(self, held: Mapping[str, Any]) -> bool:
        """Its own tombstone goes last."""
        return self._table == "device" and held["device_id"] == str(self._sought.device)

    async def _row(self, place: object, was: str, held: dict[str, Any]) -> bool:
        """Whether the row said the device and was changed."""
        own = await self._is_own(held)
        if self._goes(held, own=own):
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

    def _goes(self, held: Mapping[str, Any], *, own: bool) -> bool:
        rows = [held[name] for name, deed in self._deeds.items() if deed is Deed.ROW]
        if self._table == "refused_login":
            return any(self._sought.is_in(each, own=own) for each in rows)
        return str(self._sought.device) in rows

    def _becomes(self, held: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
        """The columns that are to say something else."""
        sought, is_its = self._sought, held.get("device_id") == str(self._sought.device)
        found: dict[str, Any] = {}
        for name, deed in self._deeds.items():
            value = held[name]
            if deed is Deed.THING:
                self.alike[f"{self._table}.{name}"] += sought.is_in(value, own=own)
                continue
            if deed is Deed.PLACE and value == str(sought.device):
                is_over = name in _SAFE_ANEW or _OVER[self._table](held)
                new = (FIRST_UUID if self._table == "sweep" else None) if is_over else value
            elif deed is Deed.OWN:
                new = sought.word if is_its and value else value
            elif deed in (Deed.ID, Deed.TEXT):
                new = sought.cleaned(value, own=own)
                if is_its and isinstance(new, dict):
                    new = sought.without_personal(new)
            else:
                continue
            if new != value:
                found[name] = new
        return self._with_personal(found, held)

    def _with_personal(self, found: dict[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
        """An entry of the audit that is about the device says nothing personal of it either."""
        if self._table == "audit" and "ids" in found:
            changes = found.get("changes", held["changes"])
            if (less := self._sought.without_personal(changes)) != held["changes"]:
                found["changes"] = less
        return found

    def _count_left(self, held: Mapping[str, Any]) -> None:
        for name, value in held.items():
            if value is not None and self._sought.is_surely_in(json.dumps(value, ensure_ascii=False)):
                self.remains[f"{self._table}.{name}"] += 1
                self.found += 1

    async def _is_own(self, held: Mapping[str, Any]) -> bool:
        """Whether the row may speak of the device by its bare name: it is of its account, and of no other product."""
        account, product = held.get("account_id"), held.get("product_id")
        for column, owner in _OWNERS.items():
            if account is not None and product is not None:
                break
            if held.get(column) is not None and (row := await self._conn.fetchrow(*_Q[owner](id=held[column]))):
                account = account if account is not None else row["account_id"]
                product = product if product is not None else row["product_id"]
        key = _key_in(held)
        is_other = key is not None and not any(each.startswith(f"{key}_") for each in self._sought.sure)
        return account == self._account_id and product in (None, 0, self._product_id) and not is_other


def _key_in(held: Mapping[str, Any]) -> str | None:
    """The product key that the row says it is about."""
    for holder in (held, held.get("ids"), held.get("facts")):
        if isinstance(holder, Mapping) and isinstance(key := holder.get("product_key"), str):
            return key
    return None
