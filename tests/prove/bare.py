"""A Debian with nothing in it, made by debootstrap; its mirror and pip's settings are this machine's own, and nothing
of them is kept."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from demo.debian import command, found

from wheel import CHECKOUT

DEBIANS = {"bookworm": "3.11", "trixie": "3.13", "forky": "3.14"}  # its Python
SCRIPTS = Path("/usr/share/debootstrap/scripts")
KEPT = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
TRUST = ("Check-Valid-Until", "Check-Date")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MOUNTS = (
    "mount -t proc proc $0/proc && mount -t devpts devpts $0/dev/pts -o newinstance,ptmxmode=0666,mode=0620,gid=5"
    ' && rm -f $0/dev/ptmx && ln -s pts/ptmx $0/dev/ptmx && exec chroot "$0" "$@"'
)
USER = "ann"


def lacking() -> str | None:
    """Why it can't be proved here."""
    if os.geteuid() != 0:
        return "a chroot is made by root alone"
    if found("debootstrap") is None:
        return f"there is no debootstrap here; run: {command('debootstrap')}"
    if shutil.which("apt-get") is None:
        return "no Debian is here whose mirror could be asked"
    own = ["unshare", "--mount", "--pid", "--net", "--fork", "true"]
    return None if subprocess.run(own, check=False, capture_output=True).returncode == 0 else "namespaces are closed"


WHY = lacking()
needs_debian = pytest.mark.skipif(WHY is not None, reason=str(WHY))


def mirror() -> str:
    """Where this machine has its Debian from."""
    asked = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return next(line.split()[2] for line in told.splitlines() if line.startswith("Debian main "))


class Bare:
    """A Debian with nothing in it but a user, the page and the wheel."""

    def __init__(self, root: Path, debian: str) -> None:
        self.root = root
        known = SCRIPTS / debian
        script = [] if known.exists() else [str(SCRIPTS / "sid")]  # one that is newer than this machine's debootstrap
        program = found("debootstrap")
        assert program is not None
        make = [program, "--variant=minbase", debian, str(root), mirror(), *script]
        done = subprocess.run(make, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ} | {"PATH": PATH}
        local = ("PIP_CERT", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_CACHE_DIR")
        self.env |= {k: v for k, v in os.environ.items() if k.startswith("PIP_") and k not in local}
        if "PIP_CERT" in os.environ:
            shutil.copy(os.environ["PIP_CERT"], root / "opt" / "ca.crt")
            self.env["PIP_CERT"] = "/opt/ca.crt"
        # What this machine takes from the mirror, as old as it may be, is taken here.
        asked = [["apt-config", "dump", f"Acquire::{each}"] for each in TRUST]
        told = [subprocess.run(each, check=True, capture_output=True).stdout for each in asked]
        (root / "etc" / "apt" / "apt.conf.d" / "90mirror").write_bytes(b"".join(told))
        self.run("useradd", "--create-home", "--shell", "/bin/bash", USER)
        for file in (CHECKOUT / "tests" / "ten_minutes.py", CHECKOUT / "docs" / "ten-minutes.md"):
            shutil.copy(file, root)

    def run(self, *words: str, network: bool = True) -> str:
        """What a command says in it, by root; it must end well."""
        own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
        whole = [*own, "--", "sh", "-c", MOUNTS, str(self.root), *words]
        done = subprocess.run(whole, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def follow(self, *how: str, network: bool) -> dict[str, str]:
        """Chapters of the page, as the user; returns what they said."""
        read = ("python3", "/ten_minutes.py", "/ten-minutes.md", f"/home/{USER}", "--user", USER)
        told = json.loads(self.run(*read, *how, network=network).splitlines()[-1])
        print(f"{shlex.join(how)}: {told['took_s']} s", end="; ", flush=True)
        said: dict[str, str] = told["told"]
        return said
