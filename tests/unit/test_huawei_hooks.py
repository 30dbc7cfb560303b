"""The notification of a task's status, byte by byte (huawei 6.5), and ids of rules."""

import json
from datetime import UTC, datetime

import pytest

from upwell.dialects.huawei import names
from upwell.dialects.huawei.hook_ops import notification
from upwell.domain.commands import News
from upwell.domain.errors import NotFound
from upwell.domain.standings import Progress

AT = datetime(2026, 6, 29, 9, 30, 15, 123456, tzinfo=UTC)


def news(progress: Progress = Progress.SUCCEEDED, part: str = "firmware", reason: str = "") -> News:
    return News(job_id=0x6690AA00BB11CC, part=part, space="space-1", progress=progress, reason=reason, at=AT)


def test_golden() -> None:
    assert notification(news(), "req-1") == (
        b'{"resource":"batchtask","event":"update","event_time":"20260629T093015Z",'
        b'"event_time_ms":"2026-06-29T09:30:15.123Z","request_id":"req-1","notify_data":{"body":{"app_id":"space-1",'
        b'"task_id":"00000000006690aa00bb11cc","task_type":"firmwareUpgrade","status":"Success","status_desc":""}}}'
    )


@pytest.mark.parametrize(
    ("progress", "status"),
    [
        (Progress.WAITING, "Waitting"),
        (Progress.RUNNING, "Processing"),
        (Progress.SUCCEEDED, "Success"),
        (Progress.PARTLY, "PartialSuccess"),
        (Progress.FAILED, "Fail"),
        (Progress.STOPPED, "Stopped"),
    ],
)
def test_statuses(progress: Progress, status: str) -> None:
    assert json.loads(notification(news(progress), "r"))["notify_data"]["body"]["status"] == status


@pytest.mark.parametrize(
    ("part", "kind"), [("firmware", "firmwareUpgrade"), ("software", "softwareUpgrade"), ("module", "moduleUpgrade")]
)
def test_types(part: str, kind: str) -> None:
    body = json.loads(notification(news(part=part, reason="no_device"), "r"))["notify_data"]["body"]
    assert (body["task_type"], body["status_desc"]) == (kind, "no_device")


def test_ids_are_of_their_kind() -> None:
    rule, action = names.rule_id(7), names.action_id(7)
    assert (names.read_rule_id(rule), names.read_action_id(action)) == (7, 7)
    assert len({rule, action, names.package_id(7)}) == 3
    for read, text in ((names.read_rule_id, action), (names.read_action_id, rule), (names.read_rule_id, "x")):
        with pytest.raises(NotFound) as refused:
            read(text)
        assert "hook" in refused.value.kind


def test_ids_that_owners_hold_stay() -> None:
    assert names.rule_id(7) == "37b80502344974f511230f8d3601879c"
    assert names.action_id(7) == "a3db2ebf0fd6251aeda88377d4a3348f"
