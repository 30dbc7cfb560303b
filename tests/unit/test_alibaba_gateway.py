"""What gateways say for their sub-devices, as linkkit and C4 write it and as the vendor's pages show it."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.alibaba import gateway
from upwell.domain.errors import DeviceError

SUB = {"productKey": "a1", "deviceName": "s1", "clientId": "a1.s1", "timestamp": "1700000000000"}
CONTENT = "clientIda1.s1deviceNames1productKeya1timestamp1700000000000"


def sign(content: str, method: str = "sha256") -> str:
    return hmac.new(b"sub-secret", content.encode(), getattr(hashlib, method)).hexdigest()


def read(verb: gateway.Verb, params: Any, ref: Any = "7") -> gateway.Request:
    return gateway.read(verb, json.dumps({"id": ref, "version": "1.0", "params": params}).encode())


ADD = [SUB | {"signmethod": "hmacSha256", "sign": sign(CONTENT)}]
BATCH = {
    "signMethod": "hmacSha256",
    "deviceList": [SUB | {"clientId": "a1.s1|lan=Python|", "cleanSession": "false", "sign": sign(
        "clientIda1.s1|lan=Python|deviceNames1productKeya1timestamp1700000000000")}],
}  # fmt: skip
LOGIN = SUB | {"signMethod": "hmacsha1", "sign": sign(CONTENT, "sha1").upper(), "cleanSession": "true"}
MD5 = {"productKey": "a1", "deviceName": "s1", "sign": sign("deviceNames1productKeya1", "md5")}


@pytest.mark.parametrize(
    ("verb", "params"), [("add", ADD), ("batch_login", BATCH), ("login", LOGIN), ("login", MD5), ("add", [MD5])]
)
def test_proofs(verb: gateway.Verb, params: Any) -> None:
    [sub] = read(verb, params).subs
    assert (sub.product_key, sub.device_name) == ("a1", "s1")
    assert sub.proven_by("sub-secret")
    assert not sub.proven_by("another")


def test_a_sign_of_another_name_proves_nothing() -> None:
    [sub] = read("add", [ADD[0] | {"deviceName": "s2"}]).subs
    assert not sub.proven_by("sub-secret")
    [unsigned] = read("add", [SUB]).subs
    assert not unsigned.proven_by("sub-secret")


def test_names_without_proof() -> None:
    named = [{"productKey": "a1", "deviceName": "s1"}, {"productKey": "a1", "deviceName": "s2"}]
    for verb in ("delete", "batch_logout"):
        assert [s.device_name for s in read(verb, named).subs] == ["s1", "s2"]  # type: ignore[arg-type]
    assert [s.device_name for s in read("logout", named[0]).subs] == ["s1"]
    assert read("get", {}, 9) == gateway.Request(verb="get", ref="9", subs=())


@pytest.mark.parametrize(
    ("verb", "params"),
    [
        ("add", {}),
        ("add", []),
        ("add", [7]),
        ("add", [SUB] * 51),
        ("add", [SUB | {"signmethod": "rot13"}]),
        ("add", [SUB | {"sign": "s" * 257}]),
        ("add", [SUB | {"sign": None}]),
        ("delete", [{"productKey": "a1"}]),
        ("delete", [{"productKey": "a/1", "deviceName": "s1"}]),
        ("batch_login", None),
        ("batch_login", {"deviceList": "x"}),
        ("login", [SUB]),
        ("login", SUB | {"timestamp": 10**400}),
        ("logout", None),
        ("batch_logout", {"productKey": "a1", "deviceName": "s1"}),
    ],
)
def test_malformed(verb: gateway.Verb, params: Any) -> None:
    with pytest.raises(DeviceError):
        read(verb, params)


@given(st.sampled_from(sorted(gateway.TOPICS)), st.recursive(st.none() | st.text(max_size=5) | st.integers(), st.lists))
def test_any_params_are_a_request_or_a_device_error(verb: gateway.Verb, params: Any) -> None:
    try:
        assert read(verb, params).verb == verb
    except DeviceError:
        assert verb != "get"


def test_topics_and_reply() -> None:
    assert gateway.verb_of("/ext/session/g/d/combine/batch_login", "g", "d") == "batch_login"
    assert gateway.verb_of("/sys/g/d/thing/topo/add", "g", "x") is None
    asked = read("login", LOGIN)
    assert gateway.reply(asked, 200, "success", [], "g", "d") == (
        "/ext/session/g/d/combine/login_reply", b'{"id":"7","code":200,"data":[],"message":"success"}'
    )  # fmt: skip
