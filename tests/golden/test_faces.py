"""Devices of each kind are sent what they were sent when it was recorded."""

import pytest
from tests.golden.book import differences, names
from tests.golden.faces_stage import open_stage


@pytest.mark.timeout(600)  # seconds of waits on a busy machine
@pytest.mark.parametrize("chapter", names("faces"))
def test_every_message_is_as_it_was_recorded(chapter: str) -> None:
    found = differences("faces", open_stage, chapter)
    assert not found, f"{len(found)} answers differ\n" + "\n".join(found[:20])
