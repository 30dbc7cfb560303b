"""docs/walk.md, block by block in one shell: a person with a new server and the command line alone. Between the two is
a wire that is cut twice by RST in the middle of a part, and the server is killed and started again while it uploads."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.cli import UPWELL, Person
from acceptance.cutting import Cutter
from acceptance.device import Device
from scratch import scratch

PAGE = (Path(__file__).parents[2] / "docs" / "walk.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
MB = 1024 * 1024
NAMED = "lamp-9"  # the device that the test plays itself


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Walk:
    """A server that may be killed and started again at the same places, a person, and their shell."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder, self.megabytes = folder, megabytes
        self.http, self.mqtt, self.download = free_port(), free_port(), free_port()
        size = megabytes * MB
        third = size // 3
        self.wire = Cutter(
            ("127.0.0.1", self.http), {third // 2: None, third: None, 2 * third: self.restart}
        )  # fmt: skip
        (folder / "home").mkdir()
        self.person = Person(home=folder / "home")
        self.restarts = 0
        self._log = (folder / "serve.log").open("ab")
        self._server = self._serve()
        self.token = self._first_token()
        self.shell = subprocess.Popen(
            ["bash", "--norc"], cwd=self.person.home, env=self.person.environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.said = ""
        threading.Thread(target=self._errors, daemon=True).start()

    def _serve(self) -> "subprocess.Popen[str]":
        ports = {"--http": self.http, "--mqtt": self.mqtt, "--download": self.download}
        places = [word for name, port in ports.items() for word in (name, f"127.0.0.1:{port}")]
        command = [UPWELL, *BLOCKS[0].split()[1:-1], str(self.folder / "data"), *places]
        process = subprocess.Popen(
            [*command, "--no-request-limits"], stdout=subprocess.PIPE, stderr=self._log, text=True, cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("UPWELL_")},
        )  # fmt: skip
        assert process.stdout is not None
        while "upwell ready" not in (line := process.stdout.readline()):
            assert line, (self.folder / "serve.log").read_text()[-3000:]
        return process

    def _first_token(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().split(": ")[1].strip()

    def restart(self) -> None:
        """Killed, and started again."""
        self._server.kill()
        self._server.wait()
        assert self._server.stdout is not None
        self._server.stdout.close()
        self._server = self._serve()
        self.restarts += 1

    def _errors(self) -> None:
        assert self.shell.stderr is not None
        for line in self.shell.stderr:
            self.said += line

    def run(self, block: str, within_s: float = 300) -> str:
        """What a block prints; each of its commands must be done."""
        text = block.replace("127.0.0.1:8686", self.wire.address).replace("port: 1883", f"port: {self.mqtt}")
        text = text.replace("200M", f"{self.megabytes}M")
        assert self.shell.stdin is not None and self.shell.stdout is not None
        self.shell.stdin.write(f"set -e -o pipefail\n{text}\nset +e\necho; echo END-OF-BLOCK\n")
        self.shell.stdin.flush()
        end, told = time.monotonic() + within_s, []
        while (line := self.shell.stdout.readline()).strip() != "END-OF-BLOCK":
            assert line and time.monotonic() < end, (block, "".join(told)[-3000:], self.said[-3000:])
            told.append(line)
        return "".join(told)

    def close(self) -> None:
        self.wire.close()
        for process in (self.shell, self._server):
            if process.poll() is None:
                process.terminate()
        os.killpg(self.shell.pid, signal.SIGKILL)
        for process in (self.shell, self._server):
            process.wait(30)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        self._log.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    found = scratch("upwell-walk-")
    yield found
    shutil.rmtree(found, ignore_errors=True)


def walked(folder: Path, megabytes: int) -> None:
    walk = Walk(folder, megabytes)
    try:
        (walk.person.home / "token.txt").write_text(walk.token + "\n")
        serve, login, product, fleet, firmware, rollout, why = BLOCKS
        assert "upwell serve" in serve and "with a key of its own" in walk.run(login)
        told = walk.run(product)
        assert re.search(r"made +1,000\n", told) and re.search(r"devices +1,000, of which 0 online", told), told
        assert len(walk.run(fleet).splitlines()) >= 8
        # The upload: two cuts and a kill, and the digest that the block itself compares.
        told = walk.run(firmware)
        assert (walk.wire.resets, walk.wire.left) == (2, 0) and walk.restarts == 1, walk.said
        image = (walk.person.home / "lamp-2.0.bin").read_bytes()
        assert hashlib.sha256(image).hexdigest() in told and walk.wire.sent < 2 * len(image) + 64 * MB
        device = joined(walk)
        thread = threading.Thread(target=update, args=(device, image))
        thread.start()
        told = walk.run(rollout)
        thread.join(60)
        assert re.search(r"completed: succeeded 6, failed 3\. 100 % of 9 devices ended", told), told
        assert "why-failed" in told
        told = walk.run(why)
        assert re.search(r"^3 devices: burning_failed, from 1\.0$", told, re.MULTILINE), told
        for kind in ("login", "offer", "download", "report", "task"):
            assert re.search(rf"\t{kind}\t", told), (kind, told)
        assert len(re.findall(r"\t2\.0\t", told)) == 6
        watched(walk, told)
    finally:
        walk.close()


def joined(walk: Walk) -> Device:
    """A ninth device, played by the test, in the group too."""
    rows = map(json.loads, (walk.person.home / "secrets.ndjson").read_text().splitlines())
    [row] = [row for row in rows if row["name"] == NAMED]
    product = json.loads(walk.run("upwell product list --json").splitlines()[0])["id"]
    device = Device(f"127.0.0.1:{walk.mqtt}", product, NAMED, row["secret"])
    device.inform("1.0")
    walk.run(f'upwell group add "$GROUP" {row["id"]}')
    return device


def update(device: Device, image: bytes) -> None:
    """What it downloads is what was uploaded."""
    offer = device.offered()
    with urllib.request.urlopen(offer["url"], timeout=60) as got:
        digest = hashlib.sha256(got.read()).hexdigest()
    assert digest == hashlib.sha256(image).hexdigest()
    device.progress(100)
    device.inform("2.0")
    device.close()


def watched(walk: Walk, told: str) -> None:
    """The same at a terminal: the screen."""
    rollout = walk.run('echo "$ROLLOUT"').strip()
    with walk.person.at_terminal("rollout", "watch", rollout, "--exit-status") as terminal:
        code, seen = terminal.ended()
    assert code == 1 and "█" in seen and "Failed so far:" in seen and "3 devices failed" in seen, seen
    assert max(map(len, seen.splitlines())) <= 80


@pytest.mark.timeout(400)
@pytest.mark.skipif(not all(map(shutil.which, ("bash", "jq"))), reason="the page's reader has bash and jq")
def test_every_block_of_the_walk_runs_as_printed(folder: Path) -> None:
    """With a smaller file than the page's."""
    walked(folder, 24)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_walk_with_the_whole_file(folder: Path) -> None:
    """Issue 12: 200 MB, cut twice, and one restart."""
    walked(folder, 200)
