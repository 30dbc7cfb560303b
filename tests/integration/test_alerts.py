"""The alert rules: each fires on what it is for, by Prometheus' own tester; and what they ask of exists."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from demo.prometheus import found as program
from tools import board

from scratch import scratch
from upwell.meters.table import METRICS, Kind

RULES, CASES = Path("deploy/prometheus/alerts.yml"), Path("deploy/prometheus/alerts.test.yml")
NAMES = re.findall(r"^ +- alert: (\w+)$", RULES.read_text(), re.MULTILINE)
EVERY = re.compile(r"\$__rate_interval")
needs_promtool = pytest.mark.skipif(program() is None, reason="no promtool: run python -m demo.prometheus")


def promtool(*words: str) -> str:
    done = subprocess.run([str(program()), *words], capture_output=True, text=True, check=False, cwd=RULES.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_the_rules_are_sound_and_each_fires_as_its_cases_say() -> None:
    assert f"{len(NAMES)} rules found" in promtool("check", "rules", RULES.name)
    assert "SUCCESS" in promtool("test", "rules", CASES.name)


def test_each_alert_is_provoked_by_a_case_and_on_the_page() -> None:
    cases, page = CASES.read_text(), Path("docs/metrics.md").read_text()
    assert len(NAMES) == len(set(NAMES)) >= 12
    for name in NAMES:
        provoked = re.findall(rf"alertname: {name}\n +exp_alerts:\s*(?:\[\{{|- \{{)", cases)
        assert provoked, f"no case in which {name} fires"
        assert f"| `{name}` |" in page
    assert set(re.findall(r"^\| `(Upwell\w+)` \|", page, re.MULTILINE)) == set(NAMES)


def told() -> set[str]:
    """Every name of a series that Prometheus stores of ours."""
    names = {"up"}
    for name, metric in METRICS.items():
        more = ("", "_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        names |= {name + each for each in more}
    return names


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/upwell.json"])
def test_what_is_asked_of_is_told(file: str) -> None:
    asked = set(re.findall(r"\bupwell_\w+(?=[\[{ )/]|$)", Path("deploy", file).read_text(), re.MULTILINE))
    assert len(asked) > 10 and asked <= told()


@needs_promtool
def test_what_the_board_asks_can_be_asked() -> None:
    """Each expression as Prometheus' own parser reads it, as rules of a file."""
    asked = [panel["expr"] for panel in lines()]
    rules = [{"record": f"board:{n}", "expr": EVERY.sub("5m", expr)} for n, expr in enumerate(asked)]
    file = scratch("upwell-board-") / "board.yml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))  # YAML reads JSON
    try:
        assert f"{len(asked)} rules found" in promtool("check", "rules", str(file))
    finally:
        shutil.rmtree(file.parent)


def lines() -> list[dict[str, str]]:
    return [line for panel in board.board()["panels"] for line in panel.get("targets", [])]


def test_the_board_is_of_today() -> None:
    assert json.loads(board.FILE.read_text()) == board.board(), "run: python tools/board.py"
