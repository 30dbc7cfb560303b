"""Careful rollouts over real HTTP and MQTT: waves, a person's word, and what was decided."""

from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.client import Server, unique, until
from acceptance.device import Device
from acceptance.upwell_audited import audited
from acceptance.upwell_client import Api, Refused, api

WAVES = [{"count": 1}, {"percent": 50}, {"percent": 100}]


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    """All that is done and refused in this module is in the audit."""
    asked = api(server, "careful")
    yield asked
    audited(server, asked)


@pytest.fixture
def given(v1: Api) -> dict[str, Any]:
    """Of a product of its own: a lot drawn among others' devices as well would often fall on one that is away."""
    product = v1.do("create_product", name=unique("lamp"))["id"]
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    return {"kind": "static", "product_id": product, "package_id": package, "targets": {"all": True}}


@pytest.fixture
def lamps(server: Server, v1: Api, given: dict[str, Any]) -> Iterator[list[Device]]:
    """Four, online, at 1.0."""
    made = [v1.do("create_device", product_id=given["product_id"], name=unique("d")) for _ in range(4)]
    found = [Device(server.mqtt, each["product_id"], each["name"], each["secret"]) for each in made]
    for lamp in found:
        lamp.inform("1.0")
    yield found
    for lamp in found:
        lamp.close()


def shown(v1: Api, rollout: str, **wanted: Any) -> dict[str, Any]:
    """The rollout, once it stands so."""
    return until(
        lambda: dict(v1.do("show_rollout", rollout_id=rollout)), lambda told: wanted.items() <= told.items()
    )  # fmt: skip


def statuses(told: dict[str, Any]) -> list[str]:
    return [wave["status"] for wave in told["waves"]]


def in_wave(v1: Api, rollout: str, lamps: list[Device], wave: int) -> list[Device]:
    tasks = v1.every("list_rollout_tasks", rollout_id=rollout)
    names = {task["device_name"] for task in tasks if task.get("wave") == wave}
    return [lamp for lamp in lamps if lamp.name in names]


def test_waves_open_one_after_the_other(v1: Api, given: dict[str, Any], lamps: list[Device]) -> None:
    made = v1.do("create_rollout", **given, waves=WAVES, same_devices_first=True)
    assert [(each["wave"], each.get("count"), each.get("percent")) for each in made["waves"]] == [
        (1, 1, None), (2, None, 50), (3, None, 100)
    ]  # fmt: skip
    rollout = made["id"]
    told = until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: statuses(told)[0] == "open")
    assert statuses(told) == ["open", "waiting", "waiting"] and told["same_devices_first"] is True
    assert [wave["size"] for wave in told["waves"]] == [1, 1, 2]
    assert told["happens_next"] == "Wave 2 opens when 1 more of wave 1 has a verdict."
    [first], [second], last = (in_wave(v1, rollout, lamps, wave) for wave in (1, 2, 3))
    assert first.offered()["version"] == "2.0"
    assert all(lamp.ask() == {} for lamp in (second, *last)), "not even to who asks"
    first.inform("2.0")
    assert second.offered()["version"] == "2.0"
    told = v1.do("show_rollout", rollout_id=rollout)
    assert statuses(told) == ["passed", "open", "waiting"] and told["waves"][0]["fine"] == 1
    second.progress(-1)
    told = until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: "a person" in told["happens_next"])
    for _ in range(2):
        assert statuses(v1.do("promote_rollout", rollout_id=rollout, wave=3, reason="a broken lamp"))[2] == "open"
    assert {lamp.offered()["version"] for lamp in last} == {"2.0"}
    found = v1.every("list_rollout_decisions", rollout_id=rollout, limit=1)
    assert [(each["what"], each["wave"], each.get("result")) for each in found] == [
        ("promoted", 3, None), ("opened", 2, "inconclusive"), ("opened", 1, None)
    ]  # fmt: skip
    assert (found[0]["by"], found[0]["reason"]) == (v1.token.rpartition("_")[0], "a broken lamp")
    assert found[0]["numbers"]["failed"] == 1
    for lamp in last:
        lamp.inform("2.0")
    told = shown(v1, rollout, status="completed")
    assert "happens_next" not in told and told["waves"][2]["fine"] == 2
    assert v1.refused("promote_rollout", rollout_id=rollout).code == "job-ended"


def test_what_is_refused_is_named(v1: Api, given: dict[str, Any]) -> None:
    whole = {"percent": 100}
    for waves, parameter in (
        ([], "waves"),
        ([{"percent": 10}], "waves[0]"),
        ([{"percent": 10}, {"percent": 10}, whole], "waves[1]"),
        ([{"percent": 10, "count": 1}, whole], "waves[0]"),
        ([{}, whole], "waves[0]"),
        ([{"count": 0}, whole], "waves[0].count"),
        ([{"percent": 0.5, "at_least": 5, "at_most": 4}, whole], "waves[0]"),
        ([{"share": 5}, whole], "waves[0].share"),
        ([whole, whole], "waves[1]"),
    ):
        refused = v1.refused("create_rollout", **given, waves=waves)
        assert refused.error["parameter"] == parameter, (waves, refused.error)
    assert v1.refused("create_rollout", **given, preset="slow").error["parameter"] == "preset"
    assert v1.refused("create_rollout", **given, preset="fast", waves=[whole]).error["parameter"] == "preset"
    assert v1.refused("create_rollout", **given, same_devices_first=True).error["parameter"] == "same_devices_first"
    for more in ({"kind": "verify", "targets": {"device_names": ["x"]}}, {"kind": "dynamic", "existing": False}):
        refused = v1.refused("create_rollout", **given | more, preset="careful")
        assert refused.error["parameter"] in ("preset", "existing")
    assert len(v1.every("list_package_rollouts", package_id=given["package_id"])) == 0, "nothing was made"


def test_a_person_steers(v1: Api, given: dict[str, Any], lamps: list[Device]) -> None:
    slow = [{"count": 1, "soak_min": 600}, {"percent": 100}]
    rollout = v1.do("create_rollout", **given, waves=slow)["id"]
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: statuses(told)[0] == "open")
    assert v1.refused("promote_rollout", rollout_id=rollout, wave=3).code == "wave-is-not-next"
    v1.do("pause_rollout", rollout_id=rollout)
    assert v1.refused("promote_rollout", rollout_id=rollout).code == "job-is-paused"
    v1.do("resume_rollout", rollout_id=rollout)
    [first] = in_wave(v1, rollout, lamps, 1)
    first.offered()
    first.inform("2.0")
    until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda told: "the soak" in told["happens_next"])
    v1.do("promote_rollout", rollout_id=rollout, skip_soak=True)
    assert statuses(v1.do("show_rollout", rollout_id=rollout))[1] in ("waiting", "open")
    assert all(lamp.offered() for lamp in lamps if lamp is not first)
    assert v1.refused("promote_rollout", rollout_id=rollout).code == "last-wave-is-open"
    v1.do("cancel_rollout", rollout_id=rollout)
    plain = v1.do("create_rollout", **given)["id"]
    assert v1.refused("promote_rollout", rollout_id=plain).code == "job-has-no-waves"
    assert v1.every("list_rollout_decisions", rollout_id=plain) == []
    v1.do("cancel_rollout", rollout_id=plain)


def test_waves_say_which_devices(v1: Api) -> None:
    """A group, a tag, and devices by name; what is said is shown, and what is said twice is refused."""
    product = v1.do("create_product", name=unique("lamp"))["id"]
    made = [v1.do("create_device", product_id=product, name=unique("d")) for _ in range(6)]
    v1.do("set_device_tags", device_id=made[1]["id"], tags={"ring": "1"})
    group = v1.do("create_group", name=unique("g"))["id"]
    v1.do("add_to_group", group_id=group, device_ids=[made[2]["id"], made[3]["id"]])
    package = v1.do("create_package", name=unique("fw"), version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"image"))["id"]  # fmt: skip
    said = [
        {"device_names": [made[0]["name"]], "soak_min": 5}, {"tag": {"key": "ring", "value": "1"}},
        {"group_id": group}, {"percent": 100},
    ]  # fmt: skip
    asked = {"kind": "static", "package_id": package, "product_id": product, "targets": {"all": True}}
    plan = v1.do("create_plan", **asked, waves=said)["id"]
    told = until(lambda: v1.do("show_plan", plan_id=plan), lambda found: found["status"] == "done")
    assert [wave["devices"] for wave in told["waves"]] == [1, 1, 2, 2]
    rollout = v1.do("create_rollout", **asked, waves=said)["id"]
    shown = until(
        lambda: v1.do("show_rollout", rollout_id=rollout)["waves"], lambda waves: all("size" in each for each in waves)
    )
    assert [wave["size"] for wave in shown] == [1, 1, 2, 2]
    names = ("device_names", "tag", "group_id", "percent")
    assert [{name: wave[name] for name in names if name in wave} for wave in shown] == [
        {name: wave[name] for name in names if name in wave} for wave in said
    ]
    v1.do("cancel_rollout", rollout_id=rollout)
    for wrong in (
        {"tag": {"key": "ring", "value": "1"}, "count": 1}, {"device_names": []}, {"tag": {"key": "ring"}},
        {"group_id": group, "at_least": 2},
    ):  # fmt: skip
        with pytest.raises(Refused):
            v1.do("create_rollout", **asked, waves=[wrong, {"percent": 100}])
