"""A cluster made of a base and PostgreSQL's own log, as of a moment: what is restored is made aside, and named when it
is whole."""

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from subprocess import Popen

import asyncpg

from upwell.embedded import EmbeddedPostgresError
from upwell.embedded.accounts import hold_from_cleaners, server_account, usable_programs
from upwell.embedded.files import (
    SPOOL,
    Paths,
    dsn_of,
    log_tail,
    make_data_dir,
    make_private,
    remove_noted_folder,
    remove_short_folder,
    socket_folder,
    stored_password,
    sync,
    take_lock,
    write_private,
)
from upwell.embedded.process import POLL_S, Programs, end
from upwell.embedded.server import CONNECTIONS, password_statement

_LAST = re.compile(r"last completed transaction was at log time (\S+ \S+)")
POLL_MOST_S = 2.0  # of a log that takes long
SAID_BYTES_MAX = 64 * 1024
_TOO_SHORT = "recovery ended before configured recovery target was reached"
_SIGNAL = "recovery.signal"
_RECOVERY = {
    "restore_command": "false",  # all of the log lies in pg_wal already, where it is looked for next
    "recovery_target_action": "promote",
    "hot_standby": "off",  # so that it accepts nobody before it is done
    "archive_mode": "off",
}


class TooShort(EmbeddedPostgresError):
    """The log ends before the moment."""


async def recover(
    data_dir: Path, fill: Callable[[Path], Awaitable[None]], more: Callable[[Path], Awaitable[bool]],
    until: datetime | None, timeline: int,
) -> datetime | None:  # fmt: skip
    """Make the cluster of a data dir that has none: `fill` puts the files of a base and its log into a folder, `more`
    more of the log and says whether there was any; of the log `timeline` is gone through. When the last commit was that
    is in it. Raises TooShort, EmbeddedPostgresError; then there is no cluster."""
    make_data_dir(data_dir)
    paths = Paths(data_dir)
    lock = take_lock(paths)
    try:
        if paths.cluster.exists():
            raise EmbeddedPostgresError(f"the data dir {data_dir} has a database; give one that has none")
        remove_noted_folder(paths.programs_note)
        account = server_account(paths)
        programs = Programs(usable_programs(account, paths), account)
        hold, new = hold_from_cleaners(programs.folder), paths.data_dir / f"postgres.new-{secrets.token_hex(4)}"
        make_private(new, account)
        try:
            return await _made(programs, paths, new, fill, more, until, timeline)
        finally:
            shutil.rmtree(new, ignore_errors=True)  # it has another name when it is whole
            remove_noted_folder(paths.programs_note)
            remove_short_folder(paths)
            if hold is not None:
                os.close(hold)
    finally:
        os.close(lock)


async def _made(
    programs: Programs, paths: Paths, new: Path, fill: Callable[[Path], Awaitable[None]],
    more: Callable[[Path], Awaitable[bool]], until: datetime | None, timeline: int,
) -> datetime | None:  # fmt: skip
    await fill(new)
    shutil.rmtree(new / SPOOL, ignore_errors=True)  # of the server that the base is of
    (new / _SIGNAL).touch(mode=0o600)
    options = _RECOVERY | {"recovery_target_timeline": str(timeline)}
    options |= {} if until is None else {"recovery_target_time": until.isoformat()}
    while True:
        await asyncio.to_thread(_hand, new, programs)
        said = await _run(programs, paths, new, options)
        if _TOO_SHORT not in said:
            break
        if not await more(new):
            found = _LAST.search(said)
            last = f": the last commit in it is of {found[1]}" if found else ""
            raise TooShort(f"the archive has nothing as late as {until}{last}; leave --until out to restore all of it")
    if (new / _SIGNAL).exists():
        raise EmbeddedPostgresError(f"PostgreSQL can't make the database of the archive: {said.strip()[-1000:]}")
    password, _ = stored_password(paths.password)
    await programs.tell(new, password_statement(password))
    await asyncio.to_thread(_name, new, paths)
    found = _LAST.search(said)
    return datetime.fromisoformat(found[1]) if found else None


def _name(new: Path, paths: Paths) -> None:
    sync(new)
    new.rename(paths.cluster)
    sync(paths.data_dir)


def _hand(folder: Path, programs: Programs) -> None:
    """All of it to the account that runs PostgreSQL."""
    if programs.account is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, programs.account.pw_uid, programs.account.pw_gid, follow_symlinks=False)


async def _run(programs: Programs, paths: Paths, cluster: Path, options: dict[str, str]) -> str:
    """Have PostgreSQL go through the log until it is done or gives up; what it said."""
    folder = socket_folder(paths, programs.account)
    write_private(paths.socket_note, str(folder))
    log_from = paths.log.stat().st_size if paths.log.exists() else 0
    process = programs.serve(cluster, folder, paths.log, CONNECTIONS, options)
    try:
        await _accepting(process, dsn_of(folder, secrets.token_urlsafe(8)))
    finally:
        await end(process.pid, lambda: process.poll() is None)
        process.wait()
    return log_tail(paths.log, log_from, SAID_BYTES_MAX)


async def _accepting(process: Popen[bytes], dsn: str) -> None:
    """Returns when it asks for a password, which nobody has yet, or ended."""
    pause_s = POLL_S
    while process.poll() is None:
        with suppress(OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
            try:
                await (await asyncpg.connect(dsn, timeout=5)).close()
                return
            except asyncpg.InvalidPasswordError:
                return
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, POLL_MOST_S)
