"""Where a rollout stands, and who does what next."""

from typing import Any

from upwell.cli.telling import Column, member, minute, number, of
from upwell.client.shapes import CountedRollout

CLOSED = ("succeeded", "failed", "canceled")
WAVES: tuple[Column, ...] = (
    ("wave", member("wave")), ("", member("status")),
    ("devices", lambda w: number(w["size"]) if "size" in w else share(w)),
    ("fine", lambda w: number(w["fine"]) if "fine" in w else ""),
    ("failed", lambda w: number(w["failed"]) if "failed" in w else ""),
    ("open", lambda w: number(w["open"]) if "open" in w else ""),
    ("soak", lambda w: f"{w['soak_min']} min" if w.get("soak_min") else ""),
    ("opened", lambda w: f"{minute(w['opened_at'])} by {w['opened_by']}" if w.get("opened_at") else ""),
)  # fmt: skip


def open_tasks(rollout: CountedRollout) -> int:
    """Those that have not ended."""
    return sum(count for state, count in counts(rollout).items() if state not in (*CLOSED, "total"))


def counts(rollout: CountedRollout) -> dict[str, int]:
    """How many tasks are in each state."""
    return dict(rollout["tasks"])  # type: ignore[arg-type]


def waves(rollout: Any) -> list[Any]:
    """Its waves, where it has more than one."""
    found = rollout.get("waves", [])
    return found if len(found) > 1 else []


def share(wave: Any) -> str:
    """How large a wave is that no devices were dealt to yet."""
    return f"{wave['percent']:g} %" if "percent" in wave else number(wave["count"]) if "count" in wave else ""


def next_wave(rollout: Any) -> Any | None:
    """The wave that opens next; None where none does."""
    return next((each for each in waves(rollout) if each["status"] == "waiting"), None)


def unoffered(rollout: CountedRollout) -> int:
    """Devices that an offer of it is still to be sent to, those of waves that are not open among them."""
    return sum(counts(rollout).get(state, 0) for state in ("confirm", "queued"))


def kept_back(rollout: Any) -> str:
    """Since when nothing of it is offered, by whom and why; nothing where it goes on."""
    paused = rollout.get("paused")
    if paused is None:
        return ""
    halted = paused["by"] == "guard"
    by = "halted by its guard" if halted else f"paused by {paused['by']}"
    return f"{by}, {minute(paused['at'])}" + (f": {paused['reason']}" if paused.get("reason") else "")


def next_of(rollout: CountedRollout) -> str:
    """What comes next of a rollout, and who does it."""
    told, where = counts(rollout), rollout["id"]
    if rollout.get("paused") and open_tasks(rollout):
        return (
            f"Next: nothing is offered to {of(unoffered(rollout), 'device')} until: upwell rollout resume {where},"
            f" or upwell rollout cancel {where}"
        )
    if waiting := told.get("confirm", 0):
        return f"Next: {of(waiting, 'device')} wait for you: upwell rollout confirm {where} --all"
    if left := open_tasks(rollout):
        return f"Next: {of(left, 'device')} left: upwell rollout watch {where}"
    if failed := told.get("failed", 0):
        return f"Next: {of(failed, 'device')} failed: upwell rollout why-failed {where}"
    return "Next: nothing, all has ended." if told.get("total") else "Next: its tasks are being made."
