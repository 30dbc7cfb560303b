"""`upwell migrate`: the schema, brought to this program's or only looked at."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from upwell import __version__
from upwell.cli.apps import alone
from upwell.cli.described import described
from upwell.cli.exits import Ended, Exit
from upwell.cli.settings import Option, on_database, settings_of
from upwell.storage import migrating, plans
from upwell.storage.database import Database
from upwell.storage.steps import Step, newest_version

WORDS = {
    "everybody": "nobody can read or write", "writers": "nobody can write", "rows": "some rows are held",
    "at once": "for a moment", "reads all rows": "while all its rows are read", "writes rows": "while they are written",
    "rewrites all rows": "while all its rows are written anew",
}  # fmt: skip
HOWS = {
    "whole": "in one transaction", "chunked": "in chunks, while everybody reads and writes",
    "concurrently": "beside whoever reads and writes",
}  # fmt: skip


@alone(
    "migrate",
    "upwell migrate --data-dir ./upwell-data",
    "upwell migrate --check --database-url postgresql://…",
    "upwell migrate --plan",
)
@described
def migrate(
    data_dir: Option = None, database_url: Option = None,
    check: Annotated[
        bool, typer.Option("--check", help="change nothing; exit code 0: this program serves it; 1: it is behind")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="change nothing; say what would be done, and what it holds")
    ] = False,
    nodes_are_dead: Annotated[
        bool, typer.Option("--nodes-are-dead", help="whatever node stands in the way is dead; its sessions are ended")
    ] = False,
) -> None:  # fmt: skip
    """Bring the database's schema to this program's version, as `serve` does at its start.

    It goes on where it was, if it was killed. It waits for no lock in front of others, and is refused while nodes live
    whose program could not serve what comes of it; --check and --plan only look."""
    if check + plan + nodes_are_dead > 1:
        raise Ended(Exit.USAGE, "upwell: --check, --plan and --nodes-are-dead are three different things; give one")
    settings = settings_of({"data_dir": data_dir, "database_url": database_url})
    if check:
        version, todo = on_database(settings, _look)
        print(_stands(version, todo))
        if todo:
            raise typer.Exit(Exit.FAILED)
    elif plan:
        for line in on_database(settings, _planned):
            print(line)
    else:

        async def run(database: Database) -> int:
            return await migrating.migrate(database, nodes_are_dead=nodes_are_dead)

        print(f"the schema has version {on_database(settings, run)}")


async def _look(database: Database) -> tuple[int, list[Step]]:
    state = await migrating.state_of(database)
    return migrating.known(state), migrating.lacking(state)


def _stands(version: int, todo: Sequence[Step]) -> str:
    newest, program = newest_version(), f"this program, upwell {__version__},"
    has = f"the schema has version {version}"
    if todo:
        return f"{has}, and {program} needs {newest}: steps to do: {len(todo)}"
    if version > newest:
        return f"{has}; {program} serves it: what came after {newest} leaves it what it uses"
    return f"{has}, which is this program's"


async def _planned(database: Database) -> list[str]:
    version, todo = await _look(database)
    tables = {hold.table for step in todo for doing in plans.doings(step) for hold in doing.holds}
    rows = await migrating.rows_of(database, tables)
    lives = await migrating.in_the_way(database, todo)
    told = [_stands(version, todo), *(line for step in todo for line in _step(step, rows))]
    if todo:
        told.append(
            f"each waits {migrating.LOCK_WAIT_MS} ms for a lock at most, then lets others pass and tries again, for "
            f"{migrating.LOCK_WITHIN_S:.0f} s; a statement may take {migrating.MIGRATE_WITHIN_S:.0f} s"
        )
    return told + [f"to be stopped before: {each}" for each in lives]


def _step(step: Step, rows: dict[str, int]) -> Iterator[str]:
    mark = "only adds" if step.only_adds else f"is for programs that know step {step.needs}"
    yield f"step {step.version:04} {mark}"
    for doing in plans.doings(step):
        yield f"  {HOWS[doing.how]}"
        for hold in doing.holds:
            if rows.get(hold.table):  # one without rows is done at once, and nobody waits for it
                yield f"    {hold.table}, about {rows[hold.table]} rows: {WORDS[hold.takes]} {WORDS[hold.lasts]}"
