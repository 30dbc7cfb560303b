"""Home: what needs somebody now, and how the fleet stands."""

from collections.abc import Mapping
from typing import Any

from upwell.console.asking import V1, Members

LOOKED_AT = 50  # rollouts, the newest; those that run for long while fifty newer ones are made are in their list
SHOWN_MAX = 5  # rollouts with their counts
PRODUCTS_MAX = 100
HOURS_MAX = 168
GUARD = "guard"  # who halts by evidence, in the place of a person


async def read(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """Two lists, two counts, the versions of one product, and the counts of the rollouts shown."""
    products = (await v1.get("/products", limit=PRODUCTS_MAX))["items"]
    listed = (await v1.get("/rollouts", limit=LOOKED_AT))["items"]
    running = [each for each in listed if is_running(each)]
    chosen = _chosen(products, query.get("product_id", ""))
    refused = (await v1.get("/refused_logins", limit=SHOWN_MAX))["items"]
    return {
        "counts": await v1.get("/device_counts"),
        "products": products,
        "product": chosen,
        "hours": await spread(v1, chosen),
        "running": [await v1.get("/rollouts/{}", each["id"]) for each in running[:SHOWN_MAX]],
        "running_count": len(running),
        "needs": [(_need(each), each) for each in listed if _need(each)],
        "refused": refused,
        "has_rollouts": bool(listed),
        "has_packages": bool((await v1.get("/packages", limit=1))["items"]),
    }


async def read_account(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """Who is signed in."""
    return {"me": await v1.get("/me")}


async def spread(v1: V1, product_id: str) -> list[dict[str, Any]]:
    """How versions spread over the product in the last hours in which that changed, newest first."""
    if not product_id:
        return []
    told = await v1.get("/version_history", product_id=product_id, limit=HOURS_MAX)
    return list(told["items"])


def is_running(rollout: Members) -> bool:
    """Whether it has not ended."""
    return rollout["status"] in ("planned", "awaiting_approval", "in_progress")


def _need(rollout: Members) -> str:
    """The word for what a rollout needs a person for; none where it goes by itself."""
    if not is_running(rollout):
        return ""
    if rollout["status"] == "awaiting_approval":
        return "approval"
    paused = rollout.get("paused")
    if paused is None:
        return ""
    return "halted" if paused["by"] == GUARD else "paused"


def _chosen(products: list[Members], asked: str) -> str:
    """The product that was asked for, else the largest."""
    known = [each["id"] for each in products]
    if asked in known:
        return asked
    return max(products, key=lambda each: each["device_count"])["id"] if products else ""
