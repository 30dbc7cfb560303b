"""`pip install` that says what it does, a short line at a time: `set_up.py WHAT ARGUMENTS…` installs with these
arguments and calls it WHAT. What pip itself said is shown only when it fails. Needs nothing but the standard library.
"""

import itertools
import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

STEP = re.compile(r"\s*(Collecting|Requirement already satisfied:|Obtaining)\s+([^\s(]+)")
PIN = re.compile(r"^[A-Za-z0-9][^#\s]*==", re.MULTILINE)
SILENCE_S = 10.0  # after so long without a line of pip's, it is said that it still works
KEPT_LINES = 60


class Progress:
    """The lines of one installation. On a terminal a package's line overwrites the one before."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._count = 0
        self._doing = "starting"
        self._began_at = self._said_at = time.monotonic()
        self._over = threading.Event()

    def heard(self, line: str) -> None:
        """One line of pip's."""
        step = STEP.match(line)
        if step:
            self._count += 1
            self._doing = f"{self._count}/{max(self._total, self._count)} {step[2]}"
        elif line.startswith(("Installing collected packages", "Building ", "Preparing ")):
            self._doing = line.split(":")[0].strip().lower()
        else:
            return
        self._say(self._doing)

    def watch(self) -> None:
        """Say from time to time that a long step is still under way."""
        while not self._over.wait(1.0):
            if time.monotonic() - self._said_at >= SILENCE_S:
                self._say(f"{self._doing}, still at it after {time.monotonic() - self._began_at:.0f} s")

    def end(self, outcome: str) -> None:
        """The last line."""
        self._over.set()
        self._say(f"{outcome} after {time.monotonic() - self._began_at:.0f} s")
        if sys.stdout.isatty():
            print()

    def _say(self, text: str) -> None:
        self._said_at = time.monotonic()
        if sys.stdout.isatty():
            print(f"\r\x1b[K  {self._what}: {text}", end="", flush=True)
        else:
            print(f"  {self._what}: {text}", flush=True)


def main(what: str, arguments: list[str]) -> int:
    files = [after for option, after in itertools.pairwise(arguments) if option == "-r"]
    total = sum(len(PIN.findall(Path(file).read_text("utf-8"))) for file in files)
    progress, kept = Progress(what, total), deque[str](maxlen=KEPT_LINES)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
        *arguments,
    ]
    threading.Thread(target=progress.watch, daemon=True).start()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            kept.append(line)
            progress.heard(line)
    progress.end("failed" if pip.returncode else "done")
    if pip.returncode:
        sys.stderr.write("".join(kept))
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
