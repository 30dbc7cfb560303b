"""Tuya's management API answers as it did when it was recorded."""

from tests.golden.book import differences
from tests.golden.tuya_stage import open_stage


def test_every_answer_is_as_it_was_recorded() -> None:
    found = differences("tuya", open_stage)
    assert not found, f"{len(found)} answers differ\n" + "\n".join(found[:20])
