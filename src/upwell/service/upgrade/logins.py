"""What checks a device's login: its secrets, its account, the gateway it is behind. Many are asked for at once."""

import json
from collections.abc import Mapping, Sequence
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


async def login_facts(ctx: Context, device_ids: Sequence[UUID]) -> list[LoginFacts | None]:
    """What checks the logins of these devices, in their order and one question; None for one that does not exist."""
    async with ctx.database.connection() as conn:
        rows = await conn.fetch(*_Q["login_facts"](device_ids=list(device_ids)))
    facts = [values(row) for row in rows]
    found = {each.pop("device_id"): _login_facts(each) for each in facts}
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
    async with ctx.database.connection() as conn:
        for row in await conn.fetch(*asked):
            facts = values(row)
            found[facts.pop("word")].append(_login_facts(facts))
    return [found[name] for name in names]


def _login_facts(row: dict[str, Any]) -> LoginFacts:
    return LoginFacts(**row | {"product_facts": json.loads(row["product_facts"])})
