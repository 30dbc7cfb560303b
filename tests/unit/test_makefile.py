"""The Makefile by make itself: what a goal needs is known where the goal is read."""

import subprocess
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_no_goal_needs_a_name_that_is_given_later() -> None:
    """make reads what a goal needs at once: a name that stands below it is nothing there, and nothing is installed."""
    goals = ("test", "check-console", "shots", "docs")
    command = ["make", "--warn-undefined-variables", "--dry-run", "--always-make", *goals]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "undefined" in line] == []
    for needed in (
        "demo.chromium",
        "demo.prometheus",
        "demo.haproxy",
        "demo.debian nginx",
        "demo.debian age",
        "assets.py --tests",
    ):
        assert needed in done.stdout, needed
