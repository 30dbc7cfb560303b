"""MQTT logins of Tuya devices: the reference's vectors, an independent signer, and what must not pass."""

import hashlib
import hmac

import pytest

from upwell.dialects.tuya import login
from upwell.domain.errors import DeviceError

DEVICE = "264fcea74768270efd0001"
SECRET = "ca690fedd80a1234"
USERNAME = f"{DEVICE}|signMethod=hmacSha256,timestamp=1700000000,secureMode=1,accessType=1"
PASSWORD = b"d323a23b5b37bf15b11e28e1f93ca69cf2c9df03a64633169588641288ad229e"
LONG_PASSWORD = b"d1e2c80c472b09702c9772d5a573d7d666b28364fec3b031839a4f279fad34fb"


def claim(username: str = USERNAME, client_id: str = f"tuyalink_{DEVICE}") -> login.LoginClaim:
    found = login.parse(client_id, username)
    assert found is not None
    return found


def signed(content: str, digest: str = "sha256", key: str = SECRET) -> bytes:
    return hmac.new(key.encode(), content.encode(), digest).hexdigest().encode()


def test_the_references_vector() -> None:
    assert claim().device_id == DEVICE
    assert login.verify(claim(), SECRET, PASSWORD)
    assert not login.verify(claim(), SECRET.upper(), PASSWORD)


def test_a_longer_secret_passes_by_the_documented_rule_and_by_the_sdks_sixteen_bytes() -> None:
    assert login.verify(claim(), SECRET + "EXTRA", LONG_PASSWORD)
    assert login.verify(claim(), SECRET + "EXTRA", PASSWORD)
    assert not login.verify(claim(), SECRET, LONG_PASSWORD)


@pytest.mark.parametrize("method", ["HMACSHA1", "hmacSha1"])
def test_hmac_sha1_has_forty_digits(method: str) -> None:
    asked = claim(USERNAME.replace("hmacSha256", method))
    ours = signed(f"deviceId={DEVICE},timestamp=1700000000,secureMode=1,accessType=1", "sha1")
    assert len(ours) == 40
    assert login.verify(asked, SECRET, ours)
    assert not login.verify(asked, SECRET, PASSWORD)


def test_both_spellings_of_secure_mode_and_either_one_signed() -> None:
    asked = claim(USERNAME.replace("secureMode", "securemode"))
    assert login.verify(asked, SECRET, PASSWORD)
    assert login.verify(asked, SECRET, signed(f"deviceId={DEVICE},timestamp=1700000000,securemode=1,accessType=1"))
    other_order = claim(f"{DEVICE}|timestamp=1700000000,accessType=1,secureMode=1,signMethod=HMACSHA256")
    assert login.verify(other_order, SECRET, PASSWORD)


def test_stale_and_millisecond_timestamps_pass() -> None:
    """Issue 9, number 14: without a clock, the C SDK prints its timer as it is."""
    clockless = ("0", "1", "35", "86400", "4294967295", "-1", "-2147483648")
    for stamp in ("0000000001", "1700000000000", "4102444800", *clockless):
        content = f"deviceId={DEVICE},timestamp={stamp},secureMode=1,accessType=1"
        assert login.verify(claim(USERNAME.replace("1700000000", stamp)), SECRET, signed(content))


@pytest.mark.parametrize("password", [b"", PASSWORD.upper(), PASSWORD[:-1], PASSWORD + b"0", b"\xff" * 64, b"0" * 64])
def test_wrong_passwords(password: bytes) -> None:
    assert not login.verify(claim(), SECRET, password)


@pytest.mark.parametrize(
    ("client_id", "username"),
    [
        (f"tuyalink_{DEVICE}", ""),
        (f"tuyalink_{DEVICE}", DEVICE),
        (f"tuyalink_{DEVICE}", USERNAME.replace(DEVICE, "other")),
        (f"tuyalink_{DEVICE}", USERNAME.replace("hmacSha256", "hmacMd5")),
        (f"tuyalink_{DEVICE}", USERNAME.replace("1700000000", "17000000000")),
        (f"tuyalink_{DEVICE}", USERNAME.replace("1700000000", "now")),
        (f"tuyalink_{DEVICE}", USERNAME.replace("1700000000", "")),
        (f"tuyalink_{DEVICE}", USERNAME.replace("1700000000", "3.5")),
        (f"tuyalink_{DEVICE}", USERNAME.replace("1700000000", "0x23")),
        (f"tuyalink_{DEVICE}", USERNAME.replace("1700000000", "٣٥")),
        (f"tuyalink_{DEVICE}", USERNAME.replace("secureMode=1", "secureMode=2")),
        (f"tuyalink_{DEVICE}", USERNAME.replace(",accessType=1", "")),
        (f"tuyalink_{DEVICE}", USERNAME + "," + "x" * 300),
        ("tuyalink_", USERNAME.replace(DEVICE, "")),
        ("tuyalink_a/b", USERNAME.replace(DEVICE, "a/b")),
    ],
)
def test_what_is_tuyas_and_malformed(client_id: str, username: str) -> None:
    with pytest.raises(DeviceError):
        login.parse(client_id, username)


@pytest.mark.parametrize(
    ("client_id", "username"),
    [("pk.dev|securemode=3,signmethod=hmacsha256|", "dev&pk"), ("dev_0_0_2024010100", "dev"), ("", ""), ("a b", "a b")],
)
def test_what_is_another_vendors(client_id: str, username: str) -> None:
    assert login.parse(client_id, username) is None


def test_the_older_protocols_login() -> None:
    asked = claim(DEVICE, DEVICE)
    password = hashlib.md5(SECRET.encode()).hexdigest()[8:24].encode()
    assert asked.device_id == DEVICE
    assert login.verify(asked, SECRET, password)
    assert not login.verify(asked, SECRET + "x", password)
    assert not login.verify(asked, SECRET, PASSWORD)
