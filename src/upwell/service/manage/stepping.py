"""Stepping stones: the way of a job that leads, found when it is made and kept with it (ADR 0048)."""

from collections.abc import Sequence
from typing import Any

from upwell.domain.errors import Conflict
from upwell.domain.stepping import ANY, Step, Stone, Way, circle, find
from upwell.service.manage.job_packages import MQTT_SIZE_MAX
from upwell.storage.database import Connection, Row
from upwell.storage.queries import sheet

SQL, PACKAGES = sheet("jobs"), sheet("packages")
STONES_MAX = 1000  # packages of a module among which a way is looked for, the newest


async def way_of(conn: Connection, package: Row, product_id: int, protocol: str) -> dict[str, Step] | None:
    """By which packages a job of this one, which is locked, leads from each version; None: it leads nobody. They stay
    until the transaction ends. A job over MQTT leads by files that can be downloaded so."""
    if not package["leads"]:
        return None
    which = {"product_id": product_id, "module": package["module"], "package_id": package["package_id"]}
    rows = await conn.fetch(*SQL["stones"](at_most=STONES_MAX, **which))
    fit = [r for r in rows if protocol != "MQTT" or (r["size"] <= MQTT_SIZE_MAX and not r["file_count"])]
    return find(goal_of(package), map(_stone, fit))


def goal_of(package: Row) -> Stone:
    """The package of a job, as a stone."""
    follows = [package["source_version"]] if package["is_delta"] else package["follows"]
    return Stone(package_id=package["package_id"], version=package["version"], follows=frozenset(follows))


def _stone(row: Row) -> Stone:
    return Stone(package_id=row["package_id"], version=row["version"], follows=frozenset(row["follows"]))


def as_filled(package: Row, way: Way | None, versions: Sequence[str]) -> dict[str, Any]:
    """What decides of which versions a job of this package takes devices, as `job_to_fill` gives it (`spans.fits`)."""
    sources = list(versions) if way is not None or not package["follows"] else _common(versions, package["follows"])
    facts = {"source_versions": sources, "is_delta": package["is_delta"] and way is None, "led_from": led_from(way)}
    return facts | {name: package[name] for name in ("module", "version", "source_version")}


def _common(versions: Sequence[str], follows: Sequence[str]) -> list[str]:
    """The versions that are in both, none being any; no version is empty."""
    return [each for each in follows if not versions or each in versions] or [""]


def led_from(way: Way | None) -> list[str] | None:
    """The versions from which a job leads, as its row says it: none any that is known, None nobody."""
    return None if way is None else [] if ANY in way else sorted(way)


async def keep(conn: Connection, job_id: int, way: Way | None) -> None:
    """The job leads so."""
    if way:
        packages = [step.package_id for step in way.values()]
        await conn.execute(*SQL["add_steps"](job_id=job_id, versions=list(way), package_ids=packages))


async def refuse_circle(
    conn: Connection, product_id: int | None, module: str, version: str, follows: Sequence[str]
) -> None:  # fmt: skip
    """A package that leads is not led to by its own version. Raises Conflict stepping_circle."""
    rows = await conn.fetch(*PACKAGES["leading"](product_id=product_id, module=module))
    trail = circle(version, follows, map(_stone, rows))
    if trail:
        told = " after ".join(trail)
        raise Conflict("stepping_circle", f"The packages would lead in a circle: {told}.")


async def sized(conn: Connection, way: Way | None) -> dict[str, tuple[int, str, int]] | None:
    """The way with the size of each package in bytes."""
    if way is None:
        return None
    ids = sorted({step.package_id for step in way.values()})
    size = {row["package_id"]: row["size"] for row in await conn.fetch(*SQL["sizes"](package_ids=ids))}
    return {runs: (step.package_id, step.version, size[step.package_id]) for runs, step in way.items()}
