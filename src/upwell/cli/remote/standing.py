"""Where a rollout stands, and who does what next."""

from typing import Any

from upwell.cli.telling import Column, member, minute, number, of
from upwell.client.shapes import CountedRollout

GUARD = "guard"  # who pauses what fails too much
CLOSED = ("succeeded", "failed", "canceled")
WAVES: tuple[Column, ...] = (
    ("wave", member("wave")), ("", member("status")),
    ("devices", lambda w: number(w["size"]) if "size" in w else share(w)),
    ("offered", lambda w: number(w["offered"]) if "offered" in w else ""),
    ("fine", lambda w: number(w["fine"]) if "fine" in w else ""),
    ("failed", lambda w: number(w["failed"]) if "failed" in w else ""),
    ("opened by", lambda w: _opened(w)),
)  # fmt: skip


def open_tasks(rollout: CountedRollout) -> int:
    """Those that have not ended."""
    return sum(count for state, count in counts(rollout).items() if state not in (*CLOSED, "total"))


def counts(rollout: CountedRollout) -> dict[str, int]:
    """How many tasks are in each state."""
    return dict(rollout["tasks"])  # type: ignore[arg-type]


def waves(rollout: Any) -> list[Any]:
    """Its waves, where it has more than one, each with `after_min`: the soak of the one before."""
    found = rollout.get("waves", [])
    soaks = [0, *(each.get("soak_min", 0) for each in found)]
    return [each | {"after_min": soak} for each, soak in zip(found, soaks, strict=False)] if len(found) > 1 else []


def share(wave: Any) -> str:
    """How large a wave is that no devices were dealt to yet."""
    return f"{wave['percent']:g} %" if "percent" in wave else number(wave["count"]) if "count" in wave else ""


def next_wave(rollout: Any) -> Any | None:
    """The wave that opens next; None where none does."""
    return next((each for each in waves(rollout) if each["status"] == "waiting"), None)


def open_wave(rollout: Any) -> int:
    """The last wave that is open; 0 where none is, or there is one alone."""
    return max((each["wave"] for each in waves(rollout) if each["status"] != "waiting"), default=0)


def _opened(wave: Any) -> str:
    """When and by whom; of one that waits, after which soak of the one before."""
    if wave.get("opened_at"):
        return f"{minute(wave['opened_at'])[5:]} {wave['opened_by']}"
    return f"after {wave['after_min']} min of soak" if wave.get("after_min") else ""


def evidence(rollout: Any) -> str:
    """What the guard of a rollout has seen, in a sentence; nothing where there is none."""
    seen = rollout.get("evidence")
    if seen is None:
        return ""
    if not seen["offered"]:
        return "Guard: nothing was offered yet."
    low, high = seen["failed_percent"]
    rate = f" ({low:g} to {high:g} %)" if seen["failed"] else ""
    told = f"Guard: {number(seen['failed'])} of {number(seen['offered'])} offered failed{rate}"
    if rollout.get("paused", {}).get("by") == GUARD:
        return told + "."
    return f"{told}; {number(seen['halts_at'])} halt it, or fewer early ones."


def unoffered(rollout: CountedRollout) -> int:
    """Devices that an offer of it is still to be sent to, those of waves that are not open among them."""
    return sum(counts(rollout).get(state, 0) for state in ("confirm", "queued"))


def kept_back(rollout: Any) -> str:
    """Since when nothing of it is offered, by whom and why; nothing where it goes on."""
    paused = rollout.get("paused")
    if paused is None:
        return ""
    by = "halted by its guard" if paused["by"] == GUARD else f"paused by {paused['by']}"
    return f"{by}, {minute(paused['at'])}" + (f": {paused['reason']}" if paused.get("reason") else "")


def approval(found: Any) -> str | None:
    """How its approval stands, of which revision, made by whom."""
    told = found.get("approval")
    if told is None:
        return None
    made = f"revision {told['revision']} by {', '.join(told['makers'])}"
    if told["status"] == "awaiting":
        return f"awaiting, {made}, since {minute(told['asked_at'])}"
    remark = f": {told['remark']}" if told.get("remark") else ""
    return f"{told['status']} by {told['decided_by']}, {minute(told['decided_at'])}{remark} ({made})"


def next_of(rollout: CountedRollout) -> str:
    """What comes next of a rollout, and who does it."""
    told, where = counts(rollout), rollout["id"]
    if rollout["status"] == "awaiting_approval":
        return f"Next: somebody else approves it: upwell rollout approve {where}"
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
