"""Signatures of Huawei's management API: the reference's vectors, bad input, and the real SDK's own signers."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import huaweicloudsdkiotda.v5 as sdk
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.formdata import FormFile
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import DerivationAKSKSigner, Signer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.huawei_sdk import AK, PROJECT, SK, Listener, listening

from upwell.dialects.huawei import signing
from upwell.dialects.huawei.signing import SigningError
from upwell.dialects.rest import RestRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIGNED = "content-type;host;user-agent;x-project-id;x-sdk-date"
HEADERS = {
    "content-type": "application/json",
    "host": "iotda.example.test",
    "user-agent": "vector/1",
    "x-project-id": PROJECT,
    "x-sdk-date": "20260101T000000Z",
}
SCOPE = "20260101/cn-north-4/iotdm"

# huawei 1.6
GET = RestRequest(
    method="GET",
    path=f"/v5/iot/{PROJECT}/ota-upgrades/packages",
    query="app_id=a%20b&limit=10&package_type=firmwarePackage",
    headers=HEADERS,
    body=b"",
)
POST = RestRequest(
    method="POST", path=f"/v5/iot/{PROJECT}/batchtasks", query="", headers=HEADERS, body=b'{"task_name":"t"}'
)
VECTORS = [
    (
        GET,
        "63ab7d1aa74fb654294f4479d2a9c1db2067c24e83dec1b165367dd8cc6637ec",
        "2f8358f51820e2a371af0aa0029457bc1cf2dfd7b45f86f52b89e2e4aaf2e98b",
    ),
    (
        POST,
        "6c72506927cef6f37766330cbbaa9da0c59b8c82c8c4a3fce5e2a49f665d71e9",
        "e26c049bebebd026905cb07a9e0de284f90ce03cad6830431984bd8731f01bcd",
    ),
]


def with_headers(request: RestRequest, **changes: str | None) -> RestRequest:
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    merged = {**request.headers, **named}
    return replace(request, headers={name: value for name, value in merged.items() if value is not None})


def sdk_hmac(request: RestRequest, signature: str, signed: str = SIGNED) -> RestRequest:
    text = f"SDK-HMAC-SHA256 Access={AK}, SignedHeaders={signed}, Signature={signature}"
    return with_headers(request, authorization=text)


def v11(request: RestRequest, signature: str, scope: str = SCOPE) -> RestRequest:
    text = f"V11-HMAC-SHA256 Credential={AK}/{scope}, SignedHeaders={SIGNED}, Signature={signature}"
    return with_headers(request, authorization=text)


def check(request: RestRequest, secret: str = SK, now: datetime = NOW) -> signing.Claim:
    claim = signing.claim(request)
    signing.verify(request, claim, secret, now)
    return claim


def refused(request: RestRequest, secret: str = SK, now: datetime = NOW) -> str:
    with pytest.raises(SigningError) as caught:
        check(request, secret, now)
    return str(caught.value)


@pytest.mark.parametrize(("request_", "signature", "_"), VECTORS)
def test_sdk_hmac_vectors(request_: RestRequest, signature: str, _: str) -> None:
    claim = check(sdk_hmac(request_, signature))
    assert (claim.access_key_id, claim.algorithm, claim.scope) == (AK, "SDK-HMAC-SHA256", "")


@pytest.mark.parametrize(("request_", "_", "signature"), VECTORS)
def test_v11_vectors(request_: RestRequest, _: str, signature: str) -> None:
    claim = check(v11(request_, signature))
    assert (claim.access_key_id, claim.algorithm, claim.scope) == (AK, "V11-HMAC-SHA256", SCOPE)


def test_a_mismatch_shows_the_hash_of_the_vectors_canonical_request() -> None:
    message = refused(sdk_hmac(GET, "0" * 64))
    assert "6b17c7a3e4fd1637657534f6f24a192cc3aaa0353697e5c213c8d8f6ca4802d2" in message
    message = refused(v11(POST, "0" * 64))
    assert "66c4d71f8e1695f6239acceffae567dd12b587699651291dd2201f815ae4f766" in message


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, method="PUT"),
        lambda r: replace(r, path=r.path + "x"),
        lambda r: replace(r, query="a=b"),
        lambda r: replace(r, body=b'{"task_name":"u"}'),
        lambda r: with_headers(r, host="other.example.test"),
        lambda r: with_headers(r, user_agent="vector/2"),
        lambda r: with_headers(r, x_sdk_date="20260101T000001Z"),
    ],
)
def test_what_is_signed_can_not_be_changed(change: Callable[[RestRequest], RestRequest]) -> None:
    assert "signature does not match" in refused(change(sdk_hmac(POST, VECTORS[1][1])))
    assert "signature does not match" in refused(sdk_hmac(POST, VECTORS[1][1]), secret="other")


def test_headers_that_are_not_listed_do_not_count() -> None:
    check(with_headers(sdk_hmac(GET, VECTORS[0][1]), accept="*/*", my_header="x", under_score="1"))
    underscored = {**HEADERS, "x_y": "1", "authorization": sdk_hmac(GET, VECTORS[0][1]).headers["authorization"]}
    check(replace(GET, headers=underscored))


def test_the_window_is_fifteen_minutes_both_ways() -> None:
    request = sdk_hmac(GET, VECTORS[0][1])
    for minutes in (-15, 15):
        check(request, now=NOW + timedelta(minutes=minutes))
        assert "more than 15 minutes" in refused(request, now=NOW + timedelta(minutes=minutes, seconds=minutes // 15))


@pytest.mark.parametrize("date", ["", "2026-01-01T00:00:00Z", "20260101T000000", "20261301T000000Z", "20260101T0000Z"])
def test_a_date_of_another_form_is_refused(date: str) -> None:
    assert "X-Sdk-Date" in refused(with_headers(sdk_hmac(GET, VECTORS[0][1]), x_sdk_date=date))


AUTHORIZATIONS = [
    (None, "no Authorization header"),
    ("Basic abc", "algorithm must be"),
    ("SDK-HMAC-SM3 Access=a, SignedHeaders=host;x-sdk-date, Signature=1", "algorithm must be"),
    ("SDK-HMAC-SHA256 SignedHeaders=host;x-sdk-date, Signature=1", "lacks Access"),
    ("SDK-HMAC-SHA256 Access=a, Signature=1", "lacks SignedHeaders"),
    ("SDK-HMAC-SHA256 Access=a, SignedHeaders=host;x-sdk-date", "lacks Signature"),
    ("SDK-HMAC-SHA256 Access=a, Access=b, SignedHeaders=host;x-sdk-date, Signature=1", "'Access' twice"),
    ("SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=1", "must list x-sdk-date"),
    ("SDK-HMAC-SHA256 Access=a, SignedHeaders=host;x-gone;x-sdk-date, Signature=1", "'x-gone' is absent"),
    ("V11-HMAC-SHA256 Credential=a/20260101/r/iotdm, SignedHeaders=host, Signature=1", "must list x-sdk-date"),
    ("V11-HMAC-SHA256 Credential=a, SignedHeaders=host;x-sdk-date, Signature=1", "Credential must be"),
    ("V11-HMAC-SHA256 Credential=a/20260101//iotdm, SignedHeaders=host;x-sdk-date, Signature=1", "Credential must be"),
    ("V11-HMAC-SHA256 Credential=a/1/2/3/4, SignedHeaders=host;x-sdk-date, Signature=1", "Credential must be"),
    ("V11-HMAC-SHA256 Credential=a/20260102/r/iotdm, SignedHeaders=host;x-sdk-date, Signature=1", "day of X-Sdk-Date"),
    ("V11-HMAC-SHA256 Credential=a/20260101/r/iotda, SignedHeaders=host;x-sdk-date, Signature=1", "must be iotdm"),
]


@pytest.mark.parametrize(("authorization", "problem"), AUTHORIZATIONS)
def test_a_malformed_claim_is_refused_by_name(authorization: str | None, problem: str) -> None:
    with pytest.raises(SigningError, match=problem) as caught:
        signing.claim(with_headers(GET, authorization=authorization))
    assert caught.value.fault == "signature"


def test_temporary_credentials_are_refused_clearly() -> None:
    with pytest.raises(SigningError, match="X-Security-Token") as caught:
        signing.claim(with_headers(sdk_hmac(GET, VECTORS[0][1]), x_security_token="t"))
    assert caught.value.fault == "signature"


def test_an_unsigned_hash_header_hides_no_other_body() -> None:
    request = sdk_hmac(POST, VECTORS[1][1])
    true_hash = hashlib.sha256(POST.body).hexdigest()
    check(with_headers(request, x_sdk_content_sha256=true_hash))
    other = replace(with_headers(request, x_sdk_content_sha256=true_hash), body=b'{"task_name":"u"}')
    assert "not the hash of the body" in refused(other)
    for kind in ("application/json", "multipart/form-data"):
        unsigned = with_headers(request, x_sdk_content_sha256="UNSIGNED-PAYLOAD", content_type=kind)
        assert "only for uploads" in refused(unsigned)


@pytest.mark.parametrize("kind", ["application/json", " Application/JSON; charset=utf-8", "application/bson", "", None])
def test_what_is_read_as_json_or_bson_is_always_hashed(kind: str | None) -> None:
    """huawei 1.2: the clients leave uploads alone unhashed."""
    upload = with_headers(POST, x_sdk_content_sha256="UNSIGNED-PAYLOAD", content_type="multipart/form-data; boundary=b")
    upload = with_headers(upload, content_type=kind)
    names = ("x-sdk-content-sha256", "x-sdk-date")
    assert "only for uploads" in refused(signed_over(upload, "SDK-HMAC-SHA256", *names, payload="UNSIGNED-PAYLOAD"))


def test_an_upload_may_be_unhashed() -> None:
    kind = "multipart/form-data; boundary=b"
    upload = with_headers(POST, x_sdk_content_sha256="UNSIGNED-PAYLOAD", content_type=kind)
    names = ("x-sdk-content-sha256", "x-sdk-date")
    check(signed_over(upload, "SDK-HMAC-SHA256", *names, payload="UNSIGNED-PAYLOAD"))


ESCAPES = [f"%{byte:02X}" for byte in range(256)]


@pytest.mark.parametrize("algorithm", ["SDK-HMAC-SHA256", "V11-HMAC-SHA256"])
def test_a_signature_holds_for_one_spelling_of_a_path(algorithm: str) -> None:
    plain = signed_over(GET, algorithm, "x-sdk-date")
    check(plain)
    letter = plain.path.rstrip("/")[-1]
    for other in (f"%{ord(letter):02X}", f"%{ord(letter):02x}"):
        assert "no spelling" in refused(replace(plain, path=plain.path.rstrip("/")[:-1] + other))


def test_every_escape_has_one_spelling() -> None:
    """The clients escape all but letters, digits and -._~, in capital letters."""
    for escape in ESCAPES:
        needed = quote(unquote_to_bytes(escape), safe="~") == escape
        for written in {
            escape,
            escape.lower(),
            escape[:2] + escape[2].lower(),
            escape[:1] + escape[1].lower() + escape[2],
        }:
            said = refused(replace(sdk_hmac(GET, "0" * 64), path=f"/v5/iot/{written}"))
            assert ("no spelling" in said) is not (needed and written == escape), written


def test_a_signature_holds_for_one_order_of_equal_parameters() -> None:
    """The first of them counts; the clients sort them before they sign and send."""
    sent = signed_over(replace(GET, query="a=1&a=2&b=0"), "SDK-HMAC-SHA256", "x-sdk-date")
    check(sent)
    check(replace(sent, query="b=0&a=1&a=2"))
    assert "does not match" in refused(replace(sent, query="a=2&a=1&b=0"))


@given(st.text(max_size=40), st.binary(max_size=20), st.text(max_size=60))
def test_no_text_in_a_claim_makes_it_fail_otherwise(signature: str, body: bytes, authorization: str) -> None:
    refused(replace(sdk_hmac(GET, signature), body=body))
    refused(with_headers(GET, authorization=authorization))
    refused(with_headers(GET, authorization=f"V11-HMAC-SHA256 {authorization}"))


def signed_over(request: RestRequest, algorithm: str, *names: str, payload: str = "") -> RestRequest:
    """The request, signed over these headers alone (huawei 1.3-1.5); `payload` stands for the hash of its body."""
    lines = [request.method, request.path + "/", request.query, *(f"{name}:{request.headers[name]}" for name in names)]
    payload = payload or hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join((*lines, "", ";".join(names), payload))
    hashed, date = hashlib.sha256(canonical.encode()).hexdigest(), request.headers["x-sdk-date"]
    if algorithm == "SDK-HMAC-SHA256":
        holder, secret, text = f"Access={AK}", SK.encode(), f"{algorithm}\n{date}\n{hashed}"
    else:
        prk = hmac.digest(AK.encode(), SK.encode(), "sha256")
        secret = hmac.digest(prk, SCOPE.encode() + b"\x01", "sha256").hex().encode()
        holder, text = f"Credential={AK}/{SCOPE}", f"{algorithm}\n{date}\n{SCOPE}\n{hashed}"
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    told = f"{algorithm} {holder}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return with_headers(request, authorization=told)


@pytest.mark.parametrize("algorithm", ["SDK-HMAC-SHA256", "V11-HMAC-SHA256"])
@pytest.mark.parametrize(
    "names", [("x-sdk-date",), ("user-agent", "x-project-id", "x-sdk-date"), ("host", "x-sdk-date"), tuple(HEADERS)]
)
def test_the_time_alone_must_be_signed(algorithm: str, names: tuple[str, ...]) -> None:
    """Issue 9, number 6: the Go SDK signs neither host nor content-type (huawei 1.3)."""
    request = signed_over(POST, algorithm, *names)
    assert check(request).algorithm == algorithm
    assert "does not match" in refused(with_headers(request, x_sdk_date="20260101T000001Z"))
    assert "does not match" in refused(replace(request, body=b"{}"))
    if "host" in names:
        assert "does not match" in refused(with_headers(request, host="other.test"))


# --- the real SDK's signers ---------------------------------------------------------------------------------------


def signed_by_sdk(
    signer: type[Signer], path: str, query: list[tuple[str, Any]], headers: dict[str, str], body: str
) -> RestRequest:
    request = SdkRequest(
        method="POST",
        schema="http",
        host="127.0.0.1:8080",
        resource_path=path,
        query_params=query,
        header_params=dict(headers),
        body=body,
    )
    more = ("iotdm", "any region") if signer is DerivationAKSKSigner else ()
    signed = signer(BasicCredentials(AK, SK, PROJECT)).sign(request, *more)
    wire_path, _, wire_query = signed.uri.partition("?")
    lower = {name.lower(): value for name, value in signed.header_params.items()}
    return RestRequest(method="POST", path=wire_path, query=wire_query, headers=lower, body=signed.body or b"")


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)


@pytest.mark.parametrize("signer", [Signer, DerivationAKSKSigner])
@given(
    query=st.lists(st.tuples(PRINTABLE, st.one_of(PRINTABLE, st.booleans(), st.integers())), max_size=5, unique=True),
    segment=st.sampled_from(["plain", "a%2Fb", "a%20b", "%E4%B8%AD", "~", "a*b"]),
    agent=PRINTABLE,
    body=PRINTABLE,
)
@example(query=[], segment="plain", agent="\u0120", body="")  # its second byte looks like a blank
@settings(max_examples=60)
def test_whatever_the_sdk_signs_verifies(
    signer: type[Signer], query: list[tuple[str, Any]], segment: str, agent: str, body: str
) -> None:
    names = [name for name, _ in query]
    query = [pair for pair in query if names.count(pair[0]) == 1]  # the SDK can't sort a name with two kinds of value
    headers = {"X-Sdk-Date": "20260101T000000Z", "User-Agent": agent, "a_b": "left out"}
    request = signed_by_sdk(signer, f"/v5/iot/p/devices/{segment}", query, headers, body)
    check(request)
    assert "does not match" in refused(request, secret=SK + "x")


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@pytest.mark.parametrize("derived", [False, True])
def test_the_sdks_client_verifies_over_the_wire(listener: Listener, derived: bool) -> None:
    client = listener.client(derived=derived)
    listener.status, listener.body = 200, b"{}"
    client.show_device(sdk.ShowDeviceRequest(device_id="a/b c*~", instance_id="i-1"))
    claim = check(listener.seen, now=datetime.now(UTC))
    assert claim.algorithm == ("V11-HMAC-SHA256" if derived else "SDK-HMAC-SHA256")
    assert "instance-id" in claim.signed
    assert claim.scope.endswith("/here-1/iotdm") is derived
    client.list_devices(sdk.ListDevicesRequest(device_name="中 文&=+", is_cascade_query=True, limit=3))
    check(listener.seen, now=datetime.now(UTC))
    client.stop_batch_task(sdk.StopBatchTaskRequest(task_id="0a"))
    assert listener.seen.body == b""
    check(listener.seen, now=datetime.now(UTC))


def test_the_sdks_upload_verifies_unsigned(listener: Listener, tmp_path: Any) -> None:
    file = tmp_path / "devices.xlsx"
    file.write_bytes(b"PK\x03\x04 not read here")
    with file.open("rb") as stream:
        body = sdk.UploadBatchTaskFileRequestBody(file=FormFile(stream))
        listener.client().upload_batch_task_file(sdk.UploadBatchTaskFileRequest(body=body))
    assert listener.seen.headers["x-sdk-content-sha256"] == "UNSIGNED-PAYLOAD"
    check(listener.seen, now=datetime.now(UTC))
    json_instead = with_headers(listener.seen, content_type="application/json")
    assert "only for uploads" in refused(json_instead, now=datetime.now(UTC))


def test_the_sdks_temporary_credentials_are_refused(listener: Listener) -> None:
    listener.client(token="t").show_device(sdk.ShowDeviceRequest(device_id="d"))
    with pytest.raises(SigningError, match="Temporary credentials"):
        signing.claim(listener.seen)
