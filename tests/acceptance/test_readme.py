"""Every code block of the README and then of docs/scripts.md runs as it is printed (issue 9, number 37).

What is put in the place of what is printed, and nothing else:
- `./upwell-data`, and the folder that commands look in: a folder of the test; ports: free ones, by `UPWELL_…`;
- `127.0.0.1:8686`: where the server of the README's own `make serve` says that it listens;
- `"…"`, the first and the second in a block, and `project id`: a key that was made as the README says;
- `make`: without its set-up, which is done or no test would run, and with a few devices and tests, for the whole takes
  minutes.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ("README.md", "docs/scripts.md")
BLOCKS = [found for page in PAGES for found in BLOCK.findall((ROOT / page).read_text("utf-8"))]
FEW = {
    "demo": "--devices 10",
    "demo ARGS=--waves": "--waves --devices 200",
    "test": "--collect-only -q -p no:xdist tests/unit/test_pace.py",
}
FOREIGN = ("UPWELL_", "MAKE", "MFLAGS")
"""What a reader's shell does not have: settings of these tests, and what `make test` tells a make below it."""
SERVE = re.compile(r"make serve ARGS=\"--data-dir \./upwell-data\"")
WRAPPER = f"""#!/bin/sh
case "$*" in
  "demo ARGS=--waves") set -- demo ARGS="{FEW["demo ARGS=--waves"]}";;
  demo) ARGS="{FEW["demo"]}"; export ARGS;;
  test) exec {sys.executable} -m pytest {FEW["test"]};;
esac
exec {shutil.which("make")} -o .venv/.ready -o .venv-linkkit/.ready "$@"
"""


class Reader:
    """Someone who reads the pages from their top and does what they say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http = ""
        self.names: dict[str, Any] = {}
        self._server: subprocess.Popen[str] | None = None
        (folder / "bin").mkdir()
        (folder / "bin" / "make").write_text(WRAPPER)
        (folder / "bin" / "make").chmod(0o755)
        (folder / "upgrade.bin").write_bytes(b"image of the readme" * 100)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        ports = dict.fromkeys(("UPWELL_HTTP", "UPWELL_MQTT", "UPWELL_DOWNLOAD"), "127.0.0.1:0")
        path = os.pathsep.join([str(self.folder / "bin"), str(Path(sys.executable).parent), kept["PATH"]])
        return kept | ports | {"PATH": path, "UPWELL_DATA_DIR": str(self.folder / "data")}

    def shell(self, text: str) -> None:
        """A block of commands, in the repository if it is make's, else in a folder with the file to upload."""
        if SERVE.search(text):
            self._serve(text)
            return
        where = ROOT if "make " in text else self.folder
        done = subprocess.run(
            ["sh", "-e", "-c", self._placed(text)], cwd=where, env=self.environment(), capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (text, done.stdout[-3000:], done.stderr[-3000:])

    def python(self, text: str) -> None:
        """A block of Python, after those above it."""
        exec(compile(self._placed(text), "scripts.md", "exec"), self.names)

    def key(self, dialect: str) -> dict[str, str]:
        command = ["upwell", "key", "create", "--dialect", dialect, "--role", "admin", "--json"]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))

    def _placed(self, text: str) -> str:
        if "…" in text:
            key = self.key("huawei" if "huaweicloud" in text else "alibaba")
            text = text.replace('"…"', f'"{key["id"]}"', 1).replace('"…"', f'"{key["secret"]}"', 1)
            text = text.replace("project id", key["project_id"])
        return text.replace("127.0.0.1:8686", self.http) if self.http else text

    def _serve(self, text: str) -> None:
        """The README's server, until the end of the test."""
        command = text.replace("./upwell-data", str(self.folder / "data"))
        self._server = server = subprocess.Popen(
            ["sh", "-e", "-c", command], cwd=ROOT, env=self.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        assert server.stdout is not None
        first, ready = server.stdout.readline(), server.stdout.readline()
        assert first.startswith("upwell first admin key, shown once: id="), first
        told = dict(word.split("=", 1) for word in ready.split()[2:])
        printed = re.search(r"`upwell ready ([^`]+)`", " ".join((ROOT / "README.md").read_text("utf-8").split()))
        assert printed is not None
        assert list(told) == [word.split("=")[0] for word in printed[1].split()], (ready, printed[1])
        self.http = told["http"]

    def end(self) -> None:
        if self._server is None:
            return
        os.killpg(self._server.pid, signal.SIGTERM)
        self._server.wait(60)
        assert self._server.stdout is not None
        self._server.stdout.close()


@pytest.fixture
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("readme")
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o711)  # started by root, PostgreSQL runs as someone else and must reach its folder
    reader = Reader(folder)
    yield reader
    reader.end()


@pytest.mark.timeout(400)
def test_every_block_runs_as_printed(reader: Reader) -> None:
    """Issue 9, number 37."""
    assert len(BLOCKS) >= 6
    for language, text in BLOCKS:
        assert language in ("sh", "python"), f"a block in {language or 'no language'} that nobody runs"
        getattr(reader, {"sh": "shell", "python": "python"}[language])(text)
    assert reader.http, "no block starts the server"
    assert reader.names["task_id"] and reader.names["task"].task_type == "firmwareUpgrade"
