"""What checks a device's login: its secrets, its account, the gateway it is behind. Many are asked for at once."""

import json
from collections.abc import Sequence
from uuid import UUID

from upwell.domain.connected import LoginFacts
from upwell.domain.fleet import implied_ids
from upwell.service.context import Context
from upwell.service.upgrade.seal_keys import readable
from upwell.storage.database import Connection, Row, filled
from upwell.storage.queries import sheet
from upwell.storage.sealing import Kept

_Q = sheet("logins")
NAMESAKES_MAX = 8  # devices of one name in one account that a login without a product key is tried against
NAMESAKES_OF_ALL_MAX = 128  # and over all accounts


async def login_facts(ctx: Context, device_ids: Sequence[UUID]) -> list[LoginFacts | None]:
    """What checks the logins of these devices, in their order and one question; None for one that does not exist."""
    async with ctx.devices.connection() as conn:
        rows = await conn.fetch(*_Q["login_facts"](device_ids=list(device_ids)))
        found = {UUID(int=row["device_id"].int): _facts(conn, row) for row in rows}
    return [found.get(device_id) for device_id in device_ids]


async def login_facts_by_name(ctx: Context, names: Sequence[str]) -> list[list[LoginFacts]]:
    """What checks logins that say no product, for each in their order and in one question: the device of that public id
    and then the oldest of that name, NAMESAKES_MAX of an account and NAMESAKES_OF_ALL_MAX in all."""
    found: dict[str, list[LoginFacts]] = {name: [] for name in names}
    implied = [(name, device) for name in found for device in implied_ids(name)]
    asked = _Q["login_facts_by_name"](
        words=list(found), implied_words=[name for name, _ in implied], implied_ids=[device for _, device in implied],
        of_account=NAMESAKES_MAX, in_all=NAMESAKES_OF_ALL_MAX,
    )  # fmt: skip
    async with ctx.devices.connection() as conn:
        for row in await conn.fetch(*asked):
            facts = _facts(conn, row)
            if facts is not None:
                found[row["word"]].append(facts)
    return [found[name] for name in names]


def _facts(conn: Connection, row: Row) -> LoginFacts | None:
    """None of a device whose secret can't be read: it is as good as none."""
    device_id, other = row["device_id"], row["secondary_secret"]
    secret = readable(conn, Kept.DEVICE, device_id, row["secret"])
    if secret is None:
        return None
    secondary = None if other is None else readable(conn, Kept.SECONDARY, device_id, other)
    facts = json.loads(row["product_facts"])
    return filled(LoginFacts, row, product_facts=facts, secret=secret, secondary_secret=secondary)
