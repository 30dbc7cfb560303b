"""Screenshots of every page of the console, from a seeded fleet: desktop and phone, dark and light, in both languages.

Run: python -m demo.shots [FOLDER] (shots/ by default). It starts a server of its own, on a fresh folder, and needs a
Chromium; what it says where there is none tells how to have one. Look at each as a designer would.
"""

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from oidc_provider_mock import run_server_in_thread  # type: ignore[import-untyped]
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from demo.chromium import chromium
from demo.console import ConsoleStory
from demo.screen import Screen
from demo.server import Server, make_folder, remove
from upwell.client import AsyncClient

TOP = Path(__file__).resolve().parent.parent
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 375, "height": 812}}
DEVICES, SEED = 200, 7
PASSWORD = "shown-in-no-shot"
SETTLE_MS = 900
PARTS_SIZE = 20_000_000  # bytes of a file in three parts


def main() -> None:
    """All of them."""
    reader = argparse.ArgumentParser(prog="python -m demo.shots", description="Screenshots of the console's pages.")
    reader.add_argument("folder", nargs="?", type=Path, default=TOP / "shots", help="where they go (shots/)")
    folder: Path = reader.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    data = make_folder()
    try:
        asyncio.run(shots(folder, data))
    finally:
        remove(data)
    print(f"{len(list(folder.glob('*.png')))} screenshots in {folder}")


async def shots(folder: Path, data: Path) -> None:
    """Into that folder, of a server on that data."""
    server = Server(data, by_token=True)
    story = ConsoleStory(Screen(), server, DEVICES, SEED)
    async with server.running(), async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        await _outside(browser, server, folder)
        await _elsewhere(browser, folder)
        async with story.seeded() as upwell:
            paths = await _paths(upwell)
            for size, viewport in SIZES.items():
                for scheme in ("light", "dark"):
                    await _inside(browser, server, folder, paths, size, scheme, viewport)
            await _inside(browser, server, folder, paths, "desktop", "zh", SIZES["desktop"], language="zh")
        await browser.close()


async def _paths(upwell: AsyncClient) -> Mapping[str, str]:
    rollouts = [each async for each in upwell.list_rollouts()]
    found = {each["status"] + ("-paused" if "paused" in each else ""): each["id"] for each in reversed(rollouts)}
    hooks = {each.get("name", ""): each["id"] for each in await upwell.list_hooks()}
    chat, down = (next(each for name, each in hooks.items() if word in name) for word in ("chat", "warehouse"))
    delivery = (await anext(aiter(upwell.list_deliveries(down))))["event_id"]
    person = next(each["id"] for each in await upwell.list_users() if each["name"] == "chen.wei")
    packages = [each async for each in upwell.list_packages(product_id="lamps")]
    packages.sort(key=lambda each: not each["description"])  # the one with notes first
    groups = [each async for each in upwell.list_groups()]
    imports = [each async for each in upwell.list_imports()]
    shown = {f"rollout-{status}": f"/rollouts/{number}" for status, number in found.items()}
    return {
        "home": "/", "devices": "/devices", "devices-filtered": "/devices?status=online&product_id=lamps&sort=name",
        "devices-none": "/devices?q=nobody", "device": "/devices/lamps_lamp-0000",
        "device-long": "/devices/lamps_lamp-0002",
        "device-away": "/devices/lamps_lamp-0199", "products": "/products", "product": "/products/lamps",
        "packages": "/packages", "packages-all": "/packages?view=all", "package": f"/packages/{packages[0]['id']}",
        "tags": "/tags", "groups": "/groups", "group": f"/groups/{groups[1]['id']}?count=1", "group-new": "/groups/new",
        "imports": "/imports", "import": f"/imports/{imports[0]['id']}",
        "package-new": "/packages/new?product_id=lamps", "rollouts": "/rollouts", **shown,
        "rollout-new": f"/rollouts/new?package_id={packages[0]['id']}&product_id=lamps&overwrite=true",
        "hooks": "/hooks", "hook": f"/hooks/{chat}", "hook-failing": f"/hooks/{down}",
        "delivery": f"/hooks/{down}/deliveries/{delivery}", "people": "/people", "user": f"/people/{person}",
        "keys": "/keys", "sessions": "/sessions",
        "audit": "/audit", "account": "/account", "not-found": "/devices/nobody",
    }  # fmt: skip


async def _outside(browser: Browser, server: Server, folder: Path) -> None:
    """What is seen before anything is there, in the order of a first visit."""
    for size, viewport in SIZES.items():
        context = await _context(browser, viewport, "light")
        page = await context.new_page()
        await page.goto(f"http://{server.http}/console/sign-in")
        await _shot(page, folder / f"sign-in-{size}-light.png")
        await page.goto(server.console)
        await _shot(page, folder / f"first-{size}-light.png")
        if size == "desktop":
            await page.fill("#name", "Ann.Owner")
            for field in ("#password", "#again"):
                await page.fill(field, PASSWORD)
            await page.click("button[type=submit].strong")
            await page.wait_for_url("**/console/")
            await _shot(page, folder / f"home-empty-{size}-light.png")
        await context.close()


async def _elsewhere(browser: Browser, folder: Path) -> None:
    """Where people sign in at a provider of OpenID Connect: of a server of its own, and a provider for tests."""
    data = make_folder()
    try:
        with run_server_in_thread() as there:
            oidc = {"OIDC_ISSUER": f"http://localhost:{there.server_port}", "OIDC_CLIENT_ID": "upwell",
                    "OIDC_GROUPS": "everyone=viewer"}  # fmt: skip
            server = Server(data, by_token=True, settings=oidc)
            async with server.running():
                for size, viewport in SIZES.items():
                    for scheme in ("light", "dark"):
                        context = await _context(browser, viewport, scheme)
                        page = await context.new_page()
                        await page.goto(f"http://{server.http}/console/sign-in?out=1")
                        await _shot(page, folder / f"sign-in-elsewhere-{size}-{scheme}.png")
                        await context.close()
    finally:
        remove(data)


async def _inside(
    browser: Browser, server: Server, folder: Path, paths: Mapping[str, str], size: str, scheme: str,
    viewport: Mapping[str, int], language: str = "en",
) -> None:  # fmt: skip
    context = await _context(browser, viewport, "dark" if scheme == "dark" else "light", language)
    page = await context.new_page()
    await page.goto(f"http://{server.http}/console/sign-in")
    await page.fill("#name", "Ann.Owner")
    await page.fill("#password", PASSWORD)
    await page.click("button[type=submit].strong")
    await page.wait_for_url("**/console/")
    for name, path in paths.items():
        await page.goto(f"http://{server.http}/console{path}")
        if name == "rollout-new":
            # An expression to wait for would be evaluated as text, which our CSP forbids.
            await page.wait_for_selector("p.live", state="detached")
            await page.wait_for_selector(".plan-figures")
        await _shot(page, folder / f"{name}-{size}-{scheme}.png")
    if await page.goto(f"http://{server.http}/console{paths['rollout-in_progress']}"):
        await page.click("#open-cancel")
        await _shot(page, folder / f"dialog-{size}-{scheme}.png")
    await page.goto(f"http://{server.http}/console/devices?product_id=lamps&status=online&tag_key=site")
    await page.check("#choose-all")
    await page.evaluate("scrollTo(0, 0)")
    await page.wait_for_timeout(SETTLE_MS)
    await page.screenshot(path=str(folder / f"selected-{size}-{scheme}.png"))
    await page.click("#open-bulk-tag")
    await page.screenshot(path=str(folder / f"selected-dialog-{size}-{scheme}.png"))
    await page.goto(f"http://{server.http}/console/packages/new?product_id=lamps")
    await page.route("**/parts/2", lambda route: None)  # so that it is still on its way
    image = {"name": "lamp-2.2.0.bin", "mimeType": "application/octet-stream", "buffer": bytes(PARTS_SIZE)}
    await page.set_input_files("#file", files=cast(Any, image))
    await _shot(page, folder / f"package-sending-{size}-{scheme}.png")
    for name, path in (("hook-made", "/hooks"), ("key-made", "/keys")):
        await page.goto(f"http://{server.http}/console{path}")
        await page.click("#open-make")
        if name == "hook-made":
            await page.fill("#make-url", "http://127.0.0.1:9/hear")
        await _shot(page, folder / f"{name}-dialog-{size}-{scheme}.png")
        await page.click("#sure-make button[type=submit]")
        await page.wait_for_selector(".made")
        await _shot(page, folder / f"{name}-{size}-{scheme}.png")
    await context.close()


async def _context(browser: Browser, viewport: Mapping[str, int], scheme: str, language: str = "en") -> BrowserContext:
    return await browser.new_context(
        viewport={"width": viewport["width"], "height": viewport["height"]},
        locale="zh-CN" if language == "zh" else "en-GB",
        color_scheme="dark" if scheme == "dark" else "light", timezone_id="Europe/Berlin", device_scale_factor=1,
    )  # fmt: skip


async def _shot(page: Page, to: Path) -> None:
    """All of the page in one window, so that what stays at a window's edge is at its edge."""
    await page.wait_for_timeout(SETTLE_MS)
    size = page.viewport_size
    if size is None:
        raise RuntimeError("the page has no size")
    height = await page.evaluate("document.documentElement.scrollHeight")
    await page.set_viewport_size({"width": size["width"], "height": max(int(height), size["height"])})
    await page.screenshot(path=str(to))
    await page.set_viewport_size(size)


if __name__ == "__main__":
    main()
