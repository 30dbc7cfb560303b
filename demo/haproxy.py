"""Where an haproxy is, for the tests of several nodes behind one; what to do where there is none.

Run: python -m demo.haproxy. It installs Debian's by apt where it may (as root, or by sudo without a password), does not
let it run as a service, and else prints the one command to run.
"""

import os
import shutil
import subprocess

from demo.chromium import LONGEST_S, PATIENCE

COMMAND = "apt-get install -y --no-install-recommends haproxy"
_WHERE = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"  # it is a daemon's place


def found() -> str | None:
    """The program."""
    return shutil.which("haproxy", path=_WHERE)


def main() -> None:
    """Have one."""
    if found() is None:
        first = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if shutil.which("apt-get") and (not first or shutil.which("sudo")):
            print("upwell: installing Debian's haproxy for the tests of several nodes (once)", flush=True)
            for command in (["apt-get", *PATIENCE, "update", "-qq"], ["apt-get", *PATIENCE, *COMMAND.split()[1:]]):
                subprocess.run([*first, *command], check=False, stdout=subprocess.DEVNULL, timeout=LONGEST_S)
            stop = ["systemctl", "disable", "--now", "haproxy"]
            if shutil.which("systemctl"):  # it is wanted by tests alone, which run their own
                subprocess.run([*first, *stop], check=False, capture_output=True, timeout=60)
    print(
        found() or f"upwell: there is no haproxy here, so several nodes behind one are not tested; run: sudo {COMMAND}"
    )


if __name__ == "__main__":
    main()
