"""The command line without a server: its tree, where a command acts, what it keeps, what it prints."""

import json
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tools import cli as tool

from upwell.cli import telling, tree
from upwell.cli.exits import Ended, Exit, one_line
from upwell.cli.main import app
from upwell.cli.remote import acting, careful, contexts, sight, standing
from upwell.cli.remote.contexts import Kept, Signed

# --- the tree -------------------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, Any]]:
    yield from tool.commands()


def test_the_page_of_all_commands_is_fresh() -> None:
    assert tool.FILE.read_text("utf-8") == tool.text(tool.FILE.read_text("utf-8")), "run tools/cli.py"


@pytest.mark.parametrize(("path", "command"), [pytest.param(p, c, id=p) for p, c in commands()])
def test_each_command_says_what_it_does_with_an_example(path: str, command: Any) -> None:
    assert command.help and command.help.strip()[0].isupper() and "." in command.help, path
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.strip().startswith("upwell ")]
    words = path.removesuffix(" (local)")
    if "commands" not in vars(command):
        assert any(words in each for each in examples), (path, examples)
    for param in command.params:
        assert getattr(param, "help", None) or param.name == "help" or "(local)" in path, (path, param.name)


def test_a_nouns_list_says_what_each_verb_does_without_cutting_it_off() -> None:
    for path, command in commands():
        for name, each in getattr(command, "commands", {}).items():
            said = each.get_short_help_str()
            assert said and len(said) <= 85 and "..." not in said, (path, name, said)
        if getattr(command, "commands", None):
            assert "..." not in tool.help_of(path, command).replace("[ARGS]...", ""), path


def test_examples_are_commands_that_there_are() -> None:
    """Each example is read by the parser that reads what people write; nothing is called."""
    for path, command in commands():
        for line in (command.epilog or "").splitlines():
            if not line.strip().startswith(f"upwell {path.partition(' ')[2].removesuffix(' (local)')} "):
                continue
            words = tool.words(line.strip())
            args = words[len(path.removesuffix(" (local)").split()) :]
            command.make_context(path, list(args), resilient_parsing=True)


def test_what_acts_over_the_api_loads_nothing_of_the_server() -> None:
    remote = [name for name, place in tree.PLACES.items() if place.remote]
    code = f"""
import sys
from upwell.cli import main, tree
for name in {remote!r}:
    tree.loaded(name, remote=True)
print(*sorted(m for m in sys.modules if m.startswith("upwell.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    loaded = {name.split(".")[1] for name in done.stdout.split()}
    assert loaded == {"cli", "client", "domain"}, loaded
    assert {n for n in done.stdout.split() if n.startswith("upwell.domain")} == {
        "upwell.domain",
        "upwell.domain.errors",
    }


def test_the_program_alone_loads_neither_server_nor_client() -> None:
    code = "import sys; import upwell.cli.main; print(*(m for m in sys.modules if m.startswith(('upwell.', 'httpx'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert "httpx" not in done.stdout and "upwell.client" not in done.stdout and "upwell.service" not in done.stdout


# --- where a command acts -------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def sign_in(home: dict[str, str], name: str = "here", **more: str) -> None:
    signed = Signed(**{"url": f"http://{name}:1", "token": f"upw_{name}", **more})
    contexts.change(home, lambda kept: Kept({**kept.contexts, name: signed}, name))


@pytest.mark.parametrize(
    ("args", "environ", "signed_in", "remote"),
    [
        ([], {}, False, False),
        ([], {}, True, True),
        (["list", "--data-dir", "x"], {}, True, False),
        (["list", "--database-url=x"], {"UPWELL_URL": "u"}, True, False),
        (["list"], {"UPWELL_DATA_DIR": "d"}, True, False),
        (["list"], {"UPWELL_CONFIG": "f"}, True, False),
        (["list"], {"UPWELL_URL": "u"}, False, True),
        (["list"], {"UPWELL_CONTEXT": "c"}, False, True),
        (["list", "--url", "u"], {"UPWELL_DATA_DIR": "d"}, False, True),
        (["list", "--context=c"], {}, False, True),
    ],
)
def test_where_a_command_with_both_forms_acts(
    home: dict[str, str], args: list[str], environ: dict[str, str], signed_in: bool, remote: bool
) -> None:
    if signed_in:
        sign_in(home)
    assert tree.is_remote(args, home | environ) is remote


def test_a_folder_with_the_servers_settings_is_the_servers_machine(home: dict[str, str]) -> None:
    sign_in(home)
    Path("upwell.toml").write_text("")
    assert not tree.is_remote(["list"], home) and tree.is_remote(["list", "--url", "u"], home)


@pytest.mark.parametrize(
    ("args", "environ"),
    [(["--data-dir", "d", "--url", "u"], {}), ([], {"UPWELL_DATABASE_URL": "d", "UPWELL_URL": "u"})],
)
def test_both_at_once_is_a_question(home: dict[str, str], args: list[str], environ: dict[str, str]) -> None:
    with pytest.raises(Ended) as caught:
        tree.is_remote(args, home | environ)
    assert caught.value.code == Exit.USAGE and "which?" in caught.value.lines[0]


def test_which_server_and_which_token(home: dict[str, str]) -> None:
    with pytest.raises(Ended) as caught:
        contexts.chosen(home, None, None)
    assert caught.value.code == Exit.NO_RIGHT and "upwell login" in caught.value.lines[1]
    sign_in(home, "one")
    sign_in(home, "two")
    assert contexts.chosen(home, None, None)[0] == "two"
    assert contexts.chosen(home, None, "one")[1].token == "upw_one"
    assert contexts.chosen(home | {"UPWELL_CONTEXT": "one"}, None, None)[0] == "one"
    by_environment = home | {"UPWELL_URL": "http://ci:1", "UPWELL_TOKEN": "upw_ci"}
    assert contexts.chosen(by_environment, None, None)[1].token == "upw_ci"
    assert contexts.chosen(by_environment, None, "one")[1].token == "upw_one"
    assert contexts.chosen(home, "http://one:1/", None)[1].token == "upw_one"
    for given in (("http://nobody:1", None), (None, "none"), ("http://one:1", "one")):
        with pytest.raises(Ended):
            contexts.chosen(home, *given)


def test_a_token_never_goes_to_another_server(home: dict[str, str]) -> None:
    """The token of the environment is for the URL of the environment; one of a context for its own."""
    sign_in(home, "one")
    with pytest.raises(Ended, match="nobody is signed in to http://evil:1"):
        contexts.chosen(home, "http://evil:1", None)


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_contexts_are_their_owners_alone(home: dict[str, str]) -> None:
    sign_in(home)
    path = contexts.path_of(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for mode in (0o640, 0o604, 0o660, 0o644):
        path.chmod(mode)
        with pytest.raises(Ended) as caught:
            contexts.kept(home)
        assert caught.value.code == Exit.USAGE and f"chmod 600 {path}" in caught.value.lines[1]
    path.chmod(0o600)
    sign_in(home, "more")
    assert set(contexts.kept(home).contexts) == {"here", "more"} and not list(path.parent.glob("*.json.*"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"contexts": []}', '{"contexts": {"a": {"url": "u"}}}', "\xff"])
def test_a_file_that_is_none(home: dict[str, str], text: str) -> None:
    sign_in(home)
    contexts.path_of(home).write_text(text, "latin-1")
    with pytest.raises(Ended, match="no file of contexts"):
        contexts.kept(home)


def test_a_file_of_a_newer_program_is_read(home: dict[str, str]) -> None:
    sign_in(home)
    path = contexts.path_of(home)
    told = json.loads(path.read_text())
    told["contexts"]["here"]["colour"] = "blue"
    path.write_text(json.dumps(told))
    assert contexts.kept(home).contexts["here"].token == "upw_here"


def test_two_that_sign_in_at_once_are_both_kept(home: dict[str, str]) -> None:
    threads = [threading.Thread(target=sign_in, args=(home, f"n{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(contexts.kept(home).contexts) == 8


# --- what is printed ------------------------------------------------------------------------------------------------


def test_words() -> None:
    assert telling.word({"a": 1, "b": [True, None]}) == "a=1, b=yes, "
    assert telling.minute("2026-06-29T09:30:15.123+02:00") == "2026-06-29 07:30Z"
    assert telling.minute(None) == "" and telling.minute("soon") == "soon"
    assert [telling.size(n) for n in (0, 999, 1000, 200_000_000, 5_000_000_000_000)] == [
        "0 B", "999 B", "1.0 kB", "200.0 MB", "5000.0 GB",
    ]  # fmt: skip
    assert telling.of(1, "device") == "1 device" and telling.of(1200, "device") == "1,200 devices"


def test_what_a_server_says_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    telling.details([("name", "a\x1b[2Jb\nc\u202e")])
    telling.table((("name", telling.member("name")),), [{"name": "x\x1b]0;t\x07\ty"}])
    out = capsys.readouterr().out
    assert (
        "\x1b" not in out
        and "\u202e" not in out
        and out.splitlines() == ["name  a\\x1b[2Jb c\\u202e", "x\\x1b]0;t\\x07 y"]
    )
    assert one_line("a\r\nb\x00") == "a b\\x00"


def at_width(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, *rows: Any) -> list[str]:
    """A table as a terminal of that width shows it."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    columns = tuple((name, telling.member(name)) for name in rows[0])
    assert telling.table(columns, rows) == len(rows)
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_narrow_table_tells_below_what_has_no_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"at": "2026-11-29", "who": "user ann", "did": "create_rollout", "about": "a " * 30 + "z"}
    plain = {"at": "2026-11-30", "who": "漢字", "did": "x", "about": ""}
    show = lambda width: at_width(monkeypatch, capsys, width, row, plain)  # noqa: E731
    wide = show(120)
    assert len(wide) == 3 and wide[0].split() == ["at", "who", "did", "about"] and wide[1].endswith("a z")
    folded = show(64)  # the last column has 26 characters
    assert len(folded) == 5 and folded[1].startswith("2026-11-29  user ann  create_rollout  a a")
    assert show(60) == [
        "at          who       did", "2026-11-29  user ann  create_rollout",
        "  about: " + "a " * 25 + "a", "  a a a a z", "2026-11-30  漢字      x",
    ]  # fmt: skip
    assert show(30)[:4] == [
        "at          who",
        "2026-11-29  user ann",
        "  did: create_rollout  about:",
        "  a a a a a a a a a a a a a a",
    ]
    assert show(6)[0] == "at"
    assert all(line for width in (6, 30, 60, 64, 120) for line in show(width))


def test_one_thing_is_wrapped_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [("id", "ro_1"), ("guard", "pauses it on evidence of failures")]
    monkeypatch.setenv("COLUMNS", "32")
    telling.details(pairs)
    assert capsys.readouterr().out == "id     ro_1\nguard  pauses it on evidence of failures\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    telling.details(pairs)
    assert capsys.readouterr().out == "id     ro_1\nguard  pauses it on evidence of\n       failures\n"


def test_codes_of_refusals() -> None:
    from upwell import client as u
    from upwell.client.problems import problem_of

    codes = {
        status: acting.code_of(problem_of(status, {}, ""))
        for status in (400, 401, 403, 404, 409, 412, 422, 429, 500, 503)
    }
    assert codes == {400: 3, 401: 5, 403: 5, 404: 4, 409: 3, 412: 3, 422: 3, 429: 3, 500: 6, 503: 6}
    assert acting.code_of(u.Unreachable("x")) == acting.code_of(u.Unreadable("x")) == 6
    assert acting.code_of(u.UploadFailed("x")) == 1


# --- how carefully ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "waves"),
    [
        ("100%", [{"percent": 100.0}]),
        ("5, 100%", [{"count": 5}, {"percent": 100.0}]),
        ("1@60, 0.5%:5-50@30, 50%:9-, 100%", [
            {"count": 1, "soak_min": 60}, {"percent": 0.5, "at_least": 5, "at_most": 50, "soak_min": 30},
            {"percent": 50.0, "at_least": 9}, {"percent": 100.0},
        ]),
    ],
)  # fmt: skip
def test_waves_as_they_are_written(text: str, waves: list[Any]) -> None:
    assert careful.read(text) == waves and careful.written(waves) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("22:00-04:00", {"from": "22:00", "to": "04:00"}),
        ("mon-wed,Sun@08:00-24:00", {"days": ["mon", "tue", "wed", "sun"], "from": "08:00", "to": "24:00"}),
        ("sat-mon@00:00-06:30", {"days": ["mon", "sat", "sun"], "from": "00:00", "to": "06:30"}),
    ],
)
def test_hours_as_they_are_written(text: str, wanted: dict[str, Any]) -> None:
    said = careful.Careful(hours=[text], zone="Europe/Berlin", at_once=5).said()
    assert said == {"hours": {"zone": "Europe/Berlin", "open": [wanted]}, "pace": {"at_once": 5}}


@pytest.mark.parametrize("given", [{"hours": ["8-9"], "zone": "UTC"}, {"hours": ["mo@08:00-09:00"], "zone": "UTC"},
                                   {"hours": ["08:00-09:00"]}, {"zone": "UTC"}])  # fmt: skip
def test_what_is_no_hours(given: dict[str, Any]) -> None:
    with pytest.raises(Ended):
        careful.Careful(**given).said()


def test_hours_and_pace_in_words() -> None:
    span = {"days": ["mon", "sat"], "from": "22:00", "to": "04:00"}
    told = careful.hours_of({"zone": "UTC", "open": [span], "is_open": False, "opens_at": "2026-01-05T22:00:00Z"})
    assert told.startswith("mon,sat 22:00-04:00; UTC; opens 2026-01-05")
    pace = {"base_per_min": 10, "factor": 2.0, "each_succeeded": 100, "now_per_min": 40, "at_once": 1, "at_work": 0}
    wanted = "from 10 a minute, times 2 each 100 succeeded, now 40; at most 1 device at once (0 now)"
    assert careful.pace_of(pace) == wanted


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e3%", "10%:5", "10%@", "10%,", "5 0%", "٣%"])
def test_what_is_no_wave(text: str) -> None:
    with pytest.raises(Ended) as caught:
        careful.read(text)
    assert caught.value.code == Exit.USAGE and "is no wave" in caught.value.lines[0]


# --- watching -------------------------------------------------------------------------------------------------------


def rollout(status: str = "in_progress", **tasks: int) -> Any:
    every = (
        dict.fromkeys(("confirm", "queued", "notified", "in_progress", "succeeded", "failed", "canceled"), 0) | tasks
    )
    return {
        "id": "ro_1",
        "status": status,
        "package_name": "p",
        "version": "2",
        "tasks": every | {"total": sum(every.values())},
    }


def test_pace_is_of_the_last_while() -> None:
    pace = sight.Pace()
    pace.see(0, 0)
    assert pace.per_minute() is None and pace.left(5) is None
    pace.see(60, 30)
    assert pace.per_minute() == 30 and pace.left(60) == timedelta(minutes=2)
    for second in range(70, 400, 10):
        pace.see(second, 30)
    assert pace.per_minute() == 0 and pace.left(60) is None and len(pace.seen) < 20


def test_what_is_told_of_a_rollout() -> None:
    now, pace = datetime(2026, 1, 1, 12, tzinfo=UTC), sight.Pace()
    pace.see(0, 0)
    pace.see(60, 60)
    seen = sight.Sight(rollout(queued=40, succeeded=57, failed=3), [], pace)
    assert seen.outlook(now) == "60 % of 100 devices ended, 60 a minute, the rest in about 40 s, at 2026-01-01 12:00Z."
    assert sight.plain(seen, now) == f"12:00:00Z  in progress: succeeded 57, queued 40, failed 3. {seen.outlook(now)}"
    waved = rollout(queued=40, succeeded=60) | {
        "waves": [{"wave": 1, "status": "open"}, {"wave": 2, "status": "waiting"}]
    }
    for held in (waved, rollout(queued=40, succeeded=60) | {"paused": {"at": "", "by": "ann"}}):
        assert sight.Sight(held, [], pace).outlook(now) == "60 % of 100 devices ended, 60 a minute."
    assert sight.Sight(rollout(), [], pace).outlook(now) == "Its tasks are being made."
    assert "100 %" in sight.Sight(rollout("completed", succeeded=1), [], pace).outlook(now)
    group = {"reason": "download failed", "code": -2, "module": "mcu", "source_version": "1.0", "count": 2,
             "examples": [{"device_id": "a"}, {"device_id": "b", "description": "no\x1broom"}]}  # fmt: skip
    assert sight.failure(group) == "download failed (code -2), module mcu, from 1.0: a, b: no\\x1broom"


def test_what_comes_next() -> None:
    for told, word in (
        (rollout(confirm=2, queued=1), "rollout confirm ro_1 --all"), (rollout(queued=1), "rollout watch"),
        (rollout("completed", failed=1, succeeded=3), "why-failed"),
        (rollout("completed", succeeded=1), "all has ended"),
        (rollout(), "being made"),
        (rollout(queued=3, confirm=1, succeeded=2) | {"paused": {"at": "", "by": "k"}}, "to 4 devices until"),
    ):  # fmt: skip
        assert word in standing.next_of(told)


def test_the_root_is_a_tree() -> None:
    assert isinstance(typer.main.get_command(app), tree.Tree)


def test_waves_that_name_devices_are_read_and_written() -> None:
    text = "devices:lamp-1+lamp-2@5, tag:ring=1, group:grp_0000000000000009, 1%:5-50@60, 100%"
    waves = careful.read(text)
    assert waves[:3] == [
        {"device_names": ["lamp-1", "lamp-2"], "soak_min": 5}, {"tag": {"key": "ring", "value": "1"}},
        {"group_id": "grp_0000000000000009"},
    ]  # fmt: skip
    assert careful.written(waves) == text
