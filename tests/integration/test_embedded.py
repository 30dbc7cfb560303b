"""The embedded PostgreSQL against real kills: nothing committed is lost, nobody else gets in, nothing is left."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from scratch import scratch
from upwell.backup.spool import full_at
from upwell.backup.wal import NAME
from upwell.embedded import DataDirInUse, EmbeddedPostgresError, accounts, files, process
from upwell.embedded.files import running_dsn
from upwell.embedded.server import EmbeddedPostgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone changes users")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")

# A parent that holds a server until it is killed; with an argument it becomes that user first.
HOLDER = """
import asyncio, os, sys
from pathlib import Path
from upwell.embedded.server import EmbeddedPostgres
if len(sys.argv) > 2:
    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def alive(pid: int) -> bool:
    """A zombie that nobody reaps is dead."""
    return process.command_line(pid) != ""


HANGS_S = 30.0  # a test that is not done by then hangs; how fast things are is measured in bench


async def until_dead(pid: int, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still lives after {limit_s} s"
        await asyncio.sleep(0.02)


async def query(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def start_holder(data_dir: Path, *user: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir), *user],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])},
    )


def hold(data_dir: Path, *user: str) -> tuple[subprocess.Popen[str], int]:
    holder = start_holder(data_dir, *user)
    assert holder.stdout is not None
    return holder, int(holder.stdout.readline())


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Below a folder closed to everybody else, as root's home is."""
    folder = scratch("upwell-test-")
    folder.chmod(0o700)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)  # children of a killed initdb may still write


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data_dir)
    await server.start()
    yield server
    await server.stop()


async def test_starts_serves_and_stops_twice(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    for _ in range(2):
        await asyncio.wait_for(server.start(), HANGS_S)
        assert await query(server.dsn, "select current_database() || current_user") == "upwellupwell"
        assert running_dsn(data_dir) == server.dsn
        await server.stop()
        assert not alive(server.pid)
        assert running_dsn(data_dir) is None
    await server.stop()


async def test_settings_that_make_commits_last(server: EmbeddedPostgres) -> None:
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "lc_collate": None,
    }
    for name, value in expected.items():
        if value is not None:
            assert await query(server.dsn, f"select current_setting('{name}')") == value, name
    assert await query(server.dsn, "select datcollate from pg_database where datname = 'upwell'") == "C"


async def test_a_wrong_password_is_refused_and_no_rule_trusts(server: EmbeddedPostgres, data_dir: Path) -> None:
    password = (data_dir / "postgres.password").read_text()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(server.dsn.replace(password, "wrong"), "select 1")
    rules = await query(
        server.dsn, "select string_agg(distinct type || ' ' || auth_method, ',') from pg_hba_file_rules"
    )
    assert rules == "local scram-sha-256"
    assert await query(server.dsn, "select rolpassword from pg_authid where rolname = 'upwell'") != password


async def test_folders_are_closed_and_existing_ones_not_loosened(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    server = EmbeddedPostgres(data_dir)
    await server.start()
    try:
        assert mode(data_dir) == mode(data_dir.parent) == 0o700
        assert mode(data_dir / "postgres") == mode(data_dir / "run") == 0o700
        for name in ("postgres.password", "postgres.log", "postgres.socket", "upwell.lock"):
            assert mode(data_dir / name) == 0o600, name
    finally:
        await server.stop()


@as_root
async def test_root_starts_it_as_another_user(server: EmbeddedPostgres, data_dir: Path) -> None:
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    assert (data_dir / "postgres").stat().st_uid != 0


@as_root
async def test_root_keeps_the_owner_of_the_data_dir(data_dir: Path) -> None:
    owner = pwd.getpwnam("daemon").pw_uid
    data_dir.mkdir(mode=0o700)
    os.chown(data_dir, owner, -1)
    server = EmbeddedPostgres(data_dir)
    await server.start()
    assert Path(f"/proc/{server.pid}").stat().st_uid == owner
    await server.stop()


@as_root
async def test_root_with_the_wheel_in_a_closed_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = data_dir.parent / "closed"
    closed.mkdir(mode=0o700)
    wheel = accounts.wheel_folder()
    for part in (wheel, wheel.with_name(wheel.name + ".libs")):
        if part.is_dir():
            shutil.copytree(part, closed / part.name)
    monkeypatch.setattr(accounts, "wheel_folder", lambda: closed / wheel.name)
    server = EmbeddedPostgres(data_dir)
    await server.start()
    assert await query(server.dsn, "select 1") == 1
    copy = Path((data_dir / "postgres.programs").read_text())
    assert copy.is_dir()
    await server.stop()
    assert not copy.exists()
    assert mode(closed) == 0o700


@as_root
async def test_an_ordinary_user_runs_it_as_itself() -> None:
    user = pwd.getpwnam("nobody")
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in Path(files.__file__).parents):
        pytest.skip(
            "this checkout lies in a folder that is closed to other users, who could not have installed it there"
        )
    folder = scratch("upwell-test-")
    os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        holder, pid = hold(folder / "data", str(user.pw_uid))
        assert await query(running_dsn(folder / "data") or "", "select 1") == 1
        holder.kill()
        holder.communicate()
        await until_dead(pid, 5)
    finally:
        shutil.rmtree(folder)


@as_root
def test_a_user_without_a_name_is_told_what_to_do() -> None:
    """As in a container that runs as any number; what is there already starts all the same."""
    code = "import os; os.setuid(54321); from upwell.embedded import accounts; accounts.refuse_nameless(None)"
    with pytest.raises(KeyError):
        pwd.getpwuid(54321)
    done = subprocess.run(
        [sys.executable, "-c", f"import upwell.embedded.accounts; {code}"], capture_output=True, text=True, check=False
    )
    assert "54321 has none in /etc/passwd: start as a user of this machine, or set a database URL" in done.stderr


@pytest.mark.parametrize("name", ["long-" + "x" * 120, "a b,c%d:é"])
async def test_a_path_unfit_for_a_socket_gets_a_short_private_folder(data_dir: Path, name: str) -> None:
    odd = data_dir / name
    server = EmbeddedPostgres(odd)
    await server.start()
    folder = Path((odd / "postgres.socket").read_text())
    try:
        assert not folder.is_relative_to(odd)
        assert mode(folder) == 0o700
        assert await query(running_dsn(odd) or "", "select 1") == 1
    finally:
        await server.stop()
    again = EmbeddedPostgres(odd)
    await again.start()
    await again.stop()
    assert not folder.exists()
    assert not list(Path("/tmp").glob(f"{folder.name}*"))


async def test_a_second_server_is_refused_by_name(server: EmbeddedPostgres, data_dir: Path) -> None:
    with pytest.raises(DataDirInUse) as caught:
        await EmbeddedPostgres(data_dir).start()
    assert str(data_dir) in str(caught.value)
    assert str(os.getpid()) in str(caught.value)
    assert await query(server.dsn, "select 1") == 1


async def test_kill_9_of_postgres_loses_no_committed_row(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    await server.start()
    await query(server.dsn, "create table kept (n int primary key)")
    total = 0
    for _ in range(4):
        connection = await asyncpg.connect(server.dsn)
        writer = asyncio.create_task(write(connection, total))
        await asyncio.sleep(0.3)
        os.kill(server.pid, signal.SIGKILL)
        total = await writer
        assert await server.ended() == -signal.SIGKILL
        await server.stop()
        began = time.monotonic()
        await server.start()
        assert time.monotonic() - began < HANGS_S
        count = await query(server.dsn, "select count(*) from kept")
        assert isinstance(count, int)
        assert count in (total, total + 1)  # the last one may be committed and its answer lost
        total = count
    await server.stop()
    assert total > 20


async def write(connection: asyncpg.Connection, start: int) -> int:
    """Commits row after row until the server is gone; the number of rows acknowledged."""
    rows = start
    try:
        while True:
            await connection.execute("insert into kept values ($1)", rows)
            rows += 1
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        connection.terminate()  # the kill under test
    return rows


@on_linux
async def test_kill_9_of_the_parent_ends_the_server(data_dir: Path) -> None:
    holder, pid = hold(data_dir)
    dsn = running_dsn(data_dir)
    assert dsn is not None
    await query(dsn, "create table kept as select 7 as n")
    holder.kill()
    holder.communicate()
    await until_dead(pid, 5)
    server = EmbeddedPostgres(data_dir)
    await server.start()
    assert await query(server.dsn, "select n from kept") == 7
    await server.stop()


async def test_a_leftover_server_is_ended_before_the_next_start(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "PR_SET_PDEATHSIG", 2)  # PR_GET_PDEATHSIG: this one outlives its parent
    lost = EmbeddedPostgres(data_dir)
    await lost.start()
    assert lost._lock is not None
    os.close(lost._lock)  # as the kernel does for a killed parent
    assert lost._process is not None
    reaper = asyncio.create_task(asyncio.to_thread(lost._process.wait))
    monkeypatch.undo()
    server = EmbeddedPostgres(data_dir)
    began = time.monotonic()
    await server.start()
    assert time.monotonic() - began < HANGS_S
    assert server.pid != lost.pid
    await reaper
    assert await query(server.dsn, "select 1") == 1
    await server.stop()


async def test_a_pid_file_that_names_another_program_does_no_harm(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    await server.start()
    pid_file = data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    os.kill(server.pid, signal.SIGKILL)
    await server.ended()
    await server.stop()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]))
        await server.start()
        assert bystander.poll() is None
        bystander.kill()
    await server.stop()


async def test_a_half_made_cluster_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new-1" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(data_dir)
    await server.start()
    assert not list(data_dir.glob("postgres.new*"))
    await server.stop()


@pytest.mark.parametrize("after_s", [0.5, *(pytest.param(each, marks=pytest.mark.slow) for each in (0.3, 0.7, 0.9))])
async def test_kill_9_of_the_parent_during_the_first_start(data_dir: Path, after_s: float) -> None:
    holder = start_holder(data_dir)
    await asyncio.sleep(after_s)
    holder.kill()
    holder.communicate()
    server = EmbeddedPostgres(data_dir)
    await server.start()
    assert await query(server.dsn, "select 1") == 1
    await server.stop()


async def test_a_lost_password_is_replaced(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    await server.start()
    before = server.dsn
    await server.stop()
    (data_dir / "postgres.password").unlink()
    await server.start()
    assert server.dsn != before
    assert await query(server.dsn, "select 1") == 1
    await server.stop()


async def test_a_failed_start_says_why_and_frees_the_data_dir(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    await server.start()
    await server.stop()
    control = data_dir / "postgres" / "global" / "pg_control"
    aside = control.rename(control.with_name("aside"))
    with pytest.raises(EmbeddedPostgresError, match="pg_control"):
        await server.start()
    aside.rename(control)
    await server.start()
    await server.stop()


async def test_a_long_log_is_set_aside(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOG_SIZE_MAX", 10)
    server = EmbeddedPostgres(data_dir)
    for _ in range(2):
        await server.start()
        await server.stop()
    assert (data_dir / "postgres.log.1").stat().st_size > 10
    assert mode(data_dir / "postgres.log") == 0o600


@on_linux
async def test_memory_of_an_idle_server_is_modest(server: EmbeddedPostgres) -> None:
    """Proportional memory where the kernel shows it; what stands under 250 MB leaves room for our own process."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    total_kb = 0
    for pid in [str(server.pid), *children]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the session of the login just ended
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    assert 0 < total_kb < 120 * 1024


async def handed_over_soon(server: EmbeddedPostgres, data_dir: Path) -> None:
    spool, end = files.Paths(data_dir).spool, time.monotonic() + 60
    before = set(spool.iterdir())
    conn = await asyncpg.connect(server.dsn)
    await conn.execute("drop table if exists written; create table written (word text)")
    await conn.close()
    while not (new := {path for path in set(spool.iterdir()) - before if NAME.fullmatch(path.name)}):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    for path in new:
        full = full_at(files.Paths(data_dir).cluster, path.name)
        assert full is not None and full.timestamp() <= path.stat().st_mtime, "it was full before it was copied"


async def test_each_start_hands_the_log_over_when_it_is_old(data_dir: Path) -> None:
    """PostgreSQL alone does not for five minutes after a start, unless it has a checkpoint to make meanwhile."""
    server = EmbeddedPostgres(data_dir, hands_over=True, archive_timeout_s=1)
    for _ in range(2):
        await server.start()
        await handed_over_soon(server, data_dir)
        await server.stop()
    await server.start()
    os.kill(server.pid, signal.SIGKILL)
    await server.ended()
    await server.restart()
    await handed_over_soon(server, data_dir)
    await server.stop()
