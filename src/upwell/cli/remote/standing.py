"""Where a rollout stands, and who does what next."""

from upwell.cli.telling import of
from upwell.client.shapes import CountedRollout

CLOSED = ("succeeded", "failed", "canceled")


def open_tasks(rollout: CountedRollout) -> int:
    """Those that have not ended."""
    return sum(count for state, count in counts(rollout).items() if state not in (*CLOSED, "total"))


def counts(rollout: CountedRollout) -> dict[str, int]:
    """How many tasks are in each state."""
    return dict(rollout["tasks"])  # type: ignore[arg-type]


def next_of(rollout: CountedRollout) -> str:
    """What comes next of a rollout, and who does it."""
    told, where = counts(rollout), rollout["id"]
    if rollout["status"] == "awaiting_approval":
        return f"Next: somebody else approves it: upwell rollout approve {where}"
    if waiting := told.get("confirm", 0):
        return f"Next: {of(waiting, 'device')} wait for you: upwell rollout confirm {where} --all"
    if left := open_tasks(rollout):
        return f"Next: {of(left, 'device')} left: upwell rollout watch {where}"
    if failed := told.get("failed", 0):
        return f"Next: {of(failed, 'device')} failed: upwell rollout why-failed {where}"
    return "Next: nothing, all has ended." if told.get("total") else "Next: its tasks are being made."
