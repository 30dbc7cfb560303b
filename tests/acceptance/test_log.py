"""What an operator finds in the log after an incident: who, which, what; and nothing that must not be there."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from tests.mqttwire import DISCONNECT, WireClient

from acceptance import huawei_client as h
from acceptance.client import Key, Server, ask, new_device, new_package, new_product, new_sdk, serve, signed, until
from acceptance.device import online
from acceptance.leaks import leaked

PASSWORD = "correct-horse-battery"
WRONG = "wrong-horse-battery"
SHORT_S = 15
PROVEN = ("NoPermission", "InvalidAction.NotFound")  # what is refused after the proof


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of this module's own, that logs in JSON; nothing that was secret in the module is in its log."""
    with serve("--log-format", "json") as running:
        yield running
        assert leaked(running.data_dir, PASSWORD, WRONG) == []


def events(server: Server) -> list[dict[str, Any]]:
    """Every line, which must be one JSON object with its time, level, logger and message."""
    found = [json.loads(line) for line in (server.data_dir / "serve.log").read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(event) for event in found)
    return found


def told(server: Server, message: str, **fields: object) -> dict[str, Any]:
    """The last such event with these fields, waited for."""

    def look() -> list[dict[str, Any]]:
        same = [event for event in events(server) if event["message"] == message]
        return [event for event in same if fields.items() <= event.items()]

    found = until(look, bool, SHORT_S)
    assert found, (message, fields, events(server)[-20:])
    return found[-1]


def login(server: Server, client_id: str, username: str, password: bytes, keep_alive_s: int = 60) -> int:
    """The return code of the CONNACK."""

    async def run() -> int:
        host, _, port = server.mqtt.rpartition(":")
        client = await WireClient.open(host, int(port))
        code = await client.login(client_id, username, password, keep_alive_s=keep_alive_s)
        if code == 0:
            await client.send(DISCONNECT)
        await client.closed()
        await client.close()
        return code

    return asyncio.run(run())


def sign(secret: str, content: str) -> bytes:
    return hmac.new(secret.encode(), content.encode(), hashlib.sha256).hexdigest().encode()


def alibaba_login(key: str, name: str, secret: str) -> tuple[str, str, bytes]:
    content = f"clientIdcdeviceName{name}productKey{key}"
    return "c|signmethod=hmacsha256|", f"{name}&{key}", sign(secret, content)


@pytest.fixture(scope="module")
def sdk(server: Server) -> Any:
    return new_sdk(server.http, server.admin)


def test_a_refused_login_says_who_and_why(server: Server, sdk: Any) -> None:
    """Issue 9, number 35: client id, user name and reason; keep alive with its value; the password never."""
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    client_id, username, password = alibaba_login(key, name, secret)
    refused = "device login refused"
    assert login(server, client_id, username, password) == 0
    assert login(server, client_id, username, sign("wrong secret", "x")) == 4
    told(server, refused, client_id=client_id, user=username, reason="wrong password")
    assert login(server, client_id, f"nobody&{key}", password) == 4
    told(server, refused, client_id=client_id, user=f"nobody&{key}", reason="unknown device")
    assert login(server, client_id, username, password, keep_alive_s=7) == 2
    told(server, refused, client_id=client_id, user=username, reason="keep alive 7 s, must be 30 to 1200")
    assert login(server, "c|signmethod=rot13|", username, password) == 4
    assert "signmethod" in told(server, refused, client_id="c|signmethod=rot13|", user=username)["reason"]
    assert login(server, "neither", "of-us", b"x") == 4
    assert "no known vendor" in told(server, refused, client_id="neither", user="of-us")["reason"]
    sdk.disable_thing(m.DisableThingRequest(product_key=key, device_name=name))
    told(server, "device enabled or disabled", target=f"{key}/{name}")  # as its own lines call it
    assert login(server, client_id, username, password) == 4
    event = told(server, refused, reason="the device is disabled", user=username)
    assert event["peer"].startswith("127.0.0.1:") and event["level"] == "INFO"
    assert leaked(server.data_dir, password.decode(), sign("wrong secret", "x").decode()) == []


def test_a_refused_login_of_the_other_vendors(server: Server, sdk: Any) -> None:
    """Issue 9, number 35: Huawei's and Tuya's devices; a clock that is off is told as that."""
    client = h.sdk(server.http, server.new_key("log", "admin", "huawei"))
    device = h.new_device(client, h.new_product(client))
    hour = time.strftime("%Y%m%d%H", time.gmtime(time.time() - 86_400 * 3))
    client_id = f"{device.device_id}_0_1_{hour}"
    right = hmac.new(hour.encode(), device.auth_info.secret.encode(), "sha256").hexdigest().encode()
    assert login(server, client_id, device.device_id, right) == 4
    reason = told(server, "device login refused", client_id=client_id, user=device.device_id)["reason"]
    assert "clock is off" in reason and hour in reason
    untimed = client_id.replace("_0_1_", "_0_0_")
    assert login(server, untimed, device.device_id, b"wrong") == 4
    told(server, "device login refused", client_id=untimed, reason="wrong password")
    name, _ = new_device(sdk, new_product(sdk))
    username = f"{name}|signMethod=hmacSha256,timestamp=1700000000,secureMode=1,accessType=1"
    assert login(server, f"tuyalink_{name}", username, b"wrong") == 4
    told(server, "device login refused", client_id=f"tuyalink_{name}", user=username, reason="wrong password")


def test_a_refused_call_says_which_key_asked_for_what(server: Server) -> None:
    """Issue 9, number 35: key id, operation and code, in each dialect; no signature."""
    viewer = server.new_key("default", "viewer")
    for key, action, code in (
        (Key(id="nobody-s-key", secret="a-secret-of-nobody"), "QueryOTAJob", "InvalidAccessKeyId.NotFound"),
        (Key(id=viewer.id, secret="not-its-secret"), "QueryOTAJob", "SignatureDoesNotMatch"),
        (viewer, "CreateProduct", "NoPermission"),
        (server.admin, "NoSuchThing", "InvalidAction.NotFound"),
    ):
        asked = signed(key, action, {"ProductName": "a_product", "NodeType": "0"} if action == "CreateProduct" else {})
        _, answer = ask(server.http, asked)
        event = told(server, "request refused", key=key.id, operation=action, request_id=answer["RequestId"])
        assert event["ms"] >= 0 and ("account" in event) == (code in PROVEN)  # of a proven key alone
        assert event["code"] == answer["Code"] == code and event["peer"] == "127.0.0.1"
        assert leaked(server.data_dir, asked["Signature"]) == []
    tuya = server.new_key("default", "admin", "tuya")
    ask(server.http, {"Action": "QueryOTAJob", "AccessKeyId": tuya.id, "Signature": "a-signature-that-is-none"})
    assert told(server, "request refused", key=tuya.id, operation="QueryOTAJob")["code"]
    huawei = server.new_key("default", "viewer", "huawei")
    client = h.sdk(server.http, huawei)
    status, code, _ = h.refusal(lambda: h.new_product(client))
    told(server, "request refused", key=huawei.id, operation="CreateProduct", code=code)
    assert status == 403


def test_a_jobs_life(server: Server, sdk: Any) -> None:
    """Issue 9, number 35: a package and a job made, started, ended with counts, halted; who did it; devices by name."""
    key = new_product(sdk)
    name, secret = new_device(sdk, key)
    package = new_package(sdk, key, b"image of the log" * 10)
    made = told(server, "package made", product=key, version="2.0.0")
    assert made["key"] == server.admin.id and made["operation"] == "CreateOTAFirmware"
    with online(server.mqtt, key, name, secret, "1.0.0") as device:
        device.send(f"/ota/device/inform/{key}/{name}", b"no JSON \x1b[31m\nat all")
        assert told(server, "a message was not understood", device=f"{key}/{name}")["topic"]
        asked = m.CreateOTAVerifyJobRequest(firmware_id=package, product_key=key, target_device_name=[name])
        job_id = sdk.create_otaverify_job(asked).body.data.job_id
        job = told(server, "verify job made", job_id=job_id, product=key, devices=name)["job"]
        device.offered()
        device.inform("2.0.0")
        ended = told(server, "job ended", job=job)
    assert (ended["tasks"], ended["succeeded"], ended["status"]) == (1, 1, "COMPLETED")
    other, _ = new_device(sdk, key)
    request = m.CreateOTAStaticUpgradeJobRequest(
        firmware_id=package, product_key=key, target_selection="SPECIFIC", target_device_name=[other]
    )
    job_id = sdk.create_otastatic_upgrade_job(request).body.data.job_id
    job = told(server, "static job made", job_id=job_id, selection="SPECIFIC", devices=other)["job"]
    sdk.cancel_otatask_by_job(m.CancelOTATaskByJobRequest(job_id=job_id, cancel_queued_task=True))
    assert told(server, "job halted: its tasks are cancelled", job_id=job_id)["key"] == server.admin.id
    assert told(server, "job ended", job=job)["canceled"] == 1
    assert not [event for event in events(server) if "the device left" in str(event) or "hung up" in str(event)]


def test_keys_and_users(server: Server) -> None:
    """Issue 9, number 35: keys made and revoked beside the server, and a user whose password was guessed at."""
    key = server.new_key("default", "viewer")
    told(server, "key made", key=key.id, account="default", role="viewer", dialect="alibaba")
    server.run("key", "revoke", key.id)
    told(server, "key revoked", key=key.id)
    server.run("user", "create", "guessed", "--role", "viewer", "--password-stdin", given=PASSWORD)
    user = {"name": "guessed", "password": WRONG, "domain": {"name": "default"}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    for _ in range(11):
        h.send(server.http, "POST", "/v3/auth/tokens", {}, json.dumps(body).encode())
    assert told(server, "user locked", user="default/guessed", known=True)["level"] == "WARNING"
    told(server, "request refused", operation="sign in", user="default/guessed")


def test_nothing_that_a_stranger_writes_begins_a_line(server: Server) -> None:
    """Issue 9, number 35: line ends, escapes and marks of direction in a client id are shown, not obeyed."""
    forged = 'x\n2026-01-01 00:00:00,000 INFO forged\r\x1b[2J\u202e"'
    login(server, forged, "stranger", b"x")
    told(server, "device login refused", client_id=forged, user="stranger")
    assert '"forged' not in [event["message"] for event in events(server)]


def test_a_flood_of_bad_logins_does_not_fill_the_disk(server: Server) -> None:
    """Issue 9, number 35: so many lines about one address in a span, and how many were left out."""

    async def flood() -> None:
        host, _, port = server.mqtt.rpartition(":")
        for _ in range(20):
            clients = [await WireClient.open(host, int(port)) for _ in range(20)]
            for client in clients:
                await client.login("flood", "flood", b"x")
                await client.close()

    asyncio.run(flood())
    found = until(
        lambda: [event for event in events(server) if event["message"].startswith("suppressed ")], bool, SHORT_S
    )
    assert found and "127.0.0.1" in found[-1]["message"]
    assert sum(event.get("user") == "flood" for event in events(server)) < 200


def test_text_lines_say_the_same(sdk: Any) -> None:
    """Issue 9, number 35: the other format, one line an event, with what a stranger wrote in quotes."""
    with serve() as running:
        login(running, "a b\nforged", "who?", b"x")
        log = running.data_dir / "serve.log"
        lines = until(lambda: [each for each in log.read_text().splitlines() if "refused" in each], bool, SHORT_S)
    assert (
        lines[0]
        .split(" INFO ", 1)[1]
        .startswith('device login refused: client_id="a b\\nforged" user="who?" reason="malformed: ')
    ), lines


def test_what_an_owner_did_is_told_with_its_request(server: Server, sdk: Any) -> None:
    """By the id that the answer has, so that a call can be followed from a script's own log into ours."""
    made = sdk.create_product(m.CreateProductRequest(product_name=f"told_{time.time_ns()}", node_type=0)).body
    event = told(server, "product made", request_id=made.request_id)
    assert event["key"] == server.admin.id and event["operation"] == "CreateProduct" and event["level"] == "INFO"
    assert event["ms"] >= 0 and isinstance(event["account"], int) and event["address"] == "127.0.0.1"
