"""From what a caller knows a device by to its row. Only the caller's account has it; to all others it does not exist
(law 8)."""

from collections.abc import Sequence
from uuid import UUID

from upwell.domain import commands as c
from upwell.domain import fleet
from upwell.domain.errors import Missing, NotFound
from upwell.service.manage.access import Caller
from upwell.storage.database import Connection
from upwell.storage.queries import sheet

SQL = sheet("devices")


def key_device_id(key: c.DeviceKey) -> UUID | None:
    """The id a key leads to by itself; None for a public id, which must be looked up, and for an iot_id that can't be
    one. Whoever finds a row by it must compare the row's iot_id with the key's. Raises Missing when the key says too
    little."""
    if key.public_id is not None and not key.iot_id:
        return None
    if key.iot_id:
        return fleet.device_of_iot_id(key.iot_id)
    if not key.product_key:
        raise Missing("product_key")
    if not key.name:
        raise Missing("name")
    return fleet.device_id(key.product_key, key.name)


async def device_ids(conn: Connection, caller: Caller, keys: Sequence[c.DeviceKey]) -> list[UUID | None]:
    """The ids that these keys lead to, in their order; None where there can be none. Raises Missing."""
    named = await find_public(conn, caller, [key.public_id for key in keys if key.public_id and not key.iot_id])
    return [named.get(key.public_id) if key.public_id and not key.iot_id else key_device_id(key) for key in keys]


async def find_public(conn: Connection, caller: Caller, public_ids: Sequence[str]) -> dict[str, UUID]:
    """The caller's live devices under these public ids; unknown ones are left out. A device whose owner chose no id
    is known as `{product_key}_{name}`, unless another has that id by choice."""
    asked = list(dict.fromkeys(public_ids))
    if not asked:
        return {}
    implied = [(text, device) for text in asked for device in fleet.implied_ids(text)]
    texts, ids = [text for text, _ in implied], [device for _, device in implied]
    which = {"account_id": caller.account_id, "public_ids": asked, "implied": texts, "implied_ids": ids}
    found: dict[str, UUID] = {}
    for row in await conn.fetch(*SQL["devices_by_public_id"](**which)):
        found.setdefault(row["public_id"], UUID(int=row["device_id"].int))
    return found


async def lock_devices(conn: Connection, caller: Caller, keys: Sequence[c.DeviceKey]) -> list[UUID | None]:
    """The live devices behind these keys, in their order, held until the transaction ends; None where there is
    none. Raises Missing."""
    ids = await device_ids(conn, caller, keys)
    wanted = [found for found in ids if found is not None]
    rows = await conn.fetch(*SQL["lock_devices"](account_id=caller.account_id, device_ids=wanted))
    public = {row["device_id"]: row["iot_id"] for row in rows}
    return [
        found if found in public and key.iot_id in (None, "", public[found]) else None
        for key, found in zip(keys, ids, strict=True)
    ]


async def lock_all(conn: Connection, caller: Caller, keys: Sequence[c.DeviceKey]) -> list[UUID]:
    """The same, where every one must be there. Raises NotFound for the first that is not, Missing."""
    found = await lock_devices(conn, caller, keys)
    if None in found:
        raise no_device(keys[found.index(None)])
    return [device_id for device_id in found if device_id is not None]


async def lock_device(conn: Connection, caller: Caller, key: c.DeviceKey) -> UUID:
    """The live device behind the key, held until the transaction ends. Raises NotFound, Missing."""
    [found] = await lock_all(conn, caller, [key])
    return found


def no_device(key: c.DeviceKey) -> NotFound:
    """The refusal of a key behind which there is no device."""
    return NotFound("device", key.iot_id or key.public_id or key.name or "")
