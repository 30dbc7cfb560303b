"""`upwell rollout plan` and `rollout reasons`: what a rollout would do, and why its devices are not updated."""

import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.remote import steering  # noqa: F401  # its verbs come before these
from upwell.cli.remote.acting import At, verb
from upwell.cli.remote.careful import Careful
from upwell.cli.remote.rollouts import Kind, RolloutId, app, targets_of
from upwell.cli.telling import number, of, size

ASK_S = 0.3  # between two looks at what is being counted
EXAMPLES = 3  # devices that are named
T = TypeVar("T", bound=Any)


@verb(
    app, "plan", "upwell rollout plan pkg_0000000000000007 --all --preset careful --guard",
    "upwell rollout plan pkg_0000000000000007 --percent 10 --source 1.0 --per-minute 100",
)  # fmt: skip
def plan(
    at: At,
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="The package's id, pkg_….")],
    all_: Annotated[bool, typer.Option("--all", help="All devices of the product.")] = False,
    device: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A device's name; may be given again.")
    ] = None,
    percent: Annotated[float | None, typer.Option(help="A share of the product's devices.")] = None,
    group: Annotated[str | None, typer.Option(help="The devices of a group.")] = None,
    product: Annotated[str | None, typer.Option(help="Where the package is every product's: of which.")] = None,
    kind: Annotated[Kind, typer.Option(help="static: devices of now; dynamic: a standing policy.")] = "static",
    source: Annotated[list[str] | None, typer.Option(metavar="VERSION", help="Only devices that run this.")] = None,
    per_minute: Annotated[int | None, typer.Option(min=0, help="Offers a minute at most.")] = None,
    overwrite: Annotated[bool, typer.Option(help="In place of unfinished tasks of other rollouts.")] = False,
    away_days: Annotated[int, typer.Option(min=1, help="Tell devices apart that are away for longer.")] = 30,
    *,
    careful: Careful,
) -> None:
    """Show what a rollout would do, and make nothing: which devices, who is left out and why, waves, time, bytes."""
    found = at.client.show_package(package)
    of_product = product or found.get("product_id")
    if of_product is None:
        raise Ended(Exit.USAGE, f"upwell: {package} is every product's", "  try: say whose devices: --product ID")
    targets, _, _ = targets_of(at, of_product, all_, device, percent, group)
    begun = at.client.create_plan(
        kind=kind, package_id=package, product_id=of_product, targets=targets, source_versions=source or None,
        maximum_per_min=per_minute, overwrite=overwrite or None, away_days=away_days, **careful.said(),
    )  # fmt: skip
    told = _counted(at, lambda: at.client.show_plan(begun["id"]))
    halts = [f"{each['failures']} of {number(each['offers'])}" for each in told.get("guard_needs", [])]
    at.one(
        told, ("id", told["id"]), ("looked at", of(told["looked"], "device")),
        ("brings", of(told["devices"], "device")),
        ("from", {each.get("version", "unknown"): number(each["devices"]) for each in told["versions"]} or None),
        ("vendors", {each.get("vendor", "none yet"): number(each["devices"]) for each in told["vendors"]} or None),
        ("waves", [number(each["devices"]) for each in told["waves"]]),
        ("takes", f"{of(told['minutes'], 'minute')} at least" if "minutes" in told else "for ever at this pace"),
        ("downloads", size(told["bytes"])),
        ("halts at", halts or None),
    )  # fmt: skip
    if not at.as_json:
        _tell(told["kept"], "left out", lambda each: not each["takes_part"])
        _tell(told["kept"], "taken, but not offered as things stand", lambda each: bool(each["takes_part"]))
        at.say(f"\nNext: upwell rollout start {package} with the same options")


@verb(app, "reasons", "upwell rollout reasons ro_0000000000000007")
def reasons(at: At, rollout: RolloutId) -> None:
    """Show why devices of a rollout are not updated, the most first, with what to do."""
    told = _counted(at, lambda: at.client.list_rollout_reasons(rollout))
    at.one(told, ("updated", number(told["updated"])), ("not updated", number(told["not_updated"])))
    if not at.as_json:
        _tell(told["reasons"], "not updated", lambda each: True)
        first = next((each["examples"][0] for each in told["reasons"] if each["examples"]), "DEVICE")
        at.say(f"\nNext: upwell device why {first} --rollout {rollout}")


def _counted(at: At, ask: Callable[[], T]) -> T:
    """What is told once it is counted. Raises Ended where it failed."""
    while True:
        told = ask()
        if told["status"] == "failed":
            raise Ended(Exit.FAILED, f"upwell: it failed: {one_line(told.get('problem', ''))}")
        if told["status"] != "running":
            return told
        time.sleep(ASK_S)


def _tell(groups: Any, what: str, is_meant: Callable[[Any], bool]) -> None:
    for each in filter(is_meant, groups):
        print(f"\n{of(each['devices'], 'device')} {what}: {each['code'].replace('_', ' ')}")
        for busy in each.get("busy_with", [])[:EXAMPLES]:
            print(f"    {of(busy['devices'], 'device')} of {one_line(busy['rollout_id'])}")
        if each["examples"]:
            print(f"    such as {', '.join(map(one_line, each['examples'][:EXAMPLES]))}")
        print(f"    {one_line(each['next_step'])}")
