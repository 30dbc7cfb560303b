"""What happens to a large fleet beside bystanders (bench/beside.py): jobs and batch tasks over all of it are filled,
steered and deleted, strangers hold locks, madmen flood.

What is held against the law without a clock: how many rows one transaction wrote at most (each row of a table knows its
transaction), and that bystanders are served *while* a lock is held.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from alibabacloud_iot20180120 import models as m
from bench.beside import PAUSE_S, Beside, log_in, until
from bench.crowds import addresses, crowd, flood
from huaweicloudsdkiotda.v5 import model as h
from tests.prove.rollout import Process

from acceptance.client import Key
from acceptance.huawei_client import sdk

AT_ONCE_MAX = 1_000  # rows of tasks that one transaction may write (L14: a chunk)
OFFERED_WITHIN_S = 120.0
MADMAN = "127.0.9.9"


def run(server: Process, *command: str) -> str:
    """What a command beside the running server prints."""
    upwell = Path(sys.executable).with_name("upwell")
    done = subprocess.run(
        [upwell, *command, "--data-dir", server.dir / "data"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Batches:
    """Huawei's batch tasks over all of a product."""

    def __init__(self, server: Process, key: str) -> None:
        made = json.loads(run(server, "key", "create", "--json", "--dialect", "huawei", "--role", "admin"))
        self._client = sdk(f"127.0.0.1:{server.http}", Key(**{n: made[n] for n in ("id", "secret", "project_id")}))
        spaces = self._client.show_applications(h.ShowApplicationsRequest(default_app=True)).applications
        self._space, self._key, self._server = spaces[0].app_id, key, server

    def begin(self) -> str:
        """Over a group of every device of the product."""
        body = h.AddDeviceGroupDTO(
            name="all", app_id=self._space, group_type="DYNAMIC", dynamic_group_rule=f"product_id = '{self._key}'"
        )
        group = self._client.add_device_group(h.AddDeviceGroupRequest(body=body)).group_id
        task = h.CreateBatchTask(
            app_id=self._space, task_name="freeze", task_type="firmwareUpgrade",
            document={"package_ids": [self._package()]}, targets_filter={"group_ids": [group]},
        )  # fmt: skip
        return str(self._client.create_batch_task(h.CreateBatchTaskRequest(body=task)).task_id)

    def _package(self) -> str:
        file = self._server.dir / "image.bin"
        file.write_bytes(b"y" * 1024)
        run(self._server, "object", "put", "--bucket", "freeze", "--key", "i.bin", "--account", "default", str(file))
        place = h.ObsLocation(region_name="here-1", bucket_name="freeze", object_key="i.bin")
        body = h.CreateOtaPackage(
            app_id=self._space, package_type="firmwarePackage", product_id=self._key, version="V9.0",
            file_location=h.FileLocation(obs_location=place),
        )  # fmt: skip
        return str(self._client.create_ota_package(h.CreateOtaPackageRequest(body=body)).package_id)

    def counted(self, task: str) -> Any:
        """Its counters."""
        return self._client.show_batch_task(h.ShowBatchTaskRequest(task_id=task, limit=1)).batchtask.task_progress

    def stop(self, task: str) -> float:
        """Seconds until the answer."""
        began = time.monotonic()
        self._client.stop_batch_task(h.StopBatchTaskRequest(task_id=task))
        return time.monotonic() - began


def rollouts(cold: Beside, idle_s: float, hold_s: float) -> None:
    """A job over all is filled, has its locks held by a stranger, is cancelled, and its package deleted at once; a
    batch task over all is filled and stopped."""
    firmware = cold.new_package("2.0.0")
    job, number = filled(cold, firmware, idle_s)
    held_locks(cold, number, hold_s)
    cancelled(cold, job, number, firmware)
    stopped(cold)


def filled(cold: Beside, firmware: str, idle_s: float) -> tuple[str, int]:
    """Nothing for some seconds, then a job over all; its id and its number in the database."""
    with cold.beside("idle", idle_s):
        pass
    with cold.beside("fill") as facts:
        job = cold.begin_job(firmware)
        facts["filled_s"] = cold.filled(job)
    return job, int(cold.rows.value("select max(job_id) from job"))


def held_locks(cold: Beside, job: int, hold_s: float) -> None:
    """Another connection holds the open tasks of two devices that report, and their job."""
    with crowd(cold.server.mqtt, cold.own[:4], addresses(2)) as of_the_job:
        names = [name for _, name, _ in cold.own[:4]]
        offered = "select count(*) from task join device using (device_id) where name = any($1) and state = 'NOTIFIED'"
        until(lambda: bool(cold.rows.value(offered, names) == len(names)), OFFERED_WITHIN_S)
        of_two = f"select from task join device using (device_id) where job_id = {job} and name = any($1)"
        tasks = (f"{of_two} for update of task", names[:2])
        with cold.beside("locks held") as facts:
            with cold.rows.held(tasks, ("select from job where job_id = $1 for update", job)):
                facts["held_s"] = hold_s
                of_the_job.begin("progress", PAUSE_S)
                time.sleep(hold_s)
            told = of_the_job.end()
            facts |= {"held_waited_ms": told["slowest_ms"], "held_unanswered": told["unanswered"]}


def cancelled(cold: Beside, job: str, number: int, firmware: str) -> None:
    """All of a job cancelled while one of its devices reports, then its package deleted."""
    with crowd(cold.server.mqtt, cold.own[4:5], addresses(2)) as one, cold.beside("cancel") as facts:
        one.begin("progress", PAUSE_S)
        facts["answered_ms"] = cold.cancel(job) * 1000
        facts["read_as_cancelled"] = cold.total(job, task_status="CANCELED")
        deleted = cold.client.delete_otafirmware(m.DeleteOTAFirmwareRequest(firmware_id=firmware)).body
        assert deleted.success, deleted.to_map()
        facts["written_s"] = cold.written_down(number)
        facts["device_waited_ms"] = one.end()["slowest_ms"]
    assert cold["cancel"].facts["read_as_cancelled"] == cold.count


def stopped(cold: Beside) -> None:
    """A batch task over all, stopped when it has its tasks."""
    batches = Batches(cold.server, cold.key)
    with cold.beside("batch filled") as facts:
        task = batches.begin()
        facts["filled_s"] = until(lambda: bool(batches.counted(task).total == cold.count))
    with cold.beside("stop") as facts:
        facts["answered_ms"] = batches.stop(task) * 1000
        counted = batches.counted(task)
        facts["read_as_stopped"] = counted.stopped
        facts["written_s"] = cold.written_down()
    assert (counted.stopped, counted.processing, counted.waitting) == (cold.count, 0, 0)


def flooded(cold: Beside, kind: str, seconds: float) -> None:
    """One flood from one address; beside it a device logs in anew and an owner asks, each once in a while."""
    asked = m.QueryDeviceDetailRequest(product_key=cold.key, device_name=cold.own[6][1])
    logins, calls = [0.0], [0.0]
    with cold.beside(kind) as facts:
        with flood(kind, cold.server.mqtt, cold.server.http, MADMAN, cold.own[5]) as did:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                logins.append(log_in(cold.server.mqtt, cold.own[6], "127.0.3.1"))
                began = time.monotonic()
                assert cold.client.query_device_detail(asked).body.success
                calls.append(time.monotonic() - began)
                time.sleep(0.2)
        facts |= {"login_ms": max(logins) * 1000, "call_ms": max(calls) * 1000}
        facts |= {name: value for name, value in did.items() if name != "seconds"}
