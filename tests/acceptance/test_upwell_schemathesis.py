"""Schemathesis, unmodified, asks `/v1` whatever its document allows and forbids: nothing breaks, and what is answered
is what the document says. It has a server of its own, for it makes thousands of things."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from acceptance.client import Server, serve, until
from acceptance.upwell_client import Api

HERE = Path(__file__).parent / "schemathesis"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# Which mostly refuse what their schemas allow, by rules that no schema says (schemathesis.toml), what serves once, and
# what only another person may do.
UNTOLD = {
    "PATCH /products/{product_id}", "POST /packages", "POST /hooks", "POST /imports",
    "PUT /uploads/{upload_id}/parts/{number}", "POST /uploads/{upload_id}/complete", "GET /devices/{device_id}/why",
    "PATCH /rollout_defaults", "PATCH /rollouts/{rollout_id}", "POST /rollouts/{rollout_id}/approve",
    "POST /rollouts/{rollout_id}/refuse", "POST /groups/preview", "POST /device_hours",
    "PATCH /device_hours/{hours_id}", "PATCH /users/{user_id}",
}  # fmt: skip
HOURS = {"zone": "UTC", "open": [{"from": "00:00", "to": "24:00"}]}
EVERYTHING = "examples,coverage,fuzzing,stateful"


@pytest.fixture
def own_server() -> Iterator[Server]:
    with serve() as running:
        yield running


def server_admins_token(server: Server) -> str:
    """Of a key that may do everything that /v1 has."""
    told = server.run(
        "key", "create", "--json", "--account", "default", "--dialect", "upwell", "--role", "admin", "--server-admin"
    )
    return str(json.loads(told)["secret"])


def asked(
    server: Server, examples: int, phases: str, folder: Path, *options: str, things: Mapping[str, object] | None = None
) -> str:
    """What it printed; it must have found nothing. It writes into the folder, and asks for `things` where it means
    something that is there."""
    token = server_admins_token(server)
    given = ["--max-examples", str(examples), "--phases", phases, "--seed", "1", "--no-color", *options]
    environment = {
        "SCHEMATHESIS_HOOKS": "acceptance.schemathesis.hooks",
        "PYTHONPATH": str(HERE.parents[1]),
        "UPWELL_TEST_THINGS": json.dumps(things or {}),
    }
    done = subprocess.run(
        [SCHEMATHESIS, "--config-file", HERE / "schemathesis.toml", "run", f"http://{server.http}/v1/openapi.json",
         "--header", f"Authorization: Bearer {token}", *given],
        cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert "Traceback" not in (server.data_dir / "serve.log").read_text("utf-8")
    return done.stdout


def some_things(server: Server) -> dict[str, object]:
    """One thing of each kind, by the names of parameters and members."""
    v1 = Api(address=server.http, token=server_admins_token(server))
    product = v1.do("create_product", name="lamp")["id"]
    device = v1.do("create_device", product_id=product, name="lamp-1")["id"]
    v1.do("set_device_tags", device_id=device, tags={"room": "hall"})
    group = v1.do("create_group", name="hall")["id"]
    v1.do("create_module", product_id=product, name="mcu")
    given = {"product_id": product, "version": "2.0", "verify": False, "upload_url": v1.upload(b"image")}
    package = v1.do("create_package", name="lamp 2.0", **given)["id"]
    given = {"kind": "static", "package_id": package, "product_id": product, "needs_confirmation": True}
    rollout = v1.do("create_rollout", **given, targets={"device_names": ["lamp-1"]})["id"]
    [task] = until(lambda: v1.every("list_rollout_tasks", rollout_id=rollout), bool)
    hook = v1.do("create_hook", target_url="https://push.example/", types=["upwell.hook.ping"])["id"]
    v1.do("ping_hook", hook_id=hook)
    [sent] = until(lambda: v1.every("list_deliveries", hook_id=hook), bool)
    registration = v1.do("register_devices", product_id=product, names=["lamp-2"])["id"]
    listed = v1.send("create_import", b"name\nlamp-3\n", product_id=product)["id"]
    until(lambda: v1.do("show_import", import_id=listed), lambda found: found["status"] == "done")
    v1.do("plan_rollback", rollout_id=rollout)
    planned = v1.do("create_plan", **given, targets={"all": True})["id"]
    uploaded = v1.do("create_upload", size=5)["id"]
    v1.send("put_upload_part", b"image", upload_id=uploaded, number=1)
    return {
        "import_id": listed, "upload_id": uploaded, "number": 1, "plan_id": planned,
        "account_id": v1.do("list_accounts")["items"][0]["id"],
        "product_id": product, "device_id": device, "group_id": group, "package_id": package, "rollout_id": rollout,
        "registration_id": registration, "module": "mcu", "task_ids": [task["id"]], "device_ids": [device],
        "hours_id": v1.do("create_device_hours", tag={"key": "room", "value": "hall"}, hours=HOURS)["id"],
        "hook_id": hook, "event_ids": [sent["event_id"]], "last": sent["event_id"],
        "space_id": v1.do("show_product", product_id=product)["space_id"],
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_operation_answers_as_the_document_says(own_server: Server, tmp_path: Path) -> None:
    told = asked(own_server, 2, "coverage,fuzzing,stateful", tmp_path)
    found = re.search(r"Selected: (\d+)/(\d+)\n  Tested: (\d+)", told)
    assert found and len(set(found.groups())) == 1, told[-3000:]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("phases", ["fuzzing", pytest.param("coverage,fuzzing", marks=pytest.mark.slow)])
def test_so_it_does_of_things_that_are_there(own_server: Server, tmp_path: Path, phases: str) -> None:
    things = some_things(own_server)
    told = asked(own_server, 3, phases, tmp_path, "--exclude-method", "DELETE", things=things)
    assert set(re.findall(r"^  - (.*)", told, re.MULTILINE)) <= UNTOLD, told[-5000:]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("there", [False, True])
def test_every_operation_does_so_for_long(own_server: Server, tmp_path: Path, there: bool) -> None:
    things = some_things(own_server) if there else {}
    asked(own_server, 100, EVERYTHING, tmp_path, *(["--exclude-method", "DELETE"] if there else []), things=things)
