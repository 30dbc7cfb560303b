"""Which requests are for Tuya's OpenAPI, and what they are told."""

import pytest

from upwell.dialects.tuya import openapi


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1.0/token", True),
        ("//v1.0/token", True),
        ("/a/prefix/v2.0/cloud/thing/d/firmware", True),
        ("/v1.10", True),
        ("/v1/products", False),
        ("/v5/iot/p/devices", False),
        ("/v3/auth/tokens", False),
        ("/v1.0x/token", False),
        ("/", False),
    ],
)
def test_it_is_known_by_a_version_and_a_header(path: str, known: bool) -> None:
    assert openapi.is_asked(path, {"client_id": "k"}) is known
    assert not openapi.is_asked(path, {})


def test_a_refusal_is_in_its_form() -> None:
    assert openapi.refusal(1700000000000, "ab") == (
        b'{"code":1108,"msg":"uri path invalid: the OpenAPI is not offered here, of Tuya\'s APIs only the one with'
        b' Action=... at /, see docs/moving/tuya.md","success":false,"t":1700000000000,"tid":"ab"}'
    )
