"""Which addresses and URLs news may be sent to. The literals are written by hand, none by the code under test."""

import pytest

from upwell.domain.addresses import Target, is_public, read_url
from upwell.domain.errors import Invalid

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "203.0.114.1",
    "192.0.1.1",
    "192.31.197.1",
    "192.52.194.1",
    "192.88.98.1",
    "192.175.49.1",
    "223.255.255.254",
    "100.128.0.1",
    "172.32.0.1",
    "198.20.0.1",
    "2001:200::1",
    "2400::1",
    "2620:4f:8001::1",
    "3ffe::1",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
NOT_PUBLIC = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.0.0.255", "192.31.196.1", "192.52.193.1", "192.88.99.1",
    "192.175.48.1", "198.19.255.255", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:7f00:1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:101::1",
    "2001::1", "2001:0:808:808::1", "2001:db8::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1",
    "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff::1",
    "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "5f00::1", "100:0:0:1::1", "2002:c058:6301::1", "::ffff:192.0.0.10",
    "64:ff9b::c000:9", "2606:4700::1111%eth0", "::ffff:8.8.8.8%eth0",
    "ff02::1", "ff0e::1", "100::1", "4000::1", "fd00:ec2::254",
    "", "localhost", "8.8.8", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "8.8.8.8 ", "8.8.8.8/32",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("http://example.com", Target(False, "example.com", 80, "/"), "example.com"),
        ("https://example.com/a/b?c=d", Target(True, "example.com", 443, "/a/b?c=d"), "example.com"),
        ("https://Example.com:8443/", Target(True, "example.com", 8443, "/"), "example.com:8443"),
        ("http://8.8.8.8:80/x", Target(False, "8.8.8.8", 80, "/x"), "8.8.8.8"),
        ("http://[2606:4700::1111]:81", Target(False, "2606:4700::1111", 81, "/"), "[2606:4700::1111]:81"),
        ("http://my_host.example?q", Target(False, "my_host.example", 80, "/?q"), "my_host.example"),
    ],
)
def test_url_in_parts(url: str, target: Target, authority: str) -> None:
    assert read_url(url) == target
    assert read_url(url).authority == authority


BAD_FORMS = [
    "", "example.com", "ftp://example.com", "//example.com", "http://", "http:///x", "https://user@example.com",
    "https://user:word@example.com/", "https://example.com/#x", "https://example.com:0/", "https://example.com:65536/",
    "https://example.com:x/", "https://exa mple.com/", "https://example.com/\r\nHost: x", "https://example.com/ä",
    "https://ex\tample.com/", "https://-a.example/", "https://a..example/", "https://[::1", "https://[8.8.8.8]/",
    "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f.1/", "http://a.0x1/",
    "http://017700000001", "http://1.2.3.4.5/", "https://" + "a" * 64 + ".example/", "https://" + "a." * 127 + "aa/",
    "https://e.example/" + "x" * 1007,
]  # fmt: skip


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("url", BAD_FORMS)
def test_bad_forms_are_refused_whatever_is_allowed(url: str, private: bool) -> None:
    with pytest.raises(Invalid) as refused:
        read_url(url, private=private)
    assert refused.value.field == "url"


LITERALS = ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "10.0.0.1", "[fd00::1]"]


@pytest.mark.parametrize("host", LITERALS)
def test_private_literals_need_leave(host: str) -> None:
    with pytest.raises(Invalid, match="public internet"):
        read_url(f"http://{host}:8080/x")
    assert read_url(f"http://{host}:8080/x", private=True).port == 8080


def test_longest_url_passes() -> None:
    assert len(read_url("https://e.example/" + "x" * 1006).path) == 1007
