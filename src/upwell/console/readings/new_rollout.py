"""A rollout that is being made: what there is to choose from, and its plan."""

from collections.abc import Mapping

from upwell.console import making
from upwell.console.asking import V1, Members
from upwell.console.readings.home import PRODUCTS_MAX

PACKAGES_MAX = 100  # the newest, of the product where one is said
GROUPS_MAX = 100


async def read(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """What the form has, and the packages and groups that it may name; the one that is chosen is among them."""
    typed = making.typed(query)
    product = query.get("product_id", "") if "whom" not in query else query.get("of_product", "")
    packages = (await v1.get("/packages", limit=PACKAGES_MAX, product_id=product))["items"] if product else []
    packages = packages or (await v1.get("/packages", limit=PACKAGES_MAX))["items"]
    chosen = typed.get("package", "").partition(" ")[0]
    package = await _found(v1, "/packages/{}", chosen, packages)
    if package is not None:
        typed["package"] = f"{chosen} {package.get('product_id', '')}".strip()
    groups = (await v1.get("/groups", limit=GROUPS_MAX))["items"]
    await _found(v1, "/groups/{}", typed.get("targets.group_id", ""), groups)
    return {
        "typed": typed, "of_product": product, "packages": packages, "groups": groups, "chosen": package,
        "products": (await v1.get("/products", limit=PRODUCTS_MAX))["items"],
        "plan": None, "problem": None, "wrong_at": "", "once": typed.get(making.ONCE, ""), "waves": making.WAVES,
        "wave_by": making.WAVE_BY, "spans": making.SPANS, "days": making.DAYS,
    }  # fmt: skip


async def _found(v1: V1, path: str, chosen: str, listed: list[Members]) -> Members | None:
    """The thing of that id; it is listed where it is."""
    found = next((each for each in listed if each["id"] == chosen), None)
    if found is None and chosen:
        found = await v1.maybe(path, chosen)
        if found is not None:
            listed.insert(0, found)
    return found


async def read_plan(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A plan, as far as it is counted."""
    return {"plan": await v1.get("/plans/{}", ids["plan_id"])}
