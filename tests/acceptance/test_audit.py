"""The audit as an operator reads it: who did what by SDK, by token and beside the server, and no secret."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_iot20180120 import models as m
from alibabacloud_tea_openapi.exceptions import ClientException
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkiotda.v5 import model as hm

from acceptance import huawei_client as h
from acceptance.client import Key, Server, new_product, new_sdk, serve, unique, until
from acceptance.leaks import CHARS_MIN, secrets_of
from upwell.cli.tree import SECTIONS, loaded

# What changes nothing of an owner's: it reads, or it is the server itself and what stands around it.
NO_DEEDS = {"key list", "user list", "object list", "audit list", "audit export", "audit strangers", "check", "serve",
            "migrate", "upgrade-database", "simulate", "completion", "version", "verify-backup", "restore",
            "doctor", "secrets make-key", "secrets status", "quota list", "erase list"}  # fmt: skip
PASSWORD = "correct-horse-battery"
WRONG = "wrong-horse-battery"
SHORT_S = 15


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of this module's own, in whose audit nothing that was secret in the module is."""
    with serve() as running:
        yield running
        text = running.run("audit", "export") + running.run("audit", "strangers", "--json")
        known = {secret for secret in secrets_of(running.data_dir) if len(secret) >= CHARS_MIN} | {PASSWORD, WRONG}
        assert not [secret for secret in known if secret in text]


def entries(server: Server, *options: str) -> list[dict[str, Any]]:
    """Newest first."""
    return [json.loads(line) for line in server.run("audit", "list", "--json", *options).splitlines()]


def the_last(server: Server, operation: str) -> dict[str, Any]:
    return entries(server, "--operation", operation, "--limit", "1")[0]


def strangers(server: Server) -> int:
    lines = server.run("audit", "strangers", "--json").splitlines()
    return sum(json.loads(line)["times"] for line in lines)


def sign_in(server: Server, account: str, name: str, password: str) -> tuple[int, str, str]:
    """Status, token and request id of POST /v3/auth/tokens."""
    user = {"domain": {"name": account}, "name": name, "password": password}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": {"project": {"name": "any"}}}}
    request = urllib.request.Request(f"http://{server.http}/v3/auth/tokens", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as got:
            return got.status, got.headers["X-Subject-Token"], got.headers["X-Request-Id"]
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, "", exc.headers["X-Request-Id"]


def test_what_an_owner_does_by_sdk(server: Server) -> None:
    sdk = new_sdk(server.http, server.admin)
    name = unique("lamp")
    answer = sdk.create_product(m.CreateProductRequest(product_name=name, node_type=0)).body
    entry = the_last(server, "CreateProduct")
    assert (entry["account"], entry["who"], entry["tongue"]) == ("default", server.admin.id, "alibaba")
    assert (entry["address"], entry["result"], entry["times"]) == ("127.0.0.1", "done", 1)
    assert (entry["request_id"], entry["ids"]) == (answer.request_id, {"product_key": answer.product_key})
    assert entry["changes"]["name"] == name
    before = len(entries(server))
    sdk.query_product(m.QueryProductRequest(product_key=answer.product_key))
    assert len(entries(server)) == before


def test_who_may_not_is_told_and_who_is_nobody_is_counted(server: Server) -> None:
    viewer = server.new_key("default", "viewer")
    with pytest.raises(ClientException):
        new_sdk(server.http, viewer).create_product(m.CreateProductRequest(product_name=unique("no"), node_type=0))
    entry = the_last(server, "CreateProduct")
    assert (entry["who"], entry["result"], entry["account"]) == (viewer.id, "NoPermission", "default")
    before, count = len(entries(server)), strangers(server)
    forger = new_sdk(server.http, Key(id=viewer.id, secret="not-the-viewers-secret"))
    with pytest.raises(ClientException):
        forger.create_product(m.CreateProductRequest(product_name=unique("no"), node_type=0))
    assert until(lambda: strangers(server), lambda found: found == count + 1, SHORT_S)
    assert len(entries(server)) == before


def test_the_same_refusal_is_one_entry_a_minute(server: Server) -> None:
    viewer = server.new_key("flood", "viewer")
    sdk = new_sdk(server.http, viewer)
    for _ in range(10):
        with pytest.raises(ClientException):
            sdk.delete_product(m.DeleteProductRequest(product_key="nothing"))
    found = entries(server, "--account", "flood", "--result", "refused")
    assert sum(entry["times"] for entry in found) == 10 and len(found) <= 2


def test_huaweis_callers(server: Server) -> None:
    """By key, by token, in another's project, by a role that may not; a wrong password is nobody's."""
    admin, viewer = (server.new_key("hw", role, "huawei") for role in ("admin", "viewer"))
    other = server.new_key("hw-other", "admin", "huawei")
    client = h.sdk(server.http, admin)
    product = h.new_product(client)
    entry = the_last(server, "CreateProduct")
    assert (entry["account"], entry["who"], entry["ids"]["product_key"]) == ("hw", admin.id, product)
    request = hm.DeleteProductRequest(product_id=product)
    for key in (viewer, Key(id=other.id, secret=other.secret, project_id=admin.project_id)):
        with pytest.raises(ClientRequestException):
            h.sdk(server.http, key).delete_product(request)
        entry = the_last(server, "DeleteProduct")
        assert (entry["who"], entry["result"]) == (key.id, "IOTDA.000022")
    assert entry["account"] == "hw-other"
    server.run("user", "create", "ann", "--account", "hw", "--role", "operator", "--password-stdin", given=PASSWORD)
    count = strangers(server)
    assert sign_in(server, "hw", "ann", WRONG)[0] == 401
    assert until(lambda: strangers(server), lambda found: found == count + 1, SHORT_S)
    status, token, request_id = sign_in(server, "hw", "ann", PASSWORD)
    entry = the_last(server, "sign in")
    assert (status, entry["who"], entry["account"], entry["request_id"]) == (201, "user ann", "hw", request_id)
    link = http.client.HTTPConnection(server.http, timeout=20)
    link.request("DELETE", f"/v5/iot/{admin.project_id}/products/{product}", headers={"X-Auth-Token": token})
    assert link.getresponse().status == 204
    link.close()
    entry = the_last(server, "DeleteProduct")
    assert (entry["who"], entry["result"], entry["ids"]) == ("user ann", "done", {"product_key": product})
    assert token not in server.run("audit", "export")


def test_what_is_done_beside_the_server(server: Server, tmp_path: Path) -> None:
    key = server.new_key("beside", "operator")
    made = the_last(server, "key create")
    assert made["who"].startswith("local ") and (made["tongue"], made["address"]) == ("cli", "local")
    assert made["account"] == "beside" and made["ids"]["key_id"] == key.id and key.secret not in json.dumps(made)
    server.run("key", "revoke", key.id)
    assert the_last(server, "key revoke")["account"] == "beside"
    server.run("user", "create", "bob", "--account", "beside", "--role", "viewer", "--password-stdin", given=PASSWORD)
    server.run("user", "delete", "bob", "--account", "beside")
    assert the_last(server, "user create")["changes"] == {"role": "viewer", "name": "bob"}
    of = the_last(server, "user delete")["ids"]
    assert of == {"account": "beside", "user": "bob", "user_id": the_last(server, "user create")["ids"]["user_id"]}
    file = tmp_path / "image.bin"
    file.write_bytes(b"image")
    at = ("--bucket", "firmware", "--key", "a.bin", "--account", "beside")
    server.run("object", "put", str(file), *at)
    server.run("object", "rm", *at)
    with pytest.raises(AssertionError):
        server.run("object", "rm", *at)
    what = {"account": "beside", "bucket": "firmware", "key": "a.bin"}
    found = [
        (e["operation"], e["result"])
        for e in entries(server, "--account", "beside")
        if what.items() <= e["ids"].items()
    ]
    assert found[::-1] == [
        ("object put", "begun"), ("object rm", "begun"), ("object rm", "begun"), ("object rm", "NotFound")
    ]  # fmt: skip
    server.run("backup", str(tmp_path / "backup"))
    assert the_last(server, "backup")["changes"]["place"] == str(tmp_path / "backup"), "it has every secret"
    server.run("secrets", "rotate")
    server.run("quota", "set", "default", "--devices", "1000000")
    gone = f"{new_product(new_sdk(server.http, server.admin))}_never-was"
    server.run("erase", "device", gone, "--confirm", gone)
    server.new_key("gone-away", "operator")
    server.run("erase", "account", "gone-away", "--confirm", "gone-away")
    for what in ("erase device", "erase account"):
        told = [each["changes"] for each in entries(server, "--operation", what)]
        assert [each["action"] for each in told] == ["ended", "begun"] and told[0]["pseudonym"] == told[1]["pseudonym"]
    every = [json.loads(line) for line in server.run("audit", "export").splitlines()]
    assert "never-was" not in json.dumps(every) and "gone-away" not in json.dumps(every)
    assert (every[0]["who"], every[0]["ids"]["key_id"]) == ("server", server.admin.id)
    assert {each["operation"] for each in every if each["tongue"] == "cli"} == set(beside()) - NO_DEEDS


def beside() -> Iterator[str]:
    """The commands that act on the server's machine, as the command line has them."""
    for places in SECTIONS.values():
        for name, place in places.items():
            commands = getattr(loaded(name, remote=False), "commands", {}) if place.local else {}
            yield from ([f"{name} {each}" for each in commands] or [name] if place.local else [])


def test_a_list_for_people_and_its_filters(server: Server) -> None:
    server.new_key("people", "viewer")
    assert "key create" in server.run("audit", "list", "--account", "people")
    assert entries(server, "--account", "people", "--until", "2020-01-01") == []
    assert len(entries(server, "--account", "people", "--since", "2020-01-01T00:00:00+01:00")) == 1
    with pytest.raises(AssertionError, match="since: a date"):
        server.run("audit", "list", "--since", "yesterday")
    with pytest.raises(AssertionError, match="account"):
        server.run("audit", "export", "--account", "nobody's")
