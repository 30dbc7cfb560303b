"""What the core says is there in each language: a sentence that is new in the core and in no catalogue is noticed."""

import string
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from upwell.console.saying import FOLDER, said_in
from upwell.console.words import languages
from upwell.dialects.upwell.codes import TABLE
from upwell.domain.commands.server import Certificate, Disk
from upwell.domain.concerns import _ending, _filling
from upwell.domain.guard import Evidence
from upwell.domain.guard import told as halted
from upwell.domain.rollout import UNDEALT, Judgement, Lacks, told
from upwell.domain.setbacks import HELD
from upwell.domain.why import CHECKS, Asked
from upwell.domain.why_facts import Code
from upwell.domain.why_told import FILTERS, NEXT, Told, fact
from upwell.service.manage import steering, surveys
from upwell.service.upgrade import endings, fill, following, making

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LANGUAGES = [code for code in languages() if code != "en"]
SOMEBODY_ELSES = "what somebody else said"  # a device, a person, or another part: it is put in as it is


def spoken(code: str, text: str) -> str | None:
    catalogue = said_in(code)
    assert catalogue is not None, f"words/said/{code}.toml is not there"
    return catalogue.of(text)


def facts() -> Iterator[str]:
    """What every check tells, for every code, of devices that differ in all that a sentence depends on."""
    plain = Told(now=NOW, destination="2.0", version="1.0", per_min=10, wave=2, open_wave=1, shut_by="group")
    variants: list[Told] = [
        plain, Told(now=NOW, destination="2.0"), replace(plain, online=True), replace(plain, steps=("1.5", "2.0")),
        replace(plain, stone="1.5"), replace(plain, wave=UNDEALT), replace(plain, opens="Its last wave is open."),
        replace(plain, beside="ro_0000000000000007"), replace(plain, ahead=4), replace(plain, at_once=5),
        replace(plain, ahead=4, at_once=5), replace(plain, shut_by=""),
        *(replace(plain, filter=each) for each in FILTERS),
        *(replace(plain, aside_failures=3, aside_why=why, aside_since=since, aside_until=until)
          for why in ("", "timeout") for since in (None, NOW) for until in (None, HELD)),
    ]  # fmt: skip
    empty = replace(plain, refused_why=SOMEBODY_ELSES, ended_why="", kept_why="")
    for check in CHECKS:
        for code in (None, *Code):
            for variant in (*variants, empty):
                text = fact(Asked(check=check, code=code), variant)[0]
                if text and text != SOMEBODY_ELSES:
                    yield text


def sentences() -> Iterator[str]:
    yield from NEXT.values()
    yield from FILTERS.values()
    yield from (check.question for check in CHECKS)
    yield from (text for problem in TABLE.values() for text in (problem.title, problem.advice))
    for lacks in (None, *Lacks):
        for more in (1, 12):
            yield told(Judgement(lacks=lacks, more=more, until=NOW), 3)
    some = Evidence(failed=3, offered=10, score=1.0, bound=2.0)
    for whose in ("devices", "devices of tuya", "devices that ran 1.0", "devices of tuya that ran 1.0"):
        for reasons in ([], [("timeout", 3), ("failed", 1)]):
            yield halted(some, whose, reasons)
            yield halted(some, whose, reasons, did="rejected it")
            yield halted(some, whose, reasons, (some, "devices of tuya"))
    ends = [Certificate(of="management", ends_at=NOW + timedelta(days=days)) for days in (-1, 3)]
    yield from (each.why for each in _ending(tuple(ends), NOW))
    yield from (each.why for each in _filling((Disk(of="objects", free=2_000_000, size=10**9),)))
    yield from (steering.CANCEL_TEXT, steering.REFUSED_TEXT, steering.LEFT_TEXT, surveys.DROPPED_TEXT,
                surveys.TROUBLE_TEXT, endings.WINDOW_TEXT, making.OVERWRITTEN_TEXT, fill.TROUBLE_TEXT,
                following.TROUBLE_TEXT)  # fmt: skip


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_sentence_of_the_core_is_there_in_each_language(code: str) -> None:
    lost = sorted({text for text in (*sentences(), *facts()) if spoken(code, text) is None})
    assert lost == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_fact_is_in_the_sentence_that_it_became(code: str) -> None:
    for text in sentences():
        made = spoken(code, text) or ""
        assert {each for each in text.split() if each.isdecimal()} <= set(_numbers(made)), (text, made)


def _numbers(text: str) -> Iterator[str]:
    yield from "".join(each if each.isdecimal() and each.isascii() else " " for each in text).split()


@pytest.mark.parametrize("code", [path.stem for path in FOLDER.glob("*.toml")])
def test_every_sentence_has_the_places_that_it_has_in_english(code: str) -> None:
    assert code in languages()
    for text, other in tomllib.loads((FOLDER / f"{code}.toml").read_text("utf-8")).items():
        places = {name.removeprefix("n:") for name in _places(text.replace("{n:", "{"))}
        assert set(_places(other)) <= places, text
        assert other.strip() == other or other.startswith(" "), text


def _places(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def test_what_a_stranger_says_is_looked_at_no_longer_than_a_sentence_is() -> None:
    catalogue: Any = said_in("zh")
    assert catalogue.of("it runs " + "x" * 10_000) is None
    assert catalogue.of("it runs {0.__class__}") == "正在运行 {0.__class__}"
    assert catalogue.of("it burns") is None and said_in("en") is None
