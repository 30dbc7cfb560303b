"""`upwell serve --secret-key-file`: owners and devices of every vendor are served, and nothing that the database holds
has a secret of theirs."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m

from acceptance.client import UPWELL, Key, Server, _environment, new_sdk, serve
from acceptance.huawei_client import new_device, new_product
from acceptance.huawei_client import sdk as huawei
from acceptance.tuya_client import TuyaClient
from acceptance.upwell_client import Api
from scratch import scratch
from upwell.embedded.accounts import wheel_folder
from upwell.embedded.files import running_dsn


@pytest.fixture(scope="module")
def key_file() -> Iterator[Path]:
    folder = scratch("upwell-secret-key-")
    done = ran("secrets", "make-key", str(folder / "key"))
    assert done.returncode == 0 and (folder / "key").stat().st_mode & 0o777 == 0o600, done
    yield folder / "key"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def sealed(key_file: Path) -> Iterator[Server]:
    """A server that encrypts."""
    with serve("--secret-key-file", str(key_file), "--allow-private-push", "--workers", "2") as running:
        yield running


def ran(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([UPWELL, *words], capture_output=True, text=True, env=_environment() | environ, timeout=100)


def key_of(server: Server, key_file: Path, dialect: str) -> Key:
    made = json.loads(
        ran("key", "create", "--json", "--dialect", dialect, "--role", "admin", "--data-dir", str(server.data_dir),
            "--secret-key-file", str(key_file)).stdout
    )  # fmt: skip
    return Key(id=made["id"], secret=made["secret"], project_id=made["project_id"])


def dumped(server: Server) -> str:
    """The whole database as `pg_dump` writes it, and that it is a whole one."""
    dsn = running_dsn(server.data_dir)
    assert dsn is not None
    program = wheel_folder() / "pginstall" / "bin" / "pg_dump"
    text = subprocess.run([program, "--dbname", dsn], capture_output=True, text=True, check=True, timeout=100).stdout
    assert "PostgreSQL database dump complete" in text
    return text


def secrets_made(server: Server, key_file: Path) -> dict[str, str]:
    """What is made by owners of every tongue, each by its own signature."""
    alibaba = new_sdk(server.http, server.admin)
    product = alibaba.create_product(m.CreateProductRequest(product_name="sealed", node_type=0)).body
    device = alibaba.register_device(
        m.RegisterDeviceRequest(product_key=product.product_key, device_name="device-1")
    ).body.data
    asked = m.QueryDeviceDetailRequest(product_key=product.product_key, device_name="device-1")
    shown = alibaba.query_device_detail(asked).body
    assert shown.success and shown.data.device_secret == device.device_secret, shown.to_map()
    keys = {dialect: key_of(server, key_file, dialect) for dialect in ("huawei", "tuya", "upwell")}
    client = huawei(server.http, keys["huawei"])
    own = new_device(client, new_product(client), auth_info=None)
    assert TuyaClient(address=server.http, key=keys["tuya"]).do("QueryProduct", ProductKey=product.product_key)
    v1 = Api(address=server.http, token=keys["upwell"].secret)
    other = v1.do("create_device", product_id=product.product_key, name="other", secret="chosen-by-the-owner-x1")
    second = v1.do("reset_device_secret", device_id=other["id"], secondary=True)
    hook = v1.do("create_hook", target_url="http://127.0.0.1:9/x", name="h")
    newer = v1.do("rotate_hook_secret", hook_id=hook["id"])
    shown = v1.do("show_product_secret", product_id=product.product_key)
    return {
        "key of alibaba": server.admin.secret, "key of huawei": keys["huawei"].secret, "tuya": keys["tuya"].secret,
        "token": keys["upwell"].secret, "product": shown["secret"],
        "device": device.device_secret, "device of huawei": own.auth_info.secret, "chosen": other["secret"],
        "secondary": second["secret"], "former hook": hook["secret"], "hook": newer["secret"],
    }  # fmt: skip


def test_the_whole_database_has_none_of_the_secrets(sealed: Server, key_file: Path) -> None:
    made = secrets_made(sealed, key_file)
    assert all(len(secret) >= 16 for secret in made.values()) and len(set(made.values())) == len(made)
    text = dumped(sealed)
    assert [name for name, secret in made.items() if secret in text] == []
    assert text.count("sealed:") > len(made)
    log = (sealed.data_dir / "serve.log").read_text()
    assert [name for name, secret in made.items() if secret in log] == []
    told = ran("secrets", "status", "--data-dir", str(sealed.data_dir)).stdout
    assert "plain" not in told and told.count("with the key") >= 4 and "all secrets since" in told, told


def test_a_device_of_each_vendor_logs_in_and_is_updated(sealed: Server, key_file: Path) -> None:
    where = ["--data-dir", str(sealed.data_dir), "--http", sealed.http, "--mqtt", sealed.mqtt]
    where += ["--download", sealed.download]
    done = ran("doctor", "--json", "--probe", *where, "--secret-key-file", str(key_file))
    found = {each["about"]: each for each in map(json.loads, done.stdout.splitlines())}
    for vendor in ("alibaba", "tuya", "huawei"):
        assert found[f"probe {vendor}"]["fact"].endswith("downloaded it, and succeeded"), found
    assert found["secrets"]["grade"] == "ok"
    assert found["secrets"]["fact"].startswith("all are encrypted with the key ")
    found = {e["about"]: e for e in map(json.loads, ran("doctor", "--json", *where).stdout.splitlines())}
    assert found["secrets"]["grade"] == "fault" and "was not given" in found["secrets"]["fact"]


def test_without_its_key_nothing_is_made_and_the_rest_goes_on(sealed: Server, tmp_path: Path) -> None:
    where = ("--data-dir", str(sealed.data_dir))
    other = tmp_path / "other"
    other.write_bytes(secrets.token_bytes(32))
    other.chmod(0o600)
    make = ("key", "create", "--dialect", "alibaba", "--role", "admin", *where)
    for more in ((), ("--secret-key-file", str(other))):
        done = ran(*make, *more)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
        assert "The database's secrets are encrypted with the key" in done.stderr
    done = ran(*make, "--secret-key-command", "false")
    assert done.returncode == 2 and "ended with status 1" in done.stderr
    listed = ran("key", "list", *where)
    assert listed.returncode == 0 and sealed.admin.id in listed.stdout
    assert ran("check", *where).returncode == 0


@pytest.mark.parametrize("given", [None, pytest.param("other", marks=pytest.mark.slow)])
def test_serve_refuses_a_database_whose_key_it_lacks(given: str | None, key_file: Path, tmp_path: Path) -> None:
    data_dir = scratch("upwell-sealed-")
    places = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--download", "127.0.0.1:0"]
    try:
        with_key = served_once(data_dir, places, "--secret-key-file", str(key_file))
        assert with_key is None
        other = tmp_path / "other"
        other.write_bytes(secrets.token_bytes(32))
        other.chmod(0o600)
        refused = served_once(data_dir, places, *(["--secret-key-file", str(other)] if given else []))
        assert refused is not None and "The database's secrets are encrypted with the key" in refused
        assert refused.count("\n") == 1 and "Traceback" not in refused and ("Given instead" in refused) == bool(given)
        assert served_once(data_dir, places, "--secret-key-command", f"cat {key_file}") is None
    finally:
        shutil.rmtree(data_dir)


def served_once(data_dir: Path, places: list[str], *more: str) -> str | None:
    """None when it was ready, and ended as it was told; else the errors that it ended with."""
    process: Any = subprocess.Popen(
        [UPWELL, "serve", "--data-dir", data_dir, *places, *more, "--log", "ERROR"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(),
    )  # fmt: skip
    with process:
        for line in process.stdout:
            if line.startswith("upwell ready"):
                process.terminate()
                _, errors = process.communicate(timeout=60)
                assert process.returncode == 0, errors
                return None
        errors = process.stderr.read()
        assert process.wait(60) == 2, errors
        return str(errors)
