"""Tuya's OpenAPI is not offered: the vendor's connectors for it, which ask in its own way, are told so in its form."""

import http.client
import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from acceptance.client import Key, Server, until
from acceptance.test_linkkit import PYTHON

CONNECTORS = Path(__file__).with_name("tuya_connectors.py")
CALLS = ("connect", "get", "post", "post a body", "put", "delete", "log in SMART_HOME", "log in CUSTOM")
CLOSED = ("is connected", "is logged in SMART_HOME", "is logged in CUSTOM")
ASKED = {"client_id": "nobody", "sign": "0" * 64, "t": "1700000000000", "sign_method": "HMAC-SHA256"}


def told_by_connectors(endpoint: str, key: Key) -> dict[str, Any]:
    """What each call of the connectors gave."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [PYTHON, CONNECTORS, endpoint, key.id, key.secret], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return {told.pop("call"): told for told in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("tail", ["", "/", "/some/prefix"])
def test_the_connectors_are_refused_in_their_form(server: Server, tail: str) -> None:
    told = told_by_connectors(f"http://{server.http}{tail}", server.new_key("default", "admin", "tuya"))
    assert set(told) == {*CALLS, *CLOSED}
    assert [told[call] for call in CLOSED] == [{"gave": False}] * 3
    for call in CALLS:
        answer = told[call].get("gave")
        assert answer is not None, (call, told[call])
        assert set(answer) == {"code", "msg", "success", "t", "tid"}
        assert (answer["code"], answer["success"]) == (1108, False)
        assert answer["msg"].startswith("uri path invalid: ") and "Action=" in answer["msg"]
        assert isinstance(answer["t"], int) and re.fullmatch("[0-9a-f]{32}", answer["tid"])


def asked(server: Server, path: str, headers: dict[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(f"http://{server.http}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def test_nobody_else_is_answered_so(server: Server) -> None:
    """It takes the connectors' header and the version in the path; other APIs keep what is theirs."""
    status, body = asked(server, "/v1.0/token?grant_type=1", ASKED)
    assert (status, json.loads(body)["code"]) == (200, 1108)
    assert asked(server, "/v1.0/token?grant_type=1", {}) == (404, "Not Found")
    assert asked(server, "/nowhere", ASKED) == (404, "Not Found")
    for path in ("/v1/products", "/v5/iot/p/products", "/v5/iot/p/devices/v1.0/x", "/v1/products/v1.0/"):
        assert asked(server, path, ASKED)[0] in (401, 403, 404), path
        assert "1108" not in asked(server, path, ASKED)[1]
    assert json.loads(asked(server, "/?Action=QueryProduct", ASKED)[1])["code"] == "MissingParameter"


def test_it_is_in_the_log_and_counted(server: Server) -> None:
    """By a caller of its own address: what others were refused before may be more than the log tells of one."""
    own = "127.0.0.72"
    link = http.client.HTTPConnection(server.http, timeout=10, source_address=(own, 0))
    link.request("GET", "/v2.0/cloud/thing/d1/firmware", headers=ASKED)
    tid = json.loads(link.getresponse().read())["tid"]
    link.close()
    log = server.data_dir / "serve.log"
    line = f"request refused: tongue=tuya operation=OpenAPI code=1108 peer={own} request_id={tid}"
    assert line in until(lambda: log.read_text("utf-8"), lambda text: tid in text)
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=10) as got:
        shown = got.read().decode()
    assert re.search(r'^upwell_request_refusals_total\{tongue="tuya",code="1108"\} [1-9]', shown, re.MULTILINE)
