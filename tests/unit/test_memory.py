"""How much memory the embedded PostgreSQL takes: a part of what there is, or of what a container may have."""

from pathlib import Path

import pytest

from upwell.embedded.process import MB, memory_bytes

ALL = memory_bytes(Path("/no/such/file"))


def grouped(folder: Path, lines: str, limits: dict[str, str]) -> int:
    """What is read where these groups have these limits."""
    (folder / "cgroup").write_text(lines)
    for name, text in limits.items():
        file = folder / "fs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return memory_bytes(folder / "cgroup", folder / "fs")


@pytest.mark.parametrize(
    ("lines", "limits", "found"),
    [
        ("0::/\n", {"memory.max": "max"}, ALL),
        ("0::/\n", {"memory.max": str(512 * MB)}, 512 * MB),
        ("0::/pod/one\n", {"pod/memory.max": str(256 * MB), "pod/one/memory.max": "max"}, 256 * MB),
        ("0::/pod/one\n", {"pod/memory.max": str(512 * MB), "pod/one/memory.max": str(300 * MB)}, 300 * MB),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": str(200 * MB)}, 200 * MB),
        ("4:cpu,memory:/a\n", {"memory/memory.limit_in_bytes": str(200 * MB)}, 200 * MB),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": str(1 << 63)}, ALL),  # v1's word for none
        ("3:cpu:/a\n", {"a/memory.max": str(MB)}, ALL),
    ],
)
def test_a_group_may_have_less(tmp_path: Path, lines: str, limits: dict[str, str], found: int) -> None:
    assert grouped(tmp_path, lines, limits) == found
    assert ALL > 64 * MB
