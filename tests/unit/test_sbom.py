"""The bill of materials has each package that is installed at run time; an audit that was not made tells it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from tools.audit import verdict

ROOT = Path(__file__).parents[2]
LISTING = ROOT / ".venv-sbom" / "bin" / "python"
RUN = ROOT / "requirements" / "run.txt"
pytestmark = pytest.mark.skipif(not (LISTING.parents[1] / ".ready").exists(), reason="run: make .venv-sbom/.ready")


def run(*command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(LISTING), *command], cwd=ROOT, env=dict(os.environ) | more, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_each_package_is_in_it_with_version_licence_and_hashes(tmp_path: Path) -> None:
    file = tmp_path / "upwell.cdx.json"
    done = run("tools/sbom.py", str(RUN), sys.executable, str(file))
    assert done.returncode == 0, done.stderr
    bill = json.loads(file.read_text())
    assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["component"]["name"] == "upwell"
    listed = {each["name"]: each for each in bill["components"]}
    for lines in re.findall(r"^[a-z0-9].*(?:\n    --hash.*)+", RUN.read_text("utf-8"), re.MULTILINE):
        package = Requirement(lines.splitlines()[0].rstrip(" \\"))
        if package.marker is not None and not package.marker.evaluate():
            assert package.name not in listed
            continue
        each = listed.pop(package.name)
        assert str(package.specifier) == f"=={each['version']}" and each["licenses"], package
        hashes = {h["content"] for ref in each["externalReferences"] for h in ref.get("hashes", ())}
        assert hashes == set(re.findall(r"sha256:(\w+)", lines)), package
    assert not listed


@pytest.mark.slow
def test_a_package_that_is_not_installed_as_locked_is_told(tmp_path: Path) -> None:
    lock = tmp_path / "run.txt"
    lock.write_text(re.sub(r"^(anyio==)[\d.]+", r"\g<1>0.0.1", RUN.read_text("utf-8"), flags=re.MULTILINE))
    done = run("tools/sbom.py", str(lock), sys.executable, str(tmp_path / "x.json"))
    assert done.returncode == 1 and "['anyio']" in done.stderr and not (tmp_path / "x.json").exists()


def test_where_the_database_cant_be_had_one_line_says_so() -> None:
    """Nobody listens at port 9."""
    done = run("tools/audit.py", str(RUN), https_proxy="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done
    assert "nothing is audited" in done.stdout


UNKNOWN = {"name": "b", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("dependencies", "goes_on", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], True, "1 packages without a published vulnerability"),
        ([{"name": "a", "version": "1", "vulns": []}, UNKNOWN], True, "not known to the database: b"),
        ([UNKNOWN], True, "they are not audited"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "V-1", "fix_versions": ["2"]}]}],
            False,
            "a 1: V-1, mended in 2",
        ),
        ([{"name": "a", "version": "1", "vulns": [{"id": "V-1", "fix_versions": []}]}], False, "no version yet"),
    ],
)
def test_a_vulnerability_fails_and_silence_is_no_finding(dependencies: list[Any], goes_on: bool, said: str) -> None:
    told = verdict({"dependencies": dependencies})
    assert told[0] is goes_on and said in told[1]
