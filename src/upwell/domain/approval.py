"""A rollout's approval: whether it wants one, how that stands, and who may give it (rollouts 1.2.11).

Holds: nobody approves what he made or changed himself; whatever is changed of an approved rollout is approved anew;
what was refused stays so. Refuses to guess: of which nobody can say how many devices it will have is a large one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Which rollouts want a person's approval: those with more than `over` devices, unless it is not `required`."""

    required: bool = True
    over: int = 0


class Stands(StrEnum):
    """How the approval of a rollout that wants one stands."""

    AWAITING = "awaiting"
    APPROVED = "approved"
    REFUSED = "refused"


class Step(StrEnum):
    """What happens to it."""

    EDIT = "edit"
    APPROVE = "approve"
    REFUSE = "refuse"


STEPS: dict[tuple[Stands, Step], Stands] = {
    (Stands.AWAITING, Step.EDIT): Stands.AWAITING,
    (Stands.AWAITING, Step.APPROVE): Stands.APPROVED,
    (Stands.AWAITING, Step.REFUSE): Stands.REFUSED,
    (Stands.APPROVED, Step.EDIT): Stands.AWAITING,
}
"""What is not here can't happen."""


def is_wanted(rule: Approval | None, devices: int | None) -> bool:
    """Whether a rollout to so many devices wants approval; None: nobody knows yet how many these will be."""
    return rule is not None and rule.required and (devices is None or devices > rule.over)


def strictest(own: Approval | None, default: Approval | None) -> Approval | None:
    """What holds of what a rollout says itself and what it would be without: it may ask for more, not for less."""
    wanted = [rule for rule in (own, default) if rule is not None and rule.required]
    return min(wanted, key=lambda rule: rule.over, default=None)


def makers_after(step: Step, stands: Stands, makers: Collection[str], who: str) -> list[str]:
    """Who made the present revision, once `who` has done that: the maker, who is first, and whoever changed it since it
    was approved."""
    if step is not Step.EDIT:
        return list(makers)
    since = list(makers)[:1] if stands is Stands.APPROVED else list(makers)
    return list(dict.fromkeys([*since, who]))
