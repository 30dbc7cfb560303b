"""MQTT logins of the Alibaba device SDKs: the reference's vectors and what must not pass."""

import json

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
        ("dev1.a1pk|authType=register,securemode=2,signmethod=hmacsha256|", "dev1&a1pk"),
        ("dev1.a1pk|random=,authType=regnwl|", "dev1&a1pk"),
        (f"dev1.a1pk|random={'r' * 129},authType=regnwl|", "dev1&a1pk"),
        ("dev1.a1pk|random=1,authType=id2|", "dev1&a1pk"),
        ("dev1.a1pk|random=1,authType=|", "dev1&a1pk"),
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


# HMAC-SHA256 of "deviceNamedev1productKeya1pkrandom9" with the product's secret "product", by another tool.
REGISTER = "dev1.a1pk|random=9,authType={},securemode=2,signmethod=hmacsha256,instanceId=iot-1|"
PRODUCT_SIGN = b"a6b8ca2fb305d65c96eae58f27df843d3eef0ac93013d6d81ac046971eb61179"


@pytest.mark.parametrize("kind", ["register", "regnwl"])
def test_registration_is_proven_by_the_products_secret(kind: str) -> None:
    claim = login.parse(REGISTER.format(kind), "dev1&a1pk")
    assert (claim.kind, claim.content) == (kind, "deviceNamedev1productKeya1pkrandom9")
    assert login.verify(claim, "product", PRODUCT_SIGN)
    assert login.verify(claim, "product", PRODUCT_SIGN.upper())
    assert not login.verify(claim, "secret", PRODUCT_SIGN)


def test_what_is_granted() -> None:
    topic, told = login.grant(login.parse(REGISTER.format("register"), "dev1&a1pk"), "s3cret")
    assert (topic, told) == ("/ext/register", b'{"deviceSecret":"s3cret","productKey":"a1pk","deviceName":"dev1"}')
    topic, told = login.grant(login.parse(REGISTER.format("regnwl"), "dev1&a1pk"), "s3cret")
    granted = json.loads(told)
    assert topic == "/ext/regnwl"
    assert granted == {
        "clientId": login.token_id("s3cret"), "deviceToken": "s3cret", "productKey": "a1pk", "deviceName": "dev1"
    }  # fmt: skip


def test_a_token_opens_with_its_own_client_id_only() -> None:
    extras = "|authType=connwl,securemode=-2,_ss=1,ext=3,_v=sdk-c-4.1.0|"
    claim = login.parse(login.token_id("s3cret") + extras, "dev1&a1pk")
    assert claim.kind == "token"
    assert login.verify(claim, "s3cret", b"s3cret")
    assert not login.verify(claim, "s3cret", b"S3CRET")
    assert not login.verify(claim, "other", b"s3cret")
    assert not login.verify(login.parse("dev1.a1pk" + extras, "dev1&a1pk"), "s3cret", b"s3cret")
    assert not login.verify(login.parse(extras, "dev1&a1pk"), "s3cret", b"s3cret")


@pytest.mark.parametrize(
    ("client_id", "kind"),
    [
        ("pk.dn|timestamp=2524608000000,_ss=1,_v=sdk-c-4.1.0,securemode=2,signmethod=hmacsha256,ext=3,|", "c-tls"),
        ("pk.dn|timestamp=2524608000000,_v=sdk-c-3.2.0,securemode=3,signmethod=hmacsha256,lan=C,gw=0,ext=0|", "c"),
        ("|authType=connwl,securemode=-2,_ss=1,ext=3,_v=sdk-c-4.1.0,|", "c"),
        ("pk&dn|securemode=2,signmethod=hmacsha1,ext=1,_ss=1,lan=Python,_v=1.2.13,timestamp=1700000000|", ""),
        ("x|signmethod=hmacsha256|", ""),
        ("x", ""),
    ],
)
def test_c_sdks_are_known_by_their_client_id(client_id: str, kind: str) -> None:
    """Issue 9, number 8: alibaba 6.1's table."""
    assert login.c_sdk(client_id) == kind
