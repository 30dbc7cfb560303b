"""Which ciphers a listener speaks is ours to say, whatever the Python is that it runs on."""

import pytest

from upwell.doors.tls import CIPHERS, Certificates, Manner

FORWARD = {"kx-any", "kx-ecdhe"}  # TLS 1.3 has no other


@pytest.mark.parametrize("manner", CIPHERS)
def test_a_manner_has_its_key_exchanges_and_no_other(manner: Manner) -> None:
    """Debian's Python has key exchange by RSA, PSK and SRP by default; others have none of them."""
    spoken = Certificates([], manner).context.get_ciphers()
    found = {each["kea"] for each in spoken}
    assert found == (FORWARD if manner == "modern" else FORWARD | {"kx-rsa"}), spoken
    assert all(each["aead"] or "SHA1" not in each["description"] for each in spoken if manner == "modern"), spoken
