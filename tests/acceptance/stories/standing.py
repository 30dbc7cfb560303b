"""A dynamic job: whom its policy takes, how it is changed, that a package has one, and how it ends."""

from typing import Any

from acceptance.callers import Call
from acceptance.client import Server, unique, until
from acceptance.device import online
from acceptance.stories import setting
from acceptance.stories.setting import PAGE, states, tasks

OPERATIONS = (
    "CreateProduct",
    "RegisterDevice",
    "CreateDeviceDynamicGroup",
    "GenerateOTAUploadURL",
    "CreateOTAFirmware",
    "CreateOTADynamicUpgradeJob",
    "UpdateOTAJob",
    "QueryOTAJob",
    "ListOTAJobByFirmware",
    "ListOTATaskByJob",
    "CancelOTAStrategyByJob",
    "CancelOTATaskByJob",
)


def story(call: Call, server: Server) -> None:
    key = setting.product(call)
    _by_versions(call, server, key)
    _by_group(call, key)


def _by_versions(call: Call, server: Server, key: str) -> None:
    firmware = setting.package(call, key)
    asked = {"FirmwareId": firmware, "ProductKey": key}
    tags = [{"Key": "policy", "Value": "全部 * ~"}]
    more = {"SrcVersion": ["1.0.0", "1.1.0"], "DynamicMode": 1, "OverwriteMode": 2, "NeedPush": True, "Tag": tags}
    job = call("CreateOTADynamicUpgradeJob", **asked, **more)["Data"]["JobId"]
    shown = call("QueryOTAJob", JobId=job)["Data"]
    assert (shown["SelectionType"], shown["TargetSelection"], shown["DynamicMode"]) == ("DYNAMIC", "ALL", 1)
    assert shown["SrcVersions"] == {"SrcVersion": ["1.0.0", "1.1.0"]}
    assert (shown["OverwriteMode"], shown["MaximumPerMinute"], shown["Tags"]) == (2, 1000, {"OtaTagDTO": tags})
    assert tasks(call, job) == []
    # The vendor's rule: one running dynamic job for each package.
    second = call("CreateOTADynamicUpgradeJob", **asked, success=False)
    assert second["Code"] == "iot.ota.DynamicJobIsRunning" and second["ErrorMessage"]
    [row] = call("ListOTAJobByFirmware", FirmwareId=firmware, **PAGE)["Data"]["SimpleOTAJobInfo"]
    assert row["JobId"] == job

    devices = [setting.device(call, key) for _ in range(3)]
    (one, _), _, (three, _) = devices
    with online(server.mqtt, key, *devices[0], "1.0.0") as first:
        assert first.offered()["extData"] == {"policy": "全部 * ~"}
        states(call, job, **{one: "NOTIFIED"})
        with online(server.mqtt, key, *devices[1], "3.0.0"):
            _updated(call, job)
            with online(server.mqtt, key, *devices[2], "1.2.0") as third:
                assert third.offered()["version"] == "2.0.0"
                states(call, job, **{one: "NOTIFIED", three: "NOTIFIED"})  # the second runs no version of it
        first.inform("2.0.0")
        states(call, job, **{one: "SUCCEEDED", three: "NOTIFIED"})
    _ended(call, job, one, three)
    assert call("CreateOTADynamicUpgradeJob", **asked, DynamicMode=2)["Data"]["JobId"] != job


def _updated(call: Call, job: str) -> None:
    given: dict[str, Any] = {"UpgradeType": "DYNAMIC", "TargetSelection": "ALL", "MaximumPerMinute": 500}
    call("UpdateOTAJob", JobId=job, **given, SrcVersionList=["1.2.0"], TimeoutInMinutes=45)
    shown = call("QueryOTAJob", JobId=job)["Data"]
    assert (shown["MaximumPerMinute"], shown["TimeoutInMinutes"]) == (500, 45)
    assert shown["SrcVersions"] == {"SrcVersion": ["1.2.0"]}
    assert shown["Tags"] == {"OtaTagDTO": []}  # alibaba 2.4: left out, the tags are cleared
    call("UpdateOTAJob", JobId=job, **given, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    assert len(call("QueryOTAJob", JobId=job)["Data"]["Tags"]["OtaTagDTO"]) == 2
    refused = call("UpdateOTAJob", JobId=job, **(given | {"UpgradeType": "STATIC"}), success=False)
    assert refused["Code"] == "iot.ota.UpgradeTypeMismatch"


def _ended(call: Call, job: str, one: str, three: str) -> None:
    call("CancelOTAStrategyByJob", JobId=job)
    ended = call("QueryOTAJob", JobId=job)["Data"]
    assert ended["JobStatus"] == "CANCELED" and "UtcEndTime" in ended
    states(call, job, **{one: "SUCCEEDED", three: "NOTIFIED"})  # alibaba 7.5: tasks that it made live on
    call("CancelOTATaskByJob", JobId=job, CancelNotifiedTask=True)
    states(call, job, **{one: "SUCCEEDED", three: "CANCELED"})


def _by_group(call: Call, key: str) -> None:
    rule = f'product_key = "{key}"'
    group = call("CreateDeviceDynamicGroup", GroupName=unique("rule"), DynamicGroupExpression=rule)["Data"]["GroupId"]
    firmware = setting.package(call, key, DestVersion="4.0.0")
    where = {"GroupId": group, "GroupType": "LINK_PLATFORM_DYNAMIC"}
    job = call("CreateOTADynamicUpgradeJob", FirmwareId=firmware, ProductKey=key, **where)["Data"]["JobId"]
    shown = call("QueryOTAJob", JobId=job)["Data"]
    assert (shown["GroupId"], shown["SrcVersions"]) == (group, {"SrcVersion": []})
    assert len(until(lambda: tasks(call, job), lambda rows: len(rows) == 3)) == 3  # every device of the rule's
    call("CancelOTAStrategyByJob", JobId=job)
