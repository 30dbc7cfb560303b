"""A real haproxy for a test, from a text of its configuration."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from demo.haproxy import COMMAND, found

from scratch import scratch

STARTS_WITHIN_S = 30.0
needs_haproxy = pytest.mark.skipif(found() is None, reason=f"no haproxy here; run: sudo {COMMAND}")


@contextmanager
def haproxy(text: str, *ports: int) -> Iterator[Path]:
    """It listens on these ports within; the file that has what it says."""
    top = scratch("upwell-haproxy-")
    (top / "haproxy.cfg").write_text(text)
    said = top / "said"
    program = str(found())
    looked = subprocess.run([program, "-c", "-f", top / "haproxy.cfg"], capture_output=True, text=True, check=False)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    with said.open("wb") as log:
        process = subprocess.Popen([program, "-db", "-f", top / "haproxy.cfg"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        for port in ports:
            while not listens(port):
                assert process.poll() is None and time.monotonic() < deadline, said.read_text()
                time.sleep(0.02)
        yield said
    finally:
        process.kill()  # what it carries ends with it
        process.wait()
        shutil.rmtree(top, ignore_errors=True)


def listens(port: int) -> bool:
    """Whether anybody does; a connection that says nothing is no device's."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
