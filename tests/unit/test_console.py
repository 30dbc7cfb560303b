"""What holds of the console's files without a server: words, templates, and the files of others."""

import re
import string
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from jinja2.lexer import TOKEN_DATA

from upwell.console import acts, drawing, headers
from upwell.console.pages import PAGES
from upwell.console.words import Words, chosen, languages
from upwell.dialects.upwell import (
    device_ops,
    job_ops,
    management,
    names,
    steer_ops,
    task_ops,
    timeline_ops,
    why_ops,
)
from upwell.domain.errors import Denied
from upwell.domain.rollback import Hindrance
from upwell.domain.task import Event
from upwell.service.manage.access import ROLES

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "src" / "upwell" / "console"
TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))
CALLED = re.compile(r"""\bt(?:\.many)?\(\s*"([a-z_.]+)"(?=[,)])""")
SAID_ATTRIBUTES = ("title", "alt", "placeholder", "aria-label", "label", "hx-confirm")
PLACES = string.Formatter()


def test_every_language_has_the_same_words_with_the_same_places() -> None:
    english = languages()["en"].entries
    assert len(languages()) >= 2 and len(english) > 200
    for code, words in languages().items():
        assert set(words.entries) == set(english), (code, set(words.entries) ^ set(english))
        for key, text in words.entries.items():
            places = {name for _, name, _, _ in PLACES.parse(text) if name}
            expected = {name for _, name, _, _ in PLACES.parse(english[key]) if name}
            if key.endswith("_one"):
                expected |= {"n"}
                assert places <= expected, (code, key)
            else:
                assert places == expected, (code, key)
            assert text.strip() == text and text, (code, key)


def test_every_word_that_a_template_says_is_there_and_every_one_there_is_said() -> None:
    known = languages()["en"].entries
    sources = "\n".join(path.read_text("utf-8") for path in TEMPLATES)
    said = set(CALLED.findall(sources))
    assert {key for key in said if not key.endswith(".")} <= set(known), said - set(known)
    heads = ("nav.", "look.", "role.", "problem.of.", "sort.", "status.", "state.", "kind.", "code.", "job.", "wave.",
             "approval.", "what.", "result.", "vendor.", "steps.", "home.need.", "home.do.", "lacks.",
             "done.", "hooks.because.", "hook.", "delivery.", "access.may.", "session.", "key.", "user.", "tongue.",
             "home.concern.", "part.",
             "befell.", "rollback.", "hindrance.", "make.by_", "make.day.",
             "verification.", "object.", "package.verification_", "package.lost_", "upload.",
             "bulk.", "groups.static", "groups.dynamic", "compared.", "operator.", "import.", "imports.")  # fmt: skip
    lost = {key for key in known if key.removesuffix("_one") not in said and not key.startswith(heads)}
    assert lost <= {
        "app.language",
        "device.disable",
        "device.enable",
        "why.yes",
        "why.no",
        "fleet.search_hint",
        "fleet.search_hint_large",
    }, lost


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_word_of_its_own(path: Path) -> None:
    """But for commands, which stand in <code>, and names of files and attributes."""
    tokens = Environment(trim_blocks=True, lstrip_blocks=True).lex(path.read_text("utf-8"))
    html = "".join(text if kind == TOKEN_DATA else "\0" for _, kind, text in tokens)
    html = re.sub(r"<code>.*?</code>", "", html, flags=re.S)
    for name in SAID_ATTRIBUTES:
        for value in re.findall(rf'\s{name}="([^"]*)"', html):
            assert not re.search(r"[^\W\d_]{2,}", value), (name, value)
    text = re.sub(r"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""", " ", html.replace("\0", " "))
    assert not re.findall(r"[^\W\d_]{2,}", text), text.split()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_marks_anything_as_safe_or_is_drawn_inline(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "|safe" not in text.replace(" ", "") and "autoescape" not in text
    assert " style=" not in text and "javascript:" not in text and not re.search(r"\son[a-z]+=\"", text)


def test_what_is_of_others_is_as_the_lock_says() -> None:
    done = subprocess.run([sys.executable, "tools/assets.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_of_it_is_in_the_wheel() -> None:
    given = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]["upwell"]
    package = ROOT / "src" / "upwell"
    packed = {path for pattern in given for path in package.glob(pattern)}
    files = {path for path in CONSOLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in files if path.suffix != ".py"} <= packed


def test_every_form_is_an_operation_that_changes_something_and_every_page_has_its_files() -> None:
    for name, act in acts.ACTS.items():
        assert management.OPERATIONS[name].method == act.method != "GET", name
        assert f"done.{act.word}" in languages()["en"].entries
    drawn = {path.name for path in TEMPLATES}
    for page in PAGES.values():
        assert {page.template, page.part or page.template} <= drawn


def test_a_language_is_chosen_by_the_person_then_the_browser() -> None:
    assert chosen("zh", "en").code == "zh" and chosen("", "de, zh-Hans;q=0.8, en").code == "zh"
    assert chosen("xx", "").code == "en" and chosen("", "*").code == "en"
    words = Words("x", {"a": "{n} things", "a_one": "a thing"})
    assert (words.many("a", 1), words.many("a", 1200), words.of("a", "b_c")) == ("a thing", "1,200 things", "b c")


@pytest.mark.parametrize(
    "path", ["", "/", "/v1", "//x/console/", "/console", "/console/\\x", "/console/\n", "http:/console/"]
)
def test_nobody_is_sent_out_of_the_console(path: str) -> None:
    assert headers.back_of(path) == "/console/"


def test_a_form_is_of_the_session_and_the_origin() -> None:
    own = {"host": "a:1", "origin": "http://a:1"}
    headers.require_own(own, "token", headers.csrf_of("token"))
    headers.require_own({"host": "a:1", headers.CSRF_HEADER: headers.csrf_of("token")}, "token", "")
    word = headers.csrf_of("token")
    for given, csrf in (
        (own, headers.csrf_of("other")), (own, ""), (own | {"origin": "http://a:2"}, word),
        (own | {"origin": "null"}, word), (own | {"sec-fetch-site": "cross-site"}, word),
    ):  # fmt: skip
        with pytest.raises(Denied):
            headers.require_own(given, "token", csrf)
    assert "token" not in headers.csrf_of("token")


def test_a_sentence_is_cut_at_its_moments_and_rollouts_and_at_nothing_else() -> None:
    text = "until 2026-11-29T23:24:22Z by ro_688a5a2b2240f2c4, not 2026-13-29T23:24:22Z nor ro_1"
    parts = list(drawing.pieces(text))
    assert "".join(part for _, part in parts) == text
    assert [(kind, part) for kind, part in parts if kind != "text"] == [
        ("moment", "2026-11-29T23:24:22Z"), ("rollout", "ro_688a5a2b2240f2c4"),
    ]  # fmt: skip
    assert names.in_words("a task of rollout 688a5a2b2240f2c4.") == "a task of rollout ro_688a5a2b2240f2c4."
    assert names.in_words("rollout 688a, 688a5a2b2240f2c4") == "rollout 688a, 688a5a2b2240f2c4"


@pytest.mark.parametrize(
    ("rollout", "shown"),
    [
        ({"status": "completed", "tasks": {"succeeded": 3, "total": 4}}, "status-completed"),
        ({"status": "completed", "tasks": {"succeeded": 1, "total": 4}}, "status-fewer"),
        ({"status": "completed"}, "status-completed"),
        ({"status": "canceled", "paused": {}, "tasks": {"succeeded": 1, "total": 4}}, "status-canceled"),
        ({"status": "in_progress", "paused": {}, "tasks": {"succeeded": 0, "total": 4}}, "status-paused"),
    ],
)
def test_a_rollout_that_reached_less_than_half_is_drawn_as_no_success(rollout: dict[str, Any], shown: str) -> None:
    words = languages()["en"]
    drawn = str(drawing.module("parts.html").standing(words, rollout))
    assert f'class="pill {shown}"' in drawn
    is_told = rollout["status"] in ("completed", "canceled") and "tasks" in rollout
    assert ("of 4 updated" in drawn) == is_told


def test_every_stable_word_of_the_api_has_its_words() -> None:
    for kind, known in (
        ("code", why_ops.CODES), ("state", task_ops.STATES), ("what", steer_ops.WHAT), ("kind", timeline_ops.KINDS),
        ("job", job_ops.KINDS), ("befell", Event), ("status", device_ops.STATUSES), ("role", ROLES),
        ("hindrance", Hindrance),
    ):  # fmt: skip
        lost = [word for word in known if f"{kind}.{word}" not in languages()["en"].entries]
        assert lost == [], kind
