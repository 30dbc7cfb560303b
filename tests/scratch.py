"""Where tests put what they throw away."""

import os
import shutil
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30  # what all workers of a run may need at once
SHORT = "UPWELL_TEST_SHORT"  # a variable: what a proof starts is small (conftest.py)


def scratch(prefix: str) -> Path:
    """A new folder through which another user may pass (started by root, PostgreSQL runs as someone else), in memory
    where there is room: a database is made and dropped for each test, and a disk's file system takes ten times as long
    for its thousand files. What is on it is PostgreSQL and Upwell as they are, with fsync on."""
    top = Path(tempfile.mkdtemp(prefix=prefix, dir=IN_MEMORY if _has_room() else "/tmp"))
    top.chmod(0o711)
    return top


def proof_folder(prefix: str) -> Path:
    """A scratch folder for what a proof or a measurement starts: on the disk where it is long, for then it fills the
    disk, and what a disk takes is a part of what is measured."""
    if os.environ.get(SHORT):
        return scratch(prefix)
    top = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    top.chmod(0o711)
    return top


def _has_room() -> bool:
    if not os.access(IN_MEMORY, os.W_OK | os.X_OK):
        return False
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(shutil.disk_usage(IN_MEMORY).free, pages) >= ROOM_BYTES
