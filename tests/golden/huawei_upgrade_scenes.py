"""Huawei's modules, packages, batch tasks, files of targets and routing rules (huawei 2, 3, 6.5), with devices that
install and that fail in every way they know."""

from collections.abc import Iterable
from typing import Any

from tests.golden.huawei_fleet_scenes import NONE, PRODUCT
from tests.golden.huawei_script import Script, of

APP = of("ShowApplications: one", "applications.0.app_id")
OTHER = of("AddApplication: second", "app_id")
LIVE = 3600  # seconds until a planned task begins: it never does
DEVICES = 14
CODES = {1: 1, 2: 2, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 9: 10, 10: 255, 11: 99, 12: 3}  # device -> what it fails by


def upgrades() -> Script:
    """Everything until a task's end."""
    s = _begun(range(1, DEVICES + 1))
    _modules(s)
    _packages(s)
    _planned(s)
    _refused_tasks(s)
    _failures(s)
    _states(s)
    _retried(s)
    _confirmed(s)
    _groups_and_modules(s)
    _lists(s)
    return s


def around() -> Script:
    """Objects that go bad, files of targets, routing rules."""
    s = _begun((1, 11))
    _bad_objects(s)
    _files(s)
    _rules(s)
    _actions(s)
    return s


def _begun(devices: Iterable[int]) -> Script:
    s = Script()
    s.full("ShowApplications", "one")
    s.call("AddApplication", "second", json={"app_name": "second"})
    s.call("CreateProduct", "prod-1", json=PRODUCT | {"product_id": "prod-1", "name": "lamp"})
    s.call("CreateProduct", "prod-2", json=PRODUCT | {"product_id": "prod-2", "name": "other", "app_id": OTHER})
    for n in devices:
        s.call("AddDevice", f"d-{n:02}", json=_device(n))
    s.put("fw/two.bin", "the second firmware")
    return s


def _device(n: int) -> dict[str, Any]:
    return {"device_id": f"d-{n:02}", "node_id": f"n{n}", "product_id": "prod-1",
            "auth_info": {"secret": f"secret-{n:02}"}}  # fmt: skip


def _modules(s: Script) -> None:
    s.call("ListOtaModules", "none yet", shows="empty", query={"app_id": APP})
    one = {"app_id": APP, "product_id": "prod-1", "module_name": "radio"}
    made = s.full("CreateOtaModule", json=one | {"alias_name": "收音机", "description": "d"})
    which = {"module_id": of(made, "module_id")}
    s.call("CreateOtaModule", "bare", json=one | {"module_name": "mcu"})
    last = s.call("CreateOtaModule", "third", json=one | {"module_name": "gone"})
    for words, more in (("a taken name", {}), ("a standing name", {"module_name": "Default"}),
                        ("an unknown product", {"product_id": "unknown"}), ("an unknown space", {"app_id": "unknown"}),
                        ("a product of another space", {"product_id": "prod-2", "module_name": "x"})):  # fmt: skip
        s.refused("CreateOtaModule", words, json=one | more)
    s.pages("ListOtaModules", {"app_id": APP, "product_id": "prod-1"})
    s.call("ListOtaModules", "of another product", shows="empty", query={"app_id": APP, "product_id": "other"})
    s.refused("ListOtaModules", "of an unknown space", query={"app_id": "unknown"})
    s.full("ShowOtaModule", ids=which)
    s.full("UpdateOtaModule", ids=which, json={"alias_name": "radio 2".replace(" ", "-"), "description": ""})
    gone = {"module_id": of(last, "module_id")}
    s.full("DeleteOtaModule", ids=gone)
    for name, more in (("ShowOtaModule", {}), ("UpdateOtaModule", {"json": {}}), ("DeleteOtaModule", {})):
        s.refused(name, "one that is gone", ids=gone, **more)
        s.refused(name, "a foreign id", ids={"module_id": "abc"}, **more)
        s.refused(name, "of another account", ids=which, by="other/admin", **more)


def _package(version: str, key: str = "fw/two.bin", **more: Any) -> dict[str, Any]:
    obs = {"region_name": "cn-north-4", "bucket_name": "abc", "object_key": key} | more.pop("obs", {})
    return {"app_id": APP, "package_type": "firmwarePackage", "product_id": "prod-1", "version": version,
            "file_location": {"obs_location": obs}} | more  # fmt: skip


SIGN = "a2f19bb8c6b9c9e2c96ef4bca34e4c2cb6d1d32a2dbb8a9c4a4b1b1c4b5a0a11"  # of no object


def _packages(s: Script) -> None:
    s.call("ListOtaPackageInfo", "none yet", shows="empty", query={"package_type": "firmwarePackage"})
    whole = {"support_source_versions": ["V1.0", "V1.1"], "description": "d", "custom_info": "info"}
    full = _package("V2.0", obs={"sign_method": "SHA256", "sign": SIGN})
    s.full("CreateOtaPackage", json=full | whole)
    s.full("CreateOtaPackage", "firmware", json=_package("V2.0", custom_info="info"))
    s.full("CreateOtaPackage", "of a module", json=_package("R2", package_type="modulePackage", module_name="radio"))
    s.full("CreateOtaPackage", "software", json=_package("S2", package_type="softwarePackage"))
    gone = s.call("CreateOtaPackage", "third", json=_package("V3.0", support_source_versions=["V1.0"]))
    for words, more in (
        ("an unknown space", {"app_id": "unknown"}),
        ("an unknown product", {"product_id": "unknown"}),
        ("a product of another space", {"product_id": "prod-2"}),
        ("an unknown module", {"package_type": "modulePackage", "module_name": "unknown"}),
        ("of a module that is not named", {"package_type": "modulePackage"}),
        ("firmware of a named module", {"module_name": "radio"}),
        ("a standing module", {"package_type": "modulePackage", "module_name": "software"}),
        ("an unknown object", _package("V", "none.bin")),
        ("an unknown bucket", _package("V", obs={"bucket_name": "other"})),
        ("a version in another place", _package("V", obs={"version": "V1"})),
        ("a name that speaks of devices", {"device_filter": 1}),
    ):  # fmt: skip
        s.refused("CreateOtaPackage", words, json=_package("V2.0") | more)
    s.put("fw/empty.bin", "")
    s.refused("CreateOtaPackage", "an empty object", json=_package("V", "fw/empty.bin"))
    kind = {"package_type": "firmwarePackage"}
    s.pages("ListOtaPackageInfo", kind)
    every = kind | {"app_id": APP, "product_id": "prod-1", "version": "V3.0"}
    s.full("ListOtaPackageInfo", "by every filter", query=every)
    s.full("ListOtaPackageInfo", "of modules", query={"package_type": "modulePackage"})
    s.refused("ListOtaPackageInfo", "of an unknown space", query=kind | {"app_id": "unknown"})
    s.full("ShowOtaPackage", ids={"package_id": of("CreateOtaPackage: full", "package_id")})
    which = {"package_id": of(gone, "package_id")}
    s.full("DeleteOtaPackage", ids=which)
    for name in ("ShowOtaPackage", "DeleteOtaPackage"):
        s.refused(name, "one that is gone", ids=which)
        s.refused(name, "a foreign id", ids={"package_id": "abc"})
        s.refused(name, "of another account", ids={"package_id": FIRMWARE}, by="other/admin")
    s.call("CreateOtaPackage", "of another space", json=_package("V2.0", app_id=OTHER, product_id="prod-2"))
    s.add("objects are read", {"read": "all"})
    radio = of("CreateOtaModule: full", "module_id")
    s.refused("DeleteOtaModule", "with a package", ids={"module_id": radio})


FIRMWARE = of("CreateOtaPackage: firmware", "package_id")


def _task(name: str, *devices: str, package: str = FIRMWARE, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"task_name": name, "task_type": "firmwareUpgrade"}
    return made | {"targets": list(devices), "document": {"package_ids": [package]}} | more


def _planned(s: Script) -> None:
    kind = {"task_type": "firmwareUpgrade"}
    s.call("ListBatchTasks", "none yet", shows="empty", query=kind)
    policy = {"schedule_time": f"{{{{now|basic+{LIVE}}}}}", "retry_count": 5, "retry_interval": 1440}
    made = s.full("CreateBatchTask", json=_task("升级_1", "d-01", "d-02", app_id=APP, task_mode="GATEWAY",
                  need_confirm=True, task_ext_info={"a": {"b": None}}, task_policy=policy))  # fmt: skip
    task = {"task_id": of(made, "task_id")}
    s.full("ShowBatchTask", "planned", ids=task)
    s.refused("DeleteBatchTask", "planned", ids=task)
    s.refused("RetryBatchTask", "planned", ids=task, json={})
    s.call("ConfirmBatchTask", "planned", ids=task, json={})
    s.full("StopBatchTask", "a target of a planned one", ids=task, json={"targets": ["d-01", "unknown"]})
    s.full("StopBatchTask", "planned", ids=task)
    s.call("ShowBatchTask", "stopped", ids=task, until={"body.batchtask.status": "Stopped"})
    s.refused("DeleteBatchTask", "by another account", ids=task, by="other/admin")
    s.full("DeleteBatchTask", ids=task)
    for name, more in (("ShowBatchTask", {}), ("DeleteBatchTask", {}), ("RetryBatchTask", {"json": {}}),
                       ("StopBatchTask", {"json": {}}), ("ConfirmBatchTask", {"json": {}})):  # fmt: skip
        s.refused(name, "one that is gone", ids=task, **more)
        s.refused(name, "a foreign id", ids={"task_id": "abc"}, **more)


def _refused_tasks(s: Script) -> None:
    other = of("CreateOtaPackage: of another space", "package_id")
    software, gone = of("CreateOtaPackage: software", "package_id"), of("CreateOtaPackage: third", "package_id")
    policy, documents = "task_policy", "document"
    for words, more in (
        ("no targets", {"targets": None}), ("no target", {"targets": []}),
        ("a file of targets", {"targets": None, "document_source": "file"}),
        ("no group", {"targets": None, "targets_filter": {"group_ids": []}}),
        ("no groups", {"targets": None, "targets_filter": {"group_ids": None}}),
        ("an unknown group", {"targets": None, "targets_filter": {"group_ids": [NONE]}}),
        ("a foreign group", {"targets": None, "targets_filter": {"group_ids": ["abc"]}}),
        ("no document", {documents: None}), ("an empty document", {documents: {}}),
        ("no package", {documents: {"package_ids": []}}), ("a foreign package", {documents: {"package_ids": ["abc"]}}),
        ("a package that is gone", {documents: {"package_ids": [gone]}}),
        ("packages that are no list", {documents: {"package_ids": 1}}),
        ("two different packages", {documents: {"package_ids": [FIRMWARE], "package_id": software}}),
        ("too many packages", {documents: {"package_ids": {"$list": ["a#", 21]}}}),
        ("a package of another part", {documents: {"package_id": software}}),
        ("packages of two parts", {documents: {"package_ids": [FIRMWARE, software]}}),
        ("a package of another space", {documents: {"package_ids": [other]}, "app_id": APP}),
        ("an unknown space", {"app_id": "unknown"}),
        ("a retry without its interval", {policy: {"retry_count": 1}}),
        ("an interval without a retry", {policy: {"retry_interval": 1}}),
        ("a time that is over", {policy: {"schedule_time": "20200101T000000Z"}}),
        ("a time too far away", {policy: {"schedule_time": "{{now|basic+700000}}"}}),
        ("a module by a gateway", {"task_type": "moduleUpgrade", "task_mode": "GATEWAY"}),
        ("a module with more", {"task_type": "moduleUpgrade", "task_ext_info": {"a": 1}}),
        ("another task", {"task_type": "createCommands"}),
        ("targets in the policy", {policy: {"targets": ["d-01"]}}),
        ("a filter of another operation", {"node_id": "n1"}),
        ("a name that speaks of devices", {"device_filter": 1}),
        ("a policy that is misspelt", {"taskPolicy": {}}),
    ):  # fmt: skip
        s.refused("CreateBatchTask", words, json=_task("t", "d-01") | more)
    s.refused("CreateBatchTask", "by another account", json=_task("t", "d-01"), by="other/admin")
    s.call("AddDevice", "in the other space", json={"device_id": "o-1", "node_id": "o", "product_id": "prod-2"})
    planned = {"task_policy": {"schedule_time": f"{{{{now|basic+{LIVE}}}}}"}}
    task = of(
        s.call("CreateBatchTask", "in the other space", json=_task("o", "o-1", package=other) | planned), "task_id"
    )
    s.refused("DeleteApplication", "with a planned task", ids={"app_id": OTHER})
    s.call("StopBatchTask", "in the other space", ids={"task_id": task})


def _over(s: Script, task: str, words: str, status: str, **more: Any) -> str:
    return s.call("ShowBatchTask", words, ids={"task_id": of(task, "task_id")},
                  until={"body.batchtask.status": status}, **more)  # fmt: skip


def _offered(s: Script, device: str, words: str, version: str = "V1.0") -> None:
    """A device that has logged in tells its version, and hears the offer."""
    s.hears(device, f"the question of {words}")
    s.says(device, "version_report", {"fw_version": version, "sw_version": "S1"})
    s.hears(device, f"the offer of {words}")


def _log_in(s: Script, *numbers: int) -> None:
    for n in numbers:
        s.logs_in(f"d-{n:02}", f"secret-{n:02}")


def _result(s: Script, device: str, code: int, **more: Any) -> None:
    done = {"result_code": code, "progress": 100 if code == 0 else 30, "version": "V2.0" if code == 0 else "V1.0"}
    s.says(device, "upgrade_progress_report", done | more)


def _failures(s: Script) -> None:
    """A task whose devices end in every way: twelve failures, a success, and one that has the version already."""
    names = [f"d-{n:02}" for n in range(1, DEVICES + 1)]
    task = s.full("CreateBatchTask", "of every end", json=_task("ends", *names))
    which = {"task_id": of(task, "task_id")}
    s.call("ShowBatchTask", "begun", ids=which, until={"body.batchtask.task_progress.waitting": DEVICES})
    stray = s.call("CreateBatchTask", "of no device", json=_task("stray", "unknown"))
    _over(s, stray, "of no device", "Fail", shows="full")
    busy = s.call("CreateBatchTask", "of busy devices", json=_task("busy", "d-01"))
    _log_in(s, *range(1, DEVICES + 1))
    for n, code in CODES.items():
        _offered(s, f"d-{n:02}", "ends")
        more = {"description": "because"} if n % 2 else {}
        _result(s, f"d-{n:02}", code, **more)
        s.leaves(f"d-{n:02}")
    _offered(s, "d-13", "ends")
    _result(s, "d-13", 0, description="fine")
    s.leaves("d-13")
    s.hears("d-14", "the question of ends")
    s.says("d-14", "version_report", {"fw_version": "V2.0"})
    s.leaves("d-14")
    _over(s, task, "of every end", "PartialSuccess", shows="full", query={"limit": 50})
    first = s.call("ShowBatchTask", "first page", ids=which, query={"limit": 10})
    marker = of(first, "page.marker")
    s.call("ShowBatchTask", "last page by marker", ids=which, query={"limit": 10, "marker": marker}, shows="last page")
    s.call("ShowBatchTask", "last page by offset", ids=which, query={"limit": 10, "offset": 10}, shows="last page")
    s.call("ShowBatchTask", "past the end", ids=which, query={"offset": 14}, shows="empty")
    for status in ("Waitting", "Processing", "Success", "Fail", "FailWaitRetry", "Stopped", "Removed"):
        shows = "full" if status in ("Success", "Fail") else "empty"
        s.call("ShowBatchTask", status, ids=which, query={"task_detail_status": status, "limit": 2}, shows=shows)
    s.full("ShowBatchTask", "of a target", ids=which, query={"target": "d-03"})
    s.call("ShowBatchTask", "of another target", ids=which, query={"target": "other"}, shows="empty")
    _over(s, busy, "of busy devices", "Fail")
    for name in ("StopBatchTask", "ConfirmBatchTask"):
        s.refused(name, "over", ids=which, json={})


def _states(s: Script) -> None:
    """What may be asked of a task whose subtasks wait, run, and are stopped."""
    task = s.call("CreateBatchTask", "of states", json=_task("states", "d-01", "d-02", "d-03"))
    which = {"task_id": of(task, "task_id")}
    s.call("ShowBatchTask", "waiting", ids=which, until={"body.batchtask.task_progress.waitting": 3})
    s.refused("DeleteBatchTask", "running", ids=which)
    s.full("StopBatchTask", "some", ids=which, json={"targets": ["d-02", "unknown", "d-05"]})
    s.full("StopBatchTask", "again", ids=which, json={"targets": ["d-02"]})
    s.full("RetryBatchTask", "some", ids=which, json={"targets": ["d-02", "d-01", "unknown"]})
    s.full("ConfirmBatchTask", "what waits for nothing", ids=which, json={"targets": ["d-01", "unknown"]})
    _log_in(s, 1)
    _offered(s, "d-01", "states")
    s.full("ShowBatchTask", "running", ids=which, until={"body.batchtask.task_progress.processing": 1})
    s.call("DeleteDevice", "in a task", ids={"device_id": "d-03"})
    s.call("ShowBatchTask", "with a device removed", ids=which, until={"body.batchtask.task_progress.removed": 1})
    s.full("StopBatchTask", "all", ids=which, json={})
    _over(s, task, "all stopped", "Stopped", shows="full")
    s.leaves("d-01")
    s.call("AddDevice", "d-03 again", json=_device(3))
    for name in ("StopBatchTask", "RetryBatchTask", "ConfirmBatchTask"):
        s.refused(name, "stopped", ids=which, json={})
    for name in ("StopBatchTask", "RetryBatchTask", "ConfirmBatchTask"):
        s.refused(name, "of another account", ids=which, json={}, by="other/admin")
        s.refused(name, "no target", ids=which, json={"targets": []})
        s.refused(name, "a null of targets", ids=which, json={"targets": None})
        s.refused(name, "targets of another name", ids=which, json={"device_ids": ["d-01"]})
        s.refused(name, "a member of another operation", ids=which, json={"status": "Fail"})


def _retried(s: Script) -> None:
    policy = {"retry_count": 1, "retry_interval": 60}
    task = s.call("CreateBatchTask", "with a retry", json=_task("retry", "d-04", task_policy=policy))
    which = {"task_id": of(task, "task_id")}
    _log_in(s, 4)
    _offered(s, "d-04", "retry")
    _result(s, "d-04", 10)
    s.full("ShowBatchTask", "that waits for its retry", ids=which,
           until={"body.batchtask.task_progress.fail_wait_retry": 1})  # fmt: skip
    s.full("RetryBatchTask", ids=which)
    s.hears("d-04", "the question of the retry")
    s.says("d-04", "version_report", {"fw_version": "V1.0"})
    s.hears("d-04", "the offer of the retry")
    _result(s, "d-04", 0)
    _over(s, task, "retried", "Success", shows="full")
    for name in ("StopBatchTask", "RetryBatchTask", "ConfirmBatchTask"):
        s.refused(name, "a success", ids=which, json={})
    s.leaves("d-04")


def _confirmed(s: Script) -> None:
    task = s.call("CreateBatchTask", "to be confirmed", json=_task("confirm", "d-05", "d-06", need_confirm=True))
    which = {"task_id": of(task, "task_id")}
    s.call("ShowBatchTask", "unconfirmed", ids=which, until={"body.batchtask.task_progress.waitting": 2})
    s.full("ConfirmBatchTask", "some", ids=which, json={"targets": ["d-05", "unknown"]})
    s.call("ConfirmBatchTask", "again", ids=which, json={"targets": ["d-05"]})
    s.full("ConfirmBatchTask", ids=which)
    _log_in(s, 5, 6)
    _offered(s, "d-05", "confirm")
    _result(s, "d-05", 0)
    s.leaves("d-05")
    _offered(s, "d-06", "confirm")
    _result(s, "d-06", 0)
    s.leaves("d-06")
    _over(s, task, "confirmed", "Success")


def _groups_and_modules(s: Script) -> None:
    group = of(s.call("AddDeviceGroup", "targets", json={"name": "targets"}), "group_id")
    s.call("CreateOrDeleteDeviceInGroup", "d-07", ids={"group_id": group},
           query={"action_id": "addDevice", "device_id": "d-07"})  # fmt: skip
    made: dict[str, Any] = {"task_name": "module", "task_type": "moduleUpgrade",
                            "targets_filter": {"group_ids": [group]},
                            "document": {"package_id": of("CreateOtaPackage: of a module", "package_id")}}  # fmt: skip
    task = s.full("CreateBatchTask", "of a module for a group", json=made)
    which = {"task_id": of(task, "task_id")}
    s.full("ShowBatchTask", "of a group", ids=which, until={"body.batchtask.task_progress.waitting": 1})
    for name in ("StopBatchTask", "RetryBatchTask", "ConfirmBatchTask"):
        step = s.call if name == "ConfirmBatchTask" else s.refused
        step(name, "of a module", ids=which, json={})
    _log_in(s, 7)
    s.hears("d-07", "the question of module")
    s.says("d-07", "version_report", {"modules": [{"module_name": "radio", "module_version": "R1"}]})
    s.hears("d-07", "the offer of module")
    _result(s, "d-07", 0, version="R2")
    _over(s, task, "of a module", "Success", shows="full")
    s.leaves("d-07")


BAD = {"lost": "fw/lost.bin", "replaced": "fw/new.bin", "emptied": "fw/void.bin", "grown": "fw/grown.bin"}
SLOW = 256 * 1024 * 1024  # bytes of an object that is read for seconds


def _bad_objects(s: Script) -> None:
    """Objects that are not any more what their packages say, found when the first device opens its link: the second,
    which still waits, fails."""
    narrow = s.call("CreateOtaPackage", "that fits none", json=_package("V9", support_source_versions=["V0"]))
    for words, key in BAD.items():
        s.put(key, f"to be {words}")
        s.call("CreateOtaPackage", f"to be {words}", json=_package("V9", key))
    s.add("bad objects are read", {"read": "all"})
    for words in BAD:
        devices = [f"{words}-{n}" for n in (1, 2)]
        for device in devices:
            made = {"device_id": device, "node_id": device, "product_id": "prod-1", "auth_info": {"secret": "secret-0"}}
            s.call("AddDevice", device, json=made)
        task = _task(words, *devices, package=of(f"CreateOtaPackage: to be {words}", "package_id"))
        s.call("CreateBatchTask", f"of an object {words}", json=task)
        s.logs_in(devices[0], "secret-0")
    for words in BAD:
        s.hears(f"{words}-1", "the question")
        s.says(f"{words}-1", "version_report", {"fw_version": "V1.0"})
        s.hears(f"{words}-1", "the offer")
    s.add("remove fw/lost.bin", {"remove": "fw/lost.bin"})
    s.put("fw/new.bin", "another one", "replace fw/new.bin")
    s.put("fw/void.bin", "", "empty fw/void.bin")
    s.add("grow fw/grown.bin", {"put": "fw/grown.bin", "size": 1024**3 + 1})
    for words in BAD:
        device, task = f"{words}-1", f"CreateBatchTask: of an object {words}"
        s.add(f"{device} opens its link", {"fetch": of(f"{device} hears the offer", "services.0.paras.url")}, "refusal")
        s.full("ShowBatchTask", f"of an object {words}", ids={"task_id": of(task, "task_id")},
               until={"body.batchtask.task_progress.fail": 1})  # fmt: skip
        s.leaves(device)
        s.refused("RetryBatchTask", f"of an object {words}", ids={"task_id": of(task, "task_id")})
        lost = of(f"CreateOtaPackage: to be {words}", "package_id")
        s.refused("CreateBatchTask", f"of an object that is {words}", json=_task(words, "d-01", package=lost))
    _wrong_sign(s)
    task = s.call("CreateBatchTask", "that fits none", json=_task("narrow", "d-01", package=of(narrow, "package_id")))
    _log_in(s, 1)
    s.hears("d-01", "the question that fits none")
    s.says("d-01", "version_report", {"fw_version": "V1.0"})
    _over(s, task, "that fits none", "Fail", shows="full")
    s.leaves("d-01")
    s.call("DeleteOtaPackage", "of an ended task", ids={"package_id": of(narrow, "package_id")})
    s.refused("RetryBatchTask", "of a package that is gone", ids={"task_id": of(task, "task_id")})


def _wrong_sign(s: Script) -> None:
    """The object is read while the task is made; later tasks are refused."""
    s.add("a large object", {"put": "fw/slow.bin", "size": SLOW})
    made = s.call("CreateOtaPackage", "of a wrong sign", json=_package("V9", "fw/slow.bin", obs={"sign": SIGN}))
    package = of(made, "package_id")
    task = s.call("CreateBatchTask", "of a wrong sign", json=_task("signed", "d-11", package=package))
    _over(s, task, "of a wrong sign", "Fail", shows="full")
    s.refused("CreateBatchTask", "of a sign that is wrong", json=_task("signed", "d-11", package=package))


def _lists(s: Script) -> None:
    kind = {"task_type": "firmwareUpgrade"}
    s.full("ListBatchTasks", query=kind | {"limit": 50})
    count = 7  # tasks of firmware that were made and not deleted
    limit = count - 1
    first = s.call("ListBatchTasks", "first page", query=kind | {"limit": limit})
    last = s.call("ListBatchTasks", "last page by marker", shows="last page",
                  query=kind | {"limit": limit, "marker": of(first, "page.marker")})  # fmt: skip
    s.call("ListBatchTasks", "after the last page", shows="empty", query=kind | {"marker": of(last, "page.marker")})
    s.call("ListBatchTasks", "last page by offset", shows="last page",
           query=kind | {"limit": limit, "offset": limit})  # fmt: skip
    for status in (
        "Initializing",
        "Waitting",
        "Processing",
        "Success",
        "Fail",
        "PartialSuccess",
        "Stopped",
        "Stopping",
    ):
        s.call("ListBatchTasks", status, query=kind | {"status": status})
    s.full("ListBatchTasks", "of a space", query={"task_type": "moduleUpgrade", "app_id": APP})
    s.refused("ListBatchTasks", "of an unknown space", query=kind | {"app_id": "unknown"})


def _files(s: Script) -> None:
    name = "UploadBatchTaskFile"
    s.call("ListBatchTaskFiles", "none yet", shows="empty")
    made = s.full(name, form={"name": "file", "file": "设备.xlsx", "rows": 30000})
    s.full("ListBatchTaskFiles")
    for words, form in (
        ("a taken name", {"name": "file", "file": "设备.xlsx", "rows": 1}),
        ("no workbook", {"name": "file", "file": "a.xlsx", "text": "no"}),
        ("another kind", {"name": "file", "file": "a.csv", "text": "a,b"}),
        ("too many rows", {"name": "file", "file": "a.xlsx", "rows": 30001}),
        ("too large a sheet", {"name": "file", "file": "a.xlsx", "rows": 1, "pad": 101 * 1024 * 1024}),
        ("no name", {"name": "file", "file": "", "rows": 1}),
        ("a name with a folder", {"name": "file", "file": "a/b.xlsx", "rows": 1}),
        ("another part", {"name": "other", "file": "a.xlsx", "rows": 1}),
    ):
        s.refused(name, words, form=form)
    s.refused(name, "no form", json={})
    s.refused(name, "too large", form={"name": "file", "file": "a.xlsx", "text": "a"}, pad=11 * 1024 * 1024)
    s.refused(name, "by a viewer", form={"name": "file", "file": "a.xlsx", "rows": 1}, by="golden/viewer")
    s.refused(name, "unsigned", form={"name": "file", "file": "a.xlsx", "rows": 1}, by="nobody")
    s.add("UploadBatchTaskFile: to another project", {"ask": f"POST /v5/iot/{'0' * 32}/batchtask-files",
          "form": {"name": "file", "file": "a.xlsx", "rows": 1}}, "refusal")  # fmt: skip
    which = {"file_id": of(made, "file_id")}
    s.refused("DeleteBatchTaskFile", "of another account", ids=which, by="other/admin")
    s.full("DeleteBatchTaskFile", ids=which)
    s.refused("DeleteBatchTaskFile", "one that is gone", ids=which)


SUBJECT = {"subject": {"resource": "batchtask", "event": "update"}}


def _rules(s: Script) -> None:
    s.call("ListRoutingRules", "none yet", shows="empty")
    made = s.full("CreateRoutingRule", json=SUBJECT | {"rule_name": "规则-1", "description": "d", "app_type": "APP",
                                                       "app_id": APP, "select": "", "where": ""})  # fmt: skip
    which = {"rule_id": of(made, "rule_id")}
    s.full("CreateRoutingRule", "of the account", json=SUBJECT | {"rule_name": "second", "app_type": "GLOBAL"})
    s.full("CreateRoutingRule", "bare", json=SUBJECT)
    for words, more in (("a select", {"select": "*"}), ("a where", {"where": "1 = 1"}),
                        ("an unknown space", {"app_type": "APP", "app_id": "unknown"})):  # fmt: skip
        s.refused("CreateRoutingRule", words, json=SUBJECT | more)
    s.pages("ListRoutingRules", {}, at="marker")
    s.full("ListRoutingRules", "by every filter", query={"resource": "batchtask", "event": "update", "active": "false",
           "app_type": "APP", "app_id": APP, "rule_name": "规则-1"})  # fmt: skip
    s.full("ListRoutingRules", "of the account", query={"app_type": "GLOBAL"})
    s.full("ListRoutingRules", "of a space", query={"app_id": APP})
    s.refused("ListRoutingRules", "of an unknown space", query={"app_type": "APP", "app_id": "unknown"})
    s.full("ShowRoutingRule", ids=which)
    s.full("UpdateRoutingRule", ids=which, json={"rule_name": "other", "description": "e", "select": "", "where": "",
                                                 "active": True})  # fmt: skip
    s.refused("UpdateRoutingRule", "a where", ids=which, json={"where": "1"})


HTTP = "channel_detail"


def _actions(s: Script) -> None:
    rule = of("CreateRoutingRule: full", "rule_id")
    s.call("ListRuleActions", "none yet", shows="empty", query={"rule_id": rule})

    def body(**http: Any) -> dict[str, Any]:
        detail = {"http_forwarding": {"url": "https://push.example:8443/news?a=b"} | http}
        return {"channel": "HTTP_FORWARDING", HTTP: detail}

    signed = {"signature_enable": True, "token": "Secret99", "sni_enable": True, "cn_name": "a.b:8443"}
    made = s.full("CreateRuleAction", json=body(**signed) | {"rule_id": rule})
    which = {"action_id": of(made, "action_id")}
    for words in ("second", "third"):
        s.call("CreateRuleAction", words, json=body() | {"rule_id": rule})
    for words, http in (
        ("a certificate", {"cert_id": "c"}), ("no token", {"signature_enable": True}),
        ("no name of the server", {"sni_enable": True}), ("another scheme", {"url": "ftp://push.example/"}),
        ("a private address", {"url": "http://127.0.0.1/"}), ("a user", {"url": "https://a:b@push.example/"}),
    ):  # fmt: skip
        s.refused("CreateRuleAction", words, json=body(**http) | {"rule_id": rule})
        s.refused("UpdateRuleAction", words, ids=which, json=body(**http))
    s.refused("CreateRuleAction", "a foreign rule", json=body() | {"rule_id": "abc"})
    s.pages("ListRuleActions", {"rule_id": rule}, at="marker")
    every = {"rule_id": rule, "channel": "HTTP_FORWARDING", "app_type": "APP", "app_id": APP}
    s.full("ListRuleActions", "by every filter", query=every)
    s.call("ListRuleActions", "of the account", shows="empty", query={"app_type": "GLOBAL"})
    s.refused("ListRuleActions", "of a foreign rule", query={"rule_id": "abc"})
    s.refused("ListRuleActions", "of an unknown space", query={"app_type": "APP", "app_id": "unknown"})
    s.full("ShowRuleAction", ids=which)
    s.full("UpdateRuleAction", ids=which, json=body())
    for name, more in (("ShowRuleAction", {}), ("UpdateRuleAction", {"json": body()}), ("DeleteRuleAction", {})):
        s.refused(name, "of another account", ids=which, by="other/admin", **more)
    s.full("DeleteRuleAction", ids=which)
    for name, more in (("ShowRuleAction", {}), ("UpdateRuleAction", {"json": body()}), ("DeleteRuleAction", {})):
        s.refused(name, "one that is gone", ids=which, **more)
        s.refused(name, "a foreign id", ids={"action_id": "abc"}, **more)
    _rules_gone(s, rule, body())


def _rules_gone(s: Script, rule: str, body: dict[str, Any]) -> None:
    which = {"rule_id": rule}
    others = (("ShowRoutingRule", {}), ("UpdateRoutingRule", {"json": {}}), ("DeleteRoutingRule", {}))
    for name, more in others:
        s.refused(name, "of another account", ids=which, by="other/admin", **more)
    s.full("DeleteRoutingRule", ids=which)
    for name, more in others:
        s.refused(name, "one that is gone", ids=which, **more)
        s.refused(name, "a foreign id", ids={"rule_id": "abc"}, **more)
    s.refused("CreateRuleAction", "of a rule that is gone", json=body | which)
