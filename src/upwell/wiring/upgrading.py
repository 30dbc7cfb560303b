"""A data dir of an earlier PostgreSQL, brought to the one of this installation.

The old cluster is dumped by the new programs and the dump restored into a new cluster beside it; only when that is on
disk the two change places, in one step of the file system. Until then the data dir is the old one: a kill at any
instant leaves either the old or the new. What was the old cluster is kept beside, until somebody removes it.
"""

import asyncio
import ctypes
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import asyncpg

from upwell.backup.manifest import BackupError
from upwell.backup.programs import Child, Tools
from upwell.embedded import EmbeddedPostgresError
from upwell.embedded.accounts import wheel_folder, wheel_major
from upwell.embedded.files import Paths, major_of, make_data_dir, sync, write_private
from upwell.embedded.process import end_leftover
from upwell.embedded.server import EmbeddedPostgres

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
COPIED = 1 << 20  # bytes of the dump at once


async def upgraded(data_dir: Path, programs: Path | None, tell: Callable[[str], None]) -> Path | None:
    """Where the old cluster is kept once the data dir is of this PostgreSQL; None where it was so already. `programs`
    has those of the old one. Raises EmbeddedPostgresError, and then the data dir is as it was."""
    paths = Paths(data_dir)
    beside = paths.data_dir / "upgrade.new"
    found, ours = major_of(paths.cluster), wheel_major()
    if found is None:
        raise EmbeddedPostgresError(f"the data dir {paths.data_dir} has no database")
    if found > ours:
        raise EmbeddedPostgresError(f"{paths.data_dir} is of PostgreSQL {found}, which is newer than {ours}")
    if found == ours:
        return _kept(paths, beside)  # killed between the change of places and the last name, or nothing to do
    if (kept := paths.data_dir / f"postgres.{found}").exists():
        raise EmbeddedPostgresError(f"{kept} is there, of an upgrade before: remove it first")
    if programs is None:
        raise EmbeddedPostgresError(
            f"give --programs, the folder of PostgreSQL {found}'s programs, such as /usr/lib/postgresql/{found}/bin"
        )
    await _copy(paths, beside, programs, tell)
    _exchange(Paths(beside).cluster, paths.cluster)
    sync(paths.data_dir)
    return _kept(paths, beside)


async def _copy(paths: Paths, beside: Path, programs: Path, tell: Callable[[str], None]) -> None:
    """A new cluster in `beside` with all that the old one has, both at rest."""
    old = EmbeddedPostgres(paths.data_dir, programs=programs)
    await old.start()
    try:
        await end_leftover(Paths(beside).cluster)
        _begin(beside, paths.password.read_text())
        new = EmbeddedPostgres(beside)
        await new.start()
        try:
            tools, dump = wheel_folder() / "pginstall" / "bin", beside / "dump"
            tell("dumping the database")
            await _done(Tools(tools, old.dsn).dump_to(dump))
            tell(f"restoring {dump.stat().st_size} bytes")
            await asyncio.to_thread(_poured, dump, Tools(tools, new.dsn).restore())
            conn = await asyncpg.connect(new.dsn)
            await conn.execute("analyze", timeout=3600)
            await conn.close()
            dump.unlink()
        finally:
            await new.stop()
    except BackupError as exc:
        raise EmbeddedPostgresError(exc.problem) from exc
    finally:
        await old.stop()
    await asyncio.to_thread(os.sync)


def _begin(beside: Path, password: str) -> None:
    shutil.rmtree(beside, ignore_errors=True)
    make_data_dir(beside)
    write_private(Paths(beside).password, password)


async def _done(child: Child) -> None:
    try:
        await asyncio.to_thread(child.end)
    finally:
        await asyncio.to_thread(child.stop)


def _poured(dump: Path, child: Child) -> None:
    try:
        with dump.open("rb") as file:
            while data := file.read(COPIED):
                child.write(data)
        child.end()
    finally:
        child.stop()


def _kept(paths: Paths, beside: Path) -> Path | None:
    """The old cluster under its last name."""
    old = Paths(beside).cluster
    major = major_of(old)
    if major is None or major == major_of(paths.cluster):
        return None
    kept = paths.data_dir / f"postgres.{major}"
    old.rename(kept)
    shutil.rmtree(beside)
    sync(paths.data_dir)
    return kept


def _exchange(one: Path, other: Path) -> None:
    """The two folders change places, in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE):
        problem = os.strerror(ctypes.get_errno())
        raise EmbeddedPostgresError(f"{one} and {other} can't change places: {problem}")
