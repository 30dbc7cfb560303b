"""The words of simulated devices: the references' vectors, and pushes that a real device would misread."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from upwell.simulator.speech import HUAWEI_CODES, SPEECHES, TUYA_CODES, seal_of
from upwell.simulator.wire import DeviceIdentity, Offer, PacketReader, Suback, WireError, subscribe

NAME, SECRET = "264fcea74768270efd0001", "ca690fedd80a1234"
ME = DeviceIdentity("pid", NAME, SECRET, "1.0.0", "tuya")
TUYA = SPEECHES["tuya"]
IMAGE = b"tuya-ota-test-firmware\n"
HMAC = "6C2D11EE53C584D0800F9417AA4BCF4A3F32D02433D6FB089CDEA12C858B79C4"  # tuya 4.8


def push(**changes: Any) -> bytes:
    data = {"size": "23", "cdnUrl": "http://h/x", "hmac": HMAC, "channel": 0, "upgradeType": 0, "execTime": 0}
    data |= {"httpsUrl": "http://h/x", "version": "2.0.0", "url": "http://h/x", "md5": hashlib.md5(IMAGE).hexdigest()}
    time = changes.pop("time", 1_705_973_278)
    return json.dumps({"data": data | changes, "msgId": "1", "time": time, "version": "1.0"}).encode()


def test_the_login_is_the_references_vector_with_sixteen_bytes_of_the_secret() -> None:
    password = "d323a23b5b37bf15b11e28e1f93ca69cf2c9df03a64633169588641288ad229e"
    username = f"{NAME}|signMethod=hmacSha256,timestamp=1700000000,secureMode=1,accessType=1"
    for secret in (SECRET, SECRET + "EXTRA"):
        me = DeviceIdentity("pid", NAME, secret, "1.0.0", "tuya")
        assert TUYA.login(me) == (f"tuyalink_{NAME}", username, password)


def test_the_one_subscription_and_its_answer() -> None:
    topic = TUYA.subscription(ME)
    assert topic == f"tylink/{NAME}/channel/downlink/auto_subscribe" and len(topic) < 64
    assert subscribe("a", 10) == b"\x82\x06\x00\x0a\x00\x01a\x01"
    assert PacketReader().feed(b"\x90\x03\x00\x0a\x01") == [Suback(10, b"\x01")]
    assert SPEECHES["alibaba"].subscription(ME) is None


def test_reports() -> None:
    topic, payload = TUYA.inform(ME, "1.0.0", 1, 1_700_000_000)
    assert (topic, payload.decode()) == (
        f"tylink/{NAME}/ota/firmware/report",
        '{"msgId":"0","time":1700000000,"data":{"bizType":"INIT","pid":"pid","otaChannel":'
        '[{"channel":0,"version":"1.0.0"}]}}',
    )
    topic, payload = TUYA.step(ME, 33, "", 2, 1)
    assert (topic, json.loads(payload)["data"]) == (
        f"tylink/{NAME}/ota/progress/report",
        {"channel": 0, "progress": 33},
    )
    for step, code in TUYA_CODES.items():
        data = json.loads(TUYA.step(ME, step, "w" * 40, 3, 1)[1])["data"]
        assert data == {"channel": 0, "errorCode": code, "errorMsg": "w" * 20}


def test_an_offer_and_its_seal() -> None:
    offer = TUYA.offer(ME, push())
    assert offer == Offer("2.0.0", 23, "http://h/x", (("md5", hashlib.md5(IMAGE).hexdigest()),), HMAC.lower())
    digest = hashlib.sha256(IMAGE).hexdigest()
    assert seal_of(SECRET, digest) == HMAC.lower()
    assert seal_of(SECRET, digest) != hmac.new(SECRET.encode(), IMAGE, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 23},
        {"size": "x"},
        {"md5": hashlib.md5(IMAGE).hexdigest().upper()},
        {"hmac": HMAC.lower()},
        {"hmac": HMAC[:-1]},
        {"channel": 9},
        {"url": None},
        {"time": 1_705_973_278_000},
        {"time": "1705973278"},
        {"cdnUrl": "x" * 4096},
    ],
)
def test_what_a_real_device_would_misread(changes: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        TUYA.offer(ME, push(**changes))


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"data":{}}', b'{"data":1,"time":1}'])
def test_what_is_no_offer(payload: bytes) -> None:
    with pytest.raises(WireError):
        TUYA.offer(ME, payload)


# --- Huawei ---------------------------------------------------------------------------------------------------------

HUAWEI = SPEECHES["huawei"]
US = DeviceIdentity("p1", "dev1", "12345678", "V1.0", "huawei")
UP, DOWN = "$oc/devices/p1_dev1/sys/events/up", "$oc/devices/p1_dev1/sys/events/down"
SIGN = hashlib.sha256(IMAGE).hexdigest()


def event(kind: str = "firmware_upgrade_v2", to: str = "p1_dev1", **changes: Any) -> bytes:
    paras = {"version": "V2.0", "url": "http://127.0.0.1:80/f?v2", "file_size": 23, "expires": 86400, "sign": SIGN}
    paras = {name: value for name, value in (paras | changes).items() if value is not None}
    service = {"service_id": "$ota", "event_type": kind, "event_time": "20260629T101010Z", "paras": paras}
    return json.dumps({"object_device_id": to, "services": [service]}).encode()


def test_a_huawei_login_names_the_device_and_proves_its_secret() -> None:
    client_id, username, password = HUAWEI.login(US)
    assert (client_id, username) == ("p1_dev1_0_0_2026010100", "p1_dev1")
    assert password == hmac.new(b"2026010100", b"12345678", hashlib.sha256).hexdigest()
    assert HUAWEI.login(DeviceIdentity("", "own", "s", "1", "huawei"))[1] == "own"
    assert HUAWEI.subscription(US) is None and HUAWEI.push_topic(US) == DOWN


def test_huawei_reports_name_what_runs_until_it_restarts() -> None:
    topic, payload = HUAWEI.inform(US, "V2.0", 1, 1_700_000_000)
    assert (topic, payload.decode()) == (
        UP,
        '{"object_device_id":"p1_dev1","services":[{"service_id":"$ota","event_type":"version_report",'
        '"event_time":"20231114T221320Z","paras":{"fw_version":"V2.0","sw_version":"V2.0"}}]}',
    )
    told = {"result_code": 0, "progress": 100, "version": "V1.0", "description": ""}
    assert json.loads(HUAWEI.step(US, 100, "", 2, 1)[1])["services"][0]["paras"] == told
    for step, code in HUAWEI_CODES.items():
        paras = json.loads(HUAWEI.step(US, step, "why", 2, 1)[1])["services"][0]["paras"]
        assert (paras["result_code"], paras["progress"], paras["description"]) == (code, 0, "why")


def test_a_huawei_question_and_offer() -> None:
    assert HUAWEI.asks(US, event("version_query")) and not HUAWEI.asks(US, event())
    assert not TUYA.asks(ME, push()) and not SPEECHES["alibaba"].asks(ME, b"")
    assert HUAWEI.offer(US, event()) == Offer("V2.0", 23, "http://127.0.0.1:80/f?v2", (("sha256", SIGN),))
    assert HUAWEI.offer(US, event("software_upgrade", access_token="t")).token == "t"
    assert HUAWEI.offer(US, event(sign=SIGN.upper())).digests == (("sha256", SIGN),)
    assert HUAWEI.offer(US, event(sign=None)).digests == ()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"object_device_id":"p1_dev1","services":[]}',
        event(to=""),
        event(to="p1_dev2"),
        event("firmware_upgrade"),
        event("firmware_upgrade", access_token=""),
        event("module_upgrade_v2"),
        event(access_token="t"),
        event(file_size="23"),
        event(expires="86400"),
        event("firmware_upgrade", access_token="t", sign=SIGN.upper()),
        event("firmware_upgrade", access_token="t", sign=None),
        event(sign="g" * 64),
        event(url="http://127.0.0.1/f?v2"),
        event(url="http://127.0.0.1:80/f"),
        event(url=None),
    ],
)
def test_what_a_huawei_device_would_misread(payload: bytes) -> None:
    with pytest.raises(WireError):
        HUAWEI.offer(US, payload)
