"""Why devices are not updated, and what a rollout would do, over real HTTP and MQTT."""

from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.client import Server, unique, until
from acceptance.device import Device
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, api


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    asked = api(server, "why")
    yield asked
    audited(server, asked)


@pytest.fixture
def given(v1: Api) -> dict[str, Any]:
    product = v1.do("create_product", name=unique("lamp"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    return {"kind": "static", "product_id": product, "package_id": package, "targets": {"all": True}}


@pytest.fixture
def lamps(server: Server, v1: Api, given: dict[str, Any]) -> Iterator[list[Device]]:
    """Three, online, at 1.0."""
    made = [v1.do("create_device", product_id=given["product_id"], name=unique("d")) for _ in range(3)]
    found = [Device(server.mqtt, each["product_id"], each["name"], each["secret"]) for each in made]
    for lamp in found:
        lamp.inform("1.0")
    yield found
    for lamp in found:
        lamp.close()


def why(v1: Api, given: dict[str, Any], lamp: Device, **which: Any) -> dict[str, Any]:
    return dict(v1.do("explain_device", device_id=f"{given['product_id']}_{lamp.name}", **which))


def test_a_device_is_explained_from_before_its_rollout_to_its_end(
    v1: Api, given: dict[str, Any], lamps: list[Device]
) -> None:
    lamp = lamps[0]
    found = why(v1, given, lamp, package_id=given["package_id"])
    assert (found["code"], found.get("rollout_id")) == ("not_targeted", None)
    rollout = v1.do("create_rollout", **given, waves=[{"count": 1}, {"percent": 100}])["id"]
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: told["waves"][0]["status"] == "open")
    waves = {t["device_name"]: t["wave"] for t in v1.every("list_rollout_tasks", rollout_id=rollout)}
    [first], [second, third] = ([each for each in lamps if waves[each.name] == wave] for wave in (1, 2))
    assert first.offered()["version"] == "2.0"
    found = until(
        lambda: why(v1, given, first, rollout_id=rollout), lambda told: told["code"] == "download_not_begun"
    )  # fmt: skip
    assert found["checks"][-1]["yes"] is False and found["as_of"]
    found = why(v1, given, second, package_id=given["package_id"])
    assert (found["code"], found["rollout_id"]) == ("wave_waiting", rollout)
    [no, *_] = [each for each in found["checks"] if not each["yes"]]
    assert no["code"] == "wave_waiting" and "it is of wave 2; Wave 2 opens when 1 more" in no["fact"]
    assert [each["check"] for each in found["checks"]][:4] == ["known", "enabled", "credential", "seen"]
    v1.do("pause_rollout", rollout_id=rollout, reason="lamp-7 flickers")
    found = why(v1, given, second, rollout_id=rollout)
    assert found["code"] == "paused" and "lamp-7 flickers" in {each["fact"] for each in found["checks"]}
    lamps.remove(third)
    third.close()
    found = until(lambda: why(v1, given, third, rollout_id=rollout), lambda told: told["code"] == "offline")
    assert "connects" in found["next_step"] and found["checks"][3]["at"]
    first.inform("2.0")
    until(lambda: why(v1, given, first, rollout_id=rollout), lambda told: told["code"] == "already_there")


def test_what_is_refused_is_named(v1: Api, given: dict[str, Any], lamps: list[Device]) -> None:
    device = f"{given['product_id']}_{lamps[0].name}"
    assert v1.refused("explain_device", device_id=device).error["parameter"] == "rollout_id"
    rollout = v1.do("create_rollout", **given)["id"]
    both = {"rollout_id": rollout, "package_id": given["package_id"]}
    assert v1.refused("explain_device", device_id=device, **both).error["parameter"] == "package_id"
    assert v1.refused("explain_device", device_id="none", rollout_id=rollout).status == 404
    assert v1.refused("explain_device", device_id=device, rollout_id="ro_0").status == 404


def test_reasons_of_a_rollout_add_up(v1: Api, given: dict[str, Any], lamps: list[Device]) -> None:
    rollout = v1.do("create_rollout", **given, waves=[{"count": 1}, {"percent": 100}])["id"]
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: told["waves"][0]["status"] == "open")
    told = until(
        lambda: v1.do("list_rollout_reasons", rollout_id=rollout), lambda told: told["status"] == "done"
    )  # fmt: skip
    assert (told["looked"], told["updated"], told["not_updated"]) == (3, 0, 3)
    counts = {each["code"]: each["devices"] for each in told["reasons"]}
    assert counts["wave_waiting"] == 2 and sum(counts.values()) == 3
    [waiting] = [each for each in told["reasons"] if each["code"] == "wave_waiting"]
    assert len(waiting["examples"]) == 2 and waiting["next_step"]
    assert all(each.startswith(f"{given['product_id']}_") for each in waiting["examples"])
    assert v1.refused("list_rollout_reasons", rollout_id="ro_0123456789abcdef").status == 404


def test_a_plan_tells_what_a_rollout_would_do_and_makes_nothing(
    v1: Api, given: dict[str, Any], lamps: list[Device]
) -> None:
    v1.do("create_device", product_id=given["product_id"], name=unique("d"))
    lamps[0].inform("2.0")
    wanted = {**given, "source_versions": ["1.0"], "preset": "careful", "guard": {}}
    asked = v1.do("create_plan", **wanted)
    plan = until(lambda: v1.do("show_plan", plan_id=asked["id"]), lambda told: told["status"] == "done")
    assert (plan["looked"], plan["devices"], plan["bytes"]) == (4, 2, 2 * len(b"image"))
    assert plan["versions"] == [{"version": "1.0", "devices": 2}]
    assert plan["vendors"] == [{"vendor": "alibaba", "devices": 2}]
    assert {each["code"]: (each["devices"], each["takes_part"]) for each in plan["kept"]} == {
        "already_there": (1, False), "version_unknown": (1, False)
    }  # fmt: skip
    assert [each["devices"] for each in plan["waves"]] == [1, 1, 0] and plan["minutes"] == 62
    assert plan["guard_needs"] == [{"offers": 2, "failures": 2}]
    assert v1.every("list_package_rollouts", package_id=given["package_id"]) == []
    rollout = v1.do("create_rollout", **wanted)["id"]
    done = until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: len(told.get("waves", ())) == 3)
    assert done["tasks"]["total"] == 2 and [each.get("size", 0) for each in done["waves"]] == [1, 1, 0]
    busy = v1.do("create_plan", **{**given, "package_id": given["package_id"]})
    plan = until(lambda: v1.do("show_plan", plan_id=busy["id"]), lambda told: told["status"] == "done")
    [left] = [each for each in plan["kept"] if each["code"] == "queued_behind"]
    assert left["busy_with"] == [{"rollout_id": rollout, "devices": 2}]


def test_a_plan_is_refused_as_a_rollout_is(v1: Api, given: dict[str, Any]) -> None:
    for wrong in (
        {"waves": [{"percent": 10}]},
        {"targets": {"all": True, "percent": 5}},
        {"package_id": "pkg_0"},
        {"finish_at": "2030-01-01T00:00:00Z"},
    ):
        one, other = (v1.refused(name, **{**given, **wrong}) for name in ("create_rollout", "create_plan"))
        assert (one.status, one.told.get("errors")) == (other.status, other.told.get("errors")), wrong
    assert v1.refused("create_plan", **given, away_days=0).error["parameter"] == "away_days"
    assert v1.refused("show_plan", plan_id="plan_0123456789abcdef").status == 404
