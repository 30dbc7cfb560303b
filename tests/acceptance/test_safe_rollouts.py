"""The blocks of docs/safe-rollouts.md run as they are printed, one after another, in one shell (`upwell` and jq)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.client import Server

PAGE = (Path(__file__).parents[2] / "docs" / "safe-rollouts.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SET_UP = """
upwell login http://127.0.0.1:8686 --key < token.txt
PRODUCT=$(upwell product create safe --json | jq -r .id)
{ echo name; seq -f 'safe-%.0f' 60; } > list.csv
upwell device import list.csv --product "$PRODUCT" --secrets secrets.ndjson
head -c 5000 /dev/urandom > image.bin
upwell package upload image.bin --product "$PRODUCT" --version 2.0
PACKAGE=$(upwell package list --product "$PRODUCT" --json | jq -r .id)
"""


@pytest.mark.skipif(shutil.which("jq") is None, reason="the page's reader has jq")
def test_every_block_runs_as_printed(server: Server, tmp_path: Path) -> None:
    assert len(BLOCKS) == 4
    (tmp_path / "token.txt").write_text(server.new_key("safe", "admin", "upwell").secret + "\n")
    script = "\n".join([SET_UP, *BLOCKS]).replace("127.0.0.1:8686", server.http)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=110,
        check=False, env={"PATH": path, "HOME": str(tmp_path), "LANG": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    assert "lamp-7 flickers" in done.stdout and "paused" in done.stdout
