"""What every MQTT dialect asks of a payload, and what a device's version is in each of them (issue 9, number 2)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects import payloads
from upwell.dialects.alibaba import device as alibaba
from upwell.dialects.huawei import device as huawei
from upwell.dialects.json_members import members
from upwell.dialects.payloads import json_object, storable
from upwell.dialects.tuya import channels
from upwell.dialects.tuya import device as tuya
from upwell.domain.errors import DeviceError
from upwell.domain.talk import VERSION_SIZE_MAX, SdkReport, VersionReport

MAP = channels.channels_of({})
HUAWEI_UP = "$oc/devices/p1_d1/sys/events/up"


def by_alibaba(raw: bytes) -> list[Any]:
    payload = b'{"id":1,"params":{"version":' + raw + b"}}"
    return [alibaba.read("/ota/device/inform/pk/dn", payload, "pk", "dn")]


def by_alibaba_module(raw: bytes) -> list[Any]:
    payload = b'{"id":1,"params":{"module":"default","version":' + raw + b"}}"
    return [alibaba.read("/ota/device/inform/pk/dn", payload, "pk", "dn")]


def by_tuya(raw: bytes) -> list[Any]:
    payload = b'{"msgId":"1","data":{"otaChannel":[{"channel":0,"version":' + raw + b"}]}}"
    return list(tuya.read("ota/firmware/report", payload, MAP))


def by_huawei(raw: bytes) -> list[Any]:
    payload = b'{"services":[{"service_id":"$ota","event_type":"version_report","paras":{"fw_version":' + raw + b"}}]}"
    return [said.heard for said in huawei.read(HUAWEI_UP, payload, "p1_d1")]


def by_huawei_sdk(raw: bytes) -> list[Any]:
    paras = b'{"device_sdk_version":7,"fw_version":' + raw + b"}"
    payload = b'{"services":[{"service_id":"$sdk_info","event_type":"sdk_info_report","paras":' + paras + b"}]}"
    heard = [said.heard for said in huawei.read(HUAWEI_UP, payload, "p1_d1")]
    assert heard[0] == SdkReport(version="7")
    return heard[1:]


SPEAKERS = [by_alibaba, by_alibaba_module, by_tuya, by_huawei, by_huawei_sdk]
everybody = pytest.mark.parametrize("speak", SPEAKERS)


def version(found: list[Any]) -> str | None:
    [report] = found
    assert isinstance(report, VersionReport) and report.module == "default"
    return report.version


@everybody
@pytest.mark.parametrize(
    "said",
    ["2.0+dev", "4.0 beta", " 2.0", "2.0\n", "版本", "v" * VERSION_SIZE_MAX, "😀", "/", '"', "-", "unknown", "١"],
)
def test_a_version_is_the_text_that_the_device_says(speak: Callable[[bytes], list[Any]], said: str) -> None:
    """Issue 9, number 2: what no package could have as its version is what the device runs all the same."""
    assert version(speak(json.dumps(said).encode())) == said
    assert version(speak(json.dumps(said, ensure_ascii=False).encode())) == said


@everybody
@pytest.mark.parametrize(
    "raw",
    [
        json.dumps("v" * (VERSION_SIZE_MAX + 1)).encode(), b'"2.0\\u0000"', b'"2.0\0"', b'"\\ud800"', b'"2.0\xff"',
        b'"\xb0\xe6"', b"true", b"{}", b"[]", b'["2.0"]', b"NaN",
    ],
)  # fmt: skip
def test_a_version_that_can_not_be_kept_is_unknown(speak: Callable[[bytes], list[Any]], raw: bytes) -> None:
    """Issue 9, number 2: never the former one, and never another text than was said."""
    assert version(speak(raw)) is None


@everybody
@pytest.mark.parametrize("raw", ["2.0", "2.00", "1e3", "7", "-1.50", "9" * 200])
def test_a_number_is_the_version_that_was_written(speak: Callable[[bytes], list[Any]], raw: str) -> None:
    """Issue 9, number 2: a device that writes its version without quotes has said it."""
    assert version(speak(raw.encode())) == raw


@pytest.mark.parametrize("raw", [b"null", b'""'])
def test_nothing_is_unknown_but_for_huawei(raw: bytes) -> None:
    """Issue 9, number 2: Huawei's SDKs leave parts empty of which they say nothing (huawei 5.6); elsewhere a version
    report without a version is one that nobody knows."""
    assert version(by_alibaba(raw)) is None and version(by_tuya(raw)) is None
    assert by_huawei(raw) == [] == by_huawei_sdk(raw)
    assert alibaba.read("/ota/device/inform/pk/dn", b'{"id":1,"params":{}}', "pk", "dn") == VersionReport(
        module="default", version=None, ref="1"
    )


@pytest.mark.parametrize("ref", ["1.5", "true", "{}", "[]", '"' + "1" * 65 + '"', "1" * 65, "1" * 5000])
def test_an_id_that_nobody_could_repeat_loses_no_report(ref: str) -> None:
    """Issue 9, number 2: nobody answers a report, so its id is as good as none."""
    inform = alibaba.read("/ota/device/inform/pk/dn", f'{{"id":{ref},"params":{{"version":"2"}}}}'.encode(), "pk", "dn")
    assert inform == VersionReport(module="default", version="2", ref="")
    said = f'{{"msgId":{ref},"time":1700000000,"data":{{"otaChannel":[{{"channel":0,"version":"2"}}]}}}}'
    assert tuya.read("ota/firmware/report", said.encode(), MAP) == (
        VersionReport(module="default", version="2", ref="@1700000000"),
    )


def test_what_is_not_understood_hides_nothing_beside_it() -> None:
    """Issue 9, number 2: a message of several parts is heard but for those that can't be understood."""
    entries = ["x", {"channel": 300, "version": "1"}, {"channel": 0, "version": "2.0"}, {"channel": 9, "version": ""}]
    payload = json.dumps({"data": {"otaChannel": entries}}).encode()
    found = tuya.read("ota/firmware/report", payload, MAP)
    assert [isinstance(each, DeviceError) for each in found] == [True, True, False, False]
    assert [each.version for each in found if isinstance(each, VersionReport)] == ["2.0", None]
    many = json.dumps({"data": {"otaChannel": [{"channel": n, "version": "1"} for n in range(70)]}}).encode()
    assert len(tuya.read("ota/firmware/report", many, MAP)) == tuya.CHANNELS_MAX + 1

    modules = [{"module_name": "a b", "module_version": "1"}, {"module_name": "mcu", "module_version": 3}]
    paras = {"fw_version": "F" * 300, "sw_version": "S1", "modules": modules}
    failed = {"service_id": "$ota", "event_type": "upgrade_progress_report", "paras": {"result_code": "x"}}
    told = {"service_id": "$ota", "event_type": "version_report", "paras": paras}
    said = huawei.read(HUAWEI_UP, json.dumps({"services": [failed, told]}).encode(), "p1_d1")
    versions = [each.heard for each in said if isinstance(each.heard, VersionReport)]
    assert [(each.module, each.version) for each in versions] == [("default", None), ("software", "S1"), ("mcu", "3")]
    assert sum(isinstance(each.heard, DeviceError) for each in said) == 2


AROUND = [b"", b"\0", b"\0\0\0", b"\xef\xbb\xbf", b" \r\n\t", b"\xef\xbb\xbf\0 ", b"\0\xef\xbb\xbf"]


@pytest.mark.parametrize("before", AROUND)
@pytest.mark.parametrize("behind", [*AROUND, b"\0old buffer}", b" \0\xff{"])
def test_what_c_devices_send_around_json_is_nothing(before: bytes, behind: bytes) -> None:
    """Issue 9, number 2: a NUL that ends a C string, what was in the buffer behind it, a byte order mark."""
    assert json_object(before + b'{"a": 1}' + behind) == {"a": 1}


@pytest.mark.parametrize("payload", [b"\0", b"\xef\xbb\xbf", b"{} x", b'{"a":1}}', b'{"a"\0:1}', b"1\0", b"\0{"])
def test_other_bytes_around_are_no_json(payload: bytes) -> None:
    with pytest.raises(DeviceError):
        json_object(payload)


def test_a_body_may_have_a_mark_and_a_nul_around_it() -> None:
    """Issue 9, number 2: management clients that save JSON with a byte order mark."""
    assert members(b'\xef\xbb\xbf{"a":1}\0\r\n') == {"a": 1} == members(b'\0{"a":1}\xef\xbb\xbf')
    assert members(b"\xef\xbb\xbf") == {} == members(b" \0")


@given(st.binary(max_size=40))
def test_whatever_is_kept_is_storable_and_what_was_said(said: bytes) -> None:
    raw = b'"' + said.replace(b'"', b"").replace(b"\\", b"") + b'"'
    for speak in SPEAKERS:
        for report in speak(raw):
            assert report.version is None or (report.version.encode() == raw[1:-1] and "\0" not in report.version)


def test_stray_bytes_show_as_such() -> None:
    assert storable(json_object(b'{"a":"x\xff\\ud800\0"}')["a"]) == "x\ufffd?"


def shown(value: Any) -> Any:
    """A value with the types of its numbers and how they were written."""
    if isinstance(value, dict):
        return {key: shown(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shown(each) for each in value]
    return type(value).__name__, getattr(value, "text", value)


def by(reader: Callable[[bytes], Any], payload: bytes) -> Any:
    try:
        return shown(reader(payload))
    except DeviceError as exc:
        return exc.problem


NUMBERS = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{0,20})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)
WORDS = st.text(max_size=8).map(json.dumps) | st.sampled_from(
    [
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\u0000"',
        '"\\/"',
        '"\x01"',
        '"\x7f"',
        "NaN",
        "Infinity",
        "-0",
        "true",
        "null",
        "nul",
        "[",
        "}",
        "1,",
    ]
)
VALUES = st.recursive(
    NUMBERS | WORDS, lambda inner: st.lists(inner, max_size=3).map(lambda each: f"[{','.join(each)}]")
)


@given(
    st.lists(st.tuples(WORDS, VALUES), max_size=4),
    st.sampled_from(["", " \n", "\ufeff", "\0x", "x"]),
    st.binary(max_size=3),
)
def test_what_is_read_fast_is_read_alike(members: list[tuple[str, str]], end: str, stray: bytes) -> None:
    """The strict reader is tried first, and says what the patient one would."""
    payload = ("{" + ",".join(f"{name}:{value}" for name, value in members) + "}" + end).encode("utf-8", "replace")
    for one in (payload, payload + stray, stray + payload, payload.replace(b"a", b"\xff"), payload[:-1]):
        assert by(json_object, one) == by(payloads._lenient, one)


@pytest.mark.parametrize("digits", [399, 400, 401, 5000])
def test_a_number_of_many_digits_is_read_alike(digits: int) -> None:
    payload = b'{"a":' + b"9" * digits + b"}"
    assert by(json_object, payload) == by(payloads._lenient, payload)
