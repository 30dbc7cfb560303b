"""A program in another language that calls its vendor's SDK: one JSON line in, one JSON line out.

The program knows no rules and expects nothing: it fills the SDK's own request, calls the SDK's own method and writes
the SDK's own typed answer. What was sent and what must come is known here.
"""

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
BUILT = HERE / ".built"


def java(name: str) -> list[str | Path]:
    """What runs a program of Java, which is started quickly and lives shortly."""
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{BUILT}/{name}/classes:{BUILT}/{name}/lib/*", "Main"]


COMMANDS: dict[str, list[str | Path]] = {
    "go-alibaba": [BUILT / "go-alibaba"],
    "go-huawei": [BUILT / "go-huawei"],
    "java-alibaba": java("java-alibaba"),
    "java-huawei": java("java-huawei"),
    "node-alibaba": ["node", HERE / "node-alibaba" / "main.js"],
    "node-tuya": ["node", HERE / "node-tuya" / "main.js"],
}
KEPT = ("PATH", "HOME")  # no proxy that the environment names stands between SDK and server
STOP_S = 10


# Java may be missing where Go and Node are there: `make test-clients` says so, and has built no program of it.
JAVA = pytest.mark.skipif(not list(BUILT.glob("java-*/.ready")), reason="no program of Java is built")


class Unreadable(AssertionError):
    """The SDK could not send what it was given, or not read the answer."""


class Bridge:
    """One running program. Its calls are made one at a time, from whatever thread."""

    def __init__(self, name: str) -> None:
        self._name, self._turn = name, threading.Lock()
        self._process = subprocess.Popen(
            COMMANDS[name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True
        )

    def ask(self, call: str, **more: Any) -> dict[str, Any]:
        """The program's answer: `held` or `refused`. Raises Unreadable."""
        with self._turn:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(json.dumps({"call": call} | more) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, f"{self._name} ended with {self._process.wait(STOP_S)}"
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Unreadable(f"{self._name} {call} {more.get('given')}: {answer['error']}")
        return answer

    def operations(self) -> set[str]:
        """The operations that the program can call."""
        return set(self.ask("operations")["held"])

    def close(self) -> None:
        """End the program."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(STOP_S)


def environment() -> dict[str, str]:
    """What a program is told of ours."""
    return {name: os.environ[name] for name in KEPT if name in os.environ}
