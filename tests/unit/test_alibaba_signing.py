"""Signatures of the management API: the reference's vectors, bad input, and the real SDKs' own signers."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.dialects import rpc
from upwell.dialects.alibaba import signing
from upwell.dialects.rpc import Pair, RpcRequest
from upwell.dialects.rpc_signing import SigningError

NOW = datetime(2016, 2, 23, 12, 46, 24, tzinfo=UTC)
SECRET = "testsecret"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

V1: dict[str, str] = {
    "Action": "QueryOTAJob",
    "Version": "2018-01-20",
    "Format": "JSON",
    "AccessKeyId": "testid",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureVersion": "1.0",
    "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
    "Timestamp": "2016-02-23T12:46:24Z",
    "JobId": "a b*~/中",
}
V1_TEXT = (
    "POST&%2F&AccessKeyId%3Dtestid%26Action%3DQueryOTAJob%26Format%3DJSON%26JobId%3Da%2520b%252A~%252F%25E4%25B8%25AD"
    "%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0"
    "%26Timestamp%3D2016-02-23T12%253A46%253A24Z%26Version%3D2018-01-20"
)
V1_SIGNATURE = {"POST": "qcnrMLmUScHVVGc0SreKeB+RwAo=", "GET": "Op8pO16OLHgoYILjqgA9o3CaTjA="}

ACS3_SIGNED = (
    "accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;"
    "x-acs-signature-nonce;x-acs-version"
)
ACS3_SIGNATURE = "361cf36091504a1d0627e7764fedb9dc6f4fe61c1e746b9e0c27bdd089dcd726"
ACS3: dict[str, str] = {
    "accept": "application/json",
    "host": "127.0.0.1:8080",
    "user-agent": "demo/1.0",
    "x-acs-action": "QueryOTAJob",
    "x-acs-content-sha256": EMPTY_SHA256,
    "x-acs-credentials-provider": "static_ak",
    "x-acs-date": "2016-02-23T12:46:24Z",
    "x-acs-signature-nonce": "3ee8c1b883d344afa94f4e0ad82fd6cf",
    "x-acs-version": "2018-01-20",
    "authorization": f"ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={ACS3_SIGNED},Signature={ACS3_SIGNATURE}",
}


def v1_request(
    changes: dict[str, str | None] | None = None,
    *,
    method: str = "POST",
    form: list[Pair] | None = None,
    headers: dict[str, str] | None = None,
) -> RpcRequest:
    given = {**V1, "Signature": V1_SIGNATURE[method], **(changes or {})}
    query = [(name, value) for name, value in given.items() if value is not None]
    return RpcRequest(method=method, headers=headers or {}, query=query, form=form or [], body=b"")


def acs3_request(changes: dict[str, str | None] | None = None, body: bytes = b"") -> RpcRequest:
    headers = {name: value for name, value in {**ACS3, **(changes or {})}.items() if value is not None}
    return RpcRequest(method="POST", headers=headers, query=[("JobId", "a b*~/中")], form=[], body=body)


def check(request: RpcRequest, secret: str = SECRET, now: datetime = NOW) -> signing.Claim:
    claim = signing.claim(request)
    signing.verify(request, claim, secret, now)
    return claim


def refused(request: RpcRequest, secret: str = SECRET, now: datetime = NOW) -> SigningError:
    with pytest.raises(SigningError) as caught:
        check(request, secret, now)
    return caught.value


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_v1_vector(method: str) -> None:
    claim = check(v1_request(method=method))
    assert claim == signing.Claim(
        access_key_id="testid",
        scheme="v1",
        action="QueryOTAJob",
        nonce=V1["SignatureNonce"],
        signature=V1_SIGNATURE[method],
    )


def test_v1_string_to_sign_is_the_reference_text() -> None:
    assert rpc.string_to_sign("POST", v1_request().query) == V1_TEXT


def test_v1_mismatch_shows_the_string_to_sign_after_the_only_colon() -> None:
    error = refused(v1_request(), secret="other")
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 400)
    assert error.message.split(":") == [
        "Specified signature is not matched with our calculation. server string to sign is",
        V1_TEXT,
    ]


def test_v1_reads_query_and_form_together() -> None:
    pairs = [*V1.items(), ("Signature", V1_SIGNATURE["POST"])]
    for cut in range(len(pairs) + 1):
        check(RpcRequest(method="POST", headers={}, query=pairs[:cut], form=pairs[cut:], body=b"signed as parameters"))


def test_v1_blank_values_are_signed() -> None:
    blank = {**V1, "SignatureType": ""}
    signature = rpc.hmac_sha1(f"{SECRET}&", rpc.string_to_sign("POST", blank.items()))
    assert signature != V1_SIGNATURE["POST"]
    check(v1_request({"SignatureType": "", "Signature": signature}))


def test_v1_a_second_value_of_a_name_breaks_the_signature() -> None:
    assert refused(v1_request(form=[("Action", "DeleteOTAFirmware")])).code == "SignatureDoesNotMatch"


def test_acs3_vector() -> None:
    claim = check(acs3_request())
    assert (claim.access_key_id, claim.scheme, claim.action) == ("testid", "acs3", "QueryOTAJob")
    assert claim.nonce == ACS3["x-acs-signature-nonce"]


def test_acs3_mismatch_shows_the_canonical_request() -> None:
    error = refused(acs3_request(), secret="other")
    assert error.code == "SignatureDoesNotMatch"
    assert "3a82dcf7116ef8c9b8b8c2150223949244d33a41af8ac3881f21e333399c6096" in error.message
    assert "JobId=a%20b%2A~%2F%E4%B8%AD" in error.message


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AccessKeyId": None}, "MissingAccessKeyId"),
        ({"AccessKeyId": None, "Signature": None}, "MissingAccessKeyId"),
        ({"AccessKeyId": ""}, "MissingAccessKeyId"),
        ({"Signature": None}, "IncompleteSignature"),
        ({"Signature": ""}, "IncompleteSignature"),
        ({"SignatureMethod": None}, "MissingSignatureMethod"),
        ({"SignatureMethod": "HMAC-SHA256"}, "InvalidSignatureMethod"),
        ({"SignatureType": "BEARERTOKEN"}, "InvalidSignatureMethod"),
        ({"BearerToken": "x", "AccessKeyId": None}, "InvalidSignatureMethod"),
        ({"SignatureVersion": "2.0"}, "InvalidSignatureVersion"),
        ({"SignatureVersion": None}, "MissingSignatureVersion"),
        ({"SignatureNonce": None}, "MissingSignatureNonce"),
        ({"Timestamp": None}, "MissingTimestamp"),
        ({"Timestamp": "2016-02-23 12:46:24"}, "InvalidTimeStamp.Format"),
        ({"Timestamp": "2016-02-30T12:46:24Z"}, "InvalidTimeStamp.Format"),
        ({"Timestamp": "0000-00-00T00:00:00Z"}, "InvalidTimeStamp.Format"),
        ({"Timestamp": "2016-02-23T12:46:24Z\n"}, "InvalidTimeStamp.Format"),
        ({"Timestamp": "٢٠١٦-02-23T12:46:24Z"}, "InvalidTimeStamp.Format"),
        ({"Timestamp": "0001-01-01T00:00:00Z"}, "InvalidTimeStamp.Expired"),
        ({"Action": None}, "MissingAction"),
        ({"Version": None}, "MissingVersion"),
        ({"Version": "2017-04-20"}, "InvalidVersion"),
        ({"Format": "YAML"}, "InvalidParameter.Format"),
        ({"Signature": "中"}, "SignatureDoesNotMatch"),
        ({"Signature": "\ud800"}, "SignatureDoesNotMatch"),
        ({"JobId": "a b*~/\udc80"}, "SignatureDoesNotMatch"),
    ],
)
def test_v1_refusals(changes: dict[str, str | None], code: str) -> None:
    error = refused(v1_request(changes))
    assert error.code == code
    assert error.status == 400
    assert error.message


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"authorization": "ACS3-HMAC-SM3 Credential=a,SignedHeaders=b,Signature=c"}, "InvalidSignatureMethod"),
        ({"authorization": "ACS3-RSA-SHA256 Credential=a,SignedHeaders=b,Signature=c"}, "InvalidSignatureMethod"),
        ({"x-acs-bearer-token": "t"}, "InvalidSignatureMethod"),
        ({"x-acs-signature-type": "BEARERTOKEN"}, "InvalidSignatureMethod"),
        ({"authorization": "ACS3-HMAC-SHA256"}, "MissingAccessKeyId"),
        ({"authorization": "ACS3-HMAC-SHA256 Credential=,SignedHeaders=b,Signature=c"}, "MissingAccessKeyId"),
        ({"authorization": "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b"}, "IncompleteSignature"),
        ({"authorization": "ACS3-HMAC-SHA256 Credential=a,Signature=c"}, "IncompleteSignature"),
        ({"authorization": ACS3["authorization"] + ",Signature=c"}, "IncompleteSignature"),
        ({"authorization": ACS3["authorization"].replace("host;", "")}, "IncompleteSignature"),
        ({"authorization": ACS3["authorization"].replace(";x-acs-action", "")}, "IncompleteSignature"),
        ({"authorization": ACS3["authorization"].replace("x-acs-date;", "")}, "IncompleteSignature"),
        ({"x-acs-action": None}, "MissingAction"),
        ({"x-acs-version": None}, "MissingVersion"),
        ({"x-acs-version": "2014-05-26"}, "InvalidVersion"),
        ({"x-acs-date": None}, "MissingTimestamp"),
        ({"x-acs-date": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"x-acs-signature-nonce": None}, "MissingSignatureNonce"),
        ({"x-acs-content-sha256": None}, "IncompleteSignature"),
        ({"host": None}, "IncompleteSignature"),
        ({"x-acs-action": "DeleteOTAFirmware"}, "SignatureDoesNotMatch"),
        ({"host": "elsewhere"}, "SignatureDoesNotMatch"),
        ({"user-agent": "other"}, "SignatureDoesNotMatch"),
        ({"x-acs-content-sha256": "00"}, "SignatureDoesNotMatch"),
    ],
)
def test_acs3_refusals(changes: dict[str, str | None], code: str) -> None:
    assert refused(acs3_request(changes)).code == code


def test_acs3_body_must_be_the_one_that_was_hashed() -> None:
    assert refused(acs3_request(body=b"x=1")).code == "SignatureDoesNotMatch"


def test_unsigned_headers_of_the_async_client_do_not_matter() -> None:
    check(acs3_request({"content-type": "application/octet-stream", "accept-encoding": "gzip, deflate"}))


@pytest.mark.parametrize("request_of", [v1_request, acs3_request])
@pytest.mark.parametrize(("seconds", "fresh"), [(0, True), (900, True), (-900, True), (901, False), (-901, False)])
def test_fifteen_minutes_either_way(request_of: Any, seconds: int, fresh: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    if fresh:
        check(request_of(), now=now)
    else:
        assert refused(request_of(), now=now).code == "InvalidTimeStamp.Expired"


@pytest.mark.parametrize(
    ("asked", "accept", "expected"),
    [
        ("json", "", "JSON"),
        ("XML", "application/json", "XML"),
        ("None", "application/json", "XML"),
        (None, "application/json", "JSON"),
        ("", "text/html, application/json;q=0.9", "JSON"),
        (None, "*/*", "XML"),
        (None, "", "XML"),
        ("YAML", "application/json", "JSON"),
    ],
)
def test_answer_format(asked: str | None, accept: str, expected: str) -> None:
    assert signing.answer_format(v1_request({"Format": asked}, headers={"accept": accept})) == expected


def test_acs3_is_answered_in_json_whatever_it_accepts() -> None:
    assert signing.answer_format(acs3_request({"accept": "text/xml"})) == "JSON"


@given(st.text())
def test_pct_decodes_to_what_it_was(text: str) -> None:
    assert unquote(rpc.pct(text), errors="strict") == text
    assert set(rpc.pct(text)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%")


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1), st.randoms())
def test_canonical_query_is_one_for_any_order_and_any_wire_encoding(values: dict[str, str], dice: Any) -> None:
    pairs = list(values.items())
    canonical = rpc.canonical_query(pairs)
    dice.shuffle(pairs)
    assert rpc.canonical_query(pairs) == canonical
    assert dict(parse_qsl(canonical, keep_blank_values=True, strict_parsing=True)) == values


def test_the_first_value_of_a_name_is_shown() -> None:
    request = RpcRequest(
        method="POST", headers={}, query=[("A", "1"), ("A", "2")], form=[("A", "3"), ("B", "4")], body=b""
    )
    assert rpc.parameters(request) == {"A": "1", "B": "4"}


NASTY = {"Action": "QueryOTAJob", "Version": "2018-01-20", "JobId": "a b*~/中+%&=", "Tag.1.Key": "", "Z": "'\"()!"}


def test_old_sdk_signer_is_believed() -> None:
    composer = pytest.importorskip("aliyunsdkcore.auth.composer.rpc_signature_composer")
    signer = pytest.importorskip("aliyunsdkcore.auth.algorithm.sha_hmac1")
    for method, form_format in (("POST", "JSON"), ("GET", "None")):
        url, _ = composer.get_signed_url(dict(NASTY), "testid", SECRET, form_format, method, {"Body.1": "b c"}, signer)
        query = parse_qsl(url.partition("?")[2], keep_blank_values=True)
        form = [("Body.1", "b c")]
        now = datetime.fromisoformat(dict(query)["Timestamp"])
        request = RpcRequest(method=method, headers={}, query=query, form=form, body=b"Body.1=b+c")
        assert check(request, now=now).action == "QueryOTAJob"
        assert refused(request, secret="other", now=now).code == "SignatureDoesNotMatch"


def test_new_sdk_signers_are_believed() -> None:
    utils = pytest.importorskip("alibabacloud_tea_openapi.utils").Utils
    models = pytest.importorskip("darabonba.request")
    wire = models.DaraRequest()
    wire.method, wire.pathname = "POST", "/"
    wire.query = {name: value for name, value in NASTY.items() if name not in ("Action", "Version")}
    wire.headers = {name: value for name, value in ACS3.items() if name != "authorization"}
    header = utils.get_authorization(wire, "ACS3-HMAC-SHA256", EMPTY_SHA256, "testid", SECRET)
    headers = {**wire.headers, "authorization": header}
    request = RpcRequest(method="POST", headers=headers, query=list(wire.query.items()), form=[], body=b"")
    assert check(request).access_key_id == "testid"

    given = {**V1, **NASTY}
    given["Signature"] = utils.get_rpcsignature(given, "POST", SECRET)
    check(RpcRequest(method="POST", headers={}, query=list(given.items()), form=[], body=b""))
