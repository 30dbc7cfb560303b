"""The forms of a download URL (huawei 5.7)."""

import pytest

from upwell.domain.links import named_link, plain_name, with_port, without_token


@pytest.mark.parametrize(
    ("origin", "written"),
    [
        ("https://fw.example", "https://fw.example:443"),
        ("http://fw.example", "http://fw.example:80"),
        ("https://fw.example:8443", "https://fw.example:8443"),
        ("https://[::1]", "https://[::1]:443"),
        ("http://[::1]:81", "http://[::1]:81"),
        ("https://fw.example/v2", "https://fw.example:443/v2"),
        ("http://fw.example:81/v2", "http://fw.example:81/v2"),
    ],
)
def test_port_is_written_out(origin: str, written: str) -> None:
    assert with_port(origin) == written


def test_named_link_has_port_name_and_question_mark() -> None:
    assert named_link("https://fw.example", "T0-k_", "bbb/up grade.bin", 17) == (
        "https://fw.example:443/ota/T0-k_/up_grade.bin?e=17"
    )


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a/b/c.bin", "c.bin"),
        ("升级.bin", "__.bin"),
        ("..", "file"),
        ("", "file"),
        ("a/", "file"),
        (".hidden", "hidden"),
        ('x";\r\ny', "x____y"),
        ("n" * 100 + ".tar.gz", "n" * 57 + ".tar.gz"),
    ],
)
def test_plain_name(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.mark.parametrize(
    ("link", "bare"),
    [
        ("https://fw.example:443/ota/TOK/up.bin?e=17", "https://fw.example:443/ota/-/up.bin?e=17"),
        ("http://fw.example/ota/TOK", "http://fw.example/ota/-"),
        ("http://ota/ota/TOK/up.bin?e=1", "http://ota/ota/-/up.bin?e=1"),
        ("http://h:80/ota/v2/ota/TOK/ota?e=1", "http://h:80/ota/v2/ota/-/ota?e=1"),
    ],
)
def test_token_comes_out(link: str, bare: str) -> None:
    assert without_token(link) == (bare, "TOK")
