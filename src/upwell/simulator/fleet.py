"""Many simulated devices in one process, and what they are doing.

A fleet is its identities, a seed and the rates: the same three always make the same scripts. It bounds how fast its
devices connect and how many download at once, so that thousands of them fit beside the server they try. It decides
nothing about a single device.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import Any

from upwell.simulator.device import Counters, Device, Gate, Site
from upwell.simulator.script import Rates, plan
from upwell.simulator.wire import DeviceIdentity

DOWNLOADS_MAX = 32  # At once in one process: enough to keep a loopback server busy, about 8 MB of buffers.
CONNECTS_PER_S = 200.0  # A kinder pace than a power cut, and 2000 devices are there in 10 s.
SETTLE_POLL_S = 0.2


class Fleet:
    """Devices 0, 1, … follow `plan(seed, 0, rates)`, `plan(seed, 1, rates)`, …; `target_version` is where they go."""

    def __init__(
        self,
        host: str,
        port: int,
        devices: list[DeviceIdentity],
        seed: int | str,
        rates: Rates,
        target_version: str,
        *,
        downloads_max: int = DOWNLOADS_MAX,
        connects_per_s: float = CONNECTS_PER_S,
    ) -> None:
        self.target_version = target_version
        self.site = Site(host, port, Gate(connects_per_s), asyncio.Semaphore(downloads_max))
        self.devices = [Device(identity, plan(seed, index, rates), self.site) for index, identity in enumerate(devices)]

    @property
    def counters(self) -> Counters:
        """Live: read it as often as you like."""
        return self.site.counters

    def outcomes(self) -> Counter[str]:
        """How many devices stand where: SUCCEEDED, FAILED, or OPEN."""
        return Counter(device.outcome or "OPEN" for device in self.devices)

    def astray(self) -> list[Device]:
        """The devices that are not (or not yet) where their scripts end."""
        return [device for device in self.devices if not self._arrived(device)]

    def _arrived(self, device: Device) -> bool:
        reached = (device.version == self.target_version) == (device.script.expected == "SUCCEEDED")
        return reached and device.as_scripted

    def settled(self) -> bool:
        """Every device that speaks has ended its upgrade, rightly or wrongly."""
        return all(device.outcome is not None or device.script.mute for device in self.devices)

    def wake(self) -> None:
        """Tell every silent device to go on."""
        for device in self.devices:
            device.wake()

    async def run(self, until: asyncio.Event) -> None:
        """Run every device until `until` is set; a fault in the simulator itself is raised, never swallowed."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(device.run()) for device in self.devices]
            await until.wait()
            for task in running:
                task.cancel()

    def summary(self) -> dict[str, Any]:
        """Plain values for a report or a JSON line."""
        return {
            "devices": len(self.devices),
            "as_scripted": len(self.devices) - len(self.astray()),
            "outcomes": dict(self.outcomes()),
            "expected": dict(Counter(device.script.expected or "OPEN" for device in self.devices)),
            "unacknowledged": sum(device.unacknowledged for device in self.devices),
            "counters": asdict(self.counters),
            "problems": [f"{d.identity.device_name}: {text}" for d in self.devices for text in d.problems][:50],
        }


async def simulate(config: dict[str, Any]) -> dict[str, Any]:
    """Run a fleet from plain values until all have ended or `duration_s` is over; returns `Fleet.summary()`.

    Keys: host, port, devices (objects with product_key, device_name, device_secret, version), target_version; and, if
    wished, seed (0), rates (object), downloads_max, connects_per_s, duration_s (no end), wake_after_s (silent devices
    are told then). Raises TypeError or ValueError for unknown or wrong values.
    """
    known = dict(config)
    duration_s, wake_after_s = known.pop("duration_s", None), known.pop("wake_after_s", None)
    known["devices"] = [DeviceIdentity(**device) for device in known["devices"]]
    known["rates"] = Rates(**known.get("rates", {}))
    fleet = Fleet(**{"seed": 0, **known})
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(duration_s, until.set)] if duration_s is not None else []
    if wake_after_s is not None:
        timers.append(loop.call_later(wake_after_s, fleet.wake))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_watch(fleet, until))
        await fleet.run(until)
    for timer in timers:
        timer.cancel()
    return fleet.summary()


async def _watch(fleet: Fleet, until: asyncio.Event) -> None:
    """End the run when every device has ended its upgrade."""
    while not until.is_set():
        if fleet.settled():
            until.set()
        await asyncio.sleep(SETTLE_POLL_S)
