"""The compatibility checklist of the reference (huawei 8), item by item, and that every promised operation is called.

Where another test is the proof of an item, it is called here under the item's number. Of item 17, the waits of 24 and
25 hours are proven on a clock that moves (tests/integration/test_batches.py) and the three minutes by devices that are
silent for so long (tests/prove/test_huawei_targets.py).
"""

import ast
import asyncio
import hashlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from huaweicloudsdkiotda.v5 import IoTDAClient
from huaweicloudsdkiotda.v5 import model as m
from tests.imitations.huawei_java import HuaweiJava
from tests.unit import test_huawei_signing as signing

from acceptance import test_huawei_batches as batches
from acceptance import test_huawei_wire as wire
from acceptance.client import Key, Server, unique
from acceptance.huawei_client import ask, new_product, refusal, send, signed
from acceptance.huawei_fleet import IMAGE, Fleet, new_fleet, only, settled, soon
from acceptance.huawei_operations import EVERY

ACCOUNT = "checklist"


@pytest.fixture(scope="module")
def fleet(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return new_fleet(server, ACCOUNT, tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def key(server: Server, fleet: Fleet) -> Key:
    return server.new_key(ACCOUNT, "admin", "huawei")


# --- the management API ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", signing.VECTORS, ids=["GET", "POST"])
def test_8_01_both_algorithms_and_the_vectors(server: Server, key: Key, vector: Any) -> None:
    signing.test_sdk_hmac_vectors(*vector)
    signing.test_v11_vectors(*vector)
    wire.test_both_signatures_are_taken(server, key)


def test_8_02_the_slash_is_added_and_every_listed_header_is_signed(server: Server, key: Key) -> None:
    path = f"/v5/iot/{key.project_id}/devices"
    given = signed(server.http, key, "GET", path, [("limit", "1")])
    assert "user-agent" in given["Authorization"]
    assert send(server.http, "GET", f"{path}?limit=1", given).status == 200
    assert send(server.http, "GET", f"{path}/?limit=1", given).status == 200  # canonical alike
    for name in ("User-Agent", "Content-Type", "X-Project-Id", "X-Sdk-Date"):
        changed = given | {name: given[name] + "0"}
        assert wire.told(send(server.http, "GET", f"{path}?limit=1", changed)) == (401, "IOTDA.000002"), name


async def test_8_03_request_ids_and_json_of_real_types(fleet: Fleet, server: Server, key: Key) -> None:
    task = fleet.task(fleet.package(), fleet.device(), need_confirm=True)
    await settled(fleet, task)
    for tail in (f"/batchtasks/{task}", "/apps", "/nothing"):
        got = ask(server.http, key, "GET", tail)
        assert got.headers["x-request-id"] and got.headers["content-type"] == "application/json"
    told = ask(server.http, key, "GET", f"/batchtasks/{task}").json()
    assert told["batchtask"]["need_confirm"] is True and type(told["page"]["count"]) is int
    assert {type(n) for n in told["batchtask"]["task_progress"].values()} == {int}
    assert {type(app["default_app"]) for app in ask(server.http, key, "GET", "/apps").json()["applications"]} == {bool}


def test_8_04_throttling_is_403() -> None:
    wire.test_throttling_is_403_and_never_429()


@pytest.fixture(scope="module")
def filled(fleet: Fleet) -> dict[str, str]:
    """Two of everything that lists tell; the paths of the lists, and their items' member."""
    client, app = fleet.client, fleet.client.show_applications(m.ShowApplicationsRequest()).applications[0].app_id
    other = fleet.device(), fleet.device()
    batches_ = [fleet.task(fleet.package("P", "softwarePackage"), *other, kind="softwareUpgrade") for _ in range(2)]
    new_product(client)
    groups = []
    for name in ("one", "two"):
        module = m.CreateOtaModule(app_id=app, product_id=fleet.product, module_name=name)
        client.create_ota_module(m.CreateOtaModuleRequest(body=module))
        group = m.AddDeviceGroupDTO(name=name)
        groups.append(client.add_device_group(m.AddDeviceGroupRequest(body=group)).group_id)
    for device_id in other:
        asked = m.CreateOrDeleteDeviceInGroupRequest(group_id=groups[0], action_id="addDevice", device_id=device_id)
        client.create_or_delete_device_in_group(asked)
    return {
        "/products": "products",
        "/devices": "devices",
        "/device-group": "device_groups",
        f"/device-group/{groups[0]}/devices": "devices",
        f"/ota-upgrades/modules?app_id={app}": "modules",
        "/ota-upgrades/packages?package_type=softwarePackage": "packages",
        "/batchtasks?task_type=softwareUpgrade": "batchtasks",
        f"/batchtasks/{batches_[0]}": "task_details",
    }


def test_8_05_record_ids_go_down_and_pages_tell_them(filled: dict[str, str], server: Server, key: Key) -> None:
    for path, member in filled.items():
        tail, _, query = path.partition("?")
        pairs = [(query.partition("=")[0], query.partition("=")[2])] if query else []
        marker, seen, items = "f" * 24, [], []
        while True:
            page = ask(server.http, key, "GET", tail, [*pairs, ("limit", "1"), ("marker", marker)]).json()
            assert type(page["page"]["count"]) is int
            if not page[member]:
                assert page["page"].get("marker") is None
                break
            marker = page["page"]["marker"]
            seen.append(marker)
            items += page[member]
        assert len(items) == page["page"]["count"] >= 2, path
        assert seen == sorted(set(seen), reverse=True) and all(len(each) == 24 for each in seen), path
        assert all(set(each) <= set("0123456789abcdef") for each in seen)


def test_8_06_lists_need_their_type(fleet: Fleet) -> None:
    for call, name in (
        (lambda: fleet.client.list_ota_package_info(m.ListOtaPackageInfoRequest()), "package_type"),
        (lambda: fleet.client.list_batch_tasks(m.ListBatchTasksRequest()), "task_type"),
    ):
        status, code, message = refusal(call)
        assert (status, code) == (400, "IOTDA.000006") and f"{name} is mandatory" in message


async def test_8_07_waitting_has_two_t(fleet: Fleet, server: Server, key: Key) -> None:
    at = m.TaskPolicy(schedule_time=soon(3600))
    planned = fleet.task(fleet.package(), fleet.device(), task_policy=at)
    running = fleet.task(fleet.package(), fleet.device())
    await settled(fleet, running)
    assert ask(server.http, key, "GET", f"/batchtasks/{planned}").json()["batchtask"]["status"] == "Waitting"
    told = ask(server.http, key, "GET", f"/batchtasks/{running}").json()
    assert told["task_details"][0]["status"] == "Waitting" and told["batchtask"]["task_progress"]["waitting"] == 1


def test_8_08_both_spellings_of_package_ids(fleet: Fleet) -> None:
    for kind in ("package_ids", "package_id list", "package_id text"):
        batches.test_both_spellings_of_the_document_are_echoed(fleet, kind)


@pytest.mark.parametrize("what", ["stop", "retry", "confirm"])
async def test_8_09_an_empty_body_acts_on_all(fleet: Fleet, server: Server, key: Key, what: str) -> None:
    device_id = fleet.device()
    task = fleet.task(fleet.package(), device_id, need_confirm=what == "confirm")
    await settled(fleet, task)
    path = f"/v5/iot/{key.project_id}/batchtasks/{task}/{what}"
    link = http.client.HTTPConnection(server.http, timeout=30)
    link.request("POST", path, headers=signed(server.http, key, "POST", path) | {"Content-Length": "0"})
    answer = link.getresponse()
    assert (answer.status, json.loads(answer.read())) == (200, {"targets": []})
    link.close()
    if what == "stop":
        assert (await fleet.over(task)).batchtask.task_progress.stopped == 1


# --- devices --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subscribes", [False, True])
async def test_8_10_events_come_without_a_subscription_and_once(fleet: Fleet, subscribes: bool) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "go", subscribes=subscribes) as device:
        await fleet.over(fleet.task(fleet.package(), device_id))
        await asyncio.sleep(2.5)  # huawei 5.2: the cloud sends again after 2 s what was not acknowledged
        assert [kind for kind, _ in device.events] == ["version_query", "firmware_upgrade_v2"]


class Strict(HuaweiJava):
    """Keeps every envelope."""

    def check_subject(self, message: dict[str, Any]) -> None:
        self.envelopes = [*getattr(self, "envelopes", []), message]
        super().check_subject(message)


async def test_8_11_each_event_names_its_device(fleet: Fleet) -> None:
    device_id = fleet.device(device_id=unique("An_Odd-id"))
    async with fleet.online(device_id, Strict) as device:
        await fleet.over(fleet.task(fleet.package(), device_id))
        assert isinstance(device, Strict)
        assert [each["object_device_id"] for each in device.envelopes] == [device_id] * 2
        services = [service for each in device.envelopes for service in each["services"]]
        assert [service["service_id"] for service in services] == ["$ota"] * 2


async def test_8_12_the_event_of_an_object(fleet: Fleet) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "go") as device:
        sign = hashlib.sha256(IMAGE).hexdigest().upper()
        await fleet.over(fleet.task(fleet.package(sign=sign), device_id))
        [paras] = device.told("firmware_upgrade_v2")
    assert "access_token" not in paras and (type(paras["file_size"]), paras["expires"]) == (int, 86_400)
    assert paras["sign"] == sign  # as its owner gave it


@pytest.mark.parametrize("kind", ["python", "java"])
async def test_8_13_odd_times_null_versions_and_early_reports(fleet: Fleet, kind: str) -> None:
    """Python's event_time is local and of another form; Java says null versions at each login, and 100 % with the old
    version before it checks."""
    device_id = fleet.device()
    async with fleet.online(device_id, kind, pause_s=1.5) as device:
        task = fleet.task(fleet.package(), device_id)
        if kind == "java":
            shown = await fleet.until(task, lambda shown: len(device.pubacked) >= 3)  # $sdk_info, version, 100 %
            assert only(shown).status == "Processing"
        assert only(await fleet.over(task)).status == "Success"
    more = {"reports_info": True} if kind == "python" else {}
    async with fleet.online(device_id, kind, **more) as device:
        await device.until(lambda: device.pubacked)
        shown = fleet.client.show_device(m.ShowDeviceRequest(device_id=device_id))
        # Null and empty overwrite nothing: the firmware is what its result told, the software what it said.
        assert (shown.fw_version, shown.sw_version) == ("V2.0", "V1.0")


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
async def test_8_14_downloads_are_plain_and_take_bare_line_feeds(fleet: Fleet, line: bytes) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "go", fails="install") as device:
        await fleet.over(fleet.task(fleet.package(), device_id))
        url = urlsplit(device.told("firmware_upgrade_v2")[0]["url"])
    assert url.port and url.query and url.hostname
    with socket.create_connection((url.hostname, url.port), timeout=10) as link:
        path = f"{url.path}?{url.query}".encode()
        link.sendall(b"GET " + path + b" HTTP/1.1" + line + b"Host: " + url.hostname.encode() + line + line)
        got = b""
        while b"\r\n\r\n" not in got or len(got.partition(b"\r\n\r\n")[2]) < len(IMAGE):
            part = link.recv(65536)
            assert part, got[:300]
            got += part
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and f"Content-Length: {len(IMAGE)}".encode() in head.split(b"\r\n")
    assert b"chunked" not in head.lower() and b"content-encoding" not in head.lower() and body == IMAGE


@pytest.mark.slow
async def test_8_15_a_python_device_may_be_silent_while_it_installs(fleet: Fleet) -> None:
    """Longer than one and a half times its keep-alive."""
    device_id = fleet.device()
    async with fleet.online(device_id, "python", keep_alive_s=30, pause_s=48.0) as device:
        task = fleet.task(fleet.package(), device_id)
        shown = await fleet.until(task, lambda shown: only_ended(shown) or device.ended, seconds=90)
        assert only(shown).status == "Success" and not device.ended
        assert len(device.told("firmware_upgrade_v2")) == 1


def only_ended(shown: Any) -> bool:
    return bool(shown.task_details) and only(shown).status in ("Success", "Fail")


async def test_8_16_the_same_version_needs_no_package(fleet: Fleet) -> None:
    device_id = fleet.device()
    async with fleet.online(device_id, "go", version="V2.0") as device:
        assert only(await fleet.over(fleet.task(fleet.package(), device_id))).status == "Success"
        assert [kind for kind, _ in device.events] == ["version_query"]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"retry_count": 5, "retry_interval": 1}, {"retry_count": 6, "retry_interval": 1}),
        ({"retry_count": 1, "retry_interval": 1440}, {"retry_count": 1, "retry_interval": 1441}),
        ({"schedule_time": 7 * 86_400 - 60}, {"schedule_time": 7 * 86_400 + 60}),
    ],
)
def test_8_17_limits(fleet: Fleet, good: dict[str, int], bad: dict[str, int]) -> None:
    package, device_id = fleet.package(), fleet.device()

    def create(given: dict[str, int]) -> Any:
        policy = {name: soon(value) if name == "schedule_time" else value for name, value in given.items()}
        return fleet.task(package, device_id, task_policy=m.TaskPolicy(**policy))

    assert create(good)
    assert refusal(lambda: create(bad))[0] == 400


# --- operations -----------------------------------------------------------------------------------------------------


def called() -> Iterator[tuple[str, str]]:
    """Every method that a test of Huawei's calls, and the test's file."""
    for file in Path(__file__).parent.glob("*huawei*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node.func.attr, file.name


@pytest.mark.parametrize("operation", EVERY)
def test_every_operation_is_one_of_the_sdks_and_called(operation: str) -> None:
    assert callable(getattr(IoTDAClient, operation))
    assert [file for name, file in called() if name == operation], f"no test calls {operation}"


def test_what_the_sdk_has_for_these_areas_is_promised() -> None:
    """No method of the SDK for packages, batch tasks, spaces, products, groups or rules is missing from the list."""
    areas = ("ota", "batch_task", "application", "product", "device_group", "rule_action", "routing_rule")
    there = {
        name for name in dir(IoTDAClient)
        if not name.startswith("_") and not name.endswith("_invoker") and any(area in name for area in areas)
    }  # fmt: skip
    assert there <= set(EVERY)
