"""An archive of a server that ran a little: what it refuses, what its verification notices, who may not use its place.
That a rollout goes on from one is proved in tests/prove/test_backup.py."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from tests.prove.rollout import Process

PROGRAM = Path(sys.executable).with_name("upwell")
WITHIN_S = 90
DISTANT = datetime.now(UTC) + timedelta(days=1)


@dataclass
class Archived:
    place: Path
    data: Path
    identity: Path
    recipient: str


def upwell(*words: object) -> tuple[int, str, str]:
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=180, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def archived() -> Iterator[Archived]:
    server = Process()
    identity = pyrage.x25519.Identity.generate()
    keys = server.dir / "identity"
    keys.write_text(str(identity))
    found = Archived(server.dir / "archive", server.dir / "data", keys, str(identity.to_public()))
    server.options += (
        "--archive",
        str(found.place),
        "--archive-recipients",
        found.recipient,
        "--archive-timeout-s",
        "1",
    )
    server.start()
    try:
        deadline = time.monotonic() + WITHIN_S
        while not list(found.place.glob("base/*/head.json")) or len(log_of(found.place)) < 5:
            assert time.monotonic() < deadline, (server.dir / "server.log").read_text()[-3000:]
            time.sleep(0.2)
        server.process.terminate()  # type: ignore[union-attr]
        server.process.wait(60)  # type: ignore[union-attr]
        yield found
    finally:
        server.stop()


def log_of(place: Path) -> list[Path]:
    return sorted(each for each in (place / "wal").glob("*") if len(each.name) == 24)


def copy(archived: Archived, to: Path) -> Path:
    return Path(shutil.copytree(archived.place, to / "archive"))


def test_it_is_whole_with_its_key_and_without(archived: Archived) -> None:
    for more in ((), ("--identity", archived.identity)):
        code, out, err = upwell("verify-backup", archived.place, *more)
        assert code == 0 and "the archive is whole: 1 bases" in out, err


def test_nothing_lies_there_open(archived: Archived) -> None:
    for note in archived.place.glob("*/**/*.json"):
        told = json.loads(note.read_text())
        assert told["sealed"] or note.name in ("objects.json", "head.json"), note


def test_a_missing_file_of_the_log_is_named(archived: Archived, tmp_path: Path) -> None:
    place = copy(archived, tmp_path)
    lost = log_of(place)[-2]
    lost.unlink()
    code, _, err = upwell("verify-backup", place)
    assert code == 1 and f"the log lacks {lost.name}" in err


@pytest.mark.parametrize("part", ["wal", "base"])
def test_one_other_byte_is_noticed(archived: Archived, tmp_path: Path, part: str) -> None:
    place = copy(archived, tmp_path)
    file = max((each for each in (place / part).glob("**/*") if each.is_file()), key=lambda each: each.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    code, _, err = upwell("verify-backup", place)
    assert code == 1 and f"{file.name}" in err, err


def test_a_moment_that_it_has_not_is_refused(archived: Archived, tmp_path: Path) -> None:
    for until, why in (
        ("2020-01-01T00:00:00Z", "no base"),
        (DISTANT.isoformat(), "nothing as late"),
        ("soon", "no time"),
    ):
        code, _, err = upwell(
            "restore",
            archived.place,
            "--until",
            until,
            "--identity",
            archived.identity,
            "--data-dir",
            tmp_path / "data",
        )
        assert code == 2 and why in err, err
        assert len(err.strip().splitlines()) < 8, err
        assert not (tmp_path / "data" / "postgres").exists(), "nothing is half done"


def test_it_opens_for_nobody_else(archived: Archived, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    for more, word in (((), "--identity"), (("--identity", other), "with this identity")):
        code, _, err = upwell("restore", archived.place, *more, "--data-dir", tmp_path / "data")
        assert code == 2 and word in err, err
        assert not (tmp_path / "data" / "postgres").exists()


def test_its_place_is_of_one_database(archived: Archived, tmp_path: Path) -> None:
    code, _, err = upwell(
        "serve", "--data-dir", tmp_path / "data", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0",
        "--download", "127.0.0.1:0", "--archive", archived.place,
    )  # fmt: skip
    assert code == 2 and "the archive is of another database" in err, err


def test_all_of_it_is_restored(archived: Archived, tmp_path: Path) -> None:
    data = tmp_path / "data"
    code, out, err = upwell("restore", archived.place, "--identity", archived.identity, "--data-dir", data)
    assert code == 0 and out.startswith("restored as of "), err
    assert "differences: 0" in upwell("check", "--data-dir", data)[1]
    code, _, err = upwell("restore", archived.place, "--identity", archived.identity, "--data-dir", data)
    assert code == 2 and "has a database" in err


def test_doctor_looks_at_it(archived: Archived, tmp_path: Path) -> None:
    def seen(place: Path) -> dict[str, str]:
        lines = upwell("doctor", "--json", "--data-dir", archived.data, "--archive", place)[1].splitlines()
        return next(each for each in map(json.loads, lines) if each["about"] == "archive")

    assert seen(archived.place)["grade"] == "ok"
    assert "nothing was archived" in seen(tmp_path)["fact"]
    place = copy(archived, tmp_path / "copied")
    log_of(place)[-2].unlink()
    assert seen(place)["grade"] == "warning"


def archived_until(place: Path) -> datetime:
    notes = [json.loads(file.read_text()) for file in (place / "wal").glob("*.json")]
    return max(
        [datetime.fromisoformat(note["facts"]["ended_at"]) for note in notes], default=datetime.min.replace(tzinfo=UTC)
    )


def account_made(server: Process, place: Path, name: str, within_s: float = WITHIN_S) -> datetime:
    """A moment at which there is an account called so, and that is archived."""
    code, _, err = upwell(
        "key", "create", "--dialect", "upwell", "--role", "viewer", "--account", name, "--data-dir", server.dir / "data"
    )
    assert code == 0, err
    moment = datetime.now(UTC)
    wait(server, lambda: archived_until(place) > moment, within_s)
    return moment


def wait(server: Process, holds: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, (server.dir / "server.log").read_text()[-3000:]
        time.sleep(0.2)


def of_a_base(place: Path) -> bool:
    """Whether this moment is behind a base, which says when it ended in whole seconds."""
    heads = [json.loads(head.read_text()) for head in place.glob("base/*/head.json")]
    return any(datetime.fromisoformat(head["facts"]["stopped_at"]) < datetime.now(UTC) for head in heads)


def accounts_of(data: Path) -> set[str]:
    code, out, err = upwell("key", "list", "--data-dir", data)
    assert code == 0, err
    return {name for name in ("kept", "undone", "past", "later", "last") if name in out}


@pytest.mark.slow  # the short of it is in tests/integration/test_embedded.py
@pytest.mark.timeout(300)
def test_who_starts_again_hands_its_log_over_as_soon(tmp_path: Path) -> None:
    """PostgreSQL alone would not for its first five minutes, unless it had a checkpoint to make."""
    server, place = Process("--archive", str(tmp_path / "archive"), "--archive-timeout-s", "1"), tmp_path / "archive"
    server.start()
    try:
        wait(server, lambda: of_a_base(place))
        server.process.terminate()  # type: ignore[union-attr]
        server.process.wait(60)  # type: ignore[union-attr]
        server.start()
        account_made(server, place, "kept", within_s=100)
        server.kill_postgres()
        wait(server, lambda: "PostgreSQL is started again" in (server.dir / "server.log").read_text())
        account_made(server, place, "later", within_s=100)
    finally:
        server.stop()


@pytest.mark.slow  # seven servers in turn; which life is chosen is in tests/unit/test_wal.py too
@pytest.mark.timeout(300)
def test_each_of_two_lives_is_restored(tmp_path: Path) -> None:
    """Restored as of before a mistake, and gone on: the moments of both lives are there, each without the other's."""
    server, place = Process(), tmp_path / "archive"
    data = server.dir / "data"
    server.options += ("--archive", str(place), "--archive-timeout-s", "1")
    server.start()
    try:
        wait(server, lambda: of_a_base(place))
        kept = account_made(server, place, "kept")
        undone = account_made(server, place, "undone")
        account_made(server, place, "past")
        server.kill_postgres()
        server.kill()
        shutil.rmtree(data)
        code, _, err = upwell("restore", place, "--until", kept.isoformat(), "--data-dir", data)
        assert code == 0 and accounts_of(data) == {"kept"}, err
        server.start()
        later = account_made(server, place, "later")
        account_made(server, place, "last")
        server.kill_postgres()
        server.kill()
        code, out, err = upwell("verify-backup", place)
        assert code == 0 and "is whole" in out, err
        for moment, there in (
            (None, {"kept", "later", "last"}),
            (later, {"kept", "later"}),
            (undone, {"kept", "undone"}),
            (kept, {"kept"}),
        ):
            until = () if moment is None else ("--until", moment.isoformat())
            again = server.dir / f"again-{moment and moment.timestamp()}"
            code, _, err = upwell("restore", place, *until, "--data-dir", again)
            assert code == 0, err
            assert accounts_of(again) == there
    finally:
        server.stop()
