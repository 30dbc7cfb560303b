"""What a data dir holds, and whose it is.

One Upwell server holds a data dir, by a lock that the kernel frees. What we write there is for us alone and on disk
when the call returns; a folder that PostgreSQL works in is 0700 and belongs to the account that runs PostgreSQL.
"""

import fcntl
import os
import re
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from pwd import struct_passwd
from typing import IO
from urllib.parse import quote

from upwell.embedded import DataDirInUse, EmbeddedPostgresError

ROLE = DATABASE = "upwell"
PORT = 5432  # Names the socket file only; nothing listens on TCP.
SOCKET_PATH_MAX = 107  # bytes in sun_path, without its closing zero
SPOOL = "upwell_archive"  # in the cluster's folder; where it is there PostgreSQL hands its log over by it
LOGINS = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"  # by our socket alone
LOG_SIZE_MAX = 10 * 1024 * 1024  # bytes; a longer log is set aside at start


class Paths:
    """Where everything of one data dir lies."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir = data_dir.absolute()
        self.cluster = data_dir / "postgres"  # PostgreSQL's own folder
        self.log = data_dir / "postgres.log"
        self.password = data_dir / "postgres.password"
        self.socket_note = data_dir / "postgres.socket"  # names the folder of the socket, for who wants to connect
        self.programs_note = data_dir / "postgres.programs"  # names the copy of the programs, if one had to be made
        self.lock = data_dir / "upwell.lock"
        self.spool = self.cluster / SPOOL


def major_of(cluster: Path) -> int | None:
    """The major version of the PostgreSQL that made a cluster; None where there is none."""
    try:
        return int((cluster / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def make_data_dir(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise EmbeddedPostgresError(f"the data dir {data_dir} can't be made: {exc}") from exc


def take_lock(paths: Paths) -> int:
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


def make_private(folder: Path, account: struct_passwd | None) -> None:
    folder.mkdir(mode=0o700)
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)


def is_private(folder: Path, account: struct_passwd | None) -> bool:
    """True for a real folder, closed to all but the server's user."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    found = folder.stat()
    owner = account.pw_uid if account is not None else os.geteuid()
    return found.st_uid == owner and not found.st_mode & 0o077


def write_private(path: Path, text: str) -> None:
    """Replaces a file whole, readable by us alone, and on disk when this returns."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def write_logins(cluster: Path) -> None:
    """Who may log in, where an earlier program wrote it otherwise; on disk when this returns."""
    path = cluster / "pg_hba.conf"
    if path.read_text() == LOGINS:
        return
    owner, fresh = path.stat(), path.with_name("pg_hba.conf.new")
    fresh.write_text(LOGINS)
    os.chown(fresh, owner.st_uid, owner.st_gid)
    fresh.chmod(0o600)
    sync(fresh)
    fresh.replace(path)
    sync(cluster)


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def stored_password(path: Path) -> tuple[str, bool]:
    """The password of this data dir, and whether it was made just now."""
    if path.exists() and (password := path.read_text()):
        return password, False
    password = secrets.token_urlsafe(24)
    write_private(path, password)
    return password, True


def set_aside(log: Path) -> None:
    """Begins a new log when this one is long."""
    if log.exists() and log.stat().st_size > LOG_SIZE_MAX:
        log.replace(log.with_name("postgres.log.1"))


def open_log(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def log_tail(path: Path, start: int, most: int = 2000) -> str:
    """What the log says from that byte on, at most its last so many bytes."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(max(start, path.stat().st_size - most))
        return log.read().decode(errors="replace")


def remove_noted_folder(note: Path) -> None:
    """Removes a folder that we made outside of the data dir and noted there."""
    if note.exists():
        shutil.rmtree(note.read_text(), ignore_errors=True)
        note.unlink(missing_ok=True)


def _socket_file(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def socket_folder(paths: Paths, account: struct_passwd | None) -> Path:
    """A 0700 folder of the server's user: in the data dir, or a short temporary one where its path is too long or
    has characters that a DSN can't carry."""
    folder = paths.data_dir / "run"
    plain = re.fullmatch(r"[A-Za-z0-9/._~-]+", str(folder)) is not None
    if not plain or len(os.fsencode(_socket_file(folder))) > SOCKET_PATH_MAX:
        return _short_folder(paths, account)
    if not folder.exists():
        make_private(folder, account)
    if not is_private(folder, account):
        raise EmbeddedPostgresError(f"{folder} must be a folder of mode 0700 owned by the user that runs PostgreSQL")
    return folder


def _short_folder(paths: Paths, account: struct_passwd | None) -> Path:
    if paths.socket_note.exists() and is_private(noted := Path(paths.socket_note.read_text()), account):
        return noted
    folder = Path(tempfile.mkdtemp(prefix="upwell-", dir="/tmp"))
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def remove_short_folder(paths: Paths) -> None:
    """Removes the temporary folder of the socket, if that was made."""
    if paths.socket_note.exists() and not Path(paths.socket_note.read_text()).is_relative_to(paths.data_dir):
        remove_noted_folder(paths.socket_note)


def running_dsn(data_dir: Path) -> str | None:
    """The DSN of the live server of this data dir, or None when none accepts there. Needs the rights of the user
    that runs the Upwell server; raises EmbeddedPostgresError without them."""
    paths = Paths(data_dir)
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
    return dsn_of(folder, password)


def dsn_of(folder: Path, password: str) -> str:
    return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={quote(str(folder), safe='/')}&port={PORT}"
