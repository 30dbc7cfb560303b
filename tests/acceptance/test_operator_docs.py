"""The blocks of the pages for whoever runs a server are tried as they are printed: commands in a shell beside a real
server, settings by the program that reads them.

What is put in the place of what is printed: folders outside of the reader's own, and addresses, by `UPWELL_…`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from demo.prometheus import found as program

from acceptance.client import Server, serve
from upwell.config.loading import load

TOP = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n((?:(?!```).*\n)*)```\n(?!\nnot run: .)", re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    """Those that say nothing of not being run."""
    found = BLOCK.findall((TOP / "docs" / f"{page}.md").read_text("utf-8"))
    return [text for spelt, text in found if spelt == language]


@pytest.fixture
def folder(server: Server) -> Iterator[Path]:
    """The reader's, with the server's data dir in it. PostgreSQL, which runs as someone else where root starts it,
    must reach it."""
    found = Path(mkdtemp(prefix="upwell-docs-", dir="/tmp"))
    found.chmod(0o711)
    (found / "upwell-data").symlink_to(server.data_dir)
    (found / "upgrade.bin").write_bytes(os.urandom(4096))
    yield found
    shutil.rmtree(found, ignore_errors=True)


def said(server: Server, folder: Path, script: str) -> str:
    places = {"UPWELL_HTTP": server.http, "UPWELL_MQTT": server.mqtt, "UPWELL_DOWNLOAD": server.download}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-e", "-c", script.replace("/backups", str(folder / "backups"))], cwd=folder, capture_output=True,
        text=True, timeout=100, check=False, env={"PATH": path, "HOME": str(folder), **places},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


def test_audit(server: Server, folder: Path) -> None:
    server.new_key("acme", "admin")  # its account is there
    [block] = blocks("audit", "sh")
    told = said(server, folder, f"export UPWELL_DATA_DIR=./upwell-data\n{block}")
    assert "key" in told and (folder / "january.ndjson").exists()


@pytest.mark.timeout(200)
def test_doctor(server: Server, folder: Path) -> None:
    plain, probe = (said(server, folder, block) for block in blocks("doctor", "sh"))
    assert "it runs, and is ready" in plain and probe.count("downloaded it, and succeeded") == 3


def test_objects(server: Server, folder: Path) -> None:
    [block] = blocks("objects-and-push", "sh")
    told = said(server, folder, f"export UPWELL_DATA_DIR=./upwell-data\n{block}upwell object list --bucket abc")
    assert "bbb/upgrade.bin" in told and told.count("bbb/upgrade.bin") < 4


@pytest.mark.timeout(200)
def test_backup(folder: Path) -> None:
    """Of a server that no other test asks for anything: some take files out of its store."""
    [block] = blocks("backup", "sh")
    with serve() as own:
        (folder / "upwell-data").unlink()
        (folder / "upwell-data").symlink_to(own.data_dir)
        said(own, folder, block)
    assert (folder / "new-data").is_dir() and (folder / "backups" / "monday" / "backup.json").is_file()


@pytest.mark.parametrize("page", ["console", "objects-and-push"])
def test_settings(page: str, tmp_path: Path) -> None:
    """Each line of `upwell.toml` as it is printed is a setting, and is taken as it stands."""
    secret = tmp_path / "oidc-secret"
    secret.write_text("of the provider")
    block = blocks(page, "toml")[0].replace("/etc/upwell/oidc-secret", str(secret))
    toml = tmp_path / "upwell.toml"
    toml.write_text(block)
    settings, printed = load({}, {}, toml), tomllib.loads(block)
    assert printed
    for name, value in printed.items():
        taken = getattr(settings, name)
        assert taken == value if isinstance(value, dict) else value in (str(taken), spelt(taken)), (name, taken)


def spelt(taken: object) -> str:
    """Pairs as a setting has them."""
    return ",".join(f"{name}={value}" for name, value in dict(taken).items()) if isinstance(taken, dict) else ""


@pytest.mark.skipif(program() is None, reason="no promtool: run python -m demo.prometheus")
def test_prometheus_takes_the_lines(tmp_path: Path) -> None:
    [block] = blocks("metrics", "yaml")
    (tmp_path / "prometheus.yml").write_text(block)
    command = [str(program()), "check", "config", "prometheus.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, (done.stdout, done.stderr)


def test_json_that_is_shown_can_be_read() -> None:
    event, halt = map(json.loads, blocks("events", "json"))
    assert event["specversion"] == "1.0" and event["data"]["to_version"] == "2.0" and halt
    [news] = map(json.loads, blocks("objects-and-push", "json"))
    assert news["resource"] == "batchtask" and news["notify_data"]["body"]["status"] == "Success"
