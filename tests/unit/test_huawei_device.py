"""System events of Huawei devices: golden bytes both ways, the habits of each SDK, and what must not get through."""

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.huawei import device, envelope
from upwell.dialects.huawei.device import ClockRequest, Extras, Heard, Said
from upwell.domain.errors import DeviceError, Invalid
from upwell.domain.talk import Offer, ResultReport, SdkReport, TaskRef, VersionReport

ID = "p1_dev1"
UP, DOWN = "$oc/devices/p1_dev1/sys/events/up", "$oc/devices/p1_dev1/sys/events/down"
NOW = datetime(2026, 7, 1, 2, 0, 3, 999999, tzinfo=UTC)
AT = datetime(2026, 7, 1, 2, 0, 2, tzinfo=UTC)
SIGN = "595124473f866b033dfa1f7e831c8c99a12f6143f392dfa996a819010842c99d"

OFFER = Offer(
    task=TaskRef(device_id=UUID(int=1), job_id=1),
    module="default",
    version="V2.0",
    size=1048576,
    md5="0" * 32,
    sha256="0" * 64,
    url="https://files.example.test/fw/upgrade.bin?token=abc",
    is_delta=False,
    udi="notes",
    tags=(),
    sign=SIGN,
)


def event(service: str, kind: str, paras: Any, **more: Any) -> dict[str, Any]:
    return {"service_id": service, "event_type": kind, "paras": paras, **more}


def up(*services: Any, **more: Any) -> bytes:
    return json.dumps({"services": list(services), **more}).encode()


def read(payload: bytes) -> tuple[Said, ...]:
    return device.read(UP, payload, ID)


def heard(payload: bytes) -> list[Heard]:
    found = read(payload)
    assert {said.device_id for said in found} <= {ID}
    return [said.heard for said in found]


def version(module: str, text: str | None) -> VersionReport:
    return VersionReport(module=module, version=text, ref="")


def result(code: int, progress: int | None, text: str, **more: Any) -> ResultReport:
    facts: dict[str, Any] = {"outcome": "fine" if code == 0 else "failed", "reason": "", "desc": ""}
    return ResultReport(code=code, progress=progress, version=text, **{**facts, **more})


FIRM, SOFT = version("default", "V1.0"), version("software", "V1.0")

# What each SDK sends, byte for byte as it writes it (huawei 5.3-5.8, 10).
SAID: list[tuple[bytes, list[Heard]]] = [
    (  # the documentation
        b'{"object_device_id":"p1_dev1","services":[{"service_id":"$ota","event_type":"version_report",'
        b'"event_time":"20260701T020002Z","paras":{"fw_version":"V1.0","sw_version":"V1.0"}}]}',
        [FIRM, SOFT],
    ),
    (
        b'{"object_device_id":"p1_dev1","services":[{"service_id":"$ota","event_type":"upgrade_progress_report",'
        b'"event_time":"20260701T020002Z","paras":{"result_code":0,"progress":80,"version":"V2.0",'
        b'"description":"upgrade processing"}}]}',
        [result(0, 80, "V2.0", desc="upgrade processing")],
    ),
    (  # Python: unset keys left out, an empty event_id, local time in another form
        b'{"object_device_id": "p1_dev1", "services": [{"service_id": "$ota", "event_type": "version_report", '
        b'"event_time": "2026-07-01T10:00:02Z", "event_id": "", "paras": {"fw_version": "V1.0"}}]}',
        [FIRM],
    ),
    (
        b'{"services": [{"service_id": "$sdk_info", "event_type": "sdk_info_report", "event_time": '
        b'"2026-07-01T10:00:02Z", "event_id": "", "paras": {"device_sdk_version": "Python_v1.2.0", '
        b'"sw_version": "", "fw_version": ""}}]}',
        [SdkReport(version="Python_v1.2.0")],
    ),
    (  # Java: nulls everywhere, the SDK's report after each connect
        b'{"object_device_id":null,"services":[{"paras":{"device_sdk_version":"JAVA_v1.2.0","fw_version":null,'
        b'"sw_version":null},"service_id":"$sdk_info","event_type":"sdk_info_report","event_time":null,"event_id":null}]}',
        [SdkReport(version="JAVA_v1.2.0")],
    ),
    (
        b'{"object_device_id":null,"services":[{"paras":{"result_code":0,"progress":100,"version":"V1.0",'
        b'"description":null},"service_id":"$ota","event_type":"upgrade_progress_report","event_time":null}]}',
        [result(0, 100, "V1.0")],
    ),
    (  # C: the target's version with a failure, no event_time, a blank id
        b'{"object_device_id":" ","services":[{"service_id":"$ota","event_type":"upgrade_progress_report",'
        b'"paras":{"result_code":1,"progress":0,"version":"V2.0","description":"failed"}}]}',
        [result(1, 0, "V2.0", reason="in_use", desc="failed")],
    ),
    (  # Go: an empty version with a failure
        b'{"object_device_id":"p1_dev1","services":[{"service_id":"$ota","event_type":"upgrade_progress_report",'
        b'"event_time":"20260701T020002Z","paras":{"result_code":255,"progress":0,"version":""}}]}',
        [result(255, 0, "", reason="device_internal")],
    ),
    (up(event("$ota", "version_report", {"sw_version": None, "fw_version": None})), []),
    (up(event("$ota", "version_report", {})), []),
    (up(), []),
    (up(event("$ota", "upgrade_progress_report", {"result_code": "0", "version": None})), [result(0, None, "")]),
    (
        up(event("$ota", "upgrade_progress_report", {"result_code": 3, "progress": 101, "version": "V2.0"})),
        [result(3, 100, "V2.0", outcome="already", reason="not_needed")],
    ),
    (
        up(event("$ota", "upgrade_progress_report", {"result_code": -7, "progress": -1, "version": "V2.0"})),
        [result(-7, 0, "V2.0", reason="upgrade_failed")],
    ),
    (  # several services in one message, strangers among them
        up(
            event("meter", "alarm", None),
            event("$OTA", "version_report", None),
            event("$ota", "VERSION_REPORT", None),
            {"service_id": ["$ota"], "event_type": "version_report"},
            {"event_type": "version_report"},
            event("$ota", "version_report", {"fw_version": "V1.0"}),
            event("$time_sync", "time_sync_request", {"device_send_time": 1582685678789}),
        ),
        [FIRM, ClockRequest(device_ms=1582685678789)],
    ),
    (  # ours: modules as the management API shows them
        up(
            event(
                "$ota",
                "version_report",
                {"fw_version": "V1.0", "modules": [{"module_name": "radio", "module_version": "R1"}]},
            )
        ),
        [FIRM, version("radio", "R1")],
    ),
    (up(event("$ota", "version_report", {"modules": None, "fw_version": "V1\0.0"})), [version("default", None)]),
    (up(event("$ota", "upgrade_progress_report", {"result_code": 0, "version": 2})), [result(0, None, "2")]),
]


@pytest.mark.parametrize(("payload", "expected"), SAID)
def test_what_devices_say(payload: bytes, expected: list[Heard]) -> None:
    assert heard(payload) == expected


@pytest.mark.parametrize(
    ("event_time", "at"),
    [
        ("20260701T020002Z", AT),
        ("2026-07-01T02:00:02Z", None),
        ("20260231T020002Z", None),
        ("", None),
        (None, None),
        (17, None),
    ],
)
def test_a_time_that_can_not_be_read_is_none(event_time: Any, at: datetime | None) -> None:
    (said,) = read(up(event("$ota", "version_report", {"fw_version": "V1.0"}, event_time=event_time)))
    assert said == Said(device_id=ID, heard=FIRM, at=at)


def test_a_gateway_speaks_for_those_behind_it() -> None:
    payload = up(event("$ota", "version_report", {"fw_version": "V1.0"}), object_device_id="p1_sub")
    assert read(payload) == (Said(device_id="p1_sub", heard=FIRM, at=None),)


@pytest.mark.parametrize(("code", "kept"), [(10**12, 2**31 - 1), (-(10**12), 1 - 2**31), (255, 255)])
def test_a_result_code_of_any_size_is_one_that_can_be_kept(code: int, kept: int) -> None:
    [report] = heard(up(event("$ota", "upgrade_progress_report", {"result_code": code, "version": "V1"})))
    assert isinstance(report, ResultReport) and (report.outcome, report.code) == ("failed", kept)


def test_a_description_is_cut_and_storable() -> None:
    paras = {"result_code": 0, "version": "V2.0", "description": "é\0" * 1000}
    (report,) = heard(up(event("$ota", "upgrade_progress_report", paras)))
    assert isinstance(report, ResultReport)
    assert report.desc == "é" * 128
    assert heard(up(event("$ota", "upgrade_progress_report", {"result_code": 0, "description": 5}))) == [
        result(0, None, "")
    ]


OTA = "upgrade_progress_report"
NOT_UNDERSTOOD = [
    b"",
    b"\xff",
    b"[]",
    b"null",
    b"[" * 100_000,
    b"{}",
    b'{"services":{}}',
    b'{"services":[1]}',
    b" " * (envelope.PAYLOAD_MAX + 1),
    up(*[event("a", "b", {})] * 101),
    up(event("$ota", "version_report", None)),
    up(event("$ota", "version_report", [])),
    up(event("$ota", "version_report", {"modules": {}})),
    up(event("$ota", "version_report", {"modules": ["radio"]})),
    up(event("$ota", "version_report", {"modules": [{"module_version": "1"}]})),
    up(event("$ota", "version_report", {"modules": [{"module_name": "default", "module_version": "1"}]})),
    up(event("$ota", "version_report", {"modules": [{"module_name": "a b", "module_version": "1"}]})),
    up(event("$ota", OTA, {"version": "V2.0"})),
    up(event("$ota", OTA, {"result_code": True, "version": "V2.0"})),
    up(event("$ota", OTA, {"result_code": "x", "version": "V2.0"})),
    up(event("$ota", OTA, {"result_code": 10**400, "version": "V2.0"})),
    up(event("$ota", OTA, {"result_code": 0, "progress": 1.5, "version": "V2.0"})),
    up(event("$time_sync", "time_sync_request", {})),
    up(event("$ota", "version_report", {}), object_device_id=7),
    up(event("$ota", "version_report", {}), object_device_id="a/b"),
    up(event("$ota", "version_report", {}), object_device_id="d" * 129),
]


@pytest.mark.parametrize("payload", NOT_UNDERSTOOD, ids=range(len(NOT_UNDERSTOOD)))
def test_what_can_not_be_understood_is_refused(payload: bytes) -> None:
    with pytest.raises(DeviceError):
        read(payload)


@given(st.binary(max_size=100))
def test_no_bytes_make_it_fail_otherwise(payload: bytes) -> None:
    with contextlib.suppress(DeviceError):
        read(payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(JSON, JSON, JSON)
def test_no_json_makes_it_fail_otherwise(first: Any, second: Any, subject: Any) -> None:
    paras = {"result_code": first, "progress": second, "version": first, "fw_version": second, "modules": first}
    for kind in ("version_report", OTA):
        for payload in (
            up(event("$ota", kind, paras), object_device_id=subject),
            up(event("$ota", kind, first), first, object_device_id=ID),
        ):
            with contextlib.suppress(DeviceError):
                read(payload)


def test_other_topics() -> None:
    for topic in ("$oc/devices/p1_dev1/sys/properties/report", "$oc/devices/p1_dev1/sys/messages/up", DOWN):
        assert device.read(topic, b"not looked at", ID) == ()
    for topic in (
        "$oc/devices/p1_dev2/sys/events/up",
        "$oc/devices/p1_dev1",
        "$OC/devices/p1_dev1/sys/events/up",
        "$oc/devices/p1_dev1/+",
        "$oc/devices/p1_dev1/a\0",
        "user/anything",
    ):
        assert not device.own_topic(topic, ID)
        with pytest.raises(DeviceError):
            device.read(topic, up(), ID)


@pytest.mark.parametrize(
    ("topic_filter", "own"),
    [
        (DOWN, True),
        ("$oc/devices/p1_dev1/#", True),
        ("$oc/devices/p1_dev1/sys/commands/+", True),
        ("$oc/devices/+/sys/events/down", False),
        ("$oc/devices/p1_dev2/#", False),
        ("$oc/devices/p1_dev1/#/a", False),
        ("$oc/devices/p1_dev1/a+", False),
        ("$oc/devices/p1_dev1", False),
        ("#", False),
        ("$oc/#", False),
    ],
)
def test_filters(topic_filter: str, own: bool) -> None:
    assert device.own_filter(topic_filter, ID) is own


# --- down ---------------------------------------------------------------------------------------------------------

HEAD = (
    '{"object_device_id":"p1_dev1","services":[{"service_id":"$ota","event_type":"%s","event_time":"20260701T020003Z",'
)


def golden(kind: str, paras: str) -> bytes:
    return (HEAD % kind + f'"paras":{paras}}}]}}').encode()


def test_the_topic_down() -> None:
    assert device.events_down(ID) == DOWN


def test_version_query() -> None:
    assert device.version_query(ID, NOW) == golden("version_query", "{}")
    extras = Extras(ext_info={"k": None}, task_id="0a", sub_device_count=2)
    paras = '{"task_id":"0a","sub_device_count":2,"task_ext_info":{"k":null}}'
    assert device.version_query(ID, NOW, extras) == golden("version_query", paras)


URL = "https://files.example.test:443/fw/upgrade.bin?token=abc"
V2 = f'"version":"V2.0","url":"{URL}","file_size":1048576,"file_name":"upgrade.bin","expires":86400,"sign":"{SIGN}"'


@pytest.mark.parametrize(
    ("module", "kind", "more"),
    [
        ("default", "firmware_upgrade_v2", ""),
        ("software", "software_upgrade_v2", ""),
        ("radio", "module_upgrade_v2", ',"module_name":"radio"'),
    ],
)
def test_upgrade_from_object_storage(module: str, kind: str, more: str) -> None:
    offer = replace(OFFER, module=module)
    paras = f'{{{V2},"custom_info":"notes"{more}}}'
    assert device.upgrade(ID, offer, NOW, file_name="upgrade.bin") == golden(kind, paras)


def test_upgrade_from_the_platform() -> None:
    for module, kind in (("default", "firmware_upgrade"), ("software", "software_upgrade")):
        held = replace(OFFER, module=module, is_held=True, sha256=SIGN.upper(), sign=None)
        offer = replace(held, url="http://127.0.0.1:8080/f", udi=None)
        paras = (
            '{"version":"V2.0","url":"http://127.0.0.1:8080/f","file_size":1048576,"access_token":"secret",'
            f'"expires":86400,"sign":"{SIGN}","task_ext_info":{{"a":1}}}}'
        )
        sent = device.upgrade(ID, offer, NOW, access_token="secret", extras=Extras(ext_info={"a": 1}))
        assert sent == golden(kind, paras)
    with pytest.raises(Invalid):
        device.upgrade(ID, replace(OFFER, module="radio"), NOW, access_token="secret")


def test_types_are_exact() -> None:
    (service,) = json.loads(device.upgrade(ID, OFFER, NOW))["services"]
    paras = service["paras"]
    assert type(paras["file_size"]) is type(paras["expires"]) is int
    assert "access_token" not in paras  # huawei 5.7: the C SDK takes an offer with one for v1


@pytest.mark.parametrize("module", ["default", "software", "radio"])
@pytest.mark.parametrize("sign", [SIGN, SIGN.upper(), None])
def test_a_sign_goes_only_when_the_owner_gave_one_and_as_given(module: str, sign: str | None) -> None:
    """Issue 9, number 10: the C SDK's sample fails on every sign that it gets."""
    (service,) = json.loads(device.upgrade(ID, replace(OFFER, module=module, sign=sign), NOW))["services"]
    assert service["paras"].get("sign", None) == sign
    assert ("sign" in service["paras"]) is (sign is not None)


@pytest.mark.parametrize(
    ("given_url", "told"),
    [
        ("https://h/f.bin?t=1", "https://h:443/f.bin?t=1"),
        ("http://h/f.bin?t=1", "http://h:80/f.bin?t=1"),
        ("https://h:8443/f.bin?t=1", "https://h:8443/f.bin?t=1"),
        ("https://h/a%20b.bin?X-Amz-Signature=%2F&x=#f", "https://h:443/a%20b.bin?X-Amz-Signature=%2F&x=#f"),
    ],
)
def test_a_url_gets_its_port(given_url: str, told: str) -> None:
    (service,) = json.loads(device.upgrade(ID, replace(OFFER, url=given_url), NOW))["services"]
    assert service["paras"]["url"] == told


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://h/f?a=1",
        "https:///f?a=1",
        "https://h/f",
        "https://h/f?",
        "https://h/a b?c",
        'https://h/a"?c',
        "https://u:p@h/f?a",
        "https://h:/f?a",
        "https://h:x/f?a",
        "https://[::1]/f?a",
        "https://h?a=1",
        "https://h/é?a",
    ],
)
def test_a_url_that_devices_would_misread_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        device.upgrade(ID, replace(OFFER, url=url), NOW)
    assert caught.value.field == "url"


def test_the_time() -> None:
    sent = device.clock_answer(ID, ClockRequest(device_ms=5), "", 1582685678790, NOW)
    assert json.loads(sent) == {
        "object_device_id": ID,
        "services": [
            {
                "service_id": "$time_sync",
                "event_type": "time_sync_response",
                "event_time": "20260701T020003Z",
                "paras": {
                    "device_send_time": 5,
                    "server_recv_time": 1582685678790,
                    "server_send_time": int(NOW.timestamp() * 1000),
                },
            }
        ],
    }
