"""The blocks of docs/api.md and docs/events.md run as they are printed, one after another, in one shell (curl and jq).

What is put in the place of what is printed: the server's address, and the folder that `upwell` looks in.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.client import Server

DOCS = Path(__file__).parents[2] / "docs"
PAGE, EVENTS = ((DOCS / name).read_text("utf-8") for name in ("api.md", "events.md"))


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each that does not say why it is not run."""
    return re.findall(r"^```(\w*)\n((?:(?!```).*\n)*)```\n(?!\nnot run: .)", page, re.MULTILINE)


@pytest.mark.skipif(not all(map(shutil.which, ("curl", "jq"))), reason="the page's reader has curl and jq")
def test_every_block_runs_as_printed(server: Server, tmp_path: Path) -> None:
    assert len(blocks(PAGE)) >= 6 and {language for language, _ in blocks(PAGE)} == {"sh"}
    of_events = [text for language, text in blocks(EVENTS) if language == "sh"]
    assert len(of_events) == 3
    script = "\n".join([*(text for _, text in blocks(PAGE)), *of_events]).replace("127.0.0.1:8686", server.http)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": path, "HOME": str(tmp_path), "UPWELL_DATA_DIR": str(server.data_dir)},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    assert '"secret": "' in done.stdout and '{"changed":1}' in done.stdout
    assert json.loads((tmp_path / "problem.json").read_text())["errors"][0]["parameter"] == "prodct_id"


def test_the_page_names_what_there_is(server: Server) -> None:
    """Each path that stands in it is one of the document's."""
    known = (DOCS / "support-matrix.md").read_text("utf-8")
    paths = {found for found in re.findall(r"`/v1(/[a-z_/{}]+)`", PAGE) if not found.startswith("/docs")}
    assert paths and not [each for each in paths if f" {each} |" not in known]
