"""Groups: all of them, one of them, and what a new one's condition may be of. How many devices are in one is counted
when somebody asks for it, and never by the page."""

from collections.abc import Mapping

from upwell.console import grouping
from upwell.console.asking import V1, Members, kept, tried
from upwell.console.readings.home import PRODUCTS_MAX

PAGE = 50
SUGGESTED = 100


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A page of groups."""
    return {"page": await tried(v1.get("/groups", limit=PAGE, **kept(query, "cursor", "sort", "kind", "name")))}


async def read_one(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A group; its devices are counted where that is asked for."""
    counted = None if "count" in query else "false"
    return {"group": await v1.get("/groups/{}", ids["group_id"], counted=counted)}


async def read_new(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """What conditions may be of."""
    groups = (await v1.get("/groups", limit=SUGGESTED, kind="static"))["items"]
    return {
        "fields": grouping.operators(), "rows": grouping.ROWS, "groups": groups,
        "products": (await v1.get("/products", limit=PRODUCTS_MAX))["items"],
    }  # fmt: skip
