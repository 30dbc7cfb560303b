"""How Huawei devices log in: the vendor's example, client ids of every kind, and the window of sign_type 1."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.huawei import login
from upwell.domain.errors import DeviceError

PASSWORD = b"c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a"  # huawei 5.1, the vendor's example
HOUR = datetime(2025, 4, 14, 1, tzinfo=UTC)


def claim(sign_type: int = 0, device_id: str = "dev_1") -> login.LoginClaim:
    return login.parse(f"{device_id}_0_{sign_type}_2025041401", device_id)


def test_the_vendors_example() -> None:
    assert login.verify(claim(), ("12345678",), PASSWORD)
    assert claim() == login.LoginClaim(device_id="dev_1", timed=False, timestamp="2025041401", hour=HOUR)


def test_either_secret_opens_and_no_other_does() -> None:
    assert login.verify(claim(), ("primary", "12345678"), PASSWORD)
    assert login.verify(claim(), ("12345678", "secondary"), PASSWORD)
    assert not login.verify(claim(), ("primary", "secondary"), PASSWORD)
    assert not login.verify(claim(), (), PASSWORD)
    assert not login.verify(claim(), ("12345678",), b"")
    assert not login.verify(claim(), ("12345678",), PASSWORD.upper())  # huawei 5.1: lower case


def test_the_timestamp_is_the_key() -> None:
    swapped = hmac.new(b"12345678", b"2025041401", "sha256").hexdigest().encode()
    assert not login.verify(claim(), ("12345678",), swapped)


@given(st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True))
def test_the_client_id_is_read_from_the_right(device_id: str) -> None:
    assert claim(1, device_id).device_id == device_id


REFUSED = [
    ("", "", "client id must be"),
    ("dev_0_0_202504140", "dev", "client id must be"),
    ("dev_0_0_20250414011", "dev", "client id must be"),
    ("dev_0_0_2025041401\n", "dev", "client id must be"),
    ("_0_0_2025041401", "", "client id must be"),
    ("d" * 129 + "_0_0_2025041401", "d" * 129, "client id must be"),
    ("d/v_0_0_2025041401", "d/v", "client id must be"),
    ("dev_3_0_2025041401", "dev", "bridges and scope ids"),
    ("dev_0_scope_0_2025041401", "dev", "client id must be"),
    ("dev_0_77_0_2025041401", "dev", "bridges and scope ids"),
    ("dev_0_2_2025041401", "dev", "sign_type must be 0 or 1"),
    ("dev_0_0_2025041401", "other", "username must be the device id"),
    ("dev_0_0_2025041401", "dev_0", "username must be the device id"),
    ("dev_0_0_2025041424", "dev", "no hour that exists"),
    ("dev_0_1_2025023001", "dev", "no hour that exists"),
    ("dev_0_0_0000010100", "dev", "no hour that exists"),
]


@pytest.mark.parametrize(("client_id", "username", "problem"), REFUSED)
def test_what_can_not_be_understood_is_refused(client_id: str, username: str, problem: str) -> None:
    with pytest.raises(DeviceError, match=problem):
        login.parse(client_id, username)


@pytest.mark.parametrize(
    ("minutes", "timely"), [(-61, False), (-60, True), (0, True), (59, True), (119, True), (120, False)]
)
def test_the_window_of_sign_type_1(minutes: int, timely: bool) -> None:
    now = HOUR + timedelta(minutes=minutes)
    assert login.is_timely(claim(1), now) is timely
    assert login.is_timely(claim(0), now)


def test_a_device_without_a_clock() -> None:
    """Issue 9, number 14: the year 1970 opens with sign_type 0, whose time nobody checks, and not with sign_type 1."""
    for timestamp in ("1970010100", "1970010123", "2000010100", "2106020706"):
        password = hmac.new(timestamp.encode(), b"s", "sha256").hexdigest().encode()
        for sign_type in (0, 1):
            asked = login.parse(f"dev_0_{sign_type}_{timestamp}", "dev")
            assert login.verify(asked, ("s",), password)
            assert login.is_timely(asked, HOUR) is (sign_type == 0)


def test_a_wider_tolerance_lets_local_time_pass() -> None:
    shanghai = HOUR - timedelta(hours=8)
    assert not login.is_timely(claim(1), shanghai)
    assert login.is_timely(claim(1), shanghai, timedelta(hours=8))
    assert not login.is_timely(claim(1), shanghai, timedelta(hours=8) - timedelta(seconds=1))
