"""The Huawei face: whose logins are its own, what it hears, how it tells; and that no face takes another's login."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from upwell.domain.errors import DeviceError, Invalid
from upwell.domain.talk import Inquiry, Offer, ResultReport, SdkReport, TaskRef, VersionReport
from upwell.doors.devices.faces import (
    Behind,
    Claim,
    Down,
    Enrolment,
    Face,
    Heard,
    Linked,
    Names,
    Reply,
    Said,
    SubStatus,
    TopoGet,
)
from upwell.doors.devices.faces.alibaba import AlibabaFace
from upwell.doors.devices.faces.huawei import PATIENCE_S, HuaweiFace
from upwell.doors.devices.faces.tuyalink import TuyaLinkFace
from upwell.service.upgrade.dispatch import Addressed

NOW = datetime(2026, 6, 29, 10, 59, 59, tzinfo=UTC)


def link(task: TaskRef, place: int, name: str) -> str:
    return f"https://files.example.test:8443/ota/t{task.job_id}.{place}/{name}?e=1"


FACE = HuaweiFace(lambda: NOW, link, timedelta(hours=1))
FACES: list[Face] = [AlibabaFace(lambda task, place: None), FACE, TuyaLinkFace(lambda: NOW, lambda task, place: None)]
GATE, SUB = Names("p1", "gate", "p1_gate"), Names("p1", "sub", "p1_sub")
UP, DOWN = "$oc/devices/p1_gate/sys/events/up", "$oc/devices/p1_gate/sys/events/down"
TASK = TaskRef(device_id=UUID(int=7), job_id=0x66)
OFFER = Offer(
    task=TASK, module="default", version="V2.0", size=1_048_576, md5="0" * 32, sha256="AB" * 32,
    url="https://files.example.test:8443/ota/plain", is_delta=False, udi=None, tags=(), file_name="b.bin",
    sign="aB" * 32,
)  # fmt: skip


def linked() -> Linked:
    return Linked(FACE, GATE, "secret", subs={SUB: UUID(int=2)}, public={"p1_sub": SUB})


def addressed(offer: Offer | Inquiry, names: Names = GATE) -> Addressed:
    return Addressed(names.product_key, names.device_name, offer, "secret", names.public_id)


def taker(client_id: str, username: str) -> str | None:
    """The vendor whose face takes the login; `refused` where one knows it as its own and malformed."""
    for face in FACES:
        try:
            if face.claim(client_id, username) is not None:
                return face.name
        except DeviceError:
            return f"{face.name} refused"
    return None


@pytest.mark.parametrize(
    ("client_id", "username", "vendor"),
    [
        ("d1_0_0_2026062910", "d1", "huawei"),
        ("p1_node_1_0_1_2026062910", "p1_node_1", "huawei"),
        ("tuyalink_x_0_1_2026062910", "tuyalink_x", "huawei"),
        ("1_0_0_0_1_2026062910", "1_0_0", "huawei"),
        ("d1_0_2_2026062910", "d1", "huawei refused"),  # SM3
        ("d1_3_1_2026062910", "d1", "huawei refused"),  # a bridge
        ("d1_0_1_2026992910", "d1", "huawei refused"),
        ("d1_0_scope_1_2026062910", "d1", None),
        ("d1_0_1_2026062910", "d2", None),
        ("d1_0_1_202606291", "d1", None),
        ("d1_0_1_2026062910 ", "d1", None),
        ("_0_1_2026062910", "", None),
        ("d1_0_1_2026062910", "d1&p1", "alibaba"),
        ("d1_0_1_2026062910|securemode=3,signmethod=hmacsha256|", "d1&p1", "alibaba"),
        ("d1_0_1_2026062910", "d1_0_1_2026062910", "tuya"),
        ("tuyalink_d1_0_1_2026062910",
         "d1_0_1_2026062910|signMethod=hmacSha256,timestamp=1700000000,secureMode=1,accessType=1", "tuya"),
    ],
)  # fmt: skip
def test_each_face_takes_its_own_logins_alone(client_id: str, username: str, vendor: str | None) -> None:
    assert taker(client_id, username) == vendor


def claimed(sign_type: int, at: str, face: HuaweiFace = FACE) -> Claim:
    claim = face.claim(f"p1_gate_0_{sign_type}_{at}", "p1_gate")
    assert isinstance(claim, Claim) and not isinstance(claim, Enrolment)
    return claim


def test_the_vendors_example_of_a_password() -> None:
    claim = FACE.claim("d_0_0_2025041401", "d")
    assert isinstance(claim, Claim) and (claim.product_key, claim.device_name) == (None, "d")
    password = b"c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a"
    assert claim.proves("12345678", password, NOW)
    assert not claim.proves("12345679", password, NOW)
    assert not claim.proves("12345678", password.upper(), NOW)
    assert not claim.proves("12345678", b"", NOW)


@pytest.mark.parametrize(("hours", "at", "holds"), [(1, "2026062909", True), (1, "2026062908", False),
    (24, "2026062818", True), (0, "2026062910", True), (0, "2026062909", False)])  # fmt: skip
def test_the_hour_is_proven_with_its_tolerance(hours: int, at: str, holds: bool) -> None:
    face = HuaweiFace(lambda: NOW, link, timedelta(hours=hours))
    password = hmac.new(at.encode(), b"s", hashlib.sha256).hexdigest().encode()
    assert claimed(1, at, face).proves("s", password, NOW) is holds
    assert claimed(0, at, face).proves("s", password, NOW)


# --- topics ---


@pytest.mark.parametrize(("topic", "own"), [(UP, True), ("$oc/devices/p1_gate/sys/shadow/get/request_id=1", True),
    ("$oc/devices/p1_sub/sys/events/up", False), ("$oc/devices/p1_gate2/sys/events/up", False), ("$oc", False),
    ("/" + UP, False), (UP.upper(), False)])  # fmt: skip
def test_topics(topic: str, own: bool) -> None:
    assert FACE.may_publish(linked(), topic) is own
    assert FACE.may_subscribe(linked(), topic) is own


@pytest.mark.parametrize(("topic_filter", "own"), [("$oc/devices/p1_gate/#", True),
    ("$oc/devices/p1_gate/+/+/down", True),
    ("$oc/devices/+/sys/events/down", False), ("$oc/#", False), ("#", False)])  # fmt: skip
def test_filters(topic_filter: str, own: bool) -> None:
    assert FACE.may_subscribe(linked(), topic_filter) is own


# --- what is heard ---


def heard(*services: dict[str, Any], subject: str | None = None) -> Sequence[Heard]:
    return FACE.reader(linked(), UP)(json.dumps({"object_device_id": subject, "services": services}).encode())


def ota(kind: str, **paras: Any) -> dict[str, Any]:
    return {"service_id": "$ota", "event_type": kind, "paras": paras}


def test_several_services_of_several_devices() -> None:
    versions = ota("version_report", fw_version="1", sw_version=None)
    assert heard(versions, ota("nothing"), ota("upgrade_progress_report", result_code=0, version="")) == [
        Said(GATE, VersionReport(module="default", version="1", ref="")),
        Said(GATE, ResultReport(outcome="fine", code=0, reason="", progress=None, version="", desc="")),
    ]
    report = VersionReport(module="default", version="1", ref="")
    assert heard(versions, subject="p1_sub") == [Said(SUB, report)]
    assert heard(versions, subject="other") == [Behind("other", report)]
    assert heard(versions, subject=" ") == [Said(GATE, report)]
    info = {"service_id": "$sdk_info", "event_type": "sdk_info_report", "paras": {"device_sdk_version": "J"}}
    assert heard(info) == [Said(GATE, SdkReport(version="J"))]


def test_what_is_no_event_of_ours_is_nothing() -> None:
    assert FACE.reader(linked(), "$oc/devices/p1_gate/sys/properties/report")(b"\xff") == ()
    assert heard({"service_id": "$log", "event_type": "x", "paras": None}) == []
    for payload in (b"{", b"[]", b'{"services":1}'):
        with pytest.raises(DeviceError):
            FACE.reader(linked(), UP)(payload)


def event(down: Down) -> dict[str, Any]:
    assert (down.topic, down.qos) == (DOWN, 1)
    message = json.loads(down.payload)
    (service,) = message["services"]
    assert service["service_id"].startswith("$")
    return {"for": message["object_device_id"], "type": service["event_type"], "id": service.get("event_id"),
            "paras": service["paras"]}  # fmt: skip


@pytest.mark.parametrize("name", ["$sub_device_manager", "sub_device_manager"])
def test_requests_about_sub_devices_are_answered_with_their_event_id(name: str) -> None:
    """The Java, Android and C# SDKs leave the `$` out."""

    def asked(kind: str, **paras: Any) -> Heard:
        service = {"service_id": name, "event_type": kind, "event_id": "e1", "paras": paras}
        (one,) = heard(service)
        return one

    status = asked("sub_device_update_status", device_statuses=[{"device_id": "p1_sub", "status": "OFFLINE"}])
    assert isinstance(status, SubStatus) and status.wanted == [("p1_sub", False)]
    assert event(status.answer(frozenset({"p1_sub"}))) == {
        "for": "p1_gate", "type": "sub_device_update_status_response", "id": "e1",
        "paras": {"successful_devices": [{"device_id": "p1_sub", "status": "OFFLINE"}], "failed_devices": []},
    }  # fmt: skip
    assert event(status.answer(frozenset()))["paras"]["failed_devices"][0]["device_id"] == "p1_sub"
    deleted = asked("delete_sub_device_request", devices=["p1_sub"])
    assert isinstance(deleted, Reply) and isinstance(deleted.down, Down)
    assert event(deleted.down)["type"] == "delete_sub_device_response"
    sync = asked("sub_device_sync_request", version=1)
    assert isinstance(sync, TopoGet)
    told = sync.answer([SUB])
    assert told is not None and event(told)["paras"]["devices"][0]["device_id"] == "p1_sub"
    for wrong in ({"device_statuses": [{"device_id": "p1_sub", "status": "AWAY"}]}, {"device_statuses": {}}, {}):
        with pytest.raises(DeviceError):
            asked("sub_device_update_status", **wrong)


# --- what is told ---


def test_a_question_and_an_offer_for_the_device_itself() -> None:
    asked = FACE.push(linked(), addressed(Inquiry(task=TASK, module="default")), NOW)
    assert event(asked) == {"for": "p1_gate", "type": "version_query", "id": None, "paras": {}}
    assert asked.patience_s == 0
    told = FACE.push(linked(), addressed(OFFER), NOW)
    assert event(told) == {
        "for": "p1_gate", "type": "firmware_upgrade_v2", "id": None,
        "paras": {"version": "V2.0", "url": link(TASK, 0, "b.bin"), "file_size": 1_048_576, "file_name": "b.bin",
                  "expires": 86_400, "sign": "aB" * 32},
    }  # fmt: skip
    assert told.patience_s == PATIENCE_S  # huawei 5.7: Python is silent until it has installed


def test_a_sub_device_is_told_on_its_gateways_topic_with_the_words_of_gateway_mode() -> None:
    more: dict[str, Any] = {"ext_info": {"a": 1}, "sub_device_count": 2}
    extras = {"task_id": f"{0x66:024x}", "sub_device_count": 2, "task_ext_info": {"a": 1}}
    asked = event(FACE.push(linked(), addressed(Inquiry(task=TASK, module="software", **more), SUB), NOW))
    assert (asked["for"], asked["paras"]) == ("p1_sub", extras)
    told = event(FACE.push(linked(), addressed(replace(OFFER, module="software", **more), SUB), NOW))
    assert (told["for"], told["type"]) == ("p1_sub", "software_upgrade_v2")
    assert extras.items() <= told["paras"].items()


def test_a_file_that_the_platform_holds_is_told_with_its_token_apart() -> None:
    told = event(FACE.push(linked(), addressed(replace(OFFER, is_held=True)), NOW))
    assert told["type"] == "firmware_upgrade"
    assert told["paras"]["url"] == "https://files.example.test:8443/ota/-/b.bin?e=1"
    assert told["paras"]["access_token"] == "t102.0"
    assert told["paras"]["sign"] == "ab" * 32  # huawei 5.4: the page demands it, and Python compares lower case
    module = event(FACE.push(linked(), addressed(replace(OFFER, is_held=True, module="radio")), NOW))
    assert module["type"] == "module_upgrade_v2" and module["paras"]["module_name"] == "radio"
    assert "access_token" not in module["paras"]


def test_several_files_are_nothing_for_these_devices() -> None:
    with pytest.raises(Invalid):
        FACE.push(linked(), addressed(replace(OFFER, url="")), NOW)
