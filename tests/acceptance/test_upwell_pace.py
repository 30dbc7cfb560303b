"""A rollout that has so many devices at work at once, and whose pace grows, over real HTTP and MQTT."""

from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.client import Server, unique, until
from acceptance.device import Device
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api

GROWING = {"base_per_min": 2, "factor": 1.5, "each_succeeded": 10}


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, "pace")
    yield asked
    audited(server, asked)


@pytest.fixture(scope="module")
def given(v1: Api) -> dict[str, Any]:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    return {"kind": "static", "product_id": product, "package_id": package, "targets": {"all": True}}


@pytest.fixture
def lamps(server: Server, v1: Api, given: dict[str, Any]) -> Iterator[list[Device]]:
    made = [v1.do("create_device", product_id=given["product_id"], name=unique("d")) for _ in range(3)]
    found = [Device(server.mqtt, each["product_id"], each["name"], each["secret"]) for each in made]
    for lamp in found:
        lamp.inform("1.0")
    yield found
    for lamp in found:
        lamp.close()


def test_one_after_the_other(v1: Api, given: dict[str, Any], lamps: list[Device]) -> None:
    made = v1.do("create_rollout", **given, pace={"at_once": 1})
    rollout, left = made["id"], list(lamps)
    assert made["pace"] == {"at_once": 1, "at_work": 0}
    while left:
        # Who is at work is told again when it asks, the others nothing; none is in the moment after one has ended.
        [lamp] = until(lambda: [each for each in left if each.ask()], bool)
        assert v1.do("show_rollout", rollout_id=rollout)["pace"]["at_work"] == 1
        assert lamp.ask()["version"] == "2.0"
        left.remove(lamp)
        lamp.inform("2.0")
        until(lambda: v1.do("show_rollout", rollout_id=rollout)["tasks"]["succeeded"], (len(lamps) - len(left)).__eq__)
    until(lambda: v1.do("show_rollout", rollout_id=rollout)["status"], "completed".__eq__)


def test_it_begins_slowly(v1: Api, given: dict[str, Any], lamps: list[Device]) -> None:
    v1.do("update_product", product_id=given["product_id"], rollout_defaults={"pace": GROWING})
    made = v1.do("create_rollout", **given, maximum_per_min=100)
    assert made["pace"] == GROWING | {"now_per_min": 2} and made["maximum_per_min"] == 100
    assert v1.do("update_product", product_id=given["product_id"], rollout_defaults={}).get("rollout_defaults") is None
    until(lambda: v1.do("show_rollout", rollout_id=made["id"])["tasks"]["total"], (3).__eq__)
    # A push that is under way is no answer yet, and its budget is spent: it asks again. The third is told nothing then.
    told = until(lambda: [lamp for lamp in lamps if lamp.ask()], lambda told: len(told) >= 2)
    assert [lamp for lamp in lamps if lamp.ask()] == told and len(told) == 2, "in this minute"
    v1.do("cancel_rollout", rollout_id=made["id"])


def test_what_makes_no_pace_is_refused(v1: Api, given: dict[str, Any]) -> None:
    for pace, parameter in (
        ({"base_per_min": 0, "factor": 2, "each_offered": 1}, "base_per_min"),
        ({"factor": 2, "each_offered": 1}, "base_per_min"),
        ({"base_per_min": 5, "each_offered": 1}, "factor"),
        (GROWING | {"factor": 1}, "factor"),
        (GROWING | {"factor": 5.1}, "factor"),
        ({"base_per_min": 5, "factor": 2}, "each_succeeded"),
        ({"at_once": 0}, "at_once"),
        ({"at_once": 1001}, "at_once"),
        ({"bytes_per_s": 999}, "bytes_per_s"),
        ({"rate": 5}, "rate"),
    ):
        refused = v1.refused("create_rollout", **given, pace=pace)
        assert refused.error["parameter"] == f"pace.{parameter}", (pace, refused.error)
    verify = given | {"kind": "verify", "targets": {"device_names": ["x"]}}
    assert v1.refused("create_rollout", **verify, pace={"at_once": 1}).error["parameter"] == "pace"


def test_it_is_changed_while_it_runs(v1: Api, given: dict[str, Any], lamps: list[Device]) -> None:
    rollout = v1.do("create_rollout", **given, pace={"at_once": 1})["id"]
    changed = v1.do("update_rollout", rollout_id=rollout, pace=GROWING | {"at_once": 2}, maximum_per_min=50)
    assert {name: changed["pace"][name] for name in (*GROWING, "at_once")} == GROWING | {"at_once": 2}
    assert (
        v1.refused("update_rollout", rollout_id=rollout, pace={"factor": 2}).error["parameter"] == "pace.base_per_min"
    )
    slow = v1.do("update_rollout", rollout_id=rollout, pace={"bytes_per_s": 10**12})
    whole = GROWING | {"at_once": 2, "bytes_per_s": 10**12}
    assert slow["pace"].items() >= whole.items(), "what is not said stays: else it would be faster by something else"
    assert v1.do("show_rollout", rollout_id=rollout)["pace"].items() >= whole.items()
    assert "pace" not in v1.do("update_rollout", rollout_id=rollout, pace={})
    assert v1.do("show_rollout", rollout_id=rollout)["maximum_per_min"] == 50
    v1.do("cancel_rollout", rollout_id=rollout)


def test_a_product_and_its_account_limit_all_rollouts(v1: Api, given: dict[str, Any], lamps: list[Device]) -> None:
    product = given["product_id"]
    limited = {"product_id": product, "maximum_per_min": 1, "at_once": 5, "spent": 0, "at_work": 0}
    made = v1.do("update_product_limits", product_id=product, maximum_per_min=1, at_once=5)
    assert made | {"at_work": 0} == limited
    # What was cancelled above may still be at work: its tasks end in chunks, after the answer.
    until(lambda: v1.do("show_product_limits", product_id=product), limited.__eq__)
    assert v1.do("update_limits", maximum_per_min=7) == {"maximum_per_min": 7, "spent": 0}
    rollout = v1.do("create_rollout", **given)["id"]
    until(lambda: v1.do("show_rollout", rollout_id=rollout)["tasks"]["total"], len(lamps).__eq__)
    until(lambda: v1.do("show_product_limits", product_id=product)["spent"], (1).__eq__)
    assert v1.do("show_limits")["spent"] == 1
    kept = [lamp for lamp in lamps if not lamp.ask()]
    assert len(kept) == len(lamps) - 1, "one of this minute, which is told again"
    why = v1.do("explain_device", device_id=f"{product}_{kept[0].name}", rollout_id=rollout)
    fact = next(each["fact"] for each in why["checks"] if not each["yes"])
    assert why["code"] == "rate_limited" and "the product's 1 offers a minute are spent" in fact, why
    for parameter, value in (("at_once", 0), ("at_once", 1001), ("maximum_per_min", -1)):
        refused = v1.refused("update_product_limits", product_id=product, **{parameter: value})
        assert refused.error["parameter"] == parameter
    assert v1.do("update_product_limits", product_id=product) == {"product_id": product, "spent": 0}
    assert v1.do("update_limits") == {"spent": 0}
    v1.do("cancel_rollout", rollout_id=rollout)
