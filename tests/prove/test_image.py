"""The container file, built and run by Docker where there is one, and its steps one by one, for want of a builder. Its
base is played by the Debian that has its Python. What they make serves and is healthy, as its user, on a root that is
read-only."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.prove.bare import DEBIANS, PATH, Bare, needs_debian
from tests.prove.docker import Docker
from tests.prove.docker import lacking as no_docker

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


# With a builder.


@pytest.fixture
def docker() -> Iterator[Docker]:
    """A daemon without a network, which has the image that the container file's own words build in another one. Its
    base is a Debian with the same Python, by the name of the one that would be fetched."""
    top = Path(tempfile.mkdtemp(prefix="upwell-image-", dir="/tmp"))
    top.chmod(0o755)
    text = CONTAINERFILE.read_text()
    [name] = {line.split()[1] for line in text.splitlines() if line.startswith("FROM ")}
    builder = Docker(top / "builder", alone=False)
    try:
        bare = _base("base", name, top)
        told = {key.removeprefix("PIP_").lower(): value for key, value in bare.env.items() if key.startswith("PIP_")}
        lines = [f"{key.replace('_', '-')} = {value}" for key, value in told.items()]
        (bare.root / "etc" / "pip.conf").write_text("\n".join(["[global]", *lines]))
        builder.base(name, bare.root, f"ENV PATH={PATH}")
        [build] = re.findall(r"docker (build .*)$", text, re.MULTILINE)
        given = [f"{key}={value}" for key, value in bare.env.items() if key.lower().endswith("_proxy")]
        args = [word for each in given for word in ("--build-arg", each)]
        builder.ask("build", "--network=host", *args, *shlex.split(build)[1:], cwd=CHECKOUT)
        daemon = Docker(top / "daemon", alone=True)
        try:
            builder.handed("upwell", daemon)
            yield daemon
        finally:
            daemon.end()
    finally:
        builder.end()
        shutil.rmtree(top)


def started(docker: Docker, *words: str) -> str:
    """It is healthy, and what it said."""
    docker.ask(*words)
    deadline = time.monotonic() + HEALTHY_S
    while True:
        [state] = json.loads(docker.ask("inspect", "--format", "[{{json .State}}]", "up").stdout)
        said = docker.ask("logs", "up", stderr=subprocess.STDOUT, stdout=subprocess.PIPE, capture_output=False).stdout
        if state["Health"]["Status"] == "healthy":
            return said
        assert state["Running"] and time.monotonic() < deadline, (state, said)
        time.sleep(0.5)


WALK = """
export HOME="$PWD"
printf '%s\\n' "$TOKEN" | upwell login http://127.0.0.1:8686 --key
upwell product create lamp --id lamp
{ echo name; seq -f 'lamp-%.0f' 20; } > lamps.csv
upwell device import lamps.csv --product lamp --secrets secrets.csv
upwell simulate --devices secrets.csv --product lamp --from 1.0 --to 2.0 &
until [ "$(upwell device list --product lamp --version 1.0 --json | wc -l)" -eq 20 ]; do sleep 1; done
head -c 1M /dev/urandom > lamp-2.0.bin
upwell package upload lamp-2.0.bin --product lamp --version 2.0 --json > package.json
package=$("$PYTHON" -c 'import json; print(json.load(open("package.json"))["id"])')
upwell rollout start "$package" --all --yes --json > rollout.json
wait
"""
UPDATED = 'HOME="$PWD" upwell device list --product lamp --version 2.0 --json | wc -l'


@pytest.mark.skipif(no_docker() is not None, reason=str(no_docker()))
@pytest.mark.timeout(1800)
def test_docker_builds_and_runs_it_as_its_first_lines_say(docker: Docker, tmp_path: Path) -> None:
    """A fleet is updated through the published ports; what was stopped, or killed, goes on where it was."""
    [run] = re.findall(
        r"docker (run .*? upwell) --public-url", CONTAINERFILE.read_text().replace("\\\n#", " "), re.DOTALL
    )
    words = ["run", "--detach", "--name", "up", *shlex.split(run)[1:], "--public-url", "http://127.0.0.1:8687"]
    said = started(docker, *words)
    [token] = re.findall(r"first token, [^\n]*: (\S+)", said)
    bin_ = Path(sys.executable).parent
    environ = {"TOKEN": token, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHON": sys.executable}
    walked = docker.inside("sh", "-ec", f"cd {tmp_path} && {WALK}", **environ)
    assert walked.returncode == 0, (walked.stdout, walked.stderr)
    for ends, status in (("stop", 0), ("kill", 137)):
        docker.ask(ends, "up")
        assert docker.ask("wait", "up").stdout.strip() == str(status)
        started(docker, "start", "up")
        counted = docker.inside("sh", "-ec", f"cd {tmp_path} && {UPDATED}", **environ)
        assert counted.stdout.strip() == "20", counted
    shut = docker.ask("exec", "up", "sh", "-c", "id -u; touch /opt/upwell/x", check=False)
    assert shut.returncode and shut.stdout == "10001\n" and "Read-only file system" in shut.stderr, shut
    print("\nDocker's image: healthy, a fleet updated, stopped, killed")
