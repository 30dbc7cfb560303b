"""Alibaba's management API answers as it did when it was recorded."""

import pytest
from tests.golden.alibaba_stage import open_stage
from tests.golden.book import differences, names


@pytest.mark.timeout(400)  # a thousand requests, on a machine that may be busy
@pytest.mark.parametrize("chapter", names("alibaba"))
def test_every_answer_is_as_it_was_recorded(chapter: str) -> None:
    found = differences("alibaba", open_stage, chapter)
    assert not found, f"{len(found)} answers differ\n" + "\n".join(found[:20])
