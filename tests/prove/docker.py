"""A Docker daemon of a test's own: its state, socket and network are in no way those of one that runs here already."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from demo.debian import command, found

from wheel import CHECKOUT

WITHIN_S = 120.0
LO_UP = f"import sys; sys.path.insert(0, {str(CHECKOUT / 'tests')!r}); import ten_minutes; ten_minutes.lo_up()"


def lacking() -> str | None:
    """Why there is no builder."""
    if found("dockerd") is None or found("docker") is None:
        return f"there is no Docker here; run: {command('dockerd')}"
    return None


class Docker:
    """A daemon, by root. `alone`: it has a network of its own with nothing in it, in which ports are published; else
    its containers have none but the machine's, which is what a build fetches packages through."""

    def __init__(self, top: Path, *, alone: bool) -> None:
        self.top, dockerd = top, found("dockerd")
        assert dockerd is not None
        top.mkdir()
        self._log = (top / "log").open("wb")
        state = [f"--data-root={top / 'data'}", f"--exec-root={top / 'exec'}", f"--pidfile={top / 'pid'}"]
        own = ["unshare", "--mount", *(["--net"] if alone else []), "--fork", "--kill-child", "--"]
        first = ["sh", "-ec", '"$0" -c "$1"; shift; exec "$@"', sys.executable, LO_UP] if alone else []
        state += [] if alone else ["--bridge=none", "--iptables=false"]
        self._daemon = subprocess.Popen(
            [*own, *first, dockerd, f"--host={self.host}", *state], stdout=self._log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + WITHIN_S
        while self.ask("version", check=False).returncode:
            assert self._daemon.poll() is None and time.monotonic() < deadline, (top / "log").read_text()[-3000:]
            time.sleep(0.2)

    @property
    def host(self) -> str:
        """Where it listens."""
        return f"unix://{self.top / 'socket'}"

    def ask(self, *words: str, check: bool = True, **more: object) -> "subprocess.CompletedProcess[str]":
        """The command `docker` with these words."""
        docker = found("docker")
        assert docker is not None
        environ = os.environ | {"DOCKER_CONFIG": str(self.top / "config"), "DOCKER_BUILDKIT": "0"}
        kept = {"capture_output": True, "text": True} | more
        done = subprocess.run([docker, "--host", self.host, *words], env=environ, check=False, **kept)  # type: ignore[call-overload]
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done  # type: ignore[no-any-return]

    def inside(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """A command of this machine, in the daemon's network."""
        pid = (self.top / "pid").read_text()
        own = ["nsenter", "--target", pid, "--net", "--", *words]
        return subprocess.run(own, capture_output=True, text=True, check=False, env=os.environ | environ)

    def base(self, name: str, root: Path, *changes: str) -> None:
        """What lies below `root` becomes the image of that name."""
        words: Sequence[str] = [word for change in changes for word in ("--change", change)]
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as packed:
            self.ask("import", *words, "-", name, stdin=packed.stdout)
        assert packed.returncode == 0

    def handed(self, name: str, other: "Docker") -> None:
        """The other has the image too."""
        file = self.top / "handed.tar"
        self.ask("save", "--output", str(file), name)
        other.ask("load", "--input", str(file))
        file.unlink()

    def end(self) -> None:
        """Nothing is left of it."""
        containers = self.ask("ps", "--all", "--quiet").stdout.split()
        if containers:
            self.ask("rm", "--force", "--volumes", *containers)
        os.kill(int((self.top / "pid").read_text()), signal.SIGTERM)
        self._daemon.wait(60)
        self._log.close()
        shutil.rmtree(self.top)
