"""How fast a job may offer: a budget of offers in any window of 60 seconds (law L4), which may grow, and how many
devices it may have at work at once.

An allowance is granted first and used at once: an offer leaves within SEND_WITHIN_S of its grant or not at all.
Counting grants over WINDOW_S = 60 + SEND_WITHIN_S therefore bounds what leaves in any 60 seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from heapq import heapify, heappop, heappush

MINUTE_S = 60
SEND_WITHIN_S = 2
WINDOW_S = MINUTE_S + SEND_WITHIN_S
FACTOR = (Decimal("1.1"), Decimal(5))  # rollouts 1.1.2: the least and the most that a pace grows at once
AT_ONCE_MAX = 1000  # devices at work; so many rows are looked at in one transaction

# alibaba 2.2 [seed]: 0 is allowed and its meaning is nowhere stated; here it holds the job: nothing is offered.


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A pace that begins at `base_per_min` and is `factor` times as fast each time that `each_offered` more devices
    were offered, or `each_succeeded` more have succeeded, whichever has come more often (rollouts 1.1.3). Only devices
    that succeeded are evidence; those that were offered are a clock (rollouts 1.1.4)."""

    base_per_min: int
    factor: Decimal
    each_offered: int | None = None
    each_succeeded: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a job goes beside its maximum a minute: growing towards it, and with at most `at_once` devices that were
    told and have not ended, whose downloads have `bytes_per_s` together. None is as any job."""

    growth: Growth | None = None
    at_once: int | None = None
    bytes_per_s: int | None = None


def allowance(maximum_per_min: int, granted_in_window: int, wanted: int) -> int:
    """How many offers a job may make now."""
    return max(0, min(wanted, maximum_per_min - granted_in_window))


def shared(
    maximum: int, spent: int, wanted: Mapping[int, int], spent_by: Mapping[int, int], others: int
) -> dict[int, int]:  # fmt: skip
    """How many offers each of these jobs may make now of what a limit over them leaves, one for one to whichever has
    made the fewest in this window, the oldest first where these are as many. While `others` that were kept back are
    not here, none of these gets more than an equal part, so that something is left for them."""
    left = max(0, maximum - spent)
    part = -(-maximum // (len(wanted) + others)) if others else maximum
    given = dict.fromkeys(wanted, 0)
    queue = [(spent_by.get(job, 0), job) for job, n in wanted.items() if n]
    heapify(queue)
    while queue and left:
        made, job = heappop(queue)
        if made >= part and others:
            continue
        given[job], left = given[job] + 1, left - 1
        if given[job] < wanted[job]:
            heappush(queue, (made + 1, job))
    return given


def per_min(growth: Growth, maximum_per_min: int, offered: int, succeeded: int) -> int:
    """How many a minute it is once so many devices were offered and so many have succeeded; never over the maximum."""
    steps = max(
        offered // growth.each_offered if growth.each_offered else 0,
        succeeded // growth.each_succeeded if growth.each_succeeded else 0,
    )
    if growth.base_per_min >= maximum_per_min:
        return maximum_per_min
    rate = Decimal(growth.base_per_min)
    for _ in range(steps):
        rate *= growth.factor
        if rate >= maximum_per_min:
            return maximum_per_min
    return int(rate.to_integral_value(ROUND_FLOOR))


def problem(growth: Growth) -> tuple[str, str] | None:
    """What is wrong with a pace that an owner says: which member, and what it must be."""
    if not FACTOR[0] <= growth.factor <= FACTOR[1]:
        return "factor", f"from {FACTOR[0]} to {FACTOR[1]}"
    if growth.each_offered is None and growth.each_succeeded is None:
        return "each_succeeded", "there, or each_offered: nothing says when it grows"
    return None
