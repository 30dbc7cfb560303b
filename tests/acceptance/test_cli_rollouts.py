"""Careful rollouts from the command line: started in waves with a guard, paused, resumed, promoted, watched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.cli import Person
from acceptance.client import Server, unique, until
from acceptance.device import Device

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def admin(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Person:
    token = server.new_key("cli careful", "admin", "upwell").secret
    environ = {"UPWELL_URL": f"http://{server.http}", "UPWELL_TOKEN": token}
    return Person(home=tmp_path_factory.mktemp("home"), environ=environ)


@pytest.fixture
def product(admin: Person) -> str:
    return str(admin.do("product", "create", unique("lamp"), "--json").json["id"])


@pytest.fixture
def package(admin: Person, product: str) -> str:
    (admin.home / "lamp.bin").write_bytes(b"firmware" * 100)
    upload = (
        "package",
        "upload",
        "lamp.bin",
        "--product",
        product,
        "--version",
        "2.0",
        "--name",
        unique("fw"),
        "--json",
    )
    return str(admin.do(*upload).json["id"])


@pytest.fixture
def lamps(server: Server, admin: Person, product: str) -> Iterator[list[Device]]:
    """Four, online, at 1.0."""
    made = [admin.do("device", "add", f"lamp-{n}", "--product", product, "--json").json for n in range(4)]
    found = [Device(server.mqtt, product, each["name"], each["secret"]) for each in made]
    for lamp in found:
        lamp.inform("1.0")
    yield found
    for lamp in found:
        lamp.close()


def shown(admin: Person, rollout: str) -> dict[str, Any]:
    return dict(admin.do("rollout", "show", rollout, "--json").json)


def open_wave(admin: Person, rollout: str) -> int:
    return max((w["wave"] for w in shown(admin, rollout)["waves"] if w["status"] == "open"), default=0)


def waves_of(admin: Person, rollout: str) -> dict[str, int]:
    """The wave of each device by its name."""
    tasks = map(json.loads, admin.do("rollout", "tasks", rollout, "--json").lines)
    return {each["device_name"]: each["wave"] for each in tasks}


def test_waves_are_started_steered_and_told(admin: Person, package: str, lamps: list[Device]) -> None:
    start = ("rollout", "start", package, "--all", "--waves", "1@600,50%,100%", "--guard-p0", "1")
    asked = admin.run(*start)
    assert asked.code == 2 and "4 devices" in asked.err and "in 3 waves" in asked.err, asked
    made = admin.do(*start, "--yes")
    told = dict(line.split(None, 1) for line in made.lines if line.strip())
    rollout = told["id"]
    assert told["waves"] == "3" and told["guard"].startswith("pauses it") and "more than 1 %" in told["guard"]
    until(lambda: open_wave(admin, rollout), (1).__eq__)
    text = admin.do("rollout", "show", rollout).out
    assert "Wave 2 opens when 1 more of wave 1 has a verdict." in text
    assert [line.split("\t")[:3] for line in text.splitlines() if line[:2] in ("1\t", "2\t", "3\t")] == [
        ["1", "open", "1"], ["2", "waiting", "1"], ["3", "waiting", "2"]
    ]  # fmt: skip
    named = waves_of(admin, rollout)
    [first] = [lamp for lamp in lamps if named[lamp.name] == 1]
    first.offered()
    until(lambda: shown(admin, rollout)["tasks"]["notified"], (1).__eq__)  # its acknowledgement is on the way
    paused = admin.do("rollout", "pause", rollout, "--reason", "it smells")
    assert "kept back  3 devices" in paused.out and "it smells" in paused.out and "go on      1 device" in paused.out
    assert "until: upwell rollout resume" in admin.do("rollout", "show", rollout).out
    assert admin.run("rollout", "promote", rollout, "--yes").code == 3
    resume = admin.run("rollout", "resume", rollout)
    assert resume.code == 2 and "3 devices not offered yet" in resume.err and "it smells" in resume.err
    assert "paused" in shown(admin, rollout)
    admin.do("rollout", "resume", rollout, "--yes")
    first.inform("2.0")
    until(lambda: shown(admin, rollout)["happens_next"], lambda said: "soak" in said)
    promote = admin.run("rollout", "promote", rollout)
    assert promote.code == 2 and "opens wave 2" in promote.err and "1 device more" in promote.err
    assert "the soak of wave 1" in promote.err and open_wave(admin, rollout) == 1
    assert "open wave  2" in admin.do("rollout", "promote", rollout, "--yes", "--reason", "enough").out
    again = admin.do("rollout", "promote", rollout, "--wave", "2", "--yes")
    assert "open wave  2" in again.out, "one that is open already stays the last that is"
    lines = [line.split("\t") for line in admin.do("rollout", "decisions", rollout).lines]
    assert [line[1] for line in lines] == ["promoted", "resumed", "paused", "opened"]
    assert "enough" in lines[0][5] and "it smells" in lines[2][5]
    assert admin.run("rollout", "promote", rollout, "--wave", "4", "--yes").code == 3
    admin.do("rollout", "cancel", rollout, "--yes")
    assert admin.run("rollout", "pause", rollout).code == 3


def test_a_plan_is_told_and_why_devices_wait(admin: Person, product: str, package: str, lamps: list[Device]) -> None:
    options = ("--all", "--waves", "1@600,100%", "--guard")
    lines = admin.do("rollout", "plan", package, *options).lines
    told = dict(line.split(None, 1) for line in lines if line.split()[1:])
    assert (
        told["devices"] == "4 of 4 devices would be updated" and told["waves"] == "1, 3" and told["versions"] == "1.0 4"
    )
    assert "halts at" in " ".join(lines) and lines[-1].startswith("Next: upwell rollout start")
    assert admin.do("rollout", "list", "--package", package).out == "", "nothing is made"
    assert admin.run("rollout", "plan", package).code == 2
    assert admin.do("rollout", "plan", package, "--all", "--json").json["waves"] == [{"wave": 1, "devices": 4}]
    rollout = str(admin.do("rollout", "start", package, *options, "--yes", "--json").json["id"])
    until(lambda: open_wave(admin, rollout), (1).__eq__)
    named = waves_of(admin, rollout)
    [last, *_] = [f"{product}_{name}" for name, wave in named.items() if wave == 2]
    whys = admin.do("device", "why", last, "--rollout", rollout)
    assert next(line.split("\t")[:2] for line in whys.lines if line.startswith("no\t")) == ["no", "Is its wave open?"]
    assert admin.do("device", "why", last, "--package", package, "--json").json["rollout_id"] == rollout
    assert admin.run("device", "why", last).code == 2
    grouped = admin.do("rollout", "why", rollout).lines
    assert grouped[0].startswith("0 of 4 devices are updated") and any(line.startswith("3\t") for line in grouped)
    assert admin.do("rollout", "why", rollout, "--json").json["not_updated"] == 4
    plan = admin.do("rollout", "plan", package, "--all").out
    assert "Left out:" in plan and "queued" in plan
    admin.do("rollout", "cancel", rollout, "--yes")


def test_a_halt_is_watched(admin: Person, package: str, lamps: list[Device]) -> None:
    """On a terminal, by lines, and by a script that wants to know how it ended."""
    start = ("rollout", "start", package, "--all", "--waves", "2,100%", "--guard", "--yes", "--json")
    rollout = str(admin.do(*start).json["id"])
    watch = ("rollout", "watch", rollout, "--interval", "0.2")
    with admin.at_terminal(*watch, columns=80) as terminal:
        seen = terminal.until("Wave 2 opens when 2 more of wave 1 have a verdict.")
        assert "upwell rollout pause|promote|cancel" in terminal.until("steers it.")
        named = waves_of(admin, rollout)
        for lamp in (lamp for lamp in lamps if named[lamp.name] == 1):
            lamp.offered()
            lamp.progress(-1)
        terminal.until("halted by its guard")
        terminal.until("Wave 2 can't open while it is paused.")
        frame = terminal.until("resume|cancel").rpartition("halted by its guard")[2]
        assert "2 of the first 2 devices" in frame and "Guard: 2 of 2 offered failed" in frame
        assert max(map(len, terminal.seen.splitlines())) <= 80
        done = admin.run(*watch, "--exit-status")
        assert done.code == 1 and "halted by its guard" in done.err and "why-failed" in done.err
        lines = [line.partition("  ")[2] for line in done.lines]
        assert lines[0] == "wave 1 of 2 is open by upwell: 2 devices" and lines[1].startswith("halted by its guard")
        assert lines[2].startswith("in progress: queued 2, failed 2. 50 % of 4 devices ended.")
        [told] = admin.run(*watch, "--exit-status", "--json").lines
        assert json.loads(told)["evidence"] | {"failed_percent": []} == {
            "offered": 2, "failed": 2, "halts_at": 2, "failed_percent": []
        }  # fmt: skip
        assert "until: upwell rollout resume" in admin.do("rollout", "show", rollout).out
        admin.do("rollout", "cancel", rollout, "--yes")
        code, seen = terminal.ended()
    assert code == 0 and "Next: 2 devices failed: upwell rollout why-failed" in seen


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--waves", "one"), 2, "'one' is no wave"),
        (("--waves", "1.5,100%"), 2, "'1.5' is no wave"),
        (("--waves", "1%:9,100%"), 2, "is no wave"),
        (("--waves", "10%"), 3, "waves[0]"),
        (("--waves", "10%,100%", "--preset", "fast"), 3, "preset"),
        (("--guard-p0", "20"), 3, "guard"),
        (("--guard-action", "warn"), 2, "warn"),
    ],
)
def test_what_can_be_no_care_is_refused(
    admin: Person, package: str, options: tuple[str, ...], code: int, said: str
) -> None:
    done = admin.run("rollout", "start", package, "--all", "--yes", *options)
    assert done.code == code and said in done.err, done
    assert admin.do("rollout", "list", "--package", package).out == ""


def test_a_products_defaults(admin: Person, product: str, package: str) -> None:
    assert admin.run("product", "defaults", product).code == 2
    waves = "1%:5-50@60,10%,100%"
    told = admin.do("product", "defaults", product, "--waves", waves, "--guard-action", "cancel").out
    assert waves.replace(",", ", ") in told and "cancels it" in told
    assert waves.replace(",", ", ") in admin.do("product", "show", product).out
    defaults = admin.do("product", "show", product, "--json").json["rollout_defaults"]
    assert defaults["guard"]["action"] == "cancel" and defaults["waves"][0] == {
        "percent": 1.0, "at_least": 5, "at_most": 50, "soak_min": 60
    }  # fmt: skip
    made = admin.do("rollout", "start", package, "--all", "--yes", "--json").json
    assert len(made["waves"]) == 3 and made["guard"]["action"] == "cancel"
    always = ("--hours", "00:00-24:00", "--zone", "UTC", "--at-once", "5")
    told = admin.do("product", "defaults", product, *always).out
    assert "at most 5 devices at once" in told and "mon,tue,wed,thu,fri,sat,sun 00:00-24:00; UTC" in told
    told = admin.do("rollout", "show", admin.do("rollout", "start", package, "--all", "--yes", "--json").json["id"]).out
    assert "at most 5 devices at once (0 now)" in told and "UTC; open until" in told
    none = admin.run("product", "defaults", product, "--none")
    assert (
        none.code == 2
        and "0 devices" in none.err
        and "rollout_defaults" in admin.do("product", "show", product, "--json").out
    )
    admin.do("product", "defaults", product, "--none", "--yes")
    assert "rollout_defaults" not in admin.do("product", "show", product, "--json").json


def test_versions_by_the_hour(admin: Person, product: str, lamps: list[Device], tmp_path: Path) -> None:
    lamps[0].inform("1.1")
    found = until(lambda: admin.do("product", "versions", product).lines, lambda lines: "1.1 1" in "".join(lines))
    hour, versions = found[0].split("\t")[:2]
    assert hour.endswith(":00Z") and versions == "1.0 3, 1.1 1"
    assert admin.do("product", "versions", product, "--json").json["versions"][0] == {"version": "1.0", "devices": 3}
    none = admin.do("product", "versions", product, "--module", "wifi")
    assert none.out == "" and "no device" in none.err
    assert admin.run("product", "versions", "nobody").code == 4


def test_one_kind_of_failures_is_run_again_and_its_course_is_told(
    admin: Person, product: str, package: str, lamps: list[Device]
) -> None:
    started = admin.do("rollout", "start", package, "--all", "--preset", "all_at_once", "--yes", "--json").json
    rollout = str(started["id"])
    for lamp, step in zip(lamps, (-1, -1, -3, -3), strict=True):
        lamp.offered()
        lamp.progress(step)
    kinds = until(
        lambda: [json.loads(line) for line in admin.do("rollout", "why-failed", rollout, "--json").lines],
        lambda told: [each["count"] for each in told] == [2, 2],
    )
    done = admin.do("rollout", "retry", rollout, "--failure", kinds[0]["id"], "--yes", "--json")
    assert done.json == {"changed": 2} and shown(admin, rollout)["tasks"]["failed"] == 2
    assert admin.run("rollout", "retry", rollout, "--failure", kinds[0]["id"], "--all", "--yes").code == 2
    until(  # a look is taken every few seconds
        lambda: [json.loads(line) for line in admin.do("rollout", "course", rollout, "--json").lines],
        lambda told: told and sum(told[-1][place] for place in ("waiting", "at_work", "failed")) == 4,
    )
    assert shown(admin, rollout)["made_by"].startswith("upw_")
