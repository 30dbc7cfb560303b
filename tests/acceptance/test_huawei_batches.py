"""Huawei's batch tasks by the vendor's own SDK (huawei 3): made, listed, shown, stopped, retried, confirmed, deleted.

Devices are imitations of the Go SDK; what other SDKs do on the wire is test_huawei_devices.py's.
"""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Server, unique
from acceptance.huawei_client import new_device, new_product, refusal, sdk
from acceptance.huawei_fleet import (
    STAMP,
    ZERO,
    Fleet,
    counters,
    delete,
    new_fleet,
    only,
    settled,
    soon,
    statuses,
    steer,
)


@pytest.fixture(scope="module")
def fleet(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return new_fleet(server, "batches", tmp_path_factory.mktemp("fleet"))


# --- made -----------------------------------------------------------------------------------------------------------


def test_a_task_is_told_back_as_it_was_asked_for(fleet: Fleet) -> None:
    package, devices = fleet.package(), [fleet.device(), fleet.device()]
    policy = m.TaskPolicy(schedule_time=soon(3600), retry_count=5, retry_interval=1440)
    made = fleet.create(
        [package], task_name="升级_1", targets=devices, task_policy=policy, task_mode="GATEWAY",
        need_confirm=False, task_ext_info={"a": {"b": 1}},
    )  # fmt: skip
    shown = fleet.shown(made.task_id).batchtask
    for told in (made, shown):
        assert re.fullmatch("[0-9a-f]{24}", told.task_id) and re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", told.create_time)
        assert (told.task_name, told.task_type, told.task_mode) == ("升级_1", "firmwareUpgrade", "GATEWAY")
        assert (told.targets, told.targets_filter) == (devices, None)
        assert (told.document, told.task_policy) == ({"package_ids": [package]}, policy)
        assert (told.need_confirm, told.task_ext_info) == (False, {"a": {"b": 1}})
        assert (told.status, told.task_progress.to_dict()) == ("Waitting", ZERO)
    steer(fleet, "stop", made.task_id)
    assert fleet.shown(made.task_id).batchtask.status == "Stopped"
    delete(fleet, made.task_id)
    gone = refusal(lambda: fleet.shown(made.task_id))
    assert gone[:2] == (404, "IOTDA.014803")
    assert refusal(lambda: delete(fleet, made.task_id)) == gone


def test_a_list_of_tasks_has_their_targets(fleet: Fleet) -> None:
    """Issue 9, number 13: an item of the list is the task as it is shown."""
    package, devices = fleet.package(), [fleet.device(), fleet.device()]
    task = fleet.create([package], targets=devices, task_policy=m.TaskPolicy(schedule_time=soon(3600))).task_id
    asked = m.ListBatchTasksRequest(task_type="firmwareUpgrade", limit=50)
    [listed] = [item for item in fleet.client.list_batch_tasks(asked).batchtasks if item.task_id == task]
    assert listed.targets == devices
    assert listed == fleet.shown(task).batchtask
    steer(fleet, "stop", task)


def test_what_was_left_out_is_left_out_of_the_answer(fleet: Fleet) -> None:
    task = fleet.task(fleet.package(), fleet.device())
    for _ in range(100):  # until the package's object is read, the task says that it waits for that
        told = fleet.shown(task).batchtask
        if told.status_desc is None:
            break
        time.sleep(0.1)
    absent = ("task_mode", "need_confirm", "task_ext_info", "targets_filter", "task_policy", "status_desc")
    assert [getattr(told, name) for name in absent] == [None] * len(absent)


@pytest.mark.parametrize("kind", ["package_ids", "package_id list", "package_id text"])
def test_both_spellings_of_the_document_are_echoed(fleet: Fleet, kind: str) -> None:
    package = fleet.package()
    name, _, form = kind.partition(" ")
    document = {name: package if form == "text" else [package]}
    task = fleet.create([], document=document, targets=[fleet.device()]).task_id
    assert fleet.shown(task).batchtask.document == document


async def test_a_module_has_tasks_of_its_own(fleet: Fleet) -> None:
    """No source says how modules speak on MQTT (huawei 9): the device answers in Upwell's own way."""
    name, space = unique("mcu"), fleet.client.show_applications(m.ShowApplicationsRequest()).applications[0].app_id
    module = m.CreateOtaModule(app_id=space, product_id=fleet.product, module_name=name)
    fleet.client.create_ota_module(m.CreateOtaModuleRequest(body=module))
    package, device_id = fleet.package("M2", "modulePackage", module_name=name), fleet.device()
    task = fleet.task(package, device_id, kind="moduleUpgrade")
    async with fleet.online(device_id, "go") as device:
        await device.until(lambda: device.told("version_query"))
        await device.say("version_report", {"modules": [{"module_name": name, "module_version": "M1"}]})
        await device.until(lambda: device.told("module_upgrade_v2"))
        [offer] = device.told("module_upgrade_v2")
        assert (offer["version"], offer["module_name"]) == ("M2", name)
        done = {"result_code": 0, "progress": 100, "version": "M2", "description": ""}
        await device.say("upgrade_progress_report", done)
        assert only(await fleet.over(task)).status == "Success"
    for what in ("stop", "retry"):  # huawei 3.9: not for modules
        told = refusal(lambda what=what: steer(fleet, what, task))
        assert told[0] == 403 and "module" in told[2]


async def test_of_several_packages_each_device_gets_what_it_may_follow(fleet: Fleet) -> None:
    packages = [fleet.package("V2.0", support_source_versions=["V1.0"]), fleet.package("V3.0")]
    old, newer = fleet.device(), fleet.device()
    async with fleet.online(old, "go") as one, fleet.online(newer, "go", version="V1.7") as other:
        made = fleet.create(packages, targets=[old, newer])
        assert made.document == {"package_ids": packages}
        assert (await fleet.over(made.task_id)).batchtask.status == "Success"
        offers = [device.told("firmware_upgrade_v2")[0]["version"] for device in (one, other)]
        assert offers == ["V2.0", "V3.0"]


async def test_groups_are_resolved_when_the_task_starts(fleet: Fleet) -> None:
    group = fleet.client.add_device_group(m.AddDeviceGroupRequest(body=m.AddDeviceGroupDTO(name=unique("g")))).group_id

    def join(device_id: str) -> None:
        asked = m.CreateOrDeleteDeviceInGroupRequest(group_id=group, action_id="addDevice", device_id=device_id)
        fleet.client.create_or_delete_device_in_group(asked)

    early, late, never = fleet.device(), fleet.device(), fleet.device()
    join(early)
    package = fleet.package()
    at = m.TaskPolicy(schedule_time=soon(5))
    made = fleet.create([package], targets_filter={"group_ids": [group]}, task_policy=at)
    assert (made.status, made.targets, made.targets_filter) == ("Waitting", None, {"group_ids": [group]})
    join(late)
    shown = await settled(fleet, made.task_id)
    assert time.strftime(STAMP, time.gmtime()) >= made.task_policy.schedule_time
    assert statuses(shown) == {early: "Waitting", late: "Waitting"}
    join(never)
    assert fleet.shown(made.task_id).page.count == 2


async def test_targets_win_over_groups_and_files(fleet: Fleet) -> None:
    device_id = fleet.device()
    made = fleet.create(
        [fleet.package()], targets=[device_id], targets_filter={"group_ids": ["0"]}, document_source="nothing"
    )
    assert made.targets_filter is None
    assert statuses(await settled(fleet, made.task_id)) == {device_id: "Waitting"}


async def test_targets_that_are_no_device_fail_alone(fleet: Fleet) -> None:
    device_id = fleet.device()
    stranger_client = sdk(fleet.server.http, fleet.server.new_key("batches-other", "admin", "huawei"))
    foreign = new_device(stranger_client, new_product(stranger_client)).device_id
    async with fleet.online(device_id, "go"):
        shown = await fleet.over(fleet.task(fleet.package(), device_id, "nobody", foreign))
        assert shown.batchtask.status == "PartialSuccess"
        assert statuses(shown) == {device_id: "Success", "nobody": "Fail", foreign: "Fail"}
        errors = {each.target: each.error for each in shown.task_details}
        assert errors["nobody"].to_dict() == errors[foreign].to_dict()  # an account learns nothing of another's
        assert errors["nobody"].error_msg.startswith("The device does not exist")


async def test_a_deleted_device_is_removed_and_spoils_nothing(fleet: Fleet) -> None:
    stays, goes = fleet.device(), fleet.device()
    task = fleet.task(fleet.package(), stays, goes)
    await settled(fleet, task)
    fleet.client.delete_device(m.DeleteDeviceRequest(device_id=goes))
    async with fleet.online(stays, "go"):
        shown = await fleet.over(task)
    assert shown.batchtask.status == "Success"
    assert counters(shown) == {"total": 2, "success": 1, "removed": 1}
    assert statuses(shown) == {stays: "Success", goes: "Removed"}


# --- steered (huawei 3.9) -------------------------------------------------------------------------------------------


async def test_a_failed_device_waits_for_its_retry(fleet: Fleet) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "go", fails="install") as device:
        policy = m.TaskPolicy(retry_count=1, retry_interval=60)
        task = fleet.task(fleet.package(), device_id, task_policy=policy)
        shown = await fleet.until(task, lambda shown: shown.batchtask.task_progress.fail_wait_retry)
        assert (shown.batchtask.status, counters(shown)) == ("Processing", {"total": 1, "fail_wait_retry": 1})
        assert (only(shown).status, only(shown).error.error_msg.split(" (")[0]) == (
            "FailWaitRetry", "Firmware update failed",
        )  # fmt: skip
        device.fails = None
        assert steer(fleet, "retry", task, bare=True) == []
        assert only(await fleet.over(task)).status == "Success"


async def test_a_retry_comes_by_itself_after_its_interval(fleet: Fleet) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "go", fails="install") as device:
        policy = m.TaskPolicy(retry_count=2, retry_interval=0)
        shown = await fleet.over(fleet.task(fleet.package(), device_id, task_policy=policy))
        assert (shown.batchtask.status, len(device.told("firmware_upgrade_v2"))) == ("Fail", 3)


async def test_single_targets_are_stopped_and_run_again(fleet: Fleet) -> None:
    one, other = fleet.device(), fleet.device()
    task = fleet.task(fleet.package(), one, other)
    await settled(fleet, task)
    told = steer(fleet, "stop", task, one, "nobody")
    assert told == [(one, "success", None), ("nobody", "failure", "IOTDA.014000")]
    assert steer(fleet, "stop", task, one) == [(one, "failure", "IOTDA.014219")]
    shown = fleet.shown(task)
    assert (shown.batchtask.status, counters(shown)) == ("Processing", {"total": 2, "waitting": 1, "stopped": 1})
    assert steer(fleet, "retry", task, other, one) == [
        (other, "failure", "IOTDA.014219"), (one, "success", None),
    ]  # fmt: skip
    async with fleet.online(one, "go"), fleet.online(other, "go"):
        assert (await fleet.over(task)).batchtask.status == "Success"


async def test_nothing_is_sent_once_a_stop_has_returned(fleet: Fleet) -> None:
    devices = [fleet.device() for _ in range(3)]
    task = fleet.task(fleet.package(), *devices)
    await settled(fleet, task)
    assert steer(fleet, "stop", task, bare=True) == []
    async with fleet.online(devices[0], "go") as device:
        await asyncio.sleep(1.5)
        assert device.events == []
    shown = await fleet.over(task)
    assert (shown.batchtask.status, counters(shown)) == ("Stopped", {"total": 3, "stopped": 3})


async def test_a_planned_task_is_stopped_before_it_begins(fleet: Fleet) -> None:
    device_id = fleet.device()
    task = fleet.task(fleet.package(), device_id, task_policy=m.TaskPolicy(schedule_time=soon(3600)))
    assert steer(fleet, "stop", task, device_id) == [(device_id, "failure", "IOTDA.014219")]
    steer(fleet, "stop", task)
    assert fleet.shown(task).batchtask.status == "Stopped"


async def test_confirmed_devices_go_on_and_others_wait(fleet: Fleet) -> None:
    one, other = fleet.device(), fleet.device()
    async with fleet.online(one, "go") as first, fleet.online(other, "go") as second:
        task = fleet.task(fleet.package(), one, other, need_confirm=True)
        await settled(fleet, task)
        assert steer(fleet, "confirm", task, one, "nobody")[0] == (one, "success", None)
        await fleet.until(task, lambda shown: shown.batchtask.task_progress.success == 1)
        assert second.events == [] and first.events[0][0] == "version_query"
        assert statuses(fleet.shown(task)) == {one: "Success", other: "Waitting"}
        steer(fleet, "confirm", task, bare=True)
        assert (await fleet.over(task)).batchtask.status == "Success"


async def a_task(fleet: Fleet, status: str) -> str:
    """A task that stands so."""
    device_id = fleet.device()
    if status == "Waitting":
        return fleet.task(fleet.package(), device_id, task_policy=m.TaskPolicy(schedule_time=soon(3600)))
    if status == "Stopped":
        task = fleet.task(fleet.package(), device_id)
        steer(fleet, "stop", task)
    elif status == "Processing":
        task = fleet.task(fleet.package(), device_id)
    else:
        bad = {"PartialSuccess": ["nobody"], "Fail": ["nobody"], "Success": []}[status]
        async with fleet.online(device_id, "go", fails="install" if status == "Fail" else None):
            task = fleet.task(fleet.package(), device_id, *bad)
            await fleet.over(task)
    await fleet.until(task, lambda shown: shown.batchtask.status == status)
    return task


REFUSED = {  # huawei 3.9, among the states that last
    "stop": {"Success", "Fail", "PartialSuccess", "Stopped"},
    "retry": {"Success", "Stopped", "Waitting"},
    "confirm": {"Success", "Fail", "PartialSuccess", "Stopped"},
    "delete": {"Waitting", "Processing"},
}


@pytest.mark.parametrize("status", ["Waitting", "Processing", "Success", "Fail", "PartialSuccess", "Stopped"])
async def test_what_may_be_asked_of_a_task_that_stands_so(fleet: Fleet, status: str) -> None:
    asks: dict[str, Callable[[str], Any]] = {
        "stop": lambda task: steer(fleet, "stop", task),
        "retry": lambda task: steer(fleet, "retry", task),
        "confirm": lambda task: steer(fleet, "confirm", task),
        "delete": lambda task: delete(fleet, task),
    }
    for what, ask in asks.items():
        task = await a_task(fleet, status)
        if status not in REFUSED[what]:
            ask(task)
            continue
        code = refusal(lambda ask=ask, task=task: ask(task))
        assert code[:2] == (403, "IOTDA.014812"), (what, code)
        assert fleet.shown(task).batchtask.status == status


def test_a_task_of_another_account_is_none(fleet: Fleet) -> None:
    task = fleet.task(fleet.package(), fleet.device())
    other = Fleet(fleet.server, sdk(fleet.server.http, fleet.server.new_key("strange", "admin", "huawei")), Path(), "")
    for call in (
        lambda: other.shown(task),
        lambda: delete(other, task),
        *(lambda what=what: steer(other, what, task) for what in ("stop", "retry", "confirm")),
    ):
        assert refusal(call)[:2] == (404, "IOTDA.014803")
    viewer = Fleet(
        fleet.server, sdk(fleet.server.http, fleet.server.new_key("batches", "viewer", "huawei")), Path(), ""
    )
    assert viewer.shown(task).batchtask.task_id == task
    for call in (lambda: delete(viewer, task), lambda: steer(viewer, "stop", task)):
        assert refusal(call)[:2] == (403, "IOTDA.000022")
