"""Packages: of a product by version, all in a list, one of them in full, and what is asked of a new one."""

from collections.abc import Mapping, Sequence

from upwell.console import making
from upwell.console.asking import V1, Members, kept, tried
from upwell.console.readings.home import PRODUCTS_MAX, is_running
from upwell.domain.errors import NotFound

PAGE = 50
OF_PRODUCT_MAX = 200  # packages of a module that are laid out by version; an account has 500 at most
ROLLOUTS_SHOWN = 20
TESTED_SHOWN = 20  # devices of the last verification
ALL = "all"


async def read_list(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """The versions of a product's module with who runs them, or all packages, newest first."""
    products = (await v1.get("/products", limit=PRODUCTS_MAX))["items"]
    chosen = _chosen(products, query)
    told: Members = {"products": products, "product": chosen, "versions": [], "page": {"items": [], "problem": None},
                     "modules": [], "module": "default", "hour": None, "more": False}  # fmt: skip
    if not chosen:
        told["page"] = await tried(v1.get("/packages", limit=PAGE, **kept(query, "cursor", "sort")))
        return told
    module = query.get("module", "").strip() or "default"
    told["modules"] = (await v1.get("/products/{}/modules", chosen))["items"]
    if module not in [each["name"] for each in told["modules"]]:
        raise NotFound("module", module)
    page = await v1.get("/packages", product_id=chosen, module=module, limit=OF_PRODUCT_MAX)
    hour = await _hour(v1, chosen, module)
    return told | {
        "module": module, "hour": hour, "more": "next_cursor" in page, "versions": _by_version(page["items"], hour),
    }  # fmt: skip


async def read_one(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """A package, who runs it, what else there is of its version, and the rollouts that bring it out."""
    package = await v1.get("/packages/{}", ids["package_id"])
    product_id, module = package.get("product_id"), package["module"]
    rollouts = (await v1.get("/packages/{}/rollouts", package["id"], limit=ROLLOUTS_SHOWN))["items"]
    hour = await _hour(v1, product_id, module) if product_id else None
    listed = await v1.get(
        "/packages", product_id=product_id, module=module, version=package["version"], limit=ROLLOUTS_SHOWN
    )
    tried_on = next((each for each in rollouts if each["kind"] == "verify"), None)
    return {
        "package": package,
        "product": await v1.get("/products/{}", product_id) if product_id else None,
        "running": _devices_of(hour).get(package["version"], 0) if product_id else None,
        "siblings": [each for each in listed["items"] if each["id"] != package["id"]],
        "once": making.fresh_key(),
        "rollouts": [each for each in rollouts if each["kind"] != "verify"],
        "bringing": [each for each in rollouts if is_running(each)],
        "verification": tried_on and await v1.get("/rollouts/{}", tried_on["id"]),
        "tested": (await v1.get("/rollouts/{}/tasks", tried_on["id"], limit=TESTED_SHOWN))["items"] if tried_on else [],
    }


async def read_new(v1: V1, ids: Mapping[str, str], query: Mapping[str, str]) -> Members:
    """What a new package may be of."""
    products = (await v1.get("/products", limit=PRODUCTS_MAX))["items"]
    chosen = _chosen(products, query)
    modules = (await v1.get("/products/{}/modules", chosen))["items"] if chosen else []
    return {"products": products, "product": chosen, "modules": modules, "module": query.get("module", "")}


def _chosen(products: Sequence[Members], query: Mapping[str, str]) -> str:
    """The product that was asked for, else the largest; none where all packages are."""
    asked = query.get("product_id", "").strip()
    if asked or query.get("view") == ALL or not products:
        return asked
    return str(max(products, key=lambda each: each["device_count"])["id"])


async def _hour(v1: V1, product_id: str, module: str) -> Members | None:
    """How versions spread now."""
    hours = (await v1.get("/version_history", product_id=product_id, module=module, limit=1))["items"]
    return hours[0] if hours else None


def _devices_of(hour: Members | None) -> dict[str, int]:
    return {each["version"]: each["devices"] for each in (hour or {"versions": ()})["versions"]}


def _by_version(packages: Sequence[Members], hour: Members | None) -> list[Members]:
    """Each version with its packages, full ones first, and how many devices run it; then those that run without one."""
    running, found = _devices_of(hour), dict[str, list[Members]]()
    for package in packages:
        found.setdefault(package["version"], []).append(package)
    rows = [
        {"version": version, "devices": running.get(version, 0), "packages": sorted(of, key=lambda p: p["is_delta"])}
        for version, of in found.items()
    ]
    others = [(version, devices) for version, devices in running.items() if version not in found and devices]
    return rows + [{"version": version, "devices": devices, "packages": []} for version, devices in others]
