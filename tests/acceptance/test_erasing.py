"""`upwell erase` beside a running server: a device that went through everything is in no byte of a dump any more, and
another one that went the same way is untouched."""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from tests.held import killed_at

from acceptance.client import UPWELL, Server, _environment, new_sdk, serve, unique, until
from acceptance.device import Device, online
from acceptance.test_secrets import dumped, ran
from acceptance.test_timeline import refused
from acceptance.test_upwell_imports import imported
from acceptance.upwell_client import Api, api
from upwell.domain.fleet import device_id, iot_id
from upwell.embedded.files import running_dsn

IMAGE = b"firmware" * 100


@pytest.fixture(scope="module")
def erasing() -> Iterator[Server]:
    """A server whose database is dumped."""
    with serve("--allow-private-push") as running:
        yield running


@dataclass(frozen=True)
class Story:
    """Two devices that went through the same; the first is the one to be erased."""

    v1: Api
    account: str
    product: str
    first: dict[str, str]
    second: dict[str, str]
    nickname: str
    rollouts: tuple[str, ...]

    @property
    def spelled(self) -> list[str]:
        """The first, as it could stand in a dump."""
        own = device_id(self.product, self.first["name"])
        code = (
            base64.b64encode(own.bytes),
            base64.urlsafe_b64encode(own.bytes),
            self.first["name"].encode().hex().encode(),
        )
        return [
            self.first["name"], self.first["secret"], self.nickname, str(own), own.hex, iot_id(own, "")[:22],
            *(each.decode().rstrip("=") for each in code),
        ]  # fmt: skip

    def of_second(self) -> dict[str, Any]:
        """What the owner sees of the second, and of what both were in."""
        v1, second = self.v1, self.second["id"]
        return {
            "device": v1.do("show_device", device_id=second),
            "timeline": v1.every("list_device_timeline", device_id=second),
            "rollouts": [v1.do("show_rollout", rollout_id=each)["tasks"] for each in self.rollouts],
            "failures": [v1.do("list_rollout_failures", rollout_id=each)["items"] for each in self.rollouts],
            "events": len(v1.every("list_events")),
            "devices": v1.do("count_devices", product_id=self.product),
        }


def told(server: Server, account: str, name: str) -> Story:
    v1 = api(server, account)
    product = v1.do("create_product", name=unique("kind"))["id"]
    v1.do("update_event_settings", devices=True, presence=True)
    v1.do("create_hook", target_url="http://127.0.0.1:9/x", name="nobody listens")
    one, two, nickname = f"{name}-one", f"{name}-two", unique("lamp-of-Ann")
    rows = f"name,nickname,tags\r\n{one},{nickname},owner=Ann Other\r\n{two},b,\r\n{one},twice,\r\n{one} ,bad,\r\n"
    listed = imported(v1, product, rows)
    assert listed["made"] == 2 and listed["refused"] + listed["existing"] == 2, listed
    found = {each["name"]: each for each in map(json.loads, v1.ask(
        "GET", f"/v1/imports/{listed['id']}/devices?format=ndjson").text.splitlines())}  # fmt: skip
    first, second = found[one], found[two]
    registered_in_alibabas_tongue(server, account, product, one)
    group = v1.do("create_group", name=unique("by hand"))["id"]
    v1.do("add_to_group", group_id=group, device_ids=[first["id"], second["id"]])
    v1.do("set_device_tags", device_id=first["id"], tags={"owner": nickname})
    v1.do("update_device", device_id=first["id"], nickname=nickname, description=f"{nickname}'s, see {one}")
    for each in (first, second):
        refused(server, product, each["name"])
    rollouts = upgraded(server, v1, product, first, second)
    for each in rollouts:
        v1.do("explain_device", device_id=first["id"], rollout_id=each)
    return Story(v1, account, product, first, second, nickname, rollouts)


def registered_in_alibabas_tongue(server: Server, account: str, product: str, name: str) -> None:
    """A batch of names that are checked, one of which is taken, and made."""
    sdk = new_sdk(server.http, server.new_key(account, "admin", "alibaba"))
    asked = m.BatchCheckDeviceNamesRequest(product_key=product, device_name=[name, unique("third")])
    assert sdk.batch_check_device_names(asked).body.success is not None
    with pytest.raises(AssertionError):
        assert sdk.register_device(m.RegisterDeviceRequest(product_key=product, device_name=name)).body.success


def upgraded(server: Server, v1: Api, product: str, *made: dict[str, str]) -> tuple[str, ...]:
    """A rollout that both fail, in waves that name them, which is told of by name; and one that they succeed in."""
    names = [each["name"] for each in made]
    with ExitStack() as stack:
        devices = [stack.enter_context(online(server.mqtt, product, e["name"], e["secret"], "1.0")) for e in made]
        rollouts = fail_and_succeed(v1, product, names, devices)
    until(lambda: v1.do("list_rollout_failures", rollout_id=rollouts[0])["items"], bool)
    until(lambda: len(v1.every("list_device_timeline", device_id=made[0]["id"])), lambda lines: lines > 12)
    return rollouts


def fail_and_succeed(v1: Api, product: str, names: list[str], devices: list[Device]) -> tuple[str, str]:
    fails = a_rollout(v1, product, "2.0", targets={"device_names": names},
                      waves=[{"device_names": names, "soak_min": 0}, {"percent": 100}])  # fmt: skip
    v1.do("pause_rollout", rollout_id=fails[0], reason=f"{names[0]} burned")
    v1.do("resume_rollout", rollout_id=fails[0], reason=f"no, {names[0]} did not")
    v1.do("create_plan", kind="static", package_id=fails[1], product_id=product, targets={"device_names": names})
    for device in devices:
        device.offered()
        device.progress(10)
        device.progress(-3)
        device.send(f"/ota/device/progress/{product}/{device.name}", b"{not json")
    until(lambda: v1.do("show_rollout", rollout_id=fails[0]), lambda shown: shown["tasks"]["failed"] == 2)
    good = a_rollout(v1, product, "3.0", targets={"all": True})
    for device in devices:
        device.offered()
        device.inform("3.0")
    until(lambda: v1.do("show_rollout", rollout_id=good[0]), lambda shown: shown["tasks"]["succeeded"] == 2)
    return fails[0], good[0]


def a_rollout(v1: Api, product: str, version: str, **more: Any) -> tuple[str, str]:
    package = v1.do("create_package", name=unique("fw"), version=version, product_id=product, verify=False,
                    upload_url=v1.upload(IMAGE + version.encode()))["id"]  # fmt: skip
    made = v1.do("create_rollout", kind="static", package_id=package, product_id=product, **more)
    return made["id"], package


def erase(server: Server, *words: str) -> "subprocess.CompletedProcess[str]":
    return ran("erase", *words, "--data-dir", str(server.data_dir))


@pytest.fixture(scope="module")
def story(erasing: Server) -> Story:
    return told(erasing, "lamps", unique("heim"))


def test_a_device_that_went_through_everything_is_in_no_byte_of_a_dump(erasing: Server, story: Story) -> None:
    v1, first = story.v1, story.first
    there = dumped(erasing)
    for place in (story.first["name"], story.nickname, str(device_id(story.product, first["name"]))):
        assert there.count(place) > 3, place
    same = ("device", first["id"], "--confirm", first["id"])
    lives = erase(erasing, *same)
    assert lives.returncode == 3 and "is not deleted: delete it first" in lives.stderr and lives.stderr.count("\n") == 1
    v1.do("delete_device", device_id=first["id"])
    settled(v1)
    before = story.of_second()
    done = erase(erasing, *same, "--json")
    assert done.returncode == 0, done
    report = json.loads(done.stdout)
    assert report["is_whole"] and report["remains"] == {} and report["pseudonym"].startswith("erased-")
    assert {"task", "task_change", "event", "delivery", "audit", "device_line"} <= set(report["tables"]), report
    text = dumped(erasing)
    assert left(text, story) == {}
    assert report["pseudonym"] in text and story.second["name"] in text
    assert story.of_second() == before
    assert ran("check", "--data-dir", str(erasing.data_dir)).returncode == 0
    again = erase(erasing, *same, "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["tables"] == {}, again


def left(text: str, story: Story) -> dict[str, list[str]]:
    """Lines of a dump that have the first in some spelling."""
    lines = text.splitlines()
    found = {spelled: [line[:500] for line in lines if spelled in line] for spelled in story.spelled}
    return {spelled: some for spelled, some in found.items() if some}


def settled(v1: Api) -> None:
    """What the deletion made is placed among the events."""
    until(lambda: [each["type"] for each in v1.every("list_events")], lambda kinds: any("deleted" in k for k in kinds))
    time.sleep(2)


def test_refusals_are_a_line_each(erasing: Server) -> None:
    for words, code, says in (
        (("device", "nobody", "--confirm", "nobody"), 4, "The specified device does not exist: nobody"),
        (("device", "nobody"), 2, "add --confirm nobody"),
        (("device", "nobody", "--confirm", "else"), 2, "add --confirm nobody"),
    ):
        done = erase(erasing, *words)
        assert done.returncode == code and says in done.stderr and done.stderr.count("\n") == 1, done


@pytest.mark.slow  # an account is killed in the middle below
def test_killed_in_the_middle_and_called_again_it_ends_right(erasing: Server) -> None:
    story = told(erasing, "killed", unique("mort"))
    first = story.first
    story.v1.do("delete_device", device_id=first["id"])
    settled(story.v1)
    before = story.of_second()
    command = [UPWELL, "erase", "device", first["id"], "--confirm", first["id"], "--data-dir", str(erasing.data_dir)]
    kills = 0
    for lines in (1, 3, 5):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment())
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert kills
    listed = erase(erasing, "list").stdout
    assert listed.startswith(f"device {first['id']}: erased-") and listed.count("\n") == 1, listed
    words = ("doctor", "--data-dir", str(erasing.data_dir))
    assert "1 have begun and are not whole: device erased-" in ran(*words).stdout
    done = erase(erasing, "device", first["id"], "--confirm", first["id"])
    assert done.returncode == 0, done
    assert "none has begun that is not whole" in ran(*words).stdout
    assert "a last look at every column of every table found 0\n" in done.stdout, done.stdout
    assert "not reached: backups and the archive" in done.stdout and "Traceback" not in done.stderr
    assert erase(erasing, "list").stdout == ""
    text = dumped(erasing)
    assert left(text, story) == {}
    assert story.of_second() == before


def objects_of(server: Server) -> set[str]:
    """The files of the object store."""
    folder = server.data_dir / "objects"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_an_account_with_all_that_is_its_own_is_in_no_byte_of_a_dump(erasing: Server) -> None:
    kept = told(erasing, unique("stays"), unique("other"))
    theirs, name = objects_of(erasing), unique("goes")
    story = told(erasing, name, unique("weg"))
    mine = objects_of(erasing) - theirs
    assert mine and theirs
    v1, second = story.v1, story.second
    running, _ = a_rollout(v1, story.product, "4.0", targets={"all": True})
    same = ("account", name, "--confirm", name)
    refusal = erase(erasing, *same)
    assert refusal.returncode == 3 and "1 rollouts of the account" in refusal.stderr, refusal
    assert "upwell rollout cancel" in refusal.stderr and refusal.stderr.count("\n") == 1
    v1.do("cancel_rollout", rollout_id=running)
    until(lambda: v1.do("show_rollout", rollout_id=running)["status"], lambda status: status != "in_progress")
    settled_for(kept)
    before = kept.of_second()
    meant = what_means(erasing, story, name)
    there = dumped(erasing)
    assert [each for each in meant if each not in there] == []
    with online(erasing.mqtt, story.product, second["name"], second["secret"]) as device:
        for table in ("task", "product"):  # one of the first, and one of the last
            killed(erasing, f"begin; lock table {table} in share mode", *same)
        device.cut()
        assert v1.ask("GET", "/v1/me").status_code == 401
        done = erase(erasing, *same, "--json")
        assert done.returncode == 0, done
    report = json.loads(done.stdout)
    assert report["is_whole"] and report["erased"] == "account" and report["remains"] == {}
    text = dumped(erasing)
    assert {each: text.count(each) for each in meant if each in text} == {}
    assert objects_of(erasing) & mine == set() and theirs <= objects_of(erasing)
    assert kept.of_second() == before
    assert ran("check", "--data-dir", str(erasing.data_dir)).returncode == 0
    gone = erase(erasing, *same)
    assert gone.returncode == 4 and "The specified account does not exist" in gone.stderr
    first = erase(erasing, "account", "default", "--confirm", "default")
    assert first.returncode == 3 and "The first account stays" in first.stderr


def what_means(server: Server, story: Story, name: str) -> list[str]:
    """What means the account and what is in it; all of it stands in a dump of a database that has it."""
    line = next(line for line in dumped(server).splitlines() if f"\t{name}\t" in line and line[:15].isdecimal())
    number = line.split("\t")[0]
    key, _, _ = story.v1.token.rpartition("_")
    said = [story.first["name"], story.second["name"], story.nickname, story.second["secret"]]
    ids = [str(device_id(story.product, story.second["name"])), *(rollout.lower() for rollout in story.rollouts)]
    return [name, number, key, story.product, *said, *ids]


def settled_for(story: Story) -> None:
    """Nothing more of it is placed among the events."""
    until(lambda: (len(story.v1.every("list_events")), time.sleep(1.5), len(story.v1.every("list_events"))),
          lambda seen: seen[0] == seen[2])  # fmt: skip


def killed(server: Server, locks: str, *words: str) -> None:
    """It was killed where it removes what `locks` holds."""
    dsn = running_dsn(server.data_dir)
    assert dsn is not None
    command = [UPWELL, "erase", *words, "--data-dir", str(server.data_dir)]
    killed_at(command, dsn, locks, "%erasure_drop_by(%", _environment())
