"""What is at a path, as every Python says it."""

from pathlib import Path

import pytest

from upwell.config.looking import is_there


def test_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert is_there(tmp_path) and is_there(file)
    assert not is_there(tmp_path / "none") and not is_there(file / "below")


@pytest.mark.parametrize("name", ["a" * 300, "loop"])
def test_what_can_not_be_looked_at_is_not_taken_for_absent(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError):
        is_there(tmp_path / name)
    with pytest.raises(ValueError):
        is_there(Path("a\0b"))
