"""Many simulated devices in one process, and what they are doing.

A fleet is its identities, a seed and the rates: the same three always make the same scripts. It bounds how fast its
devices connect and how many download at once, so that thousands of them fit beside the server they try. It decides
nothing about a single device.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from upwell.simulator.device import Device
from upwell.simulator.script import Rates, plan
from upwell.simulator.site import Counters, Gate, Site
from upwell.simulator.speech import SPEECHES
from upwell.simulator.wire import DeviceIdentity

DOWNLOADS_MAX = 32  # At once in one process: enough to keep a loopback server busy, about 8 MB of buffers.
CONNECTS_PER_S = 200.0  # A kinder pace than a power cut, and 2000 devices are there in 10 s.
SETTLE_POLL_S = 0.2
TIMER_MAX_S = 10_000_000  # four months


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


_NUMBER = (int, float)
_KEYS: dict[str, tuple[type, ...]] = {
    "host": (str,), "port": (int,), "devices": (list,), "target_version": (str,), "seed": (int, str), "rates": (dict,),
    "downloads_max": (int,), "connects_per_s": _NUMBER, "duration_s": (*_NUMBER, type(None)),
    "wake_after_s": (*_NUMBER, type(None)),
}  # fmt: skip
_NEEDED = ("host", "port", "devices", "target_version")
_DEVICE_NEEDED = ("product_key", "device_name", "device_secret", "version")


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that can begin."""

    fleet: Fleet
    duration_s: float | None
    wake_after_s: float | None

    async def play(self) -> dict[str, Any]:
        """Run until all devices have ended or `duration_s` is over; returns `Fleet.summary()`."""
        until = asyncio.Event()
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(self.duration_s, until.set)] if self.duration_s is not None else []
        if self.wake_after_s is not None:
            timers.append(loop.call_later(self.wake_after_s, self.fleet.wake))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_watch(self.fleet, until))
            await self.fleet.run(until)
        for timer in timers:
            timer.cancel()
        return self.fleet.summary()


def planned(config: Any) -> Planned:
    """A run from plain values.

    Keys: host, port, devices (objects with product_key, device_name, device_secret, version and, if wished, kind),
    target_version; and, if wished, seed (0), rates (object), downloads_max, connects_per_s, duration_s (no end),
    wake_after_s (silent devices are told then). Raises ValueError naming the key that is missing, unknown or wrong.
    """
    known = dict(_typed("the script", config, _KEYS, _NEEDED))
    duration_s, wake_after_s = known.pop("duration_s", None), known.pop("wake_after_s", None)
    if not 0 < known["port"] < 65536:
        raise ValueError(f"port: {known['port']} must be from 1 to 65535")
    try:
        known["host"].encode("idna")  # as it is looked up
    except UnicodeError as exc:
        raise ValueError(f"host: {known['host']} is no host's name") from exc
    for name in ("downloads_max", "connects_per_s"):
        if known.get(name, 1) <= 0:
            raise ValueError(f"{name}: must be above 0")
    for name, value in (("duration_s", duration_s), ("wake_after_s", wake_after_s)):
        if value is not None and not 0 <= value <= TIMER_MAX_S:
            raise ValueError(f"{name}: must be from 0 to {TIMER_MAX_S}")
    known["devices"] = [_device(place, device) for place, device in enumerate(known["devices"])]
    rates = _typed("rates", known.get("rates", {}), {field.name: _NUMBER for field in fields(Rates)}, ())
    known["rates"] = Rates(**rates)
    return Planned(Fleet(**{"seed": 0, **known}), duration_s, wake_after_s)


def _device(place: int, given: Any) -> DeviceIdentity:
    what = f"devices[{place}]"
    told = _typed(what, given, dict.fromkeys((*_DEVICE_NEEDED, "kind"), (str,)), _DEVICE_NEEDED)
    if told.get("kind", "alibaba") not in SPEECHES:
        raise ValueError(f"{what}.kind: must be one of {', '.join(SPEECHES)}")
    return DeviceIdentity(**told)


def _typed(what: str, given: Any, keys: Mapping[str, tuple[type, ...]], needed: Sequence[str]) -> dict[str, Any]:
    """The object itself, when every key is known and of its type, and none that is needed is missing."""
    if not isinstance(given, dict):
        raise ValueError(f"{what} must be a JSON object")
    for name, value in given.items():
        if name not in keys:
            raise ValueError(f"{what} has an unknown key {name!r}; known are {', '.join(keys)}")
        if not isinstance(value, keys[name]) or isinstance(value, bool):
            wanted = " or ".join(_JSON_NAMES[kind] for kind in keys[name])
            raise ValueError(f"{what}: {name} must be {wanted}")
    missing = [name for name in needed if name not in given]
    if missing:
        raise ValueError(f"{what} lacks {', '.join(missing)}")
    return given


_JSON_NAMES: dict[type, str] = {
    str: "a string", int: "a whole number", float: "a number", list: "a list", dict: "an object", type(None): "null",
}  # fmt: skip


async def simulate(config: dict[str, Any]) -> dict[str, Any]:
    """Play `planned(config)` to its end; returns `Fleet.summary()`. Raises ValueError for unknown or wrong values."""
    return await planned(config).play()


async def _watch(fleet: Fleet, until: asyncio.Event) -> None:
    """End the run when every device has ended its upgrade."""
    while not until.is_set():
        if fleet.settled():
            until.set()
        await asyncio.sleep(SETTLE_POLL_S)
