"""Hooks: where events are sent, whether that arrives, and what was sent."""

import json
from collections.abc import Mapping, Sequence

from upwell.console.asking import V1, Members, kept, tried
from upwell.console.readings.home import PRODUCTS_MAX
from upwell.dialects.upwell.cloud_events import NAMES

PAGE = 25  # deliveries


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """All hooks, and what a new one may be limited to."""
    return {
        "hooks": (await v1.get("/hooks"))["items"],
        "types": list(NAMES),
        "products": (await v1.get("/products", limit=PRODUCTS_MAX))["items"],
    }


async def read_one(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A hook and a page of its deliveries."""
    hook_id, filters = ids["hook_id"], kept(query, "open")
    return {
        "hook": await v1.get("/hooks/{}", hook_id),
        "page": await tried(v1.get("/hooks/{}/deliveries", hook_id, limit=PAGE, **filters, **kept(query, "cursor"))),
        "filters": filters,
        "types": list(NAMES),
    }


async def read_delivery(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """One delivery, its body as a person reads it."""
    told = await v1.get("/hooks/{}/deliveries/{}", ids["hook_id"], ids["event_id"])
    return {
        "hook": await v1.get("/hooks/{}", ids["hook_id"]),
        "delivery": told,
        "body": json.dumps(json.loads(told["body"]), ensure_ascii=False, indent=2),
        "size": len(told["body"].encode()),
    }


def grouped(types: Sequence[str]) -> dict[str, list[str]]:
    """Types of events by what they are about."""
    found: dict[str, list[str]] = {}
    for each in types:
        found.setdefault(each.split(".")[-2], []).append(each)
    return found
