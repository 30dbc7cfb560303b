"""`upwell rollout …`: start one, look, steer."""

from typing import Annotated, Literal

import typer

from upwell.cli.apps import noun
from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.remote.acting import LIST_MAX, SORT, At, Every, Limit, Made, Yes, verb
from upwell.cli.remote.careful import Careful, hours_of, manner, pace_of, rule
from upwell.cli.remote.sight import failure
from upwell.cli.remote.standing import WAVES, approval, counts, evidence, kept_back, next_of, waves
from upwell.cli.remote.wanted import PackageId, Wanted
from upwell.cli.remote.watching import follow
from upwell.cli.telling import Column, member, minute, moment, number, of, table

app = noun("Rollouts: bring devices to a package, watch, steer.", name="rollout")
RolloutId = Annotated[str, typer.Argument(metavar="ROLLOUT", help="The rollout's id, ro_….")]
State = Literal["confirm", "queued", "notified", "in_progress", "succeeded", "failed", "canceled"]
COLUMNS: tuple[Column, ...] = (
    ("id", member("id")), ("status", lambda r: r["status"].replace("_", " ")), ("kind", member("kind")),
    ("to", member("version")), ("package", member("package_name")), ("made", moment("created_at")),
)  # fmt: skip
TASKS: tuple[Column, ...] = (
    ("device", lambda t: t["device_id"]), ("state", lambda t: t["state"].replace("_", " ")),
    ("%", lambda t: t["progress"]), ("from", member("source_version")),
    ("why", lambda t: t.get("description") or t.get("reason")), ("changed", moment("modified_at")),
)  # fmt: skip


@verb(
    app, "start", "upwell rollout start pkg_0000000000000007 --all",
    "upwell rollout start pkg_0000000000000007 --device kitchen-1 --device kitchen-2",
    "upwell rollout start pkg_0000000000000007 --all --preset careful --guard --watch",
    "upwell rollout start pkg_0000000000000007 --all --waves 5@60,10%,100% --guard-p0 1 --yes",
)  # fmt: skip
def start(
    at: At,
    package: PackageId,
    *,
    wanted: Wanted,
    careful: Careful,
    watch: Annotated[bool, typer.Option("--watch", help="Then watch it.")] = False,
    yes: Yes = False,
) -> None:
    """Bring devices to a package. Which ones is always said, by one of --all, --device, --percent and --group. How
    carefully is said by --preset or --waves, and --guard; else by the product's defaults."""
    found = at.client.show_package(package)
    asked = wanted.body(found, careful)
    count, which = wanted.count(at, asked["product_id"])
    if not wanted.device:
        how = manner(careful.said() or at.client.show_product(asked["product_id"]).get("rollout_defaults") or {})
        at.sure(f"This brings {which}, {of(count, 'device')}, to {found['name']} ({found['version']}), {how}.", yes)
    made = at.client.create_rollout(**asked)
    at.one(
        made, ("id", made["id"]), ("status", made["status"].replace("_", " ")), ("devices", number(count)),
        ("waves", len(waves(made)) or None), ("guard", rule(made["guard"]) if "guard" in made else None),
    )  # fmt: skip
    if watch:
        follow(at, made["id"])
    else:
        at.say(f"\nNext: upwell rollout watch {made['id']}")


@verb(app, "list", "upwell rollout list", "upwell rollout list --device lamp-eu_kitchen-1")
def list_(
    at: At,
    package: Annotated[str | None, typer.Option(help="Only of this package.")] = None,
    device: Annotated[str | None, typer.Option(help="Only those that this device is in.")] = None,
    sort: Made = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show rollouts, newest first."""
    if package and device:
        raise Ended(Exit.USAGE, "upwell: --package and --device are not met together", "  try: leave one out")
    listed = (
        at.client.list_package_rollouts(package, sort=sort) if package
        else at.client.list_device_rollouts(device, sort=sort) if device else at.client.list_rollouts(sort=sort)
    )  # fmt: skip
    at.pages(COLUMNS, listed, "no rollouts; start one: upwell rollout start PACKAGE --all", limit, every)


@verb(app, "show", "upwell rollout show ro_0000000000000007")
def show(at: At, rollout: RolloutId) -> None:
    """Show a rollout: how it goes, its tasks by state, and what comes next."""
    found = at.client.show_rollout(rollout)
    told = {state.replace("_", " "): number(count) for state, count in counts(found).items() if count}
    at.one(
        found, ("id", found["id"]), ("status", found["status"].replace("_", " ")), ("why", found.get("status_text")),
        ("kind", found["kind"]), ("package", f"{found['package_name']} ({found['package_id']})"),
        ("to", found["version"]), ("product", found["product_id"]), ("devices", found["selected_by"]),
        ("tasks", told), ("offers a minute", number(found["maximum_per_min"])),
        ("guard", rule(found["guard"]) if "guard" in found else None),
        ("pace", pace_of(found["pace"]) if "pace" in found else None),
        ("hours", hours_of(found["hours"]) if "hours" in found else None),
        ("made", minute(found["created_at"])), ("begins", minute(found.get("scheduled_at"))),
        ("ended", minute(found.get("ended_at"))), ("approval", approval(found)), ("now", kept_back(found)),
    )  # fmt: skip
    if not at.as_json and waves(found):
        print()
        table(WAVES, waves(found))
    for said in filter(None, (evidence(found), found.get("happens_next"))):
        at.say("\n" + one_line(said))
    at.say("\n" + next_of(found))


@verb(app, "tasks", "upwell rollout tasks ro_0000000000000007 --state failed")
def tasks(
    at: At,
    rollout: RolloutId,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    sort: Annotated[Literal["state", "-state"] | None, typer.Option(help=SORT)] = None,
    limit: Limit = LIST_MAX,
    every: Every = False,
) -> None:
    """Show the tasks of a rollout, a device each."""
    at.pages(TASKS, at.client.list_rollout_tasks(rollout, state=state, sort=sort), "no such tasks", limit, every)


@verb(app, "approve", "upwell rollout approve ro_0000000000000007 --remark 'seen on the bench'")
def approve(
    at: At,
    rollout: RolloutId,
    remark: Annotated[str | None, typer.Option(help="Why; it is kept.")] = None,
    yes: Yes = False,
) -> None:
    """Let a rollout begin, or go on as it was changed. For an approver who signed in and did not make it."""
    revision = _awaiting(at, rollout, "lets begin", yes)
    done = at.client.approve_rollout(rollout, remark=remark, revision=revision)
    at.one(done, ("status", done["status"].replace("_", " ")), ("approved by", done["approval"]["decided_by"]))
    at.say(f"\nNext: upwell rollout watch {rollout}")


@verb(app, "refuse", "upwell rollout refuse ro_0000000000000007 --remark 'wrong package' --yes")
def refuse(
    at: At,
    rollout: RolloutId,
    remark: Annotated[str, typer.Option(help="Why; it is kept.")],
    yes: Yes = False,
) -> None:
    """Have a rollout be over that waits for approval; of one that had begun the open tasks are cancelled."""
    revision = _awaiting(at, rollout, "ends", yes)
    done = at.client.refuse_rollout(rollout, remark=remark, revision=revision)
    at.one(done, ("status", done["status"].replace("_", " ")), ("refused by", done["approval"]["decided_by"]))


def _awaiting(at: At, rollout: str, what: str, yes: bool) -> int | None:
    """Which revision of it is decided about: the one that is shown now. Raises Ended unless it is meant."""
    found = at.client.show_rollout(rollout)
    asked = found.get("approval")
    who = ", ".join(asked["makers"]) if asked else "nobody who said so"
    whom = found["selected_by"].replace("_", " ")
    at.sure(f"This {what} {rollout}: {found['package_name']} ({found['version']}) for {whom}, by {who}.", yes)
    return None if asked is None else asked["revision"]


@verb(
    app, "watch", "upwell rollout watch ro_0000000000000007",
    "upwell rollout watch ro_0000000000000007 --exit-status && echo all there",
)  # fmt: skip
def watch_(
    at: At,
    rollout: RolloutId,
    exit_status: Annotated[
        bool, typer.Option("--exit-status", help="End with 1 unless every device got there.")
    ] = False,
    interval: Annotated[float, typer.Option(min=0.2, metavar="SECONDS", help="How often it is asked.")] = 2.0,
) -> None:
    """Watch a rollout until it has ended: tasks by state, pace, its waves and what the next one waits for, failures by
    reason. Elsewhere than on a terminal a line for each change. With --exit-status it ends when its guard halts it."""
    follow(at, rollout, interval, exit_status)


COURSE: tuple[Column, ...] = (
    ("at", moment("at")), *((name.replace("_", " "), lambda r, name=name: r[name])
                            for name in ("waiting", "at_work", "succeeded", "failed", "canceled")),
)  # fmt: skip


@verb(app, "course", "upwell rollout course ro_0000000000000007")
def course(at: At, rollout: RolloutId) -> None:
    """Show how the rollout's devices stood from time to time."""
    at.many(COURSE, at.client.list_rollout_course(rollout), "nothing has happened yet")


@verb(app, "why-failed", "upwell rollout why-failed ro_0000000000000007")
def why_failed(at: At, rollout: RolloutId) -> None:
    """Show what devices failed of, most first: the reason, the device's code, what they ran, some of them."""
    found = at.client.list_rollout_failures(rollout)
    if at.as_json:
        at.many((), found, "")
        return
    if not found:
        at.note("no device has failed")
        return
    for group in found:
        print(f"{of(group['count'], 'device')}: {failure(group, examples=False)}")
        for each in group["examples"]:
            said = f"  {one_line(each['description'])}" if each.get("description") else ""
            print(f"    {one_line(each['device_id'])}  {minute(each['at'])}{said}")
    first = found[0]["examples"][0]["device_id"] if found[0]["examples"] else "DEVICE"
    at.say(f"\nNext: upwell device timeline {first}, or upwell rollout retry {rollout} --all")
