"""`make demo ARGS=--waves`: a firmware that one vendor's devices can't install stops itself in its first wave.

Four of five of that vendor's devices fail. The rollout goes out in waves of 10, 30 and 100 percent with a guard, is
halted by it in the first, and says by whose devices. The mended firmware in a rollout of the same kind then reaches
all. Each device's own book of what it was told is compared with what the server says: who was spared was told nothing.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import time
from collections import Counter
from typing import Any, cast

from demo.driver import DemoError
from demo.screen import Screen
from demo.server import POLL_S, Server
from demo.stall import bytes_below
from demo.wave_screen import by_vendor, line, panel
from upwell.client import AsyncClient
from upwell.simulator.device import Device
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates, plan
from upwell.simulator.wire import DeviceIdentity

WAVES_DEVICES_MIN = 200  # so that enough of the vendor's are in the first wave
VENDORS = ("tuya", "huawei", "alibaba")  # in turn
BROKEN = "tuya"  # whose devices can't install the first firmware, but for one of
SOUND_ONE_OF = 5
WAVES = [{"percent": 10.0}, {"percent": 30.0}, {"percent": 100.0}]
OLD, BAD, MENDED = "1.0", "2.0", "2.0.1"
IMAGE_SIZE = 512 * 1024
DELAY_S = 3.0  # so that a person sees them come
GOOD_RATES, BAD_RATES = Rates(delay_s=DELAY_S), Rates(fail_burn=1.0, delay_s=DELAY_S)


class WavesStory:
    """Its acts in their order, and how far they came."""

    def __init__(self, screen: Screen, server: Server, devices: int, seed: int) -> None:
        self._screen, self._server, self._count, self._seed = screen, server, devices, seed
        self._upwell: AsyncClient
        self._product = "lamps"
        self._fleet: Fleet | None = None
        self._steps, self._began_at = 0, time.monotonic()
        self._astray: list[str] = []
        self._halted = ""
        self._said: set[tuple[str, int]] = set()
        self.doing = "the server's start"

    async def run(self) -> None:
        async with self._server.running():
            self._screen.say(f"Upwell is ready: http {self._server.http}, mqtt {self._server.mqtt}")
            async with AsyncClient(f"http://{self._server.http}", self._server.token) as self._upwell:
                host, _, port = self._server.mqtt.rpartition(":")
                identities = await self._devices()
                self._fleet = fleet = Fleet(host, int(port), identities, self._seed, GOOD_RATES, MENDED)
                self._play(BAD)
                over = asyncio.Event()
                playing = asyncio.create_task(fleet.run(over))
                try:
                    await self._acts(fleet)
                finally:
                    over.set()
                    await playing

    def sum_up(self) -> int:
        """The last screen; returns the exit code."""
        self._screen.verdict(
            f"{self._halted}; all {self._count} devices run {MENDED} after {time.monotonic() - self._began_at:.0f} s"
            if not self._astray
            else "it did not go as it should",
            self._astray,
        )
        return 1 if self._astray else 0

    def progress(self) -> object:
        """Something that is another whenever anything has happened."""
        if not self._server.http:
            return bytes_below(self._server.folder)
        if self._fleet is None:
            return self.doing, self._steps
        return self.doing, self._steps, sum(len(device.acknowledged) for device in self._fleet.devices)

    def missing(self) -> list[str]:
        """What has not happened yet."""
        return [self.doing]

    # --- the acts ---

    async def _acts(self, fleet: Fleet) -> None:
        self.doing = "every device connected with its version reported"
        while not all(device.acknowledged for device in fleet.devices):  # noqa: ASYNC110  a fleet tells no events
            await asyncio.sleep(POLL_S)
        self._screen.say(f"{fleet.counters.connected} devices connected; all run {OLD}")
        self._screen.say(f"-- firmware {BAD}: {SOUND_ONE_OF - 1} of {SOUND_ONE_OF} {BROKEN} devices can't install it")
        halted = await self._roll_out(BAD)
        spared = await self._halt(fleet, halted)
        self._screen.say(f"-- firmware {MENDED}, mended, in a new rollout with the same waves and guard")
        self._play(MENDED)
        self._check(all(_is_untouched(device) for device in spared), "a spared device was told something meanwhile")
        ended = await self._roll_out(MENDED)
        self._check("paused" not in ended, "the mended firmware was halted")
        for device in fleet.devices:
            self._check(device.version == MENDED, f"{device.identity.device_name} runs {device.version}")
        tasks = ended["tasks"]
        self._check(tasks["succeeded"] == self._count, f"{tasks['succeeded']} of {self._count} tasks succeeded")
        self._screen.say(f"{ended['status']}: {tasks['succeeded']} succeeded")

    async def _roll_out(self, version: str) -> dict[str, Any]:
        """A rollout of that firmware, shown until it halts or ends."""
        self.doing = f"the rollout of {version}"
        image = random.Random(f"{self._seed} {version}").randbytes(IMAGE_SIZE)
        upload = await self._upwell.upload(io.BytesIO(image))
        package = await self._upwell.create_package(
            name=f"lamp {version}", version=version, product_id=self._product, upload_id=upload["id"], verify=False
        )
        made = await self._upwell.create_rollout(
            kind="static", product_id=self._product, package_id=package["id"], targets={"all": True},
            waves=cast(Any, WAVES), guard={}, same_devices_first=True,
        )  # fmt: skip
        self._screen.say(f"rollout {made['id']}: waves of 10 %, 30 % and 100 %, and a guard")
        with self._screen.live():
            while True:
                shown = cast(dict[str, Any], await self._upwell.show_rollout(made["id"]))
                last = await self._decided(made["id"])
                if any("size" in wave for wave in shown["waves"]):
                    self._screen.draw(panel(shown, self._upgrading()), line(shown, self._upgrading()))
                if last.get("what") == "halted" or shown["status"] == "completed":
                    return shown
                if "a person promotes" in shown.get("happens_next", ""):
                    raise DemoError(f"seed {self._seed} has too few {BROKEN} devices in the wave; try another")
                await asyncio.sleep(POLL_S)

    async def _decided(self, rollout: str) -> dict[str, Any]:
        """Say what was decided of a rollout since it was asked last; returns the newest, if there is any."""
        found = [cast(dict[str, Any], each) async for each in self._upwell.list_rollout_decisions(rollout)]
        for each in reversed(found):
            if (rollout, each["number"]) not in self._said:
                self._said.add((rollout, each["number"]))
                result = f", {each['result']}" if "result" in each else ""
                self._screen.say(f"wave {each['wave']} {each['what']} by {each['by']}{result}: {each['reason']}")
        return found[0] if found else {}

    async def _halt(self, fleet: Fleet, halted: dict[str, Any]) -> list[Device]:
        """What the halt says, and what the devices do; returns those that were spared."""
        if halted.get("paused", {}).get("by") != "guard":
            raise DemoError(f"the rollout of {BAD} was not halted; it is {halted['status']}")
        event = await self._event(halted["id"])
        number, numbers = event["data"]["wave"], event["data"]["numbers"]
        vendor = numbers.get("strongest", {}).get("vendor")
        self._check((number, vendor) == (1, BROKEN), f"it halted in wave {number} and names {vendor}")
        low, high = numbers["failed_percent"]
        self._screen.say(
            f"whoever listens is told: {event['type']}, test {numbers['test']}, {numbers['failed']} of"
            f" {numbers['offered']} ({low} to {high} %), score {numbers['score']} against {numbers['bound']}"
        )
        offered = [device for device in fleet.devices if device.offers]
        while not all(device.outcome for device in offered):  # noqa: ASYNC110  what is under way ends
            await asyncio.sleep(POLL_S)
        size = halted["waves"][0]["size"]
        self._check(len(offered) <= size, f"{len(offered)} devices were offered, the wave has {size}")
        for kind in await self._upwell.list_rollout_failures(halted["id"]):
            said = {each["description"] for each in kind["examples"]}
            self._screen.say(f"why: {kind['count']} {kind.get('vendor')} devices said {', '.join(sorted(said))!r}")
        self._screen.console.print()
        self._screen.console.print(by_vendor(_counted(fleet.devices, VENDORS), BAD))
        steered = await self._upwell.cancel_rollout(halted["id"])
        spared = [device for device in fleet.devices if not device.offers]
        self._screen.say(f"canceled by its owner: {steered['changed']} devices less to be updated")
        self._check(all(_is_untouched(device) for device in spared), "a spared device was told something")
        self._screen.say(f"{len(spared)} devices were spared: each was told nothing, and runs {OLD}")
        self._halted = f"halted in wave {number} of {len(WAVES)} with {len(offered)} of {self._count} devices offered"
        return spared

    async def _event(self, rollout: str) -> dict[str, Any]:
        self.doing = "the event of the halt"
        while True:
            page = await self._upwell.list_events(type="upwell.rollout.halted", rollout_id=rollout)
            if page["items"]:
                return cast(dict[str, Any], page["items"][0])
            await asyncio.sleep(POLL_S)

    # --- the devices ---

    async def _devices(self) -> list[DeviceIdentity]:
        self.doing = "product and devices"
        await self._upwell.create_product(name="Lamps of three vendors", id=self._product)
        names = [f"lamp-{self._seed}-{number:04}" for number in range(self._count)]
        listed = io.BytesIO("\n".join(["name", *names, ""]).encode())
        made = await self._upwell.create_import(product_id=self._product, file=listed)
        while (await self._upwell.show_import(made["id"]))["status"] == "running":
            self._steps += 1
            await asyncio.sleep(POLL_S)
        text = b"".join([part async for part in self._upwell.list_import_devices(made["id"], format="ndjson")])
        secrets = {each["name"]: each["secret"] for each in map(json.loads, text.splitlines())}
        kinds = [VENDORS[place % len(VENDORS)] for place in range(self._count)]
        told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in VENDORS)
        self._screen.say(
            f"product {self._product} with {len(names)} devices that speak their vendors' protocols: {told}"
        )
        return [
            DeviceIdentity(self._product, name, secrets[name], OLD, kind)
            for name, kind in zip(names, kinds, strict=True)
        ]

    def _play(self, version: str) -> None:
        """What the devices make of this firmware, from now on."""
        assert self._fleet is not None
        for place, device in enumerate(self._fleet.devices):
            sound = device.identity.kind != BROKEN or place // len(VENDORS) % SOUND_ONE_OF == 0 or version != BAD
            device.script = plan(f"{self._seed} {version}", place, GOOD_RATES if sound else BAD_RATES)

    def _upgrading(self) -> int:
        return 0 if self._fleet is None else self._fleet.counters.downloading

    def _check(self, holds: bool, problem: str) -> None:
        if not holds:
            self._astray.append(problem)


def _is_untouched(device: Device) -> bool:
    return not device.offers and device.version == OLD


def _counted(devices: list[Device], vendors: tuple[str, ...]) -> dict[str, Counter[str]]:
    """By vendor how many devices were told and failed, were told and came through, and were told nothing."""
    found: dict[str, Counter[str]] = {vendor: Counter() for vendor in vendors}
    for device in devices:
        found[device.identity.kind][device.outcome or "SPARED"] += 1
    return found
