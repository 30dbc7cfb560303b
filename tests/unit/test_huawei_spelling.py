"""Members of Huawei's bodies that are not understood: refused by the right name where ignoring them would mean more
devices, or sooner, and ignored where they are harmless."""

import json
import re
from collections.abc import Iterator
from typing import Any

import huaweicloudsdkiotda.v5 as sdk
import pytest
from tests.unit.test_huawei_limits import BASES, TASK_ID, decode, refused

from upwell.dialects.huawei import management
from upwell.dialects.json_members import command
from upwell.dialects.json_names import STRANGERS_MAX, refuse_misspelt
from upwell.dialects.operations import Param, Table
from upwell.domain import commands as c
from upwell.domain.errors import Invalid

CHANGING = {name: each for name, each in management.OPERATIONS.items() if each.role != "viewer"}
BATCH = BASES["CreateBatchTask"]


def members(table: Table, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Param, Table]]:
    """Every declared member with where it is."""
    for field in table:
        yield path, field, table
        yield from members(field.members, (*path, field.name + ("[]" if field.kind == "list" else "")))


def at(path: tuple[str, ...], member: dict[str, Any]) -> dict[str, Any]:
    for name in reversed(path):
        member = {name.removesuffix("[]"): [member] if name.endswith("[]") else member}
    return member


PLACES = [(name, *place) for name, each in CHANGING.items() for place in members(each.params)]


@pytest.mark.parametrize(("name", "path", "field", "table"), PLACES, ids=lambda value: getattr(value, "name", None))
def test_nearly_a_member_is_refused_by_the_right_name(
    name: str, path: tuple[str, ...], field: Param, table: Table
) -> None:
    """Issue 9, number 1: of every member of every operation that changes something, at its place."""
    words = field.name.split("_")
    near = {"".join([words[0], *(word.capitalize() for word in words[1:])]), field.name.upper(), field.name + "s"}
    near |= {field.name.removesuffix("s"), "-".join(words), f"{field.name}[0]", f"{field.name}.1"}
    if len(field.name) > 6:
        near |= {field.name[:3] + field.name[4:], field.name + "x"}
    for given in near - {row.name for row in table}:
        with pytest.raises(Invalid) as caught:
            refuse_misspelt(
                CHANGING[name].params,
                at(path, {given: None}),
                selects=CHANGING[name].selects,
                alike=CHANGING[name].alike,
            )
        meant = caught.value.field.rpartition(".")[2]
        assert meant == field.name or meant in {row.name for row in table}, given


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"target": ["d2"]}, "targets"),
        ({"Targets": ["d2"]}, "targets"),
        ({"targets": "d1"}, "targets"),
        ({"targets": []}, "targets"),
        ({"targets": [], "targets_filter": {"group_ids": ["0" * 24]}}, "targets"),
        ({"targets": {"0": "d1"}}, "targets"),
        ({"target_filter": {"group_ids": ["0" * 24]}}, "targets_filter"),
        ({"targetsFilter": {}}, "targets_filter"),
        ({"targets": None, "targets_filter": ["0" * 24]}, "targets_filter"),
        ({"targets": None, "targets_filter": {"group_id": ["0" * 24]}}, "targets_filter.group_ids"),
        ({"targets": None, "targets_filter": {"group_ids": "0" * 24}}, "targets_filter.group_ids"),
        ({"targets": None, "targets_filter": {"group_ids": ["0" * 24], "product_id": "p"}}, "targets_filter"),
        ({"targets": None, "targets_filter": {"group_ids": ["0" * 24], "targets": ["d1"]}}, "targets_filter"),
        ({"group_ids": ["0" * 24]}, "group_ids"),
        ({"device_id": "d1"}, "device_id"),
        ({"device_ids": ["d1"]}, "device_id"),
        ({"product_id": "p"}, "product_id"),
        ({"gateway_id": "g"}, "gateway_id"),
        ({"appId": "a"}, "app_id"),
        ({"app_id": 7}, "app_id"),
        ({"schedule_time": "20300101T000000Z"}, "schedule_time"),
        ({"retry_count": 3}, "retry_count"),
        ({"task_policy": {"scheduleTime": "20300101T000000Z"}}, "task_policy.schedule_time"),
        ({"task_policy": {"retry_count": "1", "retry_interval": 1}}, "task_policy.retry_count"),
        ({"task_policy": {"rate": 5}}, "task_policy"),
        ({"task_policy": []}, "task_policy"),
        ({"need_confirm": "true"}, "need_confirm"),
        ({"needConfirm": True}, "need_confirm"),
        ({"document": {"packageIds": ["0" * 32]}}, "document.package_ids"),
        ({"document": {"package_ids": ["0" * 32], "package_id": "1" * 32}}, "document.package_id"),
        ({"document": ["0" * 32]}, "document"),
        ({"package_ids": ["0" * 32]}, "package_ids"),
        ({"source_version": "1.0"}, "source_version"),
        ({"fw_version": "1.0"}, "fw_version"),
        ({"policy": {"schedule_time": "20300101T000000Z"}}, "policy"),
        ({"confirm": True}, "confirm"),
        ({"tags": [{"tag_key": "a", "tag_value": "b"}]}, "tags"),
        ({"document": {"package_ids": ["0" * 32], "source_versions": ["1.0"]}}, "document.source_versions"),
    ],
)
def test_a_batch_task_that_is_not_understood_is_refused(change: dict[str, Any], named: str) -> None:
    """Issue 9, number 1."""
    error = refused("CreateBatchTask", BATCH | change)
    assert getattr(error, "field", "") == named, error


def test_harmless_members_stay_ignored() -> None:
    """Issue 9, number 1: a null says nothing, and what nobody knows means nothing."""
    more = {"comment": "x", "owner": {"targets": []}, "targets_filter": None, "task_policy": None, "status": "Success"}
    assert decode("CreateBatchTask", BATCH | more) == decode("CreateBatchTask", BATCH)
    body = json.dumps(BATCH)[:-1].encode()
    whole = command(
        management.OPERATIONS["CreateBatchTask"],
        {},
        (),
        body + b', "x": 1, "task_name": "' + BATCH["task_name"].encode() + b'"}',
    )
    assert whole == decode("CreateBatchTask", BATCH)


@pytest.mark.parametrize("name", ["StopBatchTask", "RetryBatchTask", "ConfirmBatchTask"])
@pytest.mark.parametrize(
    "body",
    [
        {"target": ["d"]}, {"Targets": ["d"]}, {"device_ids": ["d"]}, {"targets": "d"}, {"targets": []},
        {"targets": None}, {"group_ids": ["g"]}, {"targets_filter": {"group_ids": ["g"]}}, {"target_ids": ["d"]},
        {"status": "Fail"}, {"task_detail_status": "Fail"},
    ],
)  # fmt: skip
def test_a_named_target_is_never_all(name: str, body: dict[str, Any]) -> None:
    """Issue 9, number 1: without `targets` these act on all subtasks. A null is what Go makes of a nil slice."""
    operation = management.OPERATIONS[name]
    with pytest.raises(Invalid):
        command(operation, {"task_id": TASK_ID}, (), json.dumps(body).encode())
    with pytest.raises(Invalid) as caught:
        command(operation, {"task_id": TASK_ID}, (("targets", "d"),), b"")
    assert caught.value.field == "targets"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"source_versions": ["1.0"]}, "source_versions"),
        ({"supported_version": "1.0"}, "supported_version"),
        ({"sign": "0" * 64}, "sign"),
    ],
)
def test_a_package_for_other_devices_than_was_meant_is_refused(more: dict[str, Any], named: str) -> None:
    """Issue 9, number 1: without support_source_versions a package suits every version."""
    assert getattr(refused("CreateOtaPackage", BASES["CreateOtaPackage"] | more), "field", "") == named


def test_a_member_that_is_there_twice_has_one_value() -> None:
    """Issue 9, number 1: parsers differ in which of two counts."""
    whole = json.dumps(BATCH)[:-1]
    for twice in (b', "targets": ["other"]}', b', "document": {"package_ids": ["a"], "package_ids": ["b"]}}'):
        with pytest.raises(Invalid) as caught:
            command(management.OPERATIONS["CreateBatchTask"], {}, (), whole.encode() + twice)
        assert "twice" in str(caught.value)


def test_a_query_that_acts_is_read_whole() -> None:
    """Issue 9, number 1: a misspelt app_id of a deletion is not any space, of a list it is harmless."""
    delete, lists = management.OPERATIONS["DeleteProduct"], management.OPERATIONS["ListProducts"]
    for query in ((("appId", "a"),), (("App_Id", "a"),), (("app_ids", "a"),), (("app_id", "a"), ("app_id", "b"))):
        with pytest.raises(Invalid) as caught:
            command(delete, {"product_id": "p"}, query, b"")
        assert caught.value.field == "app_id"
    more = command(delete, {"product_id": "p"}, (("app_id", "a"), ("app_id", "a"), ("whatever", "b")), b"")
    assert more == c.DeleteProduct(product_key="p", space="a")
    assert command(lists, {}, (("appId", "a"),), b"") == command(lists, {}, (), b"")


def test_strangers_are_bounded() -> None:
    body = BATCH | {f"stranger{number}q": 1 for number in range(STRANGERS_MAX + 1)}
    with pytest.raises(Invalid, match="at most"):
        decode("CreateBatchTask", body)


def whole(model: Any, depth: int = 6) -> dict[str, Any]:
    """Every member that the vendor's model has."""
    found: dict[str, Any] = {}
    for attribute, kind in model.openapi_types.items():
        listed = re.fullmatch(r"list\[(.*)\]", kind)
        inner = getattr(sdk, listed[1] if listed else kind, None)
        value = whole(inner, depth - 1) if inner is not None and depth else "x"
        found[model.attribute_map[attribute]] = [value] if listed else value
    return found


@pytest.mark.parametrize("name", [name for name, each in CHANGING.items() if each.params])
def test_whatever_the_vendors_models_send_is_understood(name: str) -> None:
    """No member that the SDK can send is taken for a misspelt one."""
    request = getattr(sdk, f"{name}Request")
    given = whole(getattr(sdk, request.openapi_types["body"]))
    refuse_misspelt(CHANGING[name].params, given, selects=CHANGING[name].selects, alike=CHANGING[name].alike)
