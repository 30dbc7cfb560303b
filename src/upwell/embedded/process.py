"""PostgreSQL's programs as children of ours, and the end of a server.

A child ends when we end, even by kill -9. A leftover server of the same data dir is ended before a new one starts; a
foreign process is never signalled. By root, folders closed to the server's user stay closed: the child gets its own
as open directory handles and names them /proc/self/fd/N.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pwd import struct_passwd
from typing import IO

from upwell.embedded import EmbeddedPostgresError
from upwell.embedded.accounts import in_child, refuse_nameless
from upwell.embedded.files import PORT, open_log

FAST_STOP_S = 8.0  # SIGINT: sessions ended, checkpoint written
QUICK_STOP_S = 5.0  # SIGQUIT: no checkpoint; the next start replays the log
POLL_S = 0.01
MB = 1 << 20

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_wal_size": "1GB",
    "maintenance_work_mem": "64MB",
    "work_mem": "8MB",
    "jit": "off",  # our statements are short; compiling them costs more than it gives
    "autovacuum_naptime": "5s",  # a table that a job of a million devices filled just now is to be known as large
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs in `folder`, run by `account`; None is our own user."""

    folder: Path
    account: struct_passwd | None

    def serve(
        self, cluster: Path, sockets: Path, log: Path, connections: int, more: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """The server of a cluster, writing to `log`; it doesn't accept yet. `more` are settings of its own."""
        own = {
            "upwell.cluster": _marker(cluster),
            "shared_buffers": _shared_buffers(),
            "max_connections": str(connections),
            **(more or {}),
        }
        with self._handed(cluster, sockets) as (data, run), open_log(log) as output:
            command = ["postgres", "-D", data, "-h", "", "-k", run, "-p", str(PORT), *_options(own)]
            return self._spawn(command, [data, run], signal.SIGINT, stdin=subprocess.DEVNULL, output=output)

    async def initdb(self, cluster: Path, role: str) -> None:
        """Fills the empty folder `cluster`. Nobody can log in to it yet."""
        refuse_nameless(self.account)
        arguments = ["-U", role, "-k", "--no-locale", "-E", "UTF8", "--auth=reject"]
        with self._handed(cluster) as (data,):
            await self._run(["initdb", "-D", data, *arguments], data, cluster)

    async def tell(self, cluster: Path, statements: str) -> None:
        """Runs statements in single-user mode: no listener is ever open with a weaker rule."""
        with self._handed(cluster) as (data,):
            await self._run(["postgres", "--single", "-D", data, *_options({}), "postgres"], data, cluster, statements)

    async def _run(self, command: list[str], data: str, cluster: Path, text: str = "") -> None:
        """Runs a program to its end; raises what it said when it failed."""
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
            told.write(text.encode())
            told.seek(0)
            process = self._spawn(command, [data], signal.SIGKILL, stdin=told, output=said)
            try:
                while process.poll() is None:
                    await asyncio.sleep(POLL_S)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
            said.seek(0)
            output = said.read().decode(errors="replace")
        if process.returncode or "ERROR:" in output or "FATAL:" in output:
            problem = output[-2000:] if not text else re.sub(r"'[^']*'", "'…'", output[-2000:])
            raise EmbeddedPostgresError(f"{command[0]} failed on {cluster}: {problem.strip()}")

    def _spawn(
        self, command: list[str], spelled: list[str], death_signal: int, *, stdin: int | IO[bytes], output: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """A child in a session of its own (a terminal's Ctrl-C is ours to handle), with nothing of our environment."""
        return subprocess.Popen(
            [str(self.folder / command[0]), *command[1:]],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            umask=0o077,
            start_new_session=True,
            pass_fds=[int(name.rsplit("/", 1)[1]) for name in spelled if name.startswith("/proc/self/fd/")],
            preexec_fn=in_child(self.account, death_signal),
        )

    @contextlib.contextmanager
    def _handed(self, *folders: Path) -> Iterator[list[str]]:
        """The folders as the child may name them: by an open handle if it runs as another user, else by path."""
        if self.account is None or not Path("/proc/self/fd").is_dir():
            yield [str(folder) for folder in folders]
            return
        handles = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in folders]
        try:
            yield [f"/proc/self/fd/{handle}" for handle in handles]
        finally:
            for handle in handles:
                os.close(handle)


def _options(own: dict[str, str]) -> list[str]:
    return [part for name, value in {**SETTINGS, **own}.items() for part in ("-c", f"{name}={value}")]


def _shared_buffers() -> str:
    """An eighth of the memory, from 64 MB to 1 GB: what a fleet of a million devices is asked for fits into that. Pages
    that nobody touches take none."""
    return f"{min(max(memory_bytes() // 8 // MB, 64), 1024)}MB"


def memory_bytes(cgroups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> int:
    """The machine's memory, or less where the control groups that we run in say so, as those of a container do."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        lines = cgroups.read_text().splitlines()
    except OSError:  # none of Linux'
        return found
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if not kinds or "memory" in kinds.split(","):
            top, name = (mounted, "memory.max") if not kinds else (mounted / "memory", "memory.limit_in_bytes")
            group = top / path.lstrip("/")
            for folder in (group, *group.parents):
                if folder == top.parent:
                    break
                found = min(found, _limit(folder / name) or found)
    return found


def _limit(file: Path) -> int | None:
    """The bytes that a control group allows; None where it says nothing."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _marker(cluster: Path) -> str:
    """Stands on the server's command line and says whose it is; a copy of the folder has another inode."""
    found = cluster.stat()
    return f"{found.st_dev}-{found.st_ino}"


def command_line(pid: int) -> str:
    """The words of a living process; empty for one that is gone or a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    asked = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return asked.stdout.strip()


def _is_ours(pid: int, cluster: Path) -> bool:
    return f" upwell.cluster={_marker(cluster)} " in command_line(pid) + " "


async def end_leftover(cluster: Path) -> None:
    """Ends a server that a killed Upwell left on this cluster, and clears a pid file that names a process which is
    no PostgreSQL. A PostgreSQL that someone else started here is refused, not touched."""
    pid_file = cluster / "postmaster.pid"
    if not pid_file.exists():
        return
    first = pid_file.read_text().split("\n", 1)[0].strip()
    if not first.isdigit():
        return  # PostgreSQL itself says what is wrong with it
    pid = int(first)
    if _is_ours(pid, cluster):
        if not await end(pid, lambda: _is_ours(pid, cluster)):
            raise EmbeddedPostgresError(f"PostgreSQL process {pid} of {cluster} does not end; end it by hand")
        return
    if "postgres" in command_line(pid).split(" ", 1)[0] and not _works_elsewhere(pid, cluster):
        raise EmbeddedPostgresError(f"{cluster} is in use by PostgreSQL process {pid} that Upwell did not start")
    if _exists(pid):  # the number belongs to another program now, or to a zombie; PostgreSQL would refuse to start
        pid_file.unlink()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as exc:
        return isinstance(exc, PermissionError)
    return True


def _works_elsewhere(pid: int, cluster: Path) -> bool:
    """True when the kernel says that this server's folder is another one; PostgreSQL works inside its folder."""
    try:
        return not os.path.samefile(f"/proc/{pid}/cwd", cluster)
    except OSError:
        return False  # not to be seen: assume the worst


async def end(pid: int, alive: Callable[[], bool]) -> bool:
    """SIGINT, then SIGQUIT, then SIGKILL, each given its time. True when the process is gone."""
    for number, patience_s in (
        (signal.SIGINT, FAST_STOP_S),
        (signal.SIGQUIT, QUICK_STOP_S),
        (signal.SIGKILL, QUICK_STOP_S),
    ):
        if not alive():
            return True
        with contextlib.suppress(ProcessLookupError):  # it ended in between
            os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while alive() and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)
    return not alive()
