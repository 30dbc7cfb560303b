"""The wheel, built from the sdist and installed with its locked requirements into an environment with nothing else:
it serves and rolls out, with the console's assets, the SQL and the migrations, away from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from alibabacloud_iot20180120 import models as m

from acceptance import client
from acceptance.client import new_device, new_package, new_product, new_sdk, serve, until
from acceptance.device import online
from scratch import scratch

CHECKOUT = Path(__file__).resolve().parents[2]
PARTS = ("src", "pyproject.toml", "README.md", "LICENSE", "requirements")


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """The environment; its bin folder has `upwell`."""
    top = scratch("upwell-installed-")
    shutil.copytree(CHECKOUT / "src", top / "tree" / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in PARTS[1:]:
        here = CHECKOUT / name
        (shutil.copytree if here.is_dir() else shutil.copy)(here, top / "tree" / name)
    built = "from setuptools import build_meta; print(build_meta.build_sdist('../dist'))"
    run(top / "tree", sys.executable, "-c", built)
    [sdist] = (top / "dist").glob("upwell-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(top / "sdist", filter="data")
    [source] = (top / "sdist").iterdir()
    wheel = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", str(top / "dist"), ".")
    run(source, sys.executable, *wheel)
    venv.create(top / "env", with_pip=True)
    pip = (str(top / "env" / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check")
    run(top, *pip, "--require-hashes", "-r", str(CHECKOUT / "requirements" / "run.txt"))
    [file] = (top / "dist").glob("upwell-*.whl")
    run(top, *pip, "--no-deps", str(file))
    run(top, str(top / "env" / "bin" / "python"), "-m", "pip", "check")
    yield top / "env"
    shutil.rmtree(top, ignore_errors=True)


def run(folder: Path, *command: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UPWELL_"))}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_installed_wheel_serves_and_rolls_out(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = str(installed / "bin" / "python")
    where = run(installed, python, "-c", "import upwell; print(upwell.__file__)").strip()
    assert Path(where).is_relative_to(installed) and "checkout" not in where
    monkeypatch.setattr(client, "UPWELL", installed / "bin" / "upwell")
    monkeypatch.chdir(installed)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with serve() as server:
        page = fetched(f"http://{server.http}/console/sign-in").decode()
        assets = re.findall(r'(?:href|src)="(/console/[^"]+\.(?:css|js|svg)[^"]*)"', page)
        assert len(assets) >= 3
        for path in (*assets, "/v1/openapi.json"):
            assert len(fetched(f"http://{server.http}{path}")) > 200
        sdk = new_sdk(server.http, server.admin)
        product = new_product(sdk)
        name, secret = new_device(sdk, product)
        firmware = new_package(sdk, product, b"firmware" * 500, need_to_verify=False)
        with online(server.mqtt, product, name, secret, "1.0.0") as device:
            given = {"firmware_id": firmware, "product_key": product, "target_selection": "ALL"}
            made = sdk.create_otastatic_upgrade_job(m.CreateOTAStaticUpgradeJobRequest(**given)).body
            assert made.success, made.to_map()
            device.offered()
            device.inform("2.0.0")
        asked = m.ListOTATaskByJobRequest(job_id=made.data.job_id, current_page=1, page_size=10)
        [task] = until(
            lambda: sdk.list_otatask_by_job(asked).body.data.simple_otatask_info,
            lambda found: found[0].task_status == "SUCCEEDED",
        )
        assert task.task_status == "SUCCEEDED"
        upwell = str(installed / "bin" / "upwell")
        run(installed, upwell, "backup", str(server.data_dir / "backup"), "--data-dir", str(server.data_dir))
        assert "differences: 0" in run(installed, upwell, "check", "--data-dir", str(server.data_dir))
