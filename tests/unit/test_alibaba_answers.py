"""Answers of Alibaba's management dialect: golden members for every operation, and every answer through the models of
the real SDK, filled in and emptied, because a wrong nesting reads as nothing at all (alibaba 1.7)."""

import dataclasses
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import alibabacloud_iot20180120.models as sdk  # type: ignore[import-untyped]  # the vendor ships no types
import pytest
from tests.unit.alibaba_views import (
    AT,
    DEVICE,
    DEVICE_ID,
    FIRMWARE,
    GROUP_VIEW,
    JOB_VIEW,
    MULTI,
    NAMES_CHECKED,
    PACKAGE,
    PRODUCT,
    RESULTS,
    TASK_VIEW,
    emptied,
    page,
    thinned,
    told,
)

from upwell.dialects.alibaba import names, render
from upwell.dialects.alibaba.management import OPERATIONS, encode
from upwell.dialects.rpc_answers import from_millis, json_bytes
from upwell.domain import commands as c
from upwell.domain.commands.lists import Page

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "alibaba_answers.json").read_text("utf-8"))
FORMS = [
    (action, form(result))
    for action, results in RESULTS.items()
    for result in results
    for form in (lambda result: result, thinned, emptied)
]


def test_every_operation_has_a_result_and_a_golden_answer_here() -> None:
    assert set(RESULTS) == set(GOLDEN) == set(OPERATIONS)


@pytest.mark.parametrize("action", OPERATIONS)
def test_golden(action: str) -> None:
    assert json.loads(json_bytes(encode(action, RESULTS[action][0], "ID"))) == GOLDEN[action]


@pytest.mark.parametrize(("action", "result"), FORMS)
def test_the_sdk_model_reads_every_answer_without_loss(action: str, result: Any) -> None:
    members = json.loads(json_bytes(encode(action, result, "ID")))
    model = getattr(sdk, f"{action}ResponseBody")()
    assert model.from_map(members).to_map() == members
    root = ET.fromstring(render.xml_bytes(members, f"{action}Response"))
    assert root.tag == f"{action}Response"
    assert root.findtext("Success") == "true"


def test_an_empty_list_of_details_is_left_out() -> None:
    """Issue 9, number 12: the Go SDK's model of InvalidDetailList is a flat list and fails at a wrapper, even an empty
    one; the new Python SDK's model has the wrapper alone, and reads the answer without it."""
    fine = dataclasses.replace(NAMES_CHECKED, invalid_names=(), invalid_nicknames=(), repeated_names=())
    data = encode("BatchCheckDeviceNames", fine, "ID")["Data"]
    sent = json.loads(json_bytes({"Data": data}))["Data"]
    assert sent == {
        "ApplyId": 2**53 - 1,
        "InvalidDeviceNameList": {"InvalidDeviceName": []},
        "InvalidDeviceNicknameList": {"InvalidDeviceNickname": []},
        "RepeatedDeviceNameList": {"RepeatDevieNameList": []},
    }
    assert b"InvalidDetailList" not in render.xml_bytes({"Data": data}, "R")
    assert sdk.BatchCheckDeviceNamesResponseBodyData().from_map(sent).to_map() == sent
    bad = dataclasses.replace(fine, invalid_names=("x/",))
    details = encode("BatchCheckDeviceNames", bad, "ID")["Data"]["InvalidDetailList"]["InvalidDetailList"]
    assert [each["DeviceName"] for each in details] == ["x/"]


def test_emptied_views_are_emptied() -> None:
    bare = emptied(JOB_VIEW)
    assert (bare.started_at, bare.tags, bare.group_ids, bare.manner.retry_interval_min) == (None, (), (), None)
    assert emptied(PRODUCT).facts == {} and emptied(page(DEVICE)).items == ()
    assert thinned(page(DEVICE)).items == (emptied(DEVICE),)


def test_a_job_shows_only_what_it_has() -> None:
    planned = dataclasses.replace(emptied(JOB_VIEW), status="PLANNED")
    planned = dataclasses.replace(planned, manner=dataclasses.replace(planned.manner, scheduled_at=AT))
    data = encode("QueryOTAJob", planned, "R")["Data"]
    assert data["UtcScheduleTime"] == "2018-08-06T02:48:41.607Z"
    absent = {"UtcStartTime", "UtcEndTime", "UtcScheduleFinishTime", "DynamicMode", "GroupId", "GroupName"}
    assert not (absent | {"GrayPercent", "RetryInterval", "RetryCount", "TimeoutInMinutes"}) & set(data)
    dynamic = encode("QueryOTAJob", dataclasses.replace(JOB_VIEW, kind="dynamic", selection="GROUP"), "R")["Data"]
    assert (dynamic["SelectionType"], dynamic["TargetSelection"], dynamic["DynamicMode"]) == ("DYNAMIC", "ALL", 2)
    verify = encode("QueryOTAJob", dataclasses.replace(JOB_VIEW, kind="verify", selection="SPECIFIC"), "R")["Data"]
    assert (verify["JobType"], verify["SelectionType"]) == ("VERIFY_FIRMWARE", "STATIC")
    assert verify["TargetSelection"] == "SPECIFIC"


def test_a_package_shows_one_file_or_several() -> None:
    single = encode("QueryOTAFirmware", PACKAGE, "R")["FirmwareInfo"]
    assert (single["FirmwareSign"], single["FirmwareSize"], single["FirmwareUrl"]) == ("ab" * 16, 5, "http://h/k")
    assert single["MultiFiles"] == []
    several = encode("QueryOTAFirmware", MULTI, "R")["FirmwareInfo"]
    assert not {"FirmwareSign", "FirmwareSize", "FirmwareUrl"} & set(several)
    assert several["MultiFiles"] == [
        {"Name": "boot", "Url": "http://h/f", "Size": 3, "FileMd5": "ef" * 16, "SignValue": "ef" * 16}
    ]
    listed = encode("ListOTAFirmware", page(MULTI), "R")["FirmwareInfo"]["SimpleFirmwareInfo"][0]
    assert not {"FirmwareSign", "FirmwareSize"} & set(listed)


OTHER = dataclasses.replace(DEVICE, device_id=UUID("0e" * 16))


@pytest.mark.parametrize(
    ("shown", "token"),
    [
        (page(OTHER, DEVICE, total=3, size=2), names.page_token(DEVICE_ID, 2)),
        (page(DEVICE, OTHER, total=2, size=2), None),  # the first page is all there is
        (page(DEVICE, total=3, size=2, number=2), None),  # not full: the last one
        (page(OTHER, DEVICE, total=2, size=2, number=7), names.page_token(DEVICE_ID, 8)),  # others were deleted
        (page(total=0), None),
    ],
)
def test_the_next_token_is_there_while_more_may_follow(shown: Page[c.Device], token: str | None) -> None:
    assert encode("QueryDevice", shown, "R").get("NextToken") == token


def test_a_reset_names_its_request() -> None:
    one, two = encode("ResetThing", c.Done(), "R1")["JobId"], encode("ResetThing", c.Done(), "R2")["JobId"]
    assert one != two and one == encode("ResetThing", c.Done(), "R1")["JobId"]
    assert one.isalnum() and len(one) == 32


def test_no_group_above() -> None:
    assert encode("QuerySuperDeviceGroup", GROUP_VIEW, "R")["Data"] == {"GroupInfo": []}
    assert encode("QueryDeviceGroupByDevice", page(GROUP_VIEW), "R")["GroupInfos"]["GroupInfo"][0]["GroupType"] == (
        "LINK_PLATFORM_DYNAMIC"
    )


def test_golden_bytes() -> None:
    created = encode("CreateOTAFirmware", PACKAGE, "R")
    stamp = "2018-08-06T02:48:41.607Z"
    assert json_bytes(created) == (
        f'{{"RequestId":"R","Success":true,"Data":{{"FirmwareId":"{FIRMWARE}","UtcCreate":"{stamp}"}}}}'.encode()
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    empty = encode("ListOTATaskByJob", page(total=0), "R")
    assert render.xml_bytes(empty, "ListOTATaskByJobResponse").decode() == (
        f"{head}<ListOTATaskByJobResponse><RequestId>R</RequestId><Success>true</Success><CurrentPage>1</CurrentPage>"
        "<PageCount>0</PageCount><PageSize>10</PageSize><Total>0</Total><Data/></ListOTATaskByJobResponse>"
    )
    error = render.gateway_error("R", "h", "C", "a<b & \0")
    assert render.to_bytes(error, "Error", xml=True) == (
        "text/xml;charset=utf-8",
        (
            f"{head}<Error><RequestId>R</RequestId><HostId>h</HostId><Code>C</Code>"
            "<Message>a&lt;b &amp; \ufffd</Message></Error>"
        ).encode(),
    )
    assert json_bytes(render.business_error("R", "C", "ü")) == (
        '{"RequestId":"R","Success":false,"Code":"C","ErrorMessage":"ü"}'.encode()
    )
    lists = render.xml_bytes({"V": {"S": ["1", "2"]}, "F": [{"A": 1}, {"A": None}]}, "R").decode()
    assert lists == f"{head}<R><V><S>1</S><S>2</S></V><F><A>1</A></F><F/></R>"


def test_times() -> None:
    detail = encode("QueryDeviceDetail", DEVICE, "R")["Data"]
    assert (detail["GmtActive"], detail["UtcActive"]) == ("2018-08-06 10:48:41", "2018-08-06T02:48:41.607Z")
    assert detail["Status"] == "DISABLE"
    listed = encode("QueryDevice", page(DEVICE), "R")["Data"]["DeviceInfo"][0]
    assert listed["GmtCreate"] == "Mon, 06-Aug-2018 02:48:41 GMT"
    assert encode("QueryProduct", PRODUCT, "R")["Data"]["GmtCreate"] == 1533523721607
    assert from_millis(1533523721607) == datetime(2018, 8, 6, 2, 48, 41, 607_000, tzinfo=UTC)
    job = encode("QueryOTAJob", JOB_VIEW, "R")["Data"]
    assert (job["GrayPercent"], job["OverwriteMode"]) == ("50.00", 2)
    row = encode("ListOTATaskByJob", told(TASK_VIEW), "R")["Data"]["SimpleOTATaskInfo"][0]
    assert (row["Progress"], row["Timeout"]) == ("7.00", "60")
