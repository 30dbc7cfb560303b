"""How many connections fit into the limit on open files, and that it is raised."""

import os
import resource
import subprocess
import sys

import pytest

from upwell.domain.errors import Unavailable
from upwell.wiring import open_files
from upwell.wiring.open_files import Room, fitting

WANTED = Room(mqtt=100_000, downloads=10_000, http=2_000)


def test_all_fit() -> None:
    assert WANTED.files == 512 + 100_000 + 20_000 + 2_000
    assert fitting(WANTED.files, WANTED) == WANTED


@pytest.mark.parametrize("limit", [256, 1024, 4096, 20_000, 65_536, WANTED.files - 1])
def test_what_fits_leaves_the_process_its_own(limit: int) -> None:
    room = fitting(limit, WANTED)
    assert min(room) > 0 and room.mqtt > room.downloads and room.mqtt >= room.http
    assert room.files - open_files.OWN <= max(limit - open_files.OWN, limit // 2)


def test_little_is_wanted_and_there() -> None:
    assert fitting(1024, Room(10, 10, 2000)) == Room(10, 10, 102)


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "then"), [(200, 400, 300, 300), (200, 400, 900, 400), (200, 400, 100, 200)]
)
def test_the_limit_is_raised(soft: int, hard: int, wanted: int, then: int) -> None:
    code = (
        "import resource as r; from upwell.wiring import open_files as o; "
        f"r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard})); print(o.raised({wanted}), r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert told == [str(min(wanted, then)), str(then)]


def test_the_last_file_is_told() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_files.look()
    held = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 1, hard))
    try:
        while True:
            try:
                held.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                break
        with pytest.raises(Unavailable, match="connections are refused"):
            open_files.look()
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
