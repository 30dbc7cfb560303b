"""What `deploy/` has: the unit and the container's file, judged by what is at hand; readiness as systemd hears it."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scratch import scratch

UNIT, CONTAINER = Path("deploy/systemd/upwell.service"), Path("deploy/container/Containerfile")
EXPOSED_MAX = 2.0
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


@needs_systemd
def test_the_unit_is_hardened() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNIT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for upwell.service: ([0-9.]+)", done.stdout)
    assert found and float(found[1]) <= EXPOSED_MAX, done.stdout + done.stderr


@needs_systemd
def test_the_unit_says_nothing_that_systemd_does_not_know() -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if "upwell.service" in line]
    assert [line for line in lines if "is not executable" not in line and "No such file" not in line] == []


@pytest.fixture
def top() -> Iterator[Path]:
    folder = scratch("upwell-deploy-")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_systemd_hears_that_it_is_ready_lives_and_stops(top: Path, workers: str) -> None:
    place = str(top / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(place)
        heard.settimeout(120)
        free = [word for name in ("http", "mqtt", "download") for word in (f"--{name}", "127.0.0.1:0")]
        free += ["--data-dir", str(top / "data"), "--workers", workers]
        process = subprocess.Popen(
            [Path(sys.executable).with_name("upwell"), "serve", *free],
            env=os.environ | {"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "300000"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            first = heard.recv(4096).decode()
            assert first.startswith("READY=1\n") and f"MAINPID={process.pid}" in first
            assert [heard.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            process.terminate()
            said = b""
            while said != b"STOPPING=1":
                said = heard.recv(4096)
                assert said in (b"WATCHDOG=1", b"STOPPING=1")
        finally:
            process.terminate()
            assert process.wait(60) == 0


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", CONTAINER.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_containers_file_is_as_it_should_be() -> None:
    """What a linter would say, for none is at hand: two stages, no root, nothing without its hash, a health check."""
    found = instructions()
    names = [name for name, _ in found]
    assert names.count("FROM") == 2 and "ADD" not in names and names[-1] == "ENTRYPOINT"
    assert all(re.fullmatch(r"python:3\.\d+-slim-bookworm( AS build)?", said) for name, said in found if name == "FROM")
    last = found[max(n for n, name in enumerate(names) if name == "FROM") :]
    told = dict(last)
    assert told["USER"] == "10001:10001" and "HEALTHCHECK" in told and told["VOLUME"] == "/var/lib/upwell"
    for name, said in found:
        if name == "RUN":
            for command in said.split("&&"):
                words = shlex.split(command)
                if "install" in words and "pip" in words:
                    assert "--require-hashes" in words or "--no-deps" in words, command
        if name == "COPY" and not said.startswith("--from"):
            allowed = Path(".dockerignore").read_text()
            for source in shlex.split(said)[:-1]:
                assert Path(source).exists() and f"!{source.split('/')[0]}" in allowed


def test_the_containers_settings_are_settings() -> None:
    from upwell.config import SETTINGS

    given = [name for each, said in instructions() if each == "ENV" for name in re.findall(r"UPWELL_(\w+)=", said)]
    assert given and {name.lower() for name in given} <= set(SETTINGS)
