"""How a rollout went, by whom it was made, and its failures run again a kind at a time, over real HTTP and MQTT."""

from typing import Any

import pytest

from acceptance.client import Server, unique, until
from acceptance.device import Device
from acceptance.upwell_client import Api, Refused, api

PLACES = ("waiting", "at_work", "succeeded", "failed", "canceled")


@pytest.fixture(scope="module")
def v1(server: Server) -> Api:
    return api(server, "course")


def a_rollout(v1: Api, server: Server, **more: Any) -> tuple[str, list[Device]]:
    """Of three devices that are online; all were offered it."""
    product = v1.do("create_product", name=unique("lamp"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    made = [v1.do("create_device", product_id=product, name=unique("d")) for _ in range(3)]
    lamps = [Device(server.mqtt, product, each["name"], each["secret"]) for each in made]
    for lamp in lamps:
        lamp.inform("1.0")
    rollout = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True},
                    **more)["id"]  # fmt: skip
    for lamp in lamps:
        lamp.offered()
    return str(rollout), lamps


def test_failures_are_run_again_a_kind_at_a_time(v1: Api, server: Server) -> None:
    rollout, lamps = a_rollout(v1, server)
    for lamp, step in zip(lamps, (-1, -1, -3), strict=True):
        lamp.progress(step)
    kinds = until(lambda: v1.do("list_rollout_failures", rollout_id=rollout)["items"], lambda told: len(told) == 2)
    first, second = kinds
    assert (first["count"], second["count"]) == (2, 1) and first["id"] != second["id"]
    assert v1.do("retry_tasks", rollout_id=rollout, failure_id=first["id"])["changed"] == 2
    for lamp in lamps[:2]:
        lamp.offered()
    tasks = v1.do("show_rollout", rollout_id=rollout)["tasks"]
    assert (tasks["failed"], tasks["queued"] + tasks["notified"]) == (1, 2), "the other kind stays as it is"
    assert [each["id"] for each in v1.do("list_rollout_failures", rollout_id=rollout)["items"]] == [second["id"]]
    assert v1.do("retry_tasks", rollout_id=rollout, failure_id=first["id"])["changed"] == 0, "and none is run twice"
    lamps[0].progress(-1)
    assert v1.do("retry_tasks", rollout_id=rollout, all=True)["changed"] == 2, "what was passed by is run by another"
    for lamp in (lamps[0], lamps[2]):
        lamp.offered()
    for wrong in ("fail_x", rollout):
        with pytest.raises(Refused) as refused:
            v1.do("retry_tasks", rollout_id=rollout, failure_id=wrong)
        assert refused.value.status == 404
    with pytest.raises(Refused) as refused:
        v1.do("retry_tasks", rollout_id=rollout, failure_id=first["id"], all=True)
    assert refused.value.error["parameter"] == "failure_id"
    for lamp in lamps:
        lamp.close()


def test_devices_that_wait_on_a_version_are_left_out(v1: Api, server: Server) -> None:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    made = [v1.do("create_device", product_id=product, name=unique("d")) for _ in range(5)]
    lamps = [Device(server.mqtt, product, each["name"], each["secret"]) for each in made]
    for lamp, version in zip(lamps, ("1.0", "1.0", "1.0", "1.1", "1.1"), strict=True):
        lamp.inform(version)
    until(lambda: v1.do("list_devices", product_id=product)["items"], lambda those: all(d["versions"] for d in those))
    rollout = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True},
                    waves=[{"device_names": [made[0]["name"]]}, {"percent": 100}], guard={})["id"]  # fmt: skip
    lamps[0].offered()
    until(lambda: v1.do("show_rollout", rollout_id=rollout)["tasks"], lambda n: n["notified"] == 1)
    asked: dict[str, Any] = {"rollout_id": rollout, "from_version": "1.0"}
    waits = until(lambda: v1.do("count_waiting", **asked), lambda told: told["whole"])
    assert waits == {"devices": 2, "whole": True}, "the one that was told is none of them"
    with pytest.raises(Refused) as refused:
        v1.do("cancel_rollout", devices=1, **asked)
    assert (refused.value.status, refused.value.code) == (409, "more-than-meant")
    assert v1.do("show_rollout", rollout_id=rollout)["tasks"]["canceled"] == 0, "nothing is done"
    assert v1.do("cancel_rollout", devices=2, **asked)["changed"] == 2
    tasks = until(lambda: v1.do("show_rollout", rollout_id=rollout)["tasks"], lambda n: n["canceled"] == 2)
    assert (tasks["queued"], tasks["notified"] + tasks["in_progress"]) == (2, 1), "others go on"
    assert v1.do("cancel_rollout", devices=0, **asked)["changed"] == 0
    v1.do("promote_rollout", rollout_id=rollout, wave=2)
    for lamp in lamps[3:]:
        lamp.offered()
    assert {v1.do("explain_device", device_id=each["id"], rollout_id=rollout)["code"] for each in made[1:3]} == {
        "canceled"
    }
    with pytest.raises(Refused) as refused:
        v1.do("cancel_rollout", states=["queued"], **asked)
    assert refused.value.error["parameter"] in ("states", "from_version")
    with pytest.raises(Refused) as refused:
        v1.do("cancel_rollout", rollout_id=rollout, devices=2)
    assert refused.value.code == "more-than-meant", "three are open"
    assert v1.do("cancel_rollout", rollout_id=rollout, devices=3)["changed"] == 3
    for lamp in lamps:
        lamp.close()


def test_its_course_is_told_and_is_its_owners_alone(v1: Api, server: Server) -> None:
    rollout, lamps = a_rollout(v1, server, preset="all_at_once", guard={})
    looked = until(lambda: v1.do("list_rollout_course", rollout_id=rollout)["items"], bool)
    lamps[0].inform("2.0")
    lamps[1].progress(-3)
    v1.do("cancel_rollout", rollout_id=rollout)
    shown = until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: told["status"] != "in_progress")
    assert [wave["status"] for wave in shown["waves"]] == ["ended"]
    assert shown["made_by"] == v1.do("show_me")["id"]
    assert all(sum(each[place] for place in PLACES) == 3 for each in looked if any(each[p] for p in PLACES))
    assert [each["at"] for each in looked] == sorted(each["at"] for each in looked)
    with pytest.raises(Refused) as refused:
        api(server, "course-2").do("list_rollout_course", rollout_id=rollout)
    assert refused.value.status == 404
    for lamp in lamps:
        lamp.close()
