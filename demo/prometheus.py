"""Where a Prometheus and its promtool are, for the tests of alert rules; what to do where there are none.

Run: python -m demo.prometheus. It installs Debian's by apt where it may (as root, or by sudo without a password), does
not let it run as a service, and else prints the one command to run.
"""

import os
import shutil
import subprocess

from demo.chromium import LONGEST_S, PATIENCE

COMMAND = "apt-get install -y --no-install-recommends prometheus"


def found(name: str = "promtool") -> str | None:
    """The program."""
    return shutil.which(name)


def main() -> None:
    """Have one."""
    if found() is None:
        first = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if shutil.which("apt-get") and (not first or shutil.which("sudo")):
            print("upwell: installing Debian's Prometheus for the tests of alerts (once)", flush=True)
            for command in (["apt-get", *PATIENCE, "update", "-qq"], ["apt-get", *PATIENCE, *COMMAND.split()[1:]]):
                subprocess.run([*first, *command], check=False, stdout=subprocess.DEVNULL, timeout=LONGEST_S)
            stop = ["systemctl", "disable", "--now", "prometheus"]
            if shutil.which("systemctl"):  # it is wanted by tests alone, which run their own
                subprocess.run([*first, *stop], check=False, capture_output=True, timeout=60)
    program = found()
    print(program or f"upwell: there is no promtool here, so alert rules are not tested; run: sudo {COMMAND}")


if __name__ == "__main__":
    main()
