"""The whole story in a browser, at a server of its own, with simulated devices of three vendors: the first user, an
upload, its verification, a plan, a rollout in waves that is watched, a halt by its guard, what failed, once more, the
package that is mended, a hook that hears of it, why one device is not updated, and who did all that.
"""

import asyncio
import io
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from demo.server import Server, make_folder, remove
from playwright.async_api import Page, async_playwright, expect
from tests.webhook_receiver import Receiver

from acceptance.console import PASSWORD
from upwell.client import AsyncClient
from upwell.simulator.fleet import Fleet
from upwell.simulator.script import Rates, plan
from upwell.simulator.wire import DeviceIdentity

pytestmark = [pytest.mark.console, pytest.mark.timeout(600)]
VENDORS = ("tuya", "huawei", "alibaba")
COUNT, OLD, NEW, SEED = 30, "1.0.0", "2.0.0", 11
SOUND, FAILING = Rates(delay_s=0.1), Rates(fail_burn=1.0, delay_s=0.1)
PATIENCE_MS = 90_000  # nothing is asserted of how fast a machine is


class Pushing(Server):
    """One that sends to this machine too."""

    def environment(self) -> dict[str, str]:
        return Server.environment(self) | {"UPWELL_ALLOW_PRIVATE_PUSH": "true"}


class Story:
    """One server, one fleet, one page."""

    def __init__(self, server: Server, page: Page, upwell: AsyncClient) -> None:
        self.server, self.page, self.upwell = server, page, upwell
        self.root = f"http://{server.http}/console"
        self.fleet: Fleet

    async def go(self, path: str) -> None:
        await self.page.goto(self.root + path)

    async def sees(self, selector: str, text: str | re.Pattern[str]) -> None:
        await expect(self.page.locator(selector).first).to_contain_text(text, timeout=PATIENCE_MS)

    async def sure(self, name: str) -> None:
        """The button of that name, and the one that it asks to be sure by."""
        await self.page.click(f"#open-{name}", timeout=PATIENCE_MS)
        await self.page.click(f"#sure-{name} button[type=submit]")

    # --- in turn ---

    async def first_user(self) -> None:
        await self.page.goto(self.server.console)
        await self.page.fill("#name", "ann")
        for field in ("#password", "#again"):
            await self.page.fill(field, PASSWORD)
        await self.page.click("button[type=submit].strong")
        await self.page.wait_for_url("**/console/")
        await self.sees("main", "First steps")

    @asynccontextmanager
    async def devices(self) -> AsyncIterator[None]:
        """They are there, and live until the end: of each vendor ten, of which some never came."""
        await self.upwell.create_product(name="Lamps", id="lamps")
        listed = io.BytesIO("\n".join(["name", *(f"lamp-{n:02}" for n in range(COUNT)), ""]).encode())
        made = await self.upwell.create_import(product_id="lamps", file=listed)
        while (await self.upwell.show_import(made["id"]))["status"] == "running":
            await asyncio.sleep(0.2)
        text = b"".join([part async for part in self.upwell.list_import_devices(made["id"], format="ndjson")])
        secrets = {each["name"]: each["secret"] for each in map(json.loads, text.splitlines())}
        identities = [
            DeviceIdentity("lamps", name, secret, OLD, VENDORS[place % 3])
            for place, (name, secret) in enumerate(sorted(secrets.items()))
        ][:-3]
        host, _, port = self.server.mqtt.rpartition(":")
        self.fleet, over = Fleet(host, int(port), identities, SEED, SOUND, NEW), asyncio.Event()
        living = asyncio.create_task(self.fleet.run(over))
        try:
            while not all(device.acknowledged for device in self.fleet.devices):
                await asyncio.sleep(0.2)
            yield
        finally:
            over.set()
            await living

    def script(self, bad: str) -> None:
        """From now on devices of that vendor fail, and others do not."""
        for place, device in enumerate(self.fleet.devices):
            device.script = plan(f"{SEED} {bad}", place, FAILING if device.identity.kind == bad else SOUND)

    async def hook(self, url: str) -> None:
        """It is told of what befalls rollouts."""
        await self.go("/hooks")
        await self.page.click("#open-make")
        await self.page.fill("#make-url", url)
        for kind in ("upwell.rollout.started", "upwell.rollout.halted"):
            await self.page.check(f"#make-kinds input[value='{kind}']")
        await self.page.click("#sure-make button[type=submit]")
        await self.sees("#made", "whsec_")

    async def delivered(self) -> None:
        await self.go("/hooks")
        await self.page.click("#list table a")
        await self.sees("main", "rollout.halted")
        await self.sees("main", "200")

    async def upload(self, folder: Path) -> None:
        image = folder / f"lamp-{NEW}.bin"
        image.write_bytes(random.Random(SEED).randbytes(200_000))
        await self.go("/packages/new?product_id=lamps")
        await self.page.set_input_files("#file", image)
        await self.sees("#sent-there", "The same")
        await self.page.click("#make")
        await self.page.wait_for_url("**/packages/pkg_*")
        await self.sees(".head .pill", re.compile("verified", re.IGNORECASE))

    async def verify(self) -> None:
        package = self.page.url
        await self.page.click("#open-verify")
        await self.page.fill("#sure-verify textarea", "lamp-01")
        await self.page.click("#sure-verify button[type=submit]")
        await self.page.wait_for_url("**/rollouts/ro_*")
        await self.sees(".head", "1 of 1 updated")
        await self.page.goto(package)

    async def make(self) -> str:
        await self.page.click("#roll-out")
        await self.page.wait_for_url("**/rollouts/new?*")
        await self.page.check("#field-care-own")
        for row, (of, soak) in enumerate((("50", ""), ("100", ""), ("", ""), ("", ""))):
            await self.page.fill(f"#field-waves-{row}-of", of)
            await self.page.fill(f"#field-waves-{row}-soak-min", soak)
        await self.sees("#plan", "Tuya")
        await self.sees("#plan", "Never seen")
        await self.sees("#start", re.compile(r"Start with 1\d devices"))
        await self.page.click("#start")
        await self.page.wait_for_url("**/rollouts/ro_*")
        return self.page.url.rpartition("/")[2]

    async def watched(self) -> None:
        """It is halted while one looks, and says of what."""
        await self.sees("main .note.bad", "Paused by its guard")
        await self.sees("#part", "Retry th")
        await self.sees("#part .rows", "tuya")
        await self.sees("#part .timeline", "Halted")
        await expect(self.page.locator(".curve canvas")).to_be_visible(timeout=PATIENCE_MS)

    async def mended(self, rollout: str) -> None:
        """What failed is run again, and it goes on to its end."""
        self.script("")
        await self.sure("resume")
        await self.sees("#told", "The rollout goes on.")
        [kind, *_] = await self.upwell.list_rollout_failures(rollout)
        await self.sure(f"retry-{kind['id']}")
        await self.sees("#told", "They are run again.")
        opener = self.page.locator("#open-promote")
        if await opener.count():
            await self.sure("promote")
        await self.sees("#part dl.legend", re.compile(r"Succeeded\s*2[67]"))

    async def why_not_me(self, rollout: str) -> None:
        await self.go(f"/devices/lamps_lamp-29?rollout_id={rollout}")
        await self.sees("main", "Never seen")

    async def audit(self) -> None:
        await self.go("/audit?operation=create_rollout")
        await self.sees("main", "user ann")
        await self.sees("main", "create_rollout")


def test_the_whole_story(chromium: str, tmp_path: Path) -> None:
    data = make_folder()
    try:
        asyncio.run(told(chromium, data, tmp_path))
    finally:
        remove(data)


async def told(chromium: str, data: Path, folder: Path) -> None:
    """All of it."""
    server, receiver = Pushing(data, by_token=True), Receiver()
    hearing = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{hearing.sockets[0].getsockname()[1]}/in"
    async with hearing, server.running(), async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await (await browser.new_context(locale="en-GB", reduced_motion="reduce")).new_page()
        async with AsyncClient(f"http://{server.http}", server.token) as upwell:
            story = Story(server, page, upwell)
            await story.first_user()
            async with story.devices():
                await story.hook(url)
                await story.upload(folder)
                await story.verify()
                story.script("tuya")
                rollout = await story.make()
                await story.watched()
                await story.delivered()
                await story.go(f"/rollouts/{rollout}")
                await story.mended(rollout)
                await story.why_not_me(rollout)
                await story.audit()
        await browser.close()
    assert {"upwell.rollout.started", "upwell.rollout.halted"} <= {each.event["type"] for each in receiver.taken}
