"""The demo's one limit: how long nothing may happen. How long it takes as a whole is the machine's affair."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
STALL_LIMIT_S = 120.0  # a busy machine pauses for seconds; two minutes without one step are a fault
LOOK_EVERY_S = 1.0


class StalledError(Exception):
    """Nothing happened for too long; the text says for how long."""


async def unless_stalled(
    work: Coroutine[Any, Any, T], progress: Callable[[], object], limit_s: float = STALL_LIMIT_S
) -> T:
    """What the work comes to, however long it takes, as long as `progress()` is another at least every `limit_s`.
    Raises StalledError, and then the work was cancelled and has ended."""
    task = asyncio.ensure_future(work)
    seen, since = progress(), time.monotonic()
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=min(LOOK_EVERY_S, limit_s / 4))
            now = progress()
            if now != seen:
                seen, since = now, time.monotonic()
            elif not task.done() and time.monotonic() - since > limit_s:
                raise StalledError(f"nothing has happened for {limit_s:g} s")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


def bytes_below(folder: Path) -> int:
    """The size of all files in the folder; it changes while a server starts that says nothing yet."""
    total = 0
    for place, _, names in os.walk(folder):  # it passes over folders that are renamed or removed meanwhile
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:  # so was the file
                continue
    return total
