"""What a device is known by, found in texts and replaced (ADR 0068)."""

from uuid import UUID

import pytest

from upwell.domain.erasing import Sought
from upwell.domain.fleet import device_id, iot_id

DEVICE, NEW = device_id("pk1", "lamp-1"), UUID(int=7)
SOUGHT = Sought(device=DEVICE, pseudonym=NEW, word="erased-7", sure=("pk1_lamp-1",), names=("lamp-1", "a"))


@pytest.mark.parametrize(
    "said",
    [str(DEVICE).upper(), DEVICE.hex, f"device {DEVICE}", iot_id(DEVICE, "abcdefgh"), "see pk1_lamp-1, please"],
)
def test_what_means_it_alone_is_found_whosever_the_text_is(said: str) -> None:
    assert SOUGHT.is_surely_in(said) and SOUGHT.is_in(said, own=False)
    assert not SOUGHT.is_surely_in(str(SOUGHT.cleaned(said, own=False)))
    assert any(needle in said for needle in SOUGHT.needles())


@pytest.mark.parametrize("said", ["lamp-1", "the lamp-1.", "lamp-1: it burns", "topic/lamp-1/x", "lamp-1&pk1"])
def test_a_name_is_found_where_the_text_may_speak_of_it(said: str) -> None:
    assert SOUGHT.cleaned(said, own=True) == said.replace("lamp-1", "erased-7")
    assert SOUGHT.cleaned(said, own=False) == said


@pytest.mark.parametrize("said", ["lamp-10", "lamp-1-b", "blamp-1", "lamp-1.5", "other_lamp-1", "pk2_lamp-1", "a b"])
def test_another_ones_name_is_left(said: str) -> None:
    assert SOUGHT.cleaned(said, own=True) == said


def test_a_short_name_is_found_as_a_whole_text() -> None:
    assert SOUGHT.cleaned(["a", "a b"], own=True) == ["erased-7", "a b"]


def test_an_object_about_it_loses_what_is_personal() -> None:
    one = {"device": {"name": "lamp-1", "product_key": "pk1"}, "nickname": "Ann's", "tags": {}}
    other = {"device": {"name": "lamp-2"}, "nickname": "Bob's"}
    assert SOUGHT.cleaned([one, other], own=True) == [
        {"device": {"name": "erased-7", "product_key": "pk1"}, "nickname": "erased-7", "tags": {}},
        other,
    ]
    assert SOUGHT.cleaned({"n": 1, "id": str(DEVICE)}, own=False) == {"n": 1, "id": str(NEW)}


def test_a_word_of_ours_is_left_and_a_sentence_is_not() -> None:
    sought = Sought(device=DEVICE, pseudonym=NEW, word="erased-7", sure=(), names=("default",))
    said = {"module": "default", "name": "default", "version": "of default"}
    assert sought.cleaned(said, own=True) == {"module": "default", "name": "erased-7", "version": "of erased-7"}
