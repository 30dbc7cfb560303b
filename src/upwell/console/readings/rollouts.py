"""Rollouts: the list, and one of them as it goes."""

from collections.abc import Mapping

from upwell.console.asking import V1, Members, kept
from upwell.console.readings.home import is_running

PAGE = 10  # each is asked for its counts
DECISIONS = 50
CURVE = ("at", "succeeded", "failed", "at_work")


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A page of rollouts with their counts."""
    page = await v1.get("/rollouts", limit=PAGE, **kept(query, "cursor", "sort"))
    counted = [await v1.maybe("/rollouts/{}", each["id"]) or each for each in page["items"]]
    return {"page": page | {"items": counted}}


async def read_one(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A rollout with its counts, what was decided of it, and its failures by what they have in common."""
    rollout_id = ids["rollout_id"]
    rollout = await v1.get("/rollouts/{}", rollout_id)
    course = (await v1.get("/rollouts/{}/course", rollout_id))["items"]
    return {
        "edition": next(iter(v1.editions.values()), ""),
        "course": course,
        "curve": {name: [each[name] for each in course] for name in CURVE},
        "rollout": rollout,
        "runs": is_running(rollout),
        "decisions": (await v1.get("/rollouts/{}/decisions", rollout_id, limit=DECISIONS))["items"],
        "failures": (await v1.get("/rollouts/{}/failures", rollout_id))["items"],
        "rollback": await v1.maybe("/rollouts/{}/rollback", rollout_id) if v1.may("operator") else None,
        "reasons": await v1.get("/rollouts/{}/reasons", rollout_id) if "reasons" in query else None,
    }


async def read_leave_out(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """How many devices of a rollout wait that come from a version."""
    rollout_id, version = ids["rollout_id"], query.get("from_version", "")
    waiting = await v1.get("/rollouts/{}/waiting", rollout_id, from_version=version)
    return {"rollout": await v1.get("/rollouts/{}", rollout_id), "version": version, "waiting": waiting}
