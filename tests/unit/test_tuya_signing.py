"""Signatures of Tuya's management API: the reference's vectors made by a signer of the test's own, and bad input."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

import pytest

from upwell.dialects.rpc import RpcRequest
from upwell.dialects.rpc_signing import SigningError
from upwell.dialects.tuya import codes, signing
from upwell.domain.errors import Invalid, Missing, UpwellError

NOW = datetime(2024, 11, 19, 9, 47, 43, tzinfo=UTC)
SECRET = "testSecret0123456789"

# The static job of the seed, with the masked parts filled in (tuya 1.3).
SEED = {
    "Action": "CreateOTAStaticUpgradeJob",
    "SignatureNonce": "9e6189124f5a4716ad2de849467b0000",
    "AccessKeyId": "testAccessKeyId000000001",
    "SignatureMethod": "HMAC-SHA1",
    "Timestamp": "2024-11-19T09:47:43Z",
    "FirmwareId": "167",
    "ProductKey": "k1nhvylTEST",
    "TargetSelection": "ALL",
    "RetryCount": "1",
    "RetryInterval": "60",
    "TimeoutInMinutes": "1440",
    "SrcVersion.1": "1.0",
}
VECTORS = [
    ("GET", SECRET + "&", {}, "zhNTubSnSQNrbh3Bv1VwfsmLTpE="),
    ("GET", SECRET, {}, "OfiMUhyEyDgAh/IsV2b9iNlMbC4="),
    ("POST", SECRET + "&", {}, "gCLUlfJjcSkU4ObcgKEQOElJwYA="),
    ("GET", SECRET + "&", {"SrcVersion.1": "1.0 *~/é中"}, "4vsEZhKOGOpeKUUjHjs0Km1fINw="),
    ("GET", SECRET + "&", {"SrcVersion.2": "1.1", "SrcVersion.10": "1.9"}, "QLqfPjRdW3LUk7cQpY9KZmgR0a0="),
]


def signature(method: str, key: str, given: dict[str, str]) -> str:
    """RPC signing written from the reference's text, sharing nothing with the server."""

    def encoded(text: str) -> str:
        return quote(text.encode(), safe="-_.~")

    names = sorted((name for name in given if name != "Signature"), key=str.encode)
    canonical = "&".join(f"{encoded(name)}={encoded(given[name])}" for name in names)
    text = f"{method}&%2F&{encoded(canonical)}"
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()).decode()


def request(given: dict[str, str], method: str = "GET", *, form: bool = False) -> RpcRequest:
    pairs = list(given.items())
    return RpcRequest(method=method, headers={}, query=[] if form else pairs, form=pairs if form else [], body=b"")


def check(asked: RpcRequest, now: datetime = NOW, *, bare_secret: bool = False) -> signing.Claim:
    claim = signing.claim(asked)
    signing.verify(asked, claim, SECRET, now, bare_secret=bare_secret)
    return claim


def signed(given: dict[str, str], method: str = "GET", key: str = SECRET + "&") -> dict[str, str]:
    return given | {"Signature": signature(method, key, given)}


@pytest.mark.parametrize(("method", "key", "changes", "expected"), VECTORS)
def test_the_vectors_of_the_reference(method: str, key: str, changes: dict[str, str], expected: str) -> None:
    given = SEED | changes
    assert signature(method, key, given) == expected
    asked = request(given | {"Signature": expected}, method, form=method == "POST")
    claim = check(asked, bare_secret=not key.endswith("&"))
    assert (claim.access_key_id, claim.action) == (SEED["AccessKeyId"], SEED["Action"])
    assert claim.nonce == SEED["SignatureNonce"]


def test_the_bare_secret_is_accepted_only_where_it_is_switched_on() -> None:
    asked = request(signed(SEED, key=SECRET))
    check(asked, bare_secret=True)
    check(request(signed(SEED)), bare_secret=True)
    with pytest.raises(SigningError) as caught:
        check(asked)
    assert caught.value.code == "SignatureDoesNotMatch"


def test_parameters_may_stand_in_the_form_and_the_query_together() -> None:
    pairs = list(signed(SEED, "POST").items())
    for cut in range(len(pairs) + 1):
        check(RpcRequest(method="POST", headers={}, query=pairs[:cut], form=pairs[cut:], body=b""))


@pytest.mark.parametrize(
    "curl",
    [
        # seed 001 and 003, their masked digits replaced
        "Action=CreateOTAStaticUpgradeJob&SignatureNonce=9e6189124f5a4716ad2de849467b0000&AccessKeyId="
        "xMr9wgwXQLhv5AUa65o00000&SignatureMethod=HMAC-SHA1&Timestamp=2024-11-19T09%3A47%3A43Z&FirmwareId=167&"
        "ProductKey=k1nhvyl0000&TargetSelection=ALL&RetryCount=1&RetryInterval=60&TimeoutInMinutes=1440&"
        "SrcVersion.1=1.0",
        "Action=CreateOTAVerifyJob&SignatureNonce=9e6189124f5a4716ad2de849467b0000&AccessKeyId="
        "xMr9wgwXQLhv5AUa65o00000&SignatureMethod=HMAC-SHA1&Timestamp=2024-11-19T09:47:43Z&FirmwareId=167&"
        "ProductKey=k1nhvyl0000&TimeoutInMinutes=1440",
    ],
)
def test_the_seeds_curl_lines_with_and_without_an_encoded_colon(curl: str) -> None:
    given = dict(parse_qsl(curl))
    claim = check(request(signed(given)))
    assert claim.access_key_id == "xMr9wgwXQLhv5AUa65o00000"


@pytest.mark.parametrize(
    "extra",
    [
        {"Version": "2022-01-01"},
        {"Version": "whatever", "SignatureVersion": "1.0"},
        {"RegionId": "cn", "IotInstanceId": "i", "SecurityToken": ""},
        {"Format": "json"},
    ],
)
def test_what_the_seeds_do_not_send_is_covered_by_the_signature_and_else_ignored(extra: dict[str, str]) -> None:
    check(request(signed(SEED | extra)))
    with pytest.raises(SigningError) as caught:
        check(request(signed(SEED) | extra))
    assert caught.value.code == "SignatureDoesNotMatch"


def test_a_name_is_signed_as_it_was_sent_and_read_in_any_case() -> None:
    given = {name.lower(): value for name, value in SEED.items()}
    for spelt in ("Signature", "signature", "SIGNATURE"):
        asked = request(given | {spelt: signature("GET", SECRET + "&", given)})
        assert check(asked).action == SEED["Action"]
    with pytest.raises(SigningError):
        check(request(given | {"Signature": signature("GET", SECRET + "&", SEED)}))


def test_two_spellings_of_a_common_parameter_must_agree() -> None:
    check(request(signed(SEED | {"action": SEED["Action"]})))
    with pytest.raises(Invalid) as caught:
        check(request(signed(SEED | {"action": "DeleteOTAFirmware"})))
    assert caught.value.field == "Action"


@pytest.mark.parametrize("name", signing.COMMON)
def test_the_six_common_parameters_are_required(name: str) -> None:
    for blank in ({}, {name: ""}, {name: " "}):
        given = {key: value for key, value in signed(SEED).items() if key != name} | blank
        with pytest.raises(Missing) as caught:
            check(request(given))
        told = codes.refusal(caught.value)
        assert (told.code, told.status) == ("MissingParameter", 400)
        assert name in told.message


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"SignatureMethod": "HMAC-SHA256"}, "InvalidSignatureMethod", 400),
        ({"Timestamp": "2024-11-19 09:47:43"}, "InvalidTimeStamp.Format", 400),
        ({"Timestamp": "2024-11-31T09:47:43Z"}, "InvalidTimeStamp.Format", 400),
        ({"Timestamp": "2024-11-19T09:32:42Z"}, "InvalidTimeStamp.Expired", 400),
        ({"Timestamp": "2024-11-19T10:02:44Z"}, "InvalidTimeStamp.Expired", 400),
        ({"FirmwareId": "168"}, "SignatureDoesNotMatch", 400),
        ({"Signature": "中"}, "SignatureDoesNotMatch", 400),
        ({"Format": "XML"}, "InvalidParameter.Format", 400),
    ],
)
def test_refusals(changes: dict[str, str], code: str, status: int) -> None:
    given = signed(SEED) | changes
    with pytest.raises(UpwellError) as caught:
        check(request(given))
    told = codes.refusal(caught.value)
    assert (told.code, told.status) == (code, status)
    assert told.message


@pytest.mark.parametrize("seconds", [-900, 0, 900])
def test_fifteen_minutes_either_way(seconds: int) -> None:
    check(request(signed(SEED)), NOW + timedelta(seconds=seconds))


def test_the_key_is_found_in_any_request() -> None:
    assert signing.key_id(request({"ACCESSKEYID": "a", "AccessKeyId": "b"})) == "a"
    assert signing.key_id(request({})) == ""
