"""What the demo of waves shows: a rollout's waves as they stand, and what became of each vendor's devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

BAR_WIDTH = 30
COLOURS = {"open": "cyan", "passed": "green", "waiting": "bright_black"}


def panel(rollout: Mapping[str, Any], downloading: int) -> RenderableType:
    """A rollout of `/v1`, wave by wave, and what happens next."""
    grid = Table.grid(padding=(0, 2))
    for wave in rollout.get("waves", ()):
        size, fine, failed = wave.get("size", 0), wave.get("fine", 0), wave.get("failed", 0)
        colour = COLOURS.get(wave["status"], "white")
        bar = ProgressBar(max(1, size), fine + failed, BAR_WIDTH, complete_style=colour, finished_style=colour)
        grid.add_row(
            Text(f"wave {wave['wave']}", style=colour), Text(wave["status"], style=colour), bar,
            Text(f"{fine:>4} fine", style="green" if fine else "bright_black"),
            Text(f"{failed:>3} failed", style="bold red" if failed else "bright_black"), Text(f"of {size}"),
        )  # fmt: skip
    return Group(grid, Text(_foot(rollout, downloading)))


def line(rollout: Mapping[str, Any], downloading: int) -> str:
    """The same in one line."""
    waves = (
        f"wave {wave['wave']}: {wave.get('fine', 0)} fine, {wave.get('failed', 0)} failed of {wave['size']}"
        for wave in rollout.get("waves", ())
        if wave["status"] != "waiting"
    )
    return "; ".join([*waves, _foot(rollout, downloading)])


def _foot(rollout: Mapping[str, Any], downloading: int) -> str:
    busy = f"{downloading} downloading. " if downloading else ""
    return busy + str(rollout.get("happens_next", ""))


def by_vendor(counted: Mapping[str, Counter[str]], version: str) -> Table:
    """What became of each vendor's devices when the rollout had stopped itself."""
    table = Table("vendor", f"installed {version}", "failed", "spared", title="When it had stopped itself")
    for vendor, counts in counted.items():
        failed = Text(str(counts["FAILED"]), style="bold red" if counts["FAILED"] else "")
        table.add_row(vendor, str(counts["SUCCEEDED"]), failed, Text(str(counts["SPARED"]), style="green"))
    return table
