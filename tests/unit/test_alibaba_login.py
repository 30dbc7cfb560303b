"""MQTT logins of the Alibaba device SDKs: the reference's vectors and what must not pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects.alibaba import login
from upwell.domain.errors import DeviceError

LINKKIT = "a1pk&dev1|securemode=3,signmethod=hmacsha1,ext=1,_ss=1,lan=Python,_v=1.2.13,timestamp=1700000000|"
C4 = "a1pk.dev1|timestamp=2524608000000,_ss=1,_v=sdk-c-4.1.0,securemode=3,signmethod=hmacsha256,ext=3,|"

VECTORS = [
    (
        LINKKIT,
        "clientIda1pk&dev1deviceNamedev1productKeya1pktimestamp1700000000",
        b"4d61bbcf48625808e8ee77fe28edab06cba31149",
    ),
    (
        C4,
        "clientIda1pk.dev1deviceNamedev1productKeya1pktimestamp2524608000000",
        b"289FD61F7D62B57592AC14E13F17BA6362461289EDDB73815304B6FA19072875",
    ),
    ("abc||", "clientIdabcdeviceNamedev1productKeya1pk", b"80a77c658d49217ccef70a78a4cf748f"),
    ("abc|signmethod=hmacmd5|", "clientIdabcdeviceNamedev1productKeya1pk", b"80a77c658d49217ccef70a78a4cf748f"),
    ("abc", "clientIdabcdeviceNamedev1productKeya1pk", b"80a77c658d49217ccef70a78a4cf748f"),
]


@pytest.mark.parametrize(("client_id", "content", "password"), VECTORS)
def test_vectors(client_id: str, content: str, password: bytes) -> None:
    claim = login.parse(client_id, "dev1&a1pk")
    assert (claim.product_key, claim.device_name, claim.content) == ("a1pk", "dev1", content)
    assert login.verify(claim, "secret", password)
    assert login.verify(claim, "secret", password.swapcase())
    assert not login.verify(claim, "Secret", password)


@pytest.mark.parametrize(
    "password", [b"", b"4d61", b"\xff" * 40, b"4d61bbcf48625808e8ee77fe28edab06cba31149 ", b"0" * 40]
)
def test_wrong_passwords(password: bytes) -> None:
    assert not login.verify(login.parse(LINKKIT, "dev1&a1pk"), "secret", password)


@pytest.mark.parametrize(
    ("client_id", "content"),
    [
        ("|timestamp=1,|", "clientIddeviceNamedev1productKeya1pktimestamp1"),
        ("x|,,junk,=,ext,timestamp=7,timestamp=8|", "clientIdxdeviceNamedev1productKeya1pktimestamp7"),
        ("x|timestamp=|", "clientIdxdeviceNamedev1productKeya1pktimestamp"),
        ("x|a=b|timestamp=9", "clientIdxdeviceNamedev1productKeya1pk"),
        ("other&one|a=b=c", "clientIdother&onedeviceNamedev1productKeya1pk"),
    ],
)
def test_client_ids_are_read_leniently(client_id: str, content: str) -> None:
    assert login.parse(client_id, "dev1&a1pk").content == content


def test_sign_method_is_read_in_any_case() -> None:
    assert login.parse("x|signmethod=HmacSHA256|", "d&p").sign_method == "hmacsha256"
    assert login.parse("x|signmethod=|", "d&p").sign_method == "hmacmd5"


@pytest.mark.parametrize(
    ("client_id", "username"),
    [
        ("x", ""),
        ("x", "dev1"),
        ("x", "&a1pk"),
        ("x", "dev1&"),
        ("x", "a&b&c"),
        ("x", "dev/1&a1pk"),
        ("x", "+&#"),
        ("x", "dev1&a1pk\n"),
        ("x", "dev1&a1\0pk"),
        ("x", "d" * 65 + "&a1pk"),
        ("x", "&" * 100_000),
        ("x" * 1025, "dev1&a1pk"),
        ("x|signmethod=none|", "dev1&a1pk"),
        ("x|signmethod=sha1|", "dev1&a1pk"),
        ("dev1.a1pk|random=1,authType=register,securemode=2,signmethod=hmacsha256|", "dev1&a1pk"),
    ],
)
def test_nonsense_is_refused(client_id: str, username: str) -> None:
    with pytest.raises(DeviceError) as caught:
        login.parse(client_id, username)
    assert len(caught.value.problem) < 200


@given(st.text(), st.text(), st.binary())
def test_any_text_is_a_claim_or_a_device_error(client_id: str, username: str, password: bytes) -> None:
    try:
        claim = login.parse(client_id, "d&p" if len(username) % 2 else username)
    except DeviceError:
        return
    assert not login.verify(claim, "secret", password)
