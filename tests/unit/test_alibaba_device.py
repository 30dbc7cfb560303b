"""Topics and payloads of Alibaba devices: golden bytes both ways, and input that must not get through."""

import contextlib
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.alibaba import device, offers
from upwell.domain.errors import DeviceError, Invalid
from upwell.domain.talk import Offer, OfferRequest, ProgressReport, Report, TaskRef, VersionReport

PK, DN = "a1pk", "dev1"
INFORM, PROGRESS = "/ota/device/inform/a1pk/dev1", "/ota/device/progress/a1pk/dev1"
GET, REQUEST = "/sys/a1pk/dev1/thing/ota/firmware/get", "/ota/device/request/a1pk/dev1"
MD5 = "93230c3bde425a9d7984a594ac55ea1e"

OFFER = Offer(
    task=TaskRef(device_id=UUID(int=1), job_id=1),
    module="MCU",
    version="2.0.0",
    size=432945,
    md5=MD5,
    sha256="0" * 64,
    url="http://host/path?auth",
    is_delta=True,
    udi='{"a":"b"}',
    tags=(("key1", "value1"),),
)
PLAIN = replace(OFFER, module="default", is_delta=False, udi=None, tags=())
PLAIN_DATA = (
    f'{{"size":432945,"version":"2.0.0","url":"http://host/path?auth","md5":"{MD5}","sign":"{MD5}","signMethod":"Md5"}}'
)


def read(topic: str, payload: bytes) -> Report | None:
    return device.read(topic, payload, PK, DN)


# alibaba 6.4, every cell of the table.
UP: list[tuple[str, bytes, Report]] = [
    (INFORM, b'{"id": 1, "params": {"version": "1.0.0"}}', VersionReport(module="default", version="1.0.0", ref="1")),
    (
        INFORM,
        b'{"id": 1,"params": {"version":"1.0.1","module": "MCU"}}',
        VersionReport(module="MCU", version="1.0.1", ref="1"),
    ),
    (INFORM, b'{"id":"7","params":{"version":"1","module":""}}', VersionReport(module="default", version="1", ref="7")),
    (INFORM, b'{"params":{"version":"1","module":null}}', VersionReport(module="default", version="1", ref="")),
    (
        PROGRESS,
        b'{"id":3, "params":{"step":"50","desc":""}}',
        ProgressReport(module="default", step=50, desc="", ref="3"),
    ),
    (
        PROGRESS,
        b'{"id":"123","params":{"step":"-1","desc":"bad\n\xff\\u0000\\ud800","module":"MCU"}}',
        ProgressReport(module="MCU", step=-1, desc="bad\n\ufffd?", ref="123"),
    ),
    (PROGRESS, b'{"id":3,"params":{"step":0}}', ProgressReport(module="default", step=0, desc="", ref="3")),
    (PROGRESS, b'{"params":{"step":100,"desc":5}}', ProgressReport(module="default", step=100, desc="", ref="")),
    (
        PROGRESS,
        b'{"params":{"step":"-2147483648"}}',
        ProgressReport(module="default", step=-(2**31), desc="", ref=""),
    ),
    (GET, b'{"id": 5, "params": {}}', OfferRequest(module="default", ref="5", manner="get")),
    (
        GET,
        b'{"id":"123","version":"1.0","params":{"module":"MCU"},"method":"thing.ota.firmware.get"}',
        OfferRequest(module="MCU", ref="123", manner="get"),
    ),
    (
        REQUEST,
        b'{"id":"9","params":{"version":"1.0","module":"MCU"}}',
        OfferRequest(module="MCU", ref="9", manner="request"),
    ),
    (REQUEST, b'{"id":"9"}', OfferRequest(module="default", ref="9", manner="request")),
]


@pytest.mark.parametrize(("topic", "payload", "expected"), UP)
def test_what_devices_say(topic: str, payload: bytes, expected: Report) -> None:
    assert read(topic, payload) == expected


def test_description_is_cut() -> None:
    report = read(PROGRESS, json.dumps({"params": {"step": "1", "desc": "é" * 1000}}).encode())
    assert isinstance(report, ProgressReport)
    assert report.desc == "é" * 256


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (INFORM, b""),
        (INFORM, b"{"),
        (INFORM, b"[]"),
        (INFORM, b"null"),
        (INFORM, b"\xff\xfe"),
        (INFORM, b"[" * 16000),
        (INFORM, b'{"id":' + b"9" * 5000 + b"}"),
        (INFORM, b'{"id":1,"params":{"version":"1"}}' + b" " * device.PAYLOAD_MAX),
        (INFORM, b'{"id":1}'),
        (INFORM, b'{"id":1,"params":"version"}'),
        (INFORM, b'{"id":1,"params":{"version":"1","module":3}}'),
        (INFORM, b'{"id":1,"params":{"version":"1","module":"' + b"m" * 65 + b'"}}'),
        (GET, b'{"id":1.5,"params":{}}'),
        (GET, b'{"id":true,"params":{}}'),
        (GET, b'{"id":{},"params":{}}'),
        (GET, b'{"id":"' + b"1" * 65 + b'","params":{}}'),
        (GET, b'{"id":' + b"1" * 65 + b',"params":{}}'),
        (PROGRESS, b'{"id":1,"params":{}}'),
        (PROGRESS, b'{"id":1,"params":{"step":""}}'),
        (PROGRESS, b'{"id":1,"params":{"step":"50%"}}'),
        (PROGRESS, b'{"id":1,"params":{"step":50.5}}'),
        (PROGRESS, b'{"id":1,"params":{"step":NaN}}'),
        (PROGRESS, b'{"id":1,"params":{"step":true}}'),
        (PROGRESS, b'{"id":1,"params":{"step":101}}'),
        (PROGRESS, b'{"id":1,"params":{"step":"101"}}'),
        (PROGRESS, b'{"id":1,"params":{"step":"-2147483649"}}'),
        (PROGRESS, b'{"id":1,"params":{"step":-99999999999999999999}}'),
        (GET, b'{"id":1,"params":[]}'),
        (GET, b'{"id":1,"params":{"module":"a b"}}'),
        ("/ota/device/inform/a1pk/dev2", b'{"id":1,"params":{"version":"1"}}'),
        ("ota/device/inform/a1pk/dev1", b'{"id":1,"params":{"version":"1"}}'),
        ("", b"{}"),
    ],
)
def test_what_is_refused(topic: str, payload: bytes) -> None:
    with pytest.raises(DeviceError) as caught:
        read(topic, payload)
    assert 0 < len(caught.value.problem) < 200


@given(st.sampled_from([INFORM, PROGRESS, GET, REQUEST]), st.binary())
def test_any_bytes_are_a_report_or_a_device_error(topic: str, payload: bytes) -> None:
    with contextlib.suppress(DeviceError):
        assert read(topic, payload) is not None


@pytest.mark.parametrize(
    "topic",
    ["/sys/a1pk/dev1/thing/event/property/post", "/ota/device/upgrade/a1pk/dev1", "/a1pk/dev1/user/update"],
)
def test_own_topics_that_ota_does_not_know(topic: str) -> None:
    assert read(topic, b"\x00anything") is None


@pytest.mark.parametrize(
    ("topic", "own"),
    [
        *((row.format(pk=PK, dn=DN), True) for row in device.TOPICS.values()),
        ("/a1pk/dev1/user/x", True),
        ("/a1pk/dev1/x", False),
        ("/shadow/update/a1pk/dev1", True),
        ("/ext/ntp/a1pk/dev1/request", True),
        ("/sys/a1pk/dev2/thing/ota/firmware/get", False),
        ("/sys/a1pk2/dev1/x", False),
        ("/sys/a1pk", False),
        ("/ota/device/inform/a1pk/dev1/more", False),
        ("/ota/device/inform/a1pk/dev1/", False),
        ("/sys/a1pk/dev1/+", False),
        ("/sys/a1pk/dev1/#", False),
        ("/sys/a1pk/dev1/\0", False),
        ("/+/a1pk/dev1", False),
        ("#", False),
        ("", False),
        ("$SYS/a1pk/dev1", False),
    ],
)
def test_own_topic(topic: str, own: bool) -> None:
    assert device.own_topic(topic, PK, DN) is own


@pytest.mark.parametrize(
    ("topic_filter", "own"),
    [
        *((row.format(pk=PK, dn=DN), True) for row in device.TOPICS.values()),
        ("/sys/a1pk/dev1/#", True),
        ("/sys/a1pk/dev1/thing/+/set", True),
        ("/ota/device/+/a1pk/dev1", True),
        ("/a1pk/dev1/user/#", True),
        ("#", False),
        ("/#", False),
        ("/sys/#", False),
        ("/sys/a1pk/#", False),
        ("/sys/a1pk/+/thing", False),
        ("/sys/+/dev1/thing", False),
        ("/+/a1pk/dev1/#", False),
        ("/ota/device/#", False),
        ("/ota/device/+/a1pk/+", False),
        ("/ota/device/+/a1pk/dev1/#", False),
        ("/a1pk/dev1/#", False),
        ("/sys/a1pk/dev1/#/x", False),
        ("/sys/a1pk/dev1/x#", False),
        ("/sys/a1pk/dev1/x+", False),
        ("$share/g/sys/a1pk/dev1/#", False),
    ],
)
def test_own_filter(topic_filter: str, own: bool) -> None:
    assert device.own_filter(topic_filter, PK, DN) is own


def test_a_product_called_like_a_root_owns_nothing_of_others() -> None:
    assert not device.own_topic("/sys/a1pk/user/thing", "sys", "a1pk")
    assert not device.own_topic("/ota/device/user/a1pk/dev1", "ota", "device")


def test_upgrade_push_golden() -> None:
    golden = (
        b'{"code":"1000","data":{"size":432945,"version":"2.0.0","url":"http://host/path?auth",'
        b'"md5":"93230c3bde425a9d7984a594ac55ea1e","sign":"93230c3bde425a9d7984a594ac55ea1e","signMethod":"Md5",'
        b'"module":"MCU","isDiff":1,"extData":{"key1":"value1","_package_udi":"{\\"a\\":\\"b\\"}"}},'
        b'"id":1507707025,"message":"success"}'
    )
    assert offers.upgrade_push(OFFER, PK, DN, 1507707025) == ("/ota/device/upgrade/a1pk/dev1", golden)


def test_plain_push_golden() -> None:
    _, payload = offers.upgrade_push(replace(PLAIN, md5=MD5.upper(), udi=""), PK, DN, 7)
    assert payload.decode() == f'{{"code":"1000","data":{PLAIN_DATA},"id":7,"message":"success"}}'


def test_get_reply_golden() -> None:
    asked = OfferRequest(module="default", ref="123", manner="get")
    topic = "/sys/a1pk/dev1/thing/ota/firmware/get_reply"
    reply = f'{{"id":"123","code":200,"data":{PLAIN_DATA}}}'.encode()
    assert offers.get_reply(PLAIN, asked, PK, DN) == (topic, reply)
    assert offers.get_reply(None, asked, PK, DN) == (topic, b'{"id":"123","code":200,"data":{}}')


def test_request_reply_golden() -> None:
    asked = OfferRequest(module="default", ref="9", manner="request")
    reply = f'{{"code":"1000","data":{PLAIN_DATA},"id":"9","message":"success"}}'.encode()
    assert offers.request_reply(PLAIN, asked, PK, DN) == (REQUEST, reply)
    assert offers.request_reply(None, asked, PK, DN) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": "url"}, "version"),
        ({"version": "signMethod"}, "version"),
        ({"version": "message"}, "version"),
        ({"module": "message"}, "module"),
        ({"module": "extData"}, "module"),
        ({"module": "default", "tags": (("module", "x"),)}, "tags"),
        ({"tags": (("dProtocol", "mqtt"),)}, "tags"),
        ({"tags": (("message", "x"),)}, "tags"),
        ({"tags": (("k", "message"),)}, "tags"),
        ({"udi": "message"}, "udi"),
        ({"version": 'a"b'}, "version"),
        ({"module": "a b"}, "module"),
        ({"url": 'http://h/"'}, "url"),
        ({"url": "http://h/\\"}, "url"),
        ({"url": "http://h/é"}, "url"),
        ({"url": "http://h/a b"}, "url"),
        ({"url": ""}, "url"),
        ({"md5": "00"}, "md5"),
    ],
)
def test_offers_that_c4_would_misread_are_refused(changes: dict[str, Any], field: str) -> None:
    offer = replace(OFFER, **changes)
    with pytest.raises(Invalid) as caught:
        offers.upgrade_push(offer, PK, DN, 1)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes",
    [
        {"module": "url"},
        {"tags": (("url", "x"), ("size", "}"), ("id", '"'))},
        {"udi": '"module":"}}}"'},
        {"module": "default", "tags": (("k", "module"),)},
    ],
)
def test_harmless_likenesses_pass(changes: dict[str, Any]) -> None:
    offers.upgrade_push(replace(OFFER, **changes), PK, DN, 1)


def c4_lookup(text: str, key: str) -> str | None:
    """The C4 reader as alibaba 6.6 describes it: the first textual occurrence, then a colon, then a value."""
    at = text.find(f'"{key}"')
    if at < 0 or text[at + len(key) + 2] != ":":
        return None
    rest = text[at + len(key) + 3 :]
    return rest[1 : rest.index('"', 1)] if rest[0] == '"' else rest[: min(rest.find(","), rest.find("}")) or None]


@given(
    st.from_regex(r"[A-Za-z.]{1,10}|url|md5|module|message", fullmatch=True),
    st.sampled_from(["default", "MCU", "url", "sign", "module", "dProtocol"]),
    st.lists(
        st.tuples(st.sampled_from([*offers.SOUGHT, "k", "id"]), st.sampled_from([*offers.SOUGHT, '"url"', "}", "中"]))
    ),
    st.one_of(st.none(), st.text()),
)
def test_what_is_sent_reads_back_the_c4_way(
    version: str, module: str, tags: list[tuple[str, str]], udi: str | None
) -> None:
    offer = replace(OFFER, version=version, module=module, tags=tuple(tags), udi=udi)
    try:
        _, payload = offers.upgrade_push(offer, PK, DN, 1)
    except Invalid:
        return
    text = payload.decode()
    assert json.loads(text)["data"]["url"] == OFFER.url
    for key, value in (("version", version), ("url", OFFER.url), ("md5", MD5), ("sign", MD5), ("signMethod", "Md5")):
        assert c4_lookup(text, key) == value
    assert c4_lookup(text, "module") == (None if module == "default" else module)
    assert c4_lookup(text, "dProtocol") is None
    assert c4_lookup(text, "message") == "success"
