"""Devices: a list that is filtered, sorted and paged as `/v1` does it, and one of them in full."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from upwell.console.asking import V1, Members, kept, tried
from upwell.console.readings.home import PRODUCTS_MAX, is_running
from upwell.domain.errors import Invalid

PAGE = 50
LINES = 40  # of a device's timeline
GROUPS_MAX = 100
NICKNAMES_UP_TO = 20_000  # devices: a nickname has no index, so that a larger fleet would be walked for one
LOOKED_MAX = 1000  # devices of a page by when they were heard, which has no index: every report would pay for it
LOOK = 200  # of those that one request tells
HEARD = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
FILTERS = ("product_id", "status", "group_id", "module", "version", "tag_key", "tag_value", "set_aside")


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A page of devices, and what they may be filtered by; what is searched for is an id, a name or a nickname."""
    filters, fits = kept(query, *FILTERS), _fits(v1.ctx.now(), query.get("heard", ""))
    counts = await _counts(v1, filters)
    fields = ("name", "nickname") if counts["devices"] <= NICKNAMES_UP_TO else ("name",)
    return {
        "page": await tried(
            _heard(v1, filters, query, fields, fits) if fits else _searched(v1, filters, query, fields)
        ),
        "heard": query.get("heard", "") if fits else "",
        "filters": filters,
        "counts": counts,
        "fields": fields,
        "products": (await v1.get("/products", limit=PRODUCTS_MAX))["items"],
        "groups": (await v1.get("/groups", limit=GROUPS_MAX))["items"],
        "sorts": ("-created_at", "created_at", *(("name", "-name") if "product_id" in filters else ())),
    }


async def _counts(v1: V1, filters: Mapping[str, str]) -> Members:
    """Of all of the product that is chosen, or of the account: what is kept, never counted for the filters."""
    product = filters.get("product_id")
    of_product = await tried(v1.get("/device_counts", product_id=product)) if product else None
    return of_product if of_product and not of_product["problem"] else await v1.get("/device_counts")


async def _searched(v1: V1, filters: Mapping[str, str], query: Mapping[str, str], fields: Sequence[str]) -> Members:
    """The list, and by which filters `all` of it is; of a searched text what has it as its id, else as the first of
    these fields that any has it as."""
    text = query.get("q", "").strip()
    more = kept(query, "cursor", "sort")
    if not text:
        return {"all": filters, **await v1.get("/devices", limit=PAGE, **filters, **more)}
    found: Members = {"items": []}
    device = await _by_id(v1, text)
    if device is not None:
        return {"items": [device]}
    for field in fields:
        which = {**filters, field: text}
        try:
            found = {"all": which, **await v1.get("/devices", limit=PAGE, **which, **more)}
        except Invalid as exc:
            if exc.field != field:  # else it can be nobody's
                raise
        if found["items"]:
            break
    return found


def _fits(now: datetime, heard: str) -> Callable[[Members], bool] | None:
    """Which devices were heard so: `in-1d`, within a day; `not-1d`, not for a day, or never. None: it says nothing."""
    how, _, span = heard.partition("-")
    if how not in ("in", "not") or span not in HEARD:
        return None
    since = now - HEARD[span]

    def fits(device: Members) -> bool:
        at = device.get("last_heard_at")
        return (at is not None and datetime.fromisoformat(at) >= since) is (how == "in")

    return fits


async def _heard(
    v1: V1, filters: Mapping[str, str], query: Mapping[str, str], fields: Sequence[str], fits: Callable[[Members], bool]
) -> Members:
    """Those of the list that were heard so, as far as LOOKED_MAX of it were looked at; the next page goes on there."""
    if query.get("q", "").strip():
        page = await _searched(v1, filters, query, fields)
        return {"items": list(filter(fits, page["items"]))}
    cursor, looked, found = query.get("cursor", "").strip(), 0, list[Members]()
    while looked < LOOKED_MAX and len(found) < PAGE:
        page = await v1.get("/devices", limit=LOOK, cursor=cursor, **filters, **kept(query, "sort"))
        looked, cursor = looked + len(page["items"]), page.get("next_cursor", "")
        found += filter(fits, page["items"])
        if not cursor:
            break
    return {"items": found, "looked": looked, **({"next_cursor": cursor} if cursor else {})}


async def _by_id(v1: V1, text: str) -> Members | None:
    try:
        return await v1.maybe("/devices/{}", text)
    except Invalid:  # it can be no device's id
        return None


async def read_tags(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A page of the tags that devices have."""
    return {"page": await tried(v1.get("/tags", limit=PAGE, **kept(query, "cursor")))}


async def read_one(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A device, what befell it, the rollouts that it is in, and why it is not updated by the one that is asked for, or
    by the newest that runs."""
    device_id = ids["device_id"]
    device = await v1.get("/devices/{}", device_id)
    rollouts = (await v1.get("/devices/{}/rollouts", device_id, limit=10))["items"]
    chosen = _asked(rollouts, query.get("rollout_id", ""))
    return {
        "device": device,
        "tasks": (await v1.get("/devices/{}/tasks", device_id, limit=10))["items"],
        "rollouts": rollouts,
        "rollout_id": chosen,
        "why": await v1.maybe("/devices/{}/why", device_id, rollout_id=chosen) if chosen else None,
        "groups": (await v1.get("/devices/{}/groups", device_id))["items"],
        "lines": await v1.get("/devices/{}/timeline", device_id, limit=LINES, **kept(query, "kind", "cursor")),
        "kind": query.get("kind", ""),
    }


def _asked(rollouts: list[Members], asked: str) -> str:
    if asked:
        return asked
    running = (each["id"] for each in rollouts if is_running(each))
    return next(running, rollouts[0]["id"] if rollouts else "")
