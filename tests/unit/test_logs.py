"""How lines of the log are written, and how many."""

import json
import logging
from collections.abc import Iterator

import pytest
from tools import logs as logs_tool

from upwell.cli import logs
from upwell.cli.logs import Bounded, JsonLines, TextLines
from upwell.service.journal import VALUE_CHARS_MAX, host_of, one_line, tell, word


class Kept(logging.Handler):
    """A handler that keeps its lines."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.addFilter(Bounded(self))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def kept(formatter: logging.Formatter, name: str) -> Iterator[tuple[logging.Logger, list[str]]]:
    log, handler = logging.getLogger(name), Kept(formatter)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    yield log, handler.lines
    log.removeHandler(handler)


@pytest.fixture
def text() -> Iterator[tuple[logging.Logger, list[str]]]:
    yield from kept(TextLines(), "upwell.test.text")


@pytest.fixture
def lines_of_json() -> Iterator[tuple[logging.Logger, list[str]]]:
    yield from kept(JsonLines(), "upwell.test.json")


def test_words() -> None:
    assert word("p/d-1:x") == "p/d-1:x"
    assert word('a "b" \\') == r'"a \"b\" \\"'
    assert word("line\nend\x1b[2J\u202e") == r'"line\nend\x1b[2J\u202e"'
    assert word("固件") == '"固件"' and word("") == '""' and word("\ud800") == r'"\ud800"'
    assert one_line("plain text") == "plain text"


def test_a_line_of_text(text: tuple[logging.Logger, list[str]]) -> None:
    """Issue 9, number 35: an event and its fields; what is empty is left out; what is long is cut."""
    log, lines = text
    tell(log, "it happened", who="a b", empty="", none=None, count=0, long="x" * 2000)
    assert lines[0].split(" INFO ")[1].startswith('it happened: who="a b" count=0 long="xxx')
    assert f"{'x' * VALUE_CHARS_MAX}… (2000 characters)" in lines[0] and len(lines[0]) < VALUE_CHARS_MAX + 150
    tell(log, "not told", logging.DEBUG, who="x")
    log.info("a library quotes: %s", "forged\n2026-01-01 INFO line")
    assert len(lines) == 2 and "\n" not in lines[1]


def test_a_line_of_json(lines_of_json: tuple[logging.Logger, list[str]]) -> None:
    """Issue 9, number 35: time, level, logger, message and the fields; a traceback is a field too."""
    log, lines = lines_of_json
    tell(log, "it happened", who="a\nb", count=3, time="not the line's own")
    log.warning("%s of %s", 1, "others")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
    assert not any("\n" in line for line in lines)
    first, second, third = map(json.loads, lines)
    assert first | {"time": ""} == {
        "time": "", "level": "INFO", "logger": "upwell.test.json", "message": "it happened", "who": "a\nb", "count": 3,
    }  # fmt: skip
    assert (second["message"], second["level"]) == ("1 of others", "WARNING")
    assert "ValueError: broken" in third["traceback"]


def test_so_many_lines_about_one_stranger_and_no_more(
    text: tuple[logging.Logger, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 9, number 35: what one address does is bounded by itself, what all do together; the rest is counted."""
    log, lines = text
    now = [1000.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    for number in range(1000):
        tell(log, "refused", peer=f"192.0.2.1:{number}")
    assert len(lines) == logs.LINES_EACH_MAX
    tell(log, "refused", peer="192.0.2.2:1")
    tell(log, "a word of a device's behind the same address", peer="192.0.2.1:1", device="p/d")
    tell(log, "what owners do", key="k", address="192.0.2.1")
    tell(log, "an error of ours", logging.ERROR, peer="192.0.2.1:1")
    assert len(lines) == logs.LINES_EACH_MAX + 4
    for number in range(10_000):
        tell(log, "refused", peer=f"[2001:db8::{number:x}]:1")
    assert len(lines) <= logs.LINES_ALL_MAX + 2
    now[0] += logs.SPAN_S + 1
    tell(log, "refused", peer="192.0.2.1:1")
    told = [line for line in lines if "suppressed" in line]
    assert len(told) == 1 and "950" in told[0] and "192.0.2.1" in told[0]
    assert lines[-1].endswith("refused: peer=192.0.2.1:1")


def test_the_host_of_a_peer() -> None:
    assert [host_of(peer) for peer in ("1.2.3.4:5", "1.2.3.4", "[::1]:5", "::1", "local", "?")] == [
        "1.2.3.4", "1.2.3.4", "[::1]", "::1", "local", "?",
    ]  # fmt: skip


def test_the_page_has_each_line_that_the_code_writes() -> None:
    text = logs_tool.FILE.read_text()
    assert logs_tool.written(text) == text, "run: python tools/logs.py"
    told = {(line.level, line.event) for line in logs_tool.lines()}
    assert len(told) > 100
    assert {("INFO", "request refused"), ("DEBUG", "request answered"), ("ERROR", "request failed")} <= told
