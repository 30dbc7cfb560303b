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
