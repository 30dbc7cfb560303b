"""The container file, whose steps are run one by one for want of a builder: its base is played by the Debian that has
its Python. What they make serves and is healthy, as its user, on a root that is read-only."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.prove.bare import DEBIANS, PATH, Bare, needs_debian

from wheel import CHECKOUT

pytestmark = [pytest.mark.prove, needs_debian]

CONTAINERFILE = CHECKOUT / "deploy" / "container" / "Containerfile"
STEP = re.compile(r"^(FROM|ENV|WORKDIR|COPY|RUN|USER|HEALTHCHECK|ENTRYPOINT) (.*)$", re.MULTILINE)
MOUNTS = (
    "mount --bind $0 $0 && mount -t proc proc $0/proc"
    " && mount --bind $0/srv $0/var/lib/upwell && mount -o remount,bind,ro $0"
    " && mount -t tmpfs tmp $0/tmp && chmod 1777 $0/tmp"
    ' && exec chroot --userspec="$1" "$0" sh -c "cd /var/lib/upwell && $2"'
)
HEALTHY_S = 60


class Image:
    """A stage, as far as it is built."""

    def __init__(self, bare: Bare) -> None:
        self.bare, self.folder, self.said = bare, "/", dict[str, str]()

    def step(self, word: str, text: str, stages: "dict[str, Image]") -> None:
        """One line of the container file."""
        if word == "ENV":
            pairs = (pair.split("=", 1) for pair in text.split())
            self.bare.env |= {name: value.replace("$PATH", PATH) for name, value in pairs}
        elif word == "WORKDIR":
            self.folder = text
            (self.bare.root / text.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "RUN":
            self.bare.run("sh", "-ec", f"cd {self.folder} && {text}")
        elif word == "COPY":
            *sources, target = text.removeprefix("--from=build ").split()
            top = stages["build"].bare.root if text.startswith("--from") else CHECKOUT
            place = self.bare.root / Path(self.folder, target).relative_to("/")
            for source in sources:
                _copy(top / source.lstrip("/"), place, into=target.endswith("/"))
        else:
            self.said[word] = text


def _copy(source: Path, place: Path, *, into: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, place, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        (place if into else place.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)


def _base(name: str, image: str, top: Path) -> Bare:
    """What stands for an image of Python, which lies in /usr/local and is nobody else's."""
    bare = Bare(top / name, next(debian for debian, python in DEBIANS.items() if f"python:{python}-" in image))
    bare.run("sh", "-c", "apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv")
    bare.run("python3", "-m", "venv", "/usr/local")
    return bare


@pytest.fixture
def stages() -> Iterator[dict[str, Image]]:
    """The stages of the container file, built."""
    top = Path(tempfile.mkdtemp(prefix="upwell-image-", dir="/tmp"))
    top.chmod(0o755)
    made: dict[str, Image] = {}
    name = ""
    try:
        for word, text in STEP.findall(re.sub(r"\\\n", " ", CONTAINERFILE.read_text())):
            if word == "FROM":
                name = text.partition(" AS ")[2] or "last"
                made[name] = Image(_base(name, text, top))
            else:
                made[name].step(word, text, made)
        yield made
    finally:
        shutil.rmtree(top)


@pytest.mark.timeout(1800)
def test_what_the_container_file_makes_is_healthy_on_a_root_that_is_read_only(stages: dict[str, Image]) -> None:
    image = stages["last"]
    root, user = image.bare.root, image.said["USER"]
    os.chown(root / "srv", *map(int, user.split(":")))  # its volume
    start = shlex.join(json.loads(image.said["ENTRYPOINT"]))
    check = shlex.join(json.loads(image.said["HEALTHCHECK"].partition(" CMD ")[2]))
    run = (
        f"touch /opt/upwell/x 2>&1; id -u; {start} > said 2> log & serving=$!; "
        f"for i in $(seq {HEALTHY_S}); do sleep 1; if {check} 2> /dev/null; then echo healthy; break; fi; done; "
        "kill $serving; wait $serving; echo ended $?; cat said log"
    )
    up = f"import sys; sys.path.insert(0, {str(CHECKOUT / 'tests')!r}); import ten_minutes; ten_minutes.lo_up()"
    own = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--", "sh", "-c"]
    whole = f"{shlex.join([sys.executable, '-c', up])} && {MOUNTS}"
    done = subprocess.run(
        [*own, whole, str(root), user, run], env=image.bare.env, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert "Read-only file system" in done.stdout and f"\n{user.partition(':')[0]}\n" in done.stdout, said
    assert "healthy\nended 0\n" in done.stdout and "upwell ready http=0.0.0.0:8686" in done.stdout, said
    assert shutil.which("pip", path=str(root / "opt" / "upwell" / "bin")) is None
    print(f"\nthe container file's steps, as {user}: healthy")
