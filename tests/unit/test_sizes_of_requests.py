"""What a form may be before its signature holds, and what a refusal says back."""

import asyncio
import json
import threading
from collections.abc import Mapping
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects import sizes
from upwell.dialects.alibaba.management import OPERATIONS as ALIBABA
from upwell.dialects.operations import Operation
from upwell.dialects.rpc import first_fields
from upwell.dialects.tuya.management import OPERATIONS as TUYA
from upwell.doors.management.beside import SMALL_BYTES, Beside


@given(st.text(max_size=5000) | st.text('\x00\x01"<&\u4e2d', max_size=5000), st.integers(20, 3000))
def test_what_is_said_back_is_bounded_as_it_is_written(text: str, most: int) -> None:
    said = sizes.bounded(text, most)
    assert len(json.dumps(said)) - 2 <= most and len(escape(said).encode()) <= most
    assert said == text or (said.endswith("...") and text.startswith(said[:-3]))
    if max(len(json.dumps(text)) - 2, len(escape(text).encode())) <= most:
        assert said == text


@pytest.mark.parametrize("operations", [ALIBABA, TUYA])
def test_a_form_may_hold_what_its_operation_takes(operations: Mapping[str, Operation]) -> None:
    assert sizes.form_bytes_max(operations, "Nothing") == sizes.FORM_BYTES
    for name, operation in operations.items():
        values = sum(each.most * max(1, len(each.members)) for each in operation.params if each.kind == "list")
        longest = "&".join(f"Parameter.{n}.Member=" + "%E4%B8%AD" * 64 for n in range(values))
        assert len(longest) + sizes.FORM_BYTES // 2 <= sizes.form_bytes_max(operations, name), name
        assert values < sizes.form_fields_max(operations, name)


def test_who_asks_for_what_is_found_in_a_form_that_is_not_taken_apart() -> None:
    form = b"Name.1=Action=no&xAction=no&Action=Do%20it&Action=second&AccessKeyId=key"
    assert first_fields(form) == [("Action", "Do it"), ("AccessKeyId", "key")]
    assert first_fields(b"Action=a") == [("Action", "a")]
    assert first_fields(b"Action=" + b"x" * 300 + b"&AccessKeyID=k") == [("AccessKeyID", "k")]
    assert first_fields(b"") == first_fields(b"&&=&Actions=1") == []


async def test_what_is_large_is_done_beside_the_loop_and_one_at_a_time() -> None:
    beside, at_work, most = Beside(), 0, 0
    free = threading.Event()

    def work() -> int:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        free.wait(10)
        at_work -= 1
        return threading.get_ident()

    here = threading.get_ident()
    large = [asyncio.create_task(beside.done(SMALL_BYTES + 1, work)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert await beside.done(SMALL_BYTES, threading.get_ident) == here, "the loop goes on"
    free.set()
    assert here not in await asyncio.gather(*large) and most == 1
