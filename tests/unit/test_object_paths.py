"""Owners' object keys as paths below a folder: nothing leaves it, nothing collides, ordinary names stay."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upwell.domain.errors import Invalid
from upwell.objects.paths import key_of, path_of

KEYS = st.text(st.one_of(st.sampled_from("./%\\+ a\n\x7f."), st.characters(codec="utf-8", exclude_characters="\0")))
LEGAL = KEYS.filter(lambda key: 1 <= len(key) <= 1024)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("bbb/upgrade.bin", "bbb/upgrade.bin"),
        ("my firmware (2).bin", "my firmware (2).bin"),
        ("固件/升级.bin", "固件/升级.bin"),
        ("../../etc/passwd.bin", "%2E./%2E./etc/passwd.bin"),
        ("/etc/x.bin", "%/etc/x.bin"),
        ("a//b.bin", "a/%/b.bin"),
        ("a/", "a/%"),
        (".incoming/x.bin", "%2Eincoming/x.bin"),
        ("50%.bin", "50%25.bin"),
        ("%2E%2E/x.bin", "%252E%252E/x.bin"),
        ("a\\..\\b.bin", "a%5C..%5Cb.bin"),
        ("a\r\nb.bin", "a%0D%0Ab.bin"),
        ("x" * 240 + ".bin", "x" * 240 + "%+/%2Ebin"),
        ("x" * 241, "x" * 240 + "%+/x"),
    ],
)
def test_path(key: str, path: str) -> None:
    assert path_of(key) == path
    assert key_of(path) == key


@given(LEGAL)
def test_every_key_has_a_path_of_its_own_inside_the_folder(key: str) -> None:
    path = path_of(key)
    assert key_of(path) == key
    assert not path.startswith("/")
    for part in path.split("/"):
        assert part and not part.startswith(".") and len(part.encode()) <= 255 and "\0" not in part
    assert PurePosixPath(path).as_posix() == path


@pytest.mark.parametrize(
    "path", ["a/../b", "./a", "a//b", "a/", "/a", ".incoming/ab", "%41", "%2e", "a%", "x%+", "a%zz"]
)
def test_other_files_of_the_folder_are_no_objects(path: str) -> None:
    assert key_of(path) is None


@pytest.mark.parametrize("key", ["", "x" * 1025, "a\0b", "\ud800.bin", "😀" * 1024])
def test_what_no_store_holds_is_refused(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        path_of(key)
    assert refused.value.field == "object_key"


def test_longest_keys() -> None:
    assert key_of(path_of("x" * 1024)) == "x" * 1024
    assert key_of(path_of("升" * 1020 + ".bin")) == "升" * 1020 + ".bin"
