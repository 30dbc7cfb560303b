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
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from demo.driver import DemoError, Operator
from demo.screen import Now, Result, Screen
from demo.stall import bytes_below, unless_stalled
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates
from upwell.simulator.wire import DeviceIdentity

STOP_TIMEOUT_S = 60.0
POLL_S = 0.5
REMOVE_TRIES = 20
LOG_TAIL_LINES = 30
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


@dataclass(slots=True)
class Server:
    """`upwell serve` as a child process."""

    folder: Path
    key_id: str = field(default_factory=lambda: f"demo{secrets.token_hex(6)}")
    key_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    http: str = ""
    mqtt: str = ""

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def log_tail(self) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def environment(self) -> dict[str, str]:
        """Ours without any setting of another Upwell."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("UPWELL_")}
        own = {"BOOTSTRAP_KEY": f"{self.key_id}:{self.key_secret}", "CONFIG": os.devnull}
        return kept | {f"UPWELL_{name}": value for name, value in own.items()}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """From its ready line to its end by SIGTERM."""
        options = {"data-dir": str(self.folder / "data")} | dict.fromkeys(("http", "mqtt", "download"), "127.0.0.1:0")
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with self.log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("upwell")), "serve", *arguments,
                stdout=asyncio.subprocess.PIPE, stderr=log, env=self.environment(),
            )  # fmt: skip
        try:
            await self._ready(process)
            yield
        finally:
            await _end(process)

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise DemoError("the server has no stdout")
        async for line in process.stdout:
            words = line.decode(errors="replace").split()
            if words[:2] == ["upwell", "ready"]:
                at = dict(word.split("=", 1) for word in words[2:])
                self.http, self.mqtt = at["http"], at["mqtt"]
                return
        raise DemoError(f"the server ended with code {await process.wait()} before it was ready")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise DemoError(f"the server did not end within {STOP_TIMEOUT_S:.0f} s of SIGTERM") from None


def make_folder() -> Path:
    """Ours alone, but root's must let the database's unprivileged user through."""
    folder = Path(tempfile.mkdtemp(prefix="upwell-demo-", dir="/tmp"))  # A short path: it holds a unix socket.
    if os.geteuid() == 0:
        folder.chmod(0o711)
    return folder


def remove(folder: Path) -> None:
    """Patient with the database of a server that died: it still writes until it sees that its files are gone."""
    for _ in range(REMOVE_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(POLL_S)
    print(f"demo: {folder} could not be removed", file=sys.stderr)


class Story:
    """The demo's steps in their order, and how far they came."""

    def __init__(self, screen: Screen, server: Server, devices: int, seed: int) -> None:
        self._screen, self._server, self._count, self._seed = screen, server, devices, seed
        self._operator: Operator
        self._fleet: Fleet | None = None
        self._product_key = self._firmware_id = ""
        self._rollout_at = self._began_at = time.monotonic()
        self._steps = 0
        self.doing = "the server's start"

    async def run(self) -> Result:
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
                return await self._upgrade(fleet)
            finally:
                until.set()
                await playing

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


async def play(screen: Screen, folder: Path, devices: int, seed: int) -> int:
    """Returns the exit code."""
    server = Server(folder)
    story = Story(screen, server, devices, seed)
    if (this := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    try:
        result = await unless_stalled(story.run(), story.progress)
    except Exception as exc:
        screen.failure(f"{type(exc).__name__}: {exc}", story.missing(), server.log_tail())
        return 1
    screen.summary(result)
    return 1 if result.astray else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--devices", type=int, default=300, help=f"{DEVICES_MIN} to {DEVICES_MAX} (default 300)")
    parser.add_argument("--seed", type=int, default=7, help="of the image and the scripts (default 7)")
    chosen = parser.parse_args()
    if not DEVICES_MIN <= chosen.devices <= DEVICES_MAX:
        parser.error(f"--devices {chosen.devices}: must be from {DEVICES_MIN} to {DEVICES_MAX}")
    return chosen


def main() -> int:
    chosen = arguments()
    for name in ("NO_PROXY", "no_proxy"):  # Both spellings are read; the loopback needs no proxy.
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))
    screen, folder = Screen(), make_folder()
    try:
        return asyncio.run(play(screen, folder, chosen.devices, chosen.seed))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.failure("interrupted", [], "")
        return 1
    finally:
        remove(folder)


if __name__ == "__main__":
    sys.exit(main())
