"""What checks a device's login: its secrets, its account, the gateway it is behind. Many are asked for at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from upwell.domain.fleet import implied_ids
from upwell.service.context import Context
from upwell.storage.database import values
from upwell.storage.queries import sheet

_Q = sheet("logins")
NAMESAKES_MAX = 8  # devices of one name in one account that a login without a product key is tried against
NAMESAKES_OF_ALL_MAX = 128  # and over all accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFacts:
    """What checks a device's login."""

    secret: str = field(repr=False)
    enabled: bool
    product_key: str
    name: str
    product_id: int
    account_id: int
    product_facts: Mapping[str, object]
    gateway_id: UUID | None  # the gateway whose topology it is in
    secondary_secret: str | None = field(default=None, repr=False)  # opens a login as the secret does
    public_id: str = ""  # the id its owner knows it by over all products


async def login_facts(ctx: Context, device_ids: list[UUID]) -> dict[UUID, LoginFacts]:
    """What checks the logins of these devices, in one question; devices that don't exist are left out."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(_Q["login_facts"], device_ids)
    found = [values(row) for row in rows]
    return {facts.pop("device_id"): _login_facts(facts) for facts in found}


async def login_facts_by_name(ctx: Context, names: list[str]) -> dict[str, list[LoginFacts]]:
    """What checks logins that say no product, in one question: the device of that public id and then the oldest of
    that name, NAMESAKES_MAX of an account and NAMESAKES_OF_ALL_MAX in all."""
    found: dict[str, list[LoginFacts]] = {name: [] for name in names}
    implied = [(name, device) for name in found for device in implied_ids(name)]
    asked = (list(found), [name for name, _ in implied], [device for _, device in implied])
    async with ctx.database.connection() as conn:
        for row in await conn.fetch(_Q["login_facts_by_name"], *asked, NAMESAKES_MAX, NAMESAKES_OF_ALL_MAX):
            facts = values(row)
            found[facts.pop("word")].append(_login_facts(facts))
    return found


def _login_facts(row: dict[str, Any]) -> LoginFacts:
    return LoginFacts(**row | {"product_facts": json.loads(row["product_facts"])})
