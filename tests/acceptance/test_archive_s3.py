"""An archive in a real S3 server's bucket: of several workers, encrypted, killed and restored; while S3 is away, falls
silent, is busy or cuts; with wrong keys and without a bucket; and when somebody else uses its place."""

import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest
from alibabacloud_iot20180120 import models as m
from tests.acceptance.test_archive import upwell
from tests.prove.cluster import S3_KEYS, s3, steady_ports
from tests.prove.rollout import Process, package, product_with
from tests.s3_faults import Way, faults

from scratch import scratch

WITHIN_S = 90
CUT = "it is tried again: log: The object store does not answer: the connection is cut"
IMAGE = os.urandom(9_000_000)  # more than one part of an upload


@pytest.fixture
def top() -> Iterator[Path]:
    found = scratch("upwell-archive-")
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture
def store(top: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty place on a real S3 server."""
    for name, value in S3_KEYS.items():
        monkeypatch.setenv(name, value)
    with s3(top) as url:
        yield url


def lies_in(top: Path) -> list[str]:
    """The keys in the bucket."""
    place = top / "s3/bucket/firmware"
    return sorted(str(file.relative_to(place)) for file in place.rglob("*") if file.is_file())


def log_of(server: Process) -> str:
    return (server.dir / "server.log").read_text()


def wait(server: Process, holds: Callable[[], object], within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, log_of(server)[-3000:]
        time.sleep(0.1)


def archived_until(top: Path) -> datetime:
    """When the last file of the log came into the place."""
    times = [file.stat().st_mtime for file in (top / "s3/bucket/firmware/wal").glob("*.json")]
    return datetime.fromtimestamp(max(times, default=0), UTC)


def has_base(top: Path) -> bool:
    return any((top / "s3/bucket/firmware/base").glob("*/head.json"))


def metrics(server: Process) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics}/metrics", timeout=10) as answer:  # type: ignore[attr-defined]
        lines = answer.read().decode().splitlines()
    told = [line.removeprefix("upwell_archive_").split() for line in lines if line.startswith("upwell_archive_")]
    return {name: float(value) for name, value in told}


def archiving(place: str, *options: str) -> Process:
    """A server that archives there each second, with metrics; it is not started."""
    [port] = steady_ports(1)
    server = Process("--archive", place, "--archive-timeout-s", "1", "--metrics", f"127.0.0.1:{port}", *options)
    server.metrics = port  # type: ignore[attr-defined]
    return server


def kill_all(server: Process) -> None:
    """The machine loses its power: parent, workers and PostgreSQL."""
    assert server.process is not None
    pid = server.process.pid
    children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    postmaster = server.kill_postgres()
    server.kill()
    for each in children:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    deadline = time.monotonic() + WITHIN_S
    while any(Path(f"/proc/{each}").exists() for each in (postmaster, *children)):  # a machine that starts has none
        assert time.monotonic() < deadline
        time.sleep(0.05)


def devices_of(server: Process) -> dict[str, int]:
    """How many devices each product has."""
    asked = m.QueryProductListRequest(current_page=1, page_size=50)
    found = server.client().query_product_list(asked).body.data.list.product_info
    return {each.product_key: each.device_count for each in found or []}


def quiet(top: Path, server: Process) -> datetime:
    """A moment that all so far is before, and that the archive has."""
    moment = datetime.now(UTC)
    time.sleep(0.05)
    product_with(server.client(), 1)  # so that there is more of the log
    wait(server, lambda: archived_until(top) > moment and metrics(server)["held_bytes"] == 0)
    return moment


@pytest.mark.slow  # two servers with two workers each
@pytest.mark.timeout(300)
def test_of_two_workers_any_moment_is_restored_from_s3(top: Path, store: str) -> None:
    identity = pyrage.x25519.Identity.generate()
    (top / "identity").write_text(str(identity))
    opens = ("--identity", top / "identity")
    archive, copy = store, store.replace("/firmware?", "/monday?")
    server = archiving(archive, "--workers", "2", "--archive-recipients", str(identity.to_public()))
    data = server.dir / "data"
    server.start()
    try:
        wait(server, lambda: has_base(top))
        client = server.client()
        kept, _ = product_with(client, 5)
        package(client, kept, IMAGE)
        moment = quiet(top, server)
        undone, _ = product_with(client, 3)
        code, out, err = upwell("backup", copy, "--data-dir", data, "--recipient", identity.to_public())
        assert code == 0 and "1 objects with 9000000 bytes, encrypted" in out, err
        later, _ = product_with(client, 2)
        quiet(top, server)
        kill_all(server)
        shutil.rmtree(data)
        for place in (archive, copy):
            for more in ((), opens):
                code, out, err = upwell("verify-backup", place, *more)
                assert code == 0 and "is whole" in out, err
        assert all(IMAGE[:1000] not in file.read_bytes() for file in (top / "s3/bucket").rglob("*") if file.is_file())
        code, out, err = upwell("restore", archive, "--until", moment.isoformat(), *opens, "--data-dir", data)
        assert code == 0 and "1 objects, 9000000 bytes" in out, err
        server.start()  # and archives into the same place, in a life of its own
        assert devices_of(server) == {kept: 5}
        wait(server, lambda: log_of(server).count("a base is in the archive") == 2)
        code, out, _ = upwell("doctor", "--json", "--data-dir", data, "--archive", archive)
        assert '"about": "archive", "grade": "ok"' in out, out
        quiet(top, server)
        code, out, err = upwell("verify-backup", archive, *opens)
        assert code == 0 and "2 bases" in out, err
        again = top / "again"
        code, _, err = upwell("restore", copy, *opens, "--data-dir", again)
        assert code == 0, err
        key = server.key
        server.stop()
        server = Process("--data-dir", str(again))
        server.key = key
        server.start()
        found = devices_of(server)
        assert (found[kept], found[undone]) == (5, 3) and later not in found
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_while_s3_is_not_well(top: Path, store: str) -> None:
    """The server serves on, the log waits and is told, and is in the archive soon after S3 is well again."""
    with faults(store) as between:
        server = archiving(between.url)
        server.start()
        try:
            wait(server, lambda: has_base(top))
            made = set[str]()
            ways: tuple[Way, ...] = ("away", "silent", "refusing", "cutting")
            for way in ways:
                between.go(way)
                began = time.monotonic()
                while metrics(server)["held_bytes"] < 2 * 16 * 1024 * 1024 or time.monotonic() - began < 4:
                    made.add(product_with(server.client(), 1)[0])
                    assert time.monotonic() - began < WITHIN_S
                    time.sleep(0.3)
                assert metrics(server)["behind_seconds"] > 1
                if way == "away":  # the client tries for a while before it says so
                    wait(server, lambda: CUT in log_of(server))
                between.go("open")
                wait(server, lambda: metrics(server)["held_bytes"] == 0)
            quiet(top, server)
            assert "the archive goes on: log" in log_of(server)
            assert metrics(server)["given_up_total"] == 0 and metrics(server)["bases_total"] == 1
            kill_all(server)
            shutil.rmtree(server.dir / "data")
            code, _, err = upwell("verify-backup", store)
            assert code == 0, err
            code, _, err = upwell("restore", store, "--data-dir", server.dir / "data")
            assert code == 0, err
            server.options = ()
            server.start()
            assert made <= devices_of(server).keys()
        finally:
            server.stop()


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_what_is_half_uploaded_is_not_there(top: Path, store: str) -> None:
    """Killed in the middle of a base and of the log, with S3 silent and cutting: the next start goes on."""
    with faults(store) as between:
        server = archiving(between.url)
        try:
            ways: tuple[Way, ...] = ("silent", "cutting")
            for way in ways:
                server.start()
                wait(server, lambda: "archive.json" in lies_in(top))
                between.go(way)
                product_with(server.client(), 1)
                time.sleep(1.5)
                kill_all(server)
                assert not has_base(top)
                between.go("open")
            server.start()
            wait(server, lambda: has_base(top))
            made = devices_of(server)
            quiet(top, server)
            kill_all(server)
            code, out, err = upwell("verify-backup", store)
            assert code == 0 and "1 bases" in out, err
            shutil.rmtree(server.dir / "data")
            code, _, err = upwell("restore", store, "--data-dir", server.dir / "data")
            assert code == 0 and "differences: 0" in upwell("check", "--data-dir", server.dir / "data")[1], err
            server.options = ()
            server.start()
            assert made.items() <= devices_of(server).items()
        finally:
            server.stop()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_server_whose_s3_fell_silent_ends_in_time(top: Path, store: str) -> None:
    """Systemd and compose wait a minute at least."""
    with faults(store) as between:
        server = archiving(between.url)
        server.start()
        try:
            wait(server, lambda: has_base(top))
            between.go("silent")
            product_with(server.client(), 1)
            wait(server, lambda: metrics(server)["held_bytes"] > 0)
            assert server.process is not None
            began = time.monotonic()
            server.process.terminate()
            assert server.process.wait(60) == 0 and time.monotonic() - began < 40
            assert log_of(server).count("the archive lacks the last of the log until the next start") == 1
        finally:
            server.stop()


@pytest.mark.timeout(120)
def test_a_place_of_another_that_was_away_gets_nothing(top: Path, store: str) -> None:
    """Found out when it is back; a base must not be there before."""
    place = top / "s3/bucket/firmware"
    place.mkdir(parents=True)
    (place / "archive.json").write_text('{"format": 1, "system": "1", "postgres": 18}\n')
    with faults(store) as between:
        between.go("away")
        server = archiving(between.url)
        server.start()
        try:
            between.go("open")
            wait(server, lambda: "the archive is of another database" in log_of(server))
            time.sleep(3)
            assert lies_in(top) == ["archive.json"]
            assert metrics(server)["behind_seconds"] > 3
        finally:
            server.stop()


@pytest.mark.parametrize(
    ("instead", "word"),
    [(("//bucket/", "//absent/"), "NoSuchBucket"), (("testsecret", "wrong"), "SignatureDoesNotMatch")],
)
def test_what_s3_refuses_is_one_clear_line(
    store: str, instead: tuple[str, str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_KEYS["AWS_SECRET_ACCESS_KEY"].replace(*instead))
    place = store.replace(*instead)
    line = f"upwell: The object store refuses it: {word}"
    for words in (("verify-backup", place), ("restore", place, "--data-dir", tmp_path / "data")):
        code, out, err = upwell(*words)
        assert (code, out, err.strip()) == (2, "", line)
    seen = upwell("doctor", "--json", "--data-dir", tmp_path / "data", "--archive", place)[1]
    assert f'"about": "archive", "grade": "fault", "fact": "The object store refuses it: {word}' in seen
    server = archiving(place)
    server.start()
    try:
        wait(server, lambda: "tried again: log: " in log_of(server))
        told = f"the archive can't be used, it is tried again: The object store refuses it: {word}"
        assert log_of(server).count(told) == 1
        assert metrics(server)["failures_total"] > 0
        code, out, err = upwell("backup", place, "--data-dir", server.dir / "data")
        assert (code, err.strip()) == (2, line)
    finally:
        server.stop()


def ended(server: Process) -> None:
    assert server.process is not None
    server.process.terminate()
    server.process.wait(60)


def told_while_writing(what: str, *servers: Process) -> Process:
    """Which of them says so, as there is more and more of the log."""
    deadline = time.monotonic() + WITHIN_S
    while not (said := [each for each in servers if what in log_of(each)]):
        assert time.monotonic() < deadline, [log_of(each)[-2000:] for each in servers]
        for each in servers:
            product_with(each.client(), 1)
        time.sleep(0.5)
    return said[0]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_servers_with_one_place_are_told(tmp_path: Path) -> None:
    """A copy of the data dir, and one that was restored while the first went on: nothing that is there is written over,
    and each that can't archive says so."""
    place = tmp_path / "archive"
    first, copied, restored = (archiving(str(place)) for _ in range(3))
    copied.key = restored.key = first.key
    try:
        first.start()
        wait(first, lambda: "a base is in the archive" in log_of(first))
        ended(first)
        subprocess.run(["cp", "-a", first.dir / "data", copied.dir / "data"], check=True)
        first.start()
        copied.start()
        refused = told_while_writing("is in the archive with other bytes: another server archives there", first, copied)
        other = copied if refused is first else first
        ended(refused)
        assert upwell("verify-backup", place)[0] == 0
        code, _, err = upwell("restore", place, "--data-dir", restored.dir / "data")
        assert code == 0, err
        restored.start()
        wait(restored, lambda: "a base is in the archive" in log_of(restored))
        told_while_writing("the archive has a later life of the database", other)
        ended(other)
        other.start()  # serves all the same, and says so again
        assert log_of(other).count("a later life of the database") >= 2
        told_while_writing("ready", restored)
        assert upwell("verify-backup", place)[0] == 0
    finally:
        for each in (first, copied, restored):
            if each.process is not None:
                each.stop()
            shutil.rmtree(each.dir, ignore_errors=True)
