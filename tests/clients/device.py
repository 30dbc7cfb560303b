"""A device of another language's client, one process each: what it says is read line by line."""

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clients.bridge import HERE, STOP_S, environment, java

PROGRAMS: dict[str, list[str | Path]] = {
    "node-mqtt": ["node", HERE / "node-mqtt" / "device.js"],
    "node-alibaba-device": ["node", HERE / "node-alibaba-device" / "device.js"],
    "java-huawei-device": java("java-huawei-device"),
}
SAID_S = 40


class Device:
    """A running device; `told` is all that it said."""

    def __init__(self, process: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
        self._process, self._lines = process, lines
        self.told: list[dict[str, Any]] = []

    def until(self, what: str) -> dict[str, Any]:
        """What it says of that, once it does."""
        while not self.told or self.told[-1]["what"] != what:
            self._hear(repr(what))
        return self.told[-1]

    def _hear(self, what: str) -> None:
        """The next line that it says, on the way to what is waited for."""
        try:
            line = self._lines.get(timeout=SAID_S)
        except queue.Empty:
            raise AssertionError(f"no {what} in {SAID_S} s, after {self.told}") from None
        assert line, f"it ended before {what}, after {self.told}"
        self.told.append(json.loads(line))

    def found(self, what: str, nth: int = 0, **members: Any) -> dict[str, Any]:
        """What it says so for the nth time, counted from 0, with these members; whatever else it says meanwhile."""
        while len(fits := [each for each in self.told if each.items() >= ({"what": what} | members).items()]) <= nth:
            self._hear(f"{what!r} {members}")
        return fits[nth]

    def ask(self, call: str, **more: Any) -> None:
        """Have it do that."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": call} | more) + "\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Let it disconnect. It must have nothing more to say."""
        count = len(self.told)
        self.ended()
        assert len(self.told) == count, "it said more"

    def ended(self) -> None:
        """Let it disconnect, whatever it still says until then."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(STOP_S) == 0
        while line := self._lines.get(timeout=STOP_S):
            self.told.append(json.loads(line))

    def said(self) -> list[str]:
        """The kinds of what it said, in order."""
        return [each["what"] for each in self.told]


@contextmanager
def running(program: str, given: dict[str, Any], log: Path, **more: str) -> Iterator[Device]:
    """A device that does what `given` says, with these more variables, ended at the end."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*PROGRAMS[program], json.dumps(given)],
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
