"""Events, hooks and accounts from the command line: followed across a cut connection, sent to a receiver that fails."""

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.webhook_receiver import OK, Receiver, answer

from acceptance.cli import UPWELL, Person
from acceptance.client import Server, serve, unique, until
from acceptance.cutting import Cutter

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def here() -> Iterator[Server]:
    """A server that sends to private addresses."""
    with serve("--allow-private-push") as running:
        yield running


@pytest.fixture
def admin(here: Server, tmp_path: Path) -> Person:
    """Of an account of their own."""
    token = here.new_key(unique("cli-events"), "admin", "upwell").secret
    return Person(home=tmp_path, environ={"UPWELL_URL": f"http://{here.http}", "UPWELL_TOKEN": token})


def new_key(admin: Person) -> str:
    return str(admin.do("key", "create", "--role", "viewer", "--json").json["id"])


# --- events ---------------------------------------------------------------------------------------------------------


def test_events_are_listed_oldest_first(admin: Person) -> None:
    made = [new_key(admin) for _ in range(3)]
    lines = until(lambda: admin.do("event", "list").lines, lambda found: len(found) == 4)
    cells = [line.split("\t") for line in lines]
    assert {each[1] for each in cells} == {"key.made"} and [each[2] for each in cells[1:]] == [
        f"keys/{k}" for k in made
    ]
    assert "role=viewer" in cells[1][3] and made[0] not in cells[1][3]
    done = admin.do("event", "list", "--limit", "2", "--json")
    first = [json.loads(line) for line in done.lines]
    assert len(first) == 2 and done.err == ""
    note = admin.do("event", "list", "--limit", "2").err
    assert f"--after {first[1]['id']}" in note
    rest = admin.do("event", "list", "--after", first[1]["id"], "--type", "key.made", "--all").lines
    assert [line.split("\t")[2] for line in rest] == [f"keys/{k}" for k in made[1:]]
    assert "nothing of that kind" in admin.do("event", "list", "--type", "rollout.ended").err
    assert admin.run("event", "list", "--type", "nonsense").code == 3
    settings = admin.do("event", "settings", "--devices", "--keep-days", "7", "--json").json
    assert settings["devices"] and settings["keep_days"] == 7
    assert "kept for days  7" in admin.do("event", "settings").out


class Tail:
    """`upwell event tail` as it runs; its lines as they come."""

    def __init__(self, admin: Person, *options: str, **environ: str) -> None:
        self.process = subprocess.Popen(
            [UPWELL, "event", "tail", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=admin.environment() | environ, cwd=admin.home, preexec_fn=_hears_ctrl_c,
        )  # fmt: skip
        self.out: list[str] = []
        self.err: list[str] = []
        assert self.process.stdout is not None and self.process.stderr is not None
        self._threads = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.out), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.err), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(source: Any, lines: list[str]) -> None:
        for line in source:
            lines.append(line)

    def ended(self) -> tuple[int, str, str]:
        code = self.process.wait(30)
        for thread in self._threads:
            thread.join(10)
        for source in (self.process.stdout, self.process.stderr):
            source.close()  # type: ignore[union-attr]
        return code, "".join(self.out), "".join(self.err)


def _hears_ctrl_c() -> None:
    """Whoever began the tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def tailing(admin: Person, *options: str, **environ: str) -> Iterator[Tail]:
    """It follows, once it has told an event."""
    tail = Tail(admin, *options, **environ)
    try:
        until(lambda: (new_key(admin), tail.out)[1], bool, 60)
        assert tail.out, tail.err
        yield tail
    finally:
        if tail.process.poll() is None:
            tail.process.kill()
        tail.ended()


def test_events_are_followed_over_a_cut_connection_until_ctrl_c(here: Server, admin: Person) -> None:
    """Nothing is missed or told twice, and who watches is told that it was cut."""
    host, _, port = here.http.rpartition(":")
    wire = Cutter((host, int(port)), {})
    with tailing(admin, "--json", UPWELL_URL=f"http://{wire.address}") as tail:
        assert wire.cut_now() == 1
        made = [new_key(admin) for _ in range(3)]
        until(lambda: made[-1] in "".join(tail.out), bool, 30)
        tail.process.send_signal(signal.SIGINT)
        code, out, err = tail.ended()
    wire.close()
    ids = [json.loads(line)["id"] for line in out.splitlines()]
    assert code == 130 and "Traceback" not in err and "asking again in" in err
    assert len(ids) == len(set(ids)) and ids == sorted(ids)
    assert [json.loads(line)["data"]["key_id"] for line in out.splitlines()][-3:] == made
    again = admin.do("event", "list", "--after", ids[0], "--all", "--json").lines
    assert [json.loads(line)["id"] for line in again] == ids[1:]


def test_a_reader_who_leaves_ends_it_although_nothing_happens(admin: Person) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [UPWELL, "event", "tail"], stdout=writing, stderr=subprocess.PIPE, text=True, env=admin.environment(),
        cwd=admin.home,
    )  # fmt: skip
    os.close(writing)
    try:
        got = b""
        os.set_blocking(reading, False)
        while not got:
            new_key(admin)
            try:
                got = os.read(reading, 4096)
            except BlockingIOError:
                continue
        os.close(reading)
        _, err = process.communicate(timeout=10)  # the server's next sign of life is 15 seconds away
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert (process.returncode, err) == (0, "") and got.count(b"key.made") >= 1


def test_what_can_be_followed_no_more_is_told(here: Server, admin: Person) -> None:
    assert admin.run("event", "tail", "--type", "nonsense").code == 3
    assert admin.run("event", "tail", UPWELL_TOKEN="upw_x_y").code == 5
    assert admin.run("event", "tail", UPWELL_URL="http://127.0.0.1:1").code == 6


# --- hooks ----------------------------------------------------------------------------------------------------------


@contextmanager
def receiving(receiver: Receiver) -> Iterator[str]:
    """The URL that it hears."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(receiver.serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_a_hook_from_its_making_to_its_end(admin: Person) -> None:
    status = [204]
    receiver = Receiver(answers=lambda heard: answer(status[0]) if status[0] != 200 else OK)
    with receiving(receiver) as url:
        made = admin.do("hook", "create", url, "--type", "key.made", "--name", "ci", "--json").json
        hook, secret = made["id"], made["secret"]
        assert secret.startswith("whsec_") and made["types"] == ["upwell.key.made"]
        pinged = admin.do("hook", "ping", hook)
        assert "delivered" in pinged.out and "answer  204 in" in pinged.out
        [listed] = [line.split("\t") for line in admin.do("hook", "list").lines]
        assert (
            listed == [hook, "ci", "enabled", "0", "key.made", url] and secret not in admin.do("hook", "show", hook).out
        )
        key = new_key(admin)
        until(lambda: [each.event["data"].get("key_id") for each in receiver.taken], lambda seen: key in seen)
        status[0] = 500
        failed = admin.run("hook", "ping", hook)
        assert failed.code == 1 and "does not take it: 500" in failed.err and "sent again at" in failed.err
        assert "failing since" in admin.do("hook", "show", hook).out
        [waits] = [line.split("\t") for line in admin.do("hook", "deliveries", hook, "--open").lines]
        assert waits[1:4] == ["hook.ping", "waiting", "1"] and waits[4].startswith("500")
        whole = admin.do("hook", "delivery", hook, waits[0]).out
        assert url in whole and '"upwell.hook.ping"' in whole and "500" in whole
        status[0] = 200
        event = receiver.taken[0].event_id
        admin.do("hook", "redeliver", hook, "--event", event)
        until(lambda: [each.event_id for each in receiver.taken].count(event), (2).__eq__)
        over = admin.do("hook", "deliveries", hook, "--over", "--json").lines
        assert event in {json.loads(line)["event_id"] for line in over}
        rotated = admin.run("hook", "rotate-secret", hook)
        assert rotated.code == 2 and "after 24 hours" in rotated.err
        new = admin.do("hook", "rotate-secret", hook, "--overlap", "0", "--yes", "--json").json["secret"]
        assert new != secret
    disabled = admin.do("hook", "update", hook, "--disable", "--all-types", "--to", url + "2", "--json").json
    assert not disabled["enabled"] and disabled["types"] == [] and disabled["target_url"] == url + "2"
    assert "upwell hook update" in admin.do("hook", "show", hook).out
    assert admin.run("hook", "update", hook).code == 2
    for wrong in ((), ("--event", "evt_1", "--last", "evt_2"), ("--first", "evt_1")):
        assert admin.run("hook", "redeliver", hook, *wrong).code == 2
    deleted = admin.run("hook", "delete", hook)
    assert deleted.code == 2 and "no device is touched" in deleted.err
    admin.do("hook", "delete", hook, "--yes")
    assert admin.run("hook", "show", hook).code == 4 and "make one" in admin.do("hook", "list").err
    assert admin.run("hook", "create", "nonsense").code == 3


# --- accounts -------------------------------------------------------------------------------------------------------


def test_accounts_are_the_servers_admins(here: Server, admin: Person) -> None:
    refused = admin.run("account", "list")
    assert refused.code == 5
    options = ("--account", unique("root"), "--dialect", "upwell", "--role", "admin", "--server-admin", "--json")
    root = json.loads(here.run("key", "create", *options))["secret"]
    name, later = unique("acme"), unique("labs")
    made = admin.do("account", "create", name, "--json", UPWELL_TOKEN=root).json
    assert "product list" not in admin.do("product", "list", UPWELL_TOKEN=made["key"]["secret"]).out
    assert name in admin.do("account", "list", "--all", UPWELL_TOKEN=root).out
    assert admin.do("account", "show", name, "--json", UPWELL_TOKEN=root).json["id"] == made["id"]
    admin.do("account", "rename", made["id"], later, UPWELL_TOKEN=root)
    assert admin.do("account", "show", later, "--json", UPWELL_TOKEN=root).json["id"] == made["id"]
    assert admin.run("account", "show", name, UPWELL_TOKEN=root).code == 4
