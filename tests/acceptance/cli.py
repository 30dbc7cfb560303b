"""The program as somebody runs it who has a home of their own: by pipes, or at a terminal."""

import contextlib
import fcntl
import functools
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warm import Warm

UPWELL = str(Path(sys.executable).with_name("upwell"))
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(kw_only=True)
class Person:
    """Somebody with a home; `environ` is what they have set."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(UPWELL).parent), os.environ["PATH"]])
        return {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", "TERM": "xterm-256color", **self.environ}

    def run(self, *command: str, given: str = "", **environ: str) -> Done:
        """By pipes."""
        done = _warm().run(command, given, self.environment() | environ, str(self.home))
        assert "Traceback" not in done.stderr, done.stderr
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)

    def do(self, *command: str, given: str = "", **environ: str) -> Done:
        """What must be done."""
        done = self.run(*command, given=given, **environ)
        assert done.code == 0, (command, done.out, done.err)
        return done

    @contextlib.contextmanager
    def at_terminal(self, *command: str, columns: int = 80, rows: int = 30) -> Iterator["Terminal"]:
        """At a terminal of that size."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen(
            [UPWELL, *command], stdin=slave, stdout=slave, stderr=slave, cwd=self.home, env=self.environment(),
            start_new_session=True, preexec_fn=_sits_here,
        )  # fmt: skip
        os.close(slave)
        terminal = Terminal(process, master)
        try:
            yield terminal
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            os.close(master)


def _sits_here() -> None:
    """The terminal is the one that Ctrl-C is typed at, and Ctrl-C is heard, whoever began the tests."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@functools.cache
def _warm() -> Warm:
    """The loaded program, of nobody."""
    return Warm({"PATH": os.environ["PATH"]})


class Terminal:
    """What is seen there."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process, self._master, self.raw = process, master, ""

    @property
    def seen(self) -> str:
        """All that was printed, without colours and cursors; what is drawn anew is on lines of its own."""
        return _ESCAPES.sub("", self.raw.replace("\r\x1b[2K", "\n")).replace("\r", "")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, word: str, within_s: float = 60) -> str:
        """Read until that is seen."""
        end = time.monotonic() + within_s
        while word not in self.seen:
            assert time.monotonic() < end, (word, self.seen)
            assert self._read(), (word, self.seen)
        return self.seen

    def ended(self, within_s: float = 60) -> tuple[int, str]:
        """Read to its end: the exit code, and what was seen."""
        end = time.monotonic() + within_s
        while self._read():
            assert time.monotonic() < end, self.seen
        return self.process.wait(10), self.seen

    def interrupted(self) -> tuple[int, str]:
        """Type Ctrl-C, and read to its end; again where one is not heard: CPython loses one that comes in the moment
        between the prompt and the read behind it, which a person does not hit."""
        for _ in range(10):
            self.type("\x03")
            try:
                return self.ended(5)
            except AssertionError:
                continue
        return self.ended()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 1)
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self.raw += data.decode("utf-8", "replace")
        return bool(data)
