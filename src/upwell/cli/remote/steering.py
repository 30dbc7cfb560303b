"""`upwell rollout …`: pause, resume, open the next wave, cancel, confirm, retry, and what was decided.

Holds: what takes something away, and what offers something to more devices, says to how many and asks. A pause asks
nothing: it is wanted in a hurry, and `resume` takes it back.
"""

import time
from typing import Annotated, Any

import typer

from upwell.cli.exits import Ended, Exit
from upwell.cli.remote.acting import LIST_MAX, At, Every, Limit, Yes, verb
from upwell.cli.remote.rollouts import RolloutId, app
from upwell.cli.remote.standing import counts, kept_back, next_wave, open_tasks, unoffered
from upwell.cli.telling import Column, member, moment, number, of, word

TaskIds = Annotated[list[str] | None, typer.Option("--task", metavar="TASK", help="A task; may be given again.")]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for whoever reads it later.")]


def _why(decision: Any) -> str:
    numbers = {name: value for name, value in decision["numbers"].items() if not isinstance(value, dict | list)}
    return "; ".join(filter(None, (decision.get("reason"), word(numbers))))


DECISIONS: tuple[Column, ...] = (
    ("at", moment("at")), ("what", lambda d: d["what"].replace("_", " ")), ("wave", member("wave")),
    ("by", member("by")), ("result", member("result")), ("why", _why),
)  # fmt: skip


@verb(
    app, "pause", "upwell rollout pause ro_0000000000000007",
    'upwell rollout pause ro_0000000000000007 --reason "three lamps stay dark"',
)  # fmt: skip
def pause(at: At, rollout: RolloutId, reason: Reason = None) -> None:
    """Keep back all offers, from now on; what devices were told goes on. It asks nothing: `rollout resume` takes it
    back."""
    before = at.client.show_rollout(rollout)
    done = at.client.pause_rollout(rollout, reason=reason)
    kept = of(unoffered(before), "device")
    at.one(
        done,
        ("id", rollout),
        ("now", kept_back(done)),
        ("kept back", kept),
        ("go on", of(open_tasks(before) - unoffered(before), "device")),
    )
    at.say(f"\nNext: upwell rollout resume {rollout}, or upwell rollout cancel {rollout}")


@verb(app, "resume", "upwell rollout resume ro_0000000000000007 --yes")
def resume(at: At, rollout: RolloutId, yes: Yes = False) -> None:
    """Let a rollout go on that is paused or was halted. One that its guard halted begins a new score."""
    found = at.client.show_rollout(rollout)
    if "paused" not in found:
        at.note(f"{rollout} is not paused")
    elif left := unoffered(found):
        at.sure(f"This goes on with {rollout}, {of(left, 'device')} not offered yet; it is {kept_back(found)}.", yes)
    done = at.client.resume_rollout(rollout)
    at.one(done, ("id", rollout), ("status", done["status"].replace("_", " ")))
    at.say(f"\nNext: upwell rollout watch {rollout}")


@verb(
    app, "promote", "upwell rollout promote ro_0000000000000007 --yes",
    "upwell rollout promote ro_0000000000000007 --skip-soak --yes",
)  # fmt: skip
def promote(
    at: At,
    rollout: RolloutId,
    wave: Annotated[int | None, typer.Option(min=1, help="The wave that is meant; else the next one.")] = None,
    skip_soak: Annotated[
        bool, typer.Option("--skip-soak", help="Only without its soak: the rest of its rule holds.")
    ] = False,
    reason: Reason = None,
    yes: Yes = False,
) -> None:
    """Open the next wave, whatever its rule still waits for."""
    found = at.client.show_rollout(rollout)
    following: Any = next_wave(found) or {}
    meant = wave if wave is not None else following.get("wave")
    size = of(following["size"], "device") if following.get("size") is not None else "its devices"
    if following and meant == following["wave"]:
        waits = found.get("happens_next", "")
        how = "no longer waits for the soak before" if skip_soak else "opens"
        at.sure(f"This {how} wave {meant} of {rollout}, {size} more. {waits}".rstrip(), yes)
    done = at.client.promote_rollout(rollout, wave=meant, skip_soak=skip_soak or None, reason=reason)
    now_open = next((each["wave"] for each in done.get("waves", ()) if each["status"] == "open"), None)
    at.one(done, ("id", rollout), ("open wave", now_open))
    at.say(f"\nNext: upwell rollout watch {rollout}")


@verb(app, "decisions", "upwell rollout decisions ro_0000000000000007")
def decisions(at: At, rollout: RolloutId, limit: Limit = LIST_MAX, every: Every = False) -> None:
    """Show what was decided of a rollout, newest first: waves opened, pauses, halts; by whom, and on which numbers."""
    at.pages(DECISIONS, at.client.list_rollout_decisions(rollout), "nothing was decided yet", limit, every)


@verb(
    app, "cancel", "upwell rollout cancel ro_0000000000000007 --yes",
    "upwell rollout cancel ro_0000000000000007 --from-version 1.0 --yes",
)  # fmt: skip
def cancel(
    at: At, rollout: RolloutId,
    from_version: Annotated[str | None, typer.Option(metavar="VERSION", help="Leave out only those that wait and come"
                                                       " from it.")] = None,
    yes: Yes = False,
) -> None:  # fmt: skip
    """Cancel what has not ended: from then on nothing is offered any more. A dynamic one takes no new devices."""
    if from_version is not None:
        _leave_out(at, rollout, from_version, yes)
        return
    found = at.client.show_rollout(rollout)
    at.sure(f"This cancels the tasks of {of(open_tasks(found), 'device')} of {rollout}.", yes)
    if found["kind"] == "dynamic" and found["status"] in ("planned", "in_progress"):
        at.client.end_rollout(rollout)
    done = at.client.cancel_rollout(rollout)
    at.one(done, ("cancelled", number(done["changed"])))


def _leave_out(at: At, rollout: str, from_version: str, yes: bool) -> None:
    waits = at.client.count_waiting(rollout, from_version=from_version)
    least = "" if waits["whole"] else "at least "
    at.sure(f"This leaves out {least}{of(waits['devices'], 'device')} of {rollout} that wait on {from_version}.", yes)
    meant = waits["devices"] if waits["whole"] else None
    done = at.client.cancel_rollout(rollout, from_version=from_version, devices=meant)
    at.one(done, ("left out", number(done["changed"])))


ROLLBACK: tuple[Column, ...] = (
    ("to", lambda p: p.get("source_version") or "unknown"), ("devices", lambda p: p["devices"]),
    ("module", member("module")), ("by", member("package_id")),
    ("not possible", lambda p: p.get("not_possible", "").replace("_", " ") or None), ("rollout", member("rollout_id")),
)  # fmt: skip


@verb(
    app, "rollback", "upwell rollout rollback ro_0000000000000007",
    'upwell rollout rollback ro_0000000000000007 --yes --reason "it overheats"',
)  # fmt: skip
def rollback(
    at: At,
    rollout: RolloutId,
    reason: Annotated[str | None, typer.Option(help="Kept with the decision.")] = None,
    yes: Yes = False,
) -> None:
    """Bring devices back to what they ran before a rollout, those that it succeeded on: by a rollout for each version
    of which there is a package. What can't be brought back is told before."""
    told = at.client.plan_rollback(rollout)
    while told["status"] == "counting":
        time.sleep(0.5)
        told = at.client.show_rollback(rollout)
    if not (yes or at.as_json):
        at.many(ROLLBACK, told["parts"], "the rollout has succeeded on no device")
    if not told["devices"]:
        raise Ended(Exit.REFUSED, "upwell: no device can be brought back")
    at.sure(f"This brings {of(told['devices'], 'device')} of {rollout} back to what they ran before.", yes)
    done = at.client.start_rollback(rollout, devices=told["devices"], reason=reason)
    if at.as_json:
        at.one(done)
    else:
        at.many(ROLLBACK, done["parts"], "")


@verb(
    app, "confirm", "upwell rollout confirm ro_0000000000000007 --all --yes",
    "upwell rollout confirm ro_0000000000000007 --task tsk_…",
)  # fmt: skip
def confirm_(
    at: At, rollout: RolloutId, task: TaskIds = None,
    all_: Annotated[bool, typer.Option("--all", help="All that wait.")] = False, yes: Yes = False,
) -> None:  # fmt: skip
    """Let devices go on that wait for confirmation."""
    _said_which(task, all_)
    waiting = counts(at.client.show_rollout(rollout)).get("confirm", 0) if all_ else len(set(task or ()))
    at.sure(f"This lets {of(waiting, 'device')} of {rollout} go on.", yes or not all_)
    done = at.client.confirm_tasks(rollout, all=True if all_ else None, task_ids=task or None)
    at.one(done, ("confirmed", number(done["changed"])))


@verb(
    app, "retry", "upwell rollout retry ro_0000000000000007 --all --yes",
    "upwell rollout retry ro_0000000000000007 --task tsk_…",
    "upwell rollout retry ro_0000000000000007 --failure fail_0000000000000007 --yes",
)  # fmt: skip
def retry(
    at: At, rollout: RolloutId, task: TaskIds = None,
    failure: Annotated[str | None, typer.Option(metavar="FAILURE", help="Those that failed so; its id is in"
                                                " `rollout why-failed --json`.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that failed.")] = False, yes: Yes = False,
) -> None:  # fmt: skip
    """Have devices try again that failed."""
    _said_which(task, all_, failure)
    failed = _failed(at, rollout, failure) if all_ or failure else len(set(task or ()))
    at.sure(f"This has {of(failed, 'device')} of {rollout} try again.", yes or bool(task))
    done = at.client.retry_tasks(rollout, all=True if all_ else None, task_ids=task or None, failure_id=failure)
    at.one(done, ("again", number(done["changed"])))
    at.say(f"\nNext: upwell rollout watch {rollout}")


def _failed(at: At, rollout: str, failure: str | None) -> int:
    """How many failed, or failed so."""
    if failure is None:
        return counts(at.client.show_rollout(rollout)).get("failed", 0)
    return next((each["count"] for each in at.client.list_rollout_failures(rollout) if each.get("id") == failure), 0)


def _said_which(task: list[str] | None, all_: bool, failure: str | None = None) -> None:
    said = [bool(task), all_, failure is not None].count(True)
    if said != 1:
        how = "two options say which" if said else "nothing says which"
        raise Ended(Exit.USAGE, f"upwell: {how} tasks", "  try: --all, or --task TASK as `rollout tasks --json` has it")
