"""Which tongue a refusal is in: before a key is known, a request without Version is answered as Tuya's."""

import json
import urllib.error
import urllib.request

import pytest

from acceptance.client import Server


def refused(server: Server, query: str) -> dict[str, object]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://{server.http}/?{query}", timeout=10)
    with caught.value as answer:
        return dict(json.loads(answer.read()))


def test_without_version_it_is_tuyas(server: Server) -> None:
    common = "SignatureMethod=HMAC-SHA1&SignatureNonce=n&Timestamp=2024-11-19T09%3A47%3A43Z"
    told = refused(server, f"Action=CreateOTAVerifyJob&AccessKeyId=nobody&Signature=x&{common}")
    assert (told["success"], told["code"]) == (False, "InvalidAccessKeyId.NotFound")
    assert refused(server, "Action=CreateOTAVerifyJob&AccessKeyId=nobody")["code"] == "MissingParameter"
    assert told["requestId"] == str(told["requestId"]).lower()


def test_with_version_it_is_alibabas(server: Server) -> None:
    told = refused(server, "Action=QueryOTAJob&Version=2018-01-20&Format=JSON")
    assert told["Code"] == "MissingAccessKeyId"
    assert told["RequestId"] == str(told["RequestId"]).upper()
