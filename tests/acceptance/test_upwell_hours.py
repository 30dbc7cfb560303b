"""The hours of a rollout over real HTTP and MQTT: outside of them a device is told nothing, whether it asks or not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as am

from acceptance.client import Server, new_sdk, unique, until
from acceptance.device import Device
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api

ACCOUNT, ZONE = "hours", "Pacific/Auckland"


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, ACCOUNT)
    yield asked
    audited(server, asked)


@pytest.fixture(scope="module")
def given(v1: Api) -> dict[str, Any]:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    return {"kind": "static", "product_id": product, "package_id": package, "targets": {"all": True}}


@pytest.fixture
def lamp(server: Server, v1: Api, given: dict[str, Any]) -> Iterator[Device]:
    made = v1.do("create_device", product_id=given["product_id"], name=unique("d"))
    found = Device(server.mqtt, made["product_id"], made["name"], made["secret"])
    found.inform("1.0")
    yield found
    found.close()


def around(begins_h: float, ends_h: float) -> dict[str, Any]:
    """Hours of every day, so far from now."""
    clock = [
        (datetime.now(UTC) + timedelta(hours=hours)).astimezone(UTC).strftime("%H:%M") for hours in (begins_h, ends_h)
    ]
    return {"zone": "UTC", "open": [{"from": clock[0], "to": clock[1]}]}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_it_is_offered_in_its_hours(v1: Api, given: dict[str, Any], lamp: Device) -> None:
    made = v1.do("create_rollout", **given, hours=around(3, 5))
    rollout, hours = made["id"], made["hours"]
    assert hours["is_open"] is False and "closes_at" not in hours
    assert hours["open"][0]["days"] == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    ahead = moment(hours["opens_at"]) - datetime.now(UTC)
    assert timedelta(hours=2, minutes=58) < ahead <= timedelta(hours=3)
    until(lambda: v1.do("show_rollout", rollout_id=rollout)["tasks"]["queued"], (1).__eq__)
    assert lamp.ask() == {}
    told = v1.do("update_rollout", rollout_id=rollout, hours=around(-3, 5))["hours"]
    assert told["is_open"] is True and moment(told["closes_at"]) < moment(told["opens_at"])
    assert lamp.offered()["version"] == "2.0"
    # What is under way ends, whatever the hours are by now.
    v1.do("update_rollout", rollout_id=rollout, hours=around(3, 5))
    lamp.inform("2.0")
    assert v1.do("show_rollout", rollout_id=rollout)["tasks"]["succeeded"] == 1


def test_a_product_has_hours_for_whoever_asks(server: Server, v1: Api, given: dict[str, Any], lamp: Device) -> None:
    """Also for a vendor's script, which is told what it would be of an offline device."""
    product = given["product_id"]
    said = {"hours": {"zone": ZONE, "open": [{"days": ["sun", "sat"], "from": "00:00", "to": "24:00"}]}}
    shown = v1.do("update_product", product_id=product, rollout_defaults=said)["rollout_defaults"]
    assert shown == {"hours": {"zone": ZONE, "open": [{"days": ["sat", "sun"], "from": "00:00", "to": "24:00"}]}}
    v1.do("update_product", product_id=product, rollout_defaults={"hours": around(3, 5)})
    sdk = new_sdk(server.http, server.new_key(ACCOUNT, "admin"))
    asked = am.ListOTAFirmwareRequest(product_key=product, current_page=1, page_size=10)
    [firmware] = sdk.list_otafirmware(asked).body.firmware_info.simple_firmware_info
    request = am.CreateOTAStaticUpgradeJobRequest(
        firmware_id=firmware.firmware_id, product_key=product, target_selection="ALL"
    )  # fmt: skip
    job = sdk.create_otastatic_upgrade_job(request).body.data.job_id
    assert sdk.query_otajob(am.QueryOTAJobRequest(job_id=job)).body.data.job_status == "IN_PROGRESS"
    asked = am.ListOTATaskByJobRequest(job_id=job, current_page=1, page_size=10)
    [task] = until(lambda: sdk.list_otatask_by_job(asked).body.data.simple_otatask_info, bool)
    assert task.task_status == "QUEUED" and lamp.ask() == {}
    rollout = v1.every("list_package_rollouts", package_id=given["package_id"])[0]["id"]
    assert "hours" not in v1.do("update_rollout", rollout_id=rollout, hours={})
    assert lamp.offered()["version"] == "2.0"
    v1.do("update_product", product_id=product, rollout_defaults={})
    v1.do("cancel_rollout", rollout_id=rollout)


def test_a_group_and_a_tag_have_hours(server: Server, v1: Api, given: dict[str, Any], lamp: Device) -> None:
    """Whatever rollout asks, also one that a vendor's script made."""
    device, group = f"{given['product_id']}_{lamp.name}", v1.do("create_group", name=unique("night"))["id"]
    v1.do("add_to_group", group_id=group, device_ids=[device])
    v1.do("set_device_tags", device_id=device, tags={"line": "3"})
    night = v1.do("create_device_hours", group_id=group, hours=around(3, 5))
    assert night["group_id"] == group and night["hours"]["is_open"] is False and "closes_at" not in night["hours"]
    line = v1.do("create_device_hours", tag={"key": "line", "value": "3"}, hours=around(-3, 5))
    assert line["tag"] == {"key": "line", "value": "3"} and line["hours"]["is_open"] is True
    assert [each["id"] for each in v1.do("list_device_hours")["items"]] == [line["id"], night["id"]]
    sdk = new_sdk(server.http, server.new_key(ACCOUNT, "admin"))
    asked = am.ListOTAFirmwareRequest(product_key=given["product_id"], current_page=1, page_size=10)
    [firmware] = sdk.list_otafirmware(asked).body.firmware_info.simple_firmware_info
    request = am.CreateOTAStaticUpgradeJobRequest(
        firmware_id=firmware.firmware_id, product_key=given["product_id"], target_selection="ALL"
    )  # fmt: skip
    sdk.create_otastatic_upgrade_job(request)
    rollout = v1.every("list_package_rollouts", package_id=given["package_id"])[0]["id"]
    until(lambda: v1.do("show_rollout", rollout_id=rollout)["tasks"]["queued"], (1).__eq__)
    assert lamp.ask() == {}
    why = v1.do("explain_device", device_id=device, rollout_id=rollout)
    fact = next(each["fact"] for each in why["checks"] if not each["yes"])
    assert why["code"] == "outside_window" and "group night" in fact, why
    assert why["next_at"] == night["hours"]["opens_at"], why
    # Both must be open; and either may be changed or taken away meanwhile.
    assert v1.do("update_device_hours", hours_id=night["id"], hours=around(-3, 5))["hours"]["is_open"] is True
    shut = v1.do("update_device_hours", hours_id=line["id"], hours=around(3, 5))
    assert v1.do("show_device_hours", hours_id=line["id"]) == shut and lamp.ask() == {}
    v1.do("delete_device_hours", hours_id=line["id"])
    v1.do("update_rollout", rollout_id=rollout, maximum_per_min=500)
    assert lamp.offered()["version"] == "2.0"
    # What is under way ends.
    v1.do("update_device_hours", hours_id=night["id"], hours=around(3, 5))
    lamp.inform("2.0")
    assert v1.do("show_rollout", rollout_id=rollout)["tasks"]["succeeded"] == 1
    v1.do("delete_group", group_id=group)
    assert v1.do("list_device_hours") == {"items": []}, "a group's go with it"


def test_hours_of_devices_that_are_refused(server: Server, v1: Api) -> None:
    hours, tag = around(3, 5), {"key": "line", "value": "4"}
    made = v1.do("create_device_hours", tag=tag, hours=hours)["id"]
    again = v1.refused("create_device_hours", tag=tag, hours=hours)
    assert again.status == 409 and again.code == "has-hours"
    dynamic = v1.do("create_group", name=unique("rule"), condition={"all_of": [{"field": "name", "values": ["x"]}]})
    refused = v1.refused("create_device_hours", group_id=dynamic["id"], hours=hours)
    assert refused.status == 409 and refused.code == "group-is-dynamic"
    for said, parameter in (
        ({"hours": hours}, "group_id"),
        ({"tag": tag, "hours": {}}, "hours.zone"),
        ({"tag": tag}, "hours"),
        ({"tag": {"key": "line"}, "hours": hours}, "tag.value"),
        ({"tag": tag, "hours": {"zone": "Europe/Atlantis", "open": hours["open"]}}, "hours.zone"),
    ):
        assert v1.refused("create_device_hours", **said).error["parameter"] == parameter, said
    other = api(server, "hours-of-others")
    assert other.refused("show_device_hours", hours_id=made).status == 404
    assert other.refused("update_device_hours", hours_id=made, hours=hours).status == 404
    assert other.refused("delete_device_hours", hours_id=made).status == 404
    assert other.do("list_device_hours") == {"items": []}
    v1.do("delete_device_hours", hours_id=made)
    assert v1.refused("delete_device_hours", hours_id=made).status == 404


def test_what_makes_no_hours_is_refused(v1: Api, given: dict[str, Any]) -> None:
    span = {"from": "22:00", "to": "04:00"}
    for hours, parameter in (
        ({"zone": "+02:00", "open": [span]}, "zone"),
        ({"zone": "Europe/Atlantis", "open": [span]}, "zone"),
        ({"zone": "UTC"}, "open"),
        ({"open": [span]}, "zone"),
        ({"zone": "UTC", "open": []}, "open"),
        ({"zone": "UTC", "open": [span | {"to": "22:00"}]}, "open[0]"),
        ({"zone": "UTC", "open": [span | {"to": "4:00"}]}, "open[0].to"),
        ({"zone": "UTC", "open": [span | {"from": "24:01"}]}, "open[0].from"),
        ({"zone": "UTC", "open": [{"to": "04:00"}]}, "open[0].from"),
        ({"zone": "UTC", "open": [span | {"days": ["someday"]}]}, "open[0].days[0]"),
        ({"zone": "UTC", "open": [span | {"days": []}]}, "open[0].days"),
        ({"zone": "UTC", "open": [span | {"until": "04:00"}]}, "open[0].until"),
    ):
        refused = v1.refused("create_rollout", **given, hours=hours)
        assert refused.error["parameter"] == f"hours.{parameter}", (hours, refused.error)
    verify = given | {"kind": "verify", "targets": {"device_names": ["x"]}}
    hours = {"zone": "UTC", "open": [span]}
    assert v1.refused("create_rollout", **verify, hours=hours).error["parameter"] == "hours"
