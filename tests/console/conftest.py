"""A browser of Debian's Chromium at a real server, with a fleet made over `/v1`. Without a Chromium these tests are
skipped, and say what to run; so are those for accessibility without axe-core."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from demo.chromium import COMMAND, found
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from acceptance.client import Server, serve, until
from acceptance.console import PASSWORD
from acceptance.device import Device
from acceptance.upwell_client import Api, api

ACCOUNT = "browsed"
AXE = Path(__file__).parent / ".vendor" / "axe.min.js"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 375, "height": 812}
LONG = "A device with a name so long that no line of a narrow page has room for it 走廊尽头左侧的备用灯"
Visit = Callable[..., Any]
expect.set_options(timeout=30_000)  # nothing is asserted of how fast a machine is


@pytest.fixture(scope="session")
def chromium() -> str:
    program = found()
    if program is None:
        pytest.skip(f"there is no Chromium, so nothing is looked at in a browser; run: sudo {COMMAND}")
    return program


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is not here; run: python tools/assets.py --tests (make check-console does)")
    return AXE.read_text("utf-8")


@pytest.fixture(scope="package")
def server(chromium: str) -> Iterator[Server]:
    with serve("--allow-private-push") as running:
        yield running


@pytest.fixture(scope="package")
def v1(server: Server) -> Api:
    return api(server, ACCOUNT)


@pytest.fixture(scope="package")
def boss(v1: Api) -> str:
    v1.do("create_user", name="boss", password=PASSWORD, role="admin")
    return "boss"


@pytest.fixture(scope="package")
def fleet(server: Server, v1: Api) -> Iterator[dict[str, Any]]:
    """A product with a device that is online and has a long name, tags and a failed task; a rollout that waits."""
    product = v1.do("create_product", name="Lamps")["id"]
    made = v1.do("create_device", product_id=product, name="lamp-1", nickname=LONG[:64])
    for number in range(2, 6):
        v1.do("create_device", product_id=product, name=f"lamp-{number}")
    v1.do("set_device_tags", device_id=made["id"], tags={"site": "berlin", "floor": "4"})
    imported = v1.send("create_import", b"name\nlamp-2\nno name\n", product_id=product)["id"]
    asked = [{"field": "product_id", "values": [product]}, {"field": "tag", "key": "site", "operator": "exists"}]
    group = v1.do("create_group", name="of a site", condition={"all_of": asked})["id"]
    package = v1.do("create_package", name="night mode", version="2.0", product_id=product, verify=False,
                    upload_url=v1.upload(b"x" * 1000))["id"]  # fmt: skip
    device = Device(server.mqtt, product, made["name"], made["secret"])
    device.inform("1.0")
    failed = v1.do("create_rollout", kind="static", package_id=package, product_id=product, guard={},
                   targets={"all": True}, waves=[{"percent": 50}, {"percent": 100}])["id"]  # fmt: skip
    until(lambda: v1.do("show_rollout", rollout_id=failed), lambda shown: shown["waves"][0]["status"] == "open")
    v1.do("promote_rollout", rollout_id=failed, wave=2)
    device.offered()
    device.progress(-3)
    until(lambda: v1.do("show_rollout", rollout_id=failed), lambda shown: shown["tasks"]["failed"] == 1)
    hook = v1.do("create_hook", target_url="http://127.0.0.1:9/" + "x" * 300, name=LONG[:64])["id"]
    v1.do("ping_hook", hook_id=hook)
    sent = until(lambda: v1.every("list_deliveries", hook_id=hook), bool)[-1]
    v1.do("create_key", role="operator", dialect="tuya")
    yield {
        "hook": hook,
        "event": sent["event_id"],
        "product": product,
        "device": made["id"],
        "rollout": failed,
        "package": package,
        "import": imported,
        "group": group,
    }
    device.close()


@pytest.fixture(scope="module")
def driven(chromium: str, fleet: dict[str, Any]) -> Iterator[Browser]:
    """Begun when the fleet is there, over with the file: Playwright keeps the thread's event loop to itself."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(driven: Browser, server: Server, boss: str) -> Iterator[Visit]:
    """Opens a page as an admin: `visit(path, dark=…, narrow=…, language=…)`."""
    contexts = list[BrowserContext]()

    def opened(path: str, *, dark: bool = False, narrow: bool = False, language: str = "en-GB") -> Page:
        context = driven.new_context(
            viewport=NARROW if narrow else WIDE, color_scheme="dark" if dark else "light", locale=language,  # type: ignore[arg-type]
            timezone_id="Asia/Shanghai", reduced_motion="reduce",
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.goto(f"http://{server.http}/console/sign-in?to=/console{path}")
        page.fill("#account", ACCOUNT)
        page.fill("#name", boss)
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    yield opened
    for context in contexts:
        context.close()


@contextmanager
def listening(page: Page) -> Iterator[list[str]]:
    """What the browser complains of meanwhile: of scripts, files, and what its policy forbids."""
    said = list[str]()
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield said
