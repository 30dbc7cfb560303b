"""`upwell doctor` beside a server that runs, and without one."""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from acceptance.client import Server, _warm

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from certificates import self_signed

VENDORS = ["alibaba", "tuya", "huawei"]


def asked(*options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the last finding of each thing."""
    done = _warm().run(["doctor", "--json", *options], "")
    assert "Traceback" not in done.stderr, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    grades = [each["grade"] for each in found]
    assert done.returncode == (1 if "fault" in grades else 0), done
    assert all("do" in each for each in found if each["grade"] != "ok"), found
    return done.returncode, {each["about"]: each for each in found}


def at(server: Server) -> list[str]:
    return [
        "--data-dir",
        str(server.data_dir),
        "--http",
        server.http,
        "--mqtt",
        server.mqtt,
        "--download",
        server.download,
    ]


def test_a_sound_server_updates_a_device_of_each_vendor(server: Server) -> None:
    code, found = asked(*at(server), "--probe")
    faults = {about: each for about, each in found.items() if each["grade"] == "fault"}
    assert code == 0 and not faults, faults
    assert found["server"]["fact"] == "it runs, and is ready"
    for about in ("database", "schema", "clock", "objects", "listener http", "listener mqtt", "listener download"):
        assert found[about]["grade"] == "ok", found[about]
    for vendor in VENDORS:
        assert found[f"probe {vendor}"]["fact"].endswith("downloaded it, and succeeded"), found
    assert found["public URL"]["grade"] == "warning", "it is this machine alone"
    keys = [line for line in server.run("key", "list").splitlines() if "upwell-doctor" in line]
    assert keys and all("revoked" in line for line in keys), "what it asked by is of no use afterwards"


def test_what_is_wrong_is_told_with_what_to_do(server: Server, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        taken = f"127.0.0.1:{foreign.getsockname()[1]}"
        code, found = asked(
            "--data-dir", str(tmp_path / "nothing"), "--http", taken, "--mqtt", "192.0.2.1:1883",
            "--download", "127.0.0.1:0",
            "--downloads", "127.0.0.1:0", "--tls-cert", str(cert), "--tls-key", str(key),
            "--public-url", "http://no-such-host.invalid", "--public-tls-url", "https://firmware.example.com",
        )  # fmt: skip
    assert code == 1 and not (tmp_path / "nothing").exists(), "it makes nothing"
    facts = {about: each["fact"] for about, each in found.items() if each["grade"] == "fault"}
    assert "`upwell serve` makes one" in facts["database"]
    assert facts["listener http"] == f"something else listens on {taken}"
    assert "192.0.2.1:1883 can't be listened on" in facts["listener mqtt"]
    assert "firmware.example.com" in facts["certificate for devices"]
    assert "no-such-host.invalid has no address" in facts["public URL"]
    assert found["listener download"]["grade"] == "warning", "any free port is none that devices know"


def test_a_cache_of_objects_is_told_of_where_there_is_one(tmp_path: Path) -> None:
    remote = ["--data-dir", str(tmp_path), "--objects-url", "s3://bucket/p?endpoint=http://127.0.0.1:9&region=r"]
    assert "is not there yet" in asked(*remote)[1]["object cache"]["fact"]
    folder = tmp_path / "object-cache"
    folder.mkdir()
    (folder / ("a" * 64)).write_bytes(b"x" * 3_000_000)
    found = asked(*remote, "--object-cache-mb", "7")[1]["object cache"]
    assert (found["grade"], found["fact"]) == ("ok", f"3 MB of at most 7 are in {folder}")
    full = asked(*remote, "--disk-floor-mb", "9000000")[1]["object cache"]
    assert full["grade"] == "warning" and "make room" in full["do"]
    assert "object cache" not in asked("--data-dir", str(tmp_path))[1]
    assert "object cache" not in asked(*remote, "--object-cache-mb", "0")[1]


def test_a_server_elsewhere_than_its_settings_say(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = f"127.0.0.1:{other.getsockname()[1]}"
    options = at(server)
    options[options.index("--mqtt") + 1] = free
    code, found = asked(*options)
    assert code == 1 and found["listener mqtt"]["fact"] == f"nothing listens on {free}, though the server runs"


@pytest.mark.parametrize("word", ["FAULT", "do:", "things were looked at"])
def test_people_are_told_in_words(tmp_path: Path, word: str) -> None:
    done = _warm().run(["doctor", "--data-dir", str(tmp_path / "none")], "")
    assert done.returncode == 1 and word in done.stdout
