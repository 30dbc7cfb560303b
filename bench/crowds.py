"""A crowd's process, from outside (see crowd.py)."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Device = tuple[str, str, str]  # product key, name, secret


def addresses(net: int, count: int = 100) -> list[str]:
    """Loopback addresses of one net, as of a fleet behind many."""
    return [f"127.0.{net}.{n}" for n in range(1, count + 1)]


class CrowdProcess:
    """Devices that are logged in when this returns."""

    def __init__(self, port: int, devices: Sequence[Device], places: Sequence[str], host: str = "127.0.0.1") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.crowd"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.logins = self._ask({"host": host, "port": port, "devices": list(devices), "addresses": list(places)})

    def _ask(self, command: dict[str, Any]) -> dict[str, float]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the crowd ended with {self._process.wait()}")
        return dict(json.loads(answer))

    def begin(self, what: str, pause_s: float = 0.0) -> None:
        """Every device says it again and again, until `end`."""
        self._ask({"begin": what, "pause_s": pause_s})

    def end(self) -> dict[str, float]:
        """The figures of the span (`crowd.Span.figures`), when all is acknowledged."""
        return self._ask({"end": True})

    def log_in_again(self, at_once: int) -> dict[str, float]:
        """All hang up and log in; how fast."""
        return self._ask({"login": True, "at_once": at_once})

    def close(self) -> None:
        """Gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@contextmanager
def crowd(port: int, devices: Sequence[Device], places: Sequence[str]) -> Iterator[CrowdProcess]:
    """A crowd for the length of a `with`."""
    people = CrowdProcess(port, devices, places)
    try:
        yield people
    finally:
        people.close()


@contextmanager
def flood(kind: str, mqtt: int, http: int, address: str, device: Device) -> Iterator[dict[str, float]]:
    """A flood for the length of a `with` (see floods.py); afterwards the dict says what it did."""
    did: dict[str, float] = {}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.floods", kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"mqtt": mqtt, "http": http, "address": address, "device": device}) + "\n")
    process.stdin.flush()
    try:
        yield did
    finally:
        told, _ = process.communicate("\n", timeout=30)
        did.update(json.loads(told))
