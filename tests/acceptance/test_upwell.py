"""Our own API over real HTTP: everything that it has is done, what is wrong is refused by name, and lists are whole."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from acceptance.client import Key, Server, ask, signed, unique, until
from acceptance.device import Device
from acceptance.upwell_audited import CHANGING, audited
from acceptance.upwell_client import Api, api

IMAGE = b"firmware of our own" * 500


@pytest.fixture(scope="module")
def v1(server: Server) -> Iterator[Api]:
    """All that is done and refused in this module is in the audit."""
    asked = api(server, "v1")
    asked.repeats = True
    yield asked
    audited(server, asked)


@pytest.fixture(scope="module")
def product(v1: Api) -> str:
    return str(v1.do("create_product", name=unique("lamp"))["id"])


@pytest.fixture(scope="module")
def package(v1: Api, product: str) -> str:
    return a_package(v1, product)


def a_package(v1: Api, product: str, version: str = "2.0", **more: Any) -> str:
    given = {"name": unique("fw"), "version": version, "product_id": product, "verify": False}
    return str(v1.do("create_package", upload_url=v1.upload(IMAGE), **given | more)["id"])


def a_device(v1: Api, product: str, **more: Any) -> dict[str, Any]:
    return dict(v1.do("create_device", product_id=product, name=unique("d"), **more))


def online(server: Server, made: dict[str, Any]) -> Device:
    return Device(server.mqtt, made["product_id"], made["name"], made["secret"])


def test_everything_that_there_is_is_done(server: Server, v1: Api) -> None:
    """A whole life, by every operation of the document."""
    space = v1.do("create_space", name="lab")["id"]
    assert v1.do("update_space", space_id=space, name="laboratory")["name"] == "laboratory"
    assert space in [each["id"] for each in v1.do("list_spaces")["items"]]
    product = v1.do("create_product", name=unique("lamp"), space_id=space)["id"]
    assert v1.do("update_product", product_id=product, name=unique("lamp"))["space_id"] == space
    assert [each["id"] for each in v1.every("list_products", space_id=space)] == [product]
    assert v1.do("show_product_secret", product_id=product)["secret"]
    with_modules(v1, product)
    with_registrations(v1, product)
    device = with_devices(v1, product)
    with_groups(v1, device)
    with_device_hours(v1)
    with_packages(v1, product)
    with_uploads(v1)
    with_imports(v1, product)
    with_rollouts(server, v1, product)
    with_limits(v1, product, device)
    with_keys(server, v1)
    others = with_people(server, v1)
    with_events(v1)
    with_hooks(v1)
    for each in v1.every("list_devices", product_id=product):
        v1.do("delete_device", device_id=each["id"])
    spare = v1.do("create_product", name=unique("spare"))["id"]
    v1.do("delete_product", product_id=spare)
    assert v1.refused("show_product", product_id=spare).code == "not-found"
    assert v1.refused("delete_space", space_id=space).error["parameter"] == "with_everything"
    v1.do("delete_space", space_id=space, with_everything=True)
    assert v1.refused("show_space", space_id=space).status == 404
    assert v1.refused("show_product", product_id=product).status == 404
    v1.do("show_space", space_id=v1.do("list_spaces")["items"][0]["id"])
    v1.do("show_product", product_id=v1.do("create_product", name=unique("last"))["id"])
    assert v1.do("list_audit", operation="revoke_key", limit=1)["items"][0]["result"] == "done"
    seen = v1.do("show_server")
    assert set(seen["checks"].values()) == {"ok"} and seen["certificates"] == [] and seen["disks"]
    assert v1.lines("export_audit", operation="revoke_key")[-1]["result"] == "done"
    assert v1.called.union(*(each.called for each in others)) == set(v1.operations)
    done = {each["operation"] for each in audited(server, v1) if each["result"] == "done"}
    assert done.union(*(each.done.values() for each in others)) == CHANGING and len(v1.secrets) > 10
    theirs = {request_id: operation for each in others for request_id, operation in each.done.items()}
    entries = [json.loads(line) for line in server.run("audit", "export").splitlines()]
    told = [(each["request_id"], each["operation"]) for each in entries if each["request_id"] in theirs]
    assert sorted(told) == sorted(theirs.items()), "one each, also of who signed in and of a server's admin"


def with_events(v1: Api) -> None:
    assert v1.do("update_event_settings", devices=True, keep_days=7)["keep_days"] == 7
    assert v1.do("show_event_settings")["devices"] is True
    assert v1.do("list_events", limit=1)["next_after"]


def with_hooks(v1: Api) -> None:
    """Where nothing answers: what is sent to whom, `test_deliveries` shows."""
    made = v1.do("create_hook", target_url="https://push.example/in?token=x", types=["upwell.task.ended"], name="CI")
    assert made["secret"].startswith("whsec_") and made["enabled"] and made["types"] == ["upwell.task.ended"]
    hook = made["id"]
    assert v1.do("show_event_settings")["devices"] is True
    assert v1.do("rotate_hook_secret", hook_id=hook, overlap_hours=1)["secret"] != made["secret"]
    assert v1.do("update_hook", hook_id=hook, all_types=True, name="all")["types"] == []
    assert v1.do("ping_hook", hook_id=hook)["id"] == hook
    [ping] = until(lambda: v1.every("list_deliveries", hook_id=hook), bool)
    assert ping["type"] == "upwell.hook.ping" and ping["status"] in ("waiting", "sending")
    whole = v1.do("show_delivery", hook_id=hook, event_id=ping["event_id"])
    assert json.loads(whole["body"])["id"] == ping["event_id"] and whole["target_url"] == made["target_url"]
    assert v1.refused("show_delivery", hook_id=hook, event_id="evt_0000000000000000").code == "not-found"
    v1.do("redeliver_events", hook_id=hook, event_ids=[ping["event_id"]])
    v1.do("redeliver_events", hook_id=hook, first=ping["event_id"], last=ping["event_id"])
    assert v1.do("update_hook", hook_id=hook, enabled=False)["enabled"] is False
    assert "secret" not in v1.do("show_hook", hook_id=hook)
    assert [each["id"] for each in v1.do("list_hooks")["items"]] == [hook]
    assert v1.refused("create_hook", target_url="http://127.0.0.1/").error["parameter"] == "target_url"
    assert v1.refused("create_hook", target_url="https://x.example/", types=["no"]).error["parameter"] == "types[0]"
    assert v1.refused("update_hook", hook_id=hook, types=[]).error["parameter"] == "types"
    for wrong in ({}, {"first": ping["event_id"]}, {"event_ids": [ping["event_id"]], "last": ping["event_id"]}):
        assert v1.refused("redeliver_events", hook_id=hook, **wrong).status == 400
    v1.do("delete_hook", hook_id=hook)
    assert v1.refused("show_hook", hook_id=hook).code == "not-found"
    v1.do("create_hook", target_url="https://push.example/", types=["upwell.rollout.ended"])


def with_modules(v1: Api, product: str) -> None:
    v1.do("create_module", product_id=product, name="mcu", alias="brain")
    assert v1.do("update_module", product_id=product, module="MCU", description="the large one")["alias"] == "brain"
    assert v1.do("show_module", product_id=product, module="mcu")["description"] == "the large one"
    assert [each["name"] for each in v1.do("list_modules", product_id=product)["items"]] == ["default", "mcu"]
    assert v1.refused("create_module", product_id=product, name="Mcu").code == "module-name-taken"
    v1.do("delete_module", product_id=product, module="mcu")


def with_registrations(v1: Api, product: str) -> None:
    names = [unique("reg") for _ in range(3)]
    checked = v1.do("register_devices", product_id=product, names=[*names, "no", names[0]])
    assert checked["status"] == "checked" and checked["invalid_names"] == ["no"]
    assert checked["repeated_names"] == [names[0]] and sorted(checked["names"]) == sorted(names[1:])
    which = {"product_id": product, "registration_id": checked["id"]}
    for _ in range(2):
        assert sorted(v1.do("make_registered_devices", **which)["names"]) == sorted(names[1:])
    assert v1.do("show_registration", **which)["asked"] == 5
    assert len(v1.do("register_devices", product_id=product, count=4)["names"]) == 4
    assert v1.do("count_devices", product_id=product) == {"devices": 6, "ever_online": 0, "online": 0}


def with_devices(v1: Api, product: str) -> str:
    chosen = unique("mine")
    made = v1.do("create_device", product_id=product, id=chosen, name="Eins", secret="a-secret-of-mine")
    assert (made["id"], made["secret"], made["status"]) == (chosen, "a-secret-of-mine", "never_online")
    assert v1.do("show_device_secret", device_id=chosen)["secret"] == "a-secret-of-mine"
    new = v1.do("reset_device_secret", device_id=chosen)["secret"]
    assert v1.do("show_device_secret", device_id=chosen)["secret"] == new != "a-secret-of-mine"
    changed = v1.do("update_device", device_id=chosen, nickname="lamp at home", enabled=False)
    assert (changed["nickname"], changed["status"], changed["enabled"]) == ("lamp at home", "disabled", False)
    assert [each["id"] for each in v1.every("list_devices", product_id=product, status="disabled")] == [chosen]
    assert v1.do("update_device", device_id=chosen, enabled=True)["enabled"]
    v1.do("set_device_tags", device_id=chosen, tags={"room": "kitchen", "floor": "1"})
    pairs = [(each["key"], each["value"], each["devices"], each["more"]) for each in v1.every("list_tags", limit=1)]
    assert pairs == [("floor", "1", 1, False), ("room", "kitchen", 1, False)]
    v1.do("delete_device_tag", device_id=chosen, key="floor")
    assert v1.do("show_device", device_id=chosen)["tags"] == {"room": "kitchen"}
    assert v1.refused("delete_device_tag", device_id=chosen, key="floor").code == "not-found"
    found = v1.every("list_devices", product_id=product, tag_key="room", tag_value="kitchen")
    assert [each["id"] for each in found] == [chosen] and "secret" not in found[0]
    return chosen


def with_groups(v1: Api, device: str) -> None:
    group = v1.do("create_group", name=unique("group"))["id"]
    assert v1.do("update_group", group_id=group, description="some")["description"] == "some"
    assert group in [each["id"] for each in v1.every("list_groups", kind="static")]
    below = v1.do("create_group", name=unique("below"), super_group_id=group)["id"]
    assert [each["id"] for each in v1.every("list_groups", super_group_id=group)] == [below]
    assert v1.refused("delete_group", group_id=group).code == "group-has-sub-groups"
    v1.do("delete_group", group_id=below)
    fits = v1.do("preview_group", condition={"all_of": [{"field": "product_id", "values": ["nobody"]}]})
    assert fits["fits"] == 0 and fits["examples"] == []
    assert v1.do("add_to_group", group_id=group, device_ids=[device]) == {"changed": 1, "already": 0}
    refused = v1.refused("add_to_group", group_id=group, device_ids=[device, "nobody"])
    assert refused.code == "not-found" and "nobody" in refused.told["detail"]
    assert [each["id"] for each in v1.every("list_group_members", group_id=group)] == [device]
    assert [each["id"] for each in v1.do("list_device_groups", device_id=device)["items"]] == [group]
    assert v1.do("show_group", group_id=group)["devices"]["devices"] == 1
    assert v1.do("remove_from_group", group_id=group, device_id=device)["changed"] == 1
    v1.do("delete_group", group_id=group)


def with_packages(v1: Api, product: str) -> None:
    package = a_package(v1, product, "1.5", description="the first", source_versions=["1.0", "1.1"])
    shown = v1.do("show_package", package_id=package)
    assert (shown["status"], shown["size"], shown["source_versions"]) == ("exempt", len(IMAGE), ["1.0", "1.1"])
    changed = v1.do("update_package", package_id=package, name=unique("named"), note="for the device")
    assert changed["note"] == "for the device" and changed["description"] == "the first"
    assert [each["id"] for each in v1.every("list_packages", product_id=product, version="1.5")] == [package]
    v1.do("delete_package", package_id=package)
    assert v1.refused("show_package", package_id=package).status == 404
    delta = v1.do("create_package", name=unique("d"), version="2", upload_url=v1.upload(IMAGE), delta_from="1",
                  product_id=product)  # fmt: skip
    assert (delta["is_delta"], delta["source_version"], delta["status"]) == (True, "1", "unverified")


def with_imports(v1: Api, product: str) -> None:
    begun = v1.send("create_import", b"name\nlisted\n,\n", product_id=product)
    until(lambda: v1.do("show_import", import_id=begun["id"]), lambda told: told["status"] == "done")
    assert [each["row"] for each in v1.every("list_import_problems", import_id=begun["id"])] == [3]
    assert begun["id"] in [each["id"] for each in v1.every("list_imports")]
    assert v1.lines("list_import_devices", import_id=begun["id"])[0]["name"] == "listed"
    assert "listed" in [each["name"] for each in v1.lines("export_devices", product_id=product)]
    other = v1.send("create_import", b"name\n" + b"\n" * 200_000, product_id=product)
    assert v1.do("cancel_import", import_id=other["id"])["status"] == "canceled"


def with_device_hours(v1: Api) -> None:
    given = {"zone": "UTC", "open": [{"from": "22:00", "to": "04:00"}]}
    made = v1.do("create_device_hours", tag={"key": "line", "value": "9"}, hours=given)["id"]
    assert [each["id"] for each in v1.do("list_device_hours")["items"]] == [made]
    changed = v1.do("update_device_hours", hours_id=made, hours=given | {"zone": "Asia/Shanghai"})
    assert v1.do("show_device_hours", hours_id=made) == changed and changed["hours"]["zone"] == "Asia/Shanghai"
    v1.do("delete_device_hours", hours_id=made)


def with_uploads(v1: Api) -> None:
    for image in (b"one", b"another"):
        upload = v1.do("create_upload", size=len(image))["id"]
        v1.send("put_upload_part", image, upload_id=upload, number=1)
        assert v1.do("show_upload", upload_id=upload)["received"][0]["size"] == len(image)
    v1.do("delete_upload", upload_id=upload)
    other = v1.do("create_upload", size=1)["id"]
    v1.send("put_upload_part", b"1", upload_id=other, number=1)
    assert v1.do("complete_upload", upload_id=other)["status"] == "checking"


def with_rollouts(server: Server, v1: Api, product: str) -> None:
    package, made = a_package(v1, product), [a_device(v1, product) for _ in range(3)]
    device = online(server, made[0])
    device.inform("1.0")
    names = [each["name"] for each in made]
    rollout = v1.do(
        "create_rollout", kind="static", package_id=package, product_id=product, targets={"device_names": names},
        needs_confirmation=True, tags={"why": "test"}, retry={"count": 1, "interval_min": 0}, timeout_min=60,
    )["id"]  # fmt: skip
    tasks = v1.every("list_rollout_tasks", rollout_id=rollout)
    assert {each["state"] for each in tasks} == {"confirm"} and len(tasks) == 3
    mine = next(each for each in tasks if each["device_name"] == names[0])
    assert v1.do("confirm_tasks", rollout_id=rollout, task_ids=[mine["id"]]) == {"changed": 1}
    assert device.offered()["version"] == "2.0"
    device.progress(40)
    [seen] = v1.every("list_device_tasks", device_id=made[0]["id"], state="in_progress")
    assert (seen["id"], seen["progress"], seen["source_version"]) == (mine["id"], 40, "1.0")
    paused = v1.do("pause_rollout", rollout_id=rollout, reason="a look at the first")["paused"]
    assert (paused["by"], paused["reason"]) == (v1.token.rpartition("_")[0], "a look at the first")
    assert v1.do("show_rollout", rollout_id=rollout)["paused"] == paused
    device.inform("2.0")
    assert v1.do("show_device", device_id=made[0]["id"])["versions"] == {"default": "2.0"}
    assert "paused" not in v1.do("resume_rollout", rollout_id=rollout)
    assert v1.every("list_device_timeline", device_id=made[0]["id"])
    assert v1.do("show_device", device_id=made[0]["id"])["last_heard_at"]
    v1.every("list_version_history", product_id=product, module="default", limit=1)
    v1.every("list_refused_logins", name="nobody", limit=1)
    v1.do("reset_device", device_id=made[0]["id"])
    assert v1.do("show_device", device_id=made[0]["id"])["versions"] == {}
    shown = v1.do("show_rollout", rollout_id=rollout)
    counts = {state: count for state, count in shown["tasks"].items() if count}
    assert counts == {"confirm": 2, "succeeded": 1, "total": 3} and len(shown["tasks"]) == 8
    assert v1.do("list_rollout_failures", rollout_id=rollout) == {"items": []}
    assert until(lambda: v1.do("list_rollout_course", rollout_id=rollout)["items"], bool)[0]["at"]
    assert v1.do("update_rollout", rollout_id=rollout, maximum_per_min=7)["tags"] == {"why": "test"}
    assert v1.do("count_waiting", rollout_id=rollout, from_version="0.1") == {"devices": 0, "whole": True}
    assert v1.do("cancel_rollout", rollout_id=rollout) == {"changed": 2}
    over = until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda shown: shown["status"] == "completed")
    assert over["tasks"]["canceled"] == 2 and over["tasks"]["total"] == 3
    assert v1.do("retry_tasks", rollout_id=rollout, task_ids=[tasks[1]["id"]] if tasks[1] != mine else
                 [tasks[0]["id"]]) == {"changed": 1}  # fmt: skip
    for name, which in (
        ("list_rollouts", {}),
        ("list_rollouts", {"space_id": v1.do("show_product", product_id=product)["space_id"]}),
        ("list_package_rollouts", {"package_id": package}),
        ("list_device_rollouts", {"device_id": made[0]["id"]}),
    ):
        assert rollout in [each["id"] for each in v1.every(name, **which)]
    assert v1.refused("delete_package", package_id=package).code == "package-has-running-job"
    v1.do("cancel_rollout", rollout_id=rollout)
    standing = v1.do("create_rollout", kind="dynamic", package_id=package, product_id=product, targets={"all": True},
                     source_versions=["0.9"], existing=False)  # fmt: skip
    assert (standing["existing"], standing["source_versions"]) == (False, ["0.9"])
    v1.do("end_rollout", rollout_id=standing["id"])
    assert v1.refused("end_rollout", rollout_id=standing["id"]).code == "job-ended"
    in_waves = v1.do("create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True},
                     preset="careful")["id"]  # fmt: skip
    until(lambda: v1.every("list_rollout_decisions", rollout_id=in_waves), bool)
    assert v1.do("promote_rollout", rollout_id=in_waves, wave=2)["waves"][1]["status"] == "open"
    v1.do("cancel_rollout", rollout_id=in_waves)
    assert v1.do("plan_rollback", rollout_id=rollout)["parts"][0]["not_possible"] == "no_package"
    assert v1.refused("start_rollback", rollout_id=rollout, devices=1).code == "nothing-to-roll-back"
    before = a_package(v1, product, version="1.0")
    assert v1.do("show_rollback", rollout_id=rollout)["parts"][0]["package_id"] == before
    assert v1.do("start_rollback", rollout_id=rollout, devices=1)["status"] == "started"
    plan = v1.do("create_plan", kind="static", package_id=package, product_id=product, targets={"all": True})["id"]
    told = until(lambda: v1.do("show_plan", plan_id=plan), lambda told: told["status"] == "done")
    assert told["looked"] >= 3 and told["package_id"] == package
    assert v1.do("explain_device", device_id=made[0]["id"], rollout_id=rollout)["checks"]
    reasons = until(lambda: v1.do("list_rollout_reasons", rollout_id=rollout), lambda told: told["status"] == "done")
    assert reasons["looked"] == 3
    device.close()


def with_keys(server: Server, v1: Api) -> None:
    made = v1.do("create_key", role="viewer", days=3)
    other = Api(address=server.http, token=made["secret"])
    assert other.do("list_products")["items"]
    assert v1.do("show_key", key_id=made["id"])["role"] == "viewer"
    listed = {each["id"]: each for each in v1.do("list_keys")["items"]}
    assert listed[made["id"]].keys() >= {"expires_at", "last_used_at"} and made["secret"] not in json.dumps(listed)
    assert other.refused("list_keys").code == "not-allowed"
    v1.do("revoke_key", key_id=made["id"])
    assert other.refused("list_products").code == "not-authenticated"


def test_all_of_a_rollout_is_steered_by_one_request(v1: Api, product: str, package: str) -> None:
    names = [a_device(v1, product)["name"] for _ in range(3)]
    given = {"kind": "static", "package_id": package, "product_id": product, "needs_confirmation": True}
    rollout = v1.do("create_rollout", **given, targets={"device_names": names})["id"]
    [one, *_] = [each["id"] for each in v1.every("list_rollout_tasks", rollout_id=rollout)]
    for name in ("confirm_tasks", "retry_tasks"):
        assert v1.refused(name, rollout_id=rollout).code == "missing-value"
        assert v1.refused(name, rollout_id=rollout, task_ids=[one], all=True).code == "invalid-value"
        assert v1.refused(name, rollout_id=rollout, all=False).error["parameter"] == "all"
        assert v1.refused(name, rollout_id=rollout, task_ids=[]).error["parameter"] == "task_ids"
    assert v1.do("confirm_tasks", rollout_id=rollout, task_ids=[one]) == {"changed": 1}
    assert v1.do("confirm_tasks", rollout_id=rollout, all=True) == {"changed": 2}
    assert v1.do("show_rollout", rollout_id=rollout)["tasks"]["queued"] == 3
    assert v1.do("cancel_rollout", rollout_id=rollout)["changed"] == 3
    assert v1.do("retry_tasks", rollout_id=rollout, all=True) == {"changed": 0}, "none of them failed"
    assert v1.do("show_rollout", rollout_id=rollout)["tasks"]["canceled"] == 3


def with_approvals(v1: Api, approver: Api, product: str) -> None:
    """What the account's defaults have wait is decided by who did not make it."""
    v1.do("create_device", product_id=product, name=unique("d"))
    v1.do("update_rollout_defaults", rollout_defaults={"approval": {}})
    assert v1.do("show_rollout_defaults")["rollout_defaults"]["approval"]["required"] is True
    package = v1.do("create_package", name=unique("fw"), version="9.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"to be approved"))["id"]  # fmt: skip
    given = {"kind": "static", "product_id": product, "package_id": package, "targets": {"all": True}}
    one, other = [v1.do("create_rollout", **given)["id"] for _ in range(2)]
    assert approver.do("approve_rollout", rollout_id=one)["status"] == "in_progress"
    assert approver.do("refuse_rollout", rollout_id=other, remark="one is enough")["status"] == "canceled"
    v1.do("update_rollout_defaults", rollout_defaults={})


def with_limits(v1: Api, product: str, device: str) -> None:
    """Where nothing has failed; what they do, `test_upwell_aside` and `test_shared_limits` show."""
    assert v1.do("update_limits", maximum_per_min=5000)["maximum_per_min"] == 5000
    told = v1.do("update_limits", bytes_per_s=100_000_000)
    assert (told["maximum_per_min"], told["bytes_per_s"]) == (5000, 100_000_000), "what is not said stays"
    assert v1.do("update_product_limits", product_id=product, at_once=500)["at_once"] == 500
    told = v1.do("update_product_limits", product_id=product, maximum_per_min=800)
    assert (told["maximum_per_min"], told["at_once"]) == (800, 500)
    assert v1.do("show_product_limits", product_id=product)["at_once"] == 500
    assert v1.do("update_limits") == v1.do("show_limits") == {"spent": 0}
    assert v1.do("count_set_aside", product_id=product) == {"devices": 0, "reasons": []}
    assert v1.do("release_devices", devices=1, product_id=product) == {"released": 0, "left": 0}
    assert "set_aside" not in v1.do("release_device", device_id=device)
    assert v1.do("show_attention", product_id=product)["set_aside_devices"] == 0


def with_people(server: Server, v1: Api) -> tuple[Api, ...]:
    """By an admin's key, a server admin's key, and somebody who signed in."""
    made = v1.do("create_user", name="ann", password="a-Password-of-ann", role="operator")
    assert v1.do("update_user", user_id=made["id"], role="admin")["role"] == "admin"
    assert v1.do("show_user", user_id=made["id"])["name"] in [each["name"] for each in v1.do("list_users")["items"]]
    nobody = Api(address=server.http, token="")
    session = nobody.do("create_session", account="v1", name="ann", password="a-Password-of-ann")
    ann = Api(address=server.http, token=session["token"], repeats=True)
    me = ann.do("show_me")
    assert (me["kind"], me["id"], me["name"], me["role"]) == ("user", made["id"], "ann", "admin")
    assert v1.do("show_me")["account_id"] == me["account_id"] and v1.do("show_me")["kind"] == "key"
    with_approvals(v1, ann, ann.do("create_product", name=unique("hers"))["id"])
    own = ann.do("create_own_key")
    assert [each["id"] for each in ann.do("list_own_keys")["items"]] == [own["id"]]
    ann.do("revoke_own_key", key_id=own["id"])
    ends = nobody.do("create_session", account="v1", name="ann", password="a-Password-of-ann")["id"]
    assert ends in {each["id"] for each in v1.do("list_sessions", user_id=made["id"])["items"]}
    v1.do("close_session", session_id=ends)
    ends = nobody.do("create_session", account="v1", name="ann", password="a-Password-of-ann")["id"]
    assert ends in {each["id"] for each in ann.do("list_own_sessions")["items"]}
    ann.do("close_own_session", session_id=ends)
    ann.do("change_password", current_password="a-Password-of-ann", new_password="another-of-ann")
    ann.do("end_session")
    assert ann.refused("show_me").code == "not-authenticated"
    session = nobody.do("create_session", account="v1", name="ann", password="another-of-ann")
    again = Api(address=server.http, token=session["token"], repeats=True)
    again.do("end_sessions")
    assert again.refused("show_me").code == "not-authenticated"
    ann.called |= again.called
    ann.done |= again.done
    spare = v1.do("create_user", name=unique("bob"), password="a-Password-of-bob", role="viewer")
    v1.do("delete_user", user_id=spare["id"])
    root = Api(address=server.http, token=server_admin(server, "v1"), repeats=True)
    account = root.do("create_account", name=unique("new"))
    assert Api(address=server.http, token=account["key"]["secret"]).do("show_me")["account_id"] == account["id"]
    assert account["id"] in {each["id"] for each in root.every("list_accounts", limit=200)}
    renamed = root.do("update_account", account_id=account["id"], name=unique("other"))
    assert root.do("show_account", account_id=account["id"])["name"] == renamed["name"] != account["name"]
    audited(server, root)
    entries = [json.loads(line) for line in server.run("audit", "export").splitlines()]
    hers = [each for each in entries if (each["who"], each["account"]) == ("user ann", "v1")]
    told = {each["request_id"]: each["operation"] for each in hers}
    assert told == ann.done | nobody.done and "a-Password" not in json.dumps(entries)
    return ann, nobody, root


def server_admin(server: Server, account: str) -> str:
    """The token of a server's admin, which is made on the server alone."""
    made = server.run("key", "create", "--json", "--account", account, "--dialect", "upwell", "--role", "admin",
                      "--server-admin")  # fmt: skip
    return str(json.loads(made)["secret"])


# --- who asks -------------------------------------------------------------------------------------------------------


def test_only_a_live_token_opens_anything(server: Server, v1: Api, product: str) -> None:
    vendors = server.new_key("v1", "admin")
    head, _, tail = v1.token.rpartition("_")
    wrong = (
        "", f"Bearer {head}", f"Bearer {head}_", f"Bearer {head}_{'x' * len(tail)}", f"Bearer {v1.token}x",
        f"Basic {v1.token}", f"Bearer {vendors.id}_{vendors.secret}", f"Bearer {vendors.secret}", v1.token,
    )  # fmt: skip
    for text in wrong:
        got = httpx.get(f"http://{server.http}/v1/products", headers={"Authorization": text} if text else {})
        assert (got.status_code, got.headers["www-authenticate"]) == (401, 'Bearer realm="upwell"'), text
        assert got.json()["type"] == "/v1/docs/problems#not-authenticated"
    got = httpx.get(f"http://{server.http}/v1/products", headers={"Authorization": f"bearer  {v1.token}"})
    assert got.status_code == 200, "the scheme has no case (RFC 9110)"
    log = (server.data_dir / "serve.log").read_text()
    assert v1.token not in log and tail not in log and head in log


def test_a_token_signs_nothing_of_the_vendors(server: Server, v1: Api) -> None:
    """A key of ours is as unknown to them as one that does not exist."""
    head = v1.token.rpartition("_")[0]
    asked = signed(Key(id=head, secret=v1.token), "QueryProductList", CurrentPage="1", PageSize="5")
    assert ask(server.http, asked)[1]["Code"] == "InvalidAccessKeyId.NotFound"
    told = {"Authorization": f"SDK-HMAC-SHA256 Access={head}, SignedHeaders=host, Signature=00"}
    assert httpx.get(f"http://{server.http}/v5/iot/x/products", headers=told).status_code == 401


FOR_ALL = {
    "create_session",
    "end_session",
    "end_sessions",
    "change_password",
    "create_own_key",
    "revoke_own_key",
    "close_own_session",
}  # a viewer too may do these


def test_roles_and_accounts_are_kept_apart(server: Server, v1: Api, product: str, package: str) -> None:
    viewer, stranger = api(server, "v1", "viewer"), api(server, "v1-other")
    device = a_device(v1, product)
    for name, (_, path, row) in v1.operations.items():
        if row.get("security") == []:
            continue  # whoever it is
        role = re.search(r"Needs the role (\w+)", row["description"])
        assert role
        ids = dict.fromkeys(re.findall(r"{(\w+)}", path), "x")
        if role[1] != "viewer":
            assert viewer.refused(name, **ids).code == "not-allowed", name
    assert {(each["operation"], each["result"]) for each in audited(server, viewer)} == {
        (name, "not-allowed") for name in CHANGING - FOR_ALL
    }
    assert viewer.do("show_device", device_id=device["id"])["id"] == device["id"]
    assert stranger.do("list_products")["items"] == stranger.do("list_devices")["items"] == []
    for name, which in (
        ("show_product", {"product_id": product}),
        ("show_device", {"device_id": device["id"]}),
        ("show_device_secret", {"device_id": device["id"]}),
        ("show_package", {"package_id": package}),
        ("list_package_rollouts", {"package_id": package}),
        ("list_device_tasks", {"device_id": device["id"]}),
        ("list_devices", {"product_id": product}),
    ):
        assert stranger.refused(name, **which).code == "not-found", name


# --- what is asked --------------------------------------------------------------------------------------------------


def told(v1: Api, method: str, path: str, **more: Any) -> tuple[int, str, Any]:
    """Status, code and the parameter that is named."""
    got = v1.ask(method, f"/v1{path}", **more)
    members = got.json()
    assert got.headers["content-type"] == "application/problem+json"
    errors = members.get("errors") or [{"parameter": None}]
    return got.status_code, members["type"].partition("#")[2], errors[0]["parameter"]


def test_what_is_not_understood_is_refused_by_name(v1: Api) -> None:
    unknown, invalid, missing = (400, "unknown-name"), (400, "invalid-value"), (400, "missing-value")
    assert told(v1, "GET", "/products?limt=5") == (*unknown, "limt")
    assert told(v1, "GET", "/products?limit=5&limit=5") == (*invalid, "limit")
    assert told(v1, "GET", "/products?limit=") == (*invalid, "limit")
    assert told(v1, "GET", "/products?limit=201") == (*invalid, "limit")
    assert told(v1, "GET", "/products?limit=+5") == (*invalid, "limit")
    assert told(v1, "GET", "/products?cursor=abc") == (*invalid, "cursor")
    assert told(v1, "GET", "/products", content=b"{}") == (*invalid, "body")
    assert told(v1, "POST", "/products", json={}) == (*missing, "name")
    assert told(v1, "POST", "/products", json={"name": None}) == (*invalid, "name")
    assert told(v1, "POST", "/products", json={"name": "x", "nmae": "y"}) == (*unknown, "nmae")
    assert told(v1, "POST", "/products", json=["name"]) == (*invalid, "body")
    assert told(v1, "POST", "/products", content=b'{"name": "a", "name": "b"}') == (*invalid, "name")
    assert told(v1, "POST", "/products", content=b"\0") == (*invalid, "body")
    assert told(v1, "POST", "/products", content=b'{"name": "\x01"}') == (*invalid, "body")
    assert told(v1, "POST", "/products?name=x", json={"name": "x"}) == (*unknown, "name")
    assert told(v1, "GET", "/rollouts/grp_0000000000000001") == (404, "not-found", None)
    assert told(v1, "GET", "/nothing") == (404, "no-such-operation", None)
    for name in ("If-Unmodified-Since", "If-Match", "If-None-Match"):  # whoever sends it relies on it
        assert told(v1, "POST", "/products", json={"name": "x"}, headers={name: "k"}) == (*invalid, name)
    got = v1.ask("PUT", "/v1/products")
    assert (got.status_code, got.headers["allow"]) == (405, "GET, HEAD, POST")
    got = v1.ask("HEAD", "/v1/products")
    assert (got.status_code, got.content) == (200, b"") and int(got.headers["content-length"]) > 2


def test_which_devices_are_meant_is_always_said(v1: Api, product: str, package: str) -> None:
    """And what would mean others, or go otherwise, makes nothing."""
    name = a_device(v1, product)["name"]
    static = {"kind": "static", "package_id": package, "product_id": product}
    dynamic, verify = static | {"kind": "dynamic"}, static | {"kind": "verify"}
    wrong: list[tuple[dict[str, Any], str]] = [
        (static, "targets"),
        (static | {"targets": {}}, "targets"),
        (static | {"targets": {"all": False}}, "targets.all"),
        (static | {"targets": {"device_name": [name]}}, "targets.device_name"),
        (static | {"targets": {"all": True, "device_names": [name]}}, "targets"),
        (static | {"targets": {"device_names": []}}, "targets.device_names"),
        (static | {"targets": {"percent": 0}}, "targets.percent"),
        (static | {"targets": {"percent": 10.0001}}, "targets.percent"),
        (static | {"targets": {"all": True}, "source_version": ["1"]}, "source_version"),
        (static | {"targets": {"all": True}, "source_versions": []}, "source_versions"),
        (static | {"targets": {"device_names": [name]}, "source_versions": ["1"]}, "source_versions"),
        (static | {"targets": {"all": True}, "existing": False}, "existing"),
        (static | {"targets": {"all": True}, "finish_at": "2030-01-01T00:00:00Z"}, "finish_at"),
        (static | {"targets": {"all": True}, "scheduled_at": "2030-02-30T00:00:00Z"}, "scheduled_at"),
        (static | {"targets": {"all": True}, "scheduled_at": "2020-01-01T00:00:00Z"}, "scheduled_at"),
        (static | {"targets": {"all": True}, "retry": {"count": 1}}, "retry.interval_min"),
        (static | {"targets": {"all": True}, "overwrite": True, "multi_module": True}, "overwrite"),
        (dynamic | {"targets": {"device_names": [name]}}, "targets.device_names"),
        (dynamic | {"targets": {"percent": 5}}, "targets.percent"),
        (dynamic | {"targets": {"all": True}, "scheduled_at": "2030-01-01T00:00:00Z"}, "scheduled_at"),
        (verify | {"targets": {"all": True}}, "targets.all"),
        (verify | {"targets": {"device_names": [name]}, "overwrite": True}, "overwrite"),
    ]
    before = len(v1.every("list_rollouts"))
    for given, parameter in wrong:
        refused = v1.refused("create_rollout", **given)
        assert (refused.status, refused.error["parameter"]) == (400, parameter), given
        assert all(refused.error[each] for each in ("check", "problem", "try"))
    stray = v1.refused("create_rollout", **static, targets={"device_names": [name, "nobody"]})
    assert stray.code == "not-found" and "nobody" in stray.told["detail"]
    assert len(v1.every("list_rollouts")) == before


def test_each_way_to_say_which_devices(server: Server, v1: Api) -> None:
    product = v1.do("create_product", name=unique("ways"))["id"]
    made = [a_device(v1, product) for _ in range(4)]
    names, ids = [each["name"] for each in made], [each["id"] for each in made]
    package = a_package(v1, product, verify=True)
    given = {"package_id": package, "product_id": product}
    assert v1.refused("create_rollout", kind="static", **given, targets={"all": True}).code == "package-not-verified"
    # verify tries it, and its success makes the package ready
    tried = v1.do("create_rollout", kind="verify", **given, targets={"device_names": names[:1]})["id"]
    device = online(server, made[0])
    device.inform("1.0")
    device.offered()
    device.inform("2.0")
    device.close()
    assert until(lambda: v1.do("show_package", package_id=package)["status"], "verified".__eq__) == "verified"
    assert v1.do("show_rollout", rollout_id=tried)["kind"] == "verify"

    def chosen(selected_by: str, targets: dict[str, Any], count: int, **more: Any) -> set[str]:
        """The devices of a static rollout, which is cancelled then."""
        rollout = v1.do("create_rollout", kind="static", **given, targets=targets, **more)
        assert rollout["selected_by"] == selected_by
        which = {"rollout_id": rollout["id"]}
        shown = until(lambda: v1.do("show_rollout", **which), lambda shown: shown["tasks"]["total"] == count)
        assert shown["tasks"]["total"] == count
        v1.do("cancel_rollout", **which)
        return {each["device_id"] for each in v1.every("list_rollout_tasks", **which)}

    listed = v1.upload("\n".join(["DeviceName", *names[2:]]).encode(), suffix="csv", purpose="devices")
    assert chosen("devices", {"list_url": listed}, 2) == set(ids[2:])
    assert v1.refused("create_rollout", kind="static", **given, targets={"list_url": listed}).code == "file-used"
    assert chosen("percent", {"percent": 100}, 3) == set(ids[1:]), "the first runs 2.0"
    assert chosen("all", {"all": True}, 3) == set(ids[1:])
    group = v1.do("create_group", name=unique("ways"))["id"]
    v1.do("add_to_group", group_id=group, device_ids=ids[1:2])
    assert chosen("group", {"group_id": group}, 1) == {ids[1]}
    refused = v1.refused("create_rollout", kind="dynamic", **given, targets={"group_id": group})
    assert refused.code == "group-kind-mismatch"


def test_a_planned_rollout_is_shown_so_and_cancelled_whole(v1: Api, product: str, package: str) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    rollout = v1.do(
        "create_rollout", kind="static", package_id=package, product_id=product, targets={"all": True},
        scheduled_at=at.isoformat(), finish_at=(at + timedelta(hours=3)).isoformat(),
    )  # fmt: skip
    assert (rollout["status"], rollout["scheduled_at"]) == ("planned", f"{at:%Y-%m-%dT%H:%M:%S}.000Z")
    assert "started_at" not in rollout
    which = {"rollout_id": rollout["id"]}
    v1.do("cancel_rollout", **which, states=["queued"])
    assert v1.do("show_rollout", **which)["status"] == "planned", "states speak of tasks, and it has none yet"
    v1.do("cancel_rollout", **which)
    assert v1.do("show_rollout", **which)["status"] == "canceled"


def test_tasks_are_steered_within_their_rollout_alone(v1: Api, product: str, package: str) -> None:
    made = [a_device(v1, product)["name"] for _ in range(2)]
    given = {"kind": "static", "package_id": package, "product_id": product, "needs_confirmation": True}
    one, other = (
        v1.do("create_rollout", **given, targets={"device_names": [name]})["id"] for name in made
    )  # fmt: skip
    [task] = v1.every("list_rollout_tasks", rollout_id=other)
    for name in ("confirm_tasks", "retry_tasks"):
        refused = v1.refused(name, rollout_id=one, task_ids=[task["id"]])
        assert refused.code == "not-found" and task["id"] in refused.told["detail"]
        assert v1.refused(name, rollout_id=one, task_ids=[]).error["parameter"] == "task_ids"
    assert v1.refused("retry_tasks", rollout_id=other, task_ids=[task["id"]]).code == "task-not-repeatable"
    assert v1.refused("cancel_rollout", rollout_id=other, states=[]).error["parameter"] == "states"
    assert v1.do("cancel_rollout", rollout_id=other, states=["queued"]) == {"changed": 0}
    assert v1.do("show_rollout", rollout_id=other)["tasks"]["confirm"] == 1
    for each in (one, other):
        v1.do("cancel_rollout", rollout_id=each)


def test_uploads_that_are_not_what_was_said_make_no_package(v1: Api, product: str) -> None:
    url = v1.upload(IMAGE)
    given = {"name": unique("fw"), "version": "3.0", "product_id": product, "upload_url": url}
    assert v1.refused("create_package", **given, sha256="0" * 64).status == 400
    assert v1.refused("create_package", **given, size=5).error["parameter"] == "size"
    assert v1.refused("create_package", **given | {"upload_url": url[:-6] + "zz.bin"}).code == "not-found"
    v1.do("create_package", **given, size=len(IMAGE))
    assert v1.refused("create_package", **given | {"name": unique("fw")}).code == "file-used"


def test_a_package_of_several_files(v1: Api, product: str) -> None:
    images = {"boot.bin": b"boot" * 100, "app.bin": b"app" * 100}
    files = [{"name": name, "upload_url": v1.upload(image), "size": len(image)} for name, image in images.items()]
    given = {"name": unique("fw"), "version": "4.0", "product_id": product}
    again = [files[0], files[1] | {"name": "boot.bin"}]
    assert v1.refused("create_package", **given, files=again).error["parameter"] == "files"
    assert v1.refused("create_package", **given, files=[]).error["parameter"] == "files"
    assert v1.refused("create_package", **given, files=files, md5="0" * 32).error["parameter"] == "md5"
    assert v1.refused("create_package", **given, files=files, upload_url="x").status == 400
    assert v1.refused("create_package", **given).code == "missing-value"
    wrong = [files[0] | {"sha256": "0" * 64}, files[1]]
    assert v1.refused("create_package", **given, files=wrong).error["parameter"] == "files"
    made = v1.do("create_package", **given, files=files, verify=False)
    assert {each["name"]: each["size"] for each in made["files"]} == {n: len(image) for n, image in images.items()}
    assert made["size"] == sum(map(len, images.values())) and "sha256" not in made


def test_a_package_of_an_object_in_a_bucket(server: Server, v1: Api, product: str, tmp_path: Path) -> None:
    image, key = b"object of ours" * 100, f"{unique('o')}/image.fw"
    (tmp_path / "image").write_bytes(image)
    server.run("object", "put", "--bucket", "ours", "--key", key, "--account", "v1", str(tmp_path / "image"))
    given = {"name": unique("fw"), "version": "5.0", "product_id": product}
    place = {"bucket": "ours", "key": key}
    assert v1.refused("create_package", **given, object=place | {"key": "none"}).error["parameter"] == "object.key"
    assert v1.refused("create_package", **given, object=place, verify=True).error["parameter"] == "verify"
    assert v1.refused("create_package", **given, object=place, size=5).error["parameter"] == "size"
    sign = hashlib.sha256(image).hexdigest()
    made = v1.do("create_package", **given, object=place | {"sha256": sign})
    assert (made["object"], made["status"]) == ({"region": "any", **place}, "exempt")
    which = {"package_id": made["id"]}
    shown = until(lambda: v1.do("show_package", **which), lambda shown: shown["object_state"] == "ok")
    assert (shown["object_state"], shown["size"], shown["sha256"]) == ("ok", len(image), sign)
    other = v1.do("create_package", **given | {"name": unique("fw")}, object=place | {"sha256": "0" * 64})["id"]
    seen = until(lambda: v1.do("show_package", package_id=other), lambda shown: shown["object_state"] == "differs")
    assert seen["object_state"] == "differs"
    rollout = {"kind": "static", "package_id": other, "product_id": product, "targets": {"all": True}}
    assert v1.refused("create_rollout", **rollout).code == "package-object-lost"


# --- lists ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowd(v1: Api) -> Iterator[str]:
    """A product with 40 devices."""
    product = v1.do("create_product", name=unique("crowd"))["id"]
    v1.do("register_devices", product_id=product, count=40)
    yield product


def test_lists_are_whole_however_they_are_read(v1: Api, crowd: str) -> None:
    """Also while devices come, and each once."""
    whole = [each["id"] for each in v1.every("list_devices", product_id=crowd)]
    assert len(whole) == 40
    first = v1.do("list_devices", product_id=crowd, limit=7)
    seen, cursor = [each["id"] for each in first["items"]], first["next_cursor"]
    a_device(v1, crowd)
    while cursor:
        page = v1.do("list_devices", product_id=crowd, limit=9, cursor=cursor)
        seen, cursor = seen + [each["id"] for each in page["items"]], page.get("next_cursor")
    assert seen == whole


def test_a_rollouts_tasks_are_read_on_while_they_change(v1: Api, crowd: str) -> None:
    package = a_package(v1, crowd)
    rollout = v1.do("create_rollout", kind="static", package_id=package, product_id=crowd, targets={"all": True})["id"]
    shown = until(lambda: v1.do("show_rollout", rollout_id=rollout), lambda shown: shown["tasks"]["total"] == 40)
    assert shown["tasks"]["queued"] == 40
    tasks = v1.every("list_rollout_tasks", rollout_id=rollout, limit=7, state="queued")
    assert len({each["id"] for each in tasks}) == len(tasks) == 40
    assert [each["id"] for each in v1.every("list_rollout_tasks", rollout_id=rollout)] == [e["id"] for e in tasks]
    v1.do("cancel_rollout", rollout_id=rollout)


def test_a_cursor_is_for_its_own_list_and_filters(v1: Api, product: str, crowd: str) -> None:
    cursor = v1.do("list_devices", product_id=crowd, limit=5)["next_cursor"]
    for name, which in (
        ("list_devices", {"product_id": product}),
        ("list_devices", {"product_id": crowd, "status": "online"}),
        ("list_products", {}),
        ("list_devices", {}),
    ):
        assert v1.refused(name, **which, cursor=cursor).error["parameter"] == "cursor"
    assert v1.do("list_devices", product_id=crowd, limit=2, cursor=cursor)["items"]


def test_the_document_and_its_pages_are_for_everybody(server: Server, v1: Api) -> None:
    for path, anchor in (("/v1/docs", "create_device"), ("/v1/docs/problems", "package-not-verified")):
        got = httpx.get(f"http://{server.http}{path}")
        assert got.status_code == 200 and got.headers["content-type"].startswith("text/html")
        assert got.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert f'id="{anchor}"' in got.text
    assert httpx.get(f"http://{server.http}/v1/openapi.json").json()["openapi"] == "3.1.0"
