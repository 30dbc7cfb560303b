"""`make demo`: from nothing to an updated fleet, on loopback, in one go.

It starts `upwell serve` on a fresh data dir, drives it with Alibaba's own SDK, plays the fleet in this process, and
compares what the server says of every device with that device's script. The product has devices of all three vendors'
kinds; one package and one job serve them. Exit 0 only if all agree. The server is ended and the data dir removed
however the demo ends.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demo.console import ConsoleStory
from demo.driver import DemoError, Operator
from demo.screen import Now, Result, Screen
from demo.server import POLL_S, Server, make_folder, remove
from demo.stall import bytes_below, unless_stalled
from demo.waves import WAVES_DEVICES_MIN, WavesStory
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

IMAGE_SIZE = 8 * 1024 * 1024
OLD_VERSION, NEW_VERSION = "1.0.0", "2.0.0"
ALIBABA, TUYA, HUAWEI = "alibaba", "tuya", "huawei"
KINDS = (TUYA, HUAWEI, ALIBABA)  # In turn, in the same product.
VERIFY_DEVICES = 2
PER_MINUTE, TIMEOUT_MIN = 1000, 1440  # the longest timeout: a slow machine's devices are not late
VERIFIED, VERIFY_FAILED = 1, 3  # alibaba: FirmwareInfo.Status
DEVICES_MIN, DEVICES_MAX = 10, 1000  # Enough that two succeed; one BatchRegisterDevice.
RATES = Rates(
    drop_mid_download=0.08,
    fail_download=0.03,
    fail_verify=0.02,
    fail_burn=0.02,
    fail_upgrade=0.02,
    late=0.05,
    repeat=0.1,
    reorder=0.1,
    late_s=4.0,
)


class Story:
    """The demo's steps in their order, and how far they came."""

    def __init__(self, screen: Screen, server: Server, devices: int, seed: int) -> None:
        self._screen, self._server, self._count, self._seed = screen, server, devices, seed
        self._operator: Operator
        self._fleet: Fleet | None = None
        self._product_key = self._firmware_id = ""
        self._rollout_at = self._began_at = time.monotonic()
        self._steps = 0
        self._came_to: Result
        self.doing = "the server's start"

    async def run(self) -> None:
        async with self._server.running():
            self._operator = Operator(self._server.http, self._server.key_id, self._server.key_secret)
            self._screen.say(f"Upwell is ready: http {self._server.http}, mqtt {self._server.mqtt}")
            self.doing = "product, devices and firmware"
            identities = await asyncio.to_thread(self._prepare)
            host, port = self._server.mqtt.rsplit(":", 1)
            self._fleet = fleet = Fleet(host, int(port), identities, self._seed, RATES, NEW_VERSION)
            until = asyncio.Event()
            playing = asyncio.create_task(fleet.run(until))
            try:
                self._came_to = await self._upgrade(fleet)
            finally:
                until.set()
                await playing

    def sum_up(self) -> int:
        """The last screen; returns the exit code."""
        self._screen.summary(self._came_to)
        return 1 if self._came_to.astray else 0

    def progress(self) -> object:
        """Something that is another whenever anything has happened."""
        if not self._server.http:
            return bytes_below(self._server.folder)
        if self._fleet is None:
            return self.doing, self._steps
        said = sum(len(device.acknowledged) for device in self._fleet.devices)
        return self.doing, asdict(self._fleet.counters), said

    def missing(self) -> list[str]:
        """What has not happened yet."""
        devices = self._fleet.astray() if self._fleet else []
        return [self.doing, *(f"{d.identity.device_name}: expected {d.script.expected}" for d in devices)]

    def _prepare(self) -> list[DeviceIdentity]:
        operator, label = self._operator, secrets.token_hex(3)
        self._product_key = operator.create_product(f"demo_{label}")
        devices = operator.register(self._product_key, self._count)
        self._steps += 1
        self._screen.say(f"product {self._product_key} with {len(devices)} devices")
        image = random.Random(self._seed).randbytes(IMAGE_SIZE)
        url = operator.upload(image)
        self._firmware_id = operator.create_firmware(self._product_key, f"fw_{label}", NEW_VERSION, url, image)
        self._screen.say(f"firmware {NEW_VERSION} uploaded: {len(image):,} bytes, id {self._firmware_id}")
        kinds = [KINDS[place % len(KINDS)] for place in range(len(devices))]
        told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in KINDS)
        self._screen.say(f"they speak their vendors' protocols: {told}")
        return [
            DeviceIdentity(self._product_key, name, secret, OLD_VERSION, kind)
            for (name, secret), kind in zip(devices, kinds, strict=True)
        ]

    async def _upgrade(self, fleet: Fleet) -> Result:
        self.doing = "every device connected with its version reported"
        while not all(device.acknowledged for device in fleet.devices):  # noqa: ASYNC110  a fleet tells no events
            await asyncio.sleep(POLL_S)
        self._screen.say(f"{fleet.counters.connected} devices connected")
        verify_id = await self._verify(fleet)
        self.doing = "the rollout"
        self._rollout_at = time.monotonic()
        job_id = await asyncio.to_thread(
            self._operator.roll_out, self._product_key, self._firmware_id, PER_MINUTE, TIMEOUT_MIN
        )
        self._screen.say(f"rollout to all devices at {PER_MINUTE} a minute: job {job_id}")
        with self._screen.live():
            await self._watch(fleet, job_id)
        self.doing = "the comparison with the scripts"
        tasks = {task.device_name: task for task in await asyncio.to_thread(self._operator.tasks, verify_id)}
        tasks |= {task.device_name: task for task in await asyncio.to_thread(self._operator.tasks, job_id)}
        return self._result(fleet, tasks)

    async def _verify(self, fleet: Fleet) -> str:
        self.doing = "the verification"
        names = [
            device.identity.device_name
            for device in fleet.devices
            if device.script.expected == "SUCCEEDED" and not device.script.late
        ][:VERIFY_DEVICES]
        if len(names) < VERIFY_DEVICES:
            raise DemoError(f"seed {self._seed} has fewer than {VERIFY_DEVICES} devices that succeed; try another")
        operator, firmware_id = self._operator, self._firmware_id
        job_id = await asyncio.to_thread(operator.verify, self._product_key, firmware_id, names)
        while (status := await asyncio.to_thread(operator.firmware_status, firmware_id)) != VERIFIED:
            if status == VERIFY_FAILED:
                raise DemoError(f"the verification on {', '.join(names)} failed")
            await asyncio.sleep(POLL_S)
        self._screen.say(f"verified on {', '.join(names)}")
        return job_id

    async def _watch(self, fleet: Fleet, job_id: str) -> None:
        status = ""
        while status != "COMPLETED" or not fleet.settled():
            await asyncio.sleep(POLL_S)
            status = await asyncio.to_thread(self._operator.job_status, job_id)
            counts = await asyncio.to_thread(self._operator.counts, job_id)
            seen, elapsed_s = fleet.counters, time.monotonic() - self._rollout_at
            self.doing = f"the rollout: job {status}, tasks {counts}"
            self._screen.show(Now(counts, seen.connected, seen.downloading, seen.bytes, elapsed_s))
            if status == "CANCELED":
                raise DemoError(f"job {job_id} was cancelled")

    def _result(self, fleet: Fleet, tasks: dict[str, Any]) -> Result:
        failures: dict[str, list[str]] = {}
        for name, task in tasks.items():
            if task.task_status == "FAILED":
                failures.setdefault(task.task_desc or "no reason given", []).append(name)
        successes_s = [at - self._rollout_at for at in _success_times(fleet) if at >= self._rollout_at]
        return Result(
            devices=len(fleet.devices),
            states=dict(Counter(task.task_status for task in tasks.values())),
            failures=failures,
            first_success_s=min(successes_s, default=None),
            last_success_s=max(successes_s, default=None),
            served_bytes=fleet.counters.bytes,
            run_s=time.monotonic() - self._began_at,
            problems=[f"{d.identity.device_name}: {text}" for d in fleet.devices for text in d.problems],
            astray=_astray(fleet, tasks),
        )


def _success_times(fleet: Fleet) -> list[float]:
    """When the server acknowledged each device's report of the new version."""
    return [
        min(times)
        for device in fleet.devices
        if (
            times := [
                report.acknowledged_at
                for report in device.acknowledged
                if report.kind == "inform" and report.value == fleet.target_version
            ]
        )
    ]


def _astray(fleet: Fleet, tasks: dict[str, Any]) -> list[str]:
    """Each device whose script, own end and task do not all agree."""
    lost = set(map(id, fleet.astray()))
    lines = []
    for device in fleet.devices:
        name, expected = device.identity.device_name, device.script.expected
        task = tasks.get(name)
        state = task.task_status if task else "no task"
        if state != expected or id(device) in lost:
            lines.append(f"{name}: expected {expected}, the server says {state}, the device {device.outcome}")
    return lines


async def play(screen: Screen, folder: Path, chosen: argparse.Namespace) -> int:
    """Returns the exit code."""
    server = Server(folder, by_token=chosen.waves or chosen.console)
    which = ConsoleStory if chosen.console else WavesStory if chosen.waves else Story
    story: Story | WavesStory | ConsoleStory = which(screen, server, chosen.devices, chosen.seed)
    if (this := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    try:
        await unless_stalled(story.run(), story.progress)
    except Exception as exc:
        screen.failure(f"{type(exc).__name__}: {exc}", story.missing(), server.log_tail())
        return 1
    return story.sum_up()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--devices", type=int, default=300, help=f"{DEVICES_MIN} to {DEVICES_MAX} (default 300)")
    parser.add_argument("--seed", type=int, default=7, help="of the image and the scripts (default 7)")
    parser.add_argument("--waves", action="store_true", help="a firmware that fails, halted in the first of its waves")
    parser.add_argument(
        "--console", action="store_true", help="a fleet to look at: prints a link, and stays until Ctrl-C"
    )
    chosen = parser.parse_args()
    least = WAVES_DEVICES_MIN if chosen.waves or chosen.console else DEVICES_MIN
    if not least <= chosen.devices <= DEVICES_MAX:
        parser.error(f"--devices {chosen.devices}: must be from {least} to {DEVICES_MAX}")
    return chosen


def main() -> int:
    chosen = arguments()
    for name in ("NO_PROXY", "no_proxy"):  # Both spellings are read; the loopback needs no proxy.
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))
    screen, folder = Screen(), make_folder()
    try:
        return asyncio.run(play(screen, folder, chosen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.failure("interrupted", [], "")
        return 1
    finally:
        remove(folder)


if __name__ == "__main__":
    sys.exit(main())
