"""All of `make test` in Debians whose Python is a later one: its library, OpenSSL and what it was built with differ,
and with them what a program that never changed does."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.prove.bare import DEBIANS, Bare, needs_debian

from wheel import CHECKOUT

pytestmark = [pytest.mark.prove, needs_debian]

LATER = ["trixie", "forky"]
SHOWN_CHARS = 20_000
NEEDS = "python3-venv python3-dev make gcc libc6-dev git procps"
MOUNTS = (
    "mount -t proc proc $0/proc && mount -t sysfs sys $0/sys -o ro"
    " && mount -t devpts devpts $0/dev/pts -o newinstance,ptmxmode=0666,mode=0620,gid=5"
    " && rm -f $0/dev/ptmx && ln -s pts/ptmx $0/dev/ptmx"
    " && mkdir -p $0/dev/shm && for each in dev/shm tmp; do mount -t tmpfs tmp $0/$each && chmod 1777 $0/$each; done"
    ' && exec chroot "$0" sh -ec "cd /upwell/p && exec make test"'
)


@pytest.fixture
def root(request: pytest.FixtureRequest) -> Iterator[Bare]:
    """A Debian with this checkout's last commit, and what compiles."""
    top = Path(tempfile.mkdtemp(prefix="upwell-pythons-", dir="/tmp"))
    top.chmod(0o755)
    try:
        bare = Bare(top / "root", request.param)
        bare.run("sh", "-ec", f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {NEEDS}")
        place = bare.root / "upwell" / "p"
        subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(place)], check=True)
        subprocess.run(["git", "-C", str(place), "remote", "remove", "origin"], check=True)
        if (shared := CHECKOUT.parent / "shared").is_dir():
            shutil.copytree(shared, place.parent / "shared")
        yield bare
    finally:
        shutil.rmtree(top)


@pytest.mark.timeout(5400)
@pytest.mark.parametrize("root", LATER, indirect=True)
def test_every_test_passes_on_a_later_python(root: Bare, request: pytest.FixtureRequest) -> None:
    own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "sh", "-c", MOUNTS, str(root.root)]
    environ = {**root.env, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "GIT_CONFIG_COUNT": "1"}
    environ |= {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    log = Path(tempfile.gettempdir()) / f"upwell-pythons-{os.getpid()}.log"
    with log.open("wb") as said:
        done = subprocess.run(own, env=environ, stdout=said, stderr=subprocess.STDOUT, check=False)
    text = log.read_text(errors="replace")
    log.unlink()
    failed = re.findall(r"^(?:FAILED|ERROR) .*", text, re.MULTILINE)
    if done.returncode or failed:
        pytest.fail(text[-SHOWN_CHARS:], pytrace=False)
    named = request.node.callspec.params["root"]
    print(f"\n{named}, Python {DEBIANS[named]}: {text.splitlines()[-1]}", flush=True)
