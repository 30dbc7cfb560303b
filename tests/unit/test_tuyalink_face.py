"""The TuyaLink face: whose topics a connection may use, whose reports are heard, what a gateway is answered."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain.errors import DeviceError
from upwell.domain.fleet import device_id
from upwell.domain.talk import BlockRequest, Offer, OfferRequest, TaskRef, VersionReport
from upwell.doors.devices.faces import (
    Claim,
    Down,
    Linked,
    Names,
    NoBlock,
    Outcome,
    Reply,
    Said,
    SubLogin,
    SubLogout,
    TopoAdd,
    TopoDelete,
    TopoGet,
)
from upwell.doors.devices.faces.tuyalink import TuyaLinkFace
from upwell.service.upgrade.dispatch import Addressed

NOW = datetime(2024, 1, 23, 1, 27, 58, tzinfo=UTC)
FACE = TuyaLinkFace(lambda: NOW, lambda task, place: None)
GW, SUB, GONE, OTHER = Names("gk", "gw"), Names("sk", "sub"), Names("sk", "gone"), Names("sk", "other")
REPORT = b'{"msgId":"0","time":1700000000,"data":{"otaChannel":[{"channel":3,"version":"1.0"}]}}'


def linked(node_type: object = 1, **facts: object) -> Linked:
    one = Linked(FACE, GW, "secret", 1, {"NodeType": node_type} | facts)
    one.subs[SUB] = device_id("sk", "sub")
    one.parted[GONE] = None
    return one


def heard(suffix: str, data: Any, it: Linked | None = None) -> Any:
    payload = json.dumps({"msgId": "9", "time": 1, "data": data}).encode()
    return FACE.reader(it or linked(), f"tylink/gw/{suffix}")(payload)[0]


def told(down: Down | None) -> tuple[int, Any]:
    assert down is not None
    message = json.loads(down.payload)
    assert message["msgId"] == "9" and message["time"] == int(NOW.timestamp())
    return message["code"], message.get("data")


def test_logins_are_by_name_and_secret() -> None:
    tail = "timestamp=1700000000,secureMode=1,accessType=1"
    claim = FACE.claim("tuyalink_d1", f"d1|signMethod=hmacSha256,{tail}")
    assert isinstance(claim, Claim) and (claim.product_key, claim.device_name) == (None, "d1")
    password = hmac.new(b"s", f"deviceId=d1,{tail}".encode(), "sha256").hexdigest().encode()
    assert claim.proves("s", password, NOW) and not claim.proves("t", password, NOW)
    old = FACE.claim("d1", "d1")
    assert isinstance(old, Claim) and old.proves("s", hashlib.md5(b"s").hexdigest()[8:24].encode(), NOW)
    assert FACE.claim("pk.d1|securemode=3|", "d1&pk") is None


def test_a_device_uses_its_own_topics_and_a_gateway_is_let_be() -> None:
    topics = [f"tylink/{names.device_name}/ota/firmware/report" for names in (GW, SUB, GONE, OTHER)]
    assert [FACE.may_publish(linked(0), topic) for topic in topics] == [True, False, False, False]
    assert [FACE.may_publish(linked(1), topic) for topic in topics] == [True] * 4
    assert not FACE.may_publish(linked(1), "tylink/other/#")
    assert not FACE.may_publish(linked(1), "/sys/gk/gw/x")
    filters = {"tylink/gw/#": True, "tylink/sub/ota/issue": True, "smart/device/in/gw": True, "tylink/#": False,
               "tylink/+/ota/issue": False, "tylink/gone/#": False, "tylink/other/#": False, "#": False}  # fmt: skip
    assert {each: FACE.may_subscribe(linked(), each) for each in filters} == filters


def test_only_devices_of_the_connection_are_heard() -> None:
    it = linked(TuyaChannels="3:radio")
    for names in (GW, SUB):
        topic = f"tylink/{names.device_name}/ota/firmware/report"
        assert FACE.reader(it, topic)(REPORT) == [
            Said(names, VersionReport(module="radio", version="1.0", ref="0@1700000000"))
        ]
    for names in (GONE, OTHER):
        with pytest.raises(DeviceError):
            FACE.reader(it, f"tylink/{names.device_name}/ota/firmware/report")(REPORT)
    assert FACE.reader(it, "smart/device/out/gw")(b"2.2\x00") == ()
    assert FACE.reader(it, "tylink/gw/channel/raw/up")(b"\x00") == []


@given(st.text(max_size=40), st.binary(max_size=60))
def test_no_topic_or_payload_speaks_for_another(name: str, payload: bytes) -> None:
    topic = f"tylink/{name}/ota/get"
    try:
        said = FACE.reader(linked(), topic)(payload)
    except DeviceError:
        return
    assert all(isinstance(each, Said) and each.names in (GW, SUB) for each in said)


def test_offers_are_sealed_for_the_device_they_are_for() -> None:
    offer = Offer(
        task=TaskRef(device_id=device_id("sk", "sub"), job_id=1), module="default", version="2", size=3, md5="ab" * 16,
        sha256="cd" * 32, url="http://h/x", is_delta=False, udi=None, tags=(),
    )  # fmt: skip
    addressed = Addressed("sk", "sub", offer, "subsecret")
    down = FACE.push(linked(), addressed, NOW)
    assert down.topic == "tylink/sub/ota/issue"
    seal = hmac.new(b"subsecret", b"CD" * 32, "sha256").hexdigest().upper()
    assert json.loads(down.payload)["data"]["hmac"] == seal
    asked = OfferRequest(module=None, ref="9", manner="get")
    code, data = told(FACE.answer(linked(), SUB, asked, addressed))
    assert (code, data["hmac"]) == (0, seal)
    assert told(FACE.answer(linked(), GW, asked, None)) == (0, {})
    block = BlockRequest(stream=1, file=1, offset=0, size=1, token="", ref="")
    assert FACE.block(linked(), GW, block, NoBlock("not-found")) is None


def test_a_gateways_requests() -> None:
    add = heard("device/topo/add", [{"productId": "sk", "deviceId": "x", "sign": "s", "timestamp": "1"}])
    assert isinstance(add, TopoAdd) and not add.subs[0].proves("secret", b"", NOW)
    assert told(add.answer([(SUB, Outcome.DONE)])) == (0, [{"productId": "sk", "deviceId": "sub"}])
    for outcome in Outcome:
        if outcome is not Outcome.DONE:
            code, data = told(add.answer([(SUB, Outcome.DONE), (OTHER, outcome)]))
            assert code != 0 and data is None
    delete = heard("device/topo/delete", ["sub"])
    assert isinstance(delete, TopoDelete) and list(delete.subs) == [(None, "sub")]
    login, logout = heard("device/sub/login", ["sub"]), heard("device/sub/logout", ["sub"])
    assert isinstance(login, SubLogin) and isinstance(logout, SubLogout)
    assert login.subs[0].proves("anything", b"", NOW)
    assert login.answer([(SUB, Outcome.DONE)]) is None and logout.answer([(SUB, Outcome.UNBOUND)]) is None
    get = heard("device/topo/get", None)
    assert isinstance(get, TopoGet)
    assert told(get.answer([SUB, OTHER])) == (
        0,
        [{"productId": "sk", "deviceId": "sub"}, {"productId": "sk", "deviceId": "other"}],
    )


def test_a_bind_without_proof_adds_nobody() -> None:
    asked = [{"productId": "sk", "nodeId": "sub", "clientId": "c1"}, {"productId": "sk", "clientId": "other"}]
    bind = heard("device/sub/bind", asked)
    assert isinstance(bind, TopoGet)
    assert told(bind.answer([SUB, OTHER])) == (
        0,
        [{"productId": "sk", "clientId": "c1", "deviceId": "sub"},
         {"productId": "sk", "clientId": "other", "deviceId": "other"}],
    )  # fmt: skip
    code, data = told(bind.answer([SUB, Names("another", "other")]))
    assert code != 0 and [each["deviceId"] for each in data] == ["sub"]


def test_who_is_no_gateway_is_told_so() -> None:
    refused = heard("device/topo/get", None, linked(0))
    assert isinstance(refused, Reply) and isinstance(refused.down, Down)
    assert told(refused.down)[0] != 0
    with pytest.raises(DeviceError):
        heard("device/sub/login", ["sub"], linked(0))
