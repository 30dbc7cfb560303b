"""The Alibaba face: whose topics a connection may use, and that nothing a device sends is more than it may say."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain.errors import DeviceError
from upwell.domain.fleet import device_id
from upwell.domain.talk import BlockRequest, Offer, OfferRequest, TaskRef, VersionReport
from upwell.doors.devices.faces import (
    Block,
    Claim,
    Down,
    Enrolment,
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
from upwell.doors.devices.faces.alibaba import NO_BLOCK, AlibabaFace
from upwell.service.upgrade.dispatch import Addressed

FACE = AlibabaFace(lambda task, place: None)
GW, SUB, GONE = Names("gk", "gw"), Names("sk", "sub"), Names("sk", "gone")
INFORM = b'{"id":1,"params":{"version":"1.0"}}'


def linked(node_type: object = 1) -> Linked:
    one = Linked(FACE, GW, "secret", 1, {"NodeType": node_type})
    one.subs[SUB] = device_id("sk", "sub")
    one.parted[GONE] = None
    return one


def inform(names: Names) -> str:
    return f"/ota/device/inform/{names.product_key}/{names.device_name}"


def test_whose_topics() -> None:
    it = linked()
    assert [FACE.may_publish(it, inform(n)) for n in (GW, SUB, GONE, Names("sk", "x"), Names("gk", "sub"))] == [
        True, True, True, False, False
    ]  # fmt: skip
    for names in (GW, SUB):
        assert FACE.reader(it, inform(names))(INFORM) == (
            Said(names, VersionReport(module="default", version="1.0", ref="1")),
        )
    with pytest.raises(DeviceError):
        FACE.reader(it, inform(GONE))(INFORM)
    filters = {"/sys/sk/sub/#": True, "/sys/gk/gw/thing/+/x": True, "/sys/sk/gone/#": False, "/sys/sk/+/#": False}
    assert {f: FACE.may_subscribe(it, f) for f in filters} == filters


LEVELS = st.sampled_from(
    ["sys", "ota", "ext", "shadow", "session", "device", "gk", "gw", "sk", "sub", "gone", "+", "#"]
)
TOPICS = st.lists(LEVELS | st.text(max_size=3), max_size=7).map(lambda levels: "/" + "/".join(levels))


@given(TOPICS, st.binary(max_size=60))
def test_nobody_elses_topic_passes(topic: str, payload: bytes) -> None:
    it, own = linked(), [("gk", "gw"), ("sk", "sub"), ("sk", "gone")]
    pairs = list(zip(topic.split("/"), topic.split("/")[1:], strict=False))
    if FACE.may_publish(it, topic):
        assert any(each in pairs for each in own) and "+" not in topic and "#" not in topic
    if FACE.may_subscribe(it, topic):
        assert any(each in pairs for each in own[:2])
    try:
        heard = FACE.reader(it, topic)(payload)
    except DeviceError:
        return
    assert all(isinstance(one, Said) and one.names in (GW, SUB) for one in heard)


def test_claims() -> None:
    assert FACE.claim("tuyalink_x", "x|signMethod=hmacSha256,timestamp=1") is None
    claim = FACE.claim("x|signmethod=hmacsha256|", "dev&pk")
    assert isinstance(claim, Claim) and (claim.product_key, claim.device_name) == ("pk", "dev")
    asked = FACE.claim("dev.pk|random=1,authType=regnwl|", "dev&pk")
    assert isinstance(asked, Enrolment) and asked.creates
    assert asked.grant("s").topic == "/ext/regnwl"
    with pytest.raises(DeviceError):
        FACE.claim("x|signmethod=none|", "dev&pk")


@pytest.mark.parametrize(
    ("topic", "params", "kind"),
    [
        ("/sys/gk/gw/thing/topo/add", [{"productKey": "p", "deviceName": "d"}], TopoAdd),
        ("/sys/gk/gw/thing/topo/delete", [{"productKey": "p", "deviceName": "d"}], TopoDelete),
        ("/sys/gk/gw/thing/topo/get", {}, TopoGet),
        ("/ext/session/gk/gw/combine/login", {"productKey": "p", "deviceName": "d"}, SubLogin),
        ("/ext/session/gk/gw/combine/batch_logout", [{"productKey": "p", "deviceName": "d"}], SubLogout),
    ],
)
def test_only_a_gateway_speaks_for_others(topic: str, params: Any, kind: type) -> None:
    payload = json.dumps({"id": "1", "params": params}).encode()
    assert [type(one) for one in FACE.reader(linked(), topic)(payload)] == [kind]
    for plain in (0, None, "1"):
        [one] = FACE.reader(linked(plain), topic)(payload)
        assert isinstance(one, Reply) and isinstance(one.down, Down) and b'"code":520' in one.down.payload
    sub_topic = topic.replace("gk/gw", "sk/sub")
    assert FACE.reader(linked(), sub_topic)(payload) == ()  # a sub-device has no sub-devices


def test_answers_name_who_failed() -> None:
    params = [{"productKey": "p", "deviceName": name} for name in ("a", "b")]
    payload = json.dumps({"id": "1", "params": params}).encode()
    [asked] = FACE.reader(linked(), "/sys/gk/gw/thing/topo/add")(payload)
    assert isinstance(asked, TopoAdd)
    a, b = Names("p", "a"), Names("p", "b")
    down = asked.answer([(a, Outcome.DONE), (b, Outcome.UNPROVEN)])
    assert down is not None and down.topic == "/sys/gk/gw/thing/topo/add_reply"
    assert json.loads(down.payload) == {
        "id": "1", "code": 6287, "data": [{"productKey": "p", "deviceName": "b"}], "message": "the sign is wrong"
    }  # fmt: skip
    for outcome in set(Outcome) - {Outcome.DONE}:
        assert asked.answer([(a, outcome)]) is not None


def test_blocks_go_at_qos_0() -> None:
    asked = BlockRequest(stream=1, file=1, offset=0, size=9, token="t", ref="1")
    found: list[Block | NoBlock] = [Block(b"x", 1), *(NoBlock(reason) for reason in NO_BLOCK)]
    for one in found:
        down = FACE.block(linked(), SUB, asked, one)
        assert down is not None and (down.qos, down.topic) == (0, "/sys/sk/sub/thing/file/download_reply")


C_LOGIN = "gk.gw|timestamp=2524608000000,_ss=1,_v=sdk-c-4.1.0,securemode={},signmethod=hmacsha256,ext=3,|"
PLAIN_URL, TLS_URL = "http://{}/ota/TOKEN", "https://{}/ota/TOKEN"


@pytest.mark.parametrize(
    ("client_id", "plain", "by_tls", "told", "warned"),
    [
        (C_LOGIN.format(3), "fw.example", "fw.example", PLAIN_URL, ""),
        (C_LOGIN.format(3), "fw.example:8687", None, PLAIN_URL, "http://fw.example:8687"),
        (C_LOGIN.format(2), "fw.example", "tls.example", TLS_URL, ""),
        (C_LOGIN.format(2), "fw.example", "fw.example:8688", PLAIN_URL, ""),  # the only one whose host it finds
        (C_LOGIN.format(2), "fw.example:80", "fw.example:8688", TLS_URL, "https://fw.example:8688"),
        (C_LOGIN.format(2), "fw.example", None, PLAIN_URL, ""),
        ("gk&gw|securemode=2,signmethod=hmacsha1,lan=Python,_v=1.2.13|", "fw.example:1", "t.example", PLAIN_URL, ""),
    ],
)
def test_a_c_client_is_told_a_url_that_it_can_use(
    client_id: str, plain: str, by_tls: str | None, told: str, warned: str
) -> None:
    """Issue 9, number 8: one without a port, of its own transport; where there is none, the operator is told."""
    secure = None if by_tls is None else TLS_URL.format(by_tls)
    face = AlibabaFace(lambda task, place: secure)
    claim = face.claim(client_id, "gw&gk")
    assert isinstance(claim, Claim)
    task = TaskRef(device_id=device_id("gk", "gw"), job_id=1)
    offer = Offer(
        task=task, module="default", version="2.0", size=1, md5="0" * 32, sha256="0" * 64,
        url=PLAIN_URL.format(plain), is_delta=False, udi=None, tags=(),
    )  # fmt: skip
    it = Linked(face, GW, "secret", client=claim.client)
    addressed = Addressed(GW.product_key, GW.device_name, offer, "secret")
    pushed = face.push(it, addressed, datetime(2026, 1, 1, tzinfo=UTC))
    answered = face.answer(it, GW, OfferRequest(module=None, ref="1", manner="get"), addressed)
    assert answered is not None
    for down in (pushed, answered):
        assert json.loads(down.payload)["data"]["url"] == told.format(plain if told == PLAIN_URL else by_tls)
        assert (f"of {warned} for" in down.caution) if warned else down.caution == ""
        assert "TOKEN" not in down.caution
    blocks = face.push(it, replace(addressed, offer=replace(offer, protocol="MQTT")), datetime(2026, 1, 1, tzinfo=UTC))
    assert blocks.caution == ""
