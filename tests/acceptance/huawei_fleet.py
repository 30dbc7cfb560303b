"""A Huawei account for acceptance tests: product, packages and batch tasks by the SDK, devices imitated."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huaweicloudsdkiotda.v5 import model as m
from tests.imitations.huawei import HuaweiDevice
from tests.imitations.huawei_c import HuaweiC
from tests.imitations.huawei_go import HuaweiGo
from tests.imitations.huawei_java import HuaweiJava
from tests.imitations.huawei_python import HuaweiPython

from acceptance.client import Server, unique
from acceptance.huawei_client import new_device, new_product, sdk

BUCKET = "firmware"
IMAGE = random.Random(11).randbytes(120_001)
STAMP = "%Y%m%dT%H%M%SZ"
ZERO = {
    "total": 0, "processing": 0, "success": 0, "fail": 0, "waitting": 0, "fail_wait_retry": 0, "stopped": 0,
    "removed": 0,
}  # fmt: skip
OVER = ("Success", "Fail", "PartialSuccess", "Stopped")
SDKS: dict[str, Callable[..., HuaweiDevice]] = {
    "python": HuaweiPython,
    "java": HuaweiJava,
    "go": HuaweiGo,
    "c": HuaweiC,
}


@dataclass
class Fleet:
    """A product of an account, its packages and its batch tasks."""

    server: Server
    client: Any
    folder: Path
    account: str
    product: str = ""
    stored: str = ""  # the object of its packages, once it is in the bucket
    made: dict[str, Any] = field(default_factory=dict)

    def device(self, **more: Any) -> str:
        """A new device; its id."""
        told = new_device(self.client, self.product, **more)
        self.made[told.device_id] = told
        return str(told.device_id)

    def package(
        self, version: str = "V2.0", kind: str = "firmwarePackage", sign: str | None = None, **more: Any
    ) -> str:
        """A package of the object in the account's bucket; its id."""
        if not self.stored:
            self.stored, file = f"{unique('obj')}/upgrade.bin", self.folder / "image"
            file.write_bytes(IMAGE)
            where = ("--bucket", BUCKET, "--key", self.stored, "--account", self.account)
            self.server.run("object", "put", *where, str(file))
        app = self.client.show_applications(m.ShowApplicationsRequest()).applications[0].app_id
        place = m.ObsLocation(region_name="cn-north-4", bucket_name=BUCKET, object_key=self.stored, sign=sign)
        body = m.CreateOtaPackage(
            app_id=app, package_type=kind, product_id=self.product, version=version,
            file_location=m.FileLocation(obs_location=place), **more,
        )  # fmt: skip
        return str(self.client.create_ota_package(m.CreateOtaPackageRequest(body=body)).package_id)

    def create(self, packages: Sequence[str], kind: str = "firmwareUpgrade", **more: Any) -> Any:
        """The answer to a batch task's making."""
        body = m.CreateBatchTask(
            **{"task_name": unique("task"), "task_type": kind, "document": {"package_ids": list(packages)}} | more
        )
        return self.client.create_batch_task(m.CreateBatchTaskRequest(body=body))

    def task(self, package: str, *devices: str, kind: str = "firmwareUpgrade", **more: Any) -> str:
        """A batch task over these devices; its id."""
        return str(self.create([package], kind, targets=list(devices), **more).task_id)

    def shown(self, task: str, **more: Any) -> Any:
        return self.client.show_batch_task(m.ShowBatchTaskRequest(task_id=task, **more))

    async def until(self, task: str, holds: Callable[[Any], object], seconds: float = 40.0) -> Any:
        """The task as shown, once it is so."""
        async with asyncio.timeout(seconds):
            while True:
                shown = await asyncio.to_thread(self.shown, task)
                if holds(shown):
                    return shown
                await asyncio.sleep(0.1)

    async def over(self, task: str) -> Any:
        """The task as shown at its end."""
        return await self.until(task, lambda shown: shown.batchtask.status in OVER)

    @asynccontextmanager
    async def online(self, device_id: str, kind: str | type[HuaweiDevice], **given: Any) -> AsyncIterator[HuaweiDevice]:
        host, _, port = self.server.mqtt.rpartition(":")
        secret = self.made[device_id].auth_info.secret
        make = SDKS[kind] if isinstance(kind, str) else kind
        device = make(host=host, port=int(port), device_id=device_id, secret=secret, **given)
        await device.start()
        try:
            yield device
        finally:
            await device.stop()


def new_fleet(server: Server, account: str, folder: Path) -> Fleet:
    """An account with a product."""
    client = sdk(server.http, server.new_key(account, "admin", "huawei"))
    made = Fleet(server, client, folder, account)
    made.product = new_product(client)
    return made


def only(shown: Any) -> Any:
    """The one subtask."""
    (detail,) = shown.task_details
    return detail


def soon(seconds: float) -> str:
    """The time so many seconds from now, as Huawei writes it."""
    return time.strftime(STAMP, time.gmtime(time.time() + seconds))


def steer(fleet: Fleet, what: str, task: str, *targets: str, bare: bool = False) -> list[tuple[str, str, str | None]]:
    """Stop, retry or confirm; what is told of each target. `bare` sends no body at all."""
    body, client = None if bare else m.BatchTargets(targets=list(targets) or None), fleet.client
    if what == "stop":
        told = client.stop_batch_task(m.StopBatchTaskRequest(task_id=task, body=body))
    elif what == "retry":
        told = client.retry_batch_task(m.RetryBatchTaskRequest(task_id=task, body=body))
    else:
        told = client.confirm_batch_task(m.ConfirmBatchTaskRequest(task_id=task, body=body))
    return [(each.target, each.status, each.error_code) for each in told.targets]


def delete(fleet: Fleet, task: str) -> None:
    fleet.client.delete_batch_task(m.DeleteBatchTaskRequest(task_id=task))


def counters(shown: Any) -> dict[str, int]:
    """The counters that are not 0."""
    return {name: n for name, n in shown.batchtask.task_progress.to_dict().items() if n}


def statuses(shown: Any) -> dict[str, str]:
    return {each.target: each.status for each in shown.task_details}


async def settled(fleet: Fleet, task: str) -> Any:
    """The task as shown, once all its subtasks are there."""
    return await fleet.until(task, lambda shown: shown.batchtask.status != "Initializing" and shown.task_details)
