"""Huawei's public ids, record numbers and the forms of times and pages."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.huawei import names, render
from upwell.domain import records
from upwell.domain.commands.lists import Page, Slice
from upwell.domain.errors import NotFound

NUMBERS = st.integers(0, 2**63 - 1)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(NUMBERS, NUMBERS)
def test_record_ids_sort_as_their_numbers(one: int, two: int) -> None:
    assert (names.record_id(one) < names.record_id(two)) == (one < two)
    assert names.read_marker(names.record_id(one)) == one
    assert names.read_task_id(names.task_id(one)) == one
    assert names.read_group_id(names.group_id(one)) == one


def test_a_record_id_is_24_hexadecimal_digits() -> None:
    assert names.record_id(0) == "0" * 24
    assert names.record_id(2**96 - 1) == names.MARKER_DEFAULT
    assert names.read_marker("F" * 24) is None


@given(NUMBERS)
def test_package_and_module_ids_lead_back_and_only_to_their_kind(number: int) -> None:
    package, module = names.package_id(number), names.module_id(number)
    assert len(package) == len(module) == 32
    assert names.read_package_id(package) == number
    assert names.read_module_id(module) == number
    for read, other in ((names.read_package_id, module), (names.read_module_id, package)):
        with pytest.raises(NotFound):
            read(other)


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 32, "0" * 33, "G" * 32, names.package_id(1).upper() + "A"])
def test_a_package_id_of_none_of_ours_is_not_found(text: str) -> None:
    with pytest.raises(NotFound) as caught:
        names.read_package_id(text)
    assert caught.value.kind == "package"


@pytest.mark.parametrize("text", ["", "0", "f" * 24, "8" + "0" * 15, "-" * 24])
def test_task_and_group_ids_of_none_of_ours_are_not_found(text: str) -> None:
    for read in (names.read_task_id, names.read_group_id):
        with pytest.raises(NotFound):
            read(text)


@given(MOMENTS, st.uuids(), MOMENTS, st.uuids())
def test_device_records_order_by_time_and_then_by_id(at: datetime, device: UUID, then: datetime, other: UUID) -> None:
    ours, theirs = records.device_record(at, device), records.device_record(then, other)
    assert 0 <= ours < 2**96
    if at != then:
        assert (ours < theirs) == (at < then)
    bound = records.device_bound(theirs)
    assert (ours < theirs) == ((at, device) < bound)  # what a list by key asks
    assert (records.target_record(device) < records.target_record(other)) == (
        device < records.target_bound(records.target_record(other))
    )


def test_any_marker_has_a_bound() -> None:
    for record in (0, 1, 2**63, 2**96 - 1):
        at, device = records.device_bound(record)
        assert at.tzinfo is UTC
        assert device >= UUID(int=0)


def test_times() -> None:
    at = datetime(2026, 6, 29, 17, 30, 15, 123999, tzinfo=UTC)
    east = at.astimezone(tz=datetime.now().astimezone().tzinfo)
    assert render.time(at) == render.time(east) == "20260629T173015Z"
    assert render.device_time(at) == "2026-06-29T17:30:15.123Z"
    assert render.time(None) is render.device_time(None) is None
    assert render.time(datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=1)) == "20260102T000001Z"


def test_pages() -> None:
    assert render.page(Page(asked=Slice(take=10), items=("x",), total=7, last=255)) == {
        "count": 7,
        "marker": "0" * 22 + "ff",
    }
    assert render.page(Page(asked=Slice(take=10), items=(), total=7, last=None)) == {"count": 7}


def test_bytes() -> None:
    assert render.json_bytes(None) == b""
    assert render.json_bytes({"a": "中/\ud800", "b": True, "n": 1}) == '{"a":"中/?","b":true,"n":1}'.encode()
    assert json.loads(render.json_bytes(render.failure("IOTDA.000006", "no"))) == {
        "error_code": "IOTDA.000006",
        "error_msg": "no",
    }
