"""The upload dialect against the reference's own vector and every refusal. alibaba 5.3."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from upwell.dialects.alibaba import upload

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = "ota/0123456789abcdef0123456789abcdef/x.bin"
VECTOR = (
    '{"expiration":"2030-01-01T00:01:00.000Z","conditions":[["content-length-range",0,1048576000],'
    '["eq","$key","ota/0123456789abcdef0123456789abcdef/x.bin"]]}'
)


def form(policy: str | None = None, **changes: str) -> dict[str, str]:
    text = policy if policy is not None else upload.policy(KEY, NOW + timedelta(minutes=1), 1_048_576_000)
    signed = {"key": KEY, "policy": text, "OSSAccessKeyId": "id", "signature": upload.sign(text, "testsecret")}
    return signed | changes


def custom(*conditions: Any) -> str:
    document = {"expiration": "2030-01-01T00:01:00.000Z", "conditions": list(conditions)}
    return base64.b64encode(json.dumps(document).encode()).decode()


def check(fields: dict[str, str], now: datetime = NOW) -> upload.UploadTicketClaim:
    return upload.check(fields, {"id": "testsecret"}.get, now)


def refused(fields: dict[str, str], now: datetime = NOW) -> tuple[str, int, str]:
    with pytest.raises(upload.PostObjectError) as caught:
        check(fields, now)
    return caught.value.code, caught.value.status, caught.value.message


def test_policy_and_signature_match_the_reference() -> None:
    policy = upload.policy(KEY, NOW + timedelta(minutes=1), 1_048_576_000)
    assert base64.b64decode(policy).decode() == VECTOR
    assert upload.sign(policy, "testsecret") == "uVn7vZds2BpJ5JAKsyVfRCwWj3g="


def test_a_good_form_is_a_claim() -> None:
    assert check(form()) == upload.UploadTicketClaim(KEY, "id", 0, 1_048_576_000, 204)


def test_field_names_are_case_insensitive() -> None:
    assert check({name.upper(): value for name, value in form().items()}).key == KEY


@pytest.mark.parametrize(("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("302", 204), ("x", 204)])
def test_success_status(asked: str, status: int) -> None:
    assert check(form(success_action_status=asked)).success_status == status


@pytest.mark.parametrize("absent", ["policy", "OSSAccessKeyId", "signature"])
def test_signed_fields_come_all_or_none(absent: str) -> None:
    fields = form()
    del fields[absent]
    assert refused(fields)[:2] == ("MalformedPOSTRequest", 400)


@pytest.mark.parametrize(
    ("fields", "code", "status"),
    [
        ({"key": KEY}, "AccessDenied", 403),
        (form(OSSAccessKeyId="other"), "InvalidAccessKeyId", 403),
        (form(signature="AAAA"), "SignatureDoesNotMatch", 403),
        (form(signature="é"), "SignatureDoesNotMatch", 403),
        (form(key="ota/other.bin"), "AccessDenied", 403),
        (form(key=""), "MalformedPOSTRequest", 400),
        (form("!!!"), "InvalidPolicyDocument", 400),
        (form("bnVsbA=="), "InvalidPolicyDocument", 400),
        (form(base64.b64encode(b"[" * 6000).decode()), "InvalidPolicyDocument", 400),
        (form(custom(["like", "$key", "x"])), "InvalidPolicyDocument", 400),
        (form(custom(["content-length-range", 5, 1])), "InvalidPolicyDocument", 400),
        (form(custom(["starts-with", "$key", "other/"])), "AccessDenied", 403),
        (form(custom({"x-oss-object-acl": "private"})), "AccessDenied", 403),
    ],
)
def test_refusals(fields: dict[str, str], code: str, status: int) -> None:
    assert refused(fields)[:2] == (code, status)


def test_a_policy_ends_at_its_expiration() -> None:
    assert check(form(), NOW + timedelta(seconds=59)).key == KEY
    assert refused(form(), NOW + timedelta(seconds=60)) == (
        "AccessDenied",
        403,
        "Invalid according to Policy: Policy expired.",
    )


def test_conditions_hold_and_ranges_narrow() -> None:
    policy = custom(
        ["starts-with", "$key", "ota/"],
        ["starts-with", "$Content-Type", ""],
        {"key": KEY},
        ["content-length-range", 1, 100],
        ["content-length-range", 0, 50],
    )
    claim = check(form(policy))
    assert (claim.size_min, claim.size_max) == (1, 50)


def test_xml_is_escaped() -> None:
    error = upload.PostObjectError("AccessDenied", 403, "<a&b>")
    assert upload.error_xml(error, "R", "h").endswith(
        b"<Error><Code>AccessDenied</Code><Message>&lt;a&amp;b&gt;</Message><RequestId>R</RequestId>"
        b"<HostId>h</HostId></Error>"
    )


def test_success_is_empty_or_xml() -> None:
    assert upload.success(check(form()), "ab", "http://h/k") == (204, {"ETag": '"AB"'}, b"")
    status, headers, body = upload.success(check(form(success_action_status="201")), "ab", "http://h/k")
    assert (status, headers["ETag"]) == (201, '"AB"')
    assert b"<PostResponse><Bucket>" in body and b'<ETag>"AB"</ETag></PostResponse>' in body
