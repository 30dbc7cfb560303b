"""Public ids and page tokens of Alibaba's dialect read back, and read as nothing when they are not ours."""

from collections.abc import Callable
from uuid import UUID

import pytest
from tests.unit.alibaba_views import DEVICE_ID, TASK

from upwell.dialects.alibaba import names
from upwell.domain.errors import NotFound
from upwell.domain.talk import TaskRef

KINDS: list[tuple[Callable[[int], str], Callable[[str], int]]] = [
    (names.firmware_id, names.read_firmware_id),
    (names.job_id, names.read_job_id),
    (names.group_id, names.read_group_id),
]
NUMBERS = [0, 1, 7, 2**40, 2**63 - 1]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_ids_read_back_and_know_their_kind(kind: int, number: int) -> None:
    write, read = KINDS[kind]
    text = write(number)
    assert text.isalnum() and 26 <= len(text) <= 32
    assert read(text) == number
    bad = [other(number) for place, (other, _) in enumerate(KINDS) if place != kind]
    bad += [text[:-1], text.swapcase(), "", "é" * 30, "z" * 26 + text[26:], text + "0"]
    bad += [text[:26] + tail for tail in ("0100", "010001", "0200") if not text.endswith(tail)]
    bad += [text[:at] + ("b" if text[at] == "a" else "a") + text[at + 1 :] for at in range(len(text))]
    for each in bad:
        with pytest.raises(NotFound):
            read(each)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_task_id_reads_back(number: int) -> None:
    ref = TaskRef(device_id=DEVICE_ID, job_id=number, nth=32767)
    assert names.read_task_id(names.task_id(ref)) == ref


@pytest.mark.parametrize("text", ["", "z" * 36, "-" * 36, TASK[:-1], TASK + "0"])
def test_no_task(text: str) -> None:
    with pytest.raises(NotFound):
        names.read_task_id(text)


@pytest.mark.parametrize("number", [1, 2, 1001, 2**31])
@pytest.mark.parametrize("device", [DEVICE_ID, UUID(int=0), UUID(int=2**128 - 1)])
def test_a_page_token_reads_back(device: UUID, number: int) -> None:
    token = names.page_token(device, number)
    assert token.isalnum()
    assert names.read_page_token(token) == (device, number)
    bad = [token[:-1], token + "0", "", "z" * 33, "é" * 33, f"{number:033d}"]
    bad += [token[:at] + ("b" if token[at] == "a" else "a") + token[at + 1 :] for at in range(len(token))]
    assert [names.read_page_token(text) for text in bad] == [None] * len(bad)
