"""TuyaLink payloads in both directions: golden bytes, both ends of every bound, and what must not pass."""

import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.tuya import channels, device, gateway, offers
from upwell.domain.errors import DeviceError, Invalid
from upwell.domain.talk import Offer, OfferedFile, OfferRequest, ProgressReport, TaskRef, VersionReport

DEVICE = "264fcea74768270efd0001"
SECRET = "ca690fedd80a1234"
NOW_S = 1_705_973_278
MAP = channels.DEFAULTS
IMAGE = b"tuya-ota-test-firmware\n"
TASK = TaskRef(device_id=UUID(int=7), job_id=1836340779212660001)
OFFER = Offer(
    task=TASK, module="default", version="1.0.1", size=len(IMAGE), md5=hashlib.md5(IMAGE).hexdigest().upper(),
    sha256=hashlib.sha256(IMAGE).hexdigest(), url="http://127.0.0.1:8687/ota/x", is_delta=False, udi=None, tags=(),
)  # fmt: skip


def offer(**changes: Any) -> Offer:
    given = {name: getattr(OFFER, name) for name in Offer.__dataclass_fields__}
    return Offer(**(given | changes))


def said(data: Any, msg_id: Any = "0", time: Any = 1_700_000_000) -> bytes:
    return json.dumps({"msgId": msg_id, "time": time, "data": data}).encode()


# --- up ------------------------------------------------------------------------------------------------------------


def test_a_report_of_several_channels_is_several_version_reports() -> None:
    listed = [{"channel": 0, "version": "1.0.0"}, {"channel": 9, "version": "0.0.1"}, {"channel": 3, "version": "7"}]
    expected = (
        VersionReport(module="default", version="1.0.0", ref="0@1700000000"),
        VersionReport(module="MCU", version="0.0.1", ref="0@1700000000"),
        VersionReport(module="channel3", version="7", ref="0@1700000000"),
    )
    for kind in ("INIT", "UPDATE"):
        assert device.read("ota/firmware/report", said({"bizType": kind, "otaChannel": listed}), MAP) == expected


def test_the_c_demos_init_report() -> None:
    payload = (
        b'{"msgId":"0","time":1700000000,"data":{"bizType":"INIT","pid":"fnrwpglflmbhjvvh","firmwareKey":'
        b'"keym9qkuywghyrvs","otaChannel":[{"channel":0,"version":"1.0.0"}]}}'
    )
    assert device.read("ota/firmware/report", payload, MAP) == (
        VersionReport(module="default", version="1.0.0", ref="0@1700000000"),
    )


@pytest.mark.parametrize("suffix", ["ota/progress/report", "ota/progress"])
def test_progress(suffix: str) -> None:
    def read(data: Any) -> Any:
        return device.read(suffix, said(data), MAP)

    assert read({"channel": 0, "progress": 98}) == (
        ProgressReport(module="default", step=98, desc="", ref="0@1700000000"),
    )
    assert read({"channel": 9, "progress": "7"})[0] == ProgressReport(module="MCU", step=7, desc="", ref="0@1700000000")
    for good in (0, 100):
        assert read({"channel": 0, "progress": good})[0].step == good
    for bad in (-1, 101, None, True, "x", [], 1e300):
        with pytest.raises(DeviceError):
            read({"channel": 0, "progress": bad})


@pytest.mark.parametrize("code", [*range(40, 51), 99])
def test_an_error_code_is_a_failure_with_its_text(code: int) -> None:
    data = {"channel": 9, "errorCode": code, "errorMsg": "flash 太小"}
    assert device.read("ota/progress/report", said(data), MAP) == (
        ProgressReport(module="MCU", step=-code, desc=f"{code}:flash 太小", ref="0@1700000000"),
    )


def test_an_error_code_without_words_and_one_that_is_none() -> None:
    assert device.read("ota/progress/report", said({"errorCode": "45"}), MAP)[0].desc == "45:"  # type: ignore[union-attr]
    none = device.read("ota/progress/report", said({"errorCode": 0, "progress": 5}), MAP)[0]
    assert isinstance(none, ProgressReport) and none.step == 5


@pytest.mark.parametrize("suffix", ["ota/get", "ota/firmware/get"])
def test_get(suffix: str) -> None:
    asked = OfferRequest(module=None, ref="12", manner="get")
    assert device.read(suffix, said({}, "12"), MAP) == (asked,)
    assert device.read(suffix, b'{"msgId":"12","time":1}', MAP) == (asked,)
    assert device.read(suffix, said({"channel": 9}, 12), MAP) == (OfferRequest(module="MCU", ref="12", manner="get"),)


def test_a_msg_id_alone_recognises_no_repeated_report() -> None:
    for time in (0, 17, None, "x"):
        report = device.read("ota/progress/report", said({"progress": 1}, "0", time), MAP)[0]
        assert report.ref == ""


@pytest.mark.parametrize(
    ("suffix", "payload"),
    [
        ("ota/firmware/report", b"[]"),
        ("ota/firmware/report", b"{"),
        ("ota/firmware/report", b"x" * 20_000),
        ("ota/firmware/report", said([])),
        ("ota/firmware/report", said({"otaChannel": []})),
        ("ota/firmware/report", said({"otaChannel": ["1"]})),
        ("ota/firmware/report", said({"otaChannel": [{"channel": 256, "version": "1"}]})),
        ("ota/firmware/report", said({"otaChannel": [{"channel": -1, "version": "1"}]})),
        ("ota/get", said({}, "x" * 33)),
        ("ota/get", said({}, [1])),
        ("ota/get", said({}, 10**40)),
    ],
)
def test_what_cannot_be_understood(suffix: str, payload: bytes) -> None:
    with pytest.raises(DeviceError):
        device.read(suffix, payload, MAP)


@given(st.binary(max_size=200), st.sampled_from(["ota/firmware/report", "ota/progress/report", "ota/get", "x"]))
def test_no_bytes_break_the_reader(payload: bytes, suffix: str) -> None:
    try:
        device.read(suffix, payload, MAP)
    except DeviceError:
        return


def test_topics_of_its_own() -> None:
    for topic in ("tylink/d1/ota/get", "tylink/d1/thing/x/y", "smart/device/out/d1", "smart/device/in/d1"):
        assert device.own_topic(topic, "d1")
        assert device.device_of(topic) == "d1"
        assert not device.own_topic(topic, "d2")
        assert not device.own_topic(topic + "/#", "d1")
    for wrong in (
        "tylink/d1/",
        "tylink/d1",
        "tylink/+/ota/issue",
        "tylink/d11/x",
        "/tylink/d1/x",
        "smart/device/in/d1/x",
    ):
        assert not device.own_topic(wrong, "d1")
    assert device.own_filter("tylink/d1/channel/downlink/auto_subscribe", "d1")
    assert device.own_filter("tylink/d1/#", "d1") and device.own_filter("tylink/d1/ota/+", "d1")
    for wrong in ("#", "tylink/#", "tylink/+/ota/issue", "tylink/d1/#/x", "tylink/d1/a+", "tylink/d2/#"):
        assert not device.own_filter(wrong, "d1")


# --- channels --------------------------------------------------------------------------------------------------------


def test_channels_of_a_product() -> None:
    assert channels.channels_of({}) == {0: "default", 9: "MCU"}
    assert channels.channels_of({"TuyaChannels": "3:zigbee,10:x"}) == {0: "default", 3: "zigbee", 10: "x"}
    for broken in ("", "0:x", 7, "9:", None, "3:default", "9:MCU,3:default", "3:Default"):
        assert channels.channels_of({"TuyaChannels": broken}) == {0: "default", 9: "MCU"}
    for channel, module in ((0, "default"), (9, "MCU"), (3, "channel3")):
        assert channels.module_of(MAP, channel) == module
        assert channels.channel_of(MAP, module) == channel
    for written, channel in (
        ("mcu", 9),
        ("Mcu", 9),
        ("DEFAULT", 0),
        ("CHANNEL3", 3),
    ):  # issue 9, number 21: in any case
        assert channels.channel_of(MAP, written) == channel
    for strange in ("software", "channel9", "channel0", "channel300", "channel"):
        assert channels.channel_of(MAP, strange) is None


# --- down ----------------------------------------------------------------------------------------------------------


def test_the_hmac_of_the_reference() -> None:
    assert hashlib.md5(IMAGE).hexdigest() == "109fe85cbe2c93d5c0dd46142a6708d3"
    assert offers.firmware_hmac(SECRET, hashlib.sha256(IMAGE).hexdigest()) == (
        "6C2D11EE53C584D0800F9417AA4BCF4A3F32D02433D6FB089CDEA12C858B79C4"
    )
    upper = hashlib.sha256(IMAGE).hexdigest().upper()
    assert upper == "F299C4702FFAC8054E1B0E4398AF428939D6832241C30CF1D249F7F6BE95CAA4"
    ours = hmac.new(b"other-secret", upper.encode(), hashlib.sha256).hexdigest().upper()
    assert offers.firmware_hmac("other-secret", upper.lower()) == ours


def test_issue_is_golden() -> None:
    topic, payload = offers.issue(OFFER, DEVICE, SECRET, MAP, NOW_S)
    assert topic == f"tylink/{DEVICE}/ota/issue"
    url = "http://127.0.0.1:8687/ota/x"
    assert payload.decode() == (
        f'{{"data":{{"size":"23","cdnUrl":"{url}",'
        '"hmac":"6C2D11EE53C584D0800F9417AA4BCF4A3F32D02433D6FB089CDEA12C858B79C4","channel":0,"upgradeType":0,'
        f'"execTime":0,"httpsUrl":"{url}","version":"1.0.1","url":"{url}","md5":"109fe85cbe2c93d5c0dd46142a6708d3"}},'
        '"msgId":"1836340779212660001","time":1705973278,"version":"1.0"}'
    )


def test_https_members_are_https_where_there_is_such_an_address() -> None:
    """Issue 9, number 9: the C SDK's client knows TLS alone and takes `httpsUrl`; `url` stays what it is."""
    secure = "https://fw.example:8688/ota/x"
    asked = OfferRequest(module=None, ref="41", manner="get")
    pushed = json.loads(offers.issue(OFFER, DEVICE, SECRET, MAP, NOW_S, secure)[1])["data"]
    answered = json.loads(offers.get_response(OFFER, asked, DEVICE, SECRET, MAP, NOW_S, secure)[1])["data"]
    for data in (pushed, answered):
        assert (data["url"], data["httpsUrl"], data["cdnUrl"]) == (OFFER.url, secure, secure)
    with pytest.raises(Invalid, match="url"):
        offers.issue(OFFER, DEVICE, SECRET, MAP, NOW_S, "https://h/" + "a" * 246)


def test_get_response_is_golden() -> None:
    asked = OfferRequest(module=None, ref="41", manner="get")
    topic, nothing = offers.get_response(None, asked, DEVICE, SECRET, MAP, NOW_S)
    assert (topic, nothing) == (
        f"tylink/{DEVICE}/ota/get_response",
        b'{"msgId":"41","time":1705973278,"code":0,"data":{}}',
    )
    something = json.loads(offers.get_response(OFFER, asked, DEVICE, SECRET, MAP, NOW_S)[1])
    assert something["data"] == json.loads(offers.issue(OFFER, DEVICE, SECRET, MAP, NOW_S)[1])["data"]
    assert (something["msgId"], something["code"]) == ("41", 0)


def test_what_differs_by_module_and_device() -> None:
    mcu = json.loads(offers.issue(offer(module="MCU"), DEVICE, SECRET, MAP, NOW_S)[1])["data"]
    assert mcu["channel"] == 9
    other = json.loads(offers.issue(OFFER, DEVICE, SECRET + "x", MAP, NOW_S)[1])["data"]
    assert other["hmac"] != json.loads(offers.issue(OFFER, DEVICE, SECRET, MAP, NOW_S)[1])["data"]["hmac"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"module": "software"}, "module"),
        ({"is_delta": True}, "is_delta"),
        ({"protocol": "MQTT"}, "protocol"),
        ({"files": (OfferedFile(name="a", url="u", size=1, md5="", sha256=""),)}, "files"),
        ({"url": "http://h/" + "a" * 247}, "url"),
        ({"url": 'http://h/"'}, "url"),
        ({"md5": ""}, "md5"),
        ({"sha256": "x"}, "sha256"),
    ],
)
def test_offers_that_a_device_would_misread(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        offers.issue(offer(**changes), DEVICE, SECRET, MAP, NOW_S)
    assert caught.value.field == field


def test_bounds_of_a_packet() -> None:
    topic, payload = offers.issue(offer(url="http://h/" + "a" * 246, version="v" * 64), DEVICE, SECRET, MAP, NOW_S)
    assert len(topic) + len(payload) + 7 < 4096
    assert json.loads(offers.response("t", "1", 10**12)[1])["time"] == 9_999_999_999
    with pytest.raises(Invalid):
        offers.issue(OFFER, "d" * 4000, SECRET, MAP, NOW_S)


# --- sub-devices and the rest ----------------------------------------------------------------------------------------


def test_requests_about_sub_devices() -> None:
    assert gateway.request("ota/get", b"{}") is None
    bind = gateway.request("device/sub/bind", said([{"productId": "p", "nodeId": "n", "clientId": "c"}], "5"))
    assert bind is not None
    assert (bind.subs[0].product_key, bind.subs[0].names, bind.subs[0].client_id) == ("p", ("n", "c"), "c")
    assert bind.answer("gw", NOW_S, 0, [gateway.named("p", "n", "c")]) == (
        "tylink/gw/device/sub/bind_response",
        b'{"msgId":"5","time":1705973278,"code":0,"data":[{"productId":"p","clientId":"c","deviceId":"n"}]}',
    )
    login = gateway.request("device/sub/login", said(["s1", "s2"]))
    assert login is not None and [sub.names for sub in login.subs] == [("s1",), ("s2",)]
    assert login.answer("gw", NOW_S, 0) is None
    get = gateway.request("device/topo/get", b'{"msgId":"1","time":1}')
    assert get is not None and get.subs == ()
    for bad in (said([]), said({}), said([1.5]), said([{}]), said(["x" * 65]), said(["x"] * 101)):
        with pytest.raises(DeviceError):
            gateway.request("device/sub/login", bad)
    assert gateway.request("device/sub/login", said(["x"] * 100)) is not None


@pytest.mark.parametrize("content", ["deviceIds1productIdptimestamp17", "deviceId=s1,productId=p,timestamp=17"])
@pytest.mark.parametrize(("method", "digest"), [("hmacSha1", "sha1"), ("hmacSha256", "sha256")])
def test_the_proof_of_a_sub_device(content: str, method: str, digest: str) -> None:
    sign = hmac.new(SECRET.encode(), content.encode(), digest).hexdigest()
    entry = {"productId": "p", "deviceId": "s1", "sign": sign, "signMethod": method, "timestamp": 17}
    asked = gateway.request("device/topo/add", said([entry]))
    assert asked is not None
    assert asked.subs[0].proven_by(SECRET) and not asked.subs[0].proven_by(SECRET + "x")
    forged = gateway.request("device/topo/add", said([entry | {"deviceId": "s2"}]))
    assert forged is not None and not forged.subs[0].proven_by(SECRET)


def answered(suffix: str, payload: bytes) -> tuple[str, bytes] | None:
    found = gateway.reply(suffix, payload, "d")
    return None if found is None else found(NOW_S * 1000)


def test_plain_answers() -> None:
    assert answered("ext/time/request", said({"bizType": "NTP", "dst": 5}, "9")) == (
        "tylink/d/ext/time/response",
        b'{"msgId":"9","time":1705973278,"code":0,"data":{"bizType":"NTP","dst":5,"srt":1705973278000,'
        b'"sst":1705973278000}}',
    )
    daylight = answered("ext/time/request", said({"bizType": "DST", "timezoneId": "asia/shanghai"}))
    assert daylight is not None and json.loads(daylight[1])["code"] != 0
    assert answered("ext/config/get", said({}, "3")) == (
        "tylink/d/ext/config/get_response",
        b'{"msgId":"3","time":1705973278,"code":0,"data":{}}',
    )
    acked = b'{"msgId":"4","time":1,"sys":{"ack":1},"data":{}}'
    assert answered("thing/property/report", acked) == (
        "tylink/d/thing/property/report_response",
        b'{"msgId":"4","time":1705973278,"code":0}',
    )
    for silent in (b'{"msgId":"4","sys":{"ack":0}}', b'{"msgId":"4"}', b'{"sys":1}'):
        assert answered("thing/property/report", silent) is None
    assert answered("thing/property/set_response", acked) is None
    assert answered("channel/raw/up", b"\x00") is None
