"""Where a Chromium is for the tests and screenshots of the console; what to do where there is none.

Run: python -m demo.chromium. It installs Debian's by apt where it may (as root, or by sudo without a password), and
else prints the one command to run.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = ("-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=0")  # where there is no network
LONGEST_S = 900
COMMAND = "apt-get install -y --no-install-recommends chromium fonts-noto-cjk"


def found() -> str | None:
    """The program; UPWELL_CHROMIUM names another."""
    named = os.environ.get("UPWELL_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def chromium() -> str:
    """The same. Raises SystemExit that says how to have one."""
    program = found()
    if program is None:
        sys.exit(f"there is no Chromium here; run: sudo {COMMAND}")
    return program


def main() -> None:
    """Have one."""
    if found() is None:
        first = [] if os.geteuid() == 0 else ["sudo", "-n"]
        if shutil.which("apt-get") and (not first or shutil.which("sudo")):
            print("upwell: installing Debian's Chromium for the console's tests (once)", flush=True)
            for command in (["apt-get", *PATIENCE, "update", "-qq"], ["apt-get", *PATIENCE, *COMMAND.split()[1:]]):
                subprocess.run([*first, *command], check=False, stdout=subprocess.DEVNULL, timeout=LONGEST_S)
    print(chromium())


if __name__ == "__main__":
    main()
