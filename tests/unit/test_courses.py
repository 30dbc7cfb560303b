"""How much of a rollout's course is told."""

import itertools
from datetime import UTC, datetime, timedelta

from upwell.domain import commands as c
from upwell.service.manage.job_course import TOLD_MAX, thinned

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def looks(n: int) -> list[c.Look]:
    return [
        c.Look(at=BEGAN + timedelta(seconds=at), waiting=0, at_work=0, succeeded=at, failed=0, canceled=0)
        for at in range(n)
    ]


def test_of_many_looks_some_are_told_evenly_and_the_last_always() -> None:
    for n in (0, 1, TOLD_MAX, TOLD_MAX + 1, 777, 1000):
        told = thinned(looks(n))
        assert len(told) <= TOLD_MAX and len(told) >= min(n, TOLD_MAX // 2)
        assert told[-1:] == tuple(looks(n)[-1:]) and [each.at for each in told] == sorted(each.at for each in told)
        gaps = {after.succeeded - before.succeeded for before, after in itertools.pairwise(told)}
        assert len(gaps) <= 1, "evenly"
