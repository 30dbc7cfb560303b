"""`make demo ARGS=--console`: a fleet as one would find it, and the console to look at it.

Devices of three vendors in two products; a firmware that one vendor's devices can't install, halted by its guard; the
mended one on its way in waves; one that waits for approval. The server stays until it is ended.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from demo.driver import DemoError
from demo.neighbours import neighbours
from demo.screen import Screen
from demo.server import POLL_S, Server
from demo.stall import bytes_below
from upwell.client import AsyncClient
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates, plan
from upwell.simulator.wire import DeviceIdentity

VENDORS = ("tuya", "huawei", "alibaba")  # in turn
BROKEN = "tuya"
OLD, BAD, MENDED, NEXT = "1.4.2", "2.0.0", "2.0.1", "2.1.0"
CALLED = {BAD: "night mode", MENDED: "night mode, mended", NEXT: "dimming curve"}
WAVES = [{"percent": 5.0}, {"percent": 25.0, "soak_min": 60}, {"percent": 100.0}]
IMAGE_SIZE = 256 * 1024
SOUND, FAILING = Rates(delay_s=1.0), Rates(fail_burn=1.0, delay_s=1.0)
NOTES = """## Night mode, mended
- the relay **closes before** the dimmer opens, so that lamps of the first series start
- 40 % less flash is written at each change of mode

Lamps that were set aside by 2.0.0 need no visit. See the [notes for installers](https://example.com/lamps/2.0.1)."""
SITES = ("berlin", "shenzhen", "porto", "austin")
PASSWORD_CHARS = 16


class ConsoleStory:
    """What there is to be seen, made in turn."""

    def __init__(self, screen: Screen, server: Server, devices: int, seed: int) -> None:
        self._screen, self._server, self._count, self._seed = screen, server, devices, seed
        self._upwell: AsyncClient
        self._fleets: list[Fleet] = []
        self._steps = 0
        self.doing = "the server's start"
        self.stays = True

    async def run(self) -> None:
        async with self._server.running(), self.seeded():
            self._screen.say(f"Open {self._server.console}")
            self._screen.say("The fleet lives until you end this (Ctrl-C).")
            self.doing = "nothing: it is there to be looked at"
            while True:
                await asyncio.sleep(POLL_S)
                self._steps += 1

    @asynccontextmanager
    async def seeded(self) -> AsyncIterator[AsyncClient]:
        """All of it is there, and the devices live, until the end of the `with`."""
        async with AsyncClient(f"http://{self._server.http}", self._server.token) as self._upwell:
            over, playing = asyncio.Event(), list[asyncio.Task[None]]()
            try:
                lamps = await self._product("lamps", "Lamps", [f"lamp-{n:04}" for n in range(self._count)])
                pumps = await self._product("pumps", "Pumps 水泵", [f"pump-{n:03}" for n in range(24)])
                for identities in (lamps, pumps):
                    playing.append(asyncio.create_task(self._live(identities[: len(identities) * 9 // 10], over)))
                await self._said()
                await self._tags()
                await self._rollouts()
                self.doing = "people, keys and hooks"
                async with neighbours(self._upwell):
                    yield self._upwell
            finally:
                over.set()
                await asyncio.gather(*playing)

    # --- devices ---

    async def _product(self, product: str, name: str, names: Sequence[str]) -> list[DeviceIdentity]:
        self.doing = f"the devices of {product}"
        await self._upwell.create_product(name=name, id=product)
        listed = io.BytesIO("\n".join(["name", *names, ""]).encode())
        made = await self._upwell.create_import(product_id=product, file=listed)
        while (await self._upwell.show_import(made["id"]))["status"] == "running":
            self._steps += 1
            await asyncio.sleep(POLL_S)
        text = b"".join([part async for part in self._upwell.list_import_devices(made["id"], format="ndjson")])
        secrets = {each["name"]: each["secret"] for each in map(json.loads, text.splitlines())}
        return [
            DeviceIdentity(product, each, secrets[each], OLD, VENDORS[place % len(VENDORS)])
            for place, each in enumerate(names)
        ]

    async def _live(self, identities: list[DeviceIdentity], over: asyncio.Event) -> None:
        host, _, port = self._server.mqtt.rpartition(":")
        fleet = Fleet(host, int(port), identities, self._seed, SOUND, MENDED)
        self._fleets.append(fleet)
        await fleet.run(over)

    async def _said(self) -> None:
        self.doing = "every device's version"
        await asyncio.sleep(POLL_S)
        while not all(device.acknowledged for fleet in self._fleets for device in fleet.devices):
            self._steps += 1
            await asyncio.sleep(POLL_S)

    async def _tags(self) -> None:
        self.doing = "tags and names"
        chosen = random.Random(self._seed)
        for number in range(min(self._count, 60)):
            await self._upwell.set_device_tags(
                f"lamps_lamp-{number:04}", tags={"site": chosen.choice(SITES), "floor": str(chosen.randrange(5))}
            )
        names = ("Lobby, left of the door", "大堂吊灯", "Emergency stairwell west — fourth floor, behind the blue pipe")
        for number, name in enumerate(names):
            await self._upwell.update_device(f"lamps_lamp-{number:04}", nickname=name)
        await self._upwell.update_device(f"lamps_lamp-{7:04}", enabled=False)

    # --- rollouts ---

    async def _rollouts(self) -> None:
        self._play(BAD)
        halted = await self._start(BAD, waves=[{"percent": 30.0}, {"percent": 100.0}], guard={})
        await self._until(f"the halt of {BAD}", halted, lambda rollout: "paused" in rollout)
        await self._upwell.cancel_rollout(halted)
        await self._still()
        self._play(MENDED)
        mended = await self._start(MENDED, waves=WAVES, guard={}, maximum_per_min=60)
        await self._until(f"the first wave of {MENDED}", mended, lambda rollout: rollout["tasks"]["succeeded"] >= 8)
        await self._others()
        await self._start(NEXT, product="pumps", approval={})
        again = await self._start(MENDED, product="pumps", waves=[{"percent": 30.0}, {"percent": 100.0}])
        await self._upwell.pause_rollout(again, reason="until the release notes are translated")

    async def _others(self) -> None:
        """Packages that no rollout has: a difference from the old one, and the next, which nobody has tried. And
        groups."""
        self.doing = "packages and groups"
        for version, more in ((MENDED, {"delta_from": OLD, "verify": False}), (NEXT, {})):
            image = random.Random(f"{self._seed} other {version}").randbytes(IMAGE_SIZE // 8)
            upload = await self._upwell.upload(io.BytesIO(image))
            name = f"lamps: {CALLED[version]}{' (delta)' if more else ''}"
            await self._upwell.create_package(
                name=name, version=version, product_id="lamps", upload_id=upload["id"], **cast(Any, more)
            )
        hand = await self._upwell.create_group(name="Lobby and stairs", description="What visitors see first")
        await self._upwell.add_to_group(hand["id"], device_ids=[f"lamps_lamp-{n:04}" for n in range(3)])
        for name, field in (("Berlin, not yet mended", "version"), ("Berlin", "")):
            asked: list[Any] = [{"field": "tag", "key": "site", "values": ["berlin"]}]
            if field:
                asked.append({"field": field, "operator": "is_not", "values": [MENDED]})
            await self._upwell.create_group(name=name, condition={"all_of": asked})
        listed = io.BytesIO(b"name,nickname,tags\npump-000,,\npump 24,Cellar,site=porto\npump-025,Roof,site\n")
        await self._upwell.create_import(product_id="pumps", file=listed)

    async def _start(self, version: str, product: str = "lamps", **careful: Any) -> str:
        self.doing = f"the rollout of {version}"
        image = random.Random(f"{self._seed} {product} {version}").randbytes(IMAGE_SIZE)
        upload = await self._upwell.upload(io.BytesIO(image))
        package = await self._upwell.create_package(
            name=f"{product}: {CALLED[version]}",
            version=version,
            product_id=product,
            upload_id=upload["id"],
            verify=False,
            description=NOTES if version == MENDED else "",
        )
        made = await self._upwell.create_rollout(
            kind="static", product_id=product, package_id=package["id"], targets={"all": True}, **careful
        )
        return made["id"]

    async def _until(self, what: str, rollout: str, holds: Any) -> None:
        self.doing = what
        while not holds(shown := cast(dict[str, Any], await self._upwell.show_rollout(rollout))):
            if "paused" in shown:
                raise RuntimeError(f"{what} will not come: {shown['paused']}")
            self._steps += 1
            await asyncio.sleep(POLL_S)

    async def _still(self) -> None:
        """No device is at an upgrade. Alibaba's reports name no rollout: what a device that still burns the bad
        firmware says next would be heard as said of the next rollout."""
        self.doing = f"the ends of {BAD}"
        await asyncio.sleep(POLL_S)
        while any(device.offers and device.outcome is None for fleet in self._fleets for device in fleet.devices):
            self._steps += 1
            await asyncio.sleep(POLL_S)

    def _play(self, version: str) -> None:
        for fleet in self._fleets:
            for place, device in enumerate(fleet.devices):
                sound = device.identity.kind != BROKEN or version != BAD
                device.script = plan(f"{self._seed} {version}", place, SOUND if sound else FAILING)

    # --- as the other stories have it ---

    def progress(self) -> object:
        """Something that is another whenever anything has happened."""
        return bytes_below(self._server.folder) if not self._server.http else (self.doing, self._steps)

    def missing(self) -> list[str]:
        """What has not happened yet."""
        return [self.doing]

    def sum_up(self) -> int:
        """It ends by being ended."""
        raise DemoError("the console's demo ended by itself")
