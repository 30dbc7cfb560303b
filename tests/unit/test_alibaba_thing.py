"""What Alibaba devices tell beside their firmware: who is answered, and what."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from upwell.domain.errors import DeviceError
from upwell.doors.devices.faces import Down, Linked, Names, Reply
from upwell.doors.devices.faces.alibaba import AlibabaFace

FACE = AlibabaFace(lambda task, place: None)
OWN = Names("pk", "dn")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
NODE_ID = "1|exp-topic|/sys/pk/dn/thing/event/property/post_reply"


def answered(topic: str, message: object) -> Down | None:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    heard = FACE.reader(Linked(FACE, OWN, "secret", 1, {}), topic)(payload)
    if not heard:
        return None
    [reply] = heard
    assert isinstance(reply, Reply) and callable(reply.down)
    return reply.down(NOW)


def said(path: str, message: object) -> tuple[str, dict[str, Any]] | None:
    down = answered(f"/sys/pk/dn/{path}", message)
    return None if down is None else (down.topic, json.loads(down.payload))


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("thing/event/property/post", "thing.event.property.post"),
        ("thing/event/smoke/post", "thing.event.smoke.post"),
        ("thing/event/property/batch/post", "thing.event.property.batch.post"),
        ("thing/event/property/history/post", "thing.event.property.history.post"),
        ("thing/deviceinfo/update", "thing.deviceinfo.update"),
        ("thing/deviceinfo/delete", "thing.deviceinfo.delete"),
    ],
)
@pytest.mark.parametrize(("ref", "echoed"), [("123", "123"), (123, "123"), (None, ""), (NODE_ID, NODE_ID)])
def test_what_is_told_is_acknowledged(path: str, method: str, ref: object, echoed: str) -> None:
    message = {"id": ref, "version": "1.0", "params": {"warmth": 21.5}, "method": method}
    answer = {"code": 200, "data": {}, "id": echoed, "message": "success", "method": method, "version": "1.0"}
    assert said(path, message) == (f"/sys/pk/dn/{path}_reply", answer)
    assert said(path, message | {"sys": {"ack": 1}}) == said(path, message | {"sys": 1}) == said(path, message)
    assert said(path, message | {"sys": {"ack": 0}}) is None


@pytest.mark.parametrize(
    "path", ["thing/config/get", "thing/sub/register", "thing/proxy/provisioning/product_register"]
)
def test_what_is_not_offered_is_refused(path: str) -> None:
    told = said(path, {"id": "1", "sys": {"ack": 0}, "params": []})
    assert told is not None
    topic, answer = told
    assert (topic, answer["code"], answer["id"]) == (f"/sys/pk/dn/{path}_reply", 404, "1")
    assert "here" in answer["message"]


@pytest.mark.parametrize(
    "path",
    [
        "thing/event/property/post_reply", "thing/service/property/set_reply", "thing/model/up_raw", "thing/event/post",
        "thing/event/a/b/c/post", "thing/lan/prefix/get", "rrpc/response/1",
    ],
)  # fmt: skip
def test_nothing_else_is_answered(path: str) -> None:
    assert said(path, {"id": "1"}) is None


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b'{"id":[]}', json.dumps({"id": "1" * 513}).encode()])
def test_what_can_t_be_understood(payload: bytes) -> None:
    with pytest.raises(DeviceError):
        answered("/sys/pk/dn/thing/event/property/post", payload)


@pytest.mark.parametrize("sent", ["1571724098000", 1571724098000])
def test_the_time(sent: object) -> None:
    """In the type in which the device told its own."""
    down = answered("/ext/ntp/pk/dn/request", {"deviceSendTime": sent})
    assert down is not None
    now = str(NOW_MS) if isinstance(sent, str) else NOW_MS
    answer = {"deviceSendTime": sent, "serverRecvTime": now, "serverSendTime": now}
    assert (down.topic, json.loads(down.payload), down.qos) == ("/ext/ntp/pk/dn/response", answer, 0)


@pytest.mark.parametrize("sent", [None, True, 1.5, -1, "", "now", "1" * 21, "١٢٣", []])
def test_no_time(sent: object) -> None:
    with pytest.raises(DeviceError):
        answered("/ext/ntp/pk/dn/request", {"deviceSendTime": sent})
