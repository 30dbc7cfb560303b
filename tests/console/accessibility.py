"""What axe-core finds on a page. It is given to the browser by the driver, which the page's policy does not bind."""

from typing import Any

from playwright.sync_api import Page

SERIOUS = ("serious", "critical")


def faults(page: Page, axe: str) -> list[str]:
    """Serious ones, each with its first place."""
    page.wait_for_load_state("load")
    page.evaluate(axe + "\n;undefined")
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"][:3]
    ]
