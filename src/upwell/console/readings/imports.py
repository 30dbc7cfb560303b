"""Lists of devices that are made of a file: all of them, and what came of one, line by line."""

from collections.abc import Mapping

from upwell.console.asking import V1, Members, kept, tried
from upwell.console.readings.home import PRODUCTS_MAX

PAGE = 20
LINES = 50


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A page of imports, and the products that a new one may be of."""
    return {
        "page": await tried(v1.get("/imports", limit=PAGE, **kept(query, "cursor"))),
        "products": (await v1.get("/products", limit=PRODUCTS_MAX))["items"],
        "product": query.get("product_id", ""),
    }


async def read_one(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """How far an import is, and the lines of which nothing was made."""
    shown = await v1.get("/imports/{}", ids["import_id"])
    lines = v1.get("/imports/{}/problems", ids["import_id"], limit=LINES, **kept(query, "cursor"))
    return {"import": shown, "lines": await tried(lines)}
