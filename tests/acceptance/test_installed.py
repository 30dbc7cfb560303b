"""The wheel, built from the sdist and installed with its locked requirements into an environment with nothing else:
it serves and rolls out, with the console's assets, the SQL and the migrations, away from the checkout."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from alibabacloud_iot20180120 import models as m

from acceptance import client
from acceptance.client import new_device, new_package, new_product, new_sdk, serve, until
from acceptance.device import online
from acceptance.ten_minutes import updated
from scratch import scratch
from wheel import CHECKOUT, built, run

PAGE = CHECKOUT / "docs" / "ten-minutes.md"
PORTS = (8686, 8687, 1883)  # the page's


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """The environment; its bin folder has `upwell`."""
    top = scratch("upwell-installed-")
    file = built(top)
    venv.create(top / "env")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(top / "env" / "bin" / "python"))
    install = (*pip, "install", "-q", "--no-compile")  # what is run is compiled as it is loaded
    run(top, *install, "--require-hashes", "-r", str(CHECKOUT / "requirements" / "run.txt"))
    run(top, *install, "--no-deps", str(file))
    run(top, *pip, "check")
    yield top / "env"
    shutil.rmtree(top, ignore_errors=True)


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


def own_network() -> list[str]:
    """Runs what follows where the page's ports are free: in a network of its own, or here when nobody has them."""
    own = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() == 0 and subprocess.run([*own, "true"], check=False, capture_output=True).returncode == 0:
        return own
    for port in PORTS:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"somebody has the page's port {port}, and a network of one's own needs root")
    return []


@pytest.mark.timeout(900)
@pytest.mark.skipif(not all(map(shutil.which, ("bash", "jq"))), reason="the page's reader has bash and jq")
def test_the_ten_minutes_are_followed_word_by_word(installed: Path) -> None:
    """But for its first chapter, by which `make prove ARGS=install` has it installed in a bare Debian."""
    home, own = installed.parent / "home", own_network()
    home.mkdir()
    env = {"PATH": f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}
    follow = [sys.executable, str(CHECKOUT / "tests" / "ten_minutes.py"), str(PAGE), str(home), "--begin", "Serve"]
    done = subprocess.run(
        [*own, *follow, *(["--lo"] if own else [])], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    updated(json.loads(done.stdout.splitlines()[-1])["told"])
