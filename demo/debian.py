"""Where Debian's programs are that tests of an installation need; what to do where there are none.

Run: python -m demo.debian NAME…. It installs those that lack by apt where it may (as root, or by sudo without a
password), does not let them run as services, and else prints the one command to run.
"""

import os
import shutil
import subprocess
import sys

from demo.chromium import LONGEST_S, PATIENCE

PACKAGES = {
    "age": "age",
    "curl": "curl ca-certificates",
    "debootstrap": "debootstrap",
    "dockerd": "docker.io iptables",
    "jq": "jq",
    "nginx": "nginx-light libnginx-mod-stream",
    "systemd-nspawn": "systemd-container",
}  # by program
SERVICES = {"nginx": ("nginx",), "dockerd": ("docker.socket", "docker", "containerd")}  # which Debian would start


def found(name: str) -> str | None:
    """The program; those of administrators are not in everybody's path."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))


def command(*names: str) -> str:
    """What installs them."""
    return "apt-get install -y --no-install-recommends " + " ".join(PACKAGES[name] for name in names)


def main(names: list[str]) -> None:
    """Have them."""
    lacking = [name for name in names if found(name) is None]
    first = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if lacking and shutil.which("apt-get") and (not first or shutil.which("sudo")):
        print(f"upwell: installing Debian's {' and '.join(lacking)} for tests (once)", flush=True)
        for words in (["update", "-qq"], command(*lacking).split()[1:]):
            run = [*first, "apt-get", *PATIENCE, *words]
            subprocess.run(run, check=False, stdout=subprocess.DEVNULL, timeout=LONGEST_S)
        services = [service for name in lacking for service in SERVICES.get(name, ())]
        if services and shutil.which("systemctl"):  # they are wanted by tests alone, which run their own
            stop = [*first, "systemctl", "disable", "--now", *services]
            subprocess.run(stop, check=False, capture_output=True, timeout=60)
    for name in names:
        if found(name) is None:
            print(f"upwell: there is no {name} here, so what needs it is not tested; run: sudo {command(name)}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(PACKAGES))
