"""Dynamic registration: a device that has only its product's secret is told its own, once in its life.

Once means until it was online for the first time: an answer that was lost may be asked for again, a device that is
in use gives nobody its secret. Whether devices that nobody registered may enrol is the platform's setting.
"""

from typing import Literal

from upwell.domain import fleet
from upwell.domain.quotas import OverQuota
from upwell.service.context import Context
from upwell.service.dice import DEVICE_SECRET_SIZE, IOT_SALT_SIZE, dice
from upwell.service.upgrade.lives import make_device
from upwell.storage.database import Connection, seals_of
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

_Q = sheet("enrol")
Enrolling = Literal["off", "registered", "any"]


async def product_secret(ctx: Context, product_key: str) -> str | None:
    """What proves an enrolment; None when there is no such product."""
    async with ctx.devices.connection() as conn:
        found = await conn.fetchrow(*_Q["product_secret"](product_key=product_key))
        if found is None:
            return None
        return seals_of(conn).open(Kept.PRODUCT, found["product_id"], found["product_secret"])


async def enrol(ctx: Context, product_key: str, name: str, creates: bool, rule: Enrolling) -> str | None:
    """The device's secret; None refuses. A device that nobody registered is made when it asks for that (`creates`)
    and the rule is `any`, within its account's quota; the proof is the caller's to check before."""
    if rule == "off":
        return None
    device_id = fleet.device_id(product_key, name)

    async def body(conn: Connection) -> str | None:
        product_id = await conn.fetchval(*_Q["share_product"](product_key=product_key))
        if product_id is None:
            return None
        found = await conn.fetchrow(*_Q["unactivated"](device_id=device_id))
        if found is None and creates and rule == "any":
            secret, public = dice(DEVICE_SECRET_SIZE), fleet.iot_id(device_id, dice(IOT_SALT_SIZE))
            now = await ctx.moment(conn)
            if await make_device(conn, device_id, product_id, name, secret, public, None, now):
                return secret
            # Another connection of the same device made it between the look and the insert.
            found = await conn.fetchrow(*_Q["unactivated"](device_id=device_id))
        if found is None or not found["may_know"]:
            return None
        return seals_of(conn).open(Kept.DEVICE, device_id, found["secret"])

    try:
        return await ctx.devices.transact(body)
    except OverQuota:
        return None
