"""`upwell rollout …`: told beforehand by a plan, and why devices of one are not updated; the last of its verbs, which
bring the others."""

import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.remote import changing as _one_more  # noqa: F401
from upwell.cli.remote import steering as _the_others  # noqa: F401  # their verbs are of the same noun
from upwell.cli.remote.acting import At, verb
from upwell.cli.remote.careful import Careful
from upwell.cli.remote.rollouts import RolloutId, app
from upwell.cli.remote.wanted import PackageId, Wanted
from upwell.cli.telling import Column, details, member, number, of, size, table

Counted = TypeVar("Counted", bound=Any)
LOOK_S, LOOK_MOST_S = 0.2, 2.0
EXAMPLES = 3  # ids that are shown beside a count
ANSWERS: tuple[Column, ...] = (
    ("devices", lambda a: number(a["devices"])), ("why", lambda a: a["code"].replace("-", " ").replace("_", " ")),
    ("next", member("next_step")), ("examples", lambda a: ", ".join(a["examples"][:EXAMPLES])),
)  # fmt: skip


def _counted(first: Counted, again: Callable[[], Counted], what: str) -> Counted:
    """What is counted a part at a time, once it is. Raises Ended where that fails."""
    found, pause = first, LOOK_S
    while found["status"] == "running":
        time.sleep(pause)
        pause = min(2 * pause, LOOK_MOST_S)
        found = again()
    if found["status"] != "done":
        raise Ended(Exit.FAILED, f"upwell: {what} is {found['status']}: {one_line(found.get('problem', ''))}")
    return found


@verb(
    app, "plan", "upwell rollout plan pkg_0000000000000007 --all --preset careful --guard",
    "upwell rollout plan pkg_0000000000000007 --group grp_0000000000000009 --json | jq .waves",
)  # fmt: skip
def plan(
    at: At,
    package: PackageId,
    *,
    wanted: Wanted,
    careful: Careful,
    away: Annotated[int, typer.Option(min=1, metavar="DAYS", help="Devices away for longer are told apart.")] = 30,
) -> None:
    """Tell what `rollout start` with the same options would do: nothing is made. Devices by version and vendor, waves
    by size, who is left out and why, how long it takes, what its guard needs to halt it."""
    asked = wanted.body(at.client.show_package(package), careful)
    made = at.client.create_plan(**asked, away_days=away)
    found = _counted(made, lambda: at.client.show_plan(made["id"]), "the plan")
    if at.as_json:
        at.one(found)
        return
    _tell_plan(found)
    at.say(f"\nNext: upwell rollout start {package} with the same options")


def _tell_plan(plan: Any) -> None:
    details([
        ("devices", f"{number(plan['devices'])} of {of(plan['looked'], 'device')} would be updated"),
        ("versions", ", ".join(f"{_version(each)} {number(each['devices'])}" for each in plan["versions"])),
        ("vendors", ", ".join(f"{e.get('vendor', 'none yet')} {number(e['devices'])}" for e in plan["vendors"])),
        ("ran it before", _ran_before(plan.get("ran_before"))),
        ("waves", ", ".join(number(each["devices"]) for each in plan["waves"])),
        ("takes", _span(plan.get("minutes"))),
        ("downloads", size(plan["bytes"])),
        ("halts at", ", ".join(
            f"{each['failures']} of {number(each['offers'])}" for each in plan.get("guard_needs", ())
        )),
        ("its guard before", "; ".join(map(_before, plan.get("guard_before", ())))),
    ])  # fmt: skip
    for takes_part, title in ((False, "Left out"), (True, "Taking part, but not offered as things stand")):
        kept = [each for each in plan["kept"] if each["takes_part"] is takes_part]
        if kept:
            print(f"\n{title}:")
            table(ANSWERS, kept)


def _version(each: Any) -> str:
    """What devices run, and by which versions they are led where that is not the last one alone."""
    steps = each.get("steps", ())
    return _runs(each) + (f" (by {', '.join(steps[:-1])})" if steps[1:] else "")


def _runs(each: Any) -> str:
    return "others" if each.get("others") else each.get("version", "unknown")


def _ran_before(devices: int | None) -> str:
    return f"{number(devices)}, and have left it: `rollout start` wants --downgrade" if devices else ""


def _span(minutes: int | None) -> str:
    if minutes is None:
        return "for ever: nothing is offered at this pace"
    return of(minutes, "minute") if minutes < 120 else f"{minutes / 60:.1f} hours"


def _before(each: Any) -> str:
    """What this guard would have made of a rollout that was."""
    told = f"{each['rollout_id']} ({each['failures']} of {number(each['offers'])} failed)"
    return f"{told} halted at offer {number(each['halts_at'])}" if "halts_at" in each else f"{told} not halted"


@verb(app, "why", "upwell rollout why ro_0000000000000007")
def why(at: At, rollout: RolloutId) -> None:
    """Show why the devices of a rollout that are not updated are not: how many for which reason, and what to do."""
    first = at.client.list_rollout_reasons(rollout)
    found = _counted(first, lambda: at.client.list_rollout_reasons(rollout), "the count")
    if at.as_json:
        at.one(found)
        return
    print(f"{number(found['updated'])} of {of(found['looked'], 'device')} are updated")
    if found["reasons"]:
        print()
        table(ANSWERS, found["reasons"])
        example = next((each for reason in found["reasons"] for each in reason["examples"]), "DEVICE")
        at.say(f"\nNext: upwell device why {example} --rollout {rollout}")
