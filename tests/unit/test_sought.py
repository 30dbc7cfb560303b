"""What a device is known by, found in texts and replaced (ADR 0068)."""

from uuid import UUID

import pytest

from upwell.domain.erasing import Sought
from upwell.domain.fleet import device_id, iot_id

DEVICE, NEW = device_id("pk1", "lamp-1"), UUID(int=7)
SOUGHT = Sought(device=DEVICE, pseudonym=NEW, word="erased-7", sure=("pk1_lamp-1",), names=("lamp-1",))


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


@pytest.mark.parametrize("name", ["a", "hall", "1234567", "ein"])
def test_a_name_that_could_be_any_word_is_replaced_where_devices_are_named_alone(name: str) -> None:
    sought = Sought(device=DEVICE, pseudonym=NEW, word="erased-7", sure=(), names=(name,))
    said = {"names": [name, f"{name} b"], "room": name, "conditions": [{"values": [name]}], "text": f"in {name} it is"}
    assert sought.cleaned(said, own=True) == said | {"names": ["erased-7", f"{name} b"]}
    assert sought.is_alike(said["text"]) and sought.is_alike([name]) and not sought.is_alike(f"{name}x")
    assert sought.cleaned([name], own=True) == [name] and sought.cleaned([name], own=True, named=True) == ["erased-7"]


def test_product_key_and_name_of_another_device_that_begin_so_are_left() -> None:
    said = ["pk1_lamp-10", "pk1/lamp-1x", "xpk1_lamp-1", "pk1_lamp-1.b"]
    assert SOUGHT.cleaned(said, own=False) == said and not any(map(SOUGHT.is_surely_in, said))


def test_an_object_about_it_loses_what_is_personal() -> None:
    one = {"device": {"name": "lamp-1", "product_key": "pk1"}, "nickname": "Ann's", "tags": {}}
    other = {"device": {"name": "lamp-2"}, "nickname": "Bob's"}
    assert SOUGHT.cleaned([one, other], own=True) == [
        {"device": {"name": "erased-7", "product_key": "pk1"}, "nickname": "erased-7", "tags": {}},
        other,
    ]
    assert SOUGHT.cleaned({"n": 1, "id": str(DEVICE)}, own=False) == {"n": 1, "id": str(NEW)}


def test_a_word_of_ours_is_left_and_a_sentence_is_not() -> None:
    said = {"module": "lamp-1", "name": "lamp-1", "version": "of lamp-1"}
    assert SOUGHT.cleaned(said, own=True) == {"module": "lamp-1", "name": "erased-7", "version": "of erased-7"}
