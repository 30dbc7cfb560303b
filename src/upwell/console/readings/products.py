"""Products: kinds of devices, how many there are of each, and what they run."""

from collections.abc import Mapping

from upwell.console.asking import V1, Members, kept
from upwell.console.readings.home import HOURS_MAX

PAGE = 50


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A page of products; each has its count of devices, which is kept."""
    return await v1.get("/products", limit=PAGE, **kept(query, "cursor", "sort"))


async def read_one(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A product, how many of its devices are online, and what they run by the module that is chosen."""
    product_id = ids["product_id"]
    module = query.get("module", "") or "default"
    history = await v1.get("/version_history", product_id=product_id, module=module, limit=HOURS_MAX)
    return {
        "product": await v1.get("/products/{}", product_id),
        "counts": await v1.get("/device_counts", product_id=product_id),
        "modules": (await v1.get("/products/{}/modules", product_id))["items"],
        "module": module,
        "hours": history["items"],
    }
