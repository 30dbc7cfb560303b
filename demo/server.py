"""The demo's server: `upwell serve` on a fresh folder, ended however the demo ends."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo.driver import DemoError

STOP_TIMEOUT_S = 60.0
POLL_S = 0.5
REMOVE_TRIES = 20
LOG_TAIL_LINES = 30


@dataclass(slots=True)
class Server:
    """`upwell serve` as a child process. Its first admin key is this one; or, `by_token`, the token that it prints."""

    folder: Path
    by_token: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)  # by their names in the environment, without UPWELL_
    token: str = field(default="", repr=False)
    key_id: str = field(default_factory=lambda: f"demo{secrets.token_hex(6)}")
    key_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    console: str = ""  # the link by which its first user is made, where it is by token
    http: str = ""
    mqtt: str = ""

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def log_tail(self) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def environment(self) -> dict[str, str]:
        """Ours without any setting of another Upwell."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("UPWELL_")}
        own = {"CONFIG": os.devnull, "ALLOW_PRIVATE_PUSH": "true", **self.settings}
        if not self.by_token:
            own["BOOTSTRAP_KEY"] = f"{self.key_id}:{self.key_secret}"
        return kept | {f"UPWELL_{name}": value for name, value in own.items()}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """From its ready line to its end by SIGTERM."""
        options = {"data-dir": str(self.folder / "data")} | dict.fromkeys(("http", "mqtt", "download"), "127.0.0.1:0")
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with self.log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("upwell")), "serve", *arguments,
                stdout=asyncio.subprocess.PIPE, stderr=log, env=self.environment(),
            )  # fmt: skip
        try:
            await self._ready(process)
            yield
        finally:
            await _end(process)

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise DemoError("the server has no stdout")
        async for line in process.stdout:
            words = line.decode(errors="replace").split()
            if words[:2] == ["upwell", "ready"]:
                at = dict(word.split("=", 1) for word in words[2:])
                self.http, self.mqtt = at["http"], at["mqtt"]
                if self.by_token:  # the lines behind it
                    self.token, self.console = [
                        (await process.stdout.readline()).decode(errors="replace").split()[-1] for _ in range(2)
                    ]
                return
        raise DemoError(f"the server ended with code {await process.wait()} before it was ready")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise DemoError(f"the server did not end within {STOP_TIMEOUT_S:.0f} s of SIGTERM") from None


def make_folder() -> Path:
    """Ours alone, but root's must let the database's unprivileged user through."""
    folder = Path(tempfile.mkdtemp(prefix="upwell-demo-", dir="/tmp"))  # A short path: it holds a unix socket.
    if os.geteuid() == 0:
        folder.chmod(0o711)
    return folder


def remove(folder: Path) -> None:
    """Patient with the database of a server that died: it still writes until it sees that its files are gone."""
    for _ in range(REMOVE_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(POLL_S)
    print(f"demo: {folder} could not be removed", file=sys.stderr)
