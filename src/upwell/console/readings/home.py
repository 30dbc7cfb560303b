"""Home: what needs somebody now, and how the fleet stands."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from upwell.console.asking import V1, Members

LOOKED_AT = 50  # rollouts, the newest, of which those that run are shown
SHOWN_MAX = 5  # rollouts with their counts
NEEDS_MAX = 5  # of each kind of what waits for a person; there is a list behind each
PRODUCTS_MAX = 100
HOURS_MAX = 168


async def read(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """What waits, three lists, two counts, the versions of one product, and the rollouts that are shown."""
    products = (await v1.get("/products", limit=PRODUCTS_MAX))["items"]
    listed = (await v1.get("/rollouts", limit=LOOKED_AT))["items"]
    running = [each for each in listed if is_running(each)]
    chosen = _chosen(products, query.get("product_id", ""))
    attention = await v1.get("/attention")
    return {
        "counts": await v1.get("/device_counts"),
        "products": products,
        "product": chosen,
        "hours": await spread(v1, chosen),
        "running": [await v1.get("/rollouts/{}", each["id"]) for each in running[:SHOWN_MAX]],
        "running_count": len(running),
        "attention": attention,
        "needs": [each async for each in _needs(v1, attention, listed)],
        "refused": (await v1.get("/refused_logins", limit=1))["items"] if attention["refused_devices"] else [],
        "server": await v1.get("/server") if v1.may("admin") else None,
        "has_rollouts": bool(listed),
        "has_packages": bool((await v1.get("/packages", limit=1))["items"]),
    }


async def _needs(v1: V1, attention: Members, listed: Sequence[Members]) -> AsyncIterator[tuple[str, Members, Members]]:
    """What of rollouts waits for a person: the word for it, what is told of it, and the rollout."""
    known = {each["id"]: each for each in listed}
    for word, part in (("halted", "halted"), ("approval", "awaiting_approval"), ("wave", "waiting_waves")):
        for told in attention[part]["items"][:NEEDS_MAX]:
            rollout = known.get(told["rollout_id"]) or await v1.maybe("/rollouts/{}", told["rollout_id"])
            if rollout is not None:
                yield word, told, rollout


async def spread(v1: V1, product_id: str) -> list[dict[str, Any]]:
    """How versions spread over the product in the last hours in which that changed, newest first."""
    if not product_id:
        return []
    told = await v1.get("/version_history", product_id=product_id, limit=HOURS_MAX)
    return list(told["items"])


def is_running(rollout: Members) -> bool:
    """Whether it has not ended."""
    return rollout["status"] in ("planned", "awaiting_approval", "in_progress")


def _chosen(products: list[Members], asked: str) -> str:
    """The product that was asked for, else the largest."""
    known = [each["id"] for each in products]
    if asked in known:
        return asked
    return max(products, key=lambda each: each["device_count"])["id"] if products else ""
