"""Alibaba's management API answers as it did when it was recorded."""

from tests.golden.alibaba_stage import open_stage
from tests.golden.book import differences


def test_every_answer_is_as_it_was_recorded() -> None:
    found = differences("alibaba", open_stage)
    assert not found, f"{len(found)} answers differ\n" + "\n".join(found[:20])
