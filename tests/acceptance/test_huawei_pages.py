"""Huawei's long lists of packages, batch tasks and subtasks by the vendor's own SDK (huawei 1.10, 3.1)."""

from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkiotda.v5 import model as m

from acceptance.client import Server
from acceptance.huawei_client import refusal, sdk, walked
from acceptance.huawei_fleet import ZERO, Fleet, new_fleet, only, soon, steer


@pytest.fixture(scope="module")
def fleet(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return new_fleet(server, "pages", tmp_path_factory.mktemp("fleet"))


async def test_200_subtasks_are_shown_by_pages(fleet: Fleet) -> None:
    strays = [f"stray-{n}" for n in range(150)]
    devices = [fleet.device() for _ in range(50)]
    task = fleet.task(fleet.package(), *strays, *devices)
    await fleet.until(task, lambda shown: shown.batchtask.task_progress.total == 200)

    def page(limit: int, marker: str | None, **more: Any) -> Any:
        return fleet.shown(task, limit=limit, marker=marker, **more)

    found, counts = walked(page, "task_details", 50)
    ids = [each.target for each in found]
    assert sorted(ids) == sorted((*strays, *devices)) and set(counts) == {200}
    assert [each.target for each in page(10, None, offset=90).task_details] == ids[90:100]
    assert len(fleet.shown(task).task_details) == 10
    waiting, counts = walked(lambda *at: page(*at, task_detail_status="Waitting"), "task_details", 20)
    assert {each.target for each in waiting} == set(devices) and set(counts) == {50}
    failed, counts = walked(lambda *at: page(*at, task_detail_status="Fail"), "task_details", 50)
    assert {each.target for each in failed} == set(strays) and set(counts) == {150}
    for status in ("Processing", "Success", "FailWaitRetry", "Stopped", "Removed"):
        assert page(50, None, task_detail_status=status).page.count == 0
    assert only(fleet.shown(task, target=devices[7])).target == devices[7]
    assert fleet.shown(task, target="nobody").task_details == []
    assert fleet.shown(task, target=strays[3], task_detail_status="Waitting").page.count == 0


def test_200_tasks_are_listed_by_pages(fleet: Fleet) -> None:
    client = sdk(fleet.server.http, fleet.server.new_key("pages", "operator", "huawei"))
    package, device_id = fleet.package("S9", "softwarePackage"), fleet.device()
    at = m.TaskPolicy(schedule_time=soon(86_400))
    ids = [fleet.task(package, device_id, kind="softwareUpgrade", task_policy=at) for _ in range(200)]
    steer(fleet, "stop", ids[0])

    def page(limit: int, marker: str | None, **more: Any) -> Any:
        asked = m.ListBatchTasksRequest(task_type="softwareUpgrade", limit=limit, marker=marker, **more)
        return client.list_batch_tasks(asked)

    found, counts = walked(page, "batchtasks", 50)
    assert [each.task_id for each in found] == ids[::-1] and set(counts) == {200}
    assert [each.task_id for each in page(3, None, offset=150).batchtasks] == ids[::-1][150:153]
    waiting, counts = walked(lambda *at: page(*at, status="Waitting"), "batchtasks", 50)
    assert [each.task_id for each in waiting] == ids[:0:-1] and set(counts) == {199}
    assert [each.task_id for each in page(50, None, status="Stopped").batchtasks] == ids[:1]
    space = client.show_applications(m.ShowApplicationsRequest(default_app=True)).applications[0].app_id
    assert page(1, None, app_id=space).page.count == 200
    assert refusal(lambda: page(1, None, app_id="nowhere"))[:2] == (403, "IOTDA.001000")
    assert client.list_batch_tasks(m.ListBatchTasksRequest(task_type="moduleUpgrade")).page.count < 200
    assert page(1, None).batchtasks[0].task_progress.to_dict() == ZERO


def test_120_packages_are_listed_by_pages(server: Server, tmp_path: Path) -> None:
    fleet = new_fleet(server, "many-packages", tmp_path)
    first = fleet.client.show_ota_package(m.ShowOtaPackageRequest(package_id=fleet.package("V0")))
    ids = [first.package_id]
    for n in range(1, 120):
        body = m.CreateOtaPackage(
            app_id=first.app_id, package_type="firmwarePackage", product_id=fleet.product, version=f"V{n}",
            file_location=first.file_location,
        )  # fmt: skip
        ids.append(fleet.client.create_ota_package(m.CreateOtaPackageRequest(body=body)).package_id)

    def page(limit: int, marker: str | None, **more: Any) -> Any:
        asked = m.ListOtaPackageInfoRequest(package_type="firmwarePackage", limit=limit, marker=marker, **more)
        return fleet.client.list_ota_package_info(asked)

    found, counts = walked(page, "packages", 50)
    assert [each.package_id for each in found] == ids[::-1] and set(counts) == {120}
    middle = page(50, None).page.marker
    assert [each.package_id for each in page(4, middle, offset=30).packages] == ids[::-1][80:84]
