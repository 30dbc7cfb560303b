"""Devices of Node, one process each: what one says is read line by line."""

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clients.bridge import HERE, STOP_S, environment

PROGRAM = HERE / "node-mqtt" / "device.js"
SAID_S = 40


class Device:
    """A running device; `told` is all that it said."""

    def __init__(self, process: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
        self._process, self._lines = process, lines
        self.told: list[dict[str, Any]] = []

    def until(self, what: str) -> dict[str, Any]:
        """What it says of that, once it does."""
        while not self.told or self.told[-1]["what"] != what:
            try:
                line = self._lines.get(timeout=SAID_S)
            except queue.Empty:
                raise AssertionError(f"no {what!r} in {SAID_S} s, after {self.told}") from None
            assert line, f"it ended before {what!r}, after {self.told}"
            self.told.append(json.loads(line))
        return self.told[-1]

    def end(self) -> None:
        """Let it disconnect. It must have nothing more to say."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(STOP_S) == 0
        assert self._lines.get(timeout=STOP_S) == "", "it said more"

    def said(self) -> list[str]:
        """The kinds of what it said, in order."""
        return [each["what"] for each in self.told]


@contextmanager
def running(given: dict[str, Any], log: Path, program: Path = PROGRAM, **more: str) -> Iterator[Device]:
    """A device that does what `given` says, with these more variables, ended at the end."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["node", program, json.dumps(given)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment() | more, text=True,
        )  # fmt: skip
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines))
    reader.start()
    try:
        yield Device(process, lines)
    finally:
        process.kill()
        process.wait(STOP_S)
        reader.join(STOP_S)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def _read(process: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")
