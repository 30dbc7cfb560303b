"""A list of new devices by `POST /v1/imports`: rows in a second at each size that the fleet has come to.

A chunk costs the same however many devices there are, so that the last figure is as the first: the goal is that it is
no slower than it by half, on a machine that does other things meanwhile.
"""

import time
from itertools import pairwise

import httpx
from tests.prove.rollout import Process

from bench.figures import Figures

ROWS = 100_000
SLICES = 5  # of the list, each measured by itself
ASK_S = 0.05


def measure(figures: Figures) -> None:
    """Import ROWS devices into an empty server."""
    server = Process()
    server.start()
    try:
        v1 = server.v1()
        product = v1.post("/products", json={"name": "bench"}).raise_for_status().json()["id"]
        text = "name,nickname,tags\n" + "".join(f"d-{n:07},lamp {n},room={n % 100}\n" for n in range(ROWS))
        began = v1.post("/imports", params={"product_id": product}, content=text, headers={"Content-Type": "text/csv"})
        times = _times(v1, began.raise_for_status().json()["id"])
        rates = [ROWS / SLICES / (end - start) for start, end in pairwise(times)]
        figures.note("import, first rows", rates[0], "rows/s")
        for place, rate in enumerate(rates[1:], 1):
            goal = ("half of the first at least", lambda found, first: found >= first / 2)
            named = f"import, from {place * ROWS // SLICES:,} devices on"
            figures.note(named, rate, "rows/s", beside=("first rows", rates[0]), goal=goal)
    finally:
        server.stop()


def _times(v1: httpx.Client, import_id: str) -> list[float]:
    """When it began, and when each slice was made."""
    times, wanted = [time.perf_counter()], ROWS // SLICES
    while len(times) <= SLICES:
        told = v1.get(f"/imports/{import_id}").raise_for_status().json()
        if told["status"] not in ("running", "done"):
            raise AssertionError(told)
        while told["made"] >= wanted * len(times) and len(times) <= SLICES:
            times.append(time.perf_counter())
        time.sleep(ASK_S)
    return times
