"""Devices that fail again and again, over real HTTP and MQTT: set aside by the account's default, whoever asks, seen
and released."""

from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.client import Server, unique, until
from acceptance.device import Device
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api

RULE = {"failures": 2, "first_min": 30, "most_min": 60, "hold_failures": 9}


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, "aside")
    yield asked
    audited(server, asked)


@pytest.fixture(scope="module")
def product(v1: Api) -> str:
    assert v1.do("update_rollout_defaults", rollout_defaults={"set_aside": RULE}) == {
        "rollout_defaults": {"set_aside": RULE}
    }
    return str(v1.do("create_product", name=unique("lamp"))["id"])


@pytest.fixture
def lamp(server: Server, v1: Api, product: str) -> Iterator[Device]:
    made = v1.do("create_device", product_id=product, name=unique("d"))
    found = Device(server.mqtt, made["product_id"], made["name"], made["secret"])
    found.inform("1.0")
    yield found
    found.close()


def rollout(v1: Api, product: str, lamp: Device) -> str:
    package = v1.do("create_package", name=unique("fw"), version=unique("2"), product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    made = v1.do("create_rollout", kind="static", product_id=product, package_id=package,
                 targets={"device_names": [lamp.name]})  # fmt: skip
    return str(made["id"])


def failed(v1: Api, product: str, lamp: Device) -> str:
    """A rollout in which the device fails."""
    found = rollout(v1, product, lamp)
    until(lamp.ask, bool)
    lamp.progress(-4)
    until(lambda: v1.do("show_rollout", rollout_id=found)["tasks"]["failed"], (1).__eq__)
    return found


def test_it_is_seen_told_and_released(v1: Api, product: str, lamp: Device) -> None:
    device = f"{product}_{lamp.name}"
    failed(v1, product, lamp)
    assert "set_aside" not in v1.do("show_device", device_id=device)
    last = failed(v1, product, lamp)
    told = v1.do("show_device", device_id=device)["set_aside"]
    assert {name: told[name] for name in ("failures", "reason", "rollout_id")} == {
        "failures": 2, "reason": "burning_failed", "rollout_id": last,
    }  # fmt: skip
    assert told["since"] < told["until"]
    waits = rollout(v1, product, lamp)
    until(lambda: v1.do("show_rollout", rollout_id=waits)["tasks"]["queued"], (1).__eq__)
    why = v1.do("explain_device", device_id=device, rollout_id=waits)
    assert (why["code"], why["next_at"]) == ("set_aside", told["until"])
    assert not lamp.ask()
    assert [each["id"] for each in v1.do("list_devices", product_id=product, set_aside=True)["items"]] == [device]
    counted = v1.do("count_set_aside", product_id=product)
    assert counted == {"devices": 1, "reasons": [{"reason": "burning_failed", "devices": 1}]}
    attention = v1.do("show_attention", product_id=product)
    assert (attention["total"], attention["set_aside_devices"], attention["halted"]) == (
        1,
        1,
        {"total": 0, "items": []},
    )
    plan = v1.do("create_plan", kind="static", product_id=product, package_id=v1.do("show_rollout", rollout_id=waits)[
        "package_id"], targets={"device_names": [lamp.name]}, overwrite=True)  # fmt: skip
    kept = until(lambda: v1.do("show_plan", plan_id=plan["id"]), lambda p: p["status"] == "done")["kept"]
    assert [(each["code"], each["devices"], each["takes_part"]) for each in kept] == [("set_aside", 1, True)]
    v1.do("release_device", device_id=device)
    assert until(lamp.ask, bool)
    assert "set_aside" not in v1.do("show_device", device_id=device)


def test_many_are_released_by_number(v1: Api, product: str, lamp: Device) -> None:
    failed(v1, product, lamp)
    last = failed(v1, product, lamp)
    assert v1.refused("release_devices", devices=0).error["parameter"] == "devices"
    found = v1.do("count_set_aside", rollout_id=last)["devices"]
    assert found == 1
    assert v1.do("release_devices", devices=5, rollout_id=last) == {"released": 1, "left": 0}
    assert v1.do("count_set_aside", rollout_id=last)["devices"] == 0


def test_what_makes_no_rule_is_refused(v1: Api, product: str) -> None:
    for rule, parameter in (
        ({"failures": -1}, "failures"), ({"failures": 101}, "failures"), ({"first_min": 0}, "first_min"),
        ({"first_min": 9, "most_min": 8}, "most_min"), ({"failures": 3, "hold_failures": 2}, "hold_failures"),
        ({"retries": 1}, "retries"),
    ):  # fmt: skip
        refused: Any = v1.refused("update_product", product_id=product, rollout_defaults={"set_aside": rule})
        assert refused.error["parameter"] == f"rollout_defaults.set_aside.{parameter}", (rule, refused.error)
